/* The reservations of a network as dnsmasq reads them: two directories with a file per addition
 * (dnsmasq.h: DIR_DHCP_HOSTS, DIR_DNS_HOSTS), in force as soon as they are there.
 *
 *   all-N         everything, sorted by name, as of the last compaction
 *   new-NNNNNNNN  what was added since, a file each in both directories
 *
 * What was removed or moved stays in force until a compaction and the SIGHUP after it:
 * dhcp-hostsdir never forgets by itself. An address or MAC that was in force for somebody else must
 * be compacted away before it is added again, or dnsmasq keeps the former. dnsmasq sees nothing of
 * a compaction before the SIGHUP (it watches for written, renamed and deleted files, and passes
 * over dotted names: new files appear by link(2), old ones go by a rename to a dotted name), so
 * that no name is missing for a moment. A crash leaves too much in force, never too little; the
 * next compaction mends it. */
#ifndef NETCFG_HOSTS_H
#define NETCFG_HOSTS_H

#include <stdbool.h>

#include "netcfg/dnsmasq.h"

struct hosts {
    int dhcp, dns; /* the two directories */
    unsigned next; /* number of the next new-… */
};
#define HOSTS_INIT    ((struct hosts){ .dhcp = -1, .dns = -1, .next = 1 })
#define HOSTS_NEW_MAX 99999999u

/* Makes the two below the network's directory (0755, whatever the umask), or opens what is there.
 */
int hosts_open(int dirfd, struct hosts *ret, struct err *e);
void hosts_close(struct hosts *h);

/* One file more in each directory, whatever there is already; nothing else is written. Names are in
 * force first, then addresses. ERR_BUSY: numbers are used up, compact. n = 0 does nothing. */
int hosts_add(struct hosts *h, const char *domain, const struct reservation *r, size_t n,
              struct err *e);
/* All of them, and nothing but them. *ret_sighup: dnsmasq has to be told. Sorts `r`. */
int hosts_compact(struct hosts *h, const char *domain, struct reservation *r, size_t n,
                  bool *ret_sighup, struct err *e);

/* The two files' contents; pure. */
void hosts_render(const char *domain, const struct reservation *r, size_t n, struct buf *ret_dhcp,
                  struct buf *ret_dns);
/* What a directory's entry is: the number of "all-N", or of "new-NNNNNNNN"; pure. */
enum hosts_file { HOSTS_FOREIGN, HOSTS_ALL, HOSTS_NEW };
enum hosts_file hosts_file_parse(const char *name, unsigned *ret_number);

#endif
