#include "server/core_task.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"

/* Somebody who follows one. */
struct follower {
    struct follower *next;
    struct core *c;
    int64_t id;
    struct loop_timer *limit;
    core_op_fn *done;
    void *arg;
};

struct task {
    struct task *next;
    struct core *c;
    int64_t id;
    json_t *row; /* as it is on record */
    char step[160]; /* "again after: Could not resolve host: …" */
    uint64_t bytes, total;
    unsigned version; /* changes with all of these */
    bool cancelled;
    void (*cancel)(struct task *t, void *arg);
    void *arg;
};

static const char *text_of(const json_t *row, const char *key)
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

/* ---- how it looks ---- */

static json_t *view_of(const json_t *row)
{
    json_t *o = json_copy((json_t *)row);

    json_object_del(o, "job");
    return o;
}

json_t *task_view(const struct task *t)
{
    json_t *o = view_of(t->row);

    json_object_set_new(o, "step", json_string(t->cancelled ? "cancelling" : t->step));
    json_object_set_new(o, "bytes", json_integer((json_int_t)t->bytes));
    json_object_set_new(o, "total", json_integer((json_int_t)t->total));
    json_object_set_new(o, "version", json_integer(t->version));
    return o;
}

static struct task *find(struct core *c, int64_t id)
{
    struct task *t = c->tasks;

    while (t && t->id != id)
        t = t->next;
    return t;
}

static int parse_id(const char *s, int64_t *ret, struct err *e)
{
    uint64_t n;

    if (parse_u64(s, 1, INT64_MAX, &n, NULL) < 0)
        return err_set(e, ERR_INVALID, "\"%.40s\" is not the number of a task", s);
    *ret = (int64_t)n;
    return 0;
}

static json_t *view_by_id(struct core *c, int64_t id, struct err *e)
{
    struct task *t = find(c, id);
    json_t *row = NULL, *o;
    char name[24];

    if (t)
        return task_view(t);
    snprintf(name, sizeof name, "%" PRId64, id);
    if (store_def_get(c->store, DEF_TASK, name, &row, e) < 0) {
        if (e->kind == ERR_NOT_FOUND)
            err_set(e, ERR_NOT_FOUND, "there is no task %s; roost task list shows them", name);
        return NULL;
    }
    o = view_of(row);
    json_decref(row);
    return o;
}

/* ---- followers ---- */

static void follower_end(struct follower *f, const json_t *result, const struct err *err)
{
    struct follower **at = &f->c->task_followers;

    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    loop_timer_free(f->limit);
    f->done(result, err, f->arg);
    free(f);
}

static void answer(struct follower *f)
{
    struct err e;
    json_t *o = view_by_id(f->c, f->id, &e);

    follower_end(f, o, o ? NULL : &e);
    json_decref(o);
}

static void limit_over(void *arg)
{
    answer(arg);
}

static void changed(struct task *t)
{
    struct follower *next;

    t->version++;
    for (struct follower *f = t->c->task_followers; f; f = next) {
        next = f->next;
        if (f->id == t->id)
            loop_timer_set(f->limit, 0); /* all changes of this turn in one answer */
    }
}

