/* The store: everything that roost must not forget, in one SQLite file (WAL, synchronous=FULL,
 * STRICT tables, foreign keys). Only server/store*.c knows SQL. One writer: roost-core's loop. The
 * worker thread has a reader of its own.
 *
 * Durability: what was written is on disk when store_commit() has returned 0. Callers write inside
 * a transaction that the first write of a loop turn begins and the turn's hook commits; answers
 * that depend on it go out after that. Every function that writes begins one if there is none;
 * without a store_commit() nothing stays. After a write failed for want of space or for the disk's
 * sake the transaction is lost: further writes and the commit fail too (store_rollback_to may still
 * save it). Nothing here holds more than one row of the fleet in memory. */
#ifndef SERVER_STORE_H
#define SERVER_STORE_H

#include <jansson.h>
#include <stdatomic.h>

#include "model/event.h"
#include "model/hostkey.h"
#include "model/identity.h"
#include "model/image.h"
#include "model/instance.h"
#include "model/layout.h"
#include "model/lifecycle.h"
#include "model/network.h"
#include "model/seedurl.h"
#include "model/token.h"

struct store;

/* Opens STATE/store.db below the directory, makes it when absent, migrates an older one (copied
 * aside first as store.db.SCHEMA.bak). A newer schema: ERR_CONFLICT, untouched. Not a database or
 * corrupt (quick_check after an unclean end only, of a small store only: see store_check): ERR_IO
 * with what to do. */
int store_open(const char *state_dir, struct store **ret, struct err *e);
/* Read-only, for another thread. */
int store_open_reader(const char *state_dir, struct store **ret, struct err *e);
void store_close(struct store *s); /* rolls back what was not committed; NULL is fine */

/* Transactions. begin is idempotent. commit without begin does nothing. A failed commit rolls back:
 * nothing of it happened. ERR_IO with os ENOSPC when the disk or a quota is full. */
int store_begin(struct store *s, struct err *e);
int store_commit(struct store *s, struct err *e);
void store_rollback(struct store *s);
/* Opens one snapshot for the reads of this loop turn, so that each need not take and release the
 * lock on the log (3 system calls a SELECT). Idempotent; nothing when a transaction is open. begin
 * makes a transaction of it; ended by commit and rollback: whoever calls it makes sure that one of
 * them ends the turn. */
void store_read(struct store *s);
bool store_in_transaction(const struct store *s);
/* What belongs together was written in part: the transaction is lost, its commit fails with e.
 * Spares the hot path a savepoint, for which every page that a request touches would be copied. */
void store_spoil(struct store *s, const struct err *e);
/* A point inside the transaction that one request can be rolled back to. */
int store_savepoint(struct store *s, struct err *e);
void store_release(struct store *s);
void store_rollback_to(struct store *s);
/* WAL checkpoint (PASSIVE), for the worker; on its own connection. ret_wal_bytes may be NULL. */
int store_checkpoint(struct store *reader, uint64_t *ret_wal_bytes, struct err *e);
/* True when the last process did not close the store. A large one is then to be checked by the
 * worker, on its own connection: reads the whole file. ERR_IO: damaged, with what to do. */
bool store_was_unclean(const struct store *s);
int store_check(struct store *reader, struct err *e);

/* --- server/store_copy.c: what takes minutes; on a reader of its own, given up soon after *stop is
 * set (ERR_BUSY) --- */
/* One snapshot of the whole store into `to` (made, 0600; what is there goes), on disk and checked.
 */
int store_copy(struct store *reader, const char *to, const atomic_bool *stop, struct err *e);
/* Everything: pages, indexes against their tables, references, and the counts that are kept. The
 * first thing that is wrong: ERR_IO. ret_bytes: the size of the store. */
int store_verify(struct store *reader, const atomic_bool *stop, uint64_t *ret_bytes,
                 struct err *e);

/* Small facts by key: "salt", "base-url", "boot-id" … */
int store_meta_get(struct store *s, const char *key, char *ret, size_t size,
                   struct err *e); /* absent: ERR_NOT_FOUND */
int store_meta_set(struct store *s, const char *key, const char *value, struct err *e);
int store_meta_remove(struct store *s, const char *key, struct err *e); /* absent: fine */

