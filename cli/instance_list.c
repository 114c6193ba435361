/* roost instance list: which ones, in which order, which columns. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "cli/out.h"
#include "cli/select.h"
#include "model/words.h"

#define COLUMNS_MAX 16

/* What may be a column, or be sorted by. */
static const struct column {
    const char *key;
    enum form form;
} columns[] = {
    { "name", FORM_TEXT },        { "state", FORM_TEXT },       { "since", FORM_AGO },
    { "address", FORM_TEXT },     { "addresses", FORM_LIST },
    { "image", FORM_TEXT },       { "note", FORM_TEXT },
    { "network", FORM_TEXT },     { "groups", FORM_LIST },      { "identities", FORM_LIST },
    { "cpus", FORM_NUMBER },      { "memory", FORM_SIZE },      { "disk", FORM_SIZE },
    { "launcher", FORM_TEXT },    { "tag", FORM_TEXT },         { "uuid", FORM_TEXT },
    { "mac", FORM_TEXT },         { "user", FORM_TEXT },        { "boots", FORM_NUMBER },
    { "autostart", FORM_BOOL },   { "phase", FORM_TEXT },       { "last-sign", FORM_TEXT },
    { "last-sign-at", FORM_AGO }, { "instance-id", FORM_TEXT }, { "generation", FORM_NUMBER },
};
static const char standard[] = "name,state,since,address,image,note";

static int column_of(const char *key, size_t len, const char *option, const struct column **ret,
                     struct err *e)
{
    const char *names[ARRAY_SIZE(columns)], *near;
    auto_buf struct buf list = BUF_INIT;
    char text[32];

    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        names[i] = columns[i].key;
        if (strlen(names[i]) == len && memcmp(names[i], key, len) == 0) {
            *ret = &columns[i];
            return 0;
        }
    }
    snprintf(text, sizeof text, "%.*s", (int)(len < 30 ? len : 30), key);
    near = nearest_name(text, names, ARRAY_SIZE(names));
    if (near)
        return err_set(e, ERR_INVALID, "--%s: there is no column \"%s\": did you mean %s?", option,
                       text, near);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    return err_set(e, ERR_INVALID, "--%s: there is no column \"%s\"; there are %s", option, text,
                   buf_str(&list));
}

static int columns_read(const char *list, const struct column *ret[COLUMNS_MAX], int *ret_n,
                        struct err *e)
{
    *ret_n = 0;
    for (const char *p = list;;) {
        size_t len = strcspn(p, ",");
        if (*ret_n == COLUMNS_MAX)
            return err_set(e, ERR_INVALID, "--columns: more than %d", COLUMNS_MAX);
        if (column_of(p, len, "columns", &ret[(*ret_n)++], e) < 0)
            return -1;
        if (!p[len])
            return 0;
        p += len + 1;
    }
}

/* --- order --- */

static const char *sort_key; /* qsort(3) passes nothing on */
static int sort_sign;

static int compare_values(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b))
        return json_integer_value(a) < json_integer_value(b)   ? -1
               : json_integer_value(a) > json_integer_value(b) ? 1
                                                               : 0;
    /* web-2 before web-10 */
    return strverscmp(json_is_string(a) ? json_string_value(a) : "",
                      json_is_string(b) ? json_string_value(b) : "");
}

static int compare(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    int r = compare_values(json_object_get(x, sort_key), json_object_get(y, sort_key));

    return r ? sort_sign * r : strverscmp(out_text(x, "name"), out_text(y, "name"));
}

/* Takes the list over. */
static json_t *sorted(json_t *list, const char *by, struct err *e)
{
    size_t n = json_array_size(list);
    auto_free json_t **rows = calloc(n + 1, sizeof *rows);
    const struct column *c = NULL;
    json_t *ret = NULL;

    sort_sign = *by == '-' ? -1 : 1;
    by += *by == '-';
    if (!rows)
        err_set(e, ERR_INTERNAL, "out of memory");
    else if (column_of(by, strlen(by), "sort", &c, e) == 0)
        ret = json_array();
    for (size_t i = 0; ret && i < n; i++)
        rows[i] = json_array_get(list, i);
    if (ret) {
        sort_key = c->key;
        qsort(rows, n, sizeof *rows, compare);
    }
    for (size_t i = 0; ret && i < n; i++)
        json_array_append(ret, rows[i]);
    json_decref(list);
    return ret;
}

/* --- the table --- */

static const struct column *shown[COLUMNS_MAX];
static int n_shown;
static bool narrowed;

static void put_row(struct table *t, const json_t *row)
{
    struct buf b[COLUMNS_MAX] = { BUF_INIT };
    const char *cells[COLUMNS_MAX];
    char since[40];

    for (int i = 0; i < n_shown; i++) {
        const json_t *v = json_object_get(row, shown[i]->key);
        cells[i] = "";
        if (shown[i]->form == FORM_AGO)
            buf_puts(&b[i], when_ago(json_is_string(v) ? json_string_value(v) : "", since));
        else
            put_value(v, shown[i]->form, &b[i]);
        if (b[i].len)
            cells[i] = buf_str(&b[i]);
    }
    table_row(t, tint_of_state(out_text(row, "state")), cells);
    for (int i = 0; i < n_shown; i++)
        buf_done(&b[i]);
}

static int print_list(struct cli *c, const json_t *tree, struct err *e)
{
    char heads[COLUMNS_MAX][24];
    const char *list[COLUMNS_MAX + 1] = { NULL };
    struct table *t;
    size_t i;
    json_t *row;

    if (!json_array_size(tree)) {
        puts(narrowed ? "no such instances"
                      : "no instances; define some: roost apply -f fleet.yaml");
        return 0;
    }
    for (int k = 0; k < n_shown; k++) {
        snprintf(heads[k], sizeof heads[k], "%s", shown[k]->key);
        for (char *p = heads[k]; *p; p++)
            *p = (char)toupper((unsigned char)*p);
        list[k] = heads[k];
    }
    t = table_new(c, list, true);
    json_array_foreach(tree, i, row) put_row(t, row);
    return table_print(t, e);
}

int run_instance_list(struct cli *c, const struct args *a, struct err *e)
{
    const char *sort = args_option(a, "sort"), *which = args_option(a, "columns");
    json_t *all, *rows;

    if (columns_read(which ? which : standard, shown, &n_shown, e) < 0 ||
        !(all = client_get(cli_client(c, e), "/v1/instances", e)))
        return -1;
    narrowed = json_array_size(all) > 0;
    rows = select_rows(all, a, e);
    json_decref(all);
    if (rows && sort)
        rows = sorted(rows, sort, e);
    return out_tree(c, rows, print_list, e);
}
