#include "cli/command.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/commands.h"

static const struct option globals[] = {
    { "output", 'o', "FORMAT", "table (the default), json, yaml, csv or name" },
    { "socket", 0, "PATH", "the control socket to talk to" },
    { "state", 0, "DIR", "the state directory of the roost to talk to" },
    { "help", 'h', NULL, "what a command does" },
    { "version", 'V', NULL, "the version" },
    { NULL, 0, NULL, NULL },
};

static const struct option apply_options[] = {
    { "file", 'f', "FILE", "the fleet file; - is the standard input" },
    { "dry-run", 'n', NULL, "show the plan and change nothing" },
    { "prune", 0, NULL, "also remove what the file does not have; instances go into the trash" },
    { "destroy-disks", 0, NULL, "with --prune: for good and at once, in place of the trash" },
    { "yes", 'y', NULL, "do not ask what --prune may remove" },
    { NULL, 0, NULL, NULL },
};
/* Of instances that are many (cli/select.h). */
#define SELECT_OPTIONS                                                                             \
    { "group", 'g', "GROUP", "those of a group" },                                                 \
        { "state", 's', "STATE", "those in a state, such as homed or overdue" }
#define SELECT_ALL { "all", 'a', NULL, "every instance" }
#define SELECT_YES { "yes", 'y', NULL, "do not ask" }

static const struct option instance_list_options[] = {
    SELECT_OPTIONS,
    { "sort", 0, "KEY", "by name (the default), state, since, address, image, …; -KEY downwards" },
    { "columns", 0, "KEYS", "which ones, such as name,state,address" },
    { NULL, 0, NULL, NULL },
};
/* Of those that launch guests. */
#define START_ANYWAY                                                                               \
    { "force", 0, NULL, "also when the guests' memory would be more than the host has" }
#define START_WAIT                                                                                 \
    { "wait", 'w', NULL, "until they are home too" },                                              \
        { "no-wait", 0, NULL, "end as soon as it has begun" },                                     \
        { "timeout", 0, "TIME", "how long to wait at most, such as 90s or 5m (the default)" }
