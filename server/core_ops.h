/* What may be asked of core from outside (the control API): reads give JSON trees, surveys and
 * operations end in a callback. Every read comes straight from the store; nothing is held between
 * calls. */
#ifndef SERVER_CORE_OPS_H
#define SERVER_CORE_OPS_H

#include <jansson.h>

#include "base/buf.h"
#include "server/core.h"

/* Called exactly once, err NULL on success; `result` (may be NULL) is borrowed. It is called after
 * the commit of what the operation wrote, maybe before core_op…() returns only on an early refusal.
 */
typedef void core_op_fn(const json_t *result, const struct err *err, void *arg);

/* Who asks, for the event: "uid 1000 (name)". */
struct actor {
    char text[64];
};

/* --- reads; new references, NULL with e on failure --- */
json_t *core_status(struct core *c, struct err *e);
/* OpenMetrics text; api_waiting: requests that wait for an answer. */
int core_metrics(struct core *c, unsigned api_waiting, struct buf *out, struct err *e);
json_t *core_check(struct core *c, struct err *e);
bool core_disk_is_full(const struct core *c); /* the one that the state directory is on */
json_t *core_paths(struct core *c, struct err *e);
json_t *core_instance(struct core *c, const char *name, struct err *e); /* everything about one */
json_t *core_console_tail(struct core *c, const char *name, unsigned lines, struct err *e);
json_t *core_events(struct core *c, const char *name, int64_t after, int limit, bool newest,
                    struct err *e); /* {"events": […], "last": SEQ} */
json_t *core_unknown(struct core *c, struct err *e);
/* The bytes of one document ("user-data") as the guest gets them. */
int core_seed_document(struct core *c, const char *name, const char *document, struct buf *ret,
                       struct err *e);
/* {"client", "requests": [{method, url, note}], "warnings": […]}: what such a client asks, in order;
 * URLs have words in place of tokens. */
json_t *core_seed_explain(struct core *c, const char *name, const char *client, struct err *e);
/* The CIDATA volume of a guest with a bootstrapper by volume; for any other one that holds all of
 * its documents. It holds secrets. */
int core_seed_volume(struct core *c, const char *name, struct buf *ret, struct err *e);
/* {"for", "text", "notes": […]}: what to paste where somebody else launches it (seeds/paste.h); name
 * "": a URL that fits any machine. It holds the seed token. */
json_t *core_seed_url(struct core *c, const char *name, const char *form, struct err *e);
/* {"for", "text", "notes": […]}: the guest as a script (bootstrap/vmsh.h, macsh.h), form "linux" or
 * "mac". It holds no secret. */
json_t *core_export(struct core *c, const char *name, const char *form, struct err *e);
/* A guest comes from another host. as, network NULL: as its bundle says. Result: the task (core_task())
 * that does it. ERR_BUSY: another one is on its way. */
struct move_ask {
    const char *file; /* absolute */
    const char *as, *network;
};
void core_import(struct core *c, const struct move_ask *ask, const struct actor *who,
                 core_op_fn *done, void *arg);
/* A guest as its bundle (model/bundle.h), made while it is read. It is stopped, and is kept so by its
 * lock as long as the stream lives. image: with what its disk stands on. ERR_CONFLICT: it runs, or
 * was never started. NULL with e. */
struct bundle_stream;
struct bundle_stream *core_bundle(struct core *c, const char *name, bool image, struct err *e);
/* The next bytes, at most max; 0 the end, -1: it breaks off (logged). Never blocks. */
#define BUNDLE_NOT_YET (-2)
ssize_t bundle_stream_read(struct bundle_stream *s, char *out, size_t max);
/* After BUNDLE_NOT_YET: fn once when there is more, or an end. */
void bundle_stream_wait(struct bundle_stream *s, void (*fn)(void *arg), void *arg);
void bundle_stream_free(struct bundle_stream *s); /* NULL is fine */
/* An unknown caller (its "caller" in core_unknown()) becomes instance `name`, launched by somebody
 * else and known by what it sent; `network` "" is the default one. Result: as of core_apply(). */
void core_adopt_caller(struct core *c, const char *caller, const char *name, const char *network,
                       const struct actor *who, core_op_fn *done, void *arg);
