/* Verdicts: a guest over the limit of its phase becomes overdue by itself. A heap of deadlines in
 * memory; a deadline that no longer holds (the guest moved on) is dropped when it comes up. */
#include <string.h>

#include "base/parse.h"
#include "server/core_priv.h"

#define DUE_MAX 256 /* verdicts in one turn */

struct deadline {
    int64_t at_ms; /* CLOCK_BOOTTIME */
    int64_t id;
};

struct verdict {
    struct loop_timer *timer;
    struct deadline *heap;
    size_t n, size;
};

static void due(void *arg);

int verdict_new(struct core *c, struct err *e)
{
    if (!(c->verdict = calloc(1, sizeof *c->verdict)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    c->verdict->timer = loop_timer_new(c->loop, due, c, e);
    return c->verdict->timer ? 0 : -1;
}

void verdict_free(struct core *c)
{
    if (!c->verdict)
        return;
    loop_timer_free(c->verdict->timer);
    free(c->verdict->heap);
    free(c->verdict);
    c->verdict = NULL;
}

static void sift_up(struct deadline *h, size_t i)
{
    while (i && h[(i - 1) / 2].at_ms > h[i].at_ms) {
        struct deadline t = h[i];
        h[i] = h[(i - 1) / 2];
        h[(i - 1) / 2] = t;
        i = (i - 1) / 2;
    }
}

static void sift_down(struct deadline *h, size_t n, size_t i)
{
    for (;;) {
        size_t least = i;
        for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < n; k++)
            if (h[k].at_ms < h[least].at_ms)
                least = k;
        if (least == i)
            return;
        struct deadline t = h[i];
        h[i] = h[least];
        h[least] = t;
        i = least;
    }
}

static void arm(struct core *c)
{
    struct verdict *v = c->verdict;
    int64_t wait;

    if (!v->n) {
        loop_timer_set(v->timer, -1);
        return;
    }
    wait = v->heap[0].at_ms - loop_now(c->loop).boot_ms;
    loop_timer_set(v->timer, wait > 0 ? wait : 0);
}

static bool put(struct verdict *v, int64_t at_ms, int64_t id)
{
    if (v->n == v->size) {
        size_t size = v->size ? 2 * v->size : 256;
        struct deadline *heap = reallocarray(v->heap, size, sizeof *heap);
        if (!heap)
            return false;
        v->heap = heap;
        v->size = size;
    }
    v->heap[v->n] = (struct deadline){ at_ms, id };
    sift_up(v->heap, v->n++);
    return true;
}

void verdict_set(struct core *c, const struct guest *g)
{
    struct verdict *v = c->verdict;
    int64_t at_ms = standing_deadline(&g->standing, core_limits(c, g->id));

    if (at_ms != INT64_MAX && !g->standing.overdue && put(v, at_ms, g->id) &&
        v->heap[0].id == g->id)
        arm(c);
}

static void judge(struct core *c, struct guest *g, int64_t now_boot_ms)
{
    const struct standing *s = &g->standing;
    int64_t at_ms = standing_deadline(s, core_limits(c, g->id));
    char note[256];
    struct err e;

    if (at_ms == INT64_MAX || s->overdue)
        return;
    if (at_ms > now_boot_ms) {
        verdict_set(c, g); /* the limit has grown (TCG was found out later), or look() put it */
        return;
    }
    standing_note(s, g->name.s, g->launcher == LAUNCHER_ROOST,
                  loop_now(c->loop).real_ms, core_usual(c, s->phase), note, sizeof note);
    if (core_write(c, true, &e) < 0 ||
        core_event(c, g, EV_OVERDUE, "roost", &e, "%s: %s", phase_name(s->phase), note) < 0 ||
        core_guest_save(c, g, &e) < 0)
        core_fault(c, "verdict on %s: %s", g->name.s, e.text);
}

static void due(void *arg)
{
    struct core *c = arg;
    struct verdict *v = c->verdict;
    int64_t now = loop_now(c->loop).boot_ms;
    struct guest g;

    /* As many as were due when this began (judge() may put one back), a storm in several turns. */
    for (size_t left = v->n < DUE_MAX ? v->n : DUE_MAX; left && v->n && v->heap[0].at_ms <= now;
         left--) {
        int64_t id = v->heap[0].id;
        v->heap[0] = v->heap[--v->n];
        sift_down(v->heap, v->n, 0);
        if (store_guest_by_id(c->store, id, &g, NULL) == 0)
            judge(c, &g, now);
    }
    arm(c);
}

struct loading {
    struct core *c;
    struct err *e;
};

/* After a reboot of the host CLOCK_BOOTTIME began anew: what the phase has lasted is taken from the
 * wall clock, once, and put on record, since it is what judge() goes by. */
static int move(const struct guest *g, void *arg)
{
    struct loading *l = arg;
    struct instant now = loop_now(l->c->loop);
    struct guest moved = *g;
    int64_t lasted = now.real_ms - g->standing.since_ms;

    moved.standing.since_boot_ms = now.boot_ms - (lasted > 0 ? lasted : 0);
    moved.standing.way_boot_ms = moved.standing.since_boot_ms;
    if (core_guest_save(l->c, &moved, l->e) < 0)
        return -1;
    verdict_set(l->c, &moved);
    return 0;
}

/* The first answer does not wait until all who are on their way were read: judge() finds out. */
static int look(int64_t id, void *arg)
{
    struct core *c = arg;

    put(c->verdict, loop_now(c->loop).boot_ms, id);
    return 0;
}

int verdict_load(struct core *c, bool new_boot, struct err *e)
{
    struct loading l = { c, e };
    unsigned mask = 0;

    for (int p = 0; p < PHASES; p++)
        if (phase_waits_for(p))
            mask |= 1u << p;
    if (new_boot)
        return store_guests_in(c->store, mask, move, &l, e);
    if (store_guest_ids_in(c->store, mask, look, c, e) < 0)
        return -1;
    arm(c);
    return 0;
}