/* --- instances: the hot row --- */
struct guest {
    int64_t id;
    struct name name;
    struct tag tag;
    char iid[IID_MAX + 1];
    uint32_t generation, epoch;
    struct uuid uuid;
    struct mac mac;
    enum launcher launcher;
    struct name network;
    uint64_t launch_id;      /* of the running or last QEMU, 0 none */
    struct endpoint address; /* where SSH is; port 0: none known */
    struct standing standing;
    bool seed_stale; /* the stored documents are to be rendered again */
    bool sealed;     /* was home once: `seal` applies */
    uint32_t boots;  /* launches of this generation and reboots seen */
    /* launch_id of a QEMU that somebody asked to stop: its end is no failure */
    uint64_t stop_wanted;
    int64_t last_event;    /* its newest one, which knows the one before; 0 none */
    uint32_t events;       /* in that chain */
    enum phase read_phase; /* as it was read: what an update expects to find; the store's */
};
int store_guest_by_name(struct store *s, const char *name, struct guest *ret, struct err *e);
int store_guest_by_tag(struct store *s, const char *tag, struct guest *ret, struct err *e);
int store_guest_by_id(struct store *s, int64_t id, struct guest *ret, struct err *e);
/* 1, 0 none, -1. */
int store_guest_by_mac(struct store *s, const struct mac *mac, struct guest *ret, struct err *e);
int store_guest_by_uuid(struct store *s, const struct uuid *u, struct guest *ret, struct err *e);
int store_guest_by_serial(struct store *s, const struct serial *serial, struct guest *ret,
                          struct err *e);
/* Changes the fields that live: launch_id, address, standing, seed_stale, sealed, boots,
 * generation, iid, epoch, stop_wanted; and what store_event_add() changed. */
int store_guest_update(struct store *s, const struct guest *g, struct err *e);

/* The whole instance with its spec (to be released with instance_done). */
int store_instance_get(struct store *s, int64_t id, struct instance *ret, struct err *e);
/* Inserts; sets i->id. A name, tag, uuid, serial or MAC that is taken: ERR_CONFLICT naming which. */
int store_instance_insert(struct store *s, struct instance *i, struct err *e);
/* Replaces the spec (and network column) of i->id; marks its seed stale. */
int store_instance_set_spec(struct store *s, int64_t id, const struct spec *spec, struct err *e);
int store_instance_remove(struct store *s, int64_t id, struct err *e);
/* Another name; the rest stays. It is free. */
int store_guest_rename(struct store *s, int64_t id, const char *name, struct err *e);
/* Does somebody have that instance-id who is not called so (any more)? 1, 0, -1. */
int store_iid_held(struct store *s, const char *iid, struct err *e);
bool store_identity_taken(struct store *s, const struct uuid *u, const struct mac *m);

/* Iteration in order of name; fn returning non-zero ends it (and that value is returned). */
typedef int store_guest_fn(const struct guest *g, void *arg);
int store_guests(struct store *s, store_guest_fn *fn, void *arg, struct err *e);
/* Only those in a phase of the mask (1u << PHASE_…), in order of their number; DEFINED are those
 * that roost launches, since of others nothing is expected. By an index, but for HOMED and
 * CONFIGURED, which read the fleet: not on the way to the first answer. In all of these
 * fn may read and write the store; nobody is shown twice. */
int store_guests_in(struct store *s, unsigned phase_mask, store_guest_fn *fn, void *arg,
                    struct err *e);
/* Their numbers alone, without a look at the rows. */
typedef int store_id_fn(int64_t id, void *arg);
int store_guest_ids_in(struct store *s, unsigned phase_mask, store_id_fn *fn, void *arg,
                       struct err *e);
/* Those with a launch_id (whose QEMU may run, for adoption) and the overdue ones: by small indexes
 * of their own, in order of their number. */
int store_guests_launched(struct store *s, store_guest_fn *fn, void *arg, struct err *e);
int store_guests_overdue(struct store *s, store_guest_fn *fn, void *arg, struct err *e);
/* Counts by phase, and how many are overdue. O(phases), not O(instances). */
int store_counts(struct store *s, uint64_t by_phase[PHASES], uint64_t *ret_overdue, struct err *e);

