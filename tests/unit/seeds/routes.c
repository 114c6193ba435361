#include "seeds/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define T      "0123456789abcdef0123456789abcdef"
#define WRONG  "--------------------------------"
#define HOLDER "__dmi.chassis-asset-tag__"

/* What clients were seen to ask, and what strangers might. */
static const struct {
    const char *path, *query;
    enum route_kind kind;
    enum seed_doc doc;
    enum claim claim;
    const char *claimed, *token;
} cases[] = {
    { "/", NULL, ROUTE_ROOT, 0, CLAIM_NONE, "", NULL },
    { "//", "", ROUTE_ROOT, 0, CLAIM_NONE, "", NULL },
    { "/web1/" T "/meta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_TAG, "web1", T },
    { "/web1/" T "/user-data", NULL, ROUTE_SEED, SEED_USER, CLAIM_TAG, "web1", T },
    { "/web1/" T "/vendor-data", NULL, ROUTE_SEED, SEED_VENDOR, CLAIM_TAG, "web1", T },
    { "/web1/" T "/network-config", NULL, ROUTE_SEED, SEED_NETWORK, CLAIM_TAG, "web1", T },
    { "/web1/meta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_TAG, "web1", NULL },
    { "//web1//" T "//meta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_TAG, "web1", T },
    { "/web1/" T "/meta-data/", NULL, ROUTE_SEED, SEED_META, CLAIM_TAG, "web1", T },
    /* 22.4.2 glues the name on where the URL has no slash at its end */
    { "/web1meta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_TAG, "web1", NULL },
    { "/web1/" T "user-data", NULL, ROUTE_SEED, SEED_USER, CLAIM_TAG, "web1", T },
    { "/" HOLDER "meta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_PLACEHOLDER, HOLDER, NULL },
    { "/" HOLDER "/vendor-data", NULL, ROUTE_SEED, SEED_VENDOR, CLAIM_PLACEHOLDER, HOLDER, NULL },
    { "/" HOLDER "/" T "/user-data", NULL, ROUTE_SEED, SEED_USER, CLAIM_PLACEHOLDER, HOLDER, T },
    { "/" HOLDER "/" T "user-data", NULL, ROUTE_SEED, SEED_USER, CLAIM_PLACEHOLDER, HOLDER, T },
    { "/meta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_NONE, "", NULL },
    /* the name in the query */
    { "/seed", "tag=web1&token=" T "&f=meta-data", ROUTE_SEED, SEED_META, CLAIM_TAG, "web1", T },
    { "/", "tag=web1&f=user-data", ROUTE_SEED, SEED_USER, CLAIM_TAG, "web1", NULL },
    { "/seed", "h=db&tag=web%31&f=user-data", ROUTE_SEED, SEED_USER, CLAIM_TAG, "web1", NULL },
    { "/seed", "tag=web1meta-data", ROUTE_SEED, SEED_META, CLAIM_TAG, "web1", NULL },
    { "/seed", "tag=web1&token=" T "user-data", ROUTE_SEED, SEED_USER, CLAIM_TAG, "web1", T },
    { "/web1/" T "/", "f=vendor-data", ROUTE_SEED, SEED_VENDOR, CLAIM_TAG, "web1", T },
    { "/seed", "f=meta-data", ROUTE_SEED, SEED_META, CLAIM_NONE, "", NULL },
    { "/seed/meta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_TAG, "seed", NULL },
    /* the first of a doubled key counts, the path before the query */
    { "/web1/meta-data", "tag=web2", ROUTE_SEED, SEED_META, CLAIM_TAG, "web1", NULL },
    { "/seed", "tag=a&tag=b&f=meta-data", ROUTE_SEED, SEED_META, CLAIM_TAG, "a", NULL },
    { "/seed", "tag=web1&f=passwd", ROUTE_NONE, 0, CLAIM_NONE, "", NULL },
    { "/seed", "tag=web1", ROUTE_NONE, 0, CLAIM_NONE, "", NULL },
    /* escapes are decoded once */
    { "/w%65b1/meta%2Ddata", NULL, ROUTE_SEED, SEED_META, CLAIM_TAG, "web1", NULL },
    { "/web1%2F" T "%2Fmeta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_TAG, "web1", T },
    { "/web%2531/meta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_FILLER, "web%31", NULL },
    /* no tag at all */
    { "/Default%20string/meta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_FILLER, "Default string",
      NULL },
    { "/None/" T "/meta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_FILLER, "None", T },
    { "/a%0ab/meta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_FILLER, "a?b", NULL },
    { "/../meta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_FILLER, "..", NULL },
    /* what was meant as a token and is none equals none */
    { "/web1/nonsense/meta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_TAG, "web1", WRONG },
    { "/web1/0123456789ABCDEF0123456789ABCDEF/meta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_TAG,
      "web1", WRONG },
    { "/seed", "tag=web1&token=&f=meta-data", ROUTE_SEED, SEED_META, CLAIM_TAG, "web1", WRONG },
    /* posts */
    { "/web1/" T "/phone-home", NULL, ROUTE_HOME, 0, CLAIM_TAG, "web1", T },
    { "/web1/" T "/phone-home/", NULL, ROUTE_HOME, 0, CLAIM_TAG, "web1", T },
    { "/web1/phone-home", NULL, ROUTE_HOME, 0, CLAIM_TAG, "web1", NULL },
    { "/web1/" T "/report", NULL, ROUTE_REPORT, 0, CLAIM_TAG, "web1", T },
    { "/phone-home", NULL, ROUTE_HOME, 0, CLAIM_NONE, "", NULL },
    /* a proxy's form (RFC 9112 section 3.2.2) */
    { "http://h:1/web1/meta-data", NULL, ROUTE_SEED, SEED_META, CLAIM_TAG, "web1", NULL },
    { "http://h:1", NULL, ROUTE_ROOT, 0, CLAIM_NONE, "", NULL },
    /* not ours */
    { "/favicon.ico", NULL, ROUTE_NONE, 0, CLAIM_NONE, "", NULL },
    { "/web1", NULL, ROUTE_NONE, 0, CLAIM_NONE, "", NULL },
    { "/web1/meta-data2", NULL, ROUTE_NONE, 0, CLAIM_NONE, "", NULL },
    { "/web1/" T "/x/meta-data", NULL, ROUTE_NONE, 0, CLAIM_NONE, "", NULL },
    { "/a/b/c/d/e/f/meta-data", NULL, ROUTE_NONE, 0, CLAIM_NONE, "", NULL },
};

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct route r;
        struct err e = { 0 };
        if (route_parse(cases[i].path, cases[i].query, &r, &e) < 0 || r.kind != cases[i].kind ||
            r.claim != cases[i].claim || strcmp(r.claimed, cases[i].claimed) != 0 ||
            r.has_token != (cases[i].token != NULL) ||
            (r.kind == ROUTE_SEED && r.doc != cases[i].doc) ||
            (r.claim == CLAIM_TAG && strcmp(r.tag.s, cases[i].claimed) != 0) ||
            (r.has_token && strcmp(r.token.s, cases[i].token) != 0))
            fail_msg("%s ? %s: kind %d claim %d \"%s\" token %s %s", cases[i].path,
                     cases[i].query ? cases[i].query : "-", (int)r.kind, (int)r.claim, r.claimed,
                     r.has_token ? r.token.s : "-", e.text);
    }
}

static void refused(const char *path, const char *query, enum err_kind kind)
{
    struct route r = { .kind = ROUTE_REPORT };
    struct err e = { 0 };

    if (route_parse(path, query, &r, &e) != -1 || e.kind != kind)
        fail_msg("%s ? %s was taken, or refused as %s", path, query ? query : "-",
                 err_kind_name(e.kind));
    assert_int_equal(r.kind, ROUTE_REPORT); /* untouched on failure */
}

static void test_refused(void **state)
{
    (void)state;
    char longest[ROUTE_TARGET_MAX + 2];

    refused("/web1%/meta-data", NULL, ERR_INVALID);
    refused("/web1%zz/meta-data", NULL, ERR_INVALID);
    refused("/web1%00/meta-data", NULL, ERR_INVALID);
    refused("/\xff/meta-data", NULL, ERR_INVALID);
    refused("/%c3%28/meta-data", NULL, ERR_INVALID);
    refused("/seed", "tag=%&f=meta-data", ERR_INVALID);
    refused("*", NULL, ERR_INVALID);
    refused("", NULL, ERR_INVALID);
    memset(longest, 'a', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    refused(longest, NULL, ERR_TOO_BIG);
    longest[sizeof longest - 2] = '\0';
    struct route r;
    assert_int_equal(route_parse(longest, NULL, &r, NULL), 0);
    refused(longest, "x", ERR_TOO_BIG);
}

/* A claim is shown to people: cut at its field, never through the end of it. */
static void test_long_claim(void **state)
{
    (void)state;
    char path[400];
    struct route r;

    memset(path, 'x', sizeof path);
    path[0] = '/';
    memcpy(path + 300, "/meta-data", sizeof "/meta-data");
    assert_int_equal(route_parse(path, NULL, &r, NULL), 0);
    assert_int_equal(r.claim, CLAIM_FILLER);
    assert_int_equal(strlen(r.claimed), sizeof r.claimed - 1);
}

/* What a machine says of itself beside its tag; placeholders that nobody expanded say nothing. */
static void test_marks(void **state)
{
    (void)state;
    static const struct {
        const char *path, *query, *marks;
    } rows[] = {
        { "/seed", "tag=Default+string&uuid=4C4C4544-0042-3510-8031-B4C04F4E3732&serial=&f=meta-data",
          "uuid 4c4c4544-0042-3510-8031-b4c04f4e3732" },
        { "/seed", "tag=web1&uuid=x&serial=CZC%201&mac=52:54:00:aa:bb:cc&f=meta-data",
          "serial CZC 1, MAC 52:54:00:aa:bb:cc" },
        { "/seed", "tag=web1&serial=CZC1meta-data", "serial CZC1" },
        { "/seed",
          "tag=web1&uuid=__dmi.system-uuid__&serial=__dmi.system-serial-number__&f=meta-data", "" },
        { "/VMware-42%201a/meta-data", NULL, "serial VMware-42 1a" },
        { "/52:54:00:aa:bb:cc/meta-data", NULL, "MAC 52:54:00:aa:bb:cc" },
        { "/Default%20string/meta-data", NULL, "" },
        { "/__dmi.chassis-asset-tag__/meta-data", NULL, "" },
        { "/web1/meta-data", NULL, "" },
    };
    char text[MARKS_TEXT];
    struct route r;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(route_parse(rows[i].path, rows[i].query, &r, NULL), 0);
        assert_int_equal(r.kind, ROUTE_SEED);
        assert_string_equal(marks_format(&r.marks, text), rows[i].marks);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long_claim),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
