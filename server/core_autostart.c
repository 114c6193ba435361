/* Autostart: once per boot of the host, in order, and so many at once, since twenty guests that
 * boot together are all late. The next one starts when one is home, overdue or over. Who still
 * waits is on record, so that a restart of roost goes on with it and starts nobody whom somebody
 * stopped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/core_autostart.h"
#include "server/core_machine.h"
#include "server/core_network.h"

#define META_QUEUE "autostart"
#define QUEUE_MAX  (1u << 20) /* bytes of names on record */

static struct starter *add(struct autostart *a, const struct name *name, unsigned order)
{
    if (a->n == a->size) {
        size_t size = a->size ? 2 * a->size : 16;
        struct starter *list = reallocarray(a->list, size, sizeof *list);
        if (!list)
            return NULL;
        a->list = list;
        a->size = size;
    }
    a->list[a->n] = (struct starter){ .name = *name, .order = order };
    return &a->list[a->n++];
}

static int by_order(const void *left, const void *right)
{
    const struct starter *a = left, *b = right;

    return a->order != b->order ? (a->order < b->order ? -1 : 1) : strcmp(a->name.s, b->name.s);
}

/* ---- on record ---- */

static void save(struct autostart *a)
{
    auto_buf struct buf names = BUF_INIT;
    struct core *c = a->c;
    struct err e;
    int r;

    if (!a->changed)
        return;
    a->changed = false;
    for (size_t i = 0; i < a->n; i++)
        if (a->list[i].turn == TURN_WAITS)
            buf_printf(&names, "%s%s", names.len ? " " : "", a->list[i].name.s);
    if (core_write(c, true, &e) < 0)
        r = -1;
    else if (names.len)
        r = store_meta_set(c->store, META_QUEUE, buf_str(&names), &e);
    else
        r = store_meta_remove(c->store, META_QUEUE, &e);
    if (r < 0)
        core_fault(c, "autostart: %s", e.text);
}

static int collect(const struct guest *g, void *arg)
{
    struct autostart *a = arg;
    struct instance i = { 0 };

    if (g->launcher == LAUNCHER_ROOST && store_instance_get(a->c->store, g->id, &i, NULL) == 0 &&
        i.spec.autostart)
        add(a, &g->name, i.spec.autostart_order);
    instance_done(&i);
    return 0;
}

/* In the order that they were put down in; behind those that an earlier roost has started, and that
 * are not home yet. */
static void load(struct autostart *a)
{
    auto_free char *names = malloc(QUEUE_MAX);
    char *at = NULL;
    struct name name;
    struct err e;

    if (!names || store_meta_get(a->c->store, META_QUEUE, names, QUEUE_MAX, NULL) < 0)
        return;
    if (store_guests_in(a->c->store,
                        1u << PHASE_STARTING | 1u << PHASE_LAUNCHED | 1u << PHASE_SEEDED, collect,
                        a, &e) < 0)
        core_fault(a->c, "autostart: %s", e.text);
    for (size_t i = 0; i < a->n; i++)
        a->list[i].turn = TURN_BOOTS;
    for (char *s = strtok_r(names, " ", &at); s; s = strtok_r(NULL, " ", &at))
        if (name_parse(s, "instance name", &name, NULL) == 0)
            add(a, &name, 0);
}

/* ---- one after another ---- */

/* What went wrong is an event of the guest already, unless it was refused beforehand. */
static void started(const json_t *result, const struct err *err, void *arg)
{
    (void)result, (void)err, (void)arg;
}

static void note_failure(struct core *c, const struct name *name, const char *why)
{
    struct guest g;

    if (store_guest_by_name(c->store, name->s, &g, NULL) == 0)
        core_note(c, g.id, EV_LAUNCH_FAILED, "autostart", "%s", why);
}

static void start(struct autostart *a, struct starter *s)
{
    static const struct actor who = { "autostart" };
    struct err e;

    s->turn = TURN_BOOTS;
    a->changed = true;
    if (machine_start(a->c, s->name.s, false, &who, started, NULL, &e) == 0)
        return;
    s->turn = TURN_OVER;
    note_failure(a->c, &s->name, e.text);
}

/* Does it still keep others waiting? */
static bool is_booting(struct core *c, const struct starter *s)
{
    const struct machine *m;
    struct guest g;

    if (store_guest_by_name(c->store, s->name.s, &g, NULL) < 0 || !(m = machine_find(c, g.id)))
        return false;
    if (m->state == MACHINE_PREPARING)
        return true;
    return phase_is_on_the_way(g.standing.phase) && !g.standing.overdue;
}

