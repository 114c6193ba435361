/* What roost-core counts for `roost metrics`: additions only, nothing is formatted before somebody
 * asks. */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include <stdint.h>

#include "base/buf.h"
#include "model/event.h"

/* Bounds are in a histogram's own unit; a value counts for the first bucket that it is not above.
 */
#define HISTOGRAM_BOUNDS 16
struct ladder {
    double unit; /* seconds in one */
    int n;
    int64_t bound[HISTOGRAM_BOUNDS];
};
extern const struct ladder ladder_way;    /* milliseconds: guests on their way home */
extern const struct ladder ladder_commit; /* microseconds: commits */

struct histogram {
    uint64_t n[HISTOGRAM_BOUNDS + 1]; /* by bucket, the last above all bounds */
    int64_t sum;
};
void histogram_add(struct histogram *h, const struct ladder *l, int64_t value);

/* How far from the launch. */
enum way { WAY_SEEDED, WAY_HOMED, WAY_CONFIGURED, WAYS };

struct metrics {
    uint64_t events[EV_KINDS]; /* of guests, and faults of the appliance */
    struct histogram way[WAYS];
    struct histogram commit;
    uint64_t commits_failed;
};

/* --- OpenMetrics text (its specification, sections "MetricFamily" and "Histogram") --- */
/* A family's head; unit may be NULL, and the name ends in it otherwise. */
void metrics_family(struct buf *out, const char *name, const char *type, const char *unit,
                    const char *help);
/* One sample; label NULL: none. The value is a number that ends the line. */
void metrics_sample(struct buf *out, const char *name, const char *label, const char *value,
                    double number);
/* All samples of one histogram of a family. */
void metrics_histogram(struct buf *out, const char *name, const char *label, const char *value,
                       const struct histogram *h, const struct ladder *l);

#endif
