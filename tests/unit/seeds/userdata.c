#include "seeds/userdata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "seeds/gunzip.h"

#define C                      "#cloud-config\n"
#define MIME_HEAD              "Content-Type: multipart/mixed;\n boundary=\"b 1\"\nMIME-Version: 1.0\n\n"
#define PART(type, more, body) "--b 1\nContent-Type: " type "\n" more "\n" body "\n"
#define MIME_END               "--b 1--\n"

enum { USERS = 1, HOME = 2, OFF = 4, OPAQUE = 8, WARNED = 16 };

static const struct {
    const char *text;
    enum userdata_form form;
    int facts;
} cases[] = {
    { "", USERDATA_NONE, 0 },
    { C, USERDATA_CONFIG, 0 },
    { C "packages: [git]\n", USERDATA_CONFIG, 0 },
    { " \n#Cloud-Config\nusers: []\n", USERDATA_CONFIG, USERS },
    { C "users: [default, {name: alice}]\n", USERDATA_CONFIG, USERS },
    { C "phone_home: {url: http://x/}\n", USERDATA_CONFIG, HOME },
    { C "users: [a]\nphone_home: {tries: 3}\n", USERDATA_CONFIG, USERS | HOME },
    { C "write_files: [{content: 'users:'}]\n", USERDATA_CONFIG, 0 },
    { C "vendor_data: {enabled: false}\n", USERDATA_CONFIG, OFF | WARNED },
    { C "vendor_data: {enabled: no}\n", USERDATA_CONFIG, OFF | WARNED },
    { C "vendor_data: off\n", USERDATA_CONFIG, OFF | WARNED },
    { C "vendor_data: {enabled: yes}\n", USERDATA_CONFIG, 0 },
    { C "vendor_data: {enabled: true, prefix: x}\n", USERDATA_CONFIG, 0 },
    { C "vendor_data: {disabled_handlers: [text/x-shellscript]}\n", USERDATA_CONFIG, WARNED },
    { C "cloud_final_modules: [scripts-user]\n", USERDATA_CONFIG, WARNED },
    { C "cloud_final_modules: [scripts-user, [phone_home, always]]\n", USERDATA_CONFIG, 0 },
    /* YAML that cloud-init reads and roost does not */
    { C "a: &x 1\nb: *x\n", USERDATA_CONFIG, HOME | OPAQUE },
    { C "a: &x 1\nusers: [{name: q, uid: *x}]\n", USERDATA_CONFIG, USERS | HOME | OPAQUE },
    { C "write_files: [{content: !!binary YQ==}]\n", USERDATA_CONFIG, HOME | OPAQUE },
    { "#!/bin/sh\nusers:\n", USERDATA_SCRIPT, 0 },
    { "## template: jinja\n#cloud-config\na: {{ b }}\n", USERDATA_JINJA, HOME | OPAQUE },
    { "## template: jinja\n#cloud-config\nusers:\n- {{ b }}\n", USERDATA_JINJA,
      USERS | HOME | OPAQUE },
    { "\x1f\x8b\x08 and more", USERDATA_GZIP, HOME | OPAQUE | WARNED },
    { "#include http://x/\n", USERDATA_OTHER, HOME | OPAQUE },
    { "#cloud-config-archive\n- a\n", USERDATA_OTHER, HOME | OPAQUE },
    { "#part-handler\n", USERDATA_OTHER, HOME | OPAQUE },
    { "#cloud-boothook\n", USERDATA_OTHER, 0 },
    { "users: []\n", USERDATA_UNMARKED, WARNED },
    { "\xff\xfe", USERDATA_UNMARKED, WARNED },
    /* MIME */
    { MIME_HEAD PART("text/cloud-config", "", "users: [a]") MIME_END, USERDATA_MIME, USERS },
    { MIME_HEAD PART("text/cloud-config", "", "users: [a]")
          PART("text/cloud-config", "", "phone_home: {url: x}") MIME_END,
      USERDATA_MIME, USERS | HOME },
    { MIME_HEAD PART("text/x-shellscript", "", "#!/bin/sh\n") MIME_END, USERDATA_MIME, 0 },
    { MIME_HEAD PART("text/x-shellscript", "", C "users: [a]") MIME_END, USERDATA_MIME, USERS },
    { MIME_HEAD PART("text/plain", "", C "users: [a]") MIME_END, USERDATA_MIME, USERS },
    { MIME_HEAD "--b 1\r\n\r\n" C "users: [a]\r\n--b 1--\r\n", USERDATA_MIME, USERS },
    { MIME_HEAD PART("TEXT/cloud-config; charset=us-ascii", "Content-Transfer-Encoding: BASE64\n",
                     "dXNlcnM6\nIFthXQo=") MIME_END,
      USERDATA_MIME, USERS },
    { MIME_HEAD PART("text/cloud-config", "Content-Transfer-Encoding: base64\n", "!!") MIME_END,
      USERDATA_MIME, HOME | OPAQUE },
    { MIME_HEAD PART("text/cloud-config", "Content-Transfer-Encoding: quoted-printable\n", "a: b")
          MIME_END,
      USERDATA_MIME, HOME | OPAQUE },
    { MIME_HEAD PART("multipart/mixed; boundary=c", "", "--c\n\n--c--") MIME_END, USERDATA_MIME,
      HOME | OPAQUE },
    { MIME_HEAD PART("text/x-include-url", "", "http://x/") MIME_END, USERDATA_MIME,
      HOME | OPAQUE },
    { MIME_HEAD PART("application/gzip", "", "\x1f\x8b\x08") MIME_END, USERDATA_MIME,
      HOME | OPAQUE | WARNED },
    { MIME_HEAD PART("text/cloud-config", "", "a: b"), USERDATA_MIME, HOME | OPAQUE },
    { "MIME-Version: 1.0\nContent-Type: multipart/mixed\n\n--b\n", USERDATA_MIME, HOME | OPAQUE },
    { "Content-Type: text/cloud-config\nMIME-Version: 1.0\n\nusers: [a]\n", USERDATA_MIME, USERS },
    /* cloud-init takes this for MIME too: the words stand in its first 4096 bytes */
    { "#!/bin/sh\necho 'Mime-Version: 1.0'\n", USERDATA_MIME, WARNED },
};

