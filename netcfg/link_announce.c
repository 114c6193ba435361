/* Tells neighbours where an address lives now (RFC 5227 section 2.3: an ARP request for one's own
 * address): who knows it by a MAC that is gone would else send into nothing until he asks again. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "netcfg/link_step.h"

void link_announce(const struct fact_link *link, const struct ip *ip)
{
    struct {
        struct arphdr head;
        uint8_t from_mac[6], from[4], to_mac[6], to[4];
    } __attribute__((packed)) arp = {
        .head = { .ar_hrd = htons(ARPHRD_ETHER),
                  .ar_pro = htons(ETHERTYPE_IP),
                  .ar_hln = 6,
                  .ar_pln = 4,
                  .ar_op = htons(ARPOP_REQUEST) },
    };
    struct sockaddr_ll to = { .sll_family = AF_PACKET,
                              .sll_protocol = htons(ETHERTYPE_ARP),
                              .sll_ifindex = link->index,
                              .sll_halen = 6,
                              .sll_addr = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

    if (ip->family != 4)
        return;
    auto_close int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(arp.from_mac, link->mac.b, sizeof(arp.from_mac));
    memcpy(arp.from, ip->b, sizeof(arp.from));
    memcpy(arp.to, ip->b, sizeof(arp.to));
    /* A courtesy: without CAP_NET_RAW neighbours find out by themselves, later. */
    if (fd >= 0 && sendto(fd, &arp, sizeof(arp), 0, (void *)&to, sizeof(to)) < 0)
        return;
}