static size_t count_booting(struct autostart *a)
{
    size_t n = 0;

    for (size_t i = 0; i < a->n; i++) {
        if (a->list[i].turn == TURN_BOOTS && !is_booting(a->c, &a->list[i]))
            a->list[i].turn = TURN_OVER;
        n += a->list[i].turn == TURN_BOOTS;
    }
    return n;
}

/* Its turn has come, and its network is up. */
static struct starter *next(struct autostart *a)
{
    struct name missing;
    struct guest g;

    for (size_t i = 0; i < a->n; i++) {
        struct starter *s = &a->list[i];
        if (s->turn != TURN_WAITS)
            continue;
        if (store_guest_by_name(a->c->store, s->name.s, &g, NULL) < 0 ||
            machine_find(a->c, g.id)) { /* gone, or it runs already */
            s->turn = TURN_OVER;
            a->changed = true;
        } else if (core_nics_ready(a->c, &g, &missing)) {
            return s;
        }
    }
    return NULL;
}

static bool all_over(const struct autostart *a)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->list[i].turn != TURN_OVER)
            return false;
    return true;
}

void autostart_go_on(struct core *c)
{
    struct autostart *a = c->autostart;
    struct starter *s;
    size_t booting;

    /* A guest that boots finds its seed: front is there before the first of them. */
    if (!a || !c->ready || !c->front || c->ending || c->quitting)
        return;
    booting = count_booting(a);
    while ((!c->config.boot_at_once || booting < c->config.boot_at_once) && (s = next(a))) {
        start(a, s);
        booting += s->turn == TURN_BOOTS;
    }
    save(a);
    if (all_over(a))
        autostart_free(c);
}

void autostart_network(struct core *c, const char *network, bool up)
{
    struct autostart *a = c->autostart;
    char why[sizeof(struct err)];
    struct guest g;
    struct err e;

    for (size_t i = 0; a && !up && i < a->n; i++) {
        struct starter *s = &a->list[i];
        if (s->turn != TURN_WAITS || s->told ||
            store_guest_by_name(c->store, s->name.s, &g, NULL) < 0 ||
            !core_nics_on(c, &g, network))
            continue;
        s->told = true;
        err_set(&e, ERR_CONFLICT, "%s", network_note(c, network));
        network_wrap(network, &e);
        snprintf(why, sizeof why, "waits: %s", e.text);
        note_failure(c, &s->name, why);
    }
    if (up)
        autostart_go_on(c);
}

static struct starter *waiting(const struct autostart *a, const char *name)
{
    for (size_t i = 0; a && i < a->n; i++)
        if (a->list[i].turn == TURN_WAITS && strcmp(a->list[i].name.s, name) == 0)
            return &a->list[i];
    return NULL;
}

void autostart_forget(struct core *c, const char *name)
{
    struct starter *s = waiting(c->autostart, name);

    if (!s)
        return;
    s->turn = TURN_OVER;
    c->autostart->changed = true;
    save(c->autostart);
}

int autostart_call_off(struct core *c, struct guest *g, const char *actor, struct err *e)
{
    if (!waiting(c->autostart, g->name.s))
        return 0;
    if (core_write(c, true, e) < 0 ||
        core_event(c, g, EV_STOPPED, actor, e, "before its turn to start had come") < 0 ||
        core_guest_save(c, g, e) < 0)
        return -1;
    autostart_forget(c, g->name.s);
    return 1;
}

/* ---- life ---- */

void autostart_begin(struct core *c, bool new_boot)
{
    struct autostart *a = calloc(1, sizeof *a);
    struct err e;

    if (!a || !c->config.launch) {
        free(a);
        return;
    }
    a->c = c;
    c->autostart = a;
    if (!new_boot) {
        load(a);
    } else {
        if (store_guests_in(c->store,
                            1u << PHASE_DEFINED | 1u << PHASE_STOPPED | 1u << PHASE_FAILED, collect,
                            a, &e) < 0)
            core_fault(c, "autostart: %s", e.text);
        if (a->n)
            qsort(a->list, a->n, sizeof *a->list, by_order);
        a->changed = true;
    }
    autostart_go_on(c);
}

void autostart_free(struct core *c)
{
    if (!c->autostart)
        return;
    free(c->autostart->list);
    free(c->autostart);
    c->autostart = NULL;
}

void autostart_renamed(struct core *c, const char *from, const struct name *to)
{
    struct autostart *a = c->autostart;

    for (size_t i = 0; a && i < a->n; i++)
        if (strcmp(a->list[i].name.s, from) == 0) {
            a->list[i].name = *to;
            a->changed = true;
        }
}
