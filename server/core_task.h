/* Work that outlives who asked for it. A task is a row of the store from the moment it is answered
 * (definitions of kind DEF_TASK), so that after a crash it is gone on with, or says that it was
 * interrupted; how far it is stands in memory alone. */
#ifndef SERVER_CORE_TASK_H
#define SERVER_CORE_TASK_H

#include "server/core_priv.h"

#define TASKS_KEPT        100 /* ended ones, the newest */
#define TASKS_RUNNING_MAX 32
#define TASK_WAIT_MAX_MS  60000

struct task;
struct task_new {
    const char *kind, *object; /* "image", its name */
    const char *what;          /* for people: a file, a URL */
    json_t *job;               /* what a later core needs to go on (taken over); NULL: it cannot */
    const struct actor *who;
    void (*cancel)(struct task *t, void *arg); /* asks; task_end() tells */
    void *arg;
};
/* On record when this turn is committed. ERR_BUSY: too many. */
struct task *task_begin(struct core *c, const struct task_new *n, struct err *e);
/* total 0: not known. */
void task_progress(struct task *t, const char *step, uint64_t bytes, uint64_t total);
/* What the next core should know beside the job's own words; takes v over. */
void task_note(struct task *t, const char *key, json_t *v);
/* What people should know of how it ended, a list of texts, which is taken over: "notes". */
void task_tell(struct task *t, json_t *notes);
/* err NULL: it is done. After a task_cancel() any error counts as that. The handle is gone. */
void task_end(struct task *t, const struct err *err);
/* As above without a commit: core is ending, and the next one goes on or tells. */
void task_leave(struct task *t);
bool task_cancelled(const struct task *t);
int64_t task_id(const struct task *t);
const json_t *task_job(const struct task *t); /* NULL: none */
json_t *task_view(const struct task *t); /* new reference */

/* At the start: those that were running are gone on with by `resume` (which begins no other task,
 * and returns -1 where it cannot), or end as interrupted. */
typedef int task_resume_fn(struct core *c, struct task *t, const char *kind, const char *object,
                           json_t *job, struct err *e);
int tasks_load(struct core *c, task_resume_fn *resume, struct err *e);
/* For resume: who is asked from now on. */
void task_owner(struct task *t, void (*cancel)(struct task *t, void *arg), void *arg);
void tasks_free(struct core *c);

#endif
