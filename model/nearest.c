#include "model/nearest.h"

#include <string.h>

#define NEAREST_MAX 32

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: insertion, deletion, substitution and swap of neighbours cost 1. */
static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
    unsigned d[NEAREST_MAX + 1][NEAREST_MAX + 1];
    for (size_t i = 0; i <= na; i++)
        d[i][0] = (unsigned)i;
    for (size_t j = 0; j <= nb; j++)
        d[0][j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        for (size_t j = 1; j <= nb; j++) {
            unsigned cost = a[i - 1] != b[j - 1];
            d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[na][nb];
}

const char *nearest_name(const char *s, const char *const *names, size_t n)
{
    const char *best = NULL;
    unsigned best_distance = 3;
    size_t len = strnlen(s, NEAREST_MAX + 1);
    if (len > NEAREST_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t name_len = strnlen(names[i], NEAREST_MAX + 1);
        if (name_len > NEAREST_MAX)
            continue;
        unsigned d = distance(s, len, names[i], name_len);
        if (d < best_distance && 2 * d <= len) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}
