/* The netcfg room's dnsmasq side as a program, for tests/integration/test_dnsmasq.py:
 *
 *   netcfg conf CASE DIR               DIR/dnsmasq.conf of a case (tests/unit/netcfg/dmcase.h)
 *   netcfg argv BINARY DIR             the command line, a word a line
 *   netcfg add DIR DOMAIN [each]       reservations from standard input, "NAME MAC ADDRESS" a line;
 *                                      in one file, or in one each
 *   netcfg compact DIR DOMAIN          the same, all there are; says "sighup" where it is due
 *   netcfg release DEVICE SERVER MAC ADDRESS
 *   netcfg probe DEVICE MAC LIMIT_MS   the first server that answers a DISCOVER
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/parse.h"
#include "netcfg/dhcp.h"
#include "netcfg/hosts.h"
#include "unit/netcfg/dmcase.h"

#define RESERVATIONS_MAX 65536

static int do_conf(char **a, struct err *e)
{
    auto_buf struct buf out = BUF_INIT;
    auto_close int dirfd = open(a[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dmcase c;

    if (dirfd < 0)
        return err_sys(e, "%s", a[1]);
    if (dmcase_load(a[0], &c, e) < 0)
        return -1;
    c.place.dir = a[1];
    int rc = dnsmasq_render(&c.network, &c.place, &out, e);
    dmcase_done(&c);
    return rc < 0 ? rc : file_replace(dirfd, FILE_DNSMASQ_CONF, out.data, out.len, 0644, NULL, e);
}

static int do_argv(char **a, struct err *e)
{
    auto_argv struct argv argv = ARGV_INIT;

    (void)e;
    dnsmasq_argv(a[0], a[1], false, &argv);
    for (int i = 0; i < argv.n; i++)
        puts(argv.v[i]);
    return 0;
}

static int read_reservations(struct reservation *ret, size_t *ret_n, struct err *e)
{
    char name[80], mac[80], ip[80];

    while (scanf("%79s %79s %79s", name, mac, ip) == 3) {
        if (*ret_n == RESERVATIONS_MAX)
            return err_set(e, ERR_TOO_BIG, "more than %d reservations", RESERVATIONS_MAX);
        if (reservation_parse(name, mac, ip, &ret[(*ret_n)++], e) < 0)
            return -1;
    }
    return 0;
}

static int with_hosts(char **a, bool compact, struct err *e)
{
    auto_free struct reservation *r = calloc(RESERVATIONS_MAX, sizeof *r);
    auto_close int dirfd = open(a[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool each = a[2] && !strcmp(a[2], "each"), sighup = false;
    struct hosts h;
    size_t n = 0;
    int rc = 0;

    if (!r || dirfd < 0)
        return err_sys(e, "%s", a[0]);
    if (read_reservations(r, &n, e) < 0 || hosts_open(dirfd, &h, e) < 0)
        return -1;
    if (compact)
        rc = hosts_compact(&h, a[1], r, n, &sighup, e);
    else if (!each)
        rc = hosts_add(&h, a[1], r, n, e);
    for (size_t i = 0; each && rc == 0 && i < n; i++)
        rc = hosts_add(&h, a[1], &r[i], 1, e);
    if (sighup)
        puts("sighup");
    hosts_close(&h);
    return rc;
}

static int do_add(char **a, struct err *e)
{
    return with_hosts(a, false, e);
}

static int do_compact(char **a, struct err *e)
{
    return with_hosts(a, true, e);
}

static int do_release(char **a, struct err *e)
{
    uint8_t message[DHCP_MESSAGE_MAX];
    struct ip server, address;
    struct mac mac;

    if (ip_parse(a[1], &server, e) < 0 || mac_parse(a[2], &mac, e) < 0 ||
        ip_parse(a[3], &address, e) < 0)
        return -1;
    auto_close int fd = dhcp_socket(a[0], e);
    if (fd < 0)
        return -1;
    return dhcp_send(fd, &server, message, dhcp_release(7, &mac, &address, &server, message), e);
}

static void listen_until(int fd, uint32_t xid, int64_t end)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    uint8_t data[DHCP_MESSAGE_MAX];
    char text[IP_TEXT];
    struct ip server = { 0 };

    for (int64_t left; (left = end - clock_now().boot_ms) > 0 && poll(&p, 1, (int)left) > 0;) {
        ssize_t n = recv(fd, data, sizeof data, 0);
        if (n > 0 && dhcp_offer_parse(data, (size_t)n, xid, &server) == 1)
            break;
        server = (struct ip){ 0 };
    }
    if (server.family)
        puts(ip_format(&server, text));
}

static int do_probe(char **a, struct err *e)
{
    uint8_t message[DHCP_MESSAGE_MAX];
    struct mac mac;
    uint64_t limit;
    uint32_t xid;

    if (mac_parse(a[1], &mac, e) < 0 || parse_u64(a[2], 1, 60000, &limit, e) < 0)
        return -1;
    auto_close int fd = dhcp_probe_socket(a[0], e);
    random_bytes(&xid, sizeof xid);
    if (fd < 0 || dhcp_probe_send(fd, message, dhcp_discover(xid, &mac, message), e) < 0)
        return -1;
    listen_until(fd, xid, clock_now().boot_ms + (int64_t)limit);
    return 0;
}

static const struct {
    const char *name;
    int args;
    int (*fn)(char **args, struct err *e);
} commands[] = {
    { "conf", 2, do_conf },       { "argv", 2, do_argv },       { "add", 2, do_add },
    { "compact", 2, do_compact }, { "release", 4, do_release }, { "probe", 3, do_probe },
};

int main(int argc, char **argv)
{
    struct err e = { 0 };

    for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
        if (strcmp(argv[1], commands[i].name) != 0 || argc - 2 < commands[i].args)
            continue;
        if (commands[i].fn(argv + 2, &e) == 0)
            return 0;
        fprintf(stderr, "netcfg: %s\n", e.text);
        return err_exit_code(e.kind);
    }
    fputs("netcfg: see the head of tests/tools/netcfg.c\n", stderr);
    return 2;
}
