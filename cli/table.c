/* Tables for people, by libsmartcols. */
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "cli/out.h"
#include "cli/wrap.h"

#define SEPARATOR "  " /* two, since cells have blanks of their own */
#define NARROWEST 16   /* that a column of words is made */
#define COLUMNS_MAX 16

struct table {
    struct libscols_table *t;
    size_t columns;
    bool colour, failed;
};

static const char *const tints[] = {
    [TINT_GOOD] = "green", [TINT_WARN] = "yellow", [TINT_BAD] = "red"
};

enum tint tint_of_state(const char *state)
{
    static const struct {
        const char *state;
        enum tint tint;
    } table[] = {
        { "homed", TINT_GOOD },  { "configured", TINT_GOOD }, { "overdue", TINT_BAD },
        { "failed", TINT_BAD },  { "starting", TINT_WARN },   { "launched", TINT_WARN },
        { "seeded", TINT_WARN }, { "stopping", TINT_WARN },   { "queued", TINT_WARN },
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (strcmp(table[i].state, state) == 0)
            return table[i].tint;
    return TINT_NONE;
}

/* Columns of sentences; so is the last one of every table. */
static bool is_wordy(const char *head)
{
    static const char *const wordy[] = { "DETAIL", "MEND",    "NOTE",   "TITLE",
                                         "REASON", "MESSAGE", "FIELDS", "TASK" };

    for (size_t i = 0; i < ARRAY_SIZE(wordy); i++)
        if (strcmp(wordy[i], head) == 0)
            return true;
    return false;
}

static bool add_column(struct table *t, const char *head, bool last)
{
    bool wraps = last || is_wordy(head);
    struct libscols_column *k = scols_table_new_column(t->t, head, 0, wraps ? SCOLS_FL_WRAP : 0);

    /* Broken between words here (fit), since the library breaks within them. */
    return k && (!wraps || (scols_column_set_safechars(k, "\n") == 0 &&
                            scols_column_set_wrapfunc(k, scols_wrapnl_chunksize,
                                                      scols_wrapnl_nextchunk, NULL) == 0));
}

struct table *table_new(const struct cli *c, const char *const *columns, bool heads)
{
    struct table *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    scols_init_debug(0);
    t->t = scols_new_table();
    t->colour = c->colour;
    if (!t->t)
        t->failed = true;
    scols_table_enable_noheadings(t->t, !heads);
    scols_table_enable_colors(t->t, c->colour);
    /* What is no terminal gets whole lines, whatever COLUMNS says. */
    if (!isatty(STDOUT_FILENO))
        scols_table_set_termforce(t->t, SCOLS_TERMFORCE_NEVER);
    scols_table_enable_minout(t->t, 1); /* no blanks at the ends of lines */
    if (scols_table_set_column_separator(t->t, SEPARATOR) != 0)
        t->failed = true;
    for (; columns[t->columns]; t->columns++)
        if (t->columns == COLUMNS_MAX ||
            !add_column(t, columns[t->columns], !columns[t->columns + 1]))
            t->failed = true;
    return t;
}

void table_row(struct table *t, enum tint tint, const char *const *cells)
{
    struct libscols_line *line = t ? scols_table_new_line(t->t, NULL) : NULL;

    if (!line) {
        if (t)
            t->failed = true;
        return;
    }
    for (size_t i = 0; i < t->columns; i++) {
        /* libsmartcols spells what a terminal must not see; C1 and bad UTF-8 are masked first. */
        auto_free char *text = strdup(cells[i] ? cells[i] : "");
        if (text)
            control_mask(text);
        if (!text || scols_line_set_data(line, i, text) != 0)
            t->failed = true;
    }
    if (t->colour && tint != TINT_NONE)
        scols_line_set_color(line, tints[tint]);
}

void table_free(struct table *t)
{
    if (!t)
        return;
    scols_unref_table(t->t);
    free(t);
}

/* --- on a terminal that is too narrow --- */

static void widths(const struct table *t, size_t ret[COLUMNS_MAX])
{
    for (size_t k = 0; k < t->columns; k++) {
        struct libscols_column *column = scols_table_get_column(t->t, k);
        const char *head = scols_cell_get_data(scols_column_get_header(column));
        ret[k] = head && !scols_table_is_noheadings(t->t) ? strlen(head) : 0;
        for (size_t i = 0; i < scols_table_get_nlines(t->t); i++) {
            const char *s = scols_line_get_column_data(scols_table_get_line(t->t, i), column);
            size_t width = s ? wrap_width(s) : 0;
            ret[k] = width > ret[k] ? width : ret[k];
        }
    }
}

static bool narrow(struct table *t, size_t k, size_t width)
{
    for (size_t i = 0; i < scols_table_get_nlines(t->t); i++) {
        struct libscols_line *line = scols_table_get_line(t->t, i);
        struct libscols_cell *cell = scols_line_get_cell(line, k);
        auto_buf struct buf b = BUF_INIT;
        const char *s = cell ? scols_cell_get_data(cell) : NULL;
        if (!s || wrap_width(s) <= width)
            continue;
        wrap_text(s, width, 0, &b);
        if (buf_check(&b, NULL) < 0 || scols_line_set_data(line, k, buf_str(&b)) != 0)
            return false;
    }
    return true;
}

/* The columns of sentences are wrapped so that the others stand on one line. */
static bool fit(struct table *t)
{
    size_t all[COLUMNS_MAX], want[COLUMNS_MAX], which[COLUMNS_MAX], got[COLUMNS_MAX], n = 0;
    size_t fixed = (t->columns - 1) * strlen(SEPARATOR), sum = 0, term;

    if (!isatty(STDOUT_FILENO))
        return true;
    term = scols_table_get_termwidth(t->t);
    widths(t, all);
    for (size_t k = 0; k < t->columns; k++) {
        if (!scols_column_is_wrap(scols_table_get_column(t->t, k))) {
            fixed += all[k];
            continue;
        }
        which[n] = k;
        want[n++] = all[k];
        sum += all[k];
    }
    if (fixed + sum <= term)
        return true;
    wrap_share(want, n, term > fixed ? term - fixed : 0, NARROWEST, got);
    for (size_t i = 0; i < n; i++)
        if (!narrow(t, which[i], got[i]))
            return false;
    return true;
}

/* Where the escape sequence begins that s[end - 1], an 'm', ends; 0: it is no such. Others than
 * colours are not in a table: control_mask(). */
static size_t escape_at(const char *s, size_t end)
{
    size_t i = end - 1;

    while (i && ((s[i - 1] >= '0' && s[i - 1] <= '9') || s[i - 1] == ';'))
        i--;
    return i >= 2 && s[i - 1] == '[' && s[i - 2] == '\x1b' ? i - 2 : 0;
}

/* The library fills cells of several lines up with blanks, in the last column too. Colours may end
 * behind them. */
static void put_trimmed(const char *s)
{
    while (*s) {
        size_t len = strcspn(s, "\n"), end = len, text;
        while (end && s[end - 1] == 'm' && (text = escape_at(s, end)))
            end = text;
        for (text = end; text && s[text - 1] == ' ';)
            text--;
        printf("%.*s%.*s\n", (int)text, s, (int)(len - end), s + end);
        s += len + (s[len] == '\n');
    }
}

int table_print(struct table *t, struct err *e)
{
    auto_free char *text = NULL;
    bool failed = !t || t->failed || !fit(t) || scols_print_table_to_string(t->t, &text) != 0;

    if (!failed && text)
        put_trimmed(text);
    table_free(t);
    return failed ? err_set(e, ERR_INTERNAL, "out of memory") : 0;
}
