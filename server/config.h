/* roost.conf (INI, iniparser): one table of options with section, key, type, default, range, help.
 * Default < file < option on the command line (-o section.key=value). Read by roostd, sent to the
 * others as checked values. */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/msg.h"
#include "model/instance.h"
#include "model/layout.h"
#include "model/lifecycle.h"
#include "model/playbook.h"
#include "server/hook.h"

#define CONFIG_ROWS_MAX 128

enum mode { MODE_ROOTLESS, MODE_SYSTEM };
enum accel_choice { ACCEL_CHOICE_AUTO, ACCEL_CHOICE_KVM, ACCEL_CHOICE_TCG };

struct config {
    /* [roost] */
    enum mode mode;          /* auto: system for root, rootless otherwise */
    char state[PATH_SIZE];   /* state directory, absolute */
    char run[PATH_SIZE];     /* computed: layout_run_dir() */
    char control[PATH_SIZE]; /* control socket; "": RUN/control.sock, filled by config_finish() */
    enum log_level log_level;
    /* [process] of roostd's children */
    /* ms before the second restart, doubles: 100 ms (the first is at once) */
    int64_t restart_first;
    int64_t restart_max;   /* 10 s */
    int64_t restart_reset; /* a child that stayed up so long begins anew: 60 s */
    int64_t quit_limit;    /* ms for a child to end by itself: 10 s */
    int64_t hang_limit;    /* ms without an answer, then a child is ended: 2 m; 0: never */
    /* [seed] */
    struct endpoint listen; /* 127.0.0.1:10200; port 0: chosen once, then kept in FILE_SEED_PORT */
    char advertise[256];    /* base URL told to guests of user networks; "": http://10.0.2.2:PORT */
    unsigned phone_home_tries; /* 100000 */
    bool reporting;
    int seal;           /* enum seal: no, yes, all */
    int64_t hold_retry; /* ms, Retry-After told to unknown tags: 10 s */
    /* [front] */
    unsigned backlog;                /* of the listening socket: 4096 */
    unsigned max_connections;        /* 16384 */
    unsigned max_connections_per_ip; /* 0: none (all guests of a user network are 127.0.0.1) */
    int64_t request_timeout;         /* ms of silence on a connection: 15 s */
    int64_t core_deadline;           /* ms for core's answer before front answers 503 itself: 900 */
    int64_t cache_keep;              /* ms, at most 30 s */
    uint64_t cache_size;             /* bytes of documents in front's table: 8 MiB */
    /* [defaults] of instances */
    unsigned cpus;         /* 1 */
    uint64_t memory, disk; /* 1G, 5G */
    struct name network;   /* "user" */
    /* [instances] */
    int64_t trash_keep; /* ms: 7 days; 0: removed is gone */
    /* [launch] */
    bool launch;                                             /* enabled = yes */
    char qemu[PATH_SIZE], qemu_img[PATH_SIZE];               /* "" or a name: looked up in PATH */
    char firmware_code[PATH_SIZE], firmware_vars[PATH_SIZE]; /* OVMF */
    char disk_directories[PATH_SIZE]; /* colons between: what of the host may be a disk (system) */
    char qemu_arm64[PATH_SIZE], firmware_code_arm64[PATH_SIZE], firmware_vars_arm64[PATH_SIZE];
    char media[PATH_SIZE]; /* system mode: images for CD-ROM drives lie below it; "": none do */
    char run_as[64]; /* user for QEMU (-runas) in system mode: nobody; "": none */
    char allow_arguments[1024], allow_devices[1024], allow_firmware[1024]; /* patterns */
    enum accel_choice accel;
    int64_t probe_limit;  /* 5 s */
    int64_t stop_limit;   /* ms from ACPI power-down to kill: 90 s */
    uint64_t console_cap; /* bytes of console.log before it is rotated: 1 MiB */
    unsigned max_guests;  /* running at once: 1000 */
    uint64_t memory_reserve; /* bytes that guests do not get: 256 MiB */
    uint64_t memory_limit;   /* bytes for all of them; 0: what the host has less the reserve */
    /* [images] */
    int64_t fetch_stall; /* ms without a byte: 30 s */
    char catalogue[PATH_SIZE];
    unsigned boot_at_once; /* autostart: 0 no limit */
    /* [network] of roost's own */
    char dnsmasq[PATH_SIZE], iptables[PATH_SIZE];
    char dnsmasq_user[64];
    bool network_defaults;
    struct cidr host_only, shared;
    /* [ansible] */
    bool ansible;              /* enabled = yes */
    enum trigger trigger;      /* of guests whose network and groups say none */
    char playbook[PATH_SIZE];  /* ansible-playbook: a path, or a name to look up in PATH */
    char playbooks[PATH_SIZE]; /* the fleet's directory of playbooks; "": STATE/ansible */
    char account[64];          /* roost's own login in guests; "": none */
    char account_key[PATH_SIZE]; /* its private key; "": STATE/FILE_ACCOUNT_KEY, made once */
    bool become;               /* it may become root without a password, and runs do */
    unsigned runs_at_once;     /* 2 */
    unsigned forks;            /* of one run: 10 */
    int64_t batch_window;      /* ms: 3 s */
    unsigned batch_hosts;      /* of one run at most: 100 */
    unsigned retries;          /* of an unreachable guest: 6 */
    unsigned retries_failed;   /* of a failed one: 0 */
    int64_t retry_first;       /* ms before the second attempt, doubles: 15 s */
    int64_t retry_max;         /* 10 m */
    int64_t silence;           /* ms without a report: 60 s */
    int64_t run_limit;         /* ms: 1 h */
    int64_t task_limit;        /* ms of one task on one guest: 30 min; 0: none */
    uint64_t run_log_cap;      /* bytes of a run's log: 4 MiB */
    unsigned runs_kept;        /* 500 */
    int64_t runs_age;          /* ms: 90 days */
    unsigned whole_inventory;  /* instances up to which a run sees all of them: 1000 */
    /* [limits] of phases; times tcg_factor under TCG */
    int64_t limit_starting, limit_launched, limit_seeded, limit_stopping;
    unsigned tcg_factor; /* 4 */
    unsigned restarts_max;   /* of a guest by itself within the next: 10; 0: any number */
    int64_t restarts_within; /* ms: 10 min */
    int64_t exit_limit;      /* ms: 10 s; 0: none */
    /* [events] */
    int64_t events_age;           /* ms: 90 days */
    unsigned events_per_instance; /* 1000 */
    unsigned unknown_callers;     /* rows: 256 */
    unsigned reports_per_minute;  /* per instance: 600 */
    /* [projections] */
    int64_t coalesce;        /* ms: 200 */
    char ssh_key[PATH_SIZE]; /* IdentityFile in inventory and ssh-config; "" none */
    /* [hook NAME], in the order in which they were said */
    struct hook hooks[HOOKS_MAX];
    int n_hooks;
    /* Who said what, one per row of the table; for config_print(). Not sent over the channel. */
    struct config_origin {
        uint8_t from;  /* enum config_from in config_table.h */
        uint16_t line; /* of `file` */
    } origin[CONFIG_ROWS_MAX];
    char file[PATH_SIZE]; /* the file that was read; "" none */
};

