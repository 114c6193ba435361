/* roost-fetch: one download, in a process of its own that lives as long as it. It gets descriptors
 * and words, no paths: the file to write is FETCH_OUT_FD, what is wanted comes by standard input,
 * what it tells goes to FETCH_SAY_FD. Both are lines "WORD VALUE".
 *
 * in:  url URL · sums URL (a list of checksums) · checksum SUM · stall MS · offset N, validator
 * TEXT (what lies in the file already, and which version of it) out: step TEXT · validator TEXT ·
 * packed xz|gzip|zstd|no · progress BYTES TOTAL (of the download, 0: not known) · checksum SUM (of
 * the download) · error KIND TEXT · done BYTES (of the file) */
#ifndef SERVER_FETCH_H
#define SERVER_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"

#define FETCH_OUT_FD   3
#define FETCH_SAY_FD   4
#define FETCH_LINE_MAX 4096
#define FETCH_URL_MAX  2048

struct fetch_job {
    char url[FETCH_URL_MAX + 1], sums[FETCH_URL_MAX + 1]; /* sums "": none */
    struct checksum want;
    int64_t stall_ms;
    uint64_t offset;
    char validator[512]; /* of If-Range; "" unknown */
};
/* Reads the job's lines. */
int fetch_job_read(int fd, struct fetch_job *ret, struct err *e);
/* Downloads, unpacks and checks; tells as above. 0 when all is right. */
int fetch_run(const struct fetch_job *job);
/* No rights, no new ones, no paths but those that resolving and TLS need. */
int fetch_confine(struct err *e);

#endif
