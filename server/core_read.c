/* What core tells: JSON of how things stand, straight from the store. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "server/core_machine.h"
#include "server/project.h"

#define RECENT_EVENTS 10
#define OVERDUE_MAX   100
#define FAULTS_MAX    20

static json_t *stamp(int64_t real_ms)
{
    char text[25];

    return real_ms ? json_string(clock_rfc3339(real_ms, text)) : json_null();
}

static json_t *text_or_null(const char *s)
{
    return s && *s ? json_string(s) : json_null();
}

/* ---- instances ---- */

static void note_of(struct core *c, const struct guest *g, char *out, size_t size)
{
    standing_note(&g->standing, g->name.s, loop_now(c->loop).real_ms,
                  core_usual(c, g->standing.phase), out, size);
}

static json_t *names_json(const struct name *names, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_string(names[i].s));
    return list;
}

/* Whom ssh logs in as: the first identity, else the image's user. */
static void login_of(struct core *c, const struct spec *s, char out[64])
{
    struct image image;
    const json_t *user = json_object_get(s->vars, "ansible_user");

    if (json_is_string(user))
        snprintf(out, 64, "%s", json_string_value(user));
    else if (s->n_identities)
        snprintf(out, 64, "%s", s->identities[0].s);
    else if (s->image.s[0] && core_image(c, s->image.s, &image, NULL) == 0)
        snprintf(out, 64, "%s", image.default_user);
    else
        out[0] = '\0';
}

static void put_standing(struct core *c, const struct guest *g, json_t *j)
{
    const struct standing *s = &g->standing;
    int64_t since = loop_now(c->loop).real_ms - s->since_ms;
    char note[320];

    note_of(c, g, note, sizeof note);
    json_object_set_new(j, "state", json_string(s->overdue ? "overdue" : phase_name(s->phase)));
    json_object_set_new(j, "phase", json_string(phase_name(s->phase)));
    json_object_set_new(j, "overdue", json_boolean(s->overdue));
    json_object_set_new(j, "since", stamp(s->since_ms));
    json_object_set_new(j, "for-ms", json_integer(since > 0 ? since : 0));
    json_object_set_new(j, "usual-ms", json_integer(core_usual(c, s->phase)));
    json_object_set_new(j, "note", json_string(note));
    json_object_set_new(j, "last-sign", text_or_null(s->last_sign));
    json_object_set_new(j, "last-sign-at", stamp(s->sign_ms));
}

static void put_spec(struct core *c, const struct spec *s, json_t *j)
{
    char login[64];

    login_of(c, s, login);
    json_object_set_new(j, "image", text_or_null(s->image.s));
    json_object_set_new(j, "groups", names_json(s->groups, s->n_groups));
    json_object_set_new(j, "identities", names_json(s->identities, s->n_identities));
    json_object_set_new(j, "cpus", json_integer(s->cpus));
    json_object_set_new(j, "memory", json_integer((json_int_t)s->memory));
    json_object_set_new(j, "disk", json_integer((json_int_t)s->disk));
    json_object_set_new(j, "autostart", json_boolean(s->autostart));
    json_object_set_new(j, "user", text_or_null(login));
}

static json_t *guest_json(struct core *c, const struct guest *g, const struct spec *s)
{
    char mac[MAC_TEXT], at[ENDPOINT_TEXT];
    json_t *j = json_object();

    json_object_set_new(j, "name", json_string(g->name.s));
    json_object_set_new(j, "tag", json_string(g->tag.s));
    json_object_set_new(j, "instance-id", json_string(g->iid));
    json_object_set_new(j, "generation", json_integer(g->generation));
    json_object_set_new(j, "uuid", json_string(g->uuid.s));
    json_object_set_new(j, "mac", json_string(mac_format(&g->mac, mac)));
    json_object_set_new(j, "launcher", json_string(launcher_name(g->launcher)));
    json_object_set_new(j, "network", text_or_null(g->network.s));
    json_object_set_new(j, "address",
                        g->address.port ? json_string(endpoint_format(&g->address, at)) : json_null());
    json_object_set_new(j, "boots", json_integer(g->boots));
    put_standing(c, g, j);
    put_spec(c, s, j);
    return j;
}

