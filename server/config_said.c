/* The configuration as a file that says what is not built in, and no more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/layout.h"
#include "server/config.h"
#include "server/config_table.h"
#include "server/hook.h"

/* A row of the table that c is read by, where it is another value than in `none`. */
static void put_row(const struct config_row *r, const void *c, const void *none, struct buf *out)
{
    auto_buf struct buf is = BUF_INIT, was = BUF_INIT;

    r->type->print(r, (const char *)c + r->offset, &is);
    r->type->print(r, (const char *)none + r->offset, &was);
    if (strcmp(buf_str(&is), buf_str(&was)) != 0)
        buf_printf(out, "%s = %s\n", r->key, buf_str(&is));
}

static void put_hook(const struct hook *h, struct config *none, struct buf *out)
{
    size_t n;
    const struct config_row *rows = hook_rows(&n);
    const struct hook *blank = hook_open(none, &h->name, NULL);

    buf_printf(out, "[" HOOK_SECTION "%s]\n", h->name.s);
    for (size_t i = 0; blank && i < n; i++)
        put_row(&rows[i], h, blank, out);
}

/* Nobody said the socket where it lies beside the others of this state directory. */
static void forget_control(const struct config *c, struct config *none)
{
    char usual[PATH_SIZE + 16];

    snprintf(usual, sizeof usual, "%s/%s", c->run, FILE_CONTROL);
    if (strcmp(c->control, usual) == 0)
        memcpy(none->control, c->control, sizeof none->control);
}

void config_print_said(const struct config *c, struct buf *out)
{
    auto_free struct config *none = calloc(1, sizeof *none);
    const char *section = "";
    size_t n;
    const struct config_row *rows = config_rows(&n);
    enum mode usual;

    if (!none || config_defaults(none, NULL) < 0)
        return;
    usual = none->mode;
    none->mode = c->mode; /* what is built in hangs on it */
    if (config_finish(none, NULL) < 0)
        return;
    none->mode = usual;
    forget_control(c, none);
    for (size_t i = 0; i < n; i++) {
        auto_buf struct buf line = BUF_INIT;
        put_row(&rows[i], c, none, &line);
        if (!line.len)
            continue;
        if (strcmp(section, rows[i].section) != 0)
            buf_printf(out, "[%s]\n", rows[i].section);
        section = rows[i].section;
        buf_puts(out, buf_str(&line));
    }
    for (int i = 0; i < c->n_hooks; i++)
        put_hook(&c->hooks[i], none, out);
}