int core_forget_caller(struct core *c, const char *caller, struct err *e);
json_t *core_definitions(struct core *c, const char *kind,
                         struct err *e); /* "networks" "identities" "images" "groups" */

/* --- surveys: what needs the whole fleet, read beside the loop --- */
enum survey_kind {
    SURVEY_INSTANCES, /* JSON: array of rows */
    /* The generated files, rendered now from the store (not read from disk). */
    SURVEY_INVENTORY,
    SURVEY_KNOWN_HOSTS, /* of one host only, a name or an address, where `host` says so */
    SURVEY_SSH_CONFIG,
    SURVEYS
};
/* Called exactly once, err NULL on success; the text may be taken (buf_steal). */
typedef void core_text_fn(struct buf *text, const struct err *err, void *arg);
/* Shows what was written before it was asked for. host may be NULL. */
void core_survey(struct core *c, enum survey_kind kind, const char *host, core_text_fn *done,
                 void *arg);

/* --- backups and checks of the store: minutes for a large one; beside the loop, one at a time --- */
/* A backup (model/backup.h) as it is to be sent: bytes, then a file without a name, then bytes. */
struct archive {
    struct buf head, tail;
    int fd;
    uint64_t size; /* of the file */
};
void archive_done(struct archive *a); /* NULL is fine */
/* Called exactly once; on success the archive is the callee's, to be ended with archive_done(). */
typedef void core_archive_fn(struct archive *a, const struct err *err, void *arg);
/* Holds all that was acknowledged before it was asked for. ERR_BUSY while another is being made. */
void core_backup(struct core *c, core_archive_fn *done, void *arg);
/* {"bytes", "instances"}; what is wrong: ERR_IO. */
void core_store_check(struct core *c, core_op_fn *done, void *arg);

/* --- core_tty.c: a guest's serial line, shared by all who watch it --- */
struct viewer;
/* Once: no more comes, or the connection broke; viewer_free() is due. Not from viewer_begin() when
 * that failed. */
typedef void viewer_gone_fn(void *arg);
/* A place at the line of a guest that runs, whose connection comes with viewer_begin(). silent:
 * nothing of what it sends goes to the guest. NULL: ERR_CONFLICT it does not run here, ERR_BUSY its
 * line does not answer or too many watch. */
struct viewer *core_view(struct core *c, const char *name, bool silent, const struct actor *who,
                         struct err *e);
unsigned viewer_others(const struct viewer *v); /* who else has a place there */
/* The socket stays the caller's and must outlive the viewer; `data` came on it already. */
int viewer_begin(struct viewer *v, int fd, const void *data, size_t len, viewer_gone_fn *gone,
                 void *arg, struct err *e);
void viewer_free(struct viewer *v); /* NULL is fine; also from `gone` */

/* --- networks --- */
/* Definitions in canonical form with {"name", "state": "up" "down" "changing" "failed", "bridge", "note"}
 * beside; a user network is always up. */
json_t *core_networks(struct core *c, struct err *e);
/* The row, and {"reservations": [{instance, mac, address}], "files": DIR, "instances": N}. */
json_t *core_network_show(struct core *c, const char *name, struct err *e);
/* ERR_CONFLICT: guests run on it (down), instances are on it or it is up (remove). `up` of one that
 * is up brings it to its definition and mends what somebody took away. */
void core_network_up(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                     void *arg);
void core_network_down(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                       void *arg);
void core_network_remove(struct core *c, const char *name, const struct actor *who,
                         core_op_fn *done, void *arg);
/* What `up` would change: {"bridge", "warning", "steps": [{"do": TEXT, "done": bool}]}, `done` where
 * the ledger has it. Changes nothing. */
void core_network_plan(struct core *c, const char *name, core_op_fn *done, void *arg);
/* What would keep guests offline: {"checks": [{network, name, ok, level, detail, mend}]} as of
 * core_check(), network "" for the host. name NULL: the host and every network. */
void core_network_check(struct core *c, const char *name, core_op_fn *done, void *arg);
/* Result: {"text": what netcfg/export.h renders}. */
void core_network_export(struct core *c, const char *name, const char *format, core_op_fn *done,
                         void *arg);