/* --- moves (store_move.c): directories that follow the record after its commit (core_move.c) --- */
#define MOVE_PATH 128 /* "instances/NAME", below the state directory */
struct move {
    int64_t id;
    char origin[MOVE_PATH], target[MOVE_PATH];
};
int store_move_put(struct store *s, const char *origin, const char *target, struct err *e);
int store_move_remove(struct store *s, int64_t id, struct err *e);
/* The first one beyond `after`: 1, 0 none, -1. */
int store_move_next(struct store *s, int64_t after, struct move *ret, struct err *e);
/* Is that path one's origin or target? 1, 0, -1. */
int store_move_of(struct store *s, const char *path, struct err *e);

/* --- the trash (store_trash.c): removed instances until they are forgotten (core_trash.c) --- */
struct trashed {
    int64_t id;
    struct name name;
    int64_t removed_ms; /* real time */
    uint64_t bytes;     /* of its directory */
    char actor[64];
};
int store_trash_put(struct store *s, struct trashed *t, const json_t *spec, const json_t *record,
                    struct err *e); /* sets t->id */
/* The first one beyond `after`: 1, 0 none, -1. */
int store_trash_next(struct store *s, int64_t after, struct trashed *ret, struct err *e);
int store_trash_get(struct store *s, int64_t id, struct trashed *ret, json_t **ret_spec,
                    json_t **ret_record, struct err *e); /* ERR_NOT_FOUND; new references */
int store_trash_remove(struct store *s, int64_t id, struct err *e); /* none: fine */
int store_trash_sum(struct store *s, int64_t *ret_n, uint64_t *ret_bytes, struct err *e);
/* store_instance_insert() under the number that it had, with its chain of events. */
int store_instance_restore(struct store *s, const struct instance *i, const struct guest *g,
                           struct err *e);
/* --- cards beside the first one (store_nic.c) --- */
struct store_nic {
    int64_t instance;
    int number; /* from 1; the first card is no row here */
    struct name network;
    struct mac mac;
    struct ip reserved, leased; /* family 0 none */
};
/* ERR_CONFLICT: the MAC, or the address on that network, is another one's. */
int store_nic_put(struct store *s, const struct store_nic *n, struct err *e);
int store_nics_remove(struct store *s, int64_t instance, struct err *e);
/* In order of their numbers: how many. */
int store_nics_of(struct store *s, int64_t instance, struct store_nic ret[NICS_OTHER],
                  struct err *e);
int store_nic_by_mac(struct store *s, const struct mac *mac, struct store_nic *ret,
                     struct err *e); /* 1, 0, -1 */
int store_nic_leased(struct store *s, const struct store_nic *n, struct err *e); /* n->leased */

/* --- grants (store_grant.c): who was adopted reads its seed from there until it is home --- */
int store_grant_put(struct store *s, int64_t instance, const struct ip *ip, struct err *e);
int store_grant_remove(struct store *s, int64_t instance, struct err *e); /* none: fine */
/* 1, 0 none (of that instance; of that address, or of more than one there), -1. */
int store_grant_of(struct store *s, int64_t instance, struct ip *ret, struct err *e);
int store_grant_at(struct store *s, const struct ip *ip, int64_t *ret_instance, struct err *e);
int store_grants_count(struct store *s, int64_t *ret, struct err *e);

/* --- accounts (store_account.c): roost's own in a guest, as its generation's documents have it ---
 */
struct account {
    char login[64];
    char key[HOSTKEY_B64_MAX + 64]; /* "ALGORITHM BASE64" */
};
#define META_ACCOUNT_KEY "account-key" /* the key's public half now, as in `key`; "" none */
int store_account_put(struct store *s, int64_t instance, const struct account *a, struct err *e);
int store_account_remove(struct store *s, int64_t instance, struct err *e); /* none: fine */
/* 1, 0 none, -1. */
int store_account_get(struct store *s, int64_t instance, struct account *ret, struct err *e);

/* --- store_moved.c: tokens that a guest brought from another host, of one instance-id --- */
int store_moved_put(struct store *s, int64_t instance, const char *iid,
                    const struct token tokens[TOKEN_PURPOSES], struct err *e);
/* 1, 0 none, -1. */
int store_moved_get(struct store *s, int64_t instance, const char *iid,
                    struct token ret[TOKEN_PURPOSES], struct err *e);