struct listing {
    struct core *c;
    json_t *list;
};

static int list_guest(const struct guest *g, void *arg)
{
    struct listing *l = arg;
    struct instance i = { 0 };

    if (store_instance_get(l->c->store, g->id, &i, NULL) == 0)
        json_array_append_new(l->list, guest_json(l->c, g, &i.spec));
    instance_done(&i);
    return 0;
}

json_t *core_instances(struct core *c, struct err *e)
{
    struct listing l = { c, json_array() };

    if (store_guests(c->store, list_guest, &l, e) == 0)
        return l.list;
    json_decref(l.list);
    return NULL;
}

static json_t *keys_json(struct core *c, const struct guest *g)
{
    json_t *list = json_array();
    char line[HOSTKEY_B64_MAX + 64], print[64];
    struct guest_keys *k = calloc(1, sizeof *k);

    if (k && store_keys_get(c->store, g->id, k, NULL) == 0)
        for (int t = 0; t < HOSTKEY_TYPES; t++) {
            if (!k->has[t])
                continue;
            hostkey_line(&k->keys[t], line, sizeof line);
            hostkey_fingerprint(&k->keys[t], print);
            json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "type", hostkey_type_name(t),
                                                  "fingerprint", print, "line", line));
        }
    free(k);
    return list;
}

static json_t *timeline_json(struct core *c, const struct guest *g)
{
    auto_free char *text = NULL;
    uint32_t boot;
    json_t *j = NULL;

    sight_flush(c, g->tag.s);
    if (store_timeline_get(c->store, g->id, &boot, &text, NULL) == 0)
        j = json_loads(text, 0, NULL);
    return j ? j : json_array();
}

static json_t *event_json(const struct event *ev)
{
    char at[25];

    return json_pack("{s:I, s:s, s:o, s:s, s:s, s:s}", "seq", (json_int_t)ev->seq, "time",
                     clock_rfc3339(ev->real_ms, at), "instance", text_or_null(ev->instance.s), "kind",
                     event_kind_name(ev->kind), "detail", ev->detail, "actor", ev->actor);
}

static int list_event(const struct event *ev, void *arg)
{
    return json_array_append_new(arg, event_json(ev));
}

static json_t *paths_of(const struct core *c, const struct guest *g)
{
    char dir[PATH_SIZE + 128], socket[PATH_SIZE];

    snprintf(dir, sizeof dir, "%s/%s/%s", c->config.state, DIR_INSTANCES, g->name.s);
    layout_socket(c->config.run, &g->name, SUFFIX_CONSOLE, socket);
    return json_pack("{s:s, s:s+, s:s, s:s+}", "directory", dir, "console-log", dir,
                     "/" FILE_CONSOLE, "console-socket", socket, "vm-sh", dir, "/" FILE_VM_SH);
}

json_t *core_instance(struct core *c, const char *name, struct err *e)
{
    struct instance i = { 0 };
    json_t *j, *events;
    struct guest g;

    if (core_guest(c, name, &g, e) < 0 || store_instance_get(c->store, g.id, &i, e) < 0)
        return NULL;
    j = guest_json(c, &g, &i.spec);
    json_object_set_new(j, "spec", spec_to_json(&i.spec));
    instance_done(&i);
    json_object_set_new(j, "host-keys", keys_json(c, &g));
    json_object_set_new(j, "timeline", timeline_json(c, &g));
    events = json_array();
    store_events(c->store, g.id, 0, RECENT_EVENTS, true, list_event, events, NULL);
    json_object_set_new(j, "recent-events", events);
    json_object_set_new(j, "paths", paths_of(c, &g));
    return j;
}

json_t *core_events(struct core *c, const char *name, int64_t after, int limit, bool newest,
                    struct err *e)
{
    json_t *list = json_array();
    struct guest g = { .id = 0 };
    int64_t last;

