/* Lists as Debian, Ubuntu, Fedora, AlmaLinux, Alpine, FreeBSD and Flatcar write them. */
#include "bootstrap/checksums.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static int find(const char *list, const char *file, struct checksum *c, struct err *e)
{
    /* Nothing behind it can be read. */
    size_t len = strlen(list);
    auto_free char *copy = malloc(len + 1);

    assert_non_null(copy);
    memcpy(copy, list, len);
    return checksums_find(copy, len, file, c, e);
}

static void test_found(void **state)
{
    static const struct {
        const char *list, *want;
    } rows[] = {
        { A64 "  other.img\n" B64 "  x.img\n", "sha256:" B64 },
        { B64 " *x.img", "sha256:" B64 },
        { B64 " *./cloud/x.img\r\n", "sha256:" B64 },
        { "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n# x.img: 10 bytes\nSHA256 (x.img) "
          "= " B64 "\n-----BEGIN PGP SIGNATURE-----\n",
          "sha256:" B64 },
        { "SHA512 (x.img) = " A64 B64 "\n", "sha512:" A64 B64 },
        { "# MD5 HASH\n" A40 "  x.img\n# SHA1 HASH\n" A40 "  x.img\n# SHA512 HASH\n" B64 A64
          "  x.img\n",
          "sha512:" B64 A64 },
        { B64 "  x.img\n" A64 B64 "  x.img\n" A64 "  x.img\n", "sha512:" A64 B64 },
        { A64 B64 "\n", "sha512:" A64 B64 },
        { B64, "sha256:" B64 },
        { "SHA256 (x.img) = BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB",
          "sha256:" B64 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct checksum c;
        struct err e = { 0 };
        char text[CHECKSUM_TEXT];
        if (find(rows[i].list, "x.img", &c, &e) < 0)
            fail_msg("%zu: %s", i, e.text);
        assert_string_equal(checksum_format(&c, text), rows[i].want);
    }
}

static void test_not_found(void **state)
{
    static const char *const lists[] = {
        "",
        "\n\n",
        A64 "  xx.img\n",
        A64 "  x.img.xz\n",
        A64 "x.img\n",
        A40 "  x.img\n",
        A64 "0  x.img\n",
        "SHA256 (x.img) = " A40 "\n",
        "SHA256 (x.img) = " A64 "0\n",
        "SHA256 (y.img) = " A64 "\n",
        A64 "\n" B64 "\n",
        "<html>404</html>\n",
        "x.img " A64 "\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        struct checksum c = { .hex = "kept" };
        struct err e = { 0 };
        assert_int_equal(find(lists[i], "x.img", &c, &e), -1);
        assert_int_equal(e.kind, ERR_NOT_FOUND);
        assert_non_null(strstr(e.text, "x.img"));
        assert_string_equal(c.hex, "kept");
    }
}

/* A line without an end, and bytes of any kind. */
static void test_foreign(void **state)
{
    char list[5000];
    struct checksum c;

    (void)state;
    memset(list, 'a', sizeof list);
    assert_int_equal(checksums_find(list, sizeof list, "x.img", &c, NULL), -1);
    for (size_t i = 0; i < sizeof list; i++)
        list[i] = (char)(i * 7);
    assert_int_equal(checksums_find(list, sizeof list, "x.img", &c, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_not_found),
        cmocka_unit_test(test_foreign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
