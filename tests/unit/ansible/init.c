#include "ansible/init.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/yaml.h"

static struct init_what what(enum init_for f)
{
    return (struct init_what){ .for_ = f,
                               .directory = "/s/instances/on",
                               .state = "/s",
                               .instance = "on",
                               .inventory = "/s/generated/inventory.yaml",
                               .program = "/usr/bin/roost-inventory",
                               .ssh_config = "/s/my state/ssh_config",
                               .known_hosts = "/s/generated/known_hosts",
                               .ssh_key = "/s/id" };
}

static void assert_holds(const struct init_doc *d, const char *part)
{
    if (!strstr(buf_str(&d->text), part))
        fail_msg("%s: no \"%s\" in\n%s", d->file, part, buf_str(&d->text));
}

static json_t *read_yaml(const struct init_doc *d)
{
    struct err e;
    json_t *tree;

    if (yaml_read(buf_str(&d->text), d->text.len, d->file, &tree, NULL, &e) < 0)
        fail_msg("%s", e.text);
    return tree;
}

static void done(struct init_doc docs[INIT_DOCS])
{
    for (int i = 0; i < INIT_DOCS; i++)
        buf_done(&docs[i].text);
}

static void test_fleet(void **state)
{
    (void)state;
    const struct init_what w = what(INIT_FLEET);
    struct init_doc docs[INIT_DOCS];

    assert_int_equal(init_render(&w, docs, NULL), 0);
    assert_string_equal(docs[0].file, INIT_SITE);
    json_t *site = read_yaml(&docs[0]);
    assert_string_equal(json_string_value(json_object_get(json_array_get(site, 0), "hosts")),
                        "all");
    json_decref(site);
    assert_string_equal(docs[1].file, INIT_CFG);
    assert_holds(&docs[1], "\ninventory = /s/generated/inventory.yaml\n");
    assert_holds(&docs[1], "UserKnownHostsFile=/s/generated/known_hosts");
    assert_holds(&docs[1], "StrictHostKeyChecking=yes");
    assert_int_equal(docs[2].mode, 0755);
    assert_holds(&docs[2], "\nexec /usr/bin/roost-inventory --state /s \"$@\"\n");
    done(docs);
}

static void test_instance(void **state)
{
    (void)state;
    const struct init_what w = what(INIT_INSTANCE);
    struct init_doc docs[INIT_DOCS];

    assert_int_equal(init_render(&w, docs, NULL), 0);
    json_t *tree = read_yaml(&docs[0]);
    const json_t *host =
        json_object_get(json_object_get(json_object_get(tree, "all"), "hosts"), "on");
    assert_string_equal(json_string_value(json_object_get(host, "ansible_ssh_common_args")),
                        "-F '/s/my state/ssh_config'");
    json_decref(tree);
    assert_holds(&docs[1], "\ninventory = /s/instances/on/inventory.yaml\n");
    assert_string_equal(docs[2].file, INIT_DEPLOY);
    tree = read_yaml(&docs[2]);
    assert_string_equal(json_string_value(json_object_get(json_array_get(tree, 0), "hosts")), "on");
    json_decref(tree);
    done(docs);
}

static void test_paths_that_cannot_be_told(void **state)
{
    (void)state;
    struct init_what w = what(INIT_INSTANCE);
    struct init_doc docs[INIT_DOCS];
    struct err e = { 0 };

    w.ssh_config = "/s/{{ x }}/ssh_config";
    assert_int_equal(init_render(&w, docs, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_non_null(strstr(e.text, INIT_INVENTORY));
    w = what(INIT_FLEET);
    w.known_hosts = "/a:b/known_hosts";
    assert_int_equal(init_render(&w, docs, &e), -1);
    for (int i = 0; i < INIT_DOCS; i++)
        assert_int_equal(docs[i].text.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fleet),
        cmocka_unit_test(test_instance),
        cmocka_unit_test(test_paths_that_cannot_be_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
