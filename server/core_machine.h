/* A QEMU of ours, from the wish to start it to its end. Shared by core_machine.c (the list, what
 * roostd and QMP tell), core_launch.c (start) and core_stop.c (stop). */
#ifndef SERVER_CORE_MACHINE_H
#define SERVER_CORE_MACHINE_H

#include "base/spawn.h"
#include "bootstrap/qmp.h"
#include "server/core_priv.h"

/* Somebody who waits for an end. */
struct waiter {
    struct waiter *next;
    core_op_fn *done;
    void *arg;
};
int waiter_add(struct waiter **list, core_op_fn *done, void *arg, struct err *e);
void waiters_call(struct waiter **list, const json_t *result, const struct err *err);
/* The same after this turn's commit, whose failure they are told if err is NULL. */
void waiters_after(struct core *c, struct waiter **list, const struct err *err);
/* Takes the one back that was added last. */
void waiter_drop(struct waiter **list);

/* When it reset itself lately, CLOCK_BOOTTIME, in order. */
#define BOOTLOOP_MAX 100
struct bootloop {
    int64_t at_ms[BOOTLOOP_MAX];
    unsigned n;
    bool recalled; /* what an earlier roost recorded is in it */
};

enum machine_state {
    MACHINE_PREPARING, /* disk */
    MACHINE_LAUNCHING, /* intent on record, roostd asked */
    MACHINE_RUNNING,
    MACHINE_ENDED, /* until that is on record */
};

struct machine {
    struct machine *next;
    struct core *c;
    int64_t id;
    struct name name;
    uint64_t launch_id;
    struct token seed; /* by which it is found when it cannot say its tag */
    enum machine_state state;
    bool user_network;
    uint64_t memory; /* bytes it was promised; 0: not looked up yet */
    pid_t pid;       /* 0: none yet */
    enum accel accel; /* it runs on, from MACHINE_RUNNING on */

    struct qmp *qmp;
    bool qmp_ready;
    struct loop_timer *qmp_again; /* connects anew */
    bool watched;                 /* QMP was up once: it would have told of a shutdown */
    bool panicked;
    char ended_by[32]; /* QMP SHUTDOWN's reason; "" none heard */

    bool has_exited; /* EXITED came; waits for the last words on QMP */
    struct exited exited;
    struct loop_timer *end_timer; /* the end is recorded when it comes up */
    struct ration resets;
    struct bootloop loop;
    bool adopted;
    int64_t reset_ms; /* CLOCK_BOOTTIME of the last one that counted */

    struct loop_timer *stop_timer;
    unsigned stop_step;
    int64_t stop_asked_ms; /* CLOCK_BOOTTIME, 0: nobody did */
    bool stop_forced;
    char stop_how[64];

    struct child *scan; /* core_keyscan.c: ssh-keyscan at work */
    struct loop_timer *scan_timer;
    bool forward_known; /* to its SSH, of this QEMU: port ssh_port of 127.0.0.1 */
    uint16_t ssh_port;
    struct forwarding *forwarding; /* core_hostfwd.c: its published ports */

    struct child *disk;    /* qemu-img at work */
    struct disk_job *jobs; /* what it has to do, the first is under way */
    void (*disk_done)(struct machine *m, const struct err *err);
    uint64_t disk_size; /* of the root disk, asked for; 0: as the image */
    bool disk_volatile;
    char actor[64];
    struct waiter *on_start, *on_end;
};

struct machine *machine_new(struct core *c, const struct guest *g, struct err *e);
void machine_free(
    struct machine *m); /* out of the list; waiters are called with "roost is ending" */
void machine_watch(struct machine *m); /* opens QMP */
void machine_kill(struct machine *m);  /* through roostd */
/* Nobody has asked for it yet: it is as if it had not been wished for. */
void machine_cancel(struct machine *m);
/* EXITED came, and no more will be heard: the end goes on record, then the machine is freed. */
void machine_finish(struct machine *m);
/* Is its network up, or is none needed? */
bool machine_network_ready(struct core *c, const char *network);
/* Begins a start; `done` as core_start() has it. anyway: whatever memory there is. -1: refused, and
 * `done` is not called. */
int machine_start(struct core *c, const char *name, bool anyway, const struct actor *who,
                  core_op_fn *done, void *arg, struct err *e);
/* It runs, and is to be ended and started again: ERR_CONFLICT when it would not be by its memory. */
int machine_may_come_back(struct core *c, const struct guest *g, struct err *e);
struct machine *machine_by_name(struct core *c, const char *name);

/* --- core_adopt.c --- */
/* Asks roostd whether it runs. launch_id 0: whatever runs. */
void machine_ask(struct core *c, const struct name *name, uint64_t launch_id);

/* --- core_stop.c --- */
/* As core_stop(); -1: refused, and `done` is not called. */
int machine_stop(struct core *c, const struct guest *g, bool force, const char *actor,
                 core_op_fn *done, void *arg, struct err *e);
