#include "model/marks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define UUID "4c4c4544-0042-3510-8031-b4c04f4e3732"

static void test_serials(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } good[] = { { "CZC1234", "CZC1234" },
                 { "  VMware-42 1a ", "VMware-42 1a" },
                 { "ds=nocloud-net;s=http://h/", "ds=nocloud-net;s=http://h/" } };
    static const char *const bad[] = {
        "", "   ", "Default string", "To Be Filled By O.E.M.", "00000000", "a\nb", "\xc3\xa4"
    };
    char longest[SERIAL_MAX_LEN + 2];
    struct serial s;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(serial_parse(good[i].in, strlen(good[i].in), &s, NULL), 0);
        assert_string_equal(s.s, good[i].out);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        strcpy(s.s, "kept");
        assert_int_equal(serial_parse(bad[i], strlen(bad[i]), &s, NULL), -1);
        assert_string_equal(s.s, "kept");
    }
    memset(longest, 'x', sizeof longest);
    assert_int_equal(serial_parse(longest, SERIAL_MAX_LEN, &s, NULL), 0);
    assert_int_equal(serial_parse(longest, SERIAL_MAX_LEN + 1, &s, NULL), -1);
}

/* What a machine sends is a mark or nothing. */
static void test_reading(void **state)
{
    (void)state;
    static const char *const no_uuid[] = { "",
                                           "web1",
                                           "__dmi.system-uuid__",
                                           "00000000-0000-0000-0000-000000000000",
                                           "03000200-0400-0500-0006-000700080009",
                                           UUID "0" };
    static const char *const no_mac[] = { "", "web1", "ff:ff:ff:ff:ff:ff", "52:54:00:aa:bb" };
    struct marks m = { 0 }, none = { 0 };
    char text[MARKS_TEXT];

    for (size_t i = 0; i < ARRAY_SIZE(no_uuid); i++)
        marks_read_uuid(&m, no_uuid[i], strlen(no_uuid[i]));
    for (size_t i = 0; i < ARRAY_SIZE(no_mac); i++)
        marks_read_mac(&m, no_mac[i], strlen(no_mac[i]));
    marks_read_mac(&m, "52:54:00:aa:bb:cc\0x", 19);
    marks_read_serial(&m, "None", 4);
    assert_false(marks_any(&m));
    assert_true(marks_equal(&m, &none));
    assert_string_equal(marks_format(&m, text), "");

    marks_read_uuid(&m, "4C4C4544-0042-3510-8031-B4C04F4E3732", 36);
    assert_true(marks_any(&m));
    marks_read_serial(&m, "CZC 1", 5);
    marks_read_mac(&m, "52-54-00-AA-BB-CC", 17);
    assert_string_equal(marks_format(&m, text),
                        "uuid " UUID ", serial CZC 1, MAC 52:54:00:aa:bb:cc");
    assert_false(marks_equal(&m, &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serials),
        cmocka_unit_test(test_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
