/* The trash as people see it: what is in it, one taken out again, forgotten at once or in time. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "server/core_network.h"
#include "server/core_trash.h"

#define FORGOTTEN_A_TICK 16
#define FORGET_EVERY     60 /* ticks */

/* ---- which one ---- */

struct found {
    struct trashed one;
    int n;
    char numbers[128];
};

/* By number, or by a name that is there once. */
static int find(struct core *c, const char *which, struct trashed *ret, struct err *e)
{
    struct found f = { .n = 0 };
    struct trashed t = { .id = 0 };
    char number[24];
    int r;

    while ((r = store_trash_next(c->store, t.id, &t, e)) == 1) {
        snprintf(number, sizeof number, "%lld", (long long)t.id);
        if (strcmp(number, which) == 0) {
            *ret = t;
            return 0;
        }
        if (strcmp(t.name.s, which) != 0)
            continue;
        size_t len = strlen(f.numbers);
        snprintf(f.numbers + len, sizeof f.numbers - len, "%s%s", len ? ", " : "", number);
        f.one = t;
        f.n++;
    }
    if (r < 0)
        return -1;
    if (f.n > 1)
        return err_set(e, ERR_CONFLICT, "%d of them are called %s: say the number, one of %s", f.n,
                       which, f.numbers);
    if (f.n == 0)
        return err_set(e, ERR_NOT_FOUND,
                       "the trash holds no %.80s; see: roost instance trash list", which);
    *ret = f.one;
    return 0;
}

/* ---- list ---- */

static json_t *row(const struct core *c, const struct trashed *t)
{
    char removed[25], until[25];

    clock_rfc3339(t->removed_ms, removed);
    clock_rfc3339(t->removed_ms + c->config.trash_keep, until);
    return json_pack("{s:I, s:s, s:s, s:s, s:I, s:s}", "number", (json_int_t)t->id, "name",
                     t->name.s, "removed", removed, "until", until, "size", (json_int_t)t->bytes,
                     "by", t->actor);
}

json_t *core_trash(struct core *c, struct err *e)
{
    json_t *list = json_array();
    struct trashed t = { .id = 0 };
    int r;

    while ((r = store_trash_next(c->store, t.id, &t, e)) == 1)
        json_array_append_new(list, row(c, &t));
    if (r == 0)
        return list;
    json_decref(list);
    return NULL;
}

json_t *trash_json(struct core *c)
{
    uint64_t bytes = 0;
    int64_t n = 0;

    if (store_trash_sum(c->store, &n, &bytes, NULL) < 0)
        return json_null();
    return json_pack("{s:I, s:I, s:I}", "instances", (json_int_t)n, "bytes", (json_int_t)bytes,
                     "keep-ms", (json_int_t)c->config.trash_keep);
}

/* ---- restore ---- */

struct restoring {
    struct core *c;
    struct name name;
    core_op_fn *done;
    void *arg;
};

static void restored(bool committed, void *arg)
{
    struct restoring *r = arg;
    struct err e = { .kind = ERR_IO, .text = "the store could not be written: it stays in the trash" };
    json_t *j = json_pack("{s:s}", "name", r->name.s);

    if (committed && moves_carry_out(r->c, &e) < 0)
        committed = false;
    if (committed && !r->c->ending)
        network_forwards_follow(r->c, &r->name);
    r->done(committed ? j : NULL, committed ? NULL : &e, r->arg);
    json_decref(j);
    free(r);
}

static int put_back(struct core *c, const char *which, const char *as, const char *actor,
                    struct name *ret, struct err *e)
{
    struct trashed t;

    if (find(c, which, &t, e) < 0 || core_write(c, true, e) < 0 ||
        store_savepoint(c->store, e) < 0)
        return -1;
    if (trash_put_back(c, t.id, as, actor, ret, e) < 0) {
        store_rollback_to(c->store);
        return -1;
    }
    store_release(c->store);
    return 0;
}

void core_trash_restore(struct core *c, const char *which, const char *as, const struct actor *who,
                        core_op_fn *done, void *arg)
{
    struct restoring *r = calloc(1, sizeof *r);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    if (r) {
        *r = (struct restoring){ .c = c, .done = done, .arg = arg };
        if (put_back(c, which, as, who->text, &r->name, &e) == 0 &&
            core_after(c, restored, r, &e) == 0)
            return;
    }
    free(r);
    done(NULL, &e, arg);
}

/* ---- forget ---- */

/* The directory first: a row without one is forgotten again, a directory without a row never is. */
static int forget(struct core *c, const struct trashed *t, struct err *e)
{
    char dir[PATH_SIZE + 32], number[24];

    snprintf(dir, sizeof dir, "%s/%s", c->config.state, DIR_TRASH);
    snprintf(number, sizeof number, "%lld", (long long)t->id);
    auto_close int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at >= 0 && dir_remove(at, number, e) < 0)
        return -1;
    if (core_write(c, true, e) < 0 || store_trash_remove(c->store, t->id, e) < 0)
        return -1;
    return core_appliance(c, EV_REMOVED, "roost", e, "%s is gone from the trash for good", t->name.s);
}

struct forgetting {
    core_op_fn *done;
    void *arg;
};

static void forgotten(bool committed, void *arg)
{
    struct forgetting *f = arg;
    struct err e = { .kind = ERR_IO, .text = "the store could not be written" };

    f->done(NULL, committed ? NULL : &e, f->arg);
    free(f);
}

void core_trash_forget(struct core *c, const char *which, const struct actor *who, core_op_fn *done,
                       void *arg)
{
    struct forgetting *f = calloc(1, sizeof *f);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };
    struct trashed t;

    (void)who;
    if (f) {
        *f = (struct forgetting){ done, arg };
        if (find(c, which, &t, &e) == 0 && forget(c, &t, &e) == 0 &&
            core_after(c, forgotten, f, &e) == 0)
            return;
    }
    free(f);
    done(NULL, &e, arg);
}

void trash_tick(struct core *c)
{
    int64_t before = loop_now(c->loop).real_ms - c->config.trash_keep;
    struct trashed t = { .id = 0 };
    struct err e;
    int r = 1;

    if (!c->ready || c->ticks % FORGET_EVERY != 1)
        return;
    for (int n = 0; n < FORGOTTEN_A_TICK && (r = store_trash_next(c->store, t.id, &t, &e)) == 1;)
        if (t.removed_ms < before) {
            n++;
            if (forget(c, &t, &e) < 0)
                core_fault(c, "trash: %s: %s", t.name.s, e.text);
        }
    if (r < 0)
        core_fault(c, "trash: %s", e.text);
}