/* The stop that was asked for goes on: its QEMU is there now, or again. */
void machine_stop_on(struct machine *m);

/* --- core_bootloop.c --- */
/* It has reset itself. True: too often ([limits] restarts). */
bool bootloop_reset(struct machine *m);
/* So it is ended; why goes on record first. */
void bootloop_end(struct machine *m);
/* Is it being ended for that? */
bool bootloop_is_ending(struct core *c, int64_t id);
/* Was it? Takes the reason off the record. */
bool bootloop_verdict(struct core *c, int64_t id, char *out, size_t size);
/* An end that nobody asked for, as `k` and `text` have it: where it came soon after the launch and
 * nothing was heard of the guest, that is said too, and is a failure of one that was to ask for its
 * first seed. */
void ended_at_once(struct core *c, const struct guest *g, enum event_kind *k, char *text,
                   size_t size);

/* --- core_qmp.c --- */
/* The connection is gone: it is made again, or QEMU has ended. */
bool machine_lost(const struct machine *m);

/* --- core_hostfwd.c --- */
/* Its published ports are brought to what its definition says; nothing without QMP. */
void hostfwds_follow(struct machine *m);
void hostfwds_end(struct machine *m);
int hostfwds_forget(struct core *c, int64_t id, struct err *e); /* it goes off the record */
/* What of them is not to be had, for people; "" nothing. */
void hostfwds_note(struct store *store, const struct guest *g, char *out, size_t size);

/* --- core_keyscan.c --- */
/* It runs, and may be one that has to be asked for its host keys: until it is home. */
void keyscan_begin(struct machine *m);
void keyscan_end(struct machine *m);

/* --- core_medium.c --- */
/* roostd's answer; the descriptor stays the caller's. */
void medium_opened(struct core *c, uint32_t request, const struct error_msg *v, int fd);
/* Changes that are under way in a guest that is there no more. */
void mediums_end(struct core *c, int64_t id, const struct err *why);

/* --- core_drive.c: its disks, made and grown --- */
/* 1: qemu-img works on the disks, done() is called with its outcome (e's text ready for people); 0:
 * they are as they should be. */
int disk_make(struct machine *m, const struct instance *i,
              void (*done)(struct machine *m, const struct err *err), struct err *e);
/* What is being made is given up; a disk that grows is left to it. */
void disk_give_up(struct machine *m);
/* Before an instance `name` is defined so: do its disks go with those that are there already? */
int disk_check(const struct core *c, const char *name, const struct spec *s, struct err *e);

/* --- core_drive_file.c: disks that are files of somebody's --- */
struct drive_sight {
    enum disk_format format;
    bool device;
    uint64_t size; /* that the guest sees */
};
/* What it is; refused where it cannot be a disk, or must not be. */
int drive_look(const struct core *c, const char *instance, const struct drive *d,
               struct drive_sight *ret, struct err *e);
/* Tells format and device of one that is about to be used; nothing to do without a file. */
int drive_fill(struct core *c, int64_t id, struct drive *d, struct err *e);
/* They are this instance's from now on, in the transaction that defines it. */
int drive_claims_put(struct core *c, int64_t id, const struct spec *s, struct err *e);
/* ERR_CONFLICT: two instances of the fleet and on record have one file, and one writes to it. */
struct fleet;
int drive_claims_check(struct core *c, const struct fleet *f, struct err *e);

/* --- core_disk.c --- */
/* The definition of the root disk has grown since it was made. */
bool disk_grew(const struct machine *m);
/* What was written to volatile disks. */
void disk_throw_away(const struct core *c, const char *name);
/* What the disk is goes on record with the launch. */
int disk_record(const struct machine *m, uint32_t generation, struct err *e);
/* The disk, if there is one, is of this generation: recorded before the next one begins. */
int disk_of_generation(struct core *c, int64_t id, uint32_t generation, struct err *e);
/* It is not used any more, without a new generation. */
int disk_spoil(struct core *c, int64_t id, struct err *e);
/* Before the launch is on record: nobody has ever written to it, and nobody will: each start is the
 * first boot of its guest. */
bool disk_is_virgin(const struct machine *m);
/* The size that it was made for; 0: as the image, or not known. */
void disk_on_record(struct core *c, int64_t id, uint64_t *ret_size);
/* It came from elsewhere. */
int disk_brought(struct core *c, int64_t id, uint64_t size, uint32_t generation, struct err *e);
/* It is of an instance that goes off the record. */
int disk_forget(struct core *c, int64_t id, struct err *e);
/* What is on record of it, as text, and back. False: nothing. */
bool disk_recorded(struct core *c, int64_t id, char *ret, size_t size);
int disk_put_record(struct core *c, int64_t id, const char *text, struct err *e);
/* Is it of an earlier generation than the instance is, or spoilt? It is not used any more, then. */
bool disk_is_old(struct core *c, const struct guest *g);
int disk_discard(struct core *c, const char *name, struct err *e);

#endif
