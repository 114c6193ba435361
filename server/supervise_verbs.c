/* What roostd's children say: by one table of who may ask what. */
#include <stdio.h>

#include "base/cleanup.h"
#include "server/notify.h"
#include "server/supervise_priv.h"

static void ready_text(const struct supervisor *s, char *out, size_t size)
{
    const char *text = s->kids[ROLE_CORE].text;

    snprintf(out, size, "ready%s%s", *text ? ", " : "", text);
}

static void told_ready(struct supervisor *s)
{
    char text[320], state[400];
    struct err e = { 0 };

    if (s->told_ready || !s->kids[ROLE_CORE].ready || !s->kids[ROLE_FRONT].ready)
        return;
    s->told_ready = true;
    ready_text(s, text, sizeof(text));
    log_info("%s", text);
    snprintf(state, sizeof(state), "READY=1\nSTATUS=%s", text);
    if (notify_send(state, &e) < 0)
        log_warn("%s", e.text);
}

static int on_hello(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    (void)id;
    if (hello_decode(c, role_name(k->role), e) < 0)
        return -1;
    k->hello = true;
    return 0;
}

static int on_ready(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    (void)id;
    if (text_decode(c, k->text, sizeof(k->text), e) < 0)
        return -1;
    if (k->was_ready && !k->ready)
        log_info("%s is back%s%s", role_program(k->role), k->text[0] ? ": " : "", k->text);
    k->ready = k->was_ready = true;
    told_ready(k->s);
    pulse_begin(k);
    pulse_tell(k->s);
    return 0;
}

static int on_pong(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    (void)id;
    if (msg_end(c, "pong", e) < 0)
        return -1;
    pulse_answered(k);
    return 0;
}

static int on_launch(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    return guests_launch(k->s->guests, id, c, e);
}
static int on_kill(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    return guests_kill(k->s->guests, id, c, e);
}
static int on_adopt(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    return guests_adopt(k->s->guests, id, c, e);
}
static int on_vmsh(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    return guests_vmsh(k->s->guests, id, c, e);
}
static int on_medium(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    return guests_medium(k->s->guests, id, c, e);
}
static int on_reprobe(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    return guests_reprobe(k->s->guests, id, c, e);
}

static int on_net_plan(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    return nets_plan(k->s->nets, id, c, e);
}
static int on_net_look(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    return nets_look(k->s->nets, id, c, e);
}
static int on_net_do(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    return nets_do(k->s->nets, id, c, e);
}
static int on_net_undo(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    return nets_undo(k->s->nets, id, c, e);
}
static int on_net_reload(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    return nets_reload(k->s->nets, id, c, e);
}
static int on_net_release(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    return nets_release(k->s->nets, id, c, e);
}
static int on_net_check(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    return nets_check(k->s->nets, id, c, e);
}

static int on_hook_run(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e)
{
    return hooks_run(k->s->hooks, id, c, e);
}

/* What may come from whom; everything else ends the child. */
#define FROM(role) (1u << (role))
static const struct {
    uint16_t type;
    unsigned from;
    int (*take)(struct kid *k, uint32_t id, struct msg_cur *c, struct err *e);
} verbs[] = {
    { P_HELLO, FROM(ROLE_CORE) | FROM(ROLE_FRONT), on_hello },
    { P_READY, FROM(ROLE_CORE) | FROM(ROLE_FRONT), on_ready },
    { P_PONG, FROM(ROLE_CORE) | FROM(ROLE_FRONT), on_pong },
    { P_LAUNCH, FROM(ROLE_CORE), on_launch },
    { P_KILL, FROM(ROLE_CORE), on_kill },
    { P_ADOPT, FROM(ROLE_CORE), on_adopt },
    { P_VMSH, FROM(ROLE_CORE), on_vmsh },
    { P_MEDIUM_GET, FROM(ROLE_CORE), on_medium },
    { P_REPROBE, FROM(ROLE_CORE), on_reprobe },
    { P_NET_PLAN, FROM(ROLE_CORE), on_net_plan },
    { P_NET_LOOK, FROM(ROLE_CORE), on_net_look },
    { P_NET_DO, FROM(ROLE_CORE), on_net_do },
    { P_NET_UNDO, FROM(ROLE_CORE), on_net_undo },
    { P_NET_RELOAD, FROM(ROLE_CORE), on_net_reload },
    { P_NET_RELEASE, FROM(ROLE_CORE), on_net_release },
    { P_NET_CHECK, FROM(ROLE_CORE), on_net_check },
    { P_HOOK_RUN, FROM(ROLE_CORE), on_hook_run },
};

static int take(struct kid *k, const struct chan_msg *m, struct err *e)
{
    struct msg_cur c = msg_cur(m->data, m->len);

    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (verbs[i].type == m->type && verbs[i].from & FROM(k->role) &&
            (k->hello || m->type == P_HELLO))
            return verbs[i].take(k, m->id, &c, e);
    }
    return err_set(e, ERR_INVALID, "message %u is out of place", m->type);
}

void supervise_message(const struct chan_msg *m, void *arg)
{
    struct kid *k = arg;
    struct err e = { 0 };

    if (take(k, m, &e) == 0)
        return;
    err_wrap(&e, "%s", role_program(k->role));
    log_error("%s", e.text);
    k->s->o.ops->kill(k->role, k->s->o.ops->arg);
    if (e.kind == ERR_CONFLICT) /* another build will not become this one by a restart */
        supervisor_fail(k->s, &e, 0);
}
