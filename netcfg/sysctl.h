/* The few keys of /proc/sys/net that a network needs: ip_forward, and per bridge of ours ("rb-…")
 * rp_filter, disable_ipv6 and accept_ra. A closed table; nothing else can be read or written.
 *
 * route_localnet and accept_local are not among them: published ports do without (netcfg/firewall.h
 * says why). */
#ifndef NETCFG_SYSCTL_H
#define NETCFG_SYSCTL_H

#include "base/err.h"

#define SYSCTL_VALUE_MAX 24
/* "net.ipv4.ip_forward", "net.ipv4.conf.rb-lab.rp_filter" are ours to set, to small numbers;
 * anything else: ERR_INVALID. */
int sysctl_check(const char *key, const char *value, struct err *e);
/* Of the caller's network namespace. The value without its newline. ERR_NOT_FOUND: no such bridge,
 * or a kernel without IPv6. */
int sysctl_read(const char *key, char ret[SYSCTL_VALUE_MAX], struct err *e);
int sysctl_write(const char *key, const char *value, struct err *e);

#endif
