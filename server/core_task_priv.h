/* A running task: what core_task.c (its life) and core_task_read.c (what people see of it) share.
 * Not for anybody else. */
#ifndef SERVER_CORE_TASK_PRIV_H
#define SERVER_CORE_TASK_PRIV_H

#include "server/core_task.h"

struct task {
    struct task *next;
    struct core *c;
    int64_t id;
    json_t *row;    /* as it is on record */
    char step[160]; /* "again after: Could not resolve host: …" */
    uint64_t bytes, total;
    unsigned version; /* changes with all of these */
    bool cancelled;
    void (*cancel)(struct task *t, void *arg);
    void *arg;
};

/* "" where the row has no such text. */
const char *task_text(const json_t *row, const char *key);

/* --- core_task_read.c --- */
struct task *task_find(struct core *c, int64_t id); /* a running one; NULL: none */
/* The number in the path of a request. */
int task_parse_id(const char *s, int64_t *ret, struct err *e);
/* As people see it, running or ended; new reference. NULL, ERR_NOT_FOUND: there has never been one,
 * or it was forgotten. */
json_t *task_view_by_id(struct core *c, int64_t id, struct err *e);
/* Who follows it is answered at the end of this turn. */
void task_changed(struct task *t);
void task_followers_end(struct core *c, const struct err *why);

#endif
