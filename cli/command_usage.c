/* Commands as they are typed, for help and messages. */
#include "base/buf.h"
#include "cli/command.h"

static void put_usage(const struct command *k, bool shortly, struct buf *out)
{
    buf_puts(out, k->words);
    if (shortly)
        buf_puts(out, " [OPTION…]");
    for (const struct option *o = k->options; o && o->name; o++) {
        bool needed = option_needed(o);
        if (shortly && !needed)
            continue;
        buf_printf(out, " %s", needed ? "" : "[");
        if (o->letter)
            buf_printf(out, "-%c", o->letter);
        else
            buf_printf(out, "--%s", o->name);
        buf_printf(out, "%s%s%s", o->value ? " " : "", o->value ? o->value : "", needed ? "" : "]");
    }
    if (*k->args)
        buf_printf(out, " %s", k->args);
}

void command_usage(const struct command *k, struct buf *out)
{
    put_usage(k, false, out);
}

#define OPTIONS_SHOWN 6

void command_synopsis(const struct command *k, struct buf *out)
{
    int n = 0;

    for (const struct option *o = k->options; o && o->name; o++)
        n++;
    put_usage(k, n > OPTIONS_SHOWN, out);
}
