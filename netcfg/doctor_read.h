/* doctor_read() below any directory, so that tests can make a host up. */
#ifndef NETCFG_DOCTOR_READ_H
#define NETCFG_DOCTOR_READ_H

#include <stdio.h>

#include "netcfg/doctor.h"

#define DOCTOR_LINES_MAX 65536 /* of /proc/net/udp and so on */
#define DOCTOR_PIDS_MAX  32768
#define DOCTOR_FDS_MAX   4096 /* of a process */

/* `root` stands for "/". */
void doctor_read_below(int root, struct doctor_facts *ret);
bool doctor_told_below(int root, const char *domain, int link); /* doctor_names.c */

/* For reading; NULL: it does not open. */
FILE *doctor_open(int root, const char *path);
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
