/* Strict parsers of short texts: the whole string counts, nothing is skipped or guessed. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Decimal digits only, min <= value <= max. */
int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret, struct err *e);
/* "yes" "no" "true" "false" "on" "off". */
int parse_bool(const char *s, bool *ret, struct err *e);
/* Sizes in bytes: digits and one of nothing, K, M, G, T (powers of 1024; an "iB" or "B" may
 * follow). */
int parse_size(const char *s, uint64_t *ret_bytes, struct err *e);
/* Durations in milliseconds: "250ms", "40s", "5m", "1h30m", "2d"; a bare number is refused. */
int parse_duration(const char *s, int64_t *ret_ms, struct err *e);
/* How people read it: "4m12s", "40s", "1h03m", "2d4h", "0.3s" below a second. `out` has 24 bytes.
 */
const char *format_duration(int64_t ms, char out[24]);
/* "2.0 GiB", "23.5 GiB", "24 GiB", "512 MiB": three digits, so that sums of what is shown come out as
 * people reckon them. */
const char *format_size(uint64_t bytes, char out[24]);

/* RFC 3986: one pass of percent-decoding into out (size >= len + 1); refuses a bad escape and %00.
 * Returns the decoded length or -1 (`out` is undefined then); `out` may be s. plus_is_space is for
 * application/x-www-form-urlencoded. */
int percent_decode(const char *s, size_t len, bool plus_is_space, char *out, size_t size,
                   struct err *e);

/* True when every byte is printable ASCII (0x20 to 0x7e). */
bool ascii_printable(const char *s, size_t len);

#endif
