/* Where things lie. Names below the state directory, and short paths for sockets (sun_path has 108
 * bytes): RUN = /run/roost/ID8 (system) or $XDG_RUNTIME_DIR/roost/ID8, ID8 from the state
 * directory. */
#ifndef MODEL_LAYOUT_H
#define MODEL_LAYOUT_H

#include <stdbool.h>

#include "base/err.h"
#include "model/name.h"

#define LAYOUT_VERSION 1
/* Of the store: the last migration in server/store_schema.c. Backups tell it too. */
#define STORE_SCHEMA 11

#define FILE_STORE       "store.db"
#define FILE_LOCK        "lock"
#define FILE_SECRET      "secret.key"  /* 0600, SECRET_KEY_SIZE random bytes: tokens hang on it */
#define FILE_ACCOUNT_KEY "ansible.key" /* 0600, what runs of Ansible log in with */
#define FILE_RESERVE     "reserve"     /* 16 MiB, freed to record that the disk is full */
#define FILE_SEED_PORT   "seed-port"   /* the port once chosen, decimal */
#define FILE_ACCEL       "accelerator" /* cached verdict of the KVM probe */
#define FILE_EMULATOR    "emulator-" /* and an architecture: cached answers of that QEMU */
#define DIR_IMAGES       "images"      /* NAME/{disk,kernel,initrd} */
#define DIR_INSTANCES    "instances"   /* NAME/… */
#define DIR_TRASH        "trash"       /* NUMBER/…: directories of removed instances */
#define DIR_NETWORKS     "networks"    /* NAME/{links,dnsmasq.conf,…}: what was applied */
#define DIR_GENERATED    "generated"   /* inventory.yaml known_hosts ssh_config */
#define DIR_ANSIBLE      "ansible"     /* site.yaml ansible.cfg roles/ …: the operator's */
#define DIR_RUNS         "runs"        /* ID/…: one per Ansible run (ansible/runner.h), 0700 */
#define DIR_HOOKS        "hooks"       /* NAME.log: what hooks said */
#define DIR_PLUGINS      "plugins"     /* what Ansible loads of roost's own */
#define FILE_INVENTORY   "inventory.yaml"
#define FILE_DYNAMIC     "inventory.json" /* what roost-inventory(1) prints */
#define FILE_KNOWN_HOSTS "known_hosts"
#define FILE_SSH_CONFIG  "ssh_config"

/* Backups: what a copy is made in, what the configuration is called in them; a restore under way
 * (the second name from when all is there), what it put aside (and a number), and what it tells the
 * next start. */
#define FILE_BACKUP   "backup.tmp"
#define FILE_CONFIG   "roost.conf"
#define DIR_RESTORING "restore.part"
#define DIR_RESTORE   "restore.ready"
#define DIR_PUT_ASIDE "before-restore"
#define FILE_RESTORED "restored"

/* In an image's directory. */
#define FILE_IMAGE_DISK   "disk"
#define FILE_IMAGE_KERNEL "kernel"
#define FILE_IMAGE_INITRD "initrd"

/* In an instance's directory. */
#define FILE_DISK "disk.qcow2" /* the root disk; the others: model/drive.h */
#define FILE_VARS "vars.fd" /* UEFI variables, the guest's own */
#define FILE_VARS_FROM "vars.from" /* the template that they were made from */
#define FILE_LOCK_QEMU                                                                             \
    "instance.lock"              /* flock'ed by QEMU's inherited descriptor as long as it lives */
#define FILE_PID      "qemu.pid" /* "PID STARTTIME LAUNCHID\n" of the last QEMU */
#define FILE_VM_SH    "vm.sh"
#define FILE_SMBIOS   "smbios.bin" /* 0600: holds the seed URL with its token */
#define FILE_SEED     "seed.iso"   /* 0600: the seed of a guest that reads it from a volume */
#define FILE_CONSOLE  "console.log"
#define FILE_QEMU_LOG "qemu.log"

/* In a network's directory: what a QEMU started by hand makes its tap with. */
#define FILE_QEMU_IFUP   "qemu-ifup"
#define FILE_QEMU_IFDOWN "qemu-ifdown"

/* In RUN. */
#define FILE_CONTROL   "control.sock"
#define SUFFIX_QMP     ".qmp"
#define SUFFIX_CONSOLE ".con"
#define SUFFIX_VNC     ".vnc"

#define PATH_SIZE 4096
/* State directory of this mode: /var/lib/roost (system), ROOST_STATE, or $XDG_STATE_HOME/roost or
 * ~/.local/state/roost. */
int layout_default_state(bool system, char ret[PATH_SIZE], struct err *e);
/* RUN of a state directory (made absolute and resolved when it exists). ERR_INVALID when a socket
 * below it could be longer than sun_path, with the mend (set XDG_RUNTIME_DIR). */
int layout_run_dir(bool system, const char *state, char ret[PATH_SIZE], struct err *e);
/* RUN/NAME.qmp, RUN/NAME.con or RUN/NAME.vnc. */
void layout_socket(const char *run, const struct name *n, const char *suffix, char ret[PATH_SIZE]);

#endif