static const struct option start_options[] = {
    START_ANYWAY,
    START_WAIT,
    SELECT_OPTIONS,
    SELECT_ALL,
    { NULL, 0, NULL, NULL },
};
static const struct option rebuild_options[] = {
    START_ANYWAY,
    START_WAIT,
    SELECT_OPTIONS,
    SELECT_ALL,
    SELECT_YES,
    { NULL, 0, NULL, NULL },
};
static const struct option insert_options[] = {
    { "force", 0, NULL, "though the guest holds what is in the drive" },
    { NULL, 0, NULL, NULL },
};
static const struct option eject_options[] = {
    { "force", 0, NULL, "though the guest holds what is in the drive" },
    SELECT_OPTIONS,
    { NULL, 0, NULL, NULL },
};
static const struct option stop_options[] = {
    { "force", 0, NULL, "kill the guest at once" },
    { "no-wait", 0, NULL, "end as soon as it has begun" },
    SELECT_OPTIONS,
    { "all", 'a', NULL, "every instance that runs" },
    { NULL, 0, NULL, NULL },
};
static const struct option remove_options[] = {
    { "force", 0, NULL, "also when it runs" },
    { "destroy-disks", 0, NULL, "for good and at once, in place of the trash" },
    { "dry-run", 'n', NULL, "show which it would be and change nothing" },
    SELECT_OPTIONS,
    SELECT_ALL,
    SELECT_YES,
    { NULL, 0, NULL, NULL },
};
static const struct option trash_restore_options[] = {
    { "as", 0, "NAME", "under another name" },
    { NULL, 0, NULL, NULL },
};
static const struct option trash_empty_options[] = {
    { "all", 'a', NULL, "all that is in it" },
    SELECT_YES,
    { NULL, 0, NULL, NULL },
};
static const struct option wait_options[] = {
    SELECT_OPTIONS,
    SELECT_ALL,
    { "for", 0, "STATE", "launched, seeded, homed (the default), configured or stopped" },
    { "timeout", 0, "TIME", "how long at most, such as 90s or 5m (the default)" },
    { "overdue", 0, NULL, "end as soon as one of them is overdue" },
    { "quiet", 'q', NULL, "say nothing on the way" },
    { NULL, 0, NULL, NULL },
};
static const struct option events_options[] = {
    { "follow", 'F', NULL, "go on with what happens" },
    { "limit", 0, "N", "how many at most (20)" },
    { NULL, 0, NULL, NULL },
};
static const struct option console_options[] = {
    { "log", 0, NULL, "only print the last lines" },
    { "lines", 0, "N", "how many of them (20, with --log 100)" },
    { "escape", 'e', "KEY", "the key that leaves: ^A to ^Z, ^] (the default) and the like, or none" },
    { "watch", 0, NULL, "only watch: nothing that is typed reaches the guest" },
    { NULL, 0, NULL, NULL },
};
static const struct option ssh_options[] = {
    { "identity", 'i', "FILE", "the private key" },
    { "login", 'l', "USER", "log in as somebody else" },
    { NULL, 0, NULL, NULL },
};
static const struct option instance_export_options[] = {
    { "for", 0, "SYSTEM", "linux (the default), that is this host, or mac" },
    { "file", 'f', "FILE", "write it there; - is the standard output (the default)" },
    { "bundle", 0, "FILE", "in place of a script: the stopped guest itself, for roost instance import" },
    { "no-image", 0, NULL, "a bundle without the image that its disk stands on, which is there already" },
    { "force", 0, NULL, "in place of a file that is there" },
    { NULL, 0, NULL, NULL },
};
static const struct option instance_import_options[] = {
    { "as", 0, "NAME", "its name here; the guest's own host name stays" },
    { "network", 0, "NETWORK", "its network here, where the one of that name is not meant" },
    { "no-wait", 0, NULL, "end as soon as it has begun" },
    { "quiet", 'q', NULL, "say nothing on the way" },
    { NULL, 0, NULL, NULL },
};
static const struct option cp_options[] = {
    { "recursive", 'r', NULL, "directories with all that is in them" },
    { "preserve", 'p', NULL, "with their times and modes" },
    { "identity", 'i', "FILE", "the private key" },
    { "login", 'l', "USER", "log in as somebody else" },
    { NULL, 0, NULL, NULL },
};
#define MACHINE_OPTIONS                                                                            \
    { "cpu", 0, "CPU", "model, and features: host, max,+avx2,-svm" },                              \
    { "machine", 0, "TYPE", "q35 (the default), pc or virt, or of a version: pc-q35-7.2" },        \
    { "firmware", 0, "KIND", "bios or uefi; its image's unless said" },                            \
    { "firmware-code", 0, "FILE", "UEFI code of its own" },                                        \
    { "firmware-vars", 0, "FILE", "and the template of its variables" },                           \
    { "display", 0, "HOW", "headless (the default), vnc or gtk" },                                 \
    { "keymap", 0, "KEYMAP", "of the display, such as de" },                                       \
    { "qemu-argument", 0, "WORD…", "a word more for QEMU's command line: one for the option, one for its value" }, \
    { "host-device", 0, "DEVICE…", "of the host: pci:0000:3b:00.0, usb:046d:c52b or usb:1-2" }
