/* The inside of the control API, shared by server/api*.c. */
#ifndef SERVER_API_PRIV_H
#define SERVER_API_PRIV_H

#include <microhttpd.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "base/loop.h"
#include "server/api_routes.h"
#include "server/core_ops.h"

#define API_CONNECTIONS_MAX 512
#define API_PARKED_MAX      128          /* each resume walks all that are suspended */
#define API_BODIES_MAX      (160u << 20) /* bytes of all bodies that are being read */
#define API_WAIT_MAX_S      60           /* of a follower's long poll */
#define API_IDLE_S          60           /* silence on a connection */

TAILQ_HEAD(api_reqs, api_req);

struct api {
    struct loop *loop;
    struct core *core;
    bool system_mode;
    struct MHD_Daemon *daemon;
    struct loop_fd *epoll;
    struct loop_timer *timer;
    struct loop_hook *hook;
    bool kicked;   /* something was resumed: MHD has to run in this turn */
    bool stopping; /* nothing is parked any more */
    struct api_reqs parked;
    unsigned n_parked;
    struct api_reqs consoles; /* connections that are a guest's serial line now */
    size_t bodies;
};

/* What outlives a request: core calls back with it, whether or not somebody still waits. */
struct api_ticket {
    struct api_req *req; /* NULL: nobody does */
    json_t *keep;        /* what core borrows; NULL: nothing */
    const char *type;    /* of the text that core is to give */
};

struct api_req {
    struct api *api;
    struct MHD_Connection *conn;
    const struct api_route *route; /* NULL: the answer is there already */
    char name[NAME_MAX_LEN + 1];
    struct actor who;
    struct buf body;
    size_t received;
    struct MHD_Response *reply; /* ours until it is queued */
    unsigned status;
    bool parked;
    struct api_ticket *ticket;
    struct core_watch *watch;
    struct viewer *viewer; /* of a console */
    struct MHD_UpgradeResponseHandle *upgraded; /* NULL: it is still HTTP */
    int64_t after, until_ms; /* of a follower: events beyond, boot time of the last moment */
    TAILQ_ENTRY(api_req) order;
};

/* --- api_http.c: a request's life --- */
enum MHD_Result api_handle(void *cls, struct MHD_Connection *conn, const char *url,
                           const char *method, const char *version, const char *data, size_t *len,
                           void **slot);
void api_completed(void *cls, struct MHD_Connection *conn, void **slot,
                   enum MHD_RequestTerminationCode why);

/* --- api_wait.c --- */
/* Suspends until an answer is there; ERR_BUSY when too many are. api_room() asks beforehand. */
int api_room(const struct api *a, struct err *e);
void api_park(struct api_req *r);
void api_wake(struct api_req *r);
void api_body_drop(struct api_req *r); /* gives the bytes of a body back that was read */

/* --- api_answer.c --- */
/* `body` is freed later, whatever happens; NULL: out of memory, answered as such. */
void api_answer_text(struct api_req *r, unsigned status, const char *type, char *body, size_t len);
void api_answer_static(struct api_req *r, const char *type, const char *body, size_t len);
void api_answer_json(struct api_req *r, unsigned status, const json_t *tree);
void api_answer_err(struct api_req *r, const struct err *e);
void api_answer_header(struct api_req *r, const char *name, const char *value);

/* Bytes as they come from a function, `size` of them in all; `arg` is freed by `done`, whatever
 * happens. */
void api_answer_stream(struct api_req *r, const char *type, uint64_t size,
                       MHD_ContentReaderCallback read, MHD_ContentReaderFreeCallback done,
                       void *arg);

/* --- api_op.c: requests that wait for core --- */
/* The request that still waits; NULL: nobody, or somebody who was told already that roost is
 * stopping. The ticket is gone. */
