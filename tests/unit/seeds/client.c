#include "seeds/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void test_parse(void **state)
{
    static const char *const good[] = { "cloud-init/22.4", "Cloud-Init/22.4.2",
                                        "cloud-init/25.1.4" };
    static const char *const bad[] = { "",
                                       "cloud-init",
                                       "cloud-init/22",
                                       "cloud-init/22.",
                                       "22.4",
                                       "cloud-init/22.4.",
                                       "ignition/2.1",
                                       "cloud-init/22.4x",
                                       "cloud-init/999999999.1" };
    struct client c;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_int_equal(client_parse(good[i], &c, &e), 0);
    assert_int_equal(c.major, 25);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(client_parse(bad[i], &c, &e), -1);
}

static void test_what_each_does(void **state)
{
    static const struct {
        const char *client;
        int documents;
        enum seed_doc first;
        bool waits, expands;
    } rows[] = { { "cloud-init/22.4", 3, SEED_META, false, false },
                 { "cloud-init/23.1", 3, SEED_META, false, true },
                 { "cloud-init/24.2", 3, SEED_META, false, true },
                 { "cloud-init/24.3", 4, SEED_NETWORK, false, true },
                 { "cloud-init/25.1", 4, SEED_NETWORK, true, true },
                 { "cloud-init/26.2", 4, SEED_NETWORK, true, true } };
    enum seed_doc docs[SEED_DOCS];
    struct client c;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(client_parse(rows[i].client, &c, NULL), 0);
        assert_int_equal(client_documents(&c, docs), rows[i].documents);
        assert_int_equal(docs[0], rows[i].first);
        assert_int_equal(client_waits(&c), rows[i].waits);
        assert_int_equal(client_expands(&c), rows[i].expands);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_what_each_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
