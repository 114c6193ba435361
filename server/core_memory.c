/* Memory: guests together get no more than the host has. Two sums: what they were promised, which
 * has to fit beside the reserve whatever they use now, and what they have not touched yet, which has
 * to fit into what is free now, since others live on this host too. */
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "bootstrap/hostmem.h"
#include "server/core_machine.h"

#define LOOK_MS 1000 /* a thousand guests that start together do not each read of a thousand */

/* ---- what guests were promised ---- */

/* As its definition says: of an adopted one nobody knows better. */
static uint64_t promised(struct core *c, struct machine *m)
{
    struct instance i = { 0 };

    if (!m->memory && store_instance_get(c->store, m->id, &i, NULL) == 0)
        m->memory = i.spec.memory;
    instance_done(&i);
    return m->memory;
}

/* Of all but that one. */
static uint64_t promised_to_all(struct core *c, const struct machine *but, unsigned *ret_n)
{
    uint64_t sum = 0;

    *ret_n = 0;
    for (struct machine *m = c->machines; m; m = m->next) {
        if (m == but || m->state == MACHINE_ENDED)
            continue;
        sum += promised(c, m);
        ++*ret_n;
    }
    return sum;
}

/* ---- what is there ---- */

static uint64_t untouched(struct core *c, const struct machine *but)
{
    uint64_t sum = 0;

    for (struct machine *m = c->machines; m; m = m->next) {
        uint64_t has, has_not = promised(c, m);
        if (m == but || m->state == MACHINE_ENDED)
            continue;
        has = m->pid ? hostmem_resident("", m->pid) : 0;
        sum += has_not > has && (has || !m->pid) ? has_not - has : 0;
    }
    return sum;
}

static int look(struct core *c, const struct machine *but, struct err *e)
{
    struct memory *m = &c->memory;
    int64_t now = loop_now(c->loop).boot_ms;

    if (m->looked_ms && now - m->looked_ms < LOOK_MS)
        return 0;
    if (hostmem_read("", &m->host, e) < 0)
        return -1;
    m->untouched = untouched(c, but);
    m->looked_ms = now;
    return 0;
}

/* What guests may have together. */
static uint64_t limit_of(const struct core *c)
{
    uint64_t reserve = c->config.memory_reserve, total = c->memory.host.total;

    if (c->config.memory_limit)
        return c->config.memory_limit;
    return total > reserve ? total - reserve : 0;
}

/* ---- the verdict ---- */

static int too_much(struct core *c, const struct guest *g, uint64_t wants, uint64_t others,
                    unsigned n, struct err *e)
{
    char want[24], run[24], limit[24], total[24], reserve[24], of[128];

    if (c->config.memory_limit)
        snprintf(of, sizeof of, "[launch] memory-limit is %s", format_size(limit_of(c), limit));
    else
        snprintf(of, sizeof of, "%s has %s, of which %s are kept for other things",
                 c->memory.host.limited ? "roost's control group" : "this host",
                 format_size(c->memory.host.total, total),
                 format_size(c->config.memory_reserve, reserve));
    return err_set(e, ERR_CONFLICT,
                   "instance %s: it is to have %s of memory, %u guest%s already with %s, and %s: "
                   "stop others, give it less, or say --force",
                   g->name.s, format_size(wants, want), n, n == 1 ? " runs" : "s run",
                   format_size(others, run), of);
}

static int not_free(struct core *c, const struct guest *g, uint64_t wants, struct err *e)
{
    const struct memory *m = &c->memory;
    char want[24], free[24], owed[24];

    return err_set(e, ERR_CONFLICT,
                   "instance %s: it is to have %s of memory, and only %s of the host's are free%s%s: "
                   "stop others, give it less, or say --force",
                   g->name.s, format_size(wants, want), format_size(m->host.available, free),
                   m->untouched ? ", of which guests that run have yet to take " : "",
                   m->untouched ? format_size(m->untouched, owed) : "");
}

int memory_check(struct core *c, const struct guest *g, uint64_t wants, struct err *e)
{
    const struct machine *own = machine_find(c, g->id);
    uint64_t others;
    unsigned n;

    if (look(c, own, e) < 0) {
        log_warn("memory of this host: %s; guests start unasked", e->text);
        return 0;
    }
    others = promised_to_all(c, own, &n);
    if (others + wants > limit_of(c))
        return too_much(c, g, wants, others, n, e);
    /* A limit that somebody set says that they know better what fits. One that runs gives its own
     * back. */
    if (!own && !c->config.memory_limit && c->memory.untouched + wants > c->memory.host.available)
        return not_free(c, g, wants, e);
    return 0;
}

void memory_taken(struct core *c, uint64_t bytes)
{
    c->memory.untouched += bytes;
}

json_t *memory_json(struct core *c)
{
    unsigned n;
    uint64_t guests;

    if (look(c, NULL, NULL) < 0)
        return json_null();
    guests = promised_to_all(c, NULL, &n);
    return json_pack("{s:I, s:I, s:I, s:I}", "total", (json_int_t)c->memory.host.total, "available",
                     (json_int_t)c->memory.host.available, "guests", (json_int_t)guests, "limit",
                     (json_int_t)limit_of(c));
}
