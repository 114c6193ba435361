/* What became of the hosts of a run: events, jobs, rows; one transaction. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "server/core_ansible.h"

#define INTERRUPTIONS_MAX 1 /* a run that was interrupted is run again so often */

/* What a host's job comes to. */
enum fate { FATE_DONE, FATE_AGAIN, FATE_INTERRUPTED };

struct verdict_of {
    struct active *a;
    struct run_host *h;
    enum outcome_state state;
    enum fate fate;
    bool counts; /* it is, or is not, configured by this */
    char text[EVENT_DETAIL_MAX + 1];
};

/* ---- what is said of a host that has no outcome of its own ---- */

static const char *unknown_word(enum runner_how how)
{
    switch (how) {
    case RUNNER_TIMED_OUT:
    case RUNNER_CANCELLED:
    case RUNNER_INTERRUPTED:
    case RUNNER_REFUSED:
    case RUNNER_KILLED:
        return runner_how_name(how);
    default:
        return outcome_name(OUTCOME_NONE);
    }
}

static void unknown_text(const struct active *a, struct run_host *h)
{
    const char *why = a->run.reason[0] ? a->run.reason : a->end.reason;

    if (!h->message[0])
        snprintf(h->message, sizeof h->message, "%.400s",
                 *why ? why : "the run ended before it was through with it");
}

static void take_host(struct verdict_of *v, const struct outcome_host *o)
{
    struct run_host *h = v->h;

    v->state = o ? o->state : OUTCOME_NONE;
    if (o) {
        snprintf(h->task, sizeof h->task, "%s", o->task);
        snprintf(h->message, sizeof h->message, "%s", o->message);
        h->ok = o->counts.ok;
        h->changed = o->counts.changed;
        h->failed = o->counts.failed;
        h->skipped = o->counts.skipped;
        h->duration_ms = o->duration_ms;
    }
    if (v->state == OUTCOME_NONE) {
        snprintf(h->outcome, sizeof h->outcome, "%s", unknown_word(v->a->end.how));
        unknown_text(v->a, h);
    } else {
        snprintf(h->outcome, sizeof h->outcome, "%s", outcome_name(v->state));
    }
}

/* ---- its job ---- */

static int64_t backoff(const struct config *c, unsigned attempts)
{
    int64_t wait = c->retry_first;

    for (unsigned i = 1; i < attempts && wait < c->retry_max; i++)
        wait *= 2;
    return wait < c->retry_max ? wait : c->retry_max;
}

/* roost itself was away: that is not the guest's attempt. */
static bool was_interrupted(const struct verdict_of *v)
{
    return v->state == OUTCOME_NONE && v->a->end.how == RUNNER_INTERRUPTED;
}

static enum fate fate_of(const struct verdict_of *v, const struct job *j)
{
    const struct config *c = &v->a->c->config;

    if (was_interrupted(v))
        return j->interruptions < INTERRUPTIONS_MAX ? FATE_INTERRUPTED : FATE_DONE;
    if (v->state == OUTCOME_UNREACHABLE && j->attempts <= c->retries)
        return FATE_AGAIN;
    if (v->state == OUTCOME_FAILED && j->attempts <= c->retries_failed)
        return FATE_AGAIN;
    return FATE_DONE;
}

static int settle_job(struct verdict_of *v, struct err *e)
{
    struct core *c = v->a->c;
    int64_t now = loop_now(c->loop).real_ms;
    struct job j;
    int known = store_job_get(c->store, v->h->instance, &j, e);

    if (known < 0)
        return -1;
    if (!known || j.state != JOB_RUNNING || j.run != v->a->run.id)
        return 0; /* removed or rebuilt meanwhile */
    v->fate = fate_of(v, &j);
    j.state = v->fate == FATE_DONE ? JOB_DONE : JOB_PENDING;
    snprintf(j.outcome, sizeof j.outcome, "%s", v->h->outcome);
    if (v->fate == FATE_INTERRUPTED) {
        j.interruptions++;
        j.attempts--;
        j.not_before_ms = now;
    } else if (v->fate == FATE_AGAIN) {
        j.not_before_ms = now + backoff(&c->config, j.attempts);
    }
    return store_job_put(c->store, &j, e);
}

/* By hand anything can be run. What is no trial, no part of a playbook and not another one than the
 * guest's says whether it is configured; the rest leaves that as it was. */
static int configures(const struct verdict_of *v, const struct guest *g, bool *ret, struct err *e)
{
    struct core *c = v->a->c;
    const struct run *r = &v->a->run;
    struct instance i = { 0 };
    const char *playbook;
    bool own;

    *ret = !r->by_hand;
    if (*ret || r->check || r->tags[0])
        return 0;
    if (store_instance_get(c->store, g->id, &i, e) < 0)
        return -1;
    playbook = core_playbook(c, g->name.s, &i.spec, &own);
    *ret = !playbook ||
           (strcmp(playbook, r->playbook) == 0 && strcmp(own ? g->name.s : "", r->own.s) == 0);
    instance_done(&i);
    return 0;
}

