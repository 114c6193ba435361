/* What core tells of instances: JSON of how they stand, straight from the store. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "server/core_ansible.h"
#include "server/core_machine.h"
#include "server/core_network.h"
#include "server/core_survey.h"

#define RECENT_EVENTS 10

static json_t *stamp(int64_t real_ms)
{
    char text[25];

    return real_ms >= CLOCK_SET_MS ? json_string(clock_rfc3339(real_ms, text)) : json_null();
}

static json_t *text_or_null(const char *s)
{
    return s && *s ? json_string(s) : json_null();
}

/* ---- instances ---- */

void core_guest_note(struct core *c, const struct guest *g, char *out, size_t size)
{
    standing_note(&g->standing, g->name.s, g->launcher == LAUNCHER_ROOST,
                  loop_now(c->loop).real_ms,
                  core_usual(c, g->standing.phase), out, size);
}

static json_t *names_json(const struct name *names, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_string(names[i].s));
    return list;
}

void view_of(struct core *c, const char *only, struct view *ret)
{
    ret->store = c->store;
    ret->now_ms = loop_now(c->loop).real_ms;
    ret->config = &c->config;
    ret->playbooks = c->ansible && core_playbooks_any(c);
    ret->behind = c->ansible && store_last_event(c->store) > c->ansible->cursor;
    for (int p = 0; p < PHASES; p++)
        ret->usual_ms[p] = core_usual(c, p);
    waitlist_of(c, only, &ret->waitlist);
}

void view_done(struct view *v)
{
    waitlist_done(&v->waitlist);
}

static void put_standing(const struct view *v, const struct guest *g, bool forwards, json_t *j)
{
    const struct queued *turn = waitlist_find(&v->waitlist, g->name.s);
    const struct standing *s = &g->standing;
    int64_t since = v->now_ms - s->since_ms;
    char note[320 + 400], also[400];

    if (turn)
        waitlist_note(&v->waitlist, turn, note, 320);
    else
        standing_note(s, g->name.s, g->launcher == LAUNCHER_ROOST, v->now_ms, v->usual_ms[s->phase],
                      note, 320);
    json_object_set_new(j, "state", json_string(turn         ? "queued"
                                                : s->overdue ? "overdue"
                                                             : phase_name(s->phase)));
    json_object_set_new(j, "phase", json_string(phase_name(s->phase)));
    json_object_set_new(j, "overdue", json_boolean(s->overdue));
    json_object_set_new(j, "since", stamp(s->since_ms));
    json_object_set_new(j, "for-ms", json_integer(s->since_ms && since > 0 ? since : 0));
    json_object_set_new(j, "usual-ms", json_integer(v->usual_ms[s->phase]));
    if (forwards && phase_is_running(s->phase)) {
        size_t len = strlen(note);
        hostfwds_note(v->store, g, also, sizeof also);
        snprintf(note + len, sizeof note - len, "%s%s", len && *also ? "; " : "", also);
    }
    json_object_set_new(j, "note", json_string(note));
    json_object_set_new(j, "turn", turn ? waitlist_json(&v->waitlist, turn) : json_null());
    json_object_set_new(j, "last-sign", text_or_null(s->last_sign));
    json_object_set_new(j, "last-sign-at", stamp(s->sign_ms));
}

static void put_spec(const struct view *v, const struct spec *s, json_t *j)
{
    char login[64];

    core_login(v->store, s, login);
    json_object_set_new(j, "image", text_or_null(s->image.s));
    json_object_set_new(j, "groups", names_json(s->groups, s->n_groups));
    json_object_set_new(j, "identities", names_json(s->identities, s->n_identities));
    json_object_set_new(j, "cpus", json_integer(s->cpus));
    json_object_set_new(j, "memory", json_integer((json_int_t)s->memory));
    json_object_set_new(j, "disk", json_integer((json_int_t)s->disk));
    json_object_set_new(j, "disks", s->n_drives ? drives_emit(s->drives, s->n_drives) : json_array());
    json_object_set_new(j, "forwards", s->n_forwards ? hostfwds_emit(s->forwards, s->n_forwards)
                                                     : json_array());
    json_object_set_new(j, "autostart", json_boolean(s->autostart));
    json_object_set_new(j, "bootstrapper", json_string(bootstrapper_name(s->bootstrapper)));
    json_object_set_new(j, "boot", json_string(boot_name(s->media.boot)));
    if (s->media.cdrom)
        json_object_set_new(j, "cdrom", json_string(s->media.iso[0] ? s->media.iso : "empty"));
    json_object_set_new(j, "user", text_or_null(login));
}

/* Of all of its cards, as far as they are known; without ports. */
static json_t *addresses_json(const struct guest *g, const json_t *nics)
{
    json_t *list = json_array(), *nic, *address;
    char ip[IP_TEXT];
    size_t i;

    if (g->address.port)
        json_array_append_new(list, json_string(ip_format(&g->address.ip, ip)));
    json_array_foreach((json_t *)(uintptr_t)nics, i, nic)
        if (json_is_string(address = json_object_get(nic, "address")))
            json_array_append(list, address);
    return list;
}

