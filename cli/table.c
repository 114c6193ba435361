/* Tables for people, by libsmartcols. */
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "cli/out.h"

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
        { "seeded", TINT_WARN }, { "stopping", TINT_WARN },
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (strcmp(table[i].state, state) == 0)
            return table[i].tint;
    return TINT_NONE;
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
    /* Two, since cells have blanks of their own. */
    if (scols_table_set_column_separator(t->t, "  ") != 0)
        t->failed = true;
    for (; columns[t->columns]; t->columns++)
        if (!scols_table_new_column(t->t, columns[t->columns], 0,
                                    columns[t->columns + 1] ? 0 : SCOLS_FL_WRAP))
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

int table_print(struct table *t, struct err *e)
{
    bool failed = !t || t->failed || scols_print_table(t->t) != 0;

    table_free(t);
    return failed ? err_set(e, ERR_INTERNAL, "out of memory") : 0;
}
