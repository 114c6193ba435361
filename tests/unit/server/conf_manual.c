/* roost.conf.5 says what the table of options says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <ctype.h>

#include "manual.h"
#include "server/config_table.h"

static void put_row(struct buf *out, const struct config_row *r)
{
    char first[2] = { (char)toupper((unsigned char)r->help[0]), '\0' };

    buf_printf(out, ".It Cm %s\n", r->key);
    manual_text(out, first);
    manual_text(out, r->help + 1);
    buf_puts(out, ".\n");
    if (r->def && *r->def)
        buf_printf(out, "Default:\n.Ql %s .\n", r->def);
}

static void test_options(void **state)
{
    struct buf want = BUF_INIT;
    const char *section = "";
    size_t n;
    const struct config_row *rows = config_rows(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(section, rows[i].section) != 0) {
            buf_printf(&want, "%s.Ss [%s]\n.Bl -tag -width Ds\n", i ? ".El\n" : "",
                       rows[i].section);
            section = rows[i].section;
        }
        put_row(&want, &rows[i]);
    }
    rows = hook_rows(&n);
    buf_puts(&want, ".El\n.Ss [hook NAME]\n.Bl -tag -width Ds\n");
    for (size_t i = 0; i < n; i++)
        put_row(&want, &rows[i]);
    buf_puts(&want, ".El\n");
    manual_check("contrib/man", "roost.conf.5", "options", buf_str(&want));
    buf_done(&want);
}

static void test_kinds(void **state)
{
    struct buf want = BUF_INIT;

    (void)state;
    for (int k = 0; k < EV_KINDS; k++)
        buf_printf(&want, ".Cm %s%s\n", event_kind_name((enum event_kind)k),
                   k + 1 < EV_KINDS ? " ," : "");
    manual_check("contrib/man", "roost.conf.5", "kinds", buf_str(&want));
    buf_done(&want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
