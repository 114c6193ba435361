/* Who waits for its turn of autostart, as people are told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/core_autostart.h"

static int by_name(const void *left, const void *right)
{
    const struct queued *a = left, *b = right;

    return strcmp(a->name.s, b->name.s);
}

static void note_booting(struct waitlist *w, const struct starter *s)
{
    if (w->n_booting < BOOTING_NAMED)
        w->booting[w->n_booting] = s->name;
    w->n_booting++;
}

void waitlist_of(const struct core *c, const char *only, struct waitlist *ret)
{
    const struct autostart *a = c->autostart;
    size_t size = only ? 1 : a ? a->n : 0;

    *ret = (struct waitlist){ .n = 0 };
    if (!a || !size || !(ret->list = calloc(size, sizeof *ret->list)))
        return;
    for (size_t i = 0; i < a->n; i++) {
        const struct starter *s = &a->list[i];
        if (s->turn == TURN_BOOTS)
            note_booting(ret, s);
        if (s->turn != TURN_WAITS || s->told)
            continue;
        ret->waiting++;
        if (ret->n < size && (!only || strcmp(only, s->name.s) == 0))
            ret->list[ret->n++] = (struct queued){ s->name, ret->waiting };
    }
    qsort(ret->list, ret->n, sizeof *ret->list, by_name);
}

void waitlist_done(struct waitlist *w)
{
    free(w->list);
    *w = (struct waitlist){ .n = 0 };
}

const struct queued *waitlist_find(const struct waitlist *w, const char *name)
{
    struct queued wanted = { .place = 0 };

    if (!w->n)
        return NULL;
    snprintf(wanted.name.s, sizeof wanted.name.s, "%s", name);
    return bsearch(&wanted, w->list, w->n, sizeof *w->list, by_name);
}

void waitlist_note(const struct waitlist *w, const struct queued *q, char *out, size_t size)
{
    auto_buf struct buf b = BUF_INIT;

    buf_printf(&b, "waits for its turn to start, %zu of %zu", q->place, w->waiting);
    for (size_t i = 0; i < w->n_booting && i < BOOTING_NAMED; i++)
        buf_printf(&b, "%s%s", i ? ", " : "; booting now: ", w->booting[i].s);
    if (w->n_booting > BOOTING_NAMED)
        buf_printf(&b, " and %zu more", w->n_booting - BOOTING_NAMED);
    snprintf(out, size, "%s", buf_str(&b));
}

static json_t *behind(const struct waitlist *w)
{
    json_t *list = json_array();

    for (size_t i = 0; i < w->n_booting && i < BOOTING_NAMED; i++)
        json_array_append_new(list, json_string(w->booting[i].s));
    return list;
}

json_t *waitlist_json(const struct waitlist *w, const struct queued *q)
{
    return json_pack("{s:I, s:I, s:o}", "place", (json_int_t)q->place, "of", (json_int_t)w->waiting,
                     "behind", behind(w));
}

static size_t count(const struct core *c, enum turn turn)
{
    const struct autostart *a = c->autostart;
    size_t n = 0;

    for (size_t i = 0; a && i < a->n; i++)
        n += a->list[i].turn == turn;
    return n;
}

size_t autostart_waiting(const struct core *c)
{
    return count(c, TURN_WAITS);
}

json_t *autostart_json(const struct core *c)
{
    return json_pack("{s:I, s:I}", "waiting", (json_int_t)count(c, TURN_WAITS), "booting",
                     (json_int_t)count(c, TURN_BOOTS));
}
