/* The few keys of /proc/sys/net that a network needs: ip_forward, and per bridge rp_filter and
 * disable_ipv6/accept_ra. A closed table; nothing else can be written. */
#ifndef NETCFG_SYSCTL_H
#define NETCFG_SYSCTL_H

#include "base/err.h"

#define SYSCTL_VALUE_MAX 24
/* "net.ipv4.ip_forward", "net.ipv4.conf.rb-lab.rp_filter" are ours to set; anything else:
 * ERR_INVALID. */
int sysctl_check(const char *key, const char *value, struct err *e);
int sysctl_read(const char *key, char ret[SYSCTL_VALUE_MAX], struct err *e);
int sysctl_write(const char *key, const char *value, struct err *e);

#endif