static const struct option instance_create_options[] = {
    { "external", 0, NULL, "somebody else launches it: no disk, no start" },
    { "tag", 0, "TAG", "chassis asset tag by which it is known (the name)" },
    { "uuid", 0, "UUID", "SMBIOS system UUID" },
    { "serial", 0, "SERIAL", "SMBIOS serial number; external only" },
    { "mac", 0, "MAC", "address of its card" },
    { "image", 0, "IMAGE", "what its disk stands on" },
    { "network", 0, "NETWORK", "where it lives" },
    { "identity", 0, "IDENTITY…", "an account to make in it" },
    { "group", 0, "GROUP…", "a group of the inventory" },
    { "address", 0, "ADDRESS", "that it is to have" },
    { "nic", 0, "NIC…", "a further card: network=NAME[,address=ADDRESS][,mac=MAC]" },
    { "forward", 0, "FORWARD…", "a port of the host that leads to it, on a user network: [ADDRESS:]PORT:GUESTPORT[/udp]" },
    { "cpus", 0, "N", "virtual CPUs" },
    { "memory", 0, "SIZE", "such as 2G" },
    { "disk", 0, "SIZE", "such as 10G; 0 as large as the image; or a file to use in place of one" },
    { "disk-bus", 0, "BUS", "that its root disk is on: virtio (the default), scsi, sata, nvme or usb" },
    { "cache", 0, "HOW", "of it: writeback (the default), none, writethrough, directsync or unsafe" },
    { "volatile", 0, NULL, "what is written to it is thrown away when the guest ends" },
    { "add-disk", 0, "DISK…", "another disk: SIZE or FILE, and words behind commas, such as 20G,bus=nvme,serial=data" },
    MACHINE_OPTIONS,
    { "bootstrapper", 0, "HOW", "how its seed reaches it: net (the default), drive, drive-network or none" },
    { "cdrom", 0, "ISO", "what is in its CD-ROM drive: a file, empty, or none (no drive)" },
    { "boot", 0, "FROM", "first from disk (the default), cdrom or network" },
    { "user-data", 0, "FILE", "its own user-data" },
    { "vendor-data", 0, "FILE", "its own vendor-data, beside roost's" },
    { "domain", 0, "DOMAIN", "of its full name" },
    { "autostart", 0, NULL, "start it when the host has booted" },
    { "autostart-order", 0, "N", "then lower ones first (100)" },
    { "var", 0, "NAME=VALUE…", "a variable of Ansible and of templates; NAME:=JSON for what is no text" },
    { "playbook", 0, "FILE", "that configures it, in place of its groups'" },
    { "needs", 0, "GROUP…", "whose hosts its runs have to see" },
    { "count", 0, "N", "that many: NAME-1 to NAME-N" },
    { "start", 0, NULL, "and launch it" },
    { "wait", 'w', NULL, "launch it, and end when it is home" },
    { "timeout", 0, "TIME", "how long to wait at most, such as 90s or 5m (the default)" },
    { "dry-run", 'n', NULL, "check it and change nothing" },
    { NULL, 0, NULL, NULL },
};
static const struct option instance_modify_options[] = {
    { "image", 0, "IMAGE", "what its disk stands on" },
    { "network", 0, "NETWORK", "where it lives" },
    { "identity", 0, "IDENTITY…", "an account to make in it, in place of those that were said" },
    { "group", 0, "GROUP…", "a group of the inventory, in place of those that were said" },
    { "address", 0, "ADDRESS", "that it is to have" },
    { "nic", 0, "NIC…", "a further card, in place of those that were said: network=NAME[,address=…][,mac=…]" },
    { "forward", 0, "FORWARD…", "a port of the host that leads to it, in place of those that were said: [ADDRESS:]PORT:GUESTPORT[/udp]" },
    { "cpus", 0, "N", "virtual CPUs" },
    { "memory", 0, "SIZE", "such as 2G" },
    { "disk", 0, "SIZE", "such as 10G, or a file" },
    { "disk-bus", 0, "BUS", "that its root disk is on: virtio, scsi, sata, nvme or usb" },
    { "cache", 0, "HOW", "of it: writeback, none, writethrough, directsync or unsafe" },
    { "volatile", 0, NULL, "what is written to it is thrown away when the guest ends" },
    { "add-disk", 0, "DISK…", "another disk, or other words for the one of that serial, such as serial=data,size=40G" },
    { "remove-disk", 0, "SERIAL…", "one less; its data is kept until the instance is removed" },
    MACHINE_OPTIONS,
    { "bootstrapper", 0, "HOW", "how its seed reaches it: net, drive, drive-network or none" },
    { "cdrom", 0, "ISO", "what is in its CD-ROM drive: a file, empty, or none (no drive)" },
    { "boot", 0, "FROM", "first from disk (the default), cdrom or network" },
    { "user-data", 0, "FILE", "its own user-data" },
    { "vendor-data", 0, "FILE", "its own vendor-data, beside roost's" },
    { "domain", 0, "DOMAIN", "of its full name" },
    { "autostart", 0, NULL, "start it when the host has booted" },
    { "autostart-order", 0, "N", "then lower ones first (100)" },
    { "var", 0, "NAME=VALUE…", "a variable of Ansible and of templates; NAME:=JSON for what is no text; the others stay" },
    { "playbook", 0, "FILE", "that configures it, in place of its groups'" },
    { "needs", 0, "GROUP…", "whose hosts its runs have to see, in place of those that were said" },
    { "unset", 0, "OPTION…", "as if that option had never been said" },
    { "dry-run", 'n', NULL, "check it and change nothing" },
    { NULL, 0, NULL, NULL },
};
static const struct option adopt_options[] = {
    { "as", 0, "NAME", "the instance's name" },
    { "network", 0, "NETWORK", "the network that it counts to" },
    { NULL, 0, NULL, NULL },
};
static const struct option seed_explain_options[] = {
    { "as", 0, "CLIENT", "the client, such as cloud-init/22.4 (cloud-init/25.1)" },
    { NULL, 0, NULL, NULL },
};
static const struct option seed_url_options[] = {
    { "for", 0, "LAUNCHER", "qemu, libvirt, proxmox, kernel or cidata" },
    { NULL, 0, NULL, NULL },
};
static const struct option seed_export_options[] = {
    { "cidata", 0, "FILE", "the volume to write, ISO 9660 with the label CIDATA; it must not be there yet" },
    { NULL, 0, NULL, NULL },
};
static const struct option network_create_options[] = {
    { "kind", 0, "KIND", "user, host-only, shared (NAT) or bridged" },
    { "cidr", 0, "CIDR", "its addresses, such as 172.16.5.0/24" },
    { "dhcp", 0, "RANGE", "FIRST-LAST, yes (the default range) or no; bridged: no unless said" },
    { "domain", 0, "DOMAIN", "names of its guests end in it" },
    { "parent", 0, "DEVICE", "bridged: the bridge or interface of the host that it is on" },
    { "vlan", 0, "N", "bridged: a VLAN on the parent" },
    { "host-address", 0, "ADDRESS", "the host's own on it; bridged: with the prefix length" },
    { "gateway", 0, "ADDRESS", "what guests are told" },
    { "nameserver", 0, "ADDRESS…", "what guests are told" },
    { "mtu", 0, "N", "of its links" },
    { "policy", 0, "POLICY", "who may read a seed: token (the default), address or tag" },
    { "advertise", 0, "URL", "where guests find roost, http://HOST:PORT" },
    { "allow", 0, "NETWORK…", "another network that its guests may reach" },
    { "autostart", 0, NULL, "up when the host has booted, before guests start" },
    { "dry-run", 'n', NULL, "check it and change nothing" },
    { NULL, 0, NULL, NULL },
};
static const struct option network_export_options[] = {
    { "format", 0, "FORMAT",
      "dnsmasq, ip, networkd, ifcfg, iptables, sysctl, qemu-ifup or qemu-ifdown" },
    { NULL, 0, NULL, NULL },
};
static const struct option identity_create_options[] = {
    { "public-key", 'k', "KEY…", "a .pub file, or the line that stands in one" },
    { "password", 'p', NULL, "ask for one; not on a terminal: the first line of the input" },
    { "gecos", 0, "TEXT", "its full name" },
    { "home", 0, "DIR", "its home directory" },
    { "shell", 0, "FILE", "its login shell" },
    { "group", 0, "GROUP…", "of Unix, in which it is too" },
    { "sudo", 0, "RULE", "yes (all, without a password), no, or a rule of sudoers(5)" },
    { NULL, 0, NULL, NULL },
};
static const struct option identity_modify_options[] = {
    { "public-key", 'k', "KEY…", "a .pub file, or the line that stands in one" },
    { "password", 'p', NULL, "ask for one; not on a terminal: the first line of the input" },
    { "gecos", 0, "TEXT", "its full name" },
    { "home", 0, "DIR", "its home directory" },
    { "shell", 0, "FILE", "its login shell" },
    { "group", 0, "GROUP…", "of Unix, in which it is too" },
    { "sudo", 0, "RULE", "yes (all, without a password), no, or a rule of sudoers(5)" },
    { "remove-key", 0, "KEY…", "a public key less, by its fingerprint or comment" },
    { "unset", 0, "OPTION…", "as if that option had never been said" },
    { NULL, 0, NULL, NULL },
};

