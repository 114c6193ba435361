#include "ansible/knownhosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ED "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/faN16kTI69df7rgOyD2DPOUJZddMqdKL9emwpXXZJ"
#define EC                                                                                         \
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBL9176Sm8TD6pmkgY/"   \
    "mh4BUS9QMjN+ud+gtY1KIccW2Fm0dJSVfzIWnLiG5Lh0c2HNVDubTwYydUmYG6+q9qVA0="

static struct hostkey keys[2];

static struct host web1(const char *ssh, const char *phase)
{
    struct host h = {
        .name = { "web1" }, .user = "", .state = phase, .image = "", .network = "", .keys = keys
    };

    if (ssh)
        assert_int_equal(endpoint_parse(ssh, &h.ssh, NULL), 0);
    assert_int_equal(hostkey_parse(ED, strlen(ED), &keys[0], NULL), 0);
    assert_int_equal(hostkey_parse(EC, strlen(EC), &keys[1], NULL), 0);
    h.n_keys = 1;
    return h;
}

static void assert_lines(const struct host *h, const char *want)
{
    auto_buf struct buf out = BUF_INIT;

    knownhosts_add(&out, h);
    assert_string_equal(buf_str(&out), want);
}

static void test_address_forms(void **state)
{
    (void)state;
    static const struct {
        const char *ssh, *want;
    } forms[] = {
        { "127.0.0.1:40022", "web1,[127.0.0.1]:40022 " ED "\n" },
        { "172.16.5.20:22", "web1,172.16.5.20 " ED "\n" },
        { "[fd00::5]:22", "web1,fd00::5 " ED "\n" },
        { "[fd00::5]:2222", "web1,[fd00::5]:2222 " ED "\n" },
        { "127.0.0.1:0", "web1 " ED "\n" },
        { NULL, "web1 " ED "\n" },
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct host h = web1(forms[i].ssh, "homed");
        assert_lines(&h, forms[i].want);
    }
}

/* The forward of a guest that is down may be another's by now. */
static void test_address_of_the_living_only(void **state)
{
    (void)state;
    static const char *const up[] = { "launched", "seeded", "homed", "configured", "stopping" };
    static const char *const down[] = { "stopped", "failed", "defined", "" };

    for (size_t i = 0; i < sizeof(up) / sizeof(up[0]); i++) {
        struct host h = web1("127.0.0.1:40022", up[i]);
        assert_lines(&h, "web1,[127.0.0.1]:40022 " ED "\n");
    }
    for (size_t i = 0; i < sizeof(down) / sizeof(down[0]); i++) {
        struct host h = web1("127.0.0.1:40022", down[i]);
        assert_lines(&h, "web1 " ED "\n");
    }
}

static void test_keys_by_type(void **state)
{
    (void)state;
    struct host h = web1(NULL, "homed");

    h.n_keys = 2;
    assert_lines(&h, "web1 " EC "\nweb1 " ED "\n");
    h.n_keys = 0;
    h.keys = NULL;
    assert_lines(&h, "");
}

static void test_port_of_the_operator(void **state)
{
    (void)state;
    static const struct {
        const char *vars, *want;
    } ports[] = {
        { "{\"ansible_port\": 2022}", "web1,[172.16.5.20]:2022 " ED "\n" },
        { "{\"ansible_port\": \"2022\"}", "web1,[172.16.5.20]:2022 " ED "\n" },
        { "{\"ansible_port\": \"{{ p }}\"}", "web1,172.16.5.20 " ED "\n" },
        { "{\"ansible_port\": 65558}", "web1,172.16.5.20 " ED "\n" },
        { "{\"ansible_port\": -1}", "web1,172.16.5.20 " ED "\n" },
    };

    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        struct host h = web1("172.16.5.20:22", "homed");
        json_t *vars = json_loads(ports[i].vars, 0, NULL);
        h.vars = vars;
        assert_lines(&h, ports[i].want);
        json_decref(vars);
    }
}

static void test_banner_is_comment(void **state)
{
    (void)state;
    auto_buf struct buf out = BUF_INIT;

    knownhosts_banner(&out);
    assert_non_null(strstr(buf_str(&out), "roost apply"));
    for (const char *s = buf_str(&out); *s; s = strchr(s, '\n') + 1)
        assert_int_equal(*s, '#');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address_forms),     cmocka_unit_test(test_address_of_the_living_only),
        cmocka_unit_test(test_keys_by_type),      cmocka_unit_test(test_port_of_the_operator),
        cmocka_unit_test(test_banner_is_comment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
