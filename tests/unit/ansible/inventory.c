#include "ansible/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/yaml.h"

static const struct host_defaults none = { "", "" };

static struct host host_of(const char *name, const char *ssh)
{
    struct host h = { .user = "", .state = "homed", .image = "", .network = "" };

    assert_int_equal(name_parse(name, "instance name", &h.name, NULL), 0);
    if (ssh)
        assert_int_equal(endpoint_parse(ssh, &h.ssh, NULL), 0);
    return h;
}

static char *inventory_of(const struct host_defaults *d, const struct host *hosts, size_t n)
{
    auto_buf struct buf out = BUF_INIT;
    struct err e = { 0 };
    struct inventory *v = inventory_new(d, &e);

    for (size_t i = 0; v && i < n; i++)
        if (inventory_add(v, &hosts[i], &e) < 0)
            fail_msg("%s", e.text);
    if (!v || inventory_finish(v, &out, &e) < 0)
        fail_msg("%s", e.text);
    return buf_steal(&out);
}

static void assert_holds(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" in\n%s", part, text);
}

static void test_order_is_kept(void **state)
{
    (void)state;
    struct host b = host_of("b", NULL), a = host_of("a", NULL);
    struct err e = { 0 };
    struct inventory *v = inventory_new(&none, &e);

    assert_int_equal(inventory_add(v, &b, &e), 0);
    assert_int_equal(inventory_add(v, &a, &e), -1);
    assert_int_equal(e.kind, ERR_INTERNAL);
    assert_int_equal(inventory_add(v, &b, &e), -1);
    inventory_free(v);
}

static void test_paths_that_cannot_be_told(void **state)
{
    (void)state;
    static const char *const bad[] = { "/srv/${HOME}/k", "/srv/a\nb", "/srv/\x7f", "/srv/\xff" };
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        const struct host_defaults known = { bad[i], "" }, key = { "", bad[i] };
        e = (struct err){ 0 };
        assert_null(inventory_new(&known, &e));
        assert_int_equal(e.kind, ERR_INVALID);
        assert_null(inventory_new(&key, &e));
    }
}

/* Whatever the other texts hold, none of it can be a template; vars are the operator's. */
static void test_templates(void **state)
{
    (void)state;
    static const char *const marks[] = { "{{ x }}", "{% x %}", "{# x #}", "#jinja2:x", "ü{{ x }}" };
    json_t *vars = json_pack("{s:s}", "url", "http://{{ inventory_hostname }}/");

    for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
        struct host h = host_of("web1", "127.0.0.1:40022");
        auto_buf struct buf want = BUF_INIT;
        h.user = marks[i];
        h.vars = vars;
        auto_free char *text = inventory_of(&none, &h, 1);
        buf_printf(&want, "ansible_user: !unsafe \"%s\"\n", marks[i]);
        assert_holds(text, buf_str(&want));
        assert_holds(text, "url: \"http://{{ inventory_hostname }}/\"\n");
    }
    json_decref(vars);
}

static void test_whose_variable_wins(void **state)
{
    (void)state;
    json_t *vars =
        json_pack("{s:s,s:i,s:b,s:s,s:s,s:s,s:s,s:s}", "ansible_host", "mine", "ansible_port", 2022,
                  "ansible_host_key_checking", 0, "ansible_ssh_common_args", "mine",
                  "ansible_ssh_private_key_file", "mine", "ansible_user", "operator", "roost_state",
                  "mine", "free", "mine");
    struct host h = host_of("web1", "127.0.0.1:40022");

    h.user = "login";
    h.vars = vars;
    auto_free char *text = inventory_of(&none, &h, 1);
    assert_holds(text, "ansible_host: \"127.0.0.1\"\n");
    assert_holds(text, "ansible_host_key_checking: true\n");
    assert_holds(text, "ansible_port: 2022\n");
    assert_holds(text, "ansible_user: \"operator\"\n");
    assert_holds(text, "roost_state: \"homed\"\n");
    assert_holds(text, "      free: \"mine\"\n");
    assert_holds(text, "# \"ansible_ssh_common_args\" among its vars is left out");
    assert_lacks(text, "40022");
    assert_lacks(text, "login");
    assert_lacks(text, "ansible_ssh_private_key_file:");
    assert_lacks(text, "checking: false");
    assert_int_equal(json_object_size(vars), 8); /* the row is not changed */
    json_decref(vars);
}

