/* dnsmasq of a network: started, watched, started again with back-off, found again after roostd was
 * away. It is told by its argument vector, which names its own configuration. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/utf8.h"
#include "server/nets_priv.h"
#include "server/powers.h"

#define SETTLE_MS      300 /* a dnsmasq that cannot bind is gone by then */
#define BACKOFF_MS     200 /* doubles */
#define BACKOFF_MAX_MS 30000
#define STEADY_MS      60000 /* one that ran so long begins anew */
#define STOP_MS        3000
#define LOG_MAX        65536

struct dns {
    struct net *net;
    struct child *child; /* ours, or: */
    int pidfd;           /* found; -1 */
    struct loop_fd *watch;
    pid_t pid;
    struct probe *probe;      /* somebody else's server is looked for first; NULL */
    struct loop_timer *timer; /* settles, starts again, kills */
    enum { DNS_PROBING, DNS_SETTLING, DNS_RUNNING, DNS_WAITING, DNS_STOPPING, DNS_CHANGING } state;
    uint32_t id; /* who is answered; 0 nobody */
    int64_t started_ms;
    unsigned failures;
};

static int launch(struct dns *d, struct err *e);

static void unwatch(struct dns *d)
{
    child_forget(steal_ptr(d->child));
    loop_fd_free(steal_ptr(d->watch));
    if (d->pidfd >= 0)
        close(d->pidfd);
    d->pidfd = -1;
    d->pid = 0;
}

void dns_forget(struct net *t)
{
    struct dns *d = t->dns;

    if (!d)
        return;
    t->dns = NULL;
    unwatch(d);
    probe_free(d->probe);
    loop_timer_free(d->timer);
    free(d);
    leases_unneeded(t->nets);
}

static void answer(struct dns *d, const struct err *err)
{
    if (d->id)
        nets_answer(d->net->nets, d->id, &d->net->name, err);
    d->id = 0;
}

static void send_signal(struct dns *d, int signo)
{
    struct err e = { 0 };

    if (d->child)
        (void)child_kill(d->child, signo, &e);
    else if (d->pidfd >= 0)
        (void)pidfd_send_signal(d->pidfd, signo, NULL, 0);
}

/* --- its end ------------------------------------------------------------------------------- */

static void log_tail(const struct net *t, char *ret, size_t size)
{
    auto_buf struct buf text = BUF_INIT;
    const char *line;

    ret[0] = '\0';
    if (file_read(t->dir, FILE_DNSMASQ_LOG, LOG_MAX, &text, NULL) < 0 || !text.len)
        return;
    while (text.len && text.data[text.len - 1] == '\n')
        text.data[--text.len] = '\0';
    line = strrchr(buf_str(&text), '\n');
    snprintf(ret, size, "%s", line ? line + 1 : buf_str(&text));
    control_mask(ret);
}

static void again(struct dns *d)
{
    struct nets *n = d->net->nets;
    int64_t now = loop_now(n->loop).boot_ms, wait = BACKOFF_MS;

    if (now - d->started_ms >= STEADY_MS)
        d->failures = 0;
    for (unsigned i = 0; i < d->failures && wait < BACKOFF_MAX_MS; i++)
        wait *= 2;
    d->failures++;
    d->state = DNS_WAITING;
    loop_timer_set(d->timer, wait);
}

static void ended(struct dns *d, const char *how)
{
    char tail[200], text[256];
    struct net *t = d->net;
    struct err e = { 0 };

    unwatch(d);
    if (d->state == DNS_STOPPING) {
        answer(d, NULL);
        dns_forget(t);
        return;
    }
    if (d->state == DNS_CHANGING) {
        if (launch(d, &e) < 0)
            again(d);
        return;
    }
    log_tail(t, tail, sizeof(tail));
    snprintf(text, sizeof(text), "dnsmasq: %s%s%s", how, *tail ? ": " : "", tail);
    log_warn("network %s: %s", t->name.s, text);
    if (d->state == DNS_SETTLING && d->id) {
        err_set(&e, ERR_CONFLICT, "%s", text);
        answer(d, &e);
        dns_forget(t);
        return;
    }
    net_state(t, 0, P_NET_STATE, text);
    again(d);
}

static void child_ended(const struct spawn_exit *x, void *arg)
{
    struct dns *d = arg;
    char text[64];

    d->child = NULL;
    ended(d, child_status_text(x->status, x->timed_out, text));
}

static void found_ended(int fd, int what, void *arg)
{
    (void)fd;
    (void)what;
    ended(arg, "ended");
}

/* --- its beginning ------------------------------------------------------------------------- */

static void argv_of(const struct net *t, struct argv *a)
{
    dnsmasq_argv(t->nets->o.config->dnsmasq, t->path, false, a);
}

static int launch(struct dns *d, struct err *e)
{
    struct net *t = d->net;
    struct nets *n = t->nets;
    auto_argv struct argv a = ARGV_INIT;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    auto_close int log = file_open_beneath(t->dir, FILE_DNSMASQ_LOG,
                                           O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600, e);

    if (log < 0)
        return -1;
    argv_of(t, &a);
    o.out = o.err = log;
    o.own_session = true;
    o.limit_caps = true;
    o.caps = POWERS_DNSMASQ;
    o.max_file_size = 64u << 20;
    (void)setenv(LEASE_SOCKET_ENV, n->lease_path, 1);
    d->child = child_spawn(n->loop, &a, &o, child_ended, d, e);
    if (!d->child) {
        if (e->kind == ERR_NOT_FOUND)
            err_set(e, ERR_NOT_FOUND,
                    "there is no %s: install it (package dnsmasq-base), or name "
                    "it in [network] dnsmasq",
                    n->o.config->dnsmasq);
        return -1;
    }
    d->pid = child_pid(d->child);
    d->started_ms = loop_now(n->loop).boot_ms;
    d->state = DNS_SETTLING;
    loop_timer_set(d->timer, SETTLE_MS);
    return 0;
}

