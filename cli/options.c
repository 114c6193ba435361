#include "cli/options.h"

#include "base/cleanup.h"

static const struct option globals[] = {
    { "output", 'o', "FORMAT", "table (the default), json, yaml, csv or name" },
    { "socket", 0, "PATH", "the control socket to talk to" },
    { "state", 0, "DIR", "the state directory of the roost to talk to" },
    { "help", 'h', NULL, "what a command does" },
    { "version", 'V', NULL, "the version" },
    { NULL, 0, NULL, NULL },
};

const struct option apply_options[] = {
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

const struct option instance_list_options[] = {
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
const struct option start_options[] = {
    START_ANYWAY,
    START_WAIT,
    SELECT_OPTIONS,
    SELECT_ALL,
    { NULL, 0, NULL, NULL },
};
const struct option rebuild_options[] = {
    START_ANYWAY,
    START_WAIT,
    SELECT_OPTIONS,
    SELECT_ALL,
    SELECT_YES,
    { NULL, 0, NULL, NULL },
};
const struct option insert_options[] = {
    { "force", 0, NULL, "though the guest holds what is in the drive" },
    { NULL, 0, NULL, NULL },
};
const struct option eject_options[] = {
    { "force", 0, NULL, "though the guest holds what is in the drive" },
    SELECT_OPTIONS,
    { NULL, 0, NULL, NULL },
};
const struct option stop_options[] = {
    { "force", 0, NULL, "kill the guest at once" },
    { "no-wait", 0, NULL, "end as soon as it has begun" },
    SELECT_OPTIONS,
    { "all", 'a', NULL, "every instance that runs" },
    { NULL, 0, NULL, NULL },
};
const struct option remove_options[] = {
    { "force", 0, NULL, "also when it runs" },
    { "destroy-disks", 0, NULL, "for good and at once, in place of the trash" },
    { "dry-run", 'n', NULL, "show which it would be and change nothing" },
    SELECT_OPTIONS,
    SELECT_ALL,
    SELECT_YES,
    { NULL, 0, NULL, NULL },
};
const struct option trash_restore_options[] = {
    { "as", 0, "NAME", "under another name" },
    { NULL, 0, NULL, NULL },
};
const struct option trash_empty_options[] = {
    { "all", 'a', NULL, "all that is in it" },
    SELECT_YES,
    { NULL, 0, NULL, NULL },
};
const struct option wait_options[] = {
    SELECT_OPTIONS,
    SELECT_ALL,
    { "for", 0, "STATE", "launched, seeded, homed (the default), configured or stopped" },
    { "timeout", 0, "TIME", "how long at most, such as 90s or 5m (the default)" },
    { "overdue", 0, NULL, "end as soon as one of them is overdue" },
    { "quiet", 'q', NULL, "say nothing on the way" },
    { NULL, 0, NULL, NULL },
};
const struct option events_options[] = {
    { "follow", 'F', NULL, "go on with what happens" },
    { "limit", 0, "N", "how many at most (20)" },
    { NULL, 0, NULL, NULL },
};
const struct option console_options[] = {
    { "log", 0, NULL, "only print the last lines" },
    { "lines", 0, "N", "how many of them (20, with --log 100)" },
    { "escape", 'e', "KEY", "the key that leaves: ^A to ^Z, ^] (the default) and the like, or none" },
    { "watch", 0, NULL, "only watch: nothing that is typed reaches the guest" },
    { NULL, 0, NULL, NULL },
};
const struct option ssh_options[] = {
    { "identity", 'i', "FILE", "the private key" },
    { "login", 'l', "USER", "log in as somebody else" },
    { NULL, 0, NULL, NULL },
};
const struct option instance_export_options[] = {
    { "for", 0, "SYSTEM", "linux (the default), that is this host, or mac" },
    { "file", 'f', "FILE", "write it there; - is the standard output (the default)" },
    { "bundle", 0, "FILE", "in place of a script: the stopped guest itself, for roost instance import" },
    { "no-image", 0, NULL, "a bundle without the image that its disk stands on, which is there already" },
    { "force", 0, NULL, "in place of a file that is there" },
    { NULL, 0, NULL, NULL },
};
const struct option instance_import_options[] = {
    { "as", 0, "NAME", "its name here; the guest's own host name stays" },
    { "network", 0, "NETWORK", "its network here, where the one of that name is not meant" },
    { "no-wait", 0, NULL, "end as soon as it has begun" },
    { "quiet", 'q', NULL, "say nothing on the way" },
    { NULL, 0, NULL, NULL },
};
const struct option cp_options[] = {
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
const struct option instance_create_options[] = {
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
    { "playbook", 0, "FILE", "that configures it, in place of its groups'; see roost run, --playbook" },
    { "needs", 0, "GROUP…", "whose hosts its runs have to see" },
    { "count", 0, "N", "that many: NAME-1 to NAME-N" },
    { "start", 0, NULL, "and launch it" },
    { "wait", 'w', NULL, "launch it, and end when it is home" },
    { "timeout", 0, "TIME", "how long to wait at most, such as 90s or 5m (the default)" },
    { "dry-run", 'n', NULL, "check it and change nothing" },
    { NULL, 0, NULL, NULL },
};
const struct option instance_modify_options[] = {
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
    { "playbook", 0, "FILE", "that configures it, in place of its groups'; see roost run, --playbook" },
    { "needs", 0, "GROUP…", "whose hosts its runs have to see, in place of those that were said" },
    { "unset", 0, "OPTION…", "as if that option had never been said" },
    { "dry-run", 'n', NULL, "check it and change nothing" },
    { NULL, 0, NULL, NULL },
};
const struct option adopt_options[] = {
    { "as", 0, "NAME", "the instance's name" },
    { "network", 0, "NETWORK", "the network that it counts to" },
    { NULL, 0, NULL, NULL },
};
const struct option seed_explain_options[] = {
    { "as", 0, "CLIENT", "the client, such as cloud-init/22.4 (cloud-init/25.1)" },
    { NULL, 0, NULL, NULL },
};
const struct option seed_url_options[] = {
    { "for", 0, "LAUNCHER", "qemu, libvirt, proxmox, kernel or cidata" },
    { NULL, 0, NULL, NULL },
};
const struct option seed_export_options[] = {
    { "cidata", 0, "FILE", "the volume to write, ISO 9660 with the label CIDATA; it must not be there yet" },
    { NULL, 0, NULL, NULL },
};
const struct option network_create_options[] = {
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
const struct option network_export_options[] = {
    { "format", 0, "FORMAT",
      "dnsmasq, ip, networkd, ifcfg, iptables, sysctl, qemu-ifup or qemu-ifdown" },
    { NULL, 0, NULL, NULL },
};
const struct option identity_create_options[] = {
    { "public-key", 'k', "KEY…", "a .pub file, or the line that stands in one" },
    { "password", 'p', NULL, "ask for one; not on a terminal: the first line of the input" },
    { "gecos", 0, "TEXT", "its full name" },
    { "home", 0, "DIR", "its home directory" },
    { "shell", 0, "FILE", "its login shell" },
    { "group", 0, "GROUP…", "of Unix, in which it is too" },
    { "sudo", 0, "RULE", "yes (all, without a password), no, or a rule of sudoers(5)" },
    { NULL, 0, NULL, NULL },
};
const struct option identity_modify_options[] = {
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

const struct option ansible_init_options[] = {
    { "instance", 0, "NAME", "into the directory of this instance, for it alone" },
    { NULL, 0, NULL, NULL },
};
const struct option restore_options[] = {
    { "replace", 0, NULL, "put aside the store that is there (nothing of it is deleted)" },
    { NULL, 0, NULL, NULL },
};
const struct option image_create_options[] = {
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
const struct option image_gc_options[] = {
    { "unused", 0, NULL, "also images that no instance uses" },
    { "dry-run", 'n', NULL, "show them and delete nothing" },
    { NULL, 0, NULL, NULL },
};
const struct option task_wait_options[] = {
    { "quiet", 'q', NULL, "say nothing on the way" },
    { NULL, 0, NULL, NULL },
};

const struct option run_options[] = {
    { "group", 'g', "GROUP", "those of a group" },
    { "playbook", 'p', "FILE", "below the fleet's directory of playbooks, or an absolute path" },
    { "tags", 't', "TAG…", "only what is tagged so" },
    { "check", 0, NULL, "change nothing, say what would be" },
    { "detach", 'd', NULL, "do not wait for its end" },
    { NULL, 0, NULL, NULL },
};
const struct option runs_options[] = {
    { "limit", 0, "N", "how many at most (20)" },
    { NULL, 0, NULL, NULL },
};
const struct option run_show_options[] = {
    { "log", 0, NULL, "print what Ansible printed" },
    { "follow", 'F', NULL, "go on until it has ended" },
    { NULL, 0, NULL, NULL },
};

const struct option *global_options(void)
{
    return globals;
}

bool option_needed(const struct option *o)
{
    static const struct option *const needed[] = {
        apply_options, network_create_options, network_export_options,
        adopt_options, seed_url_options,       seed_export_options,
    };

    for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
        if (needed[i] == o)
            return true;
    return false;
}
