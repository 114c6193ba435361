#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "server/front_table.h"

static struct front_key key_of(const char *tag, const char *ip, const char *token)
{
    struct peer p = { .listener = 0 };
    struct route r = { .kind = ROUTE_SEED, .claim = tag ? CLAIM_TAG : CLAIM_PLACEHOLDER };
    struct front_key k;

    assert_int_equal(ip_parse(ip, &p.ip, NULL), 0);
    if (tag)
        snprintf(r.tag.s, sizeof(r.tag.s), "%s", tag);
    if (token) {
        r.has_token = true;
        snprintf(r.token.s, sizeof(r.token.s), "%s", token);
    }
    front_key(&p, &r, &k);
    return k;
}

/* Marks tell callers apart that share an address and a filler tag; which instance they are taken for
 * front does not know. */
static void marks_are_in_the_key(void **state)
{
    static const char *const uuids[] = { "4c4c4544-0042-3510-8031-b4c04f4e3732",
                                         "4c4c4544-0042-3510-8031-b4c04f4e3733" };
    struct peer p = { .listener = 0 };
    struct front_key k[3];

    (void)state;
    assert_int_equal(ip_parse("127.0.0.1", &p.ip, NULL), 0);
    for (int i = 0; i < 3; i++) {
        struct route r = { .kind = ROUTE_SEED, .claim = CLAIM_TAG, .tag.s[0] = i ? 'a' : 'b' };
        marks_read_uuid(&r.marks, uuids[i == 2], 36);
        front_key(&p, &r, &k[i]);
        assert_string_equal(k[i].tag, "");
    }
    assert_memory_not_equal(&k[0], &k[1], sizeof k[0]);
    assert_memory_not_equal(&k[1], &k[2], sizeof k[1]);
}

#define TOKEN_A "00112233445566778899aabbccddeeff"
#define TOKEN_B "00112233445566778899aabbccddeefe"

static void put(struct front_table *t, const struct front_key *k, size_t len, int64_t expires)
{
    static char bytes[100000];
    struct seed_reply m = { .status = 200 };

    for (int d = 0; d < SEED_DOCS; d++) {
        m.doc[d].data = bytes;
        m.doc[d].len = len;
    }
    struct seat *s = seat_new(k, &m, NULL);
    assert_non_null(s);
    front_table_put(t, s, expires);
    seat_unref(s);
}

static void put_tag(struct front_table *t, int i, size_t len, int64_t expires)
{
    char tag[16];

    snprintf(tag, sizeof(tag), "g%d", i);
    struct front_key k = key_of(tag, "127.0.0.1", TOKEN_A);
    put(t, &k, len, expires);
}

static bool has_tag(struct front_table *t, int i, int64_t now)
{
    char tag[16];

    snprintf(tag, sizeof(tag), "g%d", i);
    struct front_key k = key_of(tag, "127.0.0.1", TOKEN_A);
    return front_table_get(t, &k, now) != NULL;
}

/* Whatever differs in the caller is another caller. */
static void test_key(void **state)
{
    (void)state;
    struct front_table *t = front_table_new(1 << 20);
    struct front_key k = key_of("web1", "192.0.2.1", TOKEN_A);
    struct front_key others[] = {
        key_of("web2", "192.0.2.1", TOKEN_A),
        key_of("web1", "192.0.2.2", TOKEN_A),
        key_of("web1", "192.0.2.1", TOKEN_B),
        key_of("web1", "192.0.2.1", NULL),
        key_of(NULL, "192.0.2.1", TOKEN_A),
        key_of("web1", "2001:db8::1", TOKEN_A),
        k,
    };

    others[ARRAY_SIZE(others) - 1].listener = 1;
    put(t, &k, 10, 1000);
    assert_non_null(front_table_get(t, &k, 0));
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        assert_null(front_table_get(t, &others[i], 0));
    front_table_free(t);
}

static void test_expiry(void **state)
{
    (void)state;
    struct front_table *t = front_table_new(1 << 20);

    put_tag(t, 1, 10, 1000);
    put_tag(t, 2, 10, 3000);
    put_tag(t, 3, 10, 2000);
    assert_true(has_tag(t, 1, 999));
    assert_false(has_tag(t, 1, 1000));
    assert_int_equal(front_table_seats(t), 2);
    front_table_sweep(t, 2500);
    assert_int_equal(front_table_seats(t), 2); /* behind one that still holds */
    assert_false(has_tag(t, 3, 2500));
    front_table_sweep(t, 3000);
    assert_int_equal(front_table_seats(t), 0);
    assert_int_equal(front_table_bytes(t), 0);
    front_table_free(t);
}

static void test_cap(void **state)
{
    (void)state;
    size_t cap = 100000;
    struct front_table *t = front_table_new(cap);

    for (int i = 0; i < 1000; i++) {
        put_tag(t, i, 1000, 1000);
        assert_true(front_table_bytes(t) <= cap);
        assert_true(has_tag(t, i, 0));
    }
    assert_false(has_tag(t, 0, 0));
    assert_true(front_table_seats(t) > 10);
    size_t seats = front_table_seats(t);
    for (int i = 999; i > 999 - (int)seats; i--)
        assert_true(has_tag(t, i, 0)); /* the newest are those that are kept */
    put_tag(t, 5000, 30000, 1000);     /* 120,000 bytes: over the cap alone */
    assert_false(has_tag(t, 5000, 0));
    assert_int_equal(front_table_seats(t), seats);
    front_table_free(t);
}

static void test_nothing_is_kept(void **state)
{
    (void)state;
    struct front_table *t = front_table_new(0);

    put_tag(t, 1, 0, 1000);
    assert_false(has_tag(t, 1, 0));
    front_table_free(t);
}

