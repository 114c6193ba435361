#include "server/metrics.h"

#include <inttypes.h>
#include <stdio.h>

#define SECONDS(n) ((n)*INT64_C(1000))
#define MINUTES(n) SECONDS(60 * (n))

const struct ladder ladder_way = { 1e-3,
                                   15,
                                   { SECONDS(1), SECONDS(2), SECONDS(5), SECONDS(10), SECONDS(20),
                                     SECONDS(30), SECONDS(45), SECONDS(60), SECONDS(90), MINUTES(2),
                                     MINUTES(3), MINUTES(5), MINUTES(10), MINUTES(20),
                                     MINUTES(60) } };
const struct ladder ladder_commit = { 1e-6,
                                      13,
                                      { 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000,
                                        100000, 250000, 1000000, 5000000 } };

void histogram_add(struct histogram *h, const struct ladder *l, int64_t value)
{
    int i = 0;

    while (i < l->n && value > l->bound[i])
        i++;
    h->n[i]++;
    h->sum += value;
}

void metrics_family(struct buf *out, const char *name, const char *type, const char *unit,
                    const char *help)
{
    buf_printf(out, "# TYPE %s %s\n", name, type);
    if (unit)
        buf_printf(out, "# UNIT %s %s\n", name, unit);
    buf_printf(out, "# HELP %s %s\n", name, help);
}

/* A label's value: backslash, quote and line feed are escaped. */
static void put_label(struct buf *out, const char *label, const char *value)
{
    buf_printf(out, "%s=\"", label);
    for (const char *p = value; *p; p++) {
        if (*p == '\\' || *p == '"')
            buf_putc(out, '\\');
        if (*p == '\n')
            buf_puts(out, "\\n");
        else
            buf_putc(out, *p);
    }
    buf_putc(out, '"');
}

void metrics_sample(struct buf *out, const char *name, const char *label, const char *value,
                    double number)
{
    buf_puts(out, name);
    if (label) {
        buf_putc(out, '{');
        put_label(out, label, value);
        buf_putc(out, '}');
    }
    buf_printf(out, " %.15g\n", number);
}

void metrics_histogram(struct buf *out, const char *name, const char *label, const char *value,
                       const struct histogram *h, const struct ladder *l)
{
    char part[96];
    uint64_t all = 0;

    for (int i = 0; i <= l->n; i++) {
        all += h->n[i];
        buf_printf(out, "%s_bucket{", name);
        if (label) {
            put_label(out, label, value);
            buf_putc(out, ',');
        }
        if (i == l->n)
            buf_printf(out, "le=\"+Inf\"} %" PRIu64 "\n", all);
        else /* the specification wants the canonical form of a float */
            buf_printf(out, "le=\"%.6g%s\"} %" PRIu64 "\n", (double)l->bound[i] * l->unit,
                       l->bound[i] % (int64_t)(1 / l->unit) ? "" : ".0", all);
    }
    snprintf(part, sizeof part, "%s_count", name);
    metrics_sample(out, part, label, value, (double)all);
    snprintf(part, sizeof part, "%s_sum", name);
    metrics_sample(out, part, label, value, (double)h->sum * l->unit);
}
