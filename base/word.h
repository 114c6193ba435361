/* Text eight bytes at a time, as a number whose lowest byte is the first one. */
#ifndef BASE_WORD_H
#define BASE_WORD_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define WORD_ONES (UINT64_MAX / UINT8_MAX) /* 0x01 in each byte */
#define WORD_TOPS (WORD_ONES << 7)         /* 0x80 in each byte */

static inline uint64_t word_load(const char *s)
{
    uint64_t w;

    memcpy(&w, s, sizeof(w));
    return le64toh(w);
}

/* Top bits where `byte` stands. A borrow reaches that of a byte that is zero, and may go on to some
 * above it: the lowest one is right. */
static inline uint64_t word_where(uint64_t word, uint8_t byte)
{
    uint64_t x = word ^ WORD_ONES * byte;

    return (x - WORD_ONES) & ~x & WORD_TOPS;
}

#endif