    if (name && core_guest(c, name, &g, e) < 0) {
        json_decref(list);
        return NULL;
    }
    last = store_last_event(c->store);
    if (store_events(c->store, g.id, after, limit, newest, list_event, list, e) < 0) {
        json_decref(list);
        return NULL;
    }
    /* A page that was cut goes on behind its own last row. */
    if (!newest && (int)json_array_size(list) == limit)
        last = json_integer_value(json_object_get(json_array_get(list, limit - 1), "seq"));
    return json_pack("{s:o, s:I}", "events", list, "last", (json_int_t)last);
}

json_t *core_unknown(struct core *c, struct err *e)
{
    (void)e;
    return unknown_json(c);
}

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
    } kinds[] = { { "networks", DEF_NETWORK }, { "identities", DEF_IDENTITY }, { "images", DEF_IMAGE } };
    json_t *list = json_array();

    err_set(e, ERR_NOT_FOUND, "no definitions are called %s", kind);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (!strcmp(kinds[i].name, kind) && store_defs(c->store, kinds[i].kind, list_def, list, e) == 0)
            return list;
    json_decref(list);
    return NULL;
}

/* ---- the appliance ---- */

static json_t *accel_json(const struct core *c)
{
    if (!c->accel_known)
        return json_pack("{s:s, s:s, s:s}", "name", "unknown", "reason", "still being probed", "qemu",
                         "");
    return json_pack("{s:s, s:s, s:s}", "name", accel_name(c->accel.accel), "reason", c->accel.reason,
                     "qemu", c->accel.qemu_version);
}

struct overdue {
    struct core *c;
    json_t *list;
};

static int list_overdue(const struct guest *g, void *arg)
{
    struct overdue *o = arg;
    char note[320];

    note_of(o->c, g, note, sizeof note);
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

static json_t *faults_json(const struct core *c)
{
    json_t *list = json_array();

    if (c->full)
        json_array_append_new(list, json_string("the disk is full: phone-homes get 503"));
    if (wire_fault(c)[0])
        json_array_append_new(list, json_string(wire_fault(c)));
    if (c->accel_known && !c->accel.qemu_version[0] && c->config.launch)
        json_array_append_new(list, json_string(c->accel.reason));
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
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s+, s:o, s:I, s:o, s:I, s:o, s:o, s:o, s:o}",
                     "version", ROOST_VERSION, "mode",
                     c->config.mode == MODE_SYSTEM ? "system" : "rootless", "state-directory",
                     c->config.state, "seed-address", endpoint_format(&c->seed_at, at), "base-url",
                     c->base_url, "control-socket", c->config.run, "/" FILE_CONTROL, "accelerator",
                     accel_json(c), "instances", (json_int_t)all, "by-state", by, "overdue-count",
                     (json_int_t)overdue, "overdue", o.list, "unknown-callers", unknown_json(c),
                     "faults", faults_json(c), "counters", counters_json(c));
}

json_t *core_paths(struct core *c, struct err *e)
{
    const char *s = c->config.state;

    (void)e;
    return json_pack("{s:s, s:s, s:s+, s:s++, s:s++, s:s++, s:s+, s:s+, s:s+}", "state", s, "run",
                     c->config.run, "control-socket", c->config.run, "/" FILE_CONTROL, "inventory", s,
                     "/" DIR_GENERATED "/", FILE_INVENTORY, "known-hosts", s, "/" DIR_GENERATED "/",
                     FILE_KNOWN_HOSTS, "ssh-config", s, "/" DIR_GENERATED "/", FILE_SSH_CONFIG,
                     "store", s, "/" FILE_STORE, "images", s, "/" DIR_IMAGES, "instances", s,
                     "/" DIR_INSTANCES);
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

/* ---- generated files ---- */

int core_inventory(struct core *c, struct buf *out, struct err *e)
{
    return project_inventory(c->store, &c->config, out, e);
}

int core_known_hosts(struct core *c, const char *host, struct buf *out, struct err *e)
{
    return host ? project_known_host(c->store, host, out, e)
                : project_known_hosts(c->store, &c->config, out, e);
}

int core_ssh_config(struct core *c, struct buf *out, struct err *e)
{
    return project_ssh_config(c->store, &c->config, out, e);
}

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
