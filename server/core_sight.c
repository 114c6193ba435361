/* What was lately heard from guests: rate limits, post tokens, boot timelines that are still
 * growing. A capped table by tag; the stalest makes room, its timeline goes to the store. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "seeds/report.h"
#include "server/core_priv.h"

#define SIGHTS_MAX      4096
#define SIGHT_BUCKETS   4096
#define SPANS_MAX       72
#define FLUSH_AFTER_MS  5000
#define MINUTE_MS       60000
#define EXPIRE_AFTER_MS (5 * MINUTE_MS)
#define EXPIRE_AT_ONCE  256 /* a turn */
#define ALARMS_A_MINUTE 120 /* of all guests together */

/* Kinds of events that a guest, or who claims to be one, can cause at will. */
static const enum event_kind alarms[] = { EV_SEED_REFUSED, EV_KEY_MISMATCH, EV_WRONG_ID,
                                          EV_SECOND_CLAIMANT };
#define ALARMS ARRAY_SIZE(alarms)

struct span {
    char name[48];
    int64_t start_ms, end_ms; /* by the host's clock; 0: not seen */
    uint8_t result;
};

struct sight {
    struct sight *chain;         /* of its bucket */
    struct sight *newer, *older; /* by use */
    struct tag tag;
    int64_t id;
    uint32_t boot;
    struct token post; /* "" until one was proved right */
    struct ip claimant; /* who spoke for it last by its claim alone; family 0: nobody */
    struct uuid claimant_uuid;
    int64_t minute, used_ms;  /* CLOCK_BOOTTIME */
    int64_t alarm_ms[ALARMS]; /* the last of each kind, 0 none */
    unsigned in_minute;
    int64_t changed_ms; /* 0: the store has it all */
    unsigned n_spans, spans_size;
    struct span *spans;
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
    if (s)
        s->used_ms = loop_now(c->loop).boot_ms;
    return s;
}

int64_t sight_heard(const struct core *c, const char *tag)
{
    const struct sight *s = c->sights->bucket[bucket_of(tag)];
    struct instant now = loop_now(c->loop);

    while (s && strcmp(s->tag.s, tag))
        s = s->chain;
    return s ? now.real_ms - (now.boot_ms - s->used_ms) : 0;
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

/* As many spans, in order, as a timeline has room for: names are the guest's choice. */
static int spans_print(const struct sight *s, struct buf *out, struct err *e)
{
    for (unsigned i = 0; i < s->n_spans; i++) {
        json_t *j = span_json(&s->spans[i]);
        auto_free char *text = json_dumps(j, JSON_COMPACT);

        json_decref(j);
        if (!text)
            return err_set(e, ERR_INTERNAL, "out of memory");
        if (out->len + strlen(text) + 2 > TIMELINE_MAX)
            break;
        buf_puts(out, i ? "," : "[");
        buf_puts(out, text);
    }
    buf_puts(out, s->n_spans ? "]" : "[]");
    return buf_check(out, e);
}

static int flush(struct core *c, struct sight *s, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    int r;

    if (!s->changed_ms)
        return 0;
    if (spans_print(s, &text, e) < 0)
        return -1;
    r = core_write(c, false, e) < 0
            ? -1
            : store_timeline_put(c->store, s->id, s->boot, buf_str(&text), e);
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

void sight_flush(struct core *c, const char *tag)
{
    struct sight *s = sight_find(c, tag);
    struct err e;

    if (s && flush(c, s, &e) < 0)
        core_fault(c, "timeline of %s: %s", s->tag.s, e.text);
}

static int spans_grow(struct sight *s)
{
    unsigned size = s->spans_size ? 2 * s->spans_size : 8;
    struct span *spans = reallocarray(s->spans, size, sizeof *spans);

    if (!spans)
        return -1;
    s->spans = spans;
    s->spans_size = size;
    return 0;
}

static struct span *span_of(struct sight *s, const char *name)
{
    struct span *p;

    for (unsigned i = 0; i < s->n_spans; i++)
        if (!strcmp(s->spans[i].name, name))
            return &s->spans[i];
    if (s->n_spans == SPANS_MAX || (s->n_spans == s->spans_size && spans_grow(s) < 0))
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
    free(s->spans);
    free(s);
}

static void drop(struct core *c, struct sight *s)
{
    struct err e;

    if (flush(c, s, &e) < 0) /* of a guest that was removed, too */
        log_debug("sight", "%s: %s", s->tag.s, e.text);
    forget(c, s);
}

void sight_drop(struct core *c, const char *tag)
{
    struct sight *s = sight_find(c, tag);

    if (s)
        drop(c, s);
}

void sights_expire(struct core *c)
{
    int64_t before = loop_now(c->loop).boot_ms - EXPIRE_AFTER_MS;

    for (int i = 0; c->sights->oldest && c->sights->oldest->used_ms < before && i < EXPIRE_AT_ONCE;
         i++)
        drop(c, c->sights->oldest);
}

static struct sight *insert(struct core *c, const struct guest *g)
{
    struct sight *s;

    if (c->sights->n >= SIGHTS_MAX)
        drop(c, c->sights->oldest);
    if (!(s = calloc(1, sizeof *s)))
        return NULL;
    s->tag = g->tag;
    s->used_ms = loop_now(c->loop).boot_ms;
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

bool sight_claimed(struct sight *s, const struct caller *who, char was[IP_TEXT])
{
    const char *uuid = who->marks.uuid.s;
    bool other = s->claimant.family &&
                 (!ip_equal(&s->claimant, &who->peer.ip) ||
                  (*uuid && s->claimant_uuid.s[0] && strcmp(uuid, s->claimant_uuid.s) != 0));

    ip_format(&s->claimant, was);
    s->claimant = who->peer.ip;
    s->claimant_uuid = who->marks.uuid;
    return other;
}

void sight_token_proved(struct sight *s, const struct token *t)
{
    s->post = *t;
}

bool sight_token_ok(const struct sight *s, const struct token *t)
{
    return s->post.s[0] && token_equal(&s->post, t);
}

bool sight_allow(struct sight *s, struct instant now, unsigned per_minute)
{
    if (now.boot_ms - s->minute >= MINUTE_MS) {
        s->minute = now.boot_ms;
        s->in_minute = 0;
    }
    return s->in_minute++ < per_minute;
}

bool ration_take(struct ration *r, int64_t now_boot_ms, unsigned per_minute)
{
    if (!r->minute_ms || now_boot_ms - r->minute_ms >= MINUTE_MS)
        *r = (struct ration){ now_boot_ms, 0 };
    return r->used++ < per_minute;
}

bool sight_alarm_due(struct core *c, const struct guest *g, enum event_kind k)
{
    int64_t now = loop_now(c->loop).boot_ms;
    struct sight *s = sight_open(c, g);
    size_t i = 0;

    while (i < ALARMS && alarms[i] != k)
        i++;
    if (!s || i == ALARMS || (s->alarm_ms[i] && now - s->alarm_ms[i] < MINUTE_MS))
        return false;
    if (!ration_take(&c->refusals, now, ALARMS_A_MINUTE))
        return false;
    s->alarm_ms[i] = now;
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
