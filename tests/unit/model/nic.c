/* Further cards: as people write them, and on their way to roostd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "model/instance.h"
#include "model/spot.h"

static int read_spec(struct spec *s, const char *text, struct err *e)
{
    const struct spec_defaults d = { .cpus = 1, .memory = 1u << 30, .network = { "lab" } };
    json_t *j = json_loads(text, 0, NULL);
    int r;

    assert_non_null(j);
    spec_init(s, &d);
    r = spec_read(s, j, "/instances/web1", e);
    json_decref(j);
    return r;
}

static void test_words(void **state)
{
    (void)state;
    struct spec s;
    struct err e = { 0 };
    json_t *j;
    auto_free char *text = NULL;

    assert_int_equal(
        read_spec(&s,
                  "{\"image\": \"d\", \"nics\": [{\"network\": \"dmz\", \"address\": "
                  "\"10.9.0.7\", \"mac\": \"52:54:00:AA:bb:01\"}, {\"network\": \"user\"}]}",
                  &e),
        0);
    assert_int_equal(s.n_nics, 2);
    j = spec_to_json(&s);
    text = json_dumps(json_object_get(j, "nics"), JSON_COMPACT);
    assert_string_equal(
        text, "[{\"address\":\"10.9.0.7\",\"mac\":\"52:54:00:aa:bb:01\",\"network\":\"dmz\"},"
              "{\"network\":\"user\"}]");
    json_decref(j);
    spec_done(&s);
}

static void test_complaints(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "{\"nics\": {}}", "/instances/web1/nics: " },
        { "{\"nics\": [{}]}", "/instances/web1/nics/0: network is missing" },
        { "{\"nics\": [{\"network\": \"Lab\"}]}", "/instances/web1/nics/0/network: " },
        { "{\"nics\": [{\"netwrok\": \"dmz\"}]}",
          "/instances/web1/nics/0/netwrok: unknown word \"netwrok\", did you mean \"network\"" },
        { "{\"nics\": [{\"network\": \"dmz\", \"mac\": \"01:00:5e:00:00:01\"}]}",
          "/instances/web1/nics/0/mac: " },
        { "{\"nics\": [{\"network\": \"dmz\", \"address\": \"10.0.0.999\"}]}",
          "/instances/web1/nics/0/address: " },
        { "{\"nics\": [{\"network\": \"dmz\"}, {\"network\": \"dmz\"}]}",
          "/instances/web1/nics/1: network dmz is there twice" },
        { "{\"nics\": [{\"network\": \"lab\"}]}",
          "/instances/web1/nics/0: its first card is on network lab already" },
        { "{\"nics\": [{\"network\": \"a\"}, {\"network\": \"b\"}, {\"network\": \"c\"}, "
          "{\"network\": "
          "\"d\"}, {\"network\": \"e\"}, {\"network\": \"f\"}, {\"network\": \"g\"}, {\"network\": "
          "\"h\"}]}",
          "/instances/web1/nics: " },
        { "{\"mac\": \"52:54:00:00:00:01\", \"nics\": [{\"network\": \"a\", \"mac\": "
          "\"52:54:00:00:00:01\"}]}",
          "/instances/web1/nics/0: the MAC is that of the first card" },
        { "{\"launcher\": \"external\", \"nics\": [{\"network\": \"a\"}]}",
          "/instances/web1/nics: is for guests that roost launches" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct spec s;
        struct err e = { 0 };
        assert_int_equal(read_spec(&s, rows[i].text, &e), -1);
        if (strncmp(e.text, rows[i].want, strlen(rows[i].want)) != 0)
            fail_msg("for %s: \"%s\"", rows[i].text, e.text);
        spec_done(&s);
    }
}

/* A card that is added or moves is there at the next start. */
static void test_change(void **state)
{
    (void)state;
    json_t *old = json_loads("{\"bootstrapper\": \"net\"}", 0, NULL),
           *new_ =
               json_loads("{\"bootstrapper\": \"net\", \"nics\": [{\"network\": \"a\"}]}", 0, NULL);
    struct field_change f[4];
    enum change worst;

    assert_int_equal(spec_diff(old, new_, f, 4, &worst, NULL), 1);
    assert_int_equal(worst, CHANGE_RESTART);
    assert_string_equal(f[0].field, "nics");
    json_decref(old);
    json_decref(new_);
}

static int round_trip(const struct launch_nic *nics, int n)
{
    struct launch_nic got[NICS_OTHER];
    auto_buf struct buf b = BUF_INIT;
    struct err e;

    launch_nics_encode(nics, n, &b);
    for (size_t len = 0; len < b.len; len++) {
        struct msg_cur cut = msg_cur(b.data, len);
        launch_nics_decode(&cut, got);
        assert_true(cut.failed);
    }
    struct msg_cur c = msg_cur(b.data, b.len);
    int have = launch_nics_decode(&c, got);
    return msg_end(&c, "nics", &e) < 0 || launch_nics_check(got, have, &e) < 0 ? -1 : have;
}

static void test_launch(void **state)
{
    (void)state;
    const struct mac mac = { { 0x52, 0x54, 0, 1, 2, 3 } };
    struct launch_nic good[] = {
        { { "dmz" }, NETWORK_SHARED, mac, true, 1400 },
        { { "user" }, NETWORK_USER, mac, false, 0 },
    };
    struct launch_nic bad = good[0];

    assert_int_equal(round_trip(good, 2), 2);
    assert_int_equal(round_trip(good, 0), 0);
    bad.tap = false;
    assert_int_equal(round_trip(&bad, 1), -1);
    bad = good[1];
    bad.mtu = 1400;
    assert_int_equal(round_trip(&bad, 1), -1);
    bad = good[0];
    strcpy(bad.network.s, "../x");
    assert_int_equal(round_trip(&bad, 1), -1);
    bad = good[0];
    bad.mac.b[0] = 0x53;
    assert_int_equal(round_trip(&bad, 1), -1);
    const uint8_t many = NICS_OTHER + 1;
    struct launch_nic got[NICS_OTHER];
    struct msg_cur c = msg_cur(&many, 1);
    launch_nics_decode(&c, got);
    assert_true(c.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_complaints),
        cmocka_unit_test(test_change),
        cmocka_unit_test(test_launch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