static json_t *guest_json(const struct view *v, const struct guest *g, const struct spec *s)
{
    char mac[MAC_TEXT], at[ENDPOINT_TEXT];
    json_t *j = json_object(), *nics;

    json_object_set_new(j, "name", json_string(g->name.s));
    json_object_set_new(j, "tag", json_string(g->tag.s));
    json_object_set_new(j, "instance-id", json_string(g->iid));
    json_object_set_new(j, "generation", json_integer(g->generation));
    json_object_set_new(j, "uuid", json_string(g->uuid.s));
    json_object_set_new(j, "mac", json_string(mac_format(&g->mac, mac)));
    json_object_set_new(j, "launcher", json_string(launcher_name(g->launcher)));
    json_object_set_new(j, "network", text_or_null(g->network.s));
    json_object_set_new(j, "address",
                        g->address.port ? json_string(endpoint_format(&g->address, at))
                                        : json_null());
    nics = core_nics_json(v->store, g);
    json_object_set_new(j, "nics", nics);
    json_object_set_new(j, "addresses", addresses_json(g, nics));
    json_object_set_new(j, "boots", json_integer(g->boots));
    put_standing(v, g, s->n_forwards > 0, j);
    json_object_set_new(j, "configuration", configuration_json(v, g));
    put_spec(v, s, j);
    return j;
}

json_t *core_guest_json(struct core *c, const struct guest *g, const struct spec *s)
{
    struct view v;
    json_t *j;

    view_of(c, g->name.s, &v);
    j = guest_json(&v, g, s);
    view_done(&v);
    return j;
}

struct listing {
    const struct view *v;
    const atomic_bool *ending;
    struct buf *out;
    struct err *e;
};

static int append(const char *data, size_t len, void *arg)
{
    buf_put(arg, data, len);
    return 0;
}

/* As text at once: a tree of a large fleet would take ten times the room. */
static int list_guest(const struct guest *g, void *arg)
{
    struct listing *l = arg;
    struct instance i = { 0 };
    json_t *j;

    if (*l->ending)
        return err_set(l->e, ERR_BUSY, "roost is stopping");
    if (store_instance_get(l->v->store, g->id, &i, NULL) == 0) {
        j = guest_json(l->v, g, &i.spec);
        buf_puts(l->out, l->out->len > 1 ? "," : "");
        json_dump_callback(j, append, l->out, JSON_COMPACT);
        json_decref(j);
    }
    instance_done(&i);
    return buf_check(l->out, l->e);
}

int instances_print(const struct view *v, const atomic_bool *ending, struct buf *out, struct err *e)
{
    struct listing l = { v, ending, out, e };
    int r;

    buf_puts(out, "[");
    store_read(v->store);
    r = store_guests(v->store, list_guest, &l, e);
    store_rollback(v->store);
    buf_puts(out, "]\n");
    return r;
}

/* Whom runs log in as where that is roost's own account. */
static json_t *account_json(struct core *c, const struct guest *g, const struct spec *s)
{
    struct account a;

    return account_in_use(c, g->id, s, &a, NULL) > 0 ? json_string(a.login) : json_null();
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
    return json_pack("{s:I, s:o, s:o, s:s, s:s, s:s}", "seq", (json_int_t)ev->seq, "time",
                     stamp(ev->real_ms), "instance", text_or_null(ev->instance.s),
                     "kind", event_kind_name(ev->kind), "detail", ev->detail, "actor", ev->actor);
}

static int list_event(const struct event *ev, void *arg)
{
    return json_array_append_new(arg, event_json(ev));
}

static json_t *paths_of(const struct core *c, const struct guest *g, const struct spec *s)
{
    char dir[PATH_SIZE + 128], socket[PATH_SIZE], vnc[PATH_SIZE];

    snprintf(dir, sizeof dir, "%s/%s/%s", c->config.state, DIR_INSTANCES, g->name.s);
    layout_socket(c->config.run, &g->name, SUFFIX_CONSOLE, socket);
    layout_socket(c->config.run, &g->name, SUFFIX_VNC, vnc);
    return json_pack("{s:s, s:s+, s:s, s:s*, s:s+}", "directory", dir, "console-log", dir,
                     "/" FILE_CONSOLE, "console-socket", socket, "vnc-socket",
                     s->machine.display == DISPLAY_VNC ? vnc : NULL, "vm-sh", dir, "/" FILE_VM_SH);
}

json_t *core_instance(struct core *c, const char *name, struct err *e)
{
    struct instance i = { 0 };
    json_t *j, *events;
    struct guest g;

    if (core_guest(c, name, &g, e) < 0 || store_instance_get(c->store, g.id, &i, e) < 0)
        return NULL;
    j = core_guest_json(c, &g, &i.spec);
    json_object_set_new(j, "spec", spec_to_json(&i.spec));
    json_object_set_new(j, "ansible-user", account_json(c, &g, &i.spec));
    json_object_set_new(j, "paths", paths_of(c, &g, &i.spec));
    instance_done(&i);
    json_object_set_new(j, "host-keys", keys_json(c, &g));
    json_object_set_new(j, "timeline", timeline_json(c, &g));
    events = json_array();
    store_events(c->store, g.id, 0, RECENT_EVENTS, true, list_event, events, NULL);
    json_object_set_new(j, "recent-events", events);
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
