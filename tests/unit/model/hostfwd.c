/* Ports of the host that lead to an instance on a user network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "model/hostfwd.h"
#include "model/instance.h"
#include "model/spot.h"

static struct hostfwd of(const char *text)
{
    struct hostfwd f;
    struct err e = { 0 };

    if (hostfwd_parse(text, &f, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    return f;
}

static void test_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "8080:80", "127.0.0.1:8080:80" },
        { "8080:80/tcp", "127.0.0.1:8080:80" },
        { "1:65535", "127.0.0.1:1:65535" },
        { "127.0.0.1:5353:53/udp", "127.0.0.1:5353:53/udp" },
        { "0.0.0.0:8080:80", "0.0.0.0:8080:80" },
        { "127.255.0.9:8080:80", "127.255.0.9:8080:80" },
        { "192.168.1.2:65535:1/udp", "192.168.1.2:65535:1/udp" },
    };
    char text[HOSTFWD_TEXT];

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct hostfwd f = of(rows[i].text), again;
        assert_string_equal(hostfwd_format(&f, text), rows[i].want);
        again = of(text);
        assert_true(hostfwd_equal(&f, &again));
    }
}

static void test_wrong_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "", "expected PORT:GUESTPORT" },
        { "80", "expected PORT:GUESTPORT" },
        { "8080:80:", "address \"8080\"" },
        { "8080:", "\"\" is no port of the guest" },
        { ":80", "\"\" is no port of the host" },
        { "8080:80/", "forward by \"\": expected tcp or udp" },
        { "8080:80/sctp", "forward by \"sctp\": expected tcp or udp" },
        { "8080:80/TCP", "expected tcp or udp" },
        { "8080/tcp:80", "expected tcp or udp" },
        { "0:80", "\"0\" is no port of the host: expected 1 to 65535" },
        { "8080:0", "\"0\" is no port of the guest: expected 1 to 65535" },
        { "65536:80", "\"65536\" is no port of the host" },
        { "8080:65536", "\"65536\" is no port of the guest" },
        { "8080:+80", "\"+80\" is no port" },
        { " 8080:80", "\" 8080\" is no port" },
        { "8080: 80", "\" 80\" is no port" },
        { "8080-8090:80", "\"8080-8090\" is no port of the host" },
        { "http:80", "\"http\" is no port of the host" },
        { ":8080:80", "say 0.0.0.0 for all addresses of the host" },
        { "localhost:8080:80", "localhost" },
        { "127.1:8080:80", "127.1" },
        { "10.0.0.256:8080:80", "10.0.0.256" },
        { "224.0.0.1:8080:80", "no address that a host can have" },
        { "255.255.255.255:8080:80", "no address that a host can have" },
        { "[::1]:8080:80", "IPv4 addresses only" },
        { "::1:8080:80", "IPv4 addresses only" },
        { "8080:80,hostfwd=tcp::1-:1", "address \"8080:80,hostfwd=tcp:\"" },
        { "127.0.0.1:00000000000000000000000000000000000000000000000000000000008080:80",
          "expected PORT:GUESTPORT" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct hostfwd f = { .port = 7 };
        struct err e = { 0 };
        if (hostfwd_parse(rows[i].text, &f, &e) == 0 || !strstr(e.text, rows[i].want))
            fail_msg("\"%s\": %s", rows[i].text, e.text);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_int_equal(f.port, 7);
    }
}

static void test_who_is_in_whose_way(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool clash;
    } rows[] = {
        { "8080:80", "8080:81", true },
        { "8080:80", "8080:80/udp", false },
        { "8080:80", "8081:80", false },
        { "8080:80", "0.0.0.0:8080:80", true },
        { "127.0.0.1:8080:80", "127.0.0.2:8080:80", false },
        { "0.0.0.0:53:53/udp", "10.0.0.1:53:53/udp", true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct hostfwd a = of(rows[i].a), b = of(rows[i].b);
        assert_int_equal(hostfwd_clashes(&a, &b), rows[i].clash);
        assert_int_equal(hostfwd_clashes(&b, &a), rows[i].clash);
    }
}

static void test_beside_shared_networks(void **state)
{
    (void)state;
    struct hostfwd near = of("8080:80"), all = of("0.0.0.0:8080:80"), one = of("10.0.0.1:8080:80");
    struct forward f;

    assert_int_equal(forward_parse(":8080 web1:80", &f, NULL), 0);
    assert_false(hostfwd_clashes_forward(&near, &f)); /* that is never on the loopback */
    assert_true(hostfwd_clashes_forward(&all, &f));
    assert_true(hostfwd_clashes_forward(&one, &f));
    assert_int_equal(forward_parse("10.0.0.2:8080 web1:80", &f, NULL), 0);
    assert_false(hostfwd_clashes_forward(&one, &f));
}