/* --- definitions: networks, identities, images, groups; tasks by number (server/core_task.h) --- */
enum def_kind { DEF_NETWORK, DEF_IDENTITY, DEF_IMAGE, DEF_GROUP, DEF_TASK };
/* Canonical JSON as text of one definition. */
int store_def_get(struct store *s, enum def_kind k, const char *name, json_t **ret, struct err *e);
int store_def_put(struct store *s, enum def_kind k, const char *name, const json_t *j,
                  struct err *e);
int store_def_remove(struct store *s, enum def_kind k, const char *name, struct err *e);
/* How many instances use an identity or an image, those in the trash included ("NAME in the trash"),
 * and the first of them by name ("" none). Reads all specifications. */
int store_def_users(struct store *s, enum def_kind k, const char *name, int64_t *ret_n,
                    struct name *ret_first, struct err *e);
typedef int store_def_fn(const char *name, const json_t *j, void *arg);
int store_defs(struct store *s, enum def_kind k, store_def_fn *fn, void *arg, struct err *e);

/* --- seeds: documents as rendered, equal user-data once --- */
struct seed_docs {
    struct {
        const char *data; /* valid until the next store_seed_get or the end of the store */
        size_t len;
    } doc[SEED_DOCS];
};
/* The documents are fresh then: the stored row is no longer seed_stale. */
int store_seed_put(struct store *s, int64_t instance, const struct seed_docs *d, struct err *e);
/* One prepared SELECT. ERR_NOT_FOUND when nothing was rendered. */
int store_seed_get(struct store *s, int64_t instance, struct seed_docs *ret, struct err *e);
/* Marks every instance's documents stale (base URL or renderer changed). One row, not the fleet's.
 */
int store_seed_stale_all(struct store *s, struct err *e);

/* --- host keys --- */
struct guest_keys {
    char iid[IID_MAX + 1];
    bool has[HOSTKEY_TYPES];
    struct hostkey keys[HOSTKEY_TYPES];
};
int store_keys_get(struct store *s, int64_t instance, struct guest_keys *ret,
                   struct err *e); /* ERR_NOT_FOUND */
int store_keys_put(struct store *s, int64_t instance, const struct guest_keys *k, struct err *e);
int store_keys_remove(struct store *s, int64_t instance, struct err *e);

/* --- events --- */
/* Appends; sets ev->seq. g NULL: the appliance. It is the guest's newest event from the next
 * store_guest_update() on: its row names the last event, each event the one before, so that no
 * index is written at a random place for each of them. */
int store_event_add(struct store *s, struct guest *g, struct event *ev, struct err *e);
/* The same for one of the appliance, with the number that it has in ev->seq, beyond the last one. */
int store_event_add_at(struct store *s, const struct event *ev, struct err *e);
typedef int store_event_fn(const struct event *ev, void *arg);
/* Events with seq > after in order, at most limit; of one instance when id != 0, of which all that
 * follow `after` are looked at. With newest: the last `limit` ones instead, still in order. Events
 * of removed instances stay until they age out. */
int store_events(struct store *s, int64_t instance, int64_t after, int limit, bool newest,
                 store_event_fn *fn, void *arg, struct err *e);
/* Events with after < seq <= until, in order, of these kinds only (a bit for each: 1 << kind). */
int store_events_of(struct store *s, uint64_t kinds, int64_t after, int64_t until,
                    store_event_fn *fn, void *arg, struct err *e);
int64_t store_last_event(struct store *s);
/* Drops what is older than before_ms, and beyond keep per instance (when it has a sixteenth more);
 * at most `batch` rows a call; returns how many, -1 on error. A call looks at a bounded number of
 * rows (8 * batch), so 0 does not say that all was looked at: call it now and then. The newest
 * event stays whatever its age: numbers are not reused. */
int store_events_prune(struct store *s, int64_t before_ms, unsigned keep, int batch, struct err *e);

/* --- boot timeline: one bounded row per instance and boot; the newest 8 boots are kept --- */
#define TIMELINE_MAX 8192
int store_timeline_put(struct store *s, int64_t instance, uint32_t boot, const char *json,
                       struct err *e);
/* Newest boot; ERR_NOT_FOUND. The caller frees. */
int store_timeline_get(struct store *s, int64_t instance, uint32_t *ret_boot, char **ret_json,
                       struct err *e);

/* --- usual durations of phases, by accelerator: mean of the last ones, exponentially weighted ---
 */
