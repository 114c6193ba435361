/* Facts about guests: the one place where an event is written and what follows from it begins. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/core_ansible.h"
#include "server/core_machine.h"

/* A new boot begins with a clean slate. Of machines that others launch only their coming home is
 * heard. */
static bool forgets_note(const struct guest *g, enum event_kind k, enum phase next)
{
    if (g->launcher == LAUNCHER_EXTERNAL && phase_is_home(next))
        return true;
    return next == PHASE_DEFINED || next == PHASE_STARTING || k == EV_RESTARTED ||
           k == EV_ADOPTED || k == EV_CONFIGURED;
}

enum accel core_accel(struct core *c, int64_t id)
{
    const struct machine *m = c->accel.accel == ACCEL_TCG ? NULL : c->machines;

    while (m && m->id != id)
        m = m->next;
    return m && m->state == MACHINE_RUNNING ? m->accel : c->accel.accel;
}

const struct phase_limits *core_limits(struct core *c, int64_t id)
{
    return core_accel(c, id) == c->accel.accel ? &c->limits : &c->limits_tcg;
}

static void standing_move(struct core *c, struct guest *g, enum event_kind k, struct instant now)
{
    struct standing *s = &g->standing;
    enum phase next = lifecycle_next(s->phase, k);
    struct err e;

    /* Home again, and it was configured: that still holds. */
    if (k == EV_HOMED_AGAIN && next == PHASE_HOMED && ansible_configured(c, g))
        next = PHASE_CONFIGURED;
    if (k == EV_OVERDUE)
        s->overdue = true;
    if (k == EV_REBUILT || k == EV_RESET)
        s->ever_home = false;
    standing_way(s, k, next, now.boot_ms);
    if (next == s->phase && k != EV_DEFINED && k != EV_LAUNCHING && k != EV_LAUNCHED)
        return;
    /* How long the phase took, when it ended as it should; what was overdue would spoil the mean.
     */
    if (phase_waits_for(s->phase) && !s->overdue && phase_is_running(next) && next > s->phase &&
        s->since_boot_ms > 0 && c->accel_known)
        store_usual_add(c->store, s->phase, core_accel(c, g->id), now.boot_ms - s->since_boot_ms,
                        &e);
    s->phase = next;
    s->overdue = s->overdue && standing_way_over(s, core_limits(c, g->id), now.boot_ms);
    s->since_ms = now.real_ms;
    s->since_boot_ms = now.boot_ms;
    if (forgets_note(g, k, next))
        s->note[0] = '\0';
    if (phase_is_home(next))
        s->ever_home = true;
    if (!phase_is_running(next))
        g->launch_id = g->stop_wanted = 0; /* who has one may run: adoption asks for those */
}

/* Events that the guest itself caused are signs of life. */
static bool is_sign(enum event_kind k)
{
    return k == EV_SEED_SERVED || k == EV_STAGE || k == EV_MODULE_FAILED || k == EV_HOMED ||
           k == EV_HOMED_AGAIN || k == EV_FINISHED || k == EV_RESTARTED;
}

/* What stands in the list until the guest boots again: how it ended, what went wrong on its way. */
static bool is_noted(enum event_kind k)
{
    return k == EV_FAILED || k == EV_STOPPED || k == EV_LAUNCH_FAILED || k == EV_MODULE_FAILED ||
           k == EV_KEY_MISMATCH || k == EV_WRONG_ID || k == EV_SECOND_CLAIMANT ||
           k == EV_CONFIG_FAILED;
}

/* The kind and what follows of its detail, by hand: printf is felt in a storm. */
static void sign_text(enum event_kind k, const char *detail,
                      char ret[sizeof(((struct standing *)0)->last_sign)])
{
    char *end = stpcpy(ret, event_kind_name(k));

    if (!*detail)
        return;
    *end++ = ' ';
    *(char *)mempcpy(end, detail, strnlen(detail, 60)) = '\0';
}

static enum log_level level_of(enum event_kind k)
{
    switch (event_kind_level(k)) {
    case 'e':
        return LOG_ERROR_;
    case 'w':
        return LOG_WARN_;
    case 'i':
        return LOG_INFO_;
    default:
        return LOG_DEBUG_;
    }
}

/* With its detail; the rest is filled in here. */
static int add(struct core *c, struct guest *g, enum event_kind k, const char *actor,
               struct event *ev, struct err *e)
{
    struct instant now = loop_now(c->loop);
    enum phase was = g->standing.phase;

    ev->real_ms = now.real_ms;
    ev->instance = g->name;
    ev->kind = k;
    *(char *)mempcpy(ev->actor, actor, strnlen(actor, sizeof ev->actor - 1)) = '\0';
    if (store_event_add(c->store, g, ev, e) < 0)
        return -1;
    standing_move(c, g, k, now);
    core_metrics_event(c, g, k, was, now.boot_ms);
    if (is_sign(k)) {
        g->standing.sign_ms = now.real_ms;
        sign_text(k, ev->detail, g->standing.last_sign);
    }
    if (is_noted(k))
        snprintf(g->standing.note, sizeof g->standing.note, "%.199s", ev->detail);
    if (c->follows->event(c, g, k, g->standing.phase != was, e) < 0)
        return -1;
    log_text(level_of(k), g->name.s, event_kind_name(k), ev->detail);
    return 0;
}