/* roost's own account is Ansible's way in, unless the operator's vars name a login. */
static void test_account(void **state)
{
    (void)state;
    static const struct host_defaults key = { "", "/srv/operator" };
    struct host h = host_of("web1", "127.0.0.1:40022");

    h.user = "login";
    h.account_key = "/srv/roost.key";
    auto_free char *without = inventory_of(&none, &h, 1);
    assert_holds(without, "ansible_user: \"login\"\n");
    assert_lacks(without, "/srv/roost.key");
    h.account = "roost";
    auto_free char *with = inventory_of(&key, &h, 1);
    assert_holds(with, "ansible_user: \"roost\"\n");
    assert_holds(with, "ansible_ssh_private_key_file: \"/srv/roost.key\"\n");
    assert_holds(with, "-o IdentitiesOnly=yes\"\n");
    assert_lacks(with, "IdentitiesOnly=yes -o IdentitiesOnly=yes");
    assert_lacks(with, "/srv/operator");
    h.vars = json_pack("{s:s}", "ansible_user", "carol");
    auto_free char *theirs = inventory_of(&key, &h, 1);
    assert_holds(theirs, "ansible_user: \"carol\"\n");
    assert_holds(theirs, "ansible_ssh_private_key_file: \"/srv/operator\"\n");
    json_decref((json_t *)(uintptr_t)h.vars);
}

static void test_account_key_that_ssh_cannot_be_told(void **state)
{
    (void)state;
    struct host h = host_of("web1", NULL);
    struct inventory *v = inventory_new(&none, NULL);
    struct err e = { 0 };

    h.account = "roost";
    h.account_key = "/srv/${HOME}/key";
    assert_int_equal(inventory_add(v, &h, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    inventory_free(v);
}

/* As deep as model/hostvars.h lets them be. */
static void test_deepest_vars(void **state)
{
    (void)state;
    json_t *vars = json_object();
    struct host h = host_of("web1", NULL);

    for (int i = 1; i < 32; i++)
        vars = json_pack("{s:o}", "k", vars);
    h.vars = vars;
    auto_free char *text = inventory_of(&none, &h, 1);
    assert_holds(text, "k: {}");
    json_decref(vars);
}

static void test_failure_names_the_host(void **state)
{
    (void)state;
    json_t *vars = json_object();
    struct host h = host_of("web1", NULL);
    struct inventory *v = inventory_new(&none, NULL);
    struct err e = { 0 };

    for (int i = 0; i < 40; i++)
        vars = json_pack("{s:o}", "k", vars);
    h.vars = vars;
    assert_int_equal(inventory_add(v, &h, &e), -1);
    assert_non_null(strstr(e.text, "instance web1: "));
    inventory_free(v);
    json_decref(vars);
}

/* A fleet's size shows in the caller's cap, not in a cut document. */
static void test_too_big(void **state)
{
    (void)state;
    struct host h = host_of("web1", NULL);
    struct inventory *v = inventory_new(&none, NULL);
    auto_buf struct buf out = { .cap = 200 };
    struct err e = { 0 };

    assert_int_equal(inventory_add(v, &h, &e), 0);
    assert_int_equal(inventory_finish(v, &out, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
}

static void test_names_of_made_groups(void **state)
{
    (void)state;
    struct host h = host_of("web1", NULL);

    h.image = "a123456789012345678901234567890123456789012345678901234567890-z";
    h.network = "my-lab";
    auto_free char *text = inventory_of(&none, &h, 1);
    assert_holds(text, "\n    image_a12345678901234567890123456789012345678901234567890123456789"
                       "0_z:\n      hosts:\n        web1:\n");
    assert_holds(text, "\n    network_my_lab:\n");
    assert_holds(text, "\n    state_homed:\n");
}

/* Cost grows with the fleet: each of many hosts has groups of its own and shares others. That the
 * document is whole is seen by reading it back. */
static void test_many(void **state)
{
    (void)state;
    enum { N = 10000 };
    const struct host_defaults d = { "/var/lib/roost/generated/known_hosts", "" };
    struct inventory *v = inventory_new(&d, NULL);
    auto_buf struct buf out = BUF_INIT;
    json_t *tree;
    struct err e = { 0 };
    char name[32];

    for (int i = 0; i < N; i++) {
        struct name groups[2];
        snprintf(name, sizeof(name), "g%05d", i);
        group_parse(name, &groups[0], NULL);
        group_parse("web", &groups[1], NULL);
        snprintf(name, sizeof(name), "web-%05d", i);
        struct host h = host_of(name, "10.0.0.1:22");
        h.groups = groups;
        h.n_groups = 2;
        assert_int_equal(inventory_add(v, &h, &e), 0);
    }
    assert_int_equal(inventory_finish(v, &out, &e), 0);
    assert_int_equal(yaml_read(buf_str(&out), out.len, "inventory", &tree, NULL, &e), 0);
    const json_t *all = json_object_get(tree, "all"), *groups = json_object_get(all, "children");
    assert_int_equal(json_object_size(json_object_get(all, "hosts")), N);
    assert_int_equal(json_object_size(groups), N + 2);
    assert_int_equal(json_object_size(json_object_get(json_object_get(groups, "web"), "hosts")), N);
    json_decref(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_is_kept),
        cmocka_unit_test(test_paths_that_cannot_be_told),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_whose_variable_wins),
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_account_key_that_ssh_cannot_be_told),
        cmocka_unit_test(test_deepest_vars),
        cmocka_unit_test(test_failure_names_the_host),
        cmocka_unit_test(test_too_big),
        cmocka_unit_test(test_names_of_made_groups),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