struct api_req *api_redeem(struct api_ticket *t);
/* NULL with e when no more requests may wait. Core's callback frees it. */
struct api_ticket *api_ticket_new(struct api_req *r, struct err *e);
void api_ticket_done(const json_t *result, const struct err *err, void *ticket); /* core_op_fn */
void api_ticket_text(struct buf *text, const struct err *err, void *ticket);     /* core_text_fn */
/* One of core's operations on what {name} says; its body has to be empty. */
typedef void api_op_fn(struct core *c, const char *name, const struct actor *who,
                       core_op_fn *done, void *arg);
int api_name_op(struct api_req *r, api_op_fn *op, struct err *e);
/* After core was asked: it may have answered at once. 0. */
int api_await(struct api_req *r);

/* --- api_query.c: words behind `?`, bodies --- */
int api_query_check(const struct api_req *r,
                    struct err *e); /* refuses what the route does not know */
const char *api_query(const struct api_req *r, const char *word); /* NULL: not there */
int api_query_number(const struct api_req *r, const char *word, uint64_t min, uint64_t max,
                     uint64_t none, uint64_t *ret, struct err *e);
int api_query_bool(const struct api_req *r, const char *word, bool *ret,
                   struct err *e); /* none: false */
/* The body, an object ({} when it is empty). New reference. */
json_t *api_body(const struct api_req *r, struct err *e);

/* --- api_peer.c --- */
/* Who is at the other end, if he may be: ERR_DENIED otherwise. */
int api_peer(int fd, bool system_mode, struct actor *ret, struct err *e);
/* Is it root, or the user that roost runs as? ERR_DENIED otherwise: `what` is not for the group. */
int api_peer_owner(const struct api_req *r, const char *what, struct err *e);

/* --- api_read.c, api_events.c, api_op.c: the handlers --- */
api_fn api_post_ansible_init; /* api_ansible.c */
api_fn api_get_metrics;
api_fn api_get_status, api_get_check, api_get_paths, api_get_instances, api_get_instance,
    api_get_console, api_get_unknown, api_get_networks, api_get_identities, api_get_images,
    api_get_groups,
    api_get_inventory, api_get_known_hosts, api_get_ssh_config, api_get_openapi, api_get_events;
/* --- api_trash.c --- */
api_fn api_get_trash, api_post_trash_restore, api_delete_trash;
/* --- api_rename.c --- */
api_fn api_post_rename;
/* --- api_power.c --- */
api_fn api_post_start, api_post_stop, api_post_restart, api_post_rebuild, api_post_reset;
api_fn api_post_apply, api_delete_instance, api_post_sync, api_post_reprobe;
/* --- api_move.c --- */
api_fn api_get_export, api_get_bundle, api_post_import;
/* --- api_console.c --- */
api_fn api_get_attach;
void api_consoles_end(struct api *a);       /* all of them hang up */
void api_console_drop(struct api_req *r);   /* the request ends */
/* --- api_medium.c --- */
api_fn api_post_eject, api_post_insert;
/* --- api_store.c --- */
api_fn api_get_backup, api_post_store_check;
/* --- api_caller.c --- */
api_fn api_get_seed, api_get_seed_explain, api_get_seed_url, api_get_seed_volume, api_post_adopt,
    api_delete_unknown;
/* --- api_run.c --- */
api_fn api_get_runs, api_get_run, api_get_run_log, api_post_run, api_post_run_cancel;
/* --- api_network.c --- */
api_fn api_get_network, api_get_network_check, api_get_networks_check, api_get_network_plan,
    api_get_network_export, api_post_network_up, api_post_network_down, api_delete_network;
/* --- api_image.c --- */
api_fn api_get_image, api_post_image, api_post_image_verify, api_delete_image, api_post_image_gc,
    api_get_catalogue, api_get_tasks, api_get_task, api_post_task_cancel;
/* --- api_identity.c --- */
api_fn api_get_identity, api_post_identity, api_patch_identity, api_delete_identity;

#endif
