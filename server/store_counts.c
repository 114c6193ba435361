/* How many instances stand in each phase. Kept in memory and, like the balance in a ledger, put on
 * record with the newest event of each commit, whose page is written anyway; in a row of its own
 * only when a commit adds none. So counting reads no fleet, not even after a crash. */
#include "server/store_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* KEY:N and a space for each that is not 0. */
#define COUNTS_TEXT (2 * PHASES * 24)

static void format(const int64_t counts[2 * PHASES], char ret[COUNTS_TEXT])
{
    size_t len = 0;
    ret[0] = '\0';
    for (int k = 0; k < 2 * PHASES; k++)
        if (counts[k])
            len += (size_t)snprintf(ret + len, COUNTS_TEXT - len, "%d:%" PRId64 " ", k, counts[k]);
}

static bool parse(const char *text, int64_t ret[2 * PHASES])
{
    int used = 0, key;
    int64_t n;
    memset(ret, 0, 2 * PHASES * sizeof(*ret));
    for (; *text; text += used) {
        if (sscanf(text, "%d:%" SCNd64 " %n", &key, &n, &used) != 2 || key < 0 || key >= 2 * PHASES)
            return false;
        ret[key] = n;
    }
    return true;
}

/* Reads a row of a number of an event and the counts then, when it is not before *as_of. */
static int read_if_newer(struct store *s, enum stmt id, int64_t *as_of, int64_t counts[2 * PHASES],
                         struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, id, &st, e, "");
    if (n == 1 && sqlite3_column_int64(st, 0) >= *as_of) {
        const char *text = (const char *)sqlite3_column_text(st, 1);
        *as_of = sqlite3_column_int64(st, 0);
        if (!text || !parse(text, counts))
            n = store_damaged(s, e, "counts");
    }
    store_reset(s->stmt[id]);
    return n;
}

/* The row of its own second: it is written after the event that it names. */
static int counts_read(struct store *s, int64_t ret[2 * PHASES], struct err *e)
{
    int64_t as_of = 0;
    memset(ret, 0, 2 * PHASES * sizeof(*ret));
    if (read_if_newer(s, S_COUNTS_EVENT, &as_of, ret, e) < 0 ||
        read_if_newer(s, S_COUNTS_ROW, &as_of, ret, e) < 0)
        return -1;
    return 0;
}

int store_counts_load(struct store *s, struct err *e)
{
    return counts_read(s, s->mirror.counts, e);
}

int store_counts_save(struct store *s, struct err *e)
{
    char text[COUNTS_TEXT];
    const struct mirror *m = &s->mirror;
    bool same = memcmp(m->counts, s->at_begin.counts, sizeof(m->counts)) == 0;
    if (same && !m->event_added)
        return 0;
    format(m->counts, text);
    if (m->event_added)
        return store_write(s, S_COUNTS_EVENT_SET, e, "it", m->event_added, text) < 0 ? -1 : 0;
    return store_write(s, S_COUNTS_ROW_SET, e, "t", text) < 0 ? -1 : 0;
}

int store_counts(struct store *s, uint64_t by_phase[PHASES], uint64_t *ret_overdue, struct err *e)
{
    int64_t read[2 * PHASES];
    const int64_t *n = s->mirror.counts;
    if (s->reader) {
        if (counts_read(s, read, e) < 0)
            return -1;
        n = read;
    }
    *ret_overdue = 0;
    for (int p = 0; p < PHASES; p++) {
        by_phase[p] = (uint64_t)n[2 * p] + (uint64_t)n[2 * p + 1];
        *ret_overdue += (uint64_t)n[2 * p + 1];
    }
    return 0;
}