static int read_spec(struct spec *s, const char *text, struct err *e)
{
    const struct spec_defaults d = { .cpus = 1, .memory = 1u << 30, .network = { "user" } };
    json_t *j = json_loads(text, 0, NULL);
    int r;

    assert_non_null(j);
    spec_init(s, &d);
    r = spec_read(s, j, "/instances/web1", e);
    json_decref(j);
    return r;
}

/* In order, so that another order is no change. */
static void test_words(void **state)
{
    (void)state;
    struct spec s;
    struct err e = { 0 };
    json_t *j;

    assert_int_equal(read_spec(&s,
                               "{\"image\": \"d\", \"forwards\": [\"53:53/udp\", \"9090:90\", "
                               "\"0.0.0.0:8080:80\", \"8081:81\"]}",
                               &e),
                     0);
    j = spec_to_json(&s);
    auto_free char *text = json_dumps(json_object_get(j, "forwards"), JSON_COMPACT);
    assert_string_equal(text, "[\"0.0.0.0:8080:80\",\"127.0.0.1:8081:81\",\"127.0.0.1:9090:90\","
                              "\"127.0.0.1:53:53/udp\"]");
    json_decref(j);
    spec_done(&s);
    assert_int_equal(read_spec(&s, "{\"image\": \"d\", \"forwards\": []}", &e), 0);
    j = spec_to_json(&s);
    assert_null(json_object_get(j, "forwards"));
    json_decref(j);
    spec_done(&s);
}

static void test_complaints(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "{\"forwards\": \"8080:80\"}", "/instances/web1/forwards: " },
        { "{\"forwards\": [8080]}", "/instances/web1/forwards/0: " },
        { "{\"forwards\": [\"1:1\", \"80\"]}",
          "/instances/web1/forwards/1: forward \"80\": expected PORT:GUESTPORT" },
        { "{\"forwards\": [\"8080:80\", \"0.0.0.0:8080:81\"]}",
          "/instances/web1/forwards/1: \"127.0.0.1:8080:80\" and \"0.0.0.0:8080:81\" want the same "
          "port of the host" },
        { "{\"forwards\": [\"1:1\",\"2:1\",\"3:1\",\"4:1\",\"5:1\",\"6:1\",\"7:1\",\"8:1\",\"9:1\","
          "\"10:1\",\"11:1\",\"12:1\",\"13:1\",\"14:1\",\"15:1\",\"16:1\",\"17:1\"]}",
          "/instances/web1/forwards: " },
        { "{\"forward\": []}", "did you mean \"forwards\"" },
        { "{\"launcher\": \"external\", \"forwards\": [\"8080:80\"]}",
          "/instances/web1/forwards: is for guests that roost launches" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct spec s;
        struct err e = { 0 };
        if (read_spec(&s, rows[i].text, &e) == 0 || !strstr(e.text, rows[i].want))
            fail_msg("%s: %s", rows[i].text, e.text);
        spec_done(&s);
    }
}

static int round_trip(const struct hostfwd *list, int n, struct hostfwd ret[HOSTFWDS_MAX])
{
    auto_buf struct buf b = BUF_INIT;

    hostfwds_encode(list, n, &b);
    struct msg_cur c = msg_cur(b.data, b.len);
    int r = hostfwds_decode(&c, ret);
    return msg_end(&c, "forwards", NULL) < 0 || hostfwds_check(ret, r, NULL) < 0 ? -1 : r;
}

static void test_message(void **state)
{
    (void)state;
    struct hostfwd list[2] = { of("0.0.0.0:8080:80"), of("53:53/udp") }, got[HOSTFWDS_MAX];

    assert_int_equal(round_trip(list, 2, got), 2);
    assert_true(hostfwd_equal(&got[0], &list[0]) && hostfwd_equal(&got[1], &list[1]));
    list[1].port = 0;
    assert_int_equal(round_trip(list, 2, got), -1);
    list[1] = list[0];
    assert_int_equal(round_trip(list, 2, got), -1);
    list[1] = of("53:53/udp");
    list[1].at.ip = (struct ip){ .family = 6, .b = { [15] = 1 } };
    assert_int_equal(round_trip(list, 2, got), -1);
    list[1].at.ip = (struct ip){ .family = 0 };
    assert_int_equal(round_trip(list, 2, got), -1);
    static const uint8_t many[] = { HOSTFWDS_MAX + 1 };
    struct msg_cur c = msg_cur(many, sizeof many);
    assert_int_equal(hostfwds_decode(&c, got), 0);
    assert_true(c.failed);
}

static void test_option(void **state)
{
    (void)state;
    const struct hostfwd list[] = { of("0.0.0.0:8080:80"), of("53:53/udp") };
    auto_buf struct buf b = BUF_INIT;

    hostfwds_option(list, 2, &b);
    assert_string_equal(buf_str(&b),
                        ",hostfwd=tcp:0.0.0.0:8080-:80,hostfwd=udp:127.0.0.1:53-:53");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_wrong_forms),
        cmocka_unit_test(test_who_is_in_whose_way),
        cmocka_unit_test(test_beside_shared_networks),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_complaints),
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
