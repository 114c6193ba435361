/* Seed sockets on bridges: bound to the bridge's address and device, so that no packet that came
 * another way reaches them. */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "server/handover.h"
#include "server/nets_priv.h"

static int bound(const struct endpoint *at, const char *device, int backlog, struct err *e)
{
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(at->port) };
    char text[ENDPOINT_TEXT];
    int on = 1;

    memcpy(&in.sin_addr, at->ip.b, sizeof(in.sin_addr));
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1) < 0)
        return err_sys(e, "seed socket on %s", device);
    if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 || listen(fd, backlog) < 0)
        return err_sys(e, "cannot listen on %s for %s", endpoint_format(at, text), device);
    return steal_fd(&fd);
}

static void kept_name(const char *device, char ret[32])
{
    snprintf(ret, 32, "net-%.15s", device);
}

void net_listen_forget(const char *device)
{
    char name[32];

    kept_name(device, name);
    handover_drop(name);
}

/* From the roostd before this one, or made. */
static int listening(const struct endpoint *at, const char *device, int backlog, struct err *e)
{
    char name[32];

    kept_name(device, name);
    int fd = handover_take_at(name, at, device);
    if (fd >= 0)
        return fd;
    fd = bound(at, device, backlog, e);
    if (fd >= 0)
        handover_keep(name, fd);
    return fd;
}

int net_listen(struct net *t, const struct step *s, struct err *e)
{
    struct nets *n = t->nets;
    struct endpoint at = { .ip = s->address, .port = s->port };

    unsigned index = if_nametoindex(s->device);

    /* Bound to a device that was since made anew it would hear nobody. */
    if (t->listen_fd >= 0 && t->listen_index == index && t->listen_at.port == at.port &&
        ip_equal(&t->listen_at.ip, &at.ip)) {
        net_state(t, 0, P_NET_STATE, ""); /* core may be new */
        return 0;
    }
    net_unlisten(t);
    t->listen_fd = listening(&at, s->device, (int)n->o.config->backlog, e);
    if (t->listen_fd < 0)
        return -1;
    t->listen_at = at;
    t->listen_index = index;
    t->listener = n->next_listener++;
    n->o.listener(t->listener, &t->listen_at, t->listen_fd, n->o.arg);
    net_state(t, 0, P_NET_STATE, "");
    return 0;
}

void net_unlisten(struct net *t)
{
    if (t->listen_fd < 0)
        return;
    close(t->listen_fd);
    t->listen_fd = -1;
    t->nets->o.listener(t->listener, &t->listen_at, -1, t->nets->o.arg);
    t->listener = 0;
}