static struct follower *follow(struct core *c, int64_t id, int64_t wait_ms, core_op_fn *done,
                               void *arg, struct err *e)
{
    struct follower *f = calloc(1, sizeof *f);

    if (!f || !(f->limit = loop_timer_new(c->loop, limit_over, f, e))) {
        free(f);
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    f->c = c;
    f->id = id;
    f->done = done;
    f->arg = arg;
    f->next = c->task_followers;
    c->task_followers = f;
    loop_timer_set(f->limit, wait_ms);
    return f;
}

void core_task(struct core *c, const char *name, uint64_t seen, int64_t wait_ms, core_op_fn *done,
               void *arg)
{
    struct err e;
    int64_t id = 0;
    struct task *t;
    json_t *o = NULL;

    if (parse_id(name, &id, &e) == 0) {
        t = find(c, id);
        if (t && t->version == seen && wait_ms > 0 && !c->ending) {
            if (follow(c, id, wait_ms, done, arg, &e))
                return;
        } else {
            o = view_by_id(c, id, &e);
        }
    }
    done(o, o ? NULL : &e, arg);
    json_decref(o);
}

/* ---- list ---- */

static int list_row(const char *name, const json_t *row, void *arg)
{
    (void)name;
    return json_array_append_new(arg, view_of(row));
}

static int by_number(const void *a, const void *b)
{
    int64_t x = json_integer_value(json_object_get(*(json_t *const *)a, "id")),
            y = json_integer_value(json_object_get(*(json_t *const *)b, "id"));

    return x < y ? -1 : x > y;
}

static json_t *sorted(json_t *list)
{
    size_t n = json_array_size(list);
    auto_free json_t **rows = calloc(n + 1, sizeof *rows);
    json_t *out = json_array();

    for (size_t i = 0; rows && i < n; i++)
        rows[i] = json_array_get(list, i);
    if (rows)
        qsort(rows, n, sizeof *rows, by_number);
    for (size_t i = 0; rows && i < n; i++)
        json_array_append(out, rows[i]);
    return out;
}

json_t *core_tasks(struct core *c, struct err *e)
{
    json_t *list = json_array(), *out = NULL;

    if (store_defs(c->store, DEF_TASK, list_row, list, e) == 0)
        out = sorted(list);
    json_decref(list);
    for (struct task *t = out ? c->tasks : NULL; t; t = t->next)
        for (size_t i = 0; i < json_array_size(out); i++)
            if (json_integer_value(json_object_get(json_array_get(out, i), "id")) == t->id)
                json_array_set_new(out, i, task_view(t));
    return out;
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

static int forget_old(struct core *c, int64_t newest, struct err *e)
{
    json_t *list = json_array(), *row;
    int r = store_defs(c->store, DEF_TASK, list_row, list, e);
    size_t i;

    json_array_foreach(list, i, row)
    {
        int64_t id = json_integer_value(json_object_get(row, "id"));
        char name[24];
        snprintf(name, sizeof name, "%" PRId64, id);
        if (r == 0 && id <= newest - TASKS_KEPT && strcmp(text_of(row, "state"), "running") != 0)
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
    changed(t);
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
    changed(t);
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
    if (parse_id(name, &id, &e) == 0 && (o = view_by_id(c, id, &e)) && !(t = find(c, id)))
        err_set(&e, ERR_CONFLICT, "task %s has ended: %s", name, text_of(o, "state"));
    json_decref(o);
    if (!t) {
        done(NULL, &e, arg);
        return;
    }
    if (!t->cancelled) {
        t->cancelled = true;
        changed(t);
        t->cancel(t, t->arg);
    }
    done(NULL, NULL, arg);
}

/* ---- the start, and the end of core ---- */

struct loading {
    struct core *c;
    json_t *running;
};

static int load(const char *name, const json_t *row, void *arg)
{
    (void)name;
    if (strcmp(text_of(row, "state"), "running") == 0)
        json_array_append(arg, (json_t *)row);
    return 0;
}

static void go_on(struct core *c, json_t *row, task_resume_fn *resume)
{
    struct task *t = add(c, json_integer_value(json_object_get(row, "id")), json_incref(row));
    json_t *job = json_object_get(row, "job");
    struct err e;

    if (!t)
        return;
    if (job && resume(c, t, text_of(row, "kind"), text_of(row, "object"), job, &e) == 0) {
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
    json_t *running = json_array(), *row;
    int r = store_defs(c->store, DEF_TASK, load, running, e);
    size_t i;

    if (r == 0)
        json_array_foreach(running, i, row) go_on(c, row, resume);
    json_decref(running);
    return r < 0 ? -1 : 0;
}

void tasks_free(struct core *c)
{
    struct err e;

    err_set(&e, ERR_BUSY, "roost is stopping");
    while (c->task_followers)
        follower_end(c->task_followers, NULL, &e);
    while (c->tasks)
        drop(c->tasks);
}
