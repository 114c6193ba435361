/* roost-lease: what dnsmasq calls for each lease (dnsmasq(8), --dhcp-script). One datagram to
 * roostd's socket, which LEASE_SOCKET_ENV names; runs as dnsmasq's user and knows nothing else.
 *
 * Ends with 0 whatever became of the datagram: dnsmasq cannot mend it, and roostd reads the lease
 * file when it starts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "netcfg/lease.h"

/* dnsmasq calls one at a time: with roostd stuck, leases come late but guests still get them. */
#define SEND_LIMIT_S 2

static const char usage[] =
    "usage: roost-lease add|old|del MAC ADDRESS [HOSTNAME]\n"
    "       roost-lease --version | --help\n"
    "Called by dnsmasq for each lease (dnsmasq(8), --dhcp-script), with the interface in\n"
    "DNSMASQ_INTERFACE. Hands the lease to the socket that " LEASE_SOCKET_ENV " names.\n";

static int hand_over(const char *path, const char *datagram, struct err *e)
{
    auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    struct timeval limit = { .tv_sec = SEND_LIMIT_S };

    if (strlen(path) >= sizeof to.sun_path)
        return err_set(e, ERR_INVALID, LEASE_SOCKET_ENV ": longer than %zu bytes",
                       sizeof to.sun_path - 1);
    memcpy(to.sun_path, path, strlen(path) + 1);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0 ||
        sendto(fd, datagram, strlen(datagram), MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to) < 0)
        return err_sys(e, "%s", path);
    return 0;
}

/* The guest's own name rather than the reservation's, which roost knows. */
static int tell(char *const *args, struct err *e)
{
    const char *socket_path = getenv(LEASE_SOCKET_ENV), *interface = getenv("DNSMASQ_INTERFACE");
    const char *supplied = getenv("DNSMASQ_SUPPLIED_HOSTNAME");
    const char *argv[5] = { args[0], args[1], args[2], supplied ? supplied : args[3], NULL };
    char datagram[LEASE_DATAGRAM_MAX];

    if (!socket_path || !interface)
        return err_set(e, ERR_INVALID, "no " LEASE_SOCKET_ENV " or DNSMASQ_INTERFACE");
    if (lease_datagram(argv, interface, datagram, e) < 0)
        return -1;
    return hand_over(socket_path, datagram, e);
}

int main(int argc, char **argv)
{
    struct err e = { 0 };

    if (argc > 1 && !strcmp(argv[1], "--version")) {
        printf("roost-lease %s\n", ROOST_VERSION);
        return 0;
    }
    if (argc > 1 && !strcmp(argv[1], "--help")) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc < 2 || argv[1][0] == '-') {
        fputs(usage, stderr);
        return err_exit_code(ERR_INVALID);
    }
    /* init, tftp, arp-add and whatever comes (its manual: "scripts should be prepared to ignore
     * unknown actions"); DHCPv6 and other links than Ethernet, which have an IAID or a type. */
    if (lease_action_from_name(argv[1]) < 0 || getenv("DNSMASQ_IAID"))
        return 0;
    if (argc < 4) {
        fputs(usage, stderr);
        return err_exit_code(ERR_INVALID);
    }
    if (strlen(argv[2]) > 2 && argv[2][2] == '-' && strchr(argv[2], ':'))
        return 0;
    if (tell(argv + 1, &e) < 0)
        fprintf(stderr, "roost-lease: %s\n", e.text);
    return 0;
}