int store_usual_add(struct store *s, enum phase p, int accel, int64_t ms, struct err *e);
int64_t store_usual_get(struct store *s, enum phase p, int accel); /* 0: never measured */

/* --- dirty marks of reactors: set in the transaction that made them due --- */
int store_dirty_mark(struct store *s, const char *reactor, struct err *e);
bool store_dirty_get(struct store *s, const char *reactor);
int store_dirty_clear(struct store *s, const char *reactor, struct err *e);

/* --- what projections read: every instance that was ever home, in order of name --- */
struct store_host {
    const struct guest *guest;
    const struct guest_keys *keys; /* NULL: none on record */
    const json_t *spec;            /* canonical spec */
};
typedef int store_host_fn(const struct store_host *h, void *arg);
int store_hosts(struct store *s, store_host_fn *fn, void *arg, struct err *e);

/* --- Ansible: what is due for an instance (server/core_job.c) --- */
enum job_state { JOB_PENDING, JOB_RUNNING, JOB_DONE, JOB_STATES };
const char *job_state_name(enum job_state s); /* "pending" "running" "done" */
/* One for each instance: of the generation that came home last. */
struct job {
    int64_t instance;
    uint32_t generation;
    enum job_state state;
    bool ready;    /* the moment for it has come; else not_before says when to look again */
    bool finished; /* cloud-init ended in this boot */
    bool resets;   /* it is going to restart the guest before it is through (power_state) */
    uint32_t attempts, interruptions;
    int64_t not_before_ms; /* real time; of a pending one */
    int64_t heard_ms;      /* real time of what it was last heard by */
    int64_t run;           /* the last one, 0 none */
    char outcome[16];      /* once done: "ok" "changed" "failed" "unreachable" … */
};
int store_job_get(struct store *s, int64_t instance, struct job *ret, struct err *e); /* 1, 0, -1 */
int store_job_put(struct store *s, const struct job *j, struct err *e);
int store_job_remove(struct store *s, int64_t instance, struct err *e);
/* Instances of pending jobs whose time has come, the longest due first: how many, at most max. */
int store_jobs_due(struct store *s, bool ready, int64_t now_ms, int64_t *ret, int max,
                   struct err *e);
/* When the next pending job is due; INT64_MAX: none is pending. */
int store_jobs_next(struct store *s, bool ready, int64_t *ret_ms, struct err *e);
/* None is put off farther than until then: the wall clock may have been set back. */
int store_jobs_cap(struct store *s, int64_t until_ms, struct err *e);
int store_jobs_count(struct store *s, int64_t ret[JOB_STATES], struct err *e);

/* --- and its runs --- */
#define RUN_TAGS_TEXT 512
#define RUN_HOW_SIZE  16
struct run {
    int64_t id;           /* 0: store_run_add() gives it one */
    enum job_state state;
    bool by_hand, check;
    char playbook[PLAYBOOK_MAX + 1]; /* as it was named; DEPLOY of `own`'s own directory */
    struct name own;                 /* instance whose own playbook it is; "" the fleet's */
    char tags[RUN_TAGS_TEXT];        /* with commas */
    char actor[64];
    uint32_t hosts, interruptions;
    int64_t asked_ms, started_ms, ended_ms; /* real time, 0: not yet */
    int64_t pid, start_time; /* of what runs, 0 not known */
    char boot_id[40];
    char how[RUN_HOW_SIZE]; /* once done: "done" "refused" "timed-out" "cancelled" … */
    char reason[600];       /* one line for people */
};
int store_run_add(struct store *s, struct run *r, struct err *e);
int store_run_put(struct store *s, const struct run *r, struct err *e); /* all but what it is for */
int store_run_get(struct store *s, int64_t id, struct run *ret, struct err *e); /* ERR_NOT_FOUND */
typedef int store_run_fn(const struct run *r, void *arg);
/* Those that are not done, in order. */
int store_runs_open(struct store *s, store_run_fn *fn, void *arg, struct err *e);
/* The newest first; of an instance only when it is not 0. */
int store_runs(struct store *s, int64_t instance, int limit, store_run_fn *fn, void *arg,
               struct err *e);
/* One that is done and older than before_ms or beyond the newest `keep` is forgotten: its number in
 * *ret. 1, 0 none, -1. */