static int facts_of(const struct userdata_facts *f)
{
    return (f->has_users ? USERS : 0) | (f->has_phone_home ? HOME : 0) | (f->vendor_off ? OFF : 0) |
           (f->opaque ? OPAQUE : 0) | (f->warning[0] ? WARNED : 0);
}

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct userdata_facts f;
        struct err e = { 0 };
        if (userdata_inspect(cases[i].text, strlen(cases[i].text), &f, &e) < 0)
            fail_msg("%s\n%s", cases[i].text, e.text);
        if (f.form != cases[i].form || facts_of(&f) != cases[i].facts)
            fail_msg("%s\n%s, facts %d instead of %d, %s", cases[i].text,
                     userdata_form_name(f.form), facts_of(&f), cases[i].facts, f.warning);
    }
}

static void refused(const char *text, size_t len, enum err_kind kind, const char *words)
{
    struct userdata_facts f = { .form = USERDATA_OTHER };
    struct err e = { 0 };

    if (userdata_inspect(text, len, &f, &e) != -1 || e.kind != kind || !strstr(e.text, words))
        fail_msg("%.100s: \"%s\" has no \"%s\"", text, e.text, words);
    assert_int_equal(f.form, USERDATA_OTHER);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } bad[] = {
        { C "a: b\nusers: default, alice\n", "user-data:3: users is no list" },
        { C "users: {alice: true}\n", "users is a mapping" },
        { C "users:\n", "users is no list" },
        { C "a: [b\nc: d\n", "user-data:" },
        { C "- a\n", "mapping" },
        { C "a: \x01\n", "user-data:2" },
        { MIME_HEAD PART("text/cloud-config", "", "users: a") MIME_END, "users" },
        { MIME_HEAD PART("text/cloud-config", "", "a: [") MIME_END, "user-data:" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        refused(bad[i].text, strlen(bad[i].text), ERR_INVALID, bad[i].words);
}

/* One gzip member behind what stands in out. */
static size_t pack(const char *text, size_t len, char *out, size_t size)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)len };

    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)size;
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return size - z.avail_out;
}

/* Every case again, gzipped: the same facts; and what is refused is refused. */
static void test_gzipped(void **state)
{
    (void)state;
    char packed[4096];
    struct userdata_facts f;
    struct err e = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t n = pack(cases[i].text, strlen(cases[i].text), packed, sizeof packed);
        if (userdata_inspect(packed, n, &f, &e) < 0)
            fail_msg("%s\n%s", cases[i].text, e.text);
        assert_int_equal(f.form, USERDATA_GZIP);
        if (cases[i].form == USERDATA_GZIP) /* unpacked once only */
            assert_true(f.opaque && f.has_phone_home);
        else if (cases[i].form != USERDATA_NONE && facts_of(&f) != cases[i].facts)
            fail_msg("%s\nfacts %d instead of %d, %s", cases[i].text, facts_of(&f), cases[i].facts,
                     f.warning);
    }
    size_t n =
        pack(C "a: b\nusers: {a: b}\n", strlen(C "a: b\nusers: {a: b}\n"), packed, sizeof packed);
    refused(packed, n, ERR_INVALID, "unpacked: user-data:3: users is a mapping");
    /* Cut off at any place: never refused, never believed. */
    for (size_t cut = 2; cut < n; cut++) {
        assert_int_equal(userdata_inspect(packed, cut, &f, &e), 0);
        assert_true(f.opaque && f.warning[0]);
    }
    /* Two members are one text (section 2.2); what follows them is nothing. */
    n = pack(C "users: ", strlen(C "users: "), packed, sizeof packed);
    n += pack("[a]\n", 4, packed + n, sizeof packed - n);
    memcpy(packed + n, "rest", 4);
    assert_int_equal(userdata_inspect(packed, n + 4, &f, &e), 0);
    assert_int_equal(facts_of(&f), USERS);
}

