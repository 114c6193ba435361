/* Guests played by clients over one epoll: each client plays one guest after the other. */
#ifndef BENCH_GUESTS_H
#define BENCH_GUESTS_H

#include "tests/bench/script.h"

struct run {
    const struct script *script;
    uint16_t port;      /* of 127.0.0.1 */
    unsigned sources;   /* guests come from so many addresses 127.1.x.y; 0: from 127.0.0.1 */
    unsigned clients;   /* guests that boot at the same time */
    uint64_t first, n;  /* guests first … first + n - 1 */
    bool keep;          /* connections are kept; else one for each request, as cloud-init does */
    int64_t limit_ms;   /* who is not through by then is lost */
    unsigned tries_max; /* of a request, one second apart; then the guest is lost */
};

struct outcome {
    uint32_t *took_us; /* of each answered request, from its first try to its answer; sorted */
    size_t n;
    double seconds;
    uint64_t busy;          /* answers 503: come again */
    uint64_t errors;        /* other answers than 200 and 503, and broken connections */
    uint64_t wrong;         /* documents that are another guest's */
    uint64_t through, lost; /* guests */
};

/* Fills in *ret; the caller frees took_us. Exits with a message where the machine does not allow
 * it. */
void guests_play(const struct run *r, struct outcome *ret);
/* The q-th part (0.5: median) of sorted times, ms; 0 where there are none. */
double outcome_quantile(const struct outcome *o, double q);

#endif
