#include "seeds/lint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"

#define C "#cloud-config\n"
#define J "## template: jinja\n" C

static const struct {
    const char *text, *says; /* "": nothing */
} cases[] = {
    { "", "" },
    { C "packages: [git]\n", "" },
    { "#!/bin/sh\necho {{ x\n", "" },
    { "# cloud-config\npackages: [git]\n", "line 1: the header is spelt #cloud-config" },
    { "#cloudconfig\n", "line 1: the header is spelt #cloud-config" },
    { "\xef\xbb\xbf" C, "line 1: it begins with a byte order mark" },
    { "#!/bin/sh\r\necho\r\n", "line 1: it ends in a carriage return" },
    { C "phone_home:\n  url: http://h/$INSTANCE_ID.json\n",
      "line 3: $INSTANCE_ID followed by a dot" },
    { C "phone_home: {url: \"http://h/$INSTANCE_ID/x\"}\n", "" },
    { C "write_files:\n  - content: |\n      gateway4: 10.0.0.1\n",
      "line 4: gateway4 is deprecated" },
    { C "runcmd: [echo {{ ds.meta_data.roost.app }}]\n", "line 2: {{ … }} is rendered only where" },
    { J "runcmd: [echo {{ ds.meta_data.roost.app }}]\n", "" },
    { J "hostname: {{ ds.meta_data.local_hostname }}\n# {{ v1.region }}\n", "" },
    { J "a: 1\nruncmd: [echo {{ ds.meta_data.roost.ap }}]\n",
      "line 4: the variable ap is used but not set" },
    { J "x: {{ ds.meta_data.roost.ap | default('x') }}\n", "" },
    { J "{% if ds.meta_data.roost.ap is defined %}\n{% endif %}\n", "" },
    { J "{% for a in ds.meta_data.roost.list %}\n{% endfor %}\n",
      "line 3: the variable list is used" },
    { J "x: {{ ds.meta_data.app }}\n", "line 3: meta-data has no app" },
    { J "x: {{ ds.meta_data.app\n", "line 3: {{ without }}" },
    { J "x: {{ ds.meta_data['roost']['ap'] }}\n", "line 3: the variable ap is used" },
    { J "x: {{ ds['meta_data'].roost[\"ap\"] }}\n", "line 3: the variable ap is used" },
    { J "x: {{ ds['meta_data']['roost']['app'] }} {{ ds.meta_data.roost[i] }}\n", "" },
    { J "x: {{ ds.meta_data.dsmode }} {{ ds.meta_data }} {{ ds.meta_data['roost }}\n", "" },
    { "Content-Type: multipart/mixed; boundary=\"b\"\nMIME-Version: 1.0\n\n"
      "--b\nContent-Type: text/cloud-config\n\n" C "a: 1\n"
      "--b\nContent-Type: text/jinja2\n\n" J "x: {{ ds.meta_data.roost.ap }}\n--b--\n",
      "part 2, line 3: the variable ap is used" },
    { J "{% if x\n", "line 3: {% without %}" },
    { "\x1f\x8b\x08 {{ $INSTANCE_ID.", "" },
};

static void collect(const char *text, void *arg)
{
    struct buf *b = arg;

    buf_printf(b, "%s%s", b->len ? "; " : "", text);
}

static void test_user_data(void **state)
{
    json_t *vars = json_pack("{s:s}", "app", "shop");

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_buf struct buf b = BUF_INIT;
        lint_user_data(cases[i].text, strlen(cases[i].text), vars, collect, &b);
        if (*cases[i].says ? strncmp(buf_str(&b), cases[i].says, strlen(cases[i].says)) != 0
                           : b.len != 0)
            fail_msg("%s: \"%s\"", cases[i].text, buf_str(&b));
    }
    json_decref(vars);
}

/* However bad it is, there is an end. */
static void test_many(void **state)
{
    auto_buf struct buf text = BUF_INIT;
    unsigned n = 0;

    (void)state;
    buf_puts(&text, J);
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "a%d: {{ ds.meta_data.roost.x%d }}\n", i, i);
    auto_buf struct buf b = BUF_INIT;
    lint_user_data(buf_str(&text), text.len, NULL, collect, &b);
    for (const char *p = buf_str(&b); (p = strstr(p, "line ")); p++)
        n++;
    assert_int_equal(n, 16);
}

static void test_network_config(void **state)
{
    static const char good[] = "version: 2\nethernets: {eth0: {dhcp4: true}}\n",
                      old[] = "version: 2\nethernets:\n  eth0:\n    gateway4: 10.0.0.1\n";
    auto_buf struct buf b = BUF_INIT;

    (void)state;
    lint_network_config(good, strlen(good), collect, &b);
    assert_int_equal(b.len, 0);
    lint_network_config(old, strlen(old), collect, &b);
    assert_non_null(strstr(buf_str(&b), "line 4: gateway4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user_data),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_network_config),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