static const struct option ansible_init_options[] = {
    { "instance", 0, "NAME", "into the directory of this instance, for it alone" },
    { NULL, 0, NULL, NULL },
};
static const struct option restore_options[] = {
    { "replace", 0, NULL, "put aside the store that is there (nothing of it is deleted)" },
    { NULL, 0, NULL, NULL },
};
static const struct option image_create_options[] = {
    { "predefined", 'p', "NAME", "one of the catalogue: roost image catalogue" },
    { "url", 'u', "URL", "where to download it from; xz, gzip and zstd are unpacked on the way" },
    { "file", 'f', "FILE", "a disk image; one that is neither qcow2 nor raw is converted" },
    { "kernel", 0, "FILE", "a kernel to boot directly" },
    { "initrd", 0, "FILE", "and its initrd" },
    { "cmdline", 0, "TEXT", "and its command line" },
    { "checksum", 0, "SUM", "of the file or download: sha256:HEX, sha512:HEX, or the URL of a list" },
    { "arch", 0, "ARCH", "amd64 or arm64; this machine's unless said" },
    { "firmware", 0, "KIND", "of its instances unless they say: bios or uefi" },
    { "default-user", 0, "USER", "whom roost ssh logs in as without an identity" },
    { "min-cpu", 0, "N", "instances with fewer CPUs are refused" },
    { "min-ram", 0, "SIZE", "and those with less memory" },
    { "min-disk", 0, "SIZE", "and those with a smaller disk" },
    { "no-wait", 0, NULL, "end as soon as it has begun" },
    { "quiet", 'q', NULL, "say nothing on the way" },
    { NULL, 0, NULL, NULL },
};
static const struct option image_gc_options[] = {
    { "unused", 0, NULL, "also images that no instance uses" },
    { "dry-run", 'n', NULL, "show them and delete nothing" },
    { NULL, 0, NULL, NULL },
};
static const struct option task_wait_options[] = {
    { "quiet", 'q', NULL, "say nothing on the way" },
    { NULL, 0, NULL, NULL },
};

