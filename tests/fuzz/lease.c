/* Lease datagrams, the lease program's arguments and lines of the lease file: what is taken reads
 * back as the same, and is clean. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/parse.h"
#include "netcfg/lease.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct lease *l)
{
    char mac[MAC_TEXT], ip[IP_TEXT], text[LEASE_DATAGRAM_MAX];
    const char *const argv[] = { lease_action_name(l->action), mac_format(&l->mac, mac),
                                 ip_format(&l->ip, ip), l->hostname, NULL };
    struct lease again;

    if (!ascii_printable(l->hostname, strlen(l->hostname)) || strchr(l->hostname, ' '))
        abort();
    if (lease_datagram(argv, l->bridge[0] ? l->bridge : "rb-lab", text, NULL) < 0 ||
        lease_datagram_parse(text, strlen(text), &again, NULL) < 0)
        abort();
    if (strcmp(again.hostname, l->hostname) != 0 || !ip_equal(&again.ip, &l->ip) ||
        memcmp(&again.mac, &l->mac, sizeof l->mac) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_buf struct buf text = BUF_INIT;
    struct lease l;
    int64_t expires;

    if (lease_datagram_parse((const char *)data, size, &l, NULL) == 0)
        round_trip(&l);
    buf_put(&text, data, size);
    if (lease_line_parse(buf_str(&text), &expires, &l, NULL) == 1)
        round_trip(&l);
    const char *const argv[] = { "add", "52:54:00:00:00:07", "172.16.5.20", buf_str(&text), NULL };
    char datagram[LEASE_DATAGRAM_MAX];
    if (lease_datagram(argv, "rb-lab", datagram, NULL) < 0 ||
        lease_datagram_parse(datagram, strlen(datagram), &l, NULL) < 0)
        abort();
    return 0;
}
