#include "model/seedurl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

static void test_base_url(void **state)
{
    (void)state;
    static const char *const good[] = { "http://10.0.2.2:10200", "http://roost.lab:80",
                                        "http://roost",          "http://[fd00::1]:10200",
                                        "http://[fd00::1]",      "http://7up" };
    static const char *const bad[] = {
        "",
        "10.0.2.2:10200",
        "https://10.0.2.2",
        "HTTP://10.0.2.2",
        "ftp://10.0.2.2",
        "http://",
        "http://:80",
        "http://10.0.2.2/",
        "http://10.0.2.2:10200/seed",
        "http://10.0.2.2?x",
        "http://10.0.2.2#x",
        "http://user@10.0.2.2",
        "http://user:pw@10.0.2.2:80",
        "http://10.0.2.2:0",
        "http://10.0.2.2:65536",
        "http://10.0.2.2:",
        "http://10.0.2.2:80 ",
        "http://10.0.2.256",
        "http://10.0.2",
        "http://1",
        "http://a.1",
        "http://fd00::1",
        "http://[fd00::1",
        "http://[10.0.2.2]:80",
        "http://[fd00::1]x:80",
        "http://a,b",
        "http://a b",
        "http://a;s=x",
    };
    char url[BASE_URL_MAX + 1] = "kept";
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(base_url_parse(bad[i], url, &e), -1);
        assert_non_null(strstr(e.text, "http://10.0.0.1:10200"));
    }
    assert_string_equal(url, "kept");
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(base_url_parse(good[i], url, &e), 0);
        assert_string_equal(url, good[i]);
    }
    char large[BASE_URL_MAX + 2] = "http://";
    memset(large + 7, 'a', sizeof large - 8);
    large[sizeof large - 1] = '\0';
    assert_int_equal(base_url_parse(large, url, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
}

static void test_urls(void **state)
{
    (void)state;
    const struct tag tag = { "web1" };
    const struct token token = { TOKEN };
    static const struct {
        void (*put)(struct buf *, const char *, const struct tag *, const struct token *);
        const char *want;
    } rows[] = {
        { seed_url, "http://h:1/web1/" TOKEN "/" },
        { phone_home_url, "http://h:1/web1/" TOKEN "/phone-home" },
        { report_url, "http://h:1/web1/" TOKEN "/report" },
        { seed_serial, "ds=nocloud-net;s=http://h:1/web1/" TOKEN "/" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        auto_buf struct buf b = BUF_INIT;
        rows[i].put(&b, "http://h:1", &tag, &token);
        assert_int_equal(buf_check(&b, NULL), 0);
        assert_string_equal(buf_str(&b), rows[i].want);
    }
}

static void test_doc_names(void **state)
{
    (void)state;
    assert_string_equal(seed_doc_name(SEED_META), "meta-data");
    assert_string_equal(seed_doc_name(SEED_USER), "user-data");
    assert_string_equal(seed_doc_name(SEED_VENDOR), "vendor-data");
    assert_string_equal(seed_doc_name(SEED_NETWORK), "network-config");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_url),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_doc_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
