#include "bootstrap/qmp.h"

#include <stdio.h>
#include <string.h>

/* A row of slirp's table (slirp_connection_info):
 *   "  TCP[HOST_FORWARD]  12       127.0.0.1 37021       10.0.2.15    22     0     0"
 * protocol and state, descriptor, source address and port, destination address and port, queues. */
static unsigned row_port(const char *row, size_t len, unsigned guest_port)
{
    static const char mark[] = "TCP[HOST_FORWARD]";
    char copy[256];
    unsigned fd;
    unsigned from;
    unsigned to;
    char source[64];
    char dest[64];
    if (len >= sizeof(copy))
        return 0;
    memcpy(copy, row, len);
    copy[len] = '\0';
    const char *p = copy + strspn(copy, " ");
    if (strncmp(p, mark, sizeof(mark) - 1) != 0)
        return 0;
    if (sscanf(p + sizeof(mark) - 1, " %9u %63s %5u %63s %5u", &fd, source, &from, dest, &to) != 5)
        return 0;
    return to == guest_port && from >= 1 && from <= 65535 ? from : 0;
}

unsigned qmp_usernet_port(const char *text, unsigned guest_port)
{
    while (*text) {
        size_t len = strcspn(text, "\r\n");
        unsigned port = row_port(text, len, guest_port);
        if (port)
            return port;
        text += len;
        text += strspn(text, "\r\n");
    }
    return 0;
}
