#include "netcfg/dhcp.h"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#define TTL         64
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

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* RFC 791, RFC 768: cuts the packet down to what UDP carries to port 68; false: it is none. A
 * message begins with its op of 1 or 2, a packet with 4 and its header's length. */
static bool unwrap(const uint8_t **data, size_t *len)
{
    const uint8_t *p = *data;
    size_t head = *len > 0 ? 4 * (size_t)(p[0] & 15) : 0;

    if (*len == 0 || p[0] >> 4 != 4)
        return true;
    if (head < sizeof(struct iphdr) || *len < head + sizeof(struct udphdr) || p[9] != IPPROTO_UDP ||
        get16(p + 6) & 0x3fff || get16(p + head + 2) != CLIENT_PORT)
        return false;
    size_t carried = get16(p + head + 4);
    if (carried < sizeof(struct udphdr) || carried > *len - head)
        return false;
    *data = p + head + sizeof(struct udphdr);
    *len = carried - sizeof(struct udphdr);
    return true;
}

int dhcp_offer_parse(const uint8_t *data, size_t len, uint32_t xid, struct ip *ret_server)
{
    uint32_t id = htonl(xid);
    struct ip server = { .family = 4 };

    if (!unwrap(&data, &len))
        return 0;
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

/* ---- below IP ---- */

/* Of a packet(7) socket of type SOCK_DGRAM: UDP to port 68, no fragment (0x3fff: more or offset).
 */
static int filter(int fd)
{
    static struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 4, 0),
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CLIENT_PORT, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, DHCP_MESSAGE_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int dhcp_probe_socket(const char *device, struct err *e)
{
    /* Without a protocol nothing comes before the filter stands and bind(2) names both. */
    auto_close int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };

    at.sll_ifindex = (int)if_nametoindex(device);
    if (at.sll_ifindex == 0)
        return err_sys(e, "DHCP probe on %s", device);
    if (fd < 0 || filter(fd) < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
        return err_sys(e, "DHCP probe on %s", device);
    return steal_fd(&fd);
}

/* RFC 1071. */
static uint16_t checksum(const struct iphdr *head)
{
    uint16_t words[sizeof *head / 2];
    uint32_t sum = 0;

    memcpy(words, head, sizeof words);
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        sum += words[i];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

int dhcp_probe_send(int fd, const uint8_t *data, size_t len, struct err *e)
{
    struct iphdr ip = { .version = 4, .ihl = 5, .ttl = TTL, .protocol = IPPROTO_UDP };
    struct udphdr udp = { .source = htons(CLIENT_PORT), .dest = htons(SERVER_PORT) };
    uint8_t packet[sizeof ip + sizeof udp + DHCP_MESSAGE_MAX];
    size_t total = sizeof ip + sizeof udp + len;
    struct sockaddr_ll to;
    socklen_t size = sizeof to;

    if (len > DHCP_MESSAGE_MAX)
        return err_set(e, ERR_TOO_BIG, "DHCP message of %zu bytes", len);
    ip.tot_len = htons((uint16_t)total);
    ip.daddr = htonl(INADDR_BROADCAST);
    ip.check = checksum(&ip);
    udp.len = htons((uint16_t)(sizeof udp + len)); /* RFC 768: a checksum of zero is none */
    memcpy(packet, &ip, sizeof ip);
    memcpy(packet + sizeof ip, &udp, sizeof udp);
    memcpy(packet + sizeof ip + sizeof udp, data, len);
    if (getsockname(fd, (struct sockaddr *)&to, &size) < 0)
        return err_sys(e, "DHCP probe");
    to.sll_halen = ETH_ALEN;
    memset(to.sll_addr, 0xff, ETH_ALEN);
    if (sendto(fd, packet, total, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to) < 0)
        return err_sys(e, "DHCP probe");
    return 0;
}