/* --- identities --- */
/* model/identity.h's view, with name, instances (how many use it) and warnings beside. */
json_t *core_identity(struct core *c, const char *name, struct err *e);
/* Results as of core_identity(). ERR_CONFLICT: it is there. */
void core_identity_create(struct core *c, const char *name, const json_t *words,
                          const struct actor *who, core_op_fn *done, void *arg);
struct identity_change {
    json_t *set;         /* words and their values; null takes one away; NULL: none */
    json_t *add_keys;    /* key lines; NULL: none */
    json_t *remove_keys; /* by fingerprint, line, or a comment that is there once; NULL: none */
};
void core_identity_modify(struct core *c, const char *name, const struct identity_change *h,
                          const struct actor *who, core_op_fn *done, void *arg);
/* ERR_CONFLICT: instances use it. */
void core_identity_remove(struct core *c, const char *name, const struct actor *who,
                          core_op_fn *done, void *arg);

/* --- images --- */
/* The record, and name, instances (how many use it), size-on-disk and path beside. */
json_t *core_image_show(struct core *c, const char *name, struct err *e);
/* Result: the task that makes it (core_task()), with warnings. ERR_CONFLICT: it is there. */
void core_image_create(struct core *c, const char *name, const json_t *words,
                       const struct actor *who, core_op_fn *done, void *arg);
/* Reads all of it; ERR_CONFLICT: it is not what was made any more. */
void core_image_verify(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                       void *arg);
/* ERR_CONFLICT: instances stand on it. */
void core_image_remove(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                       void *arg);
/* What a crash left, and with `all` images that no instance uses. Result: {"leftovers": [name],
 * "images": [name]}. */
void core_image_gc(struct core *c, bool all, bool dry_run, const struct actor *who,
                   core_op_fn *done, void *arg);

/* --- Ansible --- */
/* Writes the documents of ansible/init.h where there are none: {"directory", "files": [{"file", "is":
 * "written" "unchanged" "kept"}]}. instance NULL: the fleet's. */
json_t *core_ansible_init(struct core *c, const char *instance, struct err *e);

/* Predefined images, {NAME: …} as in the file: roost's own and over them the operator's. */
json_t *core_catalogue(struct core *c, struct err *e);

/* --- tasks: work that outlives who asked for it --- */
/* [{id, kind, object, what, state: "running" "done" "failed" "cancelled" "interrupted", by, begun,
 * ended, error: {kind, message}}], in order; running ones with step, bytes, total, version. */
json_t *core_tasks(struct core *c, struct err *e);
/* One; when its version is still `seen`, after it has changed or wait_ms. */
void core_task(struct core *c, const char *name, uint64_t seen, int64_t wait_ms, core_op_fn *done,
               void *arg);
/* Asks it to end; ERR_CONFLICT: it has. */
void core_task_cancel(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                      void *arg);

/* --- operations --- */
/* fn when what was asked for in this turn of the loop is on record, as far as it is by its end, or
 * could not be put there. -1 only without memory. */
int core_when_recorded(struct core *c, void (*fn)(bool recorded, void *arg), void *arg,
                       struct err *e);
/* `tree` is the fleet as JSON (file contents inlined by the client); result: {"plan": [{object,
 * name, action, class, fields}], "warnings": […], "changed": bool}. dry_run plans only. */
void core_apply(struct core *c, const json_t *tree, bool dry_run, const struct actor *who,
                core_op_fn *done, void *arg);
/* The same, but an instance that is there already is ERR_CONFLICT. */
void core_create(struct core *c, const json_t *tree, bool dry_run, const struct actor *who,
                 core_op_fn *done, void *arg);
void core_start(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                void *arg);
/* ERR_CONFLICT when the guests' memory would be more than the host has; this one starts it anyway. */
void core_start_anyway(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                       void *arg);
/* Ends when the guest has ended. force: kill at once. */
void core_stop(struct core *c, const char *name, bool force, const struct actor *who,
               core_op_fn *done, void *arg);
/* Inserts an image (iso: its absolute path) or ejects what is in ("") the CD-ROM drive, for good,
 * and at once where it runs. force: though the guest holds the tray. Result: {"instance", "cdrom",
 * "live"}. */
void core_medium(struct core *c, const char *name, const char *iso, bool force,
                 const struct actor *who, core_op_fn *done, void *arg);
