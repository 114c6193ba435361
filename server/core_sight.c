/* What was lately heard from guests: rate limits, post tokens, boot timelines that are still
 * growing. A capped table by tag; the stalest makes room, its timeline goes to the store. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "seeds/report.h"
#include "server/core_priv.h"

#define SIGHTS_MAX     4096
#define SIGHT_BUCKETS  4096
#define SPANS_MAX      72
#define FLUSH_AFTER_MS 5000
#define MINUTE_MS      60000

struct span {
    char name[48];
    int64_t start_ms, end_ms; /* by the host's clock; 0: not seen */
    uint8_t result;
};

struct sight {
    struct sight *chain;        /* of its bucket */
    struct sight *newer, *older; /* by use */
    struct tag tag;
    int64_t id;
    uint32_t boot;
    struct token post;
    int64_t minute, refusal_ms; /* CLOCK_BOOTTIME */
    unsigned in_minute;
    int64_t changed_ms; /* 0: the store has it all */
    unsigned n_spans;
    struct span spans[SPANS_MAX];
};

struct sights {
    struct sight *bucket[SIGHT_BUCKETS];
    struct sight *newest, *oldest;
    size_t n;
};

static unsigned bucket_of(const char *tag)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (; *tag; tag++)
        h = (h ^ (uint8_t)*tag) * 16777619u;
    return h % SIGHT_BUCKETS;
}

int sights_new(struct core *c, struct err *e)
{
    c->sights = calloc(1, sizeof *c->sights);
    return c->sights ? 0 : err_set(e, ERR_INTERNAL, "out of memory");
}

static void unlink_use(struct sights *t, struct sight *s)
{
    *(s->newer ? &s->newer->older : &t->newest) = s->older;
    *(s->older ? &s->older->newer : &t->oldest) = s->newer;
}

static void link_newest(struct sights *t, struct sight *s)
{
    s->newer = NULL;
    s->older = t->newest;
    *(t->newest ? &t->newest->newer : &t->oldest) = s;
    t->newest = s;
}

struct sight *sight_find(struct core *c, const char *tag)
{
    struct sight *s = c->sights->bucket[bucket_of(tag)];

    while (s && strcmp(s->tag.s, tag))
        s = s->chain;
    if (s && s != c->sights->newest) {
        unlink_use(c->sights, s);
        link_newest(c->sights, s);
    }
    return s;
}

/* ---- timelines ---- */

static json_t *span_json(const struct span *p)
{
    char start[25], end[25];
    json_t *j = json_pack("{s:s}", "name", p->name);

    if (p->start_ms)
        json_object_set_new(j, "start", json_string(clock_rfc3339(p->start_ms, start)));
    if (p->end_ms) {
        json_object_set_new(j, "end", json_string(clock_rfc3339(p->end_ms, end)));
        json_object_set_new(j, "result", json_string(report_result_name(p->result)));
    }
    return j;
}

static int flush(struct core *c, struct sight *s, struct err *e)
{
    auto_free char *text = NULL;
    json_t *j;
    int r;

    if (!s->changed_ms)
        return 0;
    j = json_array();
    for (unsigned i = 0; i < s->n_spans; i++)
        json_array_append_new(j, span_json(&s->spans[i]));
    text = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    if (!text)
        return err_set(e, ERR_INTERNAL, "out of memory");
    r = core_write(c, false, e) < 0 ? -1 : store_timeline_put(c->store, s->id, s->boot, text, e);
    if (r == 0)
        s->changed_ms = 0;
    return r;
}

void sights_flush(struct core *c, bool all)
{
    int64_t now;
    struct err e;

    if (!c->sights)
        return;
    now = loop_now(c->loop).boot_ms;
    for (struct sight *s = c->sights->newest; s; s = s->older)
        if (s->changed_ms && (all || now - s->changed_ms >= FLUSH_AFTER_MS) && flush(c, s, &e) < 0)
            core_fault(c, "timeline of %s: %s", s->tag.s, e.text);
}

static struct span *span_of(struct sight *s, const char *name)
{
    struct span *p;

    for (unsigned i = 0; i < s->n_spans; i++)
        if (!strcmp(s->spans[i].name, name))
            return &s->spans[i];
    if (s->n_spans == SPANS_MAX)
        return NULL;
    p = &s->spans[s->n_spans++];
    *p = (struct span){ .start_ms = 0 };
    snprintf(p->name, sizeof p->name, "%s", name);
    return p;
}

void sight_add(struct sight *s, struct instant now, const struct report *r)
{
    char name[sizeof s->spans[0].name];
    struct span *p;

    snprintf(name, sizeof name, "%.47s", r->name);
    if (!(p = span_of(s, name)))
        return;
    if (r->finish) {
        p->end_ms = now.real_ms;
        p->result = r->result;
    } else {
        *p = (struct span){ .start_ms = now.real_ms };
        snprintf(p->name, sizeof p->name, "%s", name);
    }
    if (!s->changed_ms)
        s->changed_ms = now.boot_ms;
}

/* ---- rows ---- */

static void forget(struct core *c, struct sight *s)
{
    struct sight **at = &c->sights->bucket[bucket_of(s->tag.s)];

    while (*at != s)
        at = &(*at)->chain;
    *at = s->chain;
    unlink_use(c->sights, s);
    c->sights->n--;
    free(s);
}

void sight_drop(struct core *c, const char *tag)
{
    struct sight *s = sight_find(c, tag);
    struct err e;

    if (!s)
        return;
    if (flush(c, s, &e) < 0)
        log_debug("sight", "%s: %s", tag, e.text);
    forget(c, s);
}

static struct sight *insert(struct core *c, const struct guest *g)
{
    struct sight *s;

    if (c->sights->n >= SIGHTS_MAX)
        sight_drop(c, c->sights->oldest->tag.s);
    if (!(s = calloc(1, sizeof *s)))
        return NULL;
    s->tag = g->tag;
    s->chain = c->sights->bucket[bucket_of(s->tag.s)];
    c->sights->bucket[bucket_of(s->tag.s)] = s;
    link_newest(c->sights, s);
    c->sights->n++;
    return s;
}

struct sight *sight_open(struct core *c, const struct guest *g)
{
    struct sight *s = sight_find(c, g->tag.s);

    if (s && s->id == g->id && s->boot == g->boots)
        return s;
    if (s)
        sight_drop(c, g->tag.s);
    if (!(s = insert(c, g)))
        return NULL;
    s->id = g->id;
    s->boot = g->boots;
    s->refusal_ms = -MINUTE_MS;
    core_token(c, TOKEN_POST, g, &s->post);
    return s;
}

void sight_boot(struct core *c, const struct guest *g)
{
    sight_drop(c, g->tag.s);
}

const char *sight_tag(const struct sight *s)
{
    return s->tag.s;
}

bool sight_token_ok(const struct sight *s, const struct token *t)
{
    return token_equal(&s->post, t);
}

bool sight_allow(struct sight *s, struct instant now, unsigned per_minute)
{
    if (now.boot_ms - s->minute >= MINUTE_MS) {
        s->minute = now.boot_ms;
        s->in_minute = 0;
    }
    return s->in_minute++ < per_minute;
}

bool sight_refusal_due(struct sight *s, struct instant now)
{
    if (now.boot_ms - s->refusal_ms < MINUTE_MS)
        return false;
    s->refusal_ms = now.boot_ms;
    return true;
}

void sights_free(struct core *c)
{
    if (!c->sights)
        return;
    while (c->sights->newest)
        forget(c, c->sights->newest);
    free(c->sights);
    c->sights = NULL;
}