/* Done by hand is done: it is not due for its homecoming any more. */
static int settle_by_hand(struct verdict_of *v, const struct guest *g, struct err *e)
{
    struct core *c = v->a->c;
    const struct run *r = &v->a->run;
    struct job j;
    int known = store_job_get(c->store, g->id, &j, e);

    if (known < 0)
        return -1;
    if (!v->counts || !outcome_is_good(v->h->outcome) || (known && j.state == JOB_RUNNING))
        return 0;
    if (!known)
        j = (struct job){ .instance = g->id };
    j.generation = g->generation;
    j.state = JOB_DONE;
    j.run = r->id;
    snprintf(j.outcome, sizeof j.outcome, "%s", v->h->outcome);
    return store_job_put(c->store, &j, e);
}

/* ---- events ---- */

static bool key_differs(const struct verdict_of *v)
{
    return v->state == OUTCOME_UNREACHABLE &&
           (strstr(v->h->message, "Host key verification failed") ||
            strstr(v->h->message, "REMOTE HOST IDENTIFICATION HAS CHANGED"));
}

static void say(struct verdict_of *v)
{
    const struct run_host *h = v->h;
    long long id = (long long)v->a->run.id;
    char took[24];

    if (outcome_is_good(h->outcome))
        snprintf(v->text, sizeof v->text, "run %lld: %s (%u tasks, %u changed) in %s", id,
                 h->outcome, h->ok, h->changed, format_duration(h->duration_ms, took));
    else
        snprintf(v->text, sizeof v->text, "run %lld: %s%s%.120s%s%.230s", id, h->outcome,
                 h->task[0] ? " at " : "", h->task, h->message[0] ? ": " : "", h->message);
}

static int tell(struct verdict_of *v, struct guest *g, struct err *e)
{
    struct core *c = v->a->c;
    const char *actor = v->a->run.actor;
    bool is_good = outcome_is_good(v->h->outcome);

    say(v);
    if (key_differs(v) &&
        core_event(c, g, EV_KEY_MISMATCH, "roost", e,
                   "run %lld: its sshd answers with another host key than the recorded one; "
                   "nothing was run on it",
                   (long long)v->a->run.id) < 0)
        return -1;
    if (v->a->run.check)
        return 0;
    if (v->fate != FATE_DONE && !v->a->run.by_hand) {
        log_of(LOG_INFO_, g->name.s, "%s; it will be tried again", v->text);
        return 0;
    }
    return core_event(c, g,
                      !v->counts ? EV_RUN_ENDED
                      : is_good  ? EV_CONFIGURED
                                 : EV_CONFIG_FAILED,
                      actor, e, "%s", v->text);
}

static int record_host(struct active *a, struct run_host *h, const struct outcome_host *o,
                       struct err *e)
{
    struct verdict_of v = { .a = a, .h = h };
    struct core *c = a->c;
    struct guest g;

    take_host(&v, o);
    if (store_run_host_put(c->store, a->run.id, h, e) < 0)
        return -1;
    if (store_guest_by_id(c->store, h->instance, &g, e) < 0)
        return e->kind == ERR_NOT_FOUND ? 0 : -1;
    if (g.generation != h->generation)
        return 0; /* rebuilt meanwhile: that was another guest */
    if (configures(&v, &g, &v.counts, e) < 0)
        return -1;
    if ((a->run.by_hand ? settle_by_hand(&v, &g, e) : settle_job(&v, e)) < 0)
        return -1;
    return tell(&v, &g, e) < 0 ? -1 : core_guest_save(c, &g, e);
}

/* ---- the run ---- */

static bool runs_again(const struct active *a)
{
    return a->run.by_hand && a->end.how == RUNNER_INTERRUPTED &&
           a->run.interruptions < INTERRUPTIONS_MAX;
}

static void count(const struct active *a, char *out, size_t size)
{
    unsigned well = 0, away = 0;

    for (int i = 0; i < a->n; i++) {
        well += outcome_is_good(a->hosts[i].outcome);
        away += strcmp(a->hosts[i].outcome, outcome_name(OUTCOME_UNREACHABLE)) == 0;
    }
    snprintf(out, size, "%u well, %u unreachable, %u not well", well, away,
             (unsigned)a->n - well - away);
}

static int record_run(struct core *c, struct active *a, struct err *e)
{
    char text[96];

    a->run.state = runs_again(a) ? JOB_PENDING : JOB_DONE;
    a->run.interruptions += a->end.how == RUNNER_INTERRUPTED;
    a->run.ended_ms = loop_now(c->loop).real_ms;
    snprintf(a->run.how, sizeof a->run.how, "%s", runner_how_name(a->end.how));
    if (!a->run.reason[0])
        snprintf(a->run.reason, sizeof a->run.reason, "%s", a->end.reason);
    count(a, text, sizeof text);
    if (core_appliance(c, EV_RUN_ENDED, a->run.actor, e, "run %lld: %s: %s%s%.200s",
                       (long long)a->run.id, a->run.how, text, a->run.reason[0] ? "; " : "",
                       a->run.reason) < 0)
        return -1;
    return store_run_put(c->store, &a->run, e);
}

int run_record(struct core *c, struct active *a, struct err *e)
{
    if (!runs_again(a))
        for (int i = 0; i < a->n; i++) {
            const struct outcome_host *o = a->outcomes && i < outcomes_count(a->outcomes)
                                               ? outcomes_get(a->outcomes, i)
                                               : NULL;
            if (o && strcmp(o->host.s, a->hosts[i].name.s))
                o = NULL;
            if (record_host(a, &a->hosts[i], o, e) < 0)
                return -1;
        }
    return record_run(c, a, e);
}