/* A kilobyte that unpacks to a gigabyte costs a megabyte. */
static void test_gzip_bomb(void **state)
{
    (void)state;
    size_t len = 64 << 20;
    auto_free char *zeros = calloc(1, len), *packed = malloc(1 << 20);
    struct userdata_facts f;
    struct err e = { 0 };
    struct buf out = BUF_INIT;
    size_t n = pack(zeros, len, packed, 1 << 20);

    assert_int_equal(userdata_inspect(packed, n, &f, &e), 0);
    assert_true(f.opaque && f.has_phone_home && f.form == USERDATA_GZIP);
    assert_int_equal(gunzip(packed, n, 1 << 20, &out, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    assert_true(out.size <= 4 << 20);
    buf_done(&out);
    n = pack(zeros, 1 << 20, packed, 1 << 20);
    assert_int_equal(gunzip(packed, n, 1 << 20, &out, &e), 0);
    assert_int_equal(out.len, 1 << 20);
    buf_done(&out);
}

static void test_caps(void **state)
{
    (void)state;
    size_t len = (1u << 20) + 1;
    auto_free char *big = malloc(len);
    struct userdata_facts f;

    memset(big, '\n', len);
    memcpy(big, C, strlen(C));
    refused(big, len, ERR_TOO_BIG, "1048577 bytes");
    assert_int_equal(userdata_inspect(big, len - 1, &f, NULL), 0);
    assert_int_equal(userdata_inspect(NULL, 0, &f, NULL), 0);
    assert_int_equal(f.form, USERDATA_NONE);
}

/* Vendor-data is looked at in the same way, but roost has to carry it. */
static void test_vendor_data(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words; /* refused with them */
    } bad[] = {
        { C "users: {alice: true}\n", "vendor-data:2: users is a mapping" },
        { C "a: b\nvendor_data: {enabled: true}\n", "vendor-data:3: vendor_data says" },
        { C "a: [b\nc: d\n", "vendor-data:" },
        { C "- a\n", "vendor-data: a cloud-config must be a mapping" },
        { "\x1f\x8b\x08 and more", "vendor-data: it is damaged" },
        { MIME_HEAD PART("text/cloud-config", "", "a: b"), "cannot take apart" },
        { MIME_HEAD PART("multipart/mixed; boundary=c", "", "--c\n\n--c--") MIME_END,
          "cannot take apart" },
        { MIME_HEAD PART("text/plain", "Content-Transfer-Encoding: quoted-printable\n", "a")
              MIME_END,
          "7bit, 8bit or base64" },
    };
    static const char per_boot[] =
        MIME_HEAD PART("text/x-shellscript-per-boot", "", "#!/bin/sh\n") MIME_END;
    struct userdata_facts f = { .form = USERDATA_OTHER }, user;
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        e = (struct err){ 0 };
        if (vendordata_inspect(bad[i].text, strlen(bad[i].text), &f, &e) != -1 ||
            e.kind != ERR_INVALID || !strstr(e.text, bad[i].words))
            fail_msg("%s: \"%s\" has no \"%s\"", bad[i].text, e.text, bad[i].words);
        assert_int_equal(f.form, USERDATA_OTHER);
    }
    assert_int_equal(vendordata_inspect(per_boot, sizeof per_boot - 1, &f, &e), 0);
    assert_non_null(strstr(f.warning, "never runs"));
    assert_int_equal(userdata_inspect(per_boot, sizeof per_boot - 1, &user, &e), 0);
    assert_string_equal(user.warning, "");
    assert_int_equal(vendordata_inspect(C "users: []\nphone_home: {}\n",
                                        strlen(C "users: []\nphone_home: {}\n"), &f, &e), 0);
    userdata_join(&user, &f);
    assert_int_equal(facts_of(&user), USERS | HOME);
}

/* More parts than the cap: the rest is not read, so anything may be in it. */
static void test_many_parts(void **state)
{
    (void)state;
    char text[8192] = MIME_HEAD;
    struct userdata_facts f;

    for (int i = 0; i < 70; i++)
        strcat(text, PART("text/x-shellscript", "", "#!/bin/sh"));
    strcat(text, MIME_END);
    assert_int_equal(userdata_inspect(text, strlen(text), &f, NULL), 0);
    assert_true(f.opaque);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_gzipped), cmocka_unit_test(test_gzip_bomb),
        cmocka_unit_test(test_caps),    cmocka_unit_test(test_many_parts),
        cmocka_unit_test(test_vendor_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
