#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "server/core_task_priv.h"

const char *task_text(const json_t *row, const char *key)
{
    const char *s = json_string_value(json_object_get(row, key));

    return s ? s : "";
}

static void set_now(struct core *c, json_t *row, const char *key)
{
    char text[25];

    json_object_set_new(row, key, json_string(clock_rfc3339(loop_now(c->loop).real_ms, text)));
}

static int save(struct task *t, struct err *e)
{
    char name[24];

    snprintf(name, sizeof name, "%" PRId64, t->id);
    if (core_write(t->c, true, e) < 0)
        return -1;
    return store_def_put(t->c->store, DEF_TASK, name, t->row, e);
}

static void save_or_tell(struct task *t)
{
    struct err e;

    if (save(t, &e) < 0)
        core_fault(t->c, "task %" PRId64 " could not be recorded: %s", t->id, e.text);
}

/* ---- life ---- */

static int next_id(struct core *c, int64_t *ret, struct err *e)
{
    char text[24] = "0";
    uint64_t last = 0;

    store_meta_get(c->store, "last-task", text, sizeof text, NULL);
    parse_u64(text, 0, INT64_MAX - 1, &last, NULL);
    *ret = (int64_t)last + 1;
    snprintf(text, sizeof text, "%" PRId64, *ret);
    return store_meta_set(c->store, "last-task", text, e);
}

static int collect(const char *name, const json_t *row, void *arg)
{
    (void)name;
    return json_array_append(arg, (json_t *)row);
}

static int forget_old(struct core *c, int64_t newest, struct err *e)
{
    json_t *list = json_array(), *row;
    int r = store_defs(c->store, DEF_TASK, collect, list, e);
    size_t i;

    json_array_foreach(list, i, row)
    {
        int64_t id = json_integer_value(json_object_get(row, "id"));
        char name[24];
        snprintf(name, sizeof name, "%" PRId64, id);
        if (r == 0 && id <= newest - TASKS_KEPT && strcmp(task_text(row, "state"), "running") != 0)
            r = store_def_remove(c->store, DEF_TASK, name, e);
    }
    json_decref(list);
    return r;
}

static struct task *add(struct core *c, int64_t id, json_t *row)
{
    struct task *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    *t = (struct task){ .next = c->tasks, .c = c, .id = id, .row = row, .version = 1 };
    snprintf(t->step, sizeof t->step, "waiting");
    c->tasks = t;
    return t;
}

static void drop(struct task *t)
{
    struct task **at = &t->c->tasks;

    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    json_decref(t->row);
    free(t);
}

static int room(const struct core *c, struct err *e)
{
    int n = 0;

    for (const struct task *t = c->tasks; t; t = t->next)
        n++;
    return n < TASKS_RUNNING_MAX ? 0
                                 : err_set(e, ERR_BUSY, "%d tasks are running; roost task list", n);
}

struct task *task_begin(struct core *c, const struct task_new *n, struct err *e)
{
    struct task *t = NULL;
    json_t *row;
    int64_t id = 0;

    if (room(c, e) < 0 || core_write(c, true, e) < 0 || next_id(c, &id, e) < 0 ||
        forget_old(c, id, e) < 0) {
        json_decref(n->job);
        return NULL;
    }
    row = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s}", "id", (json_int_t)id, "kind", n->kind,
                    "object", n->object, "what", n->what, "state", "running", "by", n->who->text);
    if (n->job)
        json_object_set_new(row, "job", n->job);
    set_now(c, row, "begun");
    if (!row || !(t = add(c, id, row))) {
        json_decref(row);
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    task_owner(t, n->cancel, n->arg);
    if (save(t, e) == 0)
        return t;
    drop(t);
    return NULL;
}

void task_owner(struct task *t, void (*cancel)(struct task *t, void *arg), void *arg)
{
    t->cancel = cancel;
    t->arg = arg;
}

void task_progress(struct task *t, const char *step, uint64_t bytes, uint64_t total)
{
    snprintf(t->step, sizeof t->step, "%s", step);
    t->bytes = bytes;
    t->total = total;
    task_changed(t);
}

void task_note(struct task *t, const char *key, json_t *v)
{
    json_object_set_new(json_object_get(t->row, "job"), key, v);
    save_or_tell(t);
}

static void ended(struct core *c, json_t *row, const char *state, const struct err *err)
{
    json_object_set_new(row, "state", json_string(state));
    set_now(c, row, "ended");
    if (err)
        json_object_set_new(
            row, "error",
            json_pack("{s:s, s:s}", "kind", err_kind_name(err->kind), "message", err->text));
    json_object_del(row, "job");
}

void task_tell(struct task *t, json_t *notes)
{
    json_object_set_new(t->row, "notes", notes);
}

void task_end(struct task *t, const struct err *err)
{
    struct err cancelled;

    err_set(&cancelled, ERR_CONFLICT, "task %" PRId64 " was cancelled; nothing of it is left",
            t->id);
    if (err && t->cancelled)
        err = &cancelled;
    ended(t->c, t->row, !err ? "done" : t->cancelled ? "cancelled" : "failed", err);
    save_or_tell(t);
    task_changed(t);
    if (err)
        log_info("task %" PRId64 ": %s", t->id, err->text);
    drop(t);
}

void task_leave(struct task *t)
{
    drop(t);
}

bool task_cancelled(const struct task *t)
{
    return t->cancelled;
}

const json_t *task_job(const struct task *t)
{
    return json_object_get(t->row, "job");
}

int64_t task_id(const struct task *t)
{
    return t->id;
}

void core_task_cancel(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                      void *arg)
{
    struct task *t = NULL;
    json_t *o = NULL;
    struct err e;
    int64_t id = 0;

    (void)who;
    if (task_parse_id(name, &id, &e) == 0 && (o = task_view_by_id(c, id, &e)) &&
        !(t = task_find(c, id)))
        err_set(&e, ERR_CONFLICT, "task %s has ended: %s", name, task_text(o, "state"));
    json_decref(o);
    if (!t) {
        done(NULL, &e, arg);
        return;
    }
    if (!t->cancelled) {
        t->cancelled = true;
        task_changed(t);
        t->cancel(t, t->arg);
    }
    done(NULL, NULL, arg);
}

/* ---- the start, and the end of core ---- */

static void go_on(struct core *c, json_t *row, task_resume_fn *resume)
{
    struct task *t = add(c, json_integer_value(json_object_get(row, "id")), json_incref(row));
    json_t *job = json_object_get(row, "job");
    struct err e;

    if (!t)
        return;
    if (job && resume(c, t, task_text(row, "kind"), task_text(row, "object"), job, &e) == 0) {
        log_info("task %" PRId64 " goes on", t->id);
        return;
    }
    if (!job)
        err_set(&e, ERR_BUSY, "roost ended meanwhile; nothing of it is left, begin it again");
    ended(c, t->row, "interrupted", &e);
    save_or_tell(t);
    drop(t);
}

int tasks_load(struct core *c, task_resume_fn *resume, struct err *e)
{
    json_t *list = json_array(), *row;
    int r = store_defs(c->store, DEF_TASK, collect, list, e);
    size_t i;

    json_array_foreach(list, i, row)
    {
        if (r == 0 && strcmp(task_text(row, "state"), "running") == 0)
            go_on(c, row, resume);
    }
    json_decref(list);
    return r < 0 ? -1 : 0;
}

void tasks_free(struct core *c)
{
    struct err e;

    err_set(&e, ERR_BUSY, "roost is stopping");
    task_followers_end(c, &e);
    while (c->tasks)
        drop(c->tasks);
}
