#include "seeds/cidata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"

/* ECMA-119 section 8.4: the primary volume descriptor in sector 16, the volume identifier at 41. */
#define DESCRIPTOR (16 * 2048)
#define LABEL      (DESCRIPTOR + 40)

static void documents(struct buf docs[SEED_DOCS])
{
    buf_puts(&docs[SEED_META], "instance-id: iid-web1-1\n");
    buf_puts(&docs[SEED_USER], "#cloud-config\n{}\n");
    for (int i = 0; i < 5000; i++)
        buf_puts(&docs[SEED_VENDOR], "more than a sector of it\n");
}

static void documents_done(struct buf docs[SEED_DOCS])
{
    for (int d = 0; d < SEED_DOCS; d++)
        buf_done(&docs[d]);
}

static void test_form(void **state)
{
    (void)state;
    struct buf docs[SEED_DOCS] = { 0 };
    auto_buf struct buf b = BUF_INIT;

    documents(docs);
    assert_int_equal(cidata_render(docs, &b, NULL), 0);
    assert_int_equal(b.len % 2048, 0);
    assert_memory_equal(b.data + DESCRIPTOR, "\1CD001", 6);
    assert_memory_equal(b.data + LABEL, "CIDATA                          ", 32);
    /* Joliet's descriptor: the escape sequence %/E (UCS-2 level 3) at 89. */
    assert_memory_equal(b.data + DESCRIPTOR + 2048, "\2CD001", 6);
    assert_memory_equal(b.data + DESCRIPTOR + 2048 + 88, "%/E", 3);
    assert_non_null(memmem(b.data, b.len, "IEEE_1282", 9)); /* Rock Ridge 1.12 */
    for (int d = 0; d < SEED_DOCS; d++) {
        const char *name = seed_doc_name((enum seed_doc)d);
        assert_non_null(memmem(b.data, b.len, name, strlen(name)));
        assert_true(!docs[d].len || memmem(b.data, b.len, docs[d].data, docs[d].len));
    }
    documents_done(docs);
}

/* Whenever, wherever, after whatever: the same bytes. */
static void test_deterministic(void **state)
{
    (void)state;
    struct buf docs[SEED_DOCS] = { 0 };
    auto_buf struct buf a = BUF_INIT;
    auto_buf struct buf b = BUF_INIT;
    auto_buf struct buf other = BUF_INIT;

    documents(docs);
    setenv("TZ", "UTC", 1);
    tzset();
    assert_int_equal(cidata_render(docs, &a, NULL), 0);
    setenv("TZ", "Asia/Kathmandu", 1);
    tzset();
    buf_puts(&docs[SEED_NETWORK], "version: 2\n");
    assert_int_equal(cidata_render(docs, &other, NULL), 0);
    docs[SEED_NETWORK].len = 0;
    for (time_t t = time(NULL); time(NULL) == t;) /* into the next second */
        ;
    assert_int_equal(cidata_render(docs, &b, NULL), 0);
    unsetenv("TZ");
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    assert_true(other.len != a.len || memcmp(other.data, a.data, a.len) != 0);
    documents_done(docs);
}

static void test_full(void **state)
{
    (void)state;
    struct buf docs[SEED_DOCS] = { 0 };
    auto_buf struct buf small = { .cap = 4096 };
    struct err e = { 0 };

    documents(docs);
    assert_int_equal(cidata_render(docs, &small, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    documents_done(docs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