int store_run_forget(struct store *s, int64_t before_ms, unsigned keep, int64_t *ret,
                     struct err *e);

struct run_host {
    int64_t instance;
    struct name name;
    uint32_t generation;
    char outcome[16]; /* "" not yet */
    char task[164], message[404];
    uint32_t ok, changed, failed, skipped;
    int64_t duration_ms;
};
int store_run_host_put(struct store *s, int64_t run, const struct run_host *h, struct err *e);
typedef int store_run_host_fn(const struct run_host *h, void *arg);
int store_run_hosts(struct store *s, int64_t run, store_run_host_fn *fn, void *arg, struct err *e);

/* --- networks on the host --- */
/* Which are to be up. */
int store_network_want(struct store *s, const char *network, bool up, struct err *e);
bool store_network_wanted(struct store *s, const char *network);

/* The ledger: what was changed on the host, written before it is done. */
struct ledger_row {
    int64_t number; /* order, from 1, within its network */
    char line[256]; /* a step */
    char undo[16384];
};
/* Appends; a line that is there keeps its row, and what it remembers: ret_number says which. */
int store_ledger_add(struct store *s, const char *network, const char *line, const char *undo,
                     int64_t *ret_number, struct err *e);
int store_ledger_remove(struct store *s, const char *network, int64_t number, struct err *e);
/* Another network's row with the same line gets what this one remembers, in its place, and this one
 * goes: 1. 0: there is no such row, nothing changes. */
int store_ledger_hand_over(struct store *s, const char *network, int64_t number, struct err *e);
/* The row before `before` (INT64_MAX: the last one). 1, 0 none, -1. */
int store_ledger_before(struct store *s, const char *network, int64_t before,
                        struct ledger_row *ret, struct err *e);

/* How many instances are on it, and the first of them. */
int store_network_guests(struct store *s, const char *network, int64_t *ret_n, struct name *ret_first,
                         struct err *e);

/* --- reservations: an instance's address on its network --- */
struct reserved {
    int64_t instance;
    struct name name;
    struct mac mac;
    struct ip ip;
};
/* In place of what it had. ERR_CONFLICT: another instance has that address there. */
int store_reservation_put(struct store *s, int64_t instance, const char *network,
                          const struct ip *ip, struct err *e);
int store_reservation_remove(struct store *s, int64_t instance, struct err *e);
/* 1, 0 none (of that instance; of that network and address), -1. */
int store_reservation_of(struct store *s, int64_t instance, struct reserved *ret, struct err *e);
int store_reservation_at(struct store *s, const char *network, const struct ip *ip,
                         struct reserved *ret, struct err *e);
/* All of a network, in order of their instances. fn returning non-zero ends it (and that value is
 * returned). */
typedef int store_reserved_fn(const struct reserved *r, void *arg);
int store_reservations_count(struct store *s, const char *network, int64_t *ret, struct err *e);
int store_reservations(struct store *s, const char *network, store_reserved_fn *fn, void *arg,
                       struct err *e);

/* --- files that are disks (server/core_drive_file.c) --- */
struct drive_claim {
    int64_t instance;
    char file[DRIVE_FILE_MAX + 1];
    bool writes;
    enum disk_format format; /* that it had when it was put first */
    struct name name;        /* the instance's; read only */
};
int store_drive_files_clear(struct store *s, int64_t instance, struct err *e);
int store_drive_file_put(struct store *s, const struct drive_claim *d, struct err *e);
/* 1 found, 0 not, -1. */
int store_drive_file_get(struct store *s, int64_t instance, const char *file,
                         struct drive_claim *ret, struct err *e);
/* All of them; a result of fn other than 0 ends it and is returned. */
typedef int store_drive_fn(const struct drive_claim *d, void *arg);
int store_drive_files(struct store *s, store_drive_fn *fn, void *arg, struct err *e);

/* --- forwards of definitions (store_hostfwd.c) --- */
struct store_hostfwds {
    int64_t instance;
    struct name name;
    struct hostfwd list[HOSTFWDS_MAX];
    int n;
};
typedef int store_hostfwds_fn(const struct store_hostfwds *row, void *arg);
/* Those of every instance that has any; a result of fn other than 0 ends it and is returned. */
int store_hostfwds(struct store *s, store_hostfwds_fn *fn, void *arg, struct err *e);

#endif
