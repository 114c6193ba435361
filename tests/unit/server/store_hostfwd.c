/* Ports of the host that instances have in their definitions. */
#include "store_help.h"

struct seen {
    char text[400];
};

static int note(const struct store_hostfwds *row, void *arg)
{
    struct seen *seen = arg;
    char one[HOSTFWD_TEXT];

    for (int i = 0; i < row->n; i++) {
        size_t n = strlen(seen->text);
        snprintf(seen->text + n, sizeof seen->text - n, "%s %s\n", row->name.s,
                 hostfwd_format(&row->list[i], one));
    }
    return 0;
}

static int enough(const struct store_hostfwds *row, void *arg)
{
    (void)row;
    ++*(int *)arg;
    return 7;
}

static void put(struct store *s, int64_t id, const char *forward)
{
    struct instance i = { 0 };

    must(store_instance_get(s, id, &i, e));
    must(hostfwd_parse(forward, &i.spec.forwards[i.spec.n_forwards++], e));
    must(store_instance_set_spec(s, id, &i.spec, e));
    instance_done(&i);
}

static void those_that_have_any(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct seen seen = { "" };
    int calls = 0;

    must(store_hostfwds(s, note, &seen, e)); /* an empty store */
    int64_t a = add(s, "a", 1);
    must(store_hostfwds(s, note, &seen, e));
    assert_string_equal(seen.text, "");
    int64_t b = add(s, "b", 2);
    add(s, "c", 3);
    put(s, b, "0.0.0.0:53:53/udp");
    put(s, a, "8080:80");
    put(s, a, "8443:443");
    must(store_hostfwds(s, note, &seen, e));
    assert_string_equal(seen.text, "a 127.0.0.1:8080:80\na 127.0.0.1:8443:443\nb 0.0.0.0:53:53/udp\n");
    assert_int_equal(store_hostfwds(s, enough, &calls, NULL), 7);
    assert_int_equal(calls, 1);
    must(store_instance_remove(s, a, e));
    seen.text[0] = '\0';
    must(store_hostfwds(s, note, &seen, e));
    assert_string_equal(seen.text, "b 0.0.0.0:53:53/udp\n");
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(those_that_have_any) };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
