/* How much memory there is for guests: this host's, or less where a control group says so. */
#ifndef BOOTSTRAP_HOSTMEM_H
#define BOOTSTRAP_HOSTMEM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct hostmem {
    uint64_t total;     /* bytes */
    uint64_t available; /* of them, without anybody being swapped out */
    bool limited;       /* by the control group that this process is in, or one above it */
};

/* /proc/meminfo (proc(5)), and /proc/self/cgroup with memory.max, memory.current (cgroups v2) or
 * memory.limit_in_bytes, memory.usage_in_bytes (v1) of the group and those above it. `root` stands
 * before both paths: "" but in tests. ERR_INVALID: /proc/meminfo says nothing; no limit that can be
 * read is no limit. */
int hostmem_read(const char *root, struct hostmem *ret, struct err *e);

/* What a process has of its memory in RAM, bytes; 0: it cannot be seen. */
uint64_t hostmem_resident(const char *root, pid_t pid);

#endif
