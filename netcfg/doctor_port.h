/* Who holds a port of the host. */
#ifndef NETCFG_DOCTOR_PORT_H
#define NETCFG_DOCTOR_PORT_H

#include <stdbool.h>

/* Does a socket on all addresses of IPv4, or of IPv6 (which can take IPv4 as well), hold the port?
 * The program's name to owner where it can be seen. */
bool doctor_port_held(int root, unsigned port, bool tcp_too, char owner[32]);
/* Has whoever holds a UDP port only devices of his own, as each dnsmasq has for DHCP? Then another
 * socket can be bound beside it. False also without the right to try. */
bool doctor_port_apart(unsigned port);
/* A line of proc_net(5)'s tcp, tcp6, udp, udp6: a bound socket on the wildcard address and this
 * port. The inode to *ret. */
bool doctor_socket_line(const char *line, unsigned port, unsigned long *ret_inode);

#endif
