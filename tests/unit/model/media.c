#include "model/media.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "model/spot.h"
#include "model/verb.h"

static int read_cdrom(struct media *m, const char *s, struct err *e)
{
    const struct spot at = spot_root("/cdrom");
    json_t *v = json_string(s);
    int r = media_read_cdrom(m, v, &at, e);

    json_decref(v);
    return r;
}

static void test_words(void **state)
{
    (void)state;
    struct media m = { .cdrom = false };
    json_t *j;

    assert_null(media_emit_cdrom(&m));
    assert_null(media_emit_boot(&m));
    assert_int_equal(read_cdrom(&m, "/isos/a.iso", NULL), 0);
    assert_true(m.cdrom);
    assert_string_equal(m.iso, "/isos/a.iso");
    j = media_emit_cdrom(&m);
    assert_string_equal(json_string_value(j), "/isos/a.iso");
    json_decref(j);
    assert_int_equal(read_cdrom(&m, "empty", NULL), 0);
    assert_true(m.cdrom && !m.iso[0]);
    j = media_emit_cdrom(&m);
    assert_string_equal(json_string_value(j), "empty");
    json_decref(j);
    assert_int_equal(read_cdrom(&m, "none", NULL), 0);
    assert_false(m.cdrom);
}

static void test_wrong_words(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",    "a.iso", "./a.iso", "/a/../b", "/a//b", "/a/./b",
        "/a/", "/",     "/a/..",   "/..",     "/a\nb", "/\xc3\xa9"
    };
    struct media m = { .cdrom = true, .iso = "/was" };
    char too_long[MEDIA_FILE_MAX + 2];
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_int_equal(read_cdrom(&m, wrong[i], &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_memory_equal(e.text, "/cdrom: ", 8);
    }
    memset(too_long, 'x', sizeof too_long);
    too_long[0] = '/';
    too_long[sizeof too_long - 1] = '\0';
    assert_int_equal(read_cdrom(&m, too_long, &e), -1);
    too_long[sizeof too_long - 2] = '\0';
    assert_int_equal(read_cdrom(&m, too_long, &e), 0);
}

static int round_trip(const struct media *m, struct media *ret)
{
    auto_buf struct buf b = BUF_INIT;

    media_put(&b, m);
    struct msg_cur c = msg_cur(b.data, b.len);
    media_get(&c, ret);
    return msg_end(&c, "media", NULL);
}

/* What a taken-over core could try to have opened. */
static void test_message(void **state)
{
    (void)state;
    const struct media good[] = {
        { .cdrom = false },
        { .cdrom = true, .boot = BOOT_CDROM },
        { .cdrom = true, .iso = "/isos/a b,c.iso", .boot = BOOT_NETWORK },
    };
    const struct media bad[] = {
        { .boot = BOOT_CDROM },
        { .iso = "/isos/a.iso" },
        { .cdrom = true, .iso = "isos/a.iso" },
        { .cdrom = true, .iso = "/isos/../etc/shadow" },
        { .cdrom = true, .boot = BOOTS },
    };
    struct media got;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(round_trip(&good[i], &got), 0);
        assert_int_equal(got.cdrom, good[i].cdrom);
        assert_int_equal(got.boot, good[i].boot);
        assert_string_equal(got.iso, good[i].iso);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(round_trip(&bad[i], &got), -1);
}

static void test_medium_get(void **state)
{
    (void)state;
    struct medium_get v = { .instance = { "web1" }, .iso = "/isos/a.iso" }, got;
    auto_buf struct buf b = BUF_INIT;
    struct err e;

    medium_get_encode(&v, &b);
    for (size_t len = 0; len < b.len; len++) {
        struct msg_cur cut = msg_cur(b.data, len);
        assert_int_equal(medium_get_decode(&cut, &got, &e), -1);
    }
    struct msg_cur c = msg_cur(b.data, b.len);
    assert_int_equal(medium_get_decode(&c, &got, &e), 0);
    assert_string_equal(got.iso, v.iso);
    buf_clear(&b);
    strcpy(v.iso, "/isos/../x");
    medium_get_encode(&v, &b);
    c = msg_cur(b.data, b.len);
    assert_int_equal(medium_get_decode(&c, &got, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_wrong_words),
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_medium_get),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