int core_event(struct core *c, struct guest *g, enum event_kind k, const char *actor, struct err *e,
               const char *fmt, ...)
{
    struct event ev;
    va_list ap;

    va_start(ap, fmt);
    event_vdetail(&ev, fmt, ap);
    va_end(ap);
    return add(c, g, k, actor, &ev, e);
}

int core_event_text(struct core *c, struct guest *g, enum event_kind k, const char *actor,
                    const char *text, struct err *e)
{
    struct event ev;

    event_text(&ev, text);
    return add(c, g, k, actor, &ev, e);
}

int core_appliance(struct core *c, enum event_kind k, const char *actor, struct err *e,
                   const char *fmt, ...)
{
    struct event ev = { .real_ms = loop_now(c->loop).real_ms, .kind = k };
    va_list ap;

    va_start(ap, fmt);
    event_vdetail(&ev, fmt, ap);
    va_end(ap);
    strncat(ev.actor, actor, sizeof ev.actor - 1);
    if (store_event_add(c->store, NULL, &ev, e) < 0)
        return -1;
    log_info("%s: %s", event_kind_name(k), ev.detail);
    return 0;
}

int core_guest_save(struct core *c, const struct guest *g, struct err *e)
{
    return store_guest_update(c->store, g, e);
}

void core_note(struct core *c, int64_t id, enum event_kind k, const char *actor, const char *fmt,
               ...)
{
    char text[EVENT_DETAIL_MAX + 1];
    struct guest g;
    struct err e;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (core_write(c, true, &e) < 0 || store_guest_by_id(c->store, id, &g, &e) < 0 ||
        core_event(c, &g, k, actor, &e, "%s", text) < 0 || core_guest_save(c, &g, &e) < 0)
        core_fault(c, "event %s could not be recorded: %s", event_kind_name(k), e.text);
}

int core_guest(struct core *c, const char *name, struct guest *ret, struct err *e)
{
    struct name n;

    if (name_parse(name, "instance name", &n, e) < 0)
        return -1;
    if (store_guest_by_name(c->store, n.s, ret, e) == 0)
        return 0;
    if (e->kind == ERR_NOT_FOUND)
        return err_set(e, ERR_NOT_FOUND, "no instance %s; see: roost instance list", n.s);
    return -1;
}

int64_t core_usual(struct core *c, enum phase p)
{
    int64_t ms = store_usual_get(c->store, p, c->accel.accel);

    return ms ? ms : phase_usual_default(p, c->accel.accel == ACCEL_TCG);
}

bool core_peer_is_address(const struct core *c, const struct guest *g)
{
    const struct network *n = core_network(c, g->network.s);

    return g->launcher != LAUNCHER_ROOST || (n && n->kind != NETWORK_USER);
}

int core_address(struct core *c, struct guest *g, const struct endpoint *at, const char *who,
                 struct err *e)
{
    char text[EVENT_DETAIL_MAX + 1], *end;

    if (ip_equal(&g->address.ip, &at->ip) && g->address.port == at->port)
        return 0;
    g->address = *at;
    end = stpcpy(text + strlen(endpoint_format(at, text)), " (");
    end = mempcpy(end, who, strnlen(who, sizeof text - ENDPOINT_TEXT - sizeof " ()"));
    stpcpy(end, ")");
    return core_event_text(c, g, EV_ADDRESS, "roost", text, e);
}

/* A rebuild gives it another instance-id, under which it knows this host's. */
bool core_token_moved(struct core *c, enum token_purpose p, const struct guest *g,
                      const struct token *t)
{
    struct token brought[TOKEN_PURPOSES];

    return store_moved_get(c->store, g->id, g->iid, brought, NULL) == 1 &&
           token_equal(&brought[p], t);
}

int core_token_known(struct core *c, enum token_purpose p, const struct guest *g, struct token *ret)
{
    struct token brought[TOKEN_PURPOSES];
    int n = store_moved_get(c->store, g->id, g->iid, brought, NULL);

    if (n == 1)
        *ret = brought[p];
    else
        core_token(c, p, g, ret);
    return n < 0 ? -1 : 0;
}

void core_token(const struct core *c, enum token_purpose p, const struct guest *g,
                struct token *ret)
{
    token_derive(c->tokens, p, g->iid, g->epoch, ret);
}

void core_agent(const struct caller *who, char out[96])
{
    _Static_assert(IP_TEXT + sizeof "guest " <= 96, "an agent is an address");
    ip_format(&who->peer.ip, stpcpy(out, "guest "));
}

void core_invalidate(struct core *c, const char *tag)
{
    auto_buf struct buf b = BUF_INIT;
    struct err e;

    text_encode(tag, &b);
    if (c->front && proto_send(c->front, P_INVALIDATE, 0, &b, NULL, 0, &e) < 0)
        log_warn("front: %s", e.text);
}
