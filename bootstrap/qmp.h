/* QMP client over the loop (QEMU Machine Protocol specification, docs/interop/qmp-spec). Replies
 * are matched by id, since an event can arrive before the reply to the command that caused it. */
#ifndef BOOTSTRAP_QMP_H
#define BOOTSTRAP_QMP_H

#include <jansson.h>

#include "base/loop.h"

struct qmp;
/* data may be NULL. */
typedef void qmp_event_fn(const char *event, const json_t *data, void *arg);
/* `ready` once, after greeting and qmp_capabilities, with err NULL. `gone` once, with err set: the
 * connection did not come about in time, failed or ended (pending commands got their replies with
 * err first). Only qmp_close() and qmp_is_ready() make sense after it. */
typedef void qmp_ready_fn(const struct err *err, void *arg);
/* `ret` is the "return" value, or NULL with err (the "error" object's desc, or the lost
 * connection). */
typedef void qmp_reply_fn(const json_t *ret, const struct err *err, void *arg);

struct qmp_calls {
    qmp_ready_fn *ready;
    qmp_ready_fn *gone;
    qmp_event_fn *event;
    void *arg;
};
/* Connects to a Unix socket, trying again every 50 ms until limit_ms (QEMU needs about 0.1 s to
 * make it). Lines over 1 MiB end the connection. */
struct qmp *qmp_open(struct loop *l, const char *path, int64_t limit_ms,
                     const struct qmp_calls *calls, struct err *e);
void qmp_close(struct qmp *q); /* NULL is fine; inside callbacks too; no callback afterwards */
bool qmp_is_ready(const struct qmp *q);
/* `args` (stolen, may be NULL). reply may be NULL. */
int qmp_command(struct qmp *q, const char *command, json_t *args, qmp_reply_fn *reply, void *arg,
                struct err *e);
/* The same with a descriptor beside it (SCM_RIGHTS), for add-fd and getfd; it stays the caller's.
 * ERR_BUSY while another one has not gone out. */
int qmp_command_fd(struct qmp *q, const char *command, json_t *args, int fd, qmp_reply_fn *reply,
                   void *arg, struct err *e);
/* human-monitor-command: the reply is a JSON string. */
int qmp_hmp(struct qmp *q, qmp_reply_fn *reply, void *arg, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

#endif