static const struct option run_options[] = {
    { "group", 'g', "GROUP", "those of a group" },
    { "playbook", 'p', "FILE", "below the fleet's directory of playbooks, or an absolute path" },
    { "tags", 't', "TAG…", "only what is tagged so" },
    { "check", 0, NULL, "change nothing, say what would be" },
    { "detach", 'd', NULL, "do not wait for its end" },
    { NULL, 0, NULL, NULL },
};
static const struct option runs_options[] = {
    { "limit", 0, "N", "how many at most (20)" },
    { NULL, 0, NULL, NULL },
};
static const struct option run_show_options[] = {
    { "log", 0, NULL, "print what Ansible printed" },
    { "follow", 'F', NULL, "go on until it has ended" },
    { NULL, 0, NULL, NULL },
};

/* clang-format off */
static const struct command table[] = {
    /* In the order of the help, objects together. The longer of two rows that begin alike is first. */
    { "apply", "", 0, 0, apply_options, 0,
      "make the fleet as a file describes it", run_apply },
    { "status", "", 0, 0, NULL, COMMAND_READ,
      "show how roost and its fleet are", run_status },
    { "check", "", 0, 0, NULL, COMMAND_READ,
      "look for what is missing on this host, with the mend", run_check },
    { "wait", "[NAME…]", 0, -1, wait_options, COMMAND_READ | COMMAND_MANY,
      "wait until instances have come to a state", run_wait },
    { "events", "[NAME]", 0, 1, events_options, COMMAND_READ,
      "show what happened, of one instance or all", run_events },
    { "instance create", "NAME", 1, 1, instance_create_options, 0,
      "define an instance, as apply does with a fleet file that holds nothing else", run_instance_create },
    { "instance list", "[NAME…]", 0, -1, instance_list_options, COMMAND_READ | COMMAND_MANY,
      "list instances, their states and what they wait for", run_instance_list },
    { "instance show", "NAME", 1, 1, NULL, COMMAND_READ,
      "show all that is known of an instance", run_instance_show },
    { "instance modify", "NAME", 1, 1, instance_modify_options, 0,
      "change an instance's definition; it says what the change asks for", run_instance_modify },
    { "instance rename", "OLD NEW", 2, 2, NULL, 0,
      "give an instance that does not run another name; who it is for others stays", run_instance_rename },
    { "instance start", "[NAME…]", 0, -1, start_options, COMMAND_MANY,
      "launch guests", run_start },
    { "instance stop", "[NAME…]", 0, -1, stop_options, COMMAND_MANY,
      "shut guests down, and end those that do not", run_stop },
    { "instance restart", "[NAME…]", 0, -1, start_options, COMMAND_MANY,
      "stop guests and launch them again, changes of their definitions included", run_restart },
    { "instance reset", "[NAME…]", 0, -1, rebuild_options, COMMAND_MANY,
      "give guests a fresh root disk under the same instance-id; those that ran are launched again", run_reset },
    { "instance rebuild", "[NAME…]", 0, -1, rebuild_options, COMMAND_MANY,
      "give guests a fresh disk and a new generation; those that ran are launched again", run_rebuild },
    { "instance eject", "[NAME…]", 0, -1, eject_options, COMMAND_MANY,
      "empty CD-ROM drives, at once in guests that run", run_eject },
    { "instance insert", "NAME ISO", 2, 2, insert_options, 0,
      "put an ISO image into a CD-ROM drive, at once where the guest runs", run_instance_insert },
    { "instance remove", "[NAME…]", 0, -1, remove_options, COMMAND_MANY,
      "take instances away; they are kept in the trash with their disks for a time", run_remove },
    { "instance trash list", "", 0, 0, NULL, COMMAND_READ,
      "list removed instances that can be had back", run_trash_list },
    { "instance trash restore", "ENTRY", 1, 1, trash_restore_options, 0,
      "have a removed instance back as it was: ENTRY is its number, or its name where that is there once", run_trash_restore },
    { "instance trash empty", "[ENTRY…]", 0, -1, trash_empty_options, 0,
      "delete removed instances for good", run_trash_empty },
    { "instance export", "NAME", 1, 1, instance_export_options, COMMAND_READ,
      "write the guest as a script that runs it by hand, here or on a Mac, or as a bundle for another host", run_instance_export },
    { "instance import", "FILE", 1, 1, instance_import_options, 0,
      "bring a guest in from a bundle, to be home here without a new first boot", run_instance_import },
    { "console", "NAME", 1, 1, console_options, COMMAND_READ,
      "attach to a guest's serial console (Ctrl-] leaves); several people may, at once", run_console },
    { "vnc", "NAME", 1, 1, NULL, COMMAND_READ,
      "tell where the VNC socket of a guest's display is", run_vnc },
    { "ssh", "NAME [COMMAND…]", 1, -1, ssh_options, COMMAND_RAW | COMMAND_TAIL,
      "log in to a guest, its host keys checked strictly", run_ssh },
    { "cp", "SOURCE… TARGET", 2, -1, cp_options, COMMAND_RAW,
      "copy files to a guest or from it, NAME:PATH there, its host keys checked strictly", run_cp },
    { "ssh-config", "", 0, 0, NULL, COMMAND_READ,
      "print entries for ssh_config(5)", run_ssh_config },
    { "image create", "IMAGE", 1, 1, image_create_options, 0,
      "make a base image, which guests' disks lie over; it goes on when roost(1) ends", run_image_create },
    { "image list", "", 0, 0, NULL, COMMAND_READ,
      "list images", run_image_list },
    { "image show", "IMAGE", 1, 1, NULL, COMMAND_READ,
      "show all that is known of an image", run_image_show },
    { "image catalogue", "", 0, 0, NULL, COMMAND_READ,
      "list the images that --predefined knows", run_image_catalogue },
    { "image verify", "IMAGE…", 1, -1, NULL, COMMAND_READ,
      "read images and compare them with their checksums on record", run_image_verify },
    { "image remove", "IMAGE…", 1, -1, NULL, 0,
      "delete images that no instance stands on", run_image_remove },
    { "image gc", "", 0, 0, image_gc_options, 0,
      "delete what is left of images that were never finished, and unused ones if asked to", run_image_gc },
    { "identity create", "IDENTITY", 1, 1, identity_create_options, 0,
      "define an account that guests make at their first boot", run_identity_create },
    { "identity list", "", 0, 0, NULL, COMMAND_READ,
      "list identities", run_identity_list },
    { "identity show", "IDENTITY", 1, 1, NULL, COMMAND_READ,
      "show all that is known of an identity, and the fingerprints of its keys", run_identity_show },
    { "identity modify", "IDENTITY", 1, 1, identity_modify_options, 0,
      "change an identity; guests that have booted keep the account they made", run_identity_modify },
    { "identity remove", "IDENTITY…", 1, -1, NULL, 0,
      "forget identities that no instance uses", run_identity_remove },
    { "network create", "NETWORK", 1, 1, network_create_options, 0,
      "define a network, as apply does with a fleet file that holds nothing else", run_network_create },
    { "network list", "", 0, 0, NULL, COMMAND_READ,
      "list networks and how they are", run_network_list },
    { "network show", "NETWORK", 1, 1, NULL, COMMAND_READ,
      "show all that is known of a network, and the addresses given to its instances", run_network_show },
    { "network up", "NETWORK…", 1, -1, NULL, 0,
      "make networks on this host as they are defined; one that is up is mended", run_network_up },
    { "network down", "NETWORK…", 1, -1, NULL, 0,
      "take back all that was changed on this host for networks", run_network_down },
    { "network remove", "NETWORK…", 1, -1, NULL, 0,
      "forget networks that are down and that no instance is on", run_network_remove },
    { "network check", "[NETWORK]", 0, 1, NULL, COMMAND_READ,
      "look for what would keep guests offline, with cause and mend", run_network_check },
    { "network plan", "NETWORK", 1, 1, NULL, COMMAND_READ,
      "show what up would change on this host, without changing it", run_network_plan },
    { "network export", "NETWORK", 1, 1, network_export_options, COMMAND_READ,
      "print what an administrator would write to have the network without roost", run_network_export },
    { "network forward add", "NETWORK ENDPOINT TARGET", 3, 3, NULL, 0,
      "publish a port, such as 0.0.0.0:8080 web1:80 or :53 dns1:53/udp", run_forward_add },
    { "network forward list", "NETWORK", 1, 1, NULL, COMMAND_READ,
      "list published ports", run_forward_list },
    { "network forward remove", "NETWORK ENDPOINT [TARGET]", 2, 3, NULL, 0,
      "publish a port no longer", run_forward_remove },
    { "seed show", "NAME [DOCUMENT]", 1, 2, NULL, COMMAND_READ,
      "print the documents that a guest gets, or one of them byte for byte", run_seed_show },
    { "seed explain", "NAME", 1, 1, seed_explain_options, COMMAND_READ,
      "list what a client asks for, in order, and warn of traps in what it gets", run_seed_explain },
    { "seed export", "NAME", 1, 1, seed_export_options, 0,
      "write a seed for a machine elsewhere to read from a volume; it holds secrets", run_seed_export },
    { "seed url", "[NAME]", 0, 1, seed_url_options, COMMAND_READ,
      "print what to paste where a guest is launched by others; without NAME a URL by which any machine says itself who it is", run_seed_url },
    { "unknown list", "", 0, 0, NULL, COMMAND_READ,
      "list callers that no instance is known for, and whether they still wait", run_unknown_list },
    { "unknown adopt", "CALLER", 1, 1, adopt_options, 0,
      "make an unknown caller an instance, which then gets its seed from there without a token until it is home", run_adopt },
    { "unknown forget", "CALLER…", 1, -1, NULL, 0,
      "take callers off the list", run_forget },
    { "inventory", "", 0, 0, NULL, COMMAND_READ,
      "print the Ansible inventory", run_inventory },
    { "known-hosts", "[HOST]", 0, 1, NULL, COMMAND_READ,
      "print host keys as known_hosts has them: all, or of a name or address, for ssh", run_known_hosts },
    { "ansible init", "", 0, 0, ansible_init_options, 0,
      "write what Ansible needs, once, for people to edit; nothing that is there is changed", run_ansible_init },
    { "group list", "", 0, 0, NULL, COMMAND_READ,
      "list groups that a fleet file says something of", run_group_list },
    { "runs", "[NAME]", 0, 1, runs_options, COMMAND_READ,
      "list runs of Ansible, of one instance or all", run_runs },
    { "run show", "ID", 1, 1, run_show_options, COMMAND_READ,
      "show a run of Ansible, and what became of each guest", run_run_show },
    { "run cancel", "ID…", 1, -1, NULL, 0,
      "end runs of Ansible, or take them back before they begin", run_run_cancel },
    { "run", "[NAME…]", 0, -1, run_options, 0,
      "run Ansible on guests by hand; without a name on all that are home", run_run },
    { "task list", "", 0, 0, NULL, COMMAND_READ,
      "list what roost works on by itself, and how it ended", run_task_list },
    { "task show", "TASK", 1, 1, NULL, COMMAND_READ,
      "show all that is known of a task", run_task_show },
    { "task wait", "TASK", 1, 1, task_wait_options, COMMAND_READ,
      "follow a task to its end, and end as it does", run_task_wait },
    { "task cancel", "TASK…", 1, -1, NULL, 0,
      "end tasks; nothing of them is left", run_task_cancel },
    { "store backup", "FILE", 1, 1, NULL, COMMAND_READ,
      "write what a host is restored from: the store and the secret key, checked", run_store_backup },
    { "store check", "[FILE]", 0, 1, NULL, COMMAND_READ,
      "check the whole store of a running roost, or a backup", run_store_check },
    { "store restore", "FILE", 1, 1, restore_options, 0,
      "make a state directory from a backup while no roost runs on it; see roost-restore(7)", run_store_restore },
    { "metrics", "", 0, 0, NULL, COMMAND_READ,
      "print numbers for monitoring (OpenMetrics)", run_metrics },
    { "sync", "", 0, 0, NULL, 0,
      "write all generated files anew", run_sync },
    { "paths", "", 0, 0, NULL, COMMAND_READ,
      "show where things lie", run_paths },
    { "completion", "SHELL", 1, 1, NULL, COMMAND_READ,
      "print a script by which bash, zsh or fish completes commands, options and names", run_completion },
    { "version", "", 0, 0, NULL, COMMAND_READ,
      "print the version", run_version },
    { "help", "[COMMAND…]", 0, 3, NULL, COMMAND_READ,
      "explain commands", run_help },
};
/* clang-format on */

