/* Memory in whole pages that goes back to the system the moment it shrinks. malloc keeps what it
 * once had from the system (its mmap threshold grows to 32 MiB by itself), which a daemon with
 * large messages and a small idle budget cannot afford. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>
#include <stdint.h>

struct pages {
    uint8_t *p;
    size_t size; /* bytes, a multiple of the page size */
};

/* Grows or shrinks to at least `size` bytes, 0 gives all of it back. The bytes that fit are kept,
 * new ones are zero, the address may change. -1 with errno, and nothing changed. */
int pages_resize(struct pages *m, size_t size);

#endif
