/* The reporting webhook: hints, about a hundred a boot. They end in one timeline row; ends of
 * stages and failures are events. Nothing here waits for a flush. */
#include <stdio.h>
#include <string.h>

#include "seeds/report.h"
#include "server/core_priv.h"

static int stage_event(struct core *c, const char *tag, const struct caller *who,
                       const struct report *r, struct err *e)
{
    enum event_kind k = r->is_final ? EV_FINISHED : r->is_stage ? EV_STAGE : EV_MODULE_FAILED;
    struct guest g;
    char agent[96];

    core_agent(who, agent);
    if (core_write(c, false, e) < 0 || store_guest_by_tag(c->store, tag, &g, e) < 0)
        return -1;
    if (core_event(c, &g, k, agent, e, "%s %s%s%s", r->name,
                   r->finish ? report_result_name(r->result) : "started",
                   k == EV_MODULE_FAILED ? ": " : "",
                   k == EV_MODULE_FAILED ? r->description : "") < 0)
        return -1;
    return core_guest_save(c, &g, e);
}

static bool is_event(const struct report *r)
{
    if (r->is_stage)
        return true;
    return r->finish && (r->result == REPORT_FAIL || r->result == REPORT_WARN);
}

/* The sight of a guest that may speak under this tag; NULL when it may not. */
static struct sight *speaker(struct core *c, const struct caller *who)
{
    struct sight *s = who->claim == CLAIM_TAG ? sight_find(c, who->tag.s) : NULL;
    struct guest g;
    struct err e;

    if (s && who->has_token && sight_token_ok(s, &who->token))
        return s;
    if (core_claim(c, who, TOKEN_POST, &g, &e) != CLAIM_OK) {
        c->refused++;
        return NULL;
    }
    if ((s = sight_open(c, &g)) && who->has_token)
        sight_token_proved(s, &who->token);
    return s;
}

void core_report(struct core *c, const struct guest_post *m)
{
    struct instant now = loop_now(c->loop);
    struct sight *s = speaker(c, &m->caller);
    struct report r;
    struct err e;

    if (!s || !sight_allow(s, now, c->config.reports_per_minute))
        return;
    if (report_parse(m->body, m->len, &r, &e) < 0) {
        log_debug("report", "%s: %s", sight_tag(s), e.text);
        return;
    }
    sight_add(s, now, &r);
    if (is_event(&r) && stage_event(c, sight_tag(s), &m->caller, &r, &e) < 0)
        core_fault(c, "report of %s: %s", sight_tag(s), e.text);
}