static void settled(struct dns *d)
{
    d->state = DNS_RUNNING;
    leases_read(d->net);
    if (!d->id && !d->net->troubled)
        net_state(d->net, 0, P_NET_STATE, "");
    answer(d, NULL);
}

static void timer_cb(void *arg)
{
    struct dns *d = arg;
    struct err e = { 0 };

    switch (d->state) {
    case DNS_SETTLING:
        settled(d);
        break;
    case DNS_WAITING:
        if (launch(d, &e) < 0) {
            log_warn("network %s: %s", d->net->name.s, e.text);
            again(d);
        }
        break;
    case DNS_STOPPING:
    case DNS_CHANGING:
        send_signal(d, SIGKILL);
        break;
    case DNS_PROBING:
    case DNS_RUNNING:
        break;
    }
}

/* --- is there a server already? ------------------------------------------------------------- */

static void probed(const struct ip *server, void *arg)
{
    struct dns *d = arg;
    struct net *t = d->net;
    char text[IP_TEXT];
    struct err e = { 0 };

    probe_free(steal_ptr(d->probe));
    if (!server && launch(d, &e) == 0)
        return;
    if (server)
        err_set(&e, ERR_CONFLICT,
                "%s answers DHCP on %s already, and two servers would give guests now the one's "
                "and now the other's addresses: leave dhcp out of network %s, or end that one",
                ip_format(server, text), t->plan.bridge, t->name.s);
    answer(d, &e);
    dns_forget(t);
}

/* On networks of roost's own nobody else is. */
static int begin(struct dns *d, struct err *e)
{
    struct net *t = d->net;

    if (t->up.network.kind != NETWORK_BRIDGED || !t->up.network.dhcp)
        return launch(d, e);
    if (!d->probe)
        d->probe = probe_new(t->nets->loop, t->plan.bridge, probed, d, e);
    d->state = DNS_PROBING;
    return d->probe ? 0 : -1;
}

/* --- one that runs already ----------------------------------------------------------------- */

/* 1: watched now, 0: none runs, -1. */
static int adopt(struct dns *d, struct err *e)
{
    struct net *t = d->net;
    auto_argv struct argv a = ARGV_INIT;
    uint64_t start;

    argv_of(t, &a);
    pid_t pid = dnsmasq_find(t->nets->o.config, &a);
    if (!pid)
        return 0;
    d->pidfd = proc_start_time(pid, &start, e) < 0 ? -1 : proc_open(pid, start, e);
    if (d->pidfd < 0)
        return e->kind == ERR_NOT_FOUND ? 0 : -1;
    d->watch = loop_fd_new(t->nets->loop, d->pidfd, LOOP_READ, found_ended, d, e);
    d->pid = pid;
    d->state = DNS_RUNNING;
    return d->watch ? 1 : -1;
}

static struct dns *dns_get(struct net *t, struct err *e)
{
    struct dns *d = t->dns;

    if (d)
        return d;
    if (!(d = calloc(1, sizeof(*d)))) {
        err_set(e, ERR_INTERNAL, "no memory");
        return NULL;
    }
    d->net = t;
    d->pidfd = -1;
    d->timer = loop_timer_new(t->nets->loop, timer_cb, d, e);
    if (!d->timer) {
        free(d);
        return NULL;
    }
    t->dns = d;
    return d;
}

/* --- verbs --------------------------------------------------------------------------------- */

int dns_start(struct net *t, uint32_t id, struct err *e)
{
    bool changed = false;
    int r;

    if (leases_open(t->nets, e) < 0 || dns_conf_write(t, &changed, e) < 0)
        return -1;
    struct dns *d = dns_get(t, e);
    if (!d)
        return -1;
    r = d->pid ? 1 : adopt(d, e);
    if (r == 0)
        r = begin(d, e);
    else if (r == 1 && changed) {
        d->state = DNS_CHANGING;
        loop_timer_set(d->timer, STOP_MS);
        send_signal(d, SIGTERM);
    } else if (r == 1 && d->state != DNS_SETTLING && d->state != DNS_CHANGING) {
        d->state = DNS_SETTLING; /* the lease file is read once more: core may be new */
        loop_timer_set(d->timer, 0);
    }
    if (r < 0) {
        dns_forget(t);
        return -1;
    }
    answer(d, NULL);
    d->id = id;
    return 1;
}

int dns_stop(struct net *t, uint32_t id, struct err *e)
{
    struct dns *d = dns_get(t, e);

    if (!d)
        return -1;
    if (!d->pid && adopt(d, e) < 0)
        return -1;
    if (!d->pid) {
        dns_forget(t);
        return 0;
    }
    answer(d, NULL);
    d->id = id;
    d->state = DNS_STOPPING;
    loop_timer_set(d->timer, STOP_MS);
    send_signal(d, SIGTERM);
    return 1;
}

int dns_reload(struct net *t, struct err *e)
{
    if (!t->dns || !t->dns->pid)
        return err_set(e, ERR_CONFLICT, "dnsmasq of network %s does not run", t->name.s);
    send_signal(t->dns, SIGHUP);
    return 0;
}
