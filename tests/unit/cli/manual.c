/* roost.1 says what the command table says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <ctype.h>

#include "cli/command.h"
#include "manual.h"

/* "FILE", or "FILE…" of one that may be said again. */
static void put_value(struct buf *out, const struct option *o)
{
    size_t len = o->value ? strcspn(o->value, "\xe2") : 0;

    if (len)
        buf_printf(out, " Ar %.*s%s", (int)len, o->value, o->value[len] ? " ..." : "");
}

static void put_option(struct buf *out, const struct option *o)
{
    if (o->letter)
        buf_printf(out, "Fl %c", o->letter);
    else
        buf_printf(out, "Fl \\-%s", o->name);
    put_value(out, o);
}

/* "NAME [COMMAND…]" */
static void put_operands(struct buf *out, const char *args)
{
    char copy[64], *save = NULL;

    snprintf(copy, sizeof copy, "%s", args);
    for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
        bool optional = *s == '[', many = strstr(s, "…") != NULL;
        s += optional;
        s[strcspn(s, "]\xe2")] = '\0';
        buf_printf(out, "%s Ar %s%s%s", optional ? " Oo" : "", s, many ? " ..." : "",
                   optional ? " Oc" : "");
    }
}

static void put_options(struct buf *out, const struct option *o)
{
    buf_puts(out, ".Bl -tag -width Ds -compact\n");
    for (; o->name; o++) {
        buf_puts(out, ".It ");
        if (o->letter)
            buf_printf(out, "Fl %c , ", o->letter);
        buf_printf(out, "Fl \\-%s", o->name);
        put_value(out, o);
        buf_puts(out, "\n");
        manual_text(out, o->help);
        buf_puts(out, "\n");
    }
    buf_puts(out, ".El\n");
}

static void put_command(struct buf *out, const struct command *k)
{
    char first[2] = { (char)toupper((unsigned char)k->help[0]), '\0' };

    buf_printf(out, ".It Ic %s", k->words);
    for (const struct option *o = k->options; o && o->name; o++) {
        bool needed = option_needed(o);
        buf_puts(out, needed ? " " : " Oo ");
        put_option(out, o);
        buf_puts(out, needed ? "" : " Oc");
    }
    put_operands(out, k->args);
    buf_puts(out, "\n");
    manual_text(out, first);
    manual_text(out, k->help + 1);
    buf_puts(out, ".\n");
    if (k->options)
        put_options(out, k->options);
}

static void test_commands(void **state)
{
    struct buf want = BUF_INIT;
    size_t n;
    const struct command *rows = commands(&n);

    (void)state;
    for (size_t i = 0; i < n; i++)
        put_command(&want, &rows[i]);
    manual_check("contrib/man", "roost.1", "commands", buf_str(&want));
    buf_done(&want);
}

static void test_global_options(void **state)
{
    struct buf want = BUF_INIT;

    (void)state;
    put_options(&want, global_options());
    manual_check("contrib/man", "roost.1", "options", buf_str(&want));
    buf_done(&want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_global_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
