/* The ports that an instance publishes on its user network: QEMU's forwards are brought to what the
 * definition says, whenever QMP comes up and whenever that changes. What QEMU has is asked each
 * time, so that nothing is done twice and a forward that was missed is made up for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "bootstrap/usernet.h"
#include "model/layout.h"
#include "server/core_machine.h"

#define TAKEN_AGAIN_MS 5000 /* a port that was taken may be free by now */

struct step {
    bool add;
    struct hostfwd f;
};

struct forwarding {
    bool busy, again; /* asked for meanwhile */
    struct loop_timer *timer;
    struct hostfwd want[HOSTFWDS_MAX];
    int n_want;
    int card;
    struct step steps[USERNET_ROWS + HOSTFWDS_MAX];
    int n, at;
    struct buf done, failed; /* said of this round */
    bool elsewhere;          /* one that failed is at an address that the host may not have */
};

/* ---- what stands in the list: "LAUNCH TEXT", worth something as long as that launch runs ---- */

static void key_of(int64_t id, char key[48])
{
    snprintf(key, 48, "forwards:%lld", (long long)id);
}

void hostfwds_note(struct store *store, const struct guest *g, char *out, size_t size)
{
    char key[48], text[400], *end;

    *out = '\0';
    key_of(g->id, key);
    if (!g->launch_id || store_meta_get(store, key, text, sizeof text, NULL) < 0)
        return;
    if (strtoull(text, &end, 10) == g->launch_id && *end == ' ')
        snprintf(out, size, "%s", end + 1);
}

static int put_note(struct core *c, const struct guest *g, const char *note, struct err *e)
{
    char key[48], text[400];

    key_of(g->id, key);
    if (!*note)
        return store_meta_remove(c->store, key, e);
    snprintf(text, sizeof text, "%llu %.370s", (unsigned long long)g->launch_id, note);
    return store_meta_set(c->store, key, text, e);
}

int hostfwds_forget(struct core *c, int64_t id, struct err *e)
{
    char key[48];

    key_of(id, key);
    return store_meta_remove(c->store, key, e);
}

/* ---- the end of a round ---- */

static int record(struct machine *m, const char *note, struct err *e)
{
    const struct forwarding *f = m->forwarding;
    struct core *c = m->c;
    char was[400];
    struct guest g;

    if (store_guest_by_id(c->store, m->id, &g, e) < 0)
        return -1;
    hostfwds_note(c->store, &g, was, sizeof was);
    if (!f->done.len && !strcmp(was, note))
        return 0;
    if (core_write(c, true, e) < 0 ||
        (f->done.len && core_event(c, &g, EV_FORWARDED, "roost", e, "%s", buf_str(&f->done)) < 0))
        return -1;
    if (strcmp(was, note) != 0 &&
        (put_note(c, &g, note, e) < 0 ||
         (*note && core_event(c, &g, EV_FORWARD_FAILED, "roost", e, "%s", note) < 0)))
        return -1;
    return core_guest_save(c, &g, e);
}

static void timer_cb(void *arg)
{
    hostfwds_follow(arg);
}

static void finish(struct machine *m)
{
    struct forwarding *f = m->forwarding;
    char note[370] = "";
    struct err e;

    if (f->failed.len)
        snprintf(note, sizeof note, "not forwarded: %.250s (%s)", buf_str(&f->failed),
                 f->card < 0    ? "it runs without a card on a user network"
                 : f->elsewhere ? "taken on the host, or no address of it"
                                : "taken on the host");
    if (record(m, note, &e) < 0)
        core_fault(m->c, "instance %s: forwards: %s", m->name.s, e.text);
    f->busy = false;
    if (f->again)
        hostfwds_follow(m);
    else if (f->failed.len && f->card >= 0 &&
             (f->timer || (f->timer = loop_timer_new(m->c->loop, timer_cb, m, &e))))
        loop_timer_set(f->timer, TAKEN_AGAIN_MS);
}

/* ---- one after the other ---- */

static void say(struct buf *b, const struct hostfwd *f, const char *more)
{
    char text[HOSTFWD_TEXT];

    buf_printf(b, "%s%s%s", b->len ? ", " : "", hostfwd_format(f, text), more);
}

static void fail_step(struct forwarding *f, const struct hostfwd *which)
{
    static const struct ip any = { .family = 4 };

    say(&f->failed, which, "");
    f->elsewhere |= !ip_is_loopback(&which->at.ip) && !ip_equal(&which->at.ip, &any);
}

static void next(struct machine *m);

