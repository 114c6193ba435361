/* A client of the control API (libcurl over the Unix socket). */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

struct client;
struct client *client_new(const char *socket, struct err *e);
void client_free(struct client *c); /* NULL is fine */

/* An error of the server comes back with its kind and message. Nobody listening: ERR_BUSY, which
 * says how to start roost; a connection that broke: ERR_BUSY too. */
json_t *client_get(struct client *c, const char *path, struct err *e);
int client_text(struct client *c, const char *path, struct buf *ret, struct err *e);
/* What comes goes to the descriptor, however much it is; `file` is what messages call that. */
int client_download(struct client *c, const char *path, int fd, const char *file, struct err *e);
/* From here on what is asked is for the standard output alone: when nobody reads that any more the
 * program ends by SIGPIPE, as with a write, though the answer takes its time. */
void client_for_output(struct client *c);
/* POST or DELETE; body may be NULL. New reference. */
json_t *client_send(struct client *c, const char *method, const char *path, const json_t *body,
                    struct err *e);

/* -1: errors for who talks to the server by himself. What its answer says of an error, or a guess by
 * the status; why nobody answers at a socket. */
int client_refusal(const char *body, size_t len, long status, struct err *e);
int client_unreachable(const char *socket, int os, struct err *e);

/* Several at once, at most 32 on their way. */
struct call {
    const char *method;
    char *path; /* freed by client_calls_done() */
    const json_t *body;
    json_t *result; /* NULL: see err */
    struct err err;
};
int client_many(struct client *c, struct call *calls, int n, struct err *e);
void client_calls_done(struct call *calls, int n);

/* "/v1/instances/NAME" and what follows, the name percent-encoded; NULL without memory. */
char *path_instance(const char *name, const char *rest);
char *path_network(const char *name, const char *rest); /* the same */
char *path_run(const char *id, const char *rest);
char *path_identity(const char *name, const char *rest);
char *path_image(const char *name, const char *rest);
char *path_task(const char *id, const char *rest);
char *path_trash(const char *which, const char *rest);

#endif