/* Built-in values for the mode (resolved from geteuid() when auto). */
int config_defaults(struct config *c, struct err *e);
/* Reads one file over it. Unknown section or key, bad value, duplicate: "FILE: [section] key: what,
 * what would be right". Duplicates are found by an own pass over the lines since iniparser keeps
 * the last silently. */
int config_read_file(struct config *c, const char *file, struct err *e);
/* "section.key=value" from the command line. */
int config_set(struct config *c, const char *assignment, struct err *e);
/* Computes what hangs on several options (run directory) and checks them together. */
int config_finish(struct config *c, struct err *e);
/* "[section]\nkey = value  ; origin" for every option. */
void config_print(const struct config *c, struct buf *out);
/* What differs from the built-in values, hooks too, as a roost.conf that makes the same of them. */
void config_print_said(const struct config *c, struct buf *out);
/* The commented default roost.conf (also the source of the manual's table). */
void config_print_defaults(struct buf *out);
/* Over the channel: every option as text, re-checked by the same table. */
void config_encode(const struct config *c, struct buf *out);
int config_decode(struct msg_cur *cur, struct config *ret, struct err *e);

/* Whether guests are given an account of roost's own: not with [projections] ssh-key, which is the
 * operator's way in. */
bool config_has_account(const struct config *c);
/* The file of its private key; `out` has room for PATH_SIZE + 64 bytes. */
void config_account_key(const struct config *c, char *out);

/* For guests of an architecture. */
const char *config_qemu(const struct config *c, enum arch a);
const char *config_firmware_code(const struct config *c, enum arch a);
const char *config_firmware_vars(const struct config *c, enum arch a);

/* What guests' definitions may ask of this host. Borrows from c. */
struct machine_limits config_machine_limits(const struct config *c);

void config_spec_defaults(const struct config *c, struct spec_defaults *ret);
void config_phase_limits(const struct config *c, bool tcg, struct phase_limits *ret);

#endif
