/* Time: stamps for people and the wire, durations from CLOCK_BOOTTIME. Read once per loop turn. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct instant {
    int64_t real_ms; /* CLOCK_REALTIME, milliseconds since the epoch: for stamps only */
    int64_t boot_ms; /* CLOCK_BOOTTIME, milliseconds: for durations and deadlines */
};

/* 2024-01-01T00:00Z: a clock that shows less has not been set since the host booted (a board without
 * a battery), and what it stamps is undated. */
#define CLOCK_SET_MS INT64_C(1704067200000)

struct instant clock_now(void);
/* "2026-01-31T12:00:00.123Z" (RFC 3339, UTC). `out` has 25 bytes. */
const char *clock_rfc3339(int64_t real_ms, char out[25]);
/* The kernel's boot id (36 characters), read once; "" where there is none. */
const char *clock_boot_id(void);

#endif