static void test_replaces(void **state)
{
    (void)state;
    struct front_table *t = front_table_new(1 << 20);

    put_tag(t, 1, 5000, 1000);
    size_t bytes = front_table_bytes(t);
    put_tag(t, 1, 10, 2000);
    assert_int_equal(front_table_seats(t), 1);
    assert_int_equal(front_table_bytes(t), bytes - 4 * 4990);
    assert_true(has_tag(t, 1, 1500));
    front_table_free(t);
}

static void test_drop(void **state)
{
    (void)state;
    struct front_table *t = front_table_new(1 << 20);
    struct front_key bare = key_of(NULL, "127.0.0.1", TOKEN_A);
    struct front_key second = key_of("g1", "127.0.0.2", NULL);

    for (int i = 0; i < 300; i++)
        put_tag(t, i, 10, 1000);
    put(t, &second, 10, 1000);
    put(t, &bare, 10, 1000);
    front_table_drop(t, "g1");
    assert_false(has_tag(t, 1, 0));
    assert_null(front_table_get(t, &second, 0));
    assert_null(front_table_get(t, &bare, 0)); /* whose it is is not known here */
    assert_int_equal(front_table_seats(t), 299);
    front_table_drop(t, "nobody");
    assert_int_equal(front_table_seats(t), 299);
    front_table_drop(t, "");
    assert_int_equal(front_table_seats(t), 0);
    front_table_free(t);
}

/* Who was given all four leaves; what it was given twice does not count for another. */
static void test_given(void **state)
{
    (void)state;
    struct front_table *t = front_table_new(1 << 20);
    struct front_key k = key_of("g1", "127.0.0.1", TOKEN_A);

    put_tag(t, 1, 10, 1000);
    put_tag(t, 2, 10, 1000);
    struct seat *s = seat_ref(front_table_get(t, &k, 0));
    front_table_given(t, s, SEED_META);
    front_table_given(t, s, SEED_USER);
    front_table_given(t, s, SEED_USER);
    front_table_given(t, s, SEED_VENDOR);
    assert_true(has_tag(t, 1, 0));
    front_table_given(t, s, SEED_NETWORK);
    assert_false(has_tag(t, 1, 0));
    assert_true(has_tag(t, 2, 0));
    assert_int_equal(front_table_seats(t), 1);
    assert_non_null(seat_response(s, SEED_META));
    front_table_given(t, s, SEED_META); /* whoever waited with it */
    seat_unref(s);
    put_tag(t, 1, 10, 1000);
    assert_true(has_tag(t, 1, 0)); /* it boots again */
    front_table_free(t);
}

/* A request that waits to be resumed keeps its document when the table lets go of it. */
static void test_reference_outlives_table(void **state)
{
    (void)state;
    struct front_table *t = front_table_new(1 << 20);
    struct front_key k = key_of("g1", "127.0.0.1", TOKEN_A);

    put_tag(t, 1, 10, 1000);
    struct seat *s = seat_ref(front_table_get(t, &k, 0));
    front_table_drop(t, "g1");
    front_table_given(t, s, SEED_META);
    assert_non_null(seat_response(s, SEED_META));
    front_table_free(t);
    seat_unref(s);
    seat_unref(NULL);
}

static struct seat *seat_of(const char *tag, const char *meta, const char *user,
                            const struct seat *like)
{
    struct front_key k = key_of(tag, "127.0.0.1", TOKEN_A);
    struct seed_reply m = { .status = 200 };

    m.doc[SEED_META].data = meta;
    m.doc[SEED_META].len = strlen(meta);
    m.doc[SEED_USER].data = user;
    m.doc[SEED_USER].len = strlen(user);
    struct seat *s = seat_new(&k, &m, like);
    assert_non_null(s);
    return s;
}

/* Equal documents are one, whichever seat goes first. */
static void test_shared(void **state)
{
    (void)state;
    struct front_table *t = front_table_new(1 << 20);

    assert_null(front_table_newest(t));
    struct seat *a = seat_of("a", "name: a", "#!/bin/sh", NULL);
    front_table_put(t, a, 1000);
    assert_ptr_equal(front_table_newest(t), a);
    struct seat *b = seat_of("b", "name: b", "#!/bin/sh", a);
    struct seat *c = seat_of("c", "name: b", "#!/bin/shx", b);
    assert_ptr_not_equal(seat_response(b, SEED_META), seat_response(a, SEED_META));
    assert_ptr_equal(seat_response(b, SEED_USER), seat_response(a, SEED_USER));
    assert_ptr_equal(seat_response(b, SEED_NETWORK), seat_response(a, SEED_NETWORK));
    assert_ptr_equal(seat_response(c, SEED_META), seat_response(b, SEED_META));
    assert_ptr_not_equal(seat_response(c, SEED_USER), seat_response(b, SEED_USER));
    for (int d = 0; d < SEED_DOCS; d++)
        front_table_given(t, a, (enum seed_doc)d);
    assert_ptr_equal(front_table_newest(t), a); /* for the next one, though it has left */
    front_table_sweep(t, 0);
    assert_null(front_table_newest(t));
    front_table_put(t, a, 1000);
    front_table_drop(t, "a");
    assert_null(front_table_newest(t));
    seat_unref(a);
    assert_non_null(seat_response(b, SEED_USER));
    seat_unref(b);
    seat_unref(c);
    front_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_are_in_the_key),
        cmocka_unit_test(test_key),      cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_cap),      cmocka_unit_test(test_nothing_is_kept),
        cmocka_unit_test(test_replaces), cmocka_unit_test(test_drop),
        cmocka_unit_test(test_given),    cmocka_unit_test(test_reference_outlives_table),
        cmocka_unit_test(test_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
