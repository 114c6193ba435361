/* QEMU's `info usernet`, as 7.2 prints it. */
#include "bootstrap/usernet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define HEAD                                                                                       \
    "  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n"
#define SSH "  TCP[HOST_FORWARD]  12       127.0.0.1 37021       10.0.2.15    22     0     0\r\n"

static struct usernet of(const char *text)
{
    struct usernet u;

    usernet_read(text, &u);
    return u;
}

static struct hostfwd forward(const char *text)
{
    struct hostfwd f;

    assert_int_equal(hostfwd_parse(text, &f, NULL), 0);
    return f;
}

static void test_own(void **state)
{
    (void)state;
    static const struct {
        const char *rows;
        unsigned port;
    } cases[] = {
        { "", 0 },
        { SSH, 37021 },
        { "  TCP[HOST_FORWARD]  12       127.0.0.1 37021       10.0.2.15    80     0     0\r\n",
          0 },
        { "  TCP[ESTABLISHED]   13       127.0.0.1 37021       10.0.2.15    22     0     0\r\n"
          "  TCP[HOST_FORWARD]  12       127.0.0.1 40000       10.0.2.15    22     0     0\r\n",
          40000 },
        { "  UDP[HOST_FORWARD]  12       127.0.0.1 37021       10.0.2.15    22     0     0\r\n",
          0 },
        { "  TCP[HOST_FORWARD]  12               *     0       10.0.2.15    22     0     0\r\n",
          0 },
        { "  TCP[HOST_FORWARD]  12               * 37021       10.0.2.15    22     0     0\r\n",
          0 },
        { "  TCP[HOST_FORWARD]  12       127.0.0.1 99999       10.0.2.15    22     0     0\r\n",
          0 },
        { "  TCP[HOST_FORWARD]  12", 0 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[1000];
        snprintf(text, sizeof text, "Hub -1 (net0):\r\n" HEAD "%s", cases[i].rows);
        struct usernet u = of(text);
        assert_int_equal(usernet_own(&u, 22, 0, NULL, 0), cases[i].port);
        assert_int_equal(u.card, 0);
    }
}

/* An instance may publish its SSH as well. */
static void test_own_beside_published_ones(void **state)
{
    (void)state;
    const struct hostfwd published[] = { forward("2222:22") };
    const struct usernet u =
        of("Hub -1 (net0):\r\n" HEAD
           "  TCP[HOST_FORWARD]  13       127.0.0.1  2222       10.0.2.15    22     0     0\r\n" SSH);

    assert_int_equal(u.n, 2);
    assert_int_equal(usernet_own(&u, 22, 0, published, 1), 37021);
    assert_int_equal(usernet_own(&u, 22, 37021, NULL, 0), 37021); /* published once, and no more */
    assert_int_equal(usernet_own(&u, 22, 5, published, 1), 37021);
    const struct usernet none =
        of("Hub -1 (net0):\n" HEAD
           "  TCP[HOST_FORWARD]  13       127.0.0.1  2222       10.0.2.15    22     0     0\n");
    assert_int_equal(usernet_own(&none, 22, 0, published, 1), 0);
}

static void test_rows(void **state)
{
    (void)state;
    const struct usernet u =
        of("Hub -1 (net0):\r\n" HEAD SSH
           "  TCP[HOST_FORWARD]  13               *  8080       10.0.2.15    80     0     0\r\n"
           "  UDP[HOST_FORWARD]  14       127.0.0.1    53       10.0.2.15    53     0     0\r\n"
           "  UDP[236 sec]       15       10.0.2.15   123         1.2.3.4   123     0     0\r\n"
           "  ICMP[10 sec]       16       10.0.2.15     -         1.2.3.4     -     0     0\r\n");
    const struct hostfwd there[] = { forward("37021:22"), forward("0.0.0.0:8080:80"),
                                     forward("53:53/udp") };
    const struct hostfwd other[] = { forward("8080:80"), forward("53:53"), forward("37021:80") };

    assert_int_equal(u.n, 3);
    for (size_t i = 0; i < ARRAY_SIZE(there); i++) {
        assert_true(usernet_has(&u, &there[i]));
        assert_false(usernet_has(&u, &other[i]));
    }
}

/* The forwards are the first card's, in whatever order QEMU tells of them. */
static void test_cards(void **state)
{
    (void)state;
    static const char web[] =
        "  TCP[HOST_FORWARD]  13       127.0.0.1  8080       10.0.2.15    80     0     0\r\n";
    static const char *const order[][2] = { { "net1", "net3" }, { "net3", "net1" } };
    const struct hostfwd f = forward("8080:80");
    char text[1000];

    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        snprintf(text, sizeof text, "Hub -1 (%s):\r\n" HEAD "%sHub 0 (%s):\r\n" HEAD "%s", order[i][0],
                 i ? SSH : web, order[i][1], i ? web : SSH);
        struct usernet u = of(text);
        assert_int_equal(u.card, 1);
        assert_int_equal(u.n, 1);
        assert_true(usernet_has(&u, &f));
    }
    assert_int_equal(of("").card, -1);
    assert_int_equal(of("Hub -1 (mine):\r\n" HEAD SSH).card, -1);
    assert_int_equal(of("Hub -1 (mine):\r\n" HEAD SSH).n, 0);
    assert_int_equal(of("Hub -1 (net0):\r\n" HEAD "Hub -1 (mine):\r\n" SSH).n, 0);
}

static void test_too_many(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;

    buf_puts(&b, "Hub -1 (net0):\r\n");
    for (int i = 0; i < USERNET_ROWS + 9; i++)
        buf_puts(&b, SSH);
    assert_int_equal(of(buf_str(&b)).n, USERNET_ROWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own),   cmocka_unit_test(test_own_beside_published_ones),
        cmocka_unit_test(test_rows),  cmocka_unit_test(test_cards),
        cmocka_unit_test(test_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
