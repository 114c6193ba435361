/* Is there a DHCP server on a bridged network already? A DISCOVER is sent and answers are waited
 * for, before dnsmasq starts there: two servers would give guests, and everybody else on that LAN,
 * the one or the other's idea of the network. */
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netcfg/dhcp.h"
#include "server/nets_priv.h"

/* The first one can be lost, while the bridge's port comes up. */
#define AGAIN_MS 1000
#define WAIT_MS  5000 /* netcfg/dhcp.h: servers may ping for 3 s before they offer */
#define BATCH    64   /* packets a turn */

struct probe {
    struct loop *loop;
    struct loop_fd *watch;
    struct loop_timer *timer;
    int fd;
    uint32_t xid;
    struct mac from;
    int64_t begun_ms;
    probe_done_fn *done;
    void *arg;
};

void probe_free(struct probe *p)
{
    if (!p)
        return;
    loop_fd_free(p->watch);
    loop_timer_free(p->timer);
    if (p->fd >= 0)
        close(p->fd);
    free(p);
}

/* `done` may free the probe. */
static void packet_cb(int fd, int what, void *arg)
{
    uint8_t data[DHCP_MESSAGE_MAX];
    struct probe *p = arg;
    struct ip server;

    (void)what;
    for (int i = 0; i < BATCH; i++) {
        ssize_t len = recv(fd, data, sizeof(data), MSG_DONTWAIT);
        if (len < 0)
            return;
        if (dhcp_offer_parse(data, (size_t)len, p->xid, &server) == 1) {
            p->done(&server, p->arg);
            return;
        }
    }
}

static int ask(struct probe *p, struct err *e)
{
    uint8_t message[DHCP_MESSAGE_MAX];
    size_t len = dhcp_discover(p->xid, &p->from, message);

    return dhcp_probe_send(p->fd, message, len, e);
}

static void timer_cb(void *arg)
{
    struct probe *p = arg;
    struct err e = { 0 };

    if (loop_now(p->loop).boot_ms - p->begun_ms >= WAIT_MS) {
        p->done(NULL, p->arg);
        return;
    }
    if (ask(p, &e) < 0)
        log_warn("%s", e.text);
    loop_timer_set(p->timer, AGAIN_MS);
}

static int start(struct probe *p, const char *device, struct err *e)
{
    p->fd = dhcp_probe_socket(device, e);
    if (p->fd < 0)
        return -1;
    if (getrandom(&p->xid, sizeof(p->xid), 0) != sizeof(p->xid) ||
        getrandom(p->from.b, sizeof(p->from.b), 0) != sizeof(p->from.b))
        return err_sys(e, "random bytes");
    /* Nobody's: a server then has no lease and no rule for it (IEEE 802: local, one station). */
    p->from.b[0] = (uint8_t)((p->from.b[0] | 2) & ~1);
    p->watch = loop_fd_new(p->loop, p->fd, LOOP_READ, packet_cb, p, e);
    p->timer = p->watch ? loop_timer_new(p->loop, timer_cb, p, e) : NULL;
    if (!p->timer || ask(p, e) < 0)
        return -1;
    loop_timer_set(p->timer, AGAIN_MS);
    return 0;
}

struct probe *probe_new(struct loop *l, const char *device, probe_done_fn *done, void *arg,
                        struct err *e)
{
    struct probe *p = calloc(1, sizeof(*p));

    if (!p) {
        err_set(e, ERR_INTERNAL, "no memory");
        return NULL;
    }
    *p = (struct probe){
        .loop = l, .fd = -1, .begun_ms = loop_now(l).boot_ms, .done = done, .arg = arg
    };
    if (start(p, device, e) == 0)
        return p;
    probe_free(p);
    return NULL;
}
