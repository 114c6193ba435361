/* Tasks as people see them: one, all, and one that somebody follows. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "server/core_task_priv.h"

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

struct task *task_find(struct core *c, int64_t id)
{
    struct task *t = c->tasks;

    while (t && t->id != id)
        t = t->next;
    return t;
}

int task_parse_id(const char *s, int64_t *ret, struct err *e)
{
    uint64_t n;

    if (parse_u64(s, 1, INT64_MAX, &n, NULL) < 0)
        return err_set(e, ERR_INVALID, "\"%.40s\" is not the number of a task", s);
    *ret = (int64_t)n;
    return 0;
}

json_t *task_view_by_id(struct core *c, int64_t id, struct err *e)
{
    struct task *t = task_find(c, id);
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

/* Somebody who follows one. */
struct follower {
    struct follower *next;
    struct core *c;
    int64_t id;
    struct loop_timer *limit;
    core_op_fn *done;
    void *arg;
};

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
    json_t *o = task_view_by_id(f->c, f->id, &e);

    follower_end(f, o, o ? NULL : &e);
    json_decref(o);
}

static void limit_over(void *arg)
{
    answer(arg);
}

void task_changed(struct task *t)
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

    if (task_parse_id(name, &id, &e) == 0) {
        t = task_find(c, id);
        if (t && t->version == seen && wait_ms > 0 && !c->ending) {
            if (follow(c, id, wait_ms, done, arg, &e))
                return;
        } else {
            o = task_view_by_id(c, id, &e);
        }
    }
    done(o, o ? NULL : &e, arg);
    json_decref(o);
}

void task_followers_end(struct core *c, const struct err *why)
{
    while (c->task_followers)
        follower_end(c->task_followers, NULL, why);
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