/* HMP says nothing of a forward that it has added, and one sentence of one that it has removed. */
static void stepped(const json_t *ret, const struct err *err, void *arg)
{
    struct machine *m = arg;
    struct forwarding *f = m->forwarding;
    const struct step *s = &f->steps[f->at];
    const char *said = ret ? json_string_value(ret) : NULL;

    if (machine_lost(m)) {
        f->busy = false;
        return;
    }
    if (s->add && (err || (said && *said)))
        fail_step(f, &s->f);
    else if (err)
        core_fault(m->c, "instance %s: forwards: %s", m->name.s, err->text);
    else
        say(&f->done, &s->f, s->add ? "" : " no more");
    f->at++;
    next(m);
}

static void next(struct machine *m)
{
    struct forwarding *f = m->forwarding;
    const struct step *s = &f->steps[f->at];
    char at[ENDPOINT_TEXT];
    struct err e;
    int r;

    if (f->at == f->n) {
        finish(m);
        return;
    }
    endpoint_format(&s->f.at, at);
    if (s->add)
        r = qmp_hmp(m->qmp, stepped, m, &e, "hostfwd_add net%d %s:%s-:%u", f->card,
                    transport_name(s->f.transport), at, s->f.port);
    else
        r = qmp_hmp(m->qmp, stepped, m, &e, "hostfwd_remove net%d %s:%s", f->card,
                    transport_name(s->f.transport), at);
    if (r == 0)
        return;
    f->busy = false;
    core_fault(m->c, "instance %s: forwards: %s", m->name.s, e.text);
}

/* ---- what there is to do ---- */

/* The one that roost adds for itself; before it is known, whatever may be it. */
static bool is_ssh(const struct machine *m, const struct hostfwd *row)
{
    return row->transport == TRANSPORT_TCP && row->port == SSH_PORT &&
           ip_is_loopback(&row->at.ip) && (!m->forward_known || row->at.port == m->ssh_port);
}

static bool is_wanted(const struct forwarding *f, const struct hostfwd *row)
{
    for (int i = 0; i < f->n_want; i++)
        if (hostfwd_equal(&f->want[i], row))
            return true;
    return false;
}

/* What goes first: it may be in the way of what comes. */
static void plan(const struct machine *m, const struct usernet *is)
{
    struct forwarding *f = m->forwarding;

    f->n = f->at = 0;
    f->card = is->card;
    for (int i = 0; i < is->n; i++)
        if (!is_wanted(f, &is->rows[i]) && !is_ssh(m, &is->rows[i]))
            f->steps[f->n++] = (struct step){ false, is->rows[i] };
    for (int i = 0; i < f->n_want; i++) {
        if (usernet_has(is, &f->want[i]))
            continue;
        if (is->card < 0)
            fail_step(f, &f->want[i]);
        else
            f->steps[f->n++] = (struct step){ true, f->want[i] };
    }
}

static void listed(const json_t *ret, const struct err *err, void *arg)
{
    struct machine *m = arg;
    const char *text = ret ? json_string_value(ret) : NULL;
    struct usernet is;

    if (machine_lost(m) || !text) {
        m->forwarding->busy = false;
        if (!machine_lost(m))
            core_fault(m->c, "instance %s: forwards: %s", m->name.s,
                       err ? err->text : "QEMU does not list them");
        return;
    }
    usernet_read(text, &is);
    plan(m, &is);
    next(m);
}

static int load(struct machine *m, struct err *e)
{
    struct forwarding *f = m->forwarding;
    struct instance i = { 0 };
    int r;

    if (!f && !(f = m->forwarding = calloc(1, sizeof *f)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    r = store_instance_get(m->c->store, m->id, &i, e);
    memcpy(f->want, i.spec.forwards, sizeof f->want);
    f->n_want = i.spec.n_forwards;
    instance_done(&i);
    buf_clear(&f->done);
    buf_clear(&f->failed);
    f->again = f->elsewhere = false;
    return r;
}

void hostfwds_follow(struct machine *m)
{
    struct err e;

    if (machine_lost(m))
        return; /* it is done when QMP is there */
    if (m->forwarding && m->forwarding->busy) {
        m->forwarding->again = true;
        return;
    }
    if (load(m, &e) < 0 || qmp_hmp(m->qmp, listed, m, &e, "info usernet") < 0)
        core_fault(m->c, "instance %s: forwards: %s", m->name.s, e.text);
    else
        m->forwarding->busy = true;
}

void hostfwds_end(struct machine *m)
{
    struct forwarding *f = steal_ptr(m->forwarding);

    if (!f)
        return;
    loop_timer_free(f->timer);
    buf_done(&f->done);
    buf_done(&f->failed);
    free(f);
}