void core_restart(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                  void *arg);
void core_rebuild(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                  void *arg);
/* These too, whatever memory there is; the others refuse before the guest is ended. */
void core_restart_anyway(struct core *c, const char *name, const struct actor *who,
                         core_op_fn *done, void *arg);
void core_rebuild_anyway(struct core *c, const char *name, const struct actor *who,
                         core_op_fn *done, void *arg);
/* A fresh disk under the same instance-id. ERR_CONFLICT: its root disk is none of roost's. */
void core_reset(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                void *arg);
void core_reset_anyway(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                       void *arg);
/* The name alone. ERR_CONFLICT: it runs, or the name is taken. */
void core_rename(struct core *c, const char *from, const char *to, const struct actor *who,
                 core_op_fn *done, void *arg);
/* A running guest: ERR_CONFLICT unless force. */
void core_remove(struct core *c, const char *name, bool force, const struct actor *who,
                 core_op_fn *done, void *arg);
/* Would it be removed? Nothing is changed. */
int core_remove_check(struct core *c, const char *name, bool force, struct err *e);
/* As core_remove(), but at once and for good; that keeps it in the trash for a time. */
void core_destroy(struct core *c, const char *name, bool force, const struct actor *who,
                  core_op_fn *done, void *arg);

/* --- the trash --- */
/* [{number, name, removed, until, size, by}], the oldest first. */
json_t *core_trash(struct core *c, struct err *e);
/* which: a number, or a name that is there once; as NULL: under its own name. Result: {"name"}.
 * ERR_CONFLICT: somebody has its name, tag, uuid, MAC, ports or files by now, or what it stands on is
 * gone. */
void core_trash_restore(struct core *c, const char *which, const char *as, const struct actor *who,
                        core_op_fn *done, void *arg);
/* For good, with its disks. */
void core_trash_forget(struct core *c, const char *which, const struct actor *who, core_op_fn *done,
                       void *arg);

void core_sync(struct core *c, const struct actor *who, core_op_fn *done, void *arg);
void core_reprobe(struct core *c, core_op_fn *done, void *arg);

/* --- Ansible --- */
/* Rows, the newest first; of one instance unless it is NULL. */
json_t *core_runs(struct core *c, const char *instance, int limit, struct err *e);
/* The row, and {"of": [{name, generation, outcome, task, message, …}], "directory"}. */
json_t *core_run(struct core *c, const char *id, struct err *e);
/* {"text": what was printed from there on, "next": where to go on, "state"}; in parts. */
json_t *core_run_log(struct core *c, const char *id, uint64_t from, struct err *e);
struct run_ask {
    const json_t *names;  /* texts; none and no group: everybody who is home */
    const char *group;    /* NULL: none */
    const char *playbook; /* NULL: of a single guest its own, else site.yaml */
    const json_t *tags;   /* texts */
    bool check;           /* --check: nothing is changed */
};
/* Answered when it is on record; result: {"id", "hosts": […], "left-out": [not home]}. */
void core_run_begin(struct core *c, const struct run_ask *ask, const struct actor *who,
                    core_op_fn *done, void *arg);
/* ERR_CONFLICT: it has ended. */
void core_run_cancel(struct core *c, const char *id, const struct actor *who, core_op_fn *done,
                     void *arg);

/* --- followers --- */
/* `fn` once when an event beyond `after` is committed (or at once if there is one), or after
 * limit_ms; then the watch is gone. At most 64 at a time: ERR_BUSY. */
struct core_watch;
typedef void core_watch_fn(void *arg);
struct core_watch *core_watch(struct core *c, int64_t after, int64_t limit_ms, core_watch_fn *fn,
                              void *arg, struct err *e);
void core_unwatch(struct core_watch *w);
/* Is all on disk that can be read? Who follows events by their number must not be shown one that a
 * crash takes back: its number would be given again. If not, `fn` once it is. */
bool core_settled(const struct core *c);
struct core_watch *core_settle(struct core *c, core_watch_fn *fn, void *arg, struct err *e);

/* The control API over a listening Unix socket (server/api.c). */
struct api;
struct api *api_new(struct loop *l, struct core *c, int listen_fd, bool system_mode, struct err *e);
void api_free(struct api *a);

#endif