const struct command *commands(size_t *ret_n)
{
    *ret_n = ARRAY_SIZE(table);
    return table;
}

const struct option *global_options(void)
{
    return globals;
}

/* Options that have to be there. */
bool command_needs(const struct command *k, const struct option *o)
{
    return (k->run == run_apply && o == apply_options) ||
           (k->run == run_network_create && o == network_create_options) ||
           (k->run == run_network_export && o == network_export_options) ||
           (k->run == run_adopt && o == adopt_options) ||
           (k->run == run_seed_url && o == seed_url_options) ||
           (k->run == run_seed_export && o == seed_export_options);
}

static void put_usage(const struct command *k, bool shortly, struct buf *out)
{
    buf_puts(out, k->words);
    if (shortly)
        buf_puts(out, " [OPTION…]");
    for (const struct option *o = k->options; o && o->name; o++) {
        bool needed = command_needs(k, o);
        if (shortly && !needed)
            continue;
        buf_printf(out, " %s", needed ? "" : "[");
        if (o->letter)
            buf_printf(out, "-%c", o->letter);
        else
            buf_printf(out, "--%s", o->name);
        buf_printf(out, "%s%s%s", o->value ? " " : "", o->value ? o->value : "", needed ? "" : "]");
    }
    if (*k->args)
        buf_printf(out, " %s", k->args);
}

void command_usage(const struct command *k, struct buf *out)
{
    put_usage(k, false, out);
}

#define OPTIONS_SHOWN 6

void command_synopsis(const struct command *k, struct buf *out)
{
    int n = 0;

    for (const struct option *o = k->options; o && o->name; o++)
        n++;
    put_usage(k, n > OPTIONS_SHOWN, out);
}
