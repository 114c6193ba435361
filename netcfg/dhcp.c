#include "netcfg/dhcp.h"

#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CLIENT_PORT 68
#define SERVER_PORT 67

/* RFC 2131 section 2, figure 1. */
enum {
    AT_OP = 0,
    AT_HTYPE = 1,
    AT_HLEN = 2,
    AT_XID = 4,
    AT_FLAGS = 10,
    AT_CIADDR = 12,
    AT_CHADDR = 28,
    AT_MAGIC = 236,
    AT_OPTIONS = 240,
};
enum { OP_REQUEST = 1, OP_REPLY = 2, HTYPE_ETHERNET = 1 };
/* RFC 2132. */
enum { OPT_PAD = 0, OPT_TYPE = 53, OPT_SERVER = 54, OPT_PARAMETERS = 55, OPT_END = 255 };
enum { TYPE_DISCOVER = 1, TYPE_OFFER = 2, TYPE_RELEASE = 7 };

static const uint8_t magic[4] = { 99, 130, 83, 99 };

/* ---- building ---- */

static size_t put_option(uint8_t *out, size_t at, uint8_t code, const void *value, uint8_t len)
{
    out[at] = code;
    out[at + 1] = len;
    memcpy(out + at + 2, value, len);
    return at + 2 + len;
}

/* Returns where the options go on. */
static size_t begin(uint8_t *out, uint8_t type, uint32_t xid, const struct mac *client)
{
    uint32_t id = htonl(xid);

    memset(out, 0, DHCP_MESSAGE_MAX);
    out[AT_OP] = OP_REQUEST;
    out[AT_HTYPE] = HTYPE_ETHERNET;
    out[AT_HLEN] = sizeof client->b;
    memcpy(out + AT_XID, &id, sizeof id);
    memcpy(out + AT_CHADDR, client->b, sizeof client->b);
    memcpy(out + AT_MAGIC, magic, sizeof magic);
    return put_option(out, AT_OPTIONS, OPT_TYPE, &type, 1);
}

/* RFC 1542 section 2.1: a BOOTP message has at least 300 bytes. */
static size_t finish(uint8_t *out, size_t at)
{
    out[at++] = OPT_END;
    return at < 300 ? 300 : at;
}

size_t dhcp_discover(uint32_t xid, const struct mac *from, uint8_t out[DHCP_MESSAGE_MAX])
{
    static const uint8_t wanted[] = { 1, 3, 6 }; /* some servers answer nobody who asks nothing */
    size_t at = begin(out, TYPE_DISCOVER, xid, from);

    out[AT_FLAGS] = 0x80;
    at = put_option(out, at, OPT_PARAMETERS, wanted, sizeof wanted);
    return finish(out, at);
}

size_t dhcp_release(uint32_t xid, const struct mac *client, const struct ip *address,
                    const struct ip *server, uint8_t out[DHCP_MESSAGE_MAX])
{
    size_t at = begin(out, TYPE_RELEASE, xid, client);

    memcpy(out + AT_CIADDR, address->b, 4);
    at = put_option(out, at, OPT_SERVER, server->b, 4);
    return finish(out, at);
}

/* ---- parsing ---- */

/* The value of an option with exactly `want` bytes, NULL: none. The only place that reads them. */
static const uint8_t *option(const uint8_t *data, size_t len, uint8_t code, uint8_t want)
{
    for (size_t at = AT_OPTIONS; at < len && data[at] != OPT_END;) {
        if (data[at] == OPT_PAD) {
            at++;
            continue;
        }
        if (len - at < 2 || data[at + 1] > len - at - 2)
            return NULL;
        if (data[at] == code)
            return data[at + 1] == want ? data + at + 2 : NULL;
        at += 2 + (size_t)data[at + 1];
    }
    return NULL;
}

int dhcp_offer_parse(const uint8_t *data, size_t len, uint32_t xid, struct ip *ret_server)
{
    uint32_t id = htonl(xid);
    struct ip server = { .family = 4 };

    if (len < AT_OPTIONS || data[AT_OP] != OP_REPLY || memcmp(data + AT_XID, &id, sizeof id) != 0 ||
        memcmp(data + AT_MAGIC, magic, sizeof magic) != 0)
        return 0;
    const uint8_t *type = option(data, len, OPT_TYPE, 1);
    const uint8_t *id_of = option(data, len, OPT_SERVER, 4);
    if (!type || *type != TYPE_OFFER || !id_of)
        return 0;
    memcpy(server.b, id_of, 4);
    *ret_server = server;
    return 1;
}

/* ---- the wire ---- */

int dhcp_socket(const char *device, struct err *e)
{
    auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(CLIENT_PORT) };
    int on = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) < 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
        return err_sys(e, "DHCP socket on %s", device);
    return steal_fd(&fd);
}

int dhcp_send(int fd, const struct ip *server, const uint8_t *data, size_t len, struct err *e)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(SERVER_PORT) };
    char text[IP_TEXT];

    to.sin_addr.s_addr = htonl(INADDR_BROADCAST);
    if (server && server->family == 4)
        memcpy(&to.sin_addr, server->b, 4);
    if (sendto(fd, data, len, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to) == (ssize_t)len)
        return 0;
    return err_sys(e, "DHCP message to %s",
                   server && server->family ? ip_format(server, text) : "255.255.255.255");
}
