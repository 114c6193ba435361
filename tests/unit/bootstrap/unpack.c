/* Streams of the real xz, gzip and zstd, whole, cut, damaged and in pieces of any size. */
#include "bootstrap/unpack.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"

static char dir[] = "/tmp/roost-unpack.XXXXXX";
static struct buf plain = BUF_INIT;

static void sh(const char *command)
{
    char line[512];

    snprintf(line, sizeof line, "cd %s && %s", dir, command);
    if (system(line) != 0)
        fail_msg("%s", line);
}

static void get(const char *name, struct buf *ret)
{
    auto_close int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct err e;

    if (file_read(d, name, 16 << 20, ret, &e) < 0)
        fail_msg("%s", e.text);
}

static int take(const void *data, size_t len, void *arg, struct err *e)
{
    (void)e;
    buf_put(arg, data, len);
    return 0;
}

static int run(const char *data, size_t len, size_t piece, struct buf *out, char name[16],
               struct err *e)
{
    struct unpack *u = unpack_new(take, out, e);
    int r = 0;

    assert_non_null(u);
    for (size_t at = 0; at < len && r == 0; at += piece) {
        /* A copy of its own: nothing behind it can be read. */
        size_t n = len - at < piece ? len - at : piece;
        char *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, data + at, n);
        r = unpack_feed(u, copy, n, e);
        free(copy);
    }
    if (r == 0)
        r = unpack_end(u, e);
    if (name)
        snprintf(name, 16, "%s", unpack_name(u));
    unpack_free(u);
    return r;
}

static const struct {
    const char *make, *name;
} packed[] = {
    { "xz -k -c plain >xz", "xz" },  { "xz -0 -k -c plain >xz0", "xz" },
    { "gzip -c plain >gz", "gzip" }, { "zstd -q -c plain >zst", "zstd" },
    { "cp plain copy", "no" },
};
static const char *const files[] = { "xz", "xz0", "gz", "zst", "copy" };

static void test_whole(void **state)
{
    static const size_t pieces[] = { 1 << 20, 16384, 4097, 7 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        auto_buf struct buf in = BUF_INIT;
        sh(packed[i].make);
        get(files[i], &in);
        for (size_t k = 0; k < ARRAY_SIZE(pieces); k++) {
            auto_buf struct buf out = BUF_INIT;
            struct err e = { 0 };
            char name[16];
            if (run(in.data, in.len, pieces[k], &out, name, &e) < 0)
                fail_msg("%s in %zu: %s", files[i], pieces[k], e.text);
            assert_string_equal(name, packed[i].name);
            assert_int_equal(out.len, plain.len);
            assert_memory_equal(out.data, plain.data, plain.len);
        }
    }
}

/* Several streams, one behind the other, are one (as `cat a.gz b.gz` makes them). */
static void test_several(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < ARRAY_SIZE(files); i++) {
        auto_buf struct buf in = BUF_INIT, out = BUF_INIT;
        char line[128];
        struct err e = { 0 };
        snprintf(line, sizeof line, "cat %s %s >twice", files[i], files[i]);
        sh(line);
        get("twice", &in);
        if (run(in.data, in.len, 5000, &out, NULL, &e) < 0)
            fail_msg("%s: %s", files[i], e.text);
        assert_int_equal(out.len, 2 * plain.len);
        assert_memory_equal(out.data + plain.len, plain.data, plain.len);
    }
}

static void test_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < ARRAY_SIZE(files); i++) {
        auto_buf struct buf in = BUF_INIT;
        get(files[i], &in);
        for (size_t cut = 1; cut < 40; cut += 3) {
            auto_buf struct buf out = BUF_INIT;
            struct err e = { 0 };
            assert_int_equal(run(in.data, in.len - cut, 4096, &out, NULL, &e), -1);
            assert_int_equal(e.kind, ERR_INVALID);
        }
    }
}

static void test_damaged(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < ARRAY_SIZE(files); i++) {
        auto_buf struct buf in = BUF_INIT, out = BUF_INIT;
        struct err e = { 0 };
        get(files[i], &in);
        in.data[in.len / 2] ^= 0x55;
        assert_int_equal(run(in.data, in.len, 4096, &out, NULL, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_true(strstr(e.text, "damaged") || strstr(e.text, "cut off"));
    }
}

static int refuse(const void *data, size_t len, void *arg, struct err *e)
{
    (void)data, (void)len, (void)arg;
    return err_set(e, ERR_IO, "no room");
}

static void test_the_sink_ends_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        auto_buf struct buf in = BUF_INIT;
        struct err e = { 0 };
        struct unpack *u = unpack_new(refuse, NULL, &e);
        get(files[i], &in);
        assert_true(unpack_feed(u, in.data, in.len, &e) < 0 || unpack_end(u, &e) < 0);
        assert_string_equal(e.text, "no room");
        unpack_free(u);
    }
}

static void test_odd(void **state)
{
    static const char bz2[] = "BZh91AY&SY";
    auto_buf struct buf out = BUF_INIT;
    struct err e = { 0 };
    char name[16];

    (void)state;
    assert_int_equal(run(bz2, sizeof bz2, 3, &out, NULL, &e), -1);
    assert_non_null(strstr(e.text, "bzip2"));
    assert_int_equal(run("", 0, 1, &out, name, &e), 0);
    assert_string_equal(name, "no");
    assert_int_equal(run("abc", 3, 1, &out, name, &e), 0);
    assert_string_equal(buf_str(&out), "abc");
    unpack_free(NULL);
}

static int make_dir(void **state)
{
    uint32_t x = 1;
    char path[128];

    (void)state;
    if (!mkdtemp(dir))
        return -1;
    /* Halfway compressible, so that streams are neither tiny nor copies. */
    for (int i = 0; i < 600000; i++) {
        x = x * 1664525 + 1013904223;
        buf_putc(&plain, i % 3 ? 'r' : (char)(x >> 24));
    }
    snprintf(path, sizeof path, "%s/plain", dir);
    auto_fclose FILE *f = fopen(path, "w");
    return f && fwrite(plain.data, 1, plain.len, f) == plain.len ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    auto_close int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    buf_done(&plain);
    return dir_remove(tmp, dir + strlen("/tmp/"), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_the_sink_ends_it),
        cmocka_unit_test(test_odd),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
