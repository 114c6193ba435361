/* The core that the API sees. */
#include "tests/api/rig.h"

struct fake_core fake;

#define READ(fn)                                                                                   \
    json_t *fn(struct core *c, struct err *e)                                                      \
    {                                                                                              \
        (void)c;                                                                                   \
        (void)e;                                                                                   \
        return json_pack("{s:s}", "read", #fn);                                                    \
    }
READ(core_status)
READ(core_check)
READ(core_paths)
READ(core_unknown)
READ(core_networks)

json_t *core_network_show(struct core *c, const char *name, struct err *e)
{
    (void)c;
    (void)e;
    return json_pack("{s:s}", "network", name);
}

json_t *core_instance(struct core *c, const char *name, struct err *e)
{
    (void)c;
    err_set(e, ERR_NOT_FOUND, "no instance \"%s\"", name);
    return NULL;
}

json_t *core_export(struct core *c, const char *name, const char *form, struct err *e)
{
    (void)c;
    (void)e;
    return json_pack("{s:s,s:s}", "exported", name, "for", form);
}

void core_import(struct core *c, const struct move_ask *ask, const struct actor *who,
                 core_op_fn *done, void *arg)
{
    json_t *j = json_pack("{s:s,s:s*}", "imported", ask->file, "as", ask->as);

    (void)c;
    (void)who;
    done(j, NULL, arg);
    json_decref(j);
}

json_t *core_definitions(struct core *c, const char *kind, struct err *e)
{
    (void)c;
    (void)e;
    return json_pack("[s]", kind);
}

void core_survey(struct core *c, enum survey_kind kind, const char *host, core_text_fn *done,
                 void *arg)
{
    struct buf b = BUF_INIT;

    (void)c;
    buf_printf(&b, "survey %d of %s\n", (int)kind, host ? host : "(all)");
    if (fake.slow) {
        fake.surveyed = done;
        fake.survey_arg = arg;
    } else {
        done(&b, NULL, arg);
    }
    buf_done(&b);
}

/* --- events --- */

json_t *core_events(struct core *c, const char *name, int64_t after, int limit, bool newest,
                    struct err *e)
{
    json_t *list = json_array();

    (void)c;
    (void)name;
    (void)after;
    (void)newest;
    (void)e;
    for (int i = 0; i < fake.events && i < limit; i++)
        json_array_append_new(list, json_integer(i + 1));
    return json_pack("{s:o,s:i}", "events", list, "last", fake.last);
}

struct core_watch *core_watch(struct core *c, int64_t after, int64_t limit_ms, core_watch_fn *fn,
                              void *arg, struct err *e)
{
    (void)c;
    (void)e;
    fake.after = after;
    fake.limit_ms = limit_ms;
    fake.woken = fn;
    fake.watcher = arg;
    return (struct core_watch *)&fake;
}

bool core_disk_is_full(const struct core *c)
{
    (void)c;
    return fake.full;
}

bool core_settled(const struct core *c)
{
    (void)c;
    return !fake.unsettled;
}

struct core_watch *core_settle(struct core *c, core_watch_fn *fn, void *arg, struct err *e)
{
    return core_watch(c, -1, 0, fn, arg, e);
}

void core_unwatch(struct core_watch *w)
{
    fake.unwatched += w != NULL;
}

int core_when_recorded(struct core *c, void (*fn)(bool recorded, void *arg), void *arg,
                       struct err *e)
{
    (void)c;
    (void)e;
    fake.after_commit = fn;
    fake.after_commit_arg = arg;
    return 0;
}

/* --- operations: kept until the test ends them, or done at once --- */

static void op(const char *name, const struct actor *who, core_op_fn *done, void *arg)
{
    json_t *r;

    snprintf(fake.name, sizeof fake.name, "%s", name);
    fake.who = *who;
    if (!fake.at_once) {
        fake.done[fake.ops] = done;
        fake.arg[fake.ops++] = arg;
        return;
    }
    r = json_pack("{s:s}", "did", name);
    done(r, NULL, arg);
    json_decref(r);
}

#define NAME_OP(fn)                                                                                \
    void fn(struct core *c, const char *name, const struct actor *who, core_op_fn *done,           \
            void *arg)                                                                             \
    {                                                                                              \
        (void)c;                                                                                   \
        op(name, who, done, arg);                                                                  \
    }
NAME_OP(core_start)
NAME_OP(core_restart)
NAME_OP(core_rebuild)
NAME_OP(core_start_anyway)
NAME_OP(core_restart_anyway)
NAME_OP(core_rebuild_anyway)
NAME_OP(core_reset)
NAME_OP(core_reset_anyway)
NAME_OP(core_network_up)
NAME_OP(core_network_down)
NAME_OP(core_network_remove)

#define FORCE_OP(fn)                                                                               \
    void fn(struct core *c, const char *name, bool force, const struct actor *who,                 \
            core_op_fn *done, void *arg)                                                           \
    {                                                                                              \
        (void)c;                                                                                   \
        fake.force = force;                                                                        \
        op(name, who, done, arg);                                                                  \
    }
FORCE_OP(core_stop)
FORCE_OP(core_remove)

int core_remove_check(struct core *c, const char *name, bool force, struct err *e)
{
    (void)c;
    return force ? 0 : err_set(e, ERR_NOT_FOUND, "no instance \"%s\"", name);
}

FORCE_OP(core_destroy)
NAME_OP(core_trash_forget)
READ(core_trash)

void core_trash_restore(struct core *c, const char *which, const char *as, const struct actor *who,
                        core_op_fn *done, void *arg)
{
    (void)c, (void)as;
    op(which, who, done, arg);
}

void core_rename(struct core *c, const char *from, const char *to, const struct actor *who,
                 core_op_fn *done, void *arg)
{
    (void)c;
    snprintf(fake.format, sizeof fake.format, "%s", to);
    op(from, who, done, arg);
}

void core_network_check(struct core *c, const char *name, core_op_fn *done, void *arg)
{
    (void)c;
    op(name ? name : "all", &(struct actor){ "" }, done, arg);
}
void core_network_plan(struct core *c, const char *name, core_op_fn *done, void *arg)
{
    (void)c;
    op(name, &(struct actor){ "" }, done, arg);
}

void core_network_export(struct core *c, const char *name, const char *format, core_op_fn *done,
                         void *arg)
{
    (void)c;
    snprintf(fake.format, sizeof fake.format, "%s", format);
    op(name, &(struct actor){ "" }, done, arg);
}

void core_sync(struct core *c, const struct actor *who, core_op_fn *done, void *arg)
{
    (void)c;
    op("sync", who, done, arg);
}

void core_reprobe(struct core *c, core_op_fn *done, void *arg)
{
    (void)c;
    op("reprobe", &(struct actor){ "" }, done, arg);
}

void core_apply(struct core *c, const json_t *tree, bool dry_run, const struct actor *who,
                core_op_fn *done, void *arg)
{
    (void)c;
    fake.tree = tree;
    fake.dry_run = dry_run;
    fake.instances = json_object_size(json_object_get(tree, "instances"));
    op("apply", who, done, arg);
}

void core_create(struct core *c, const json_t *tree, bool dry_run, const struct actor *who,
                 core_op_fn *done, void *arg)
{
    (void)c, (void)tree, (void)dry_run;
    op("create", who, done, arg);
}

void core_adopt_caller(struct core *c, const char *caller, const char *name, const char *network,
                       const struct actor *who, core_op_fn *done, void *arg)
{
    (void)c, (void)name, (void)network;
    op(caller, who, done, arg);
}

int core_forget_caller(struct core *c, const char *caller, struct err *e)
{
    (void)c;
    return err_set(e, ERR_NOT_FOUND, "no caller %s", caller);
}

void core_medium(struct core *c, const char *name, const char *iso, bool force,
                 const struct actor *who, core_op_fn *done, void *arg)
{
    json_t *j = json_pack("{s:s,s:s,s:b}", "name", name, "iso", iso, "force", force);

    (void)c;
    (void)who;
    done(j, NULL, arg);
    json_decref(j);
}

/* --- seeds --- */

int core_seed_document(struct core *c, const char *name, const char *document, struct buf *ret,
                       struct err *e)
{
    (void)c;
    buf_printf(ret, "%s of %s", document, name);
    return buf_check(ret, e);
}

int core_seed_volume(struct core *c, const char *name, struct buf *ret, struct err *e)
{
    (void)c;
    buf_printf(ret, "volume of %s", name);
    return buf_check(ret, e);
}

json_t *core_seed_explain(struct core *c, const char *name, const char *client, struct err *e)
{
    (void)c;
    (void)e;
    return json_pack("{s:s,s:s}", "name", name, "client", client);
}

json_t *core_seed_url(struct core *c, const char *name, const char *form, struct err *e)
{
    (void)c;
    (void)e;
    return json_pack("{s:s,s:s}", "name", name, "for", form);
}
