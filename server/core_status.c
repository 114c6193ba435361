/* What core tells of itself and of what is defined. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "server/core_autostart.h"
#include "server/core_hook.h"

#define OVERDUE_MAX 100
#define TOLD_MS     3600000 /* how long status shows what roostd told */

/* ---- definitions ---- */

static int list_def(const char *name, const json_t *j, void *arg)
{
    json_t *copy = json_copy((json_t *)j);

    json_object_set_new(copy, "name", json_string(name));
    if (json_object_get(copy, "password-hash"))
        json_object_set_new(copy, "password-hash", json_string("(set)"));
    return json_array_append_new(arg, copy);
}

json_t *core_definitions(struct core *c, const char *kind, struct err *e)
{
    static const struct {
        const char *name;
        enum def_kind kind;
    } kinds[] = { { "networks", DEF_NETWORK },
                  { "identities", DEF_IDENTITY },
                  { "images", DEF_IMAGE },
                  { "groups", DEF_GROUP } };
    json_t *list = json_array();

    err_set(e, ERR_NOT_FOUND, "no definitions are called %s", kind);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (!strcmp(kinds[i].name, kind) &&
            store_defs(c->store, kinds[i].kind, list_def, list, e) == 0)
            return list;
    json_decref(list);
    return NULL;
}

/* ---- the appliance ---- */

static json_t *accel_json(const struct core *c)
{
    if (!c->accel_known)
        return json_pack("{s:s, s:s, s:s}", "name", "unknown", "reason", "still being probed",
                         "qemu", "");
    return json_pack("{s:s, s:s, s:s}", "name", accel_name(c->accel.accel), "reason",
                     c->accel.reason, "qemu", c->accel.qemu_version);
}

struct overdue {
    struct core *c;
    json_t *list;
};

static int list_overdue(const struct guest *g, void *arg)
{
    struct overdue *o = arg;
    char note[320];

    core_guest_note(o->c, g, note, sizeof note);
    json_array_append_new(o->list, json_pack("{s:s, s:s, s:s}", "name", g->name.s, "phase",
                                             phase_name(g->standing.phase), "note", note));
    return json_array_size(o->list) >= OVERDUE_MAX;
}

static json_t *counters_json(const struct core *c)
{
    json_t *j = json_pack("{s:I, s:I, s:I}", "seeds", (json_int_t)c->seeds, "phone-homes",
                          (json_int_t)c->homed, "refused", (json_int_t)c->refused);

    for (int i = 0; i < TALLY_ROWS; i++)
        json_object_set_new(j, tally_row_name(i), json_integer((json_int_t)c->tally.count[i]));
    return j;
}

static json_t *faults_json(struct core *c)
{
    json_t *list = json_array();

    if (c->told[0] && loop_now(c->loop).boot_ms - c->told_boot_ms < TOLD_MS)
        json_array_append_new(list, json_string(c->told));
    if (c->full)
        json_array_append_new(list, json_string("the disk is full: phone-homes get 503 until some space is freed"));
    if (wire_fault(c)[0])
        json_array_append_new(list, json_string(wire_fault(c)));
    if (c->accel_known && !c->accel.qemu_version[0] && c->config.launch)
        json_array_append_new(list, json_string(c->accel.reason));
    core_hooks_faults(c, list);
    return list;
}

json_t *core_status(struct core *c, struct err *e)
{
    uint64_t n[PHASES], overdue, all = 0;
    struct overdue o = { c, NULL };
    char at[ENDPOINT_TEXT];
    json_t *by;

    if (store_counts(c->store, n, &overdue, e) < 0)
        return NULL;
    by = json_object();
    for (int p = 0; p < PHASES; p++) {
        all += n[p];
        if (n[p])
            json_object_set_new(by, phase_name(p), json_integer((json_int_t)n[p]));
    }
    o.list = json_array();
    if (overdue)
        store_guests_overdue(c->store, list_overdue, &o, NULL);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s+, s:o, s:o, s:o, s:I, s:o, s:o, s:I, s:o, s:o, s:o,"
                     " s:o, s:o}",
                     "version", ROOST_VERSION, "mode",
                     c->config.mode == MODE_SYSTEM ? "system" : "rootless", "state-directory",
                     c->config.state, "seed-address", endpoint_format(&c->seed_at, at), "base-url",
                     c->base_url, "control-socket", c->config.run, "/" FILE_CONTROL, "accelerator",
                     accel_json(c), "memory", memory_json(c), "trash", trash_json(c), "instances",
                     (json_int_t)all, "by-state", by, "autostart", autostart_json(c),
                     "overdue-count", (json_int_t)overdue, "overdue", o.list, "unknown-callers",
                     unknown_json(c), "hooks", core_hooks_json(c), "faults", faults_json(c),
                     "counters", counters_json(c));
}

json_t *core_paths(struct core *c, struct err *e)
{
    const char *s = c->config.state;

    (void)e;
    return json_pack("{s:s, s:s, s:s+, s:s++, s:s++, s:s++, s:s+, s:s+, s:s+}", "state", s, "run",
                     c->config.run, "control-socket", c->config.run, "/" FILE_CONTROL, "inventory",
                     s, "/" DIR_GENERATED "/", FILE_INVENTORY, "known-hosts", s,
                     "/" DIR_GENERATED "/", FILE_KNOWN_HOSTS, "ssh-config", s,
                     "/" DIR_GENERATED "/", FILE_SSH_CONFIG, "store", s, "/" FILE_STORE, "images",
                     s, "/" DIR_IMAGES, "instances", s, "/" DIR_INSTANCES);
}

/* ---- a new verdict of the probe ---- */

struct reprobe {
    struct reprobe *next;
    core_op_fn *done;
    void *arg;
};

void core_reprobe(struct core *c, core_op_fn *done, void *arg)
{
    struct reprobe *r = calloc(1, sizeof *r);
    auto_buf struct buf b = BUF_INIT;
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    if (!r || proto_send(c->roostd, P_REPROBE, chan_next_id(c->roostd), &b, NULL, 0, &e) < 0) {
        free(r);
        done(NULL, &e, arg);
        return;
    }
    *r = (struct reprobe){ c->reprobes, done, arg };
    c->reprobes = r;
}

void core_reprobed(struct core *c)
{
    struct reprobe *r = c->reprobes;
    json_t *j = accel_json(c);

    c->reprobes = NULL;
    while (r) {
        struct reprobe *next = r->next;
        r->done(j, NULL, r->arg);
        free(r);
        r = next;
    }
    json_decref(j);
}

void reprobes_free(struct core *c)
{
    struct reprobe *r = c->reprobes;
    struct err e;

    err_set(&e, ERR_BUSY, "roost is stopping");
    c->reprobes = NULL;
    while (r) {
        struct reprobe *next = r->next;
        r->done(NULL, &e, r->arg);
        free(r);
        r = next;
    }
}

/* ---- generated files, written anew ---- */

struct sync {
    core_op_fn *done;
    void *arg;
};

static void synced(const struct err *err, unsigned changed, void *arg)
{
    struct sync *s = arg;
    json_t *j = json_pack("{s:i}", "changed", (int)changed);

    s->done(err ? NULL : j, err, s->arg);
    json_decref(j);
    free(s);
}

void core_sync(struct core *c, const struct actor *who, core_op_fn *done, void *arg)
{
    struct sync *s = calloc(1, sizeof *s);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    (void)who;
    if (!s) {
        done(NULL, &e, arg);
        return;
    }
    *s = (struct sync){ done, arg };
    wire_run_all(c, synced, s);
}
