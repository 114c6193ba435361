/* Which program a name leads to, and whether it is still the same one: what was found out about a
 * QEMU holds until then. */
#ifndef BOOTSTRAP_BINARY_H
#define BOOTSTRAP_BINARY_H

#include <stdbool.h>
#include <stdint.h>

struct binary {
    char path[4096]; /* by PATH, as a spawn finds it */
    uint64_t size;   /* 0: it is not there */
    int64_t mtime_ns;
};
void binary_look(const char *name, struct binary *ret);
/* When a module of QEMU's was last added or removed, where packages put them (a display, kinds of
 * devices): what a QEMU can do changes by that too. */
int64_t binary_modules_ns(void);
bool binary_same(const struct binary *a, const struct binary *b);

#endif
