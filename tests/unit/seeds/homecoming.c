#include "seeds/homecoming.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define ED "AAAAC3NzaC1lZDI1NTE5AAAAIF/faN16kTI69df7rgOyD2DPOUJZddMqdKL9emwpXXZJ"
#define EC_F                                                                                       \
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBNC0xsb8GxSDa%2Bwh8RX6%2FGvAMK01%"        \
    "2FbwmXjWbQQYUJU6ZXRDxeEudL7%2FwaiTQXZ541SnNFkUBwZFBQGF1I0u9YvI%3D"
#define ED_F    "AAAAC3NzaC1lZDI1NTE5AAAAIF%2FfaN16kTI69df7rgOyD2DPOUJZddMqdKL9emwpXXZJ"
#define ED25519 "pub_key_ed25519=ssh-ed25519+" ED_F "+root%40web1%0A"
#define ECDSA   "pub_key_ecdsa=ecdsa-sha2-nistp256+" EC_F "+root%40web1%0A"
#define ID      "&instance_id=iid-web1-1"

static struct homecoming got;

static int parse(const char *body, struct err *e)
{
    memset(&got, 0, sizeof got);
    return homecoming_parse(body, strlen(body), &got, e);
}

static void refused(const char *body, const char *words)
{
    struct err e = { 0 };

    got.iid[0] = '\0';
    if (parse(body, &e) != -1 || e.kind != ERR_INVALID || !strstr(e.text, words))
        fail_msg("\"%.60s\": \"%s\" has no \"%s\"", body, e.text, words);
    assert_string_equal(got.iid, "");
    for (int t = 0; t < HOSTKEY_TYPES; t++)
        assert_false(got.has[t]);
}

static void test_whole_form(void **state)
{
    (void)state;
    struct err e = { 0 };

    if (parse("pub_key_dsa=N%2FA&pub_key_rsa=&" ECDSA "&" ED25519 ID
              "&hostname=web1&fqdn=web1.lab.internal",
              &e) < 0)
        fail_msg("%s", e.text);
    assert_string_equal(got.iid, "iid-web1-1");
    assert_string_equal(got.hostname, "web1");
    assert_string_equal(got.fqdn, "web1.lab.internal");
    assert_false(got.has[HOSTKEY_DSA]);
    assert_false(got.has[HOSTKEY_RSA]);
    assert_true(got.has[HOSTKEY_ECDSA]);
    assert_true(got.has[HOSTKEY_ED25519]);
    assert_string_equal(got.keys[HOSTKEY_ED25519].blob, ED);
    assert_string_equal(got.keys[HOSTKEY_ECDSA].algorithm, "ecdsa-sha2-nistp256");
}

/* The per-boot script escapes every byte. */
static void test_every_byte_escaped(void **state)
{
    (void)state;
    char body[4096] = "pub_key_ed25519=";
    static const char line[] = "ssh-ed25519 " ED " root@web1\n";
    char *p = body + strlen(body);

    for (const char *s = line; *s; s++)
        p += sprintf(p, "%%%02x", (unsigned char)*s);
    strcpy(p, "&instance_id=%69id-web1-1&hostname=%77");
    assert_int_equal(parse(body, NULL), 0);
    assert_string_equal(got.keys[HOSTKEY_ED25519].blob, ED);
    assert_string_equal(got.iid, "iid-web1-1");
    assert_string_equal(got.hostname, "w");
}

static void test_names_are_hints(void **state)
{
    (void)state;
    assert_int_equal(parse(ED25519 ID "&hostname=a%0Ab&fqdn={{ x }}", NULL), 0);
    assert_string_equal(got.hostname, "");
    assert_string_equal(got.fqdn, "");
    assert_int_equal(parse(ED25519 ID "&hostname=N%2FA&fqdn=", NULL), 0);
    assert_string_equal(got.hostname, "");
    assert_int_equal(parse(ED25519 ID "&hostname=WEB_1", NULL), 0);
    assert_string_equal(got.hostname, "");
}

static void test_unknown_fields(void **state)
{
    (void)state;
    assert_int_equal(parse("x=1&x=2&&y&" ED25519 ID "&", NULL), 0);
    assert_string_equal(got.iid, "iid-web1-1");
}

static void test_refused(void **state)
{
    (void)state;
    refused("", "instance_id");
    refused(ED25519, "instance_id");
    refused("instance_id=iid-web1-1", "no SSH host key");
    refused("pub_key_rsa=N%2FA" ID, "no SSH host key");
    refused(ED25519 ID ID, "twice");
    refused(ED25519 "&" ED25519 ID, "twice");
    refused(ED25519 "&pub_key_rsa=N%2FA&pub_key_rsa=N%2FA" ID, "twice");
    refused("pub_key_rsa=ssh-ed25519+" ED_F ID, "pub_key_rsa");
    refused("pub_key_ed25519=ssh-ed25519+" EC_F ID, "pub_key_ed25519");
    refused("pub_key_ed25519=" ED_F ID, "pub_key_ed25519");
    refused(ED25519 "%0Assh-ed25519+" ED_F ID, "pub_key_ed25519");
    refused(ED25519 "&instance_id=", "instance_id");
    refused(ED25519 "&instance_id=N%2FA", "instance_id");
    refused(ED25519 "&instance_id=iid%0Aweb1", "instance_id");
    refused(ED25519 ID "&x=%", "escape");
    refused(ED25519 ID "&x=%00", "zero byte");
}

static void test_caps(void **state)
{
    (void)state;
    static char body[HOMECOMING_BODY_MAX + 2];
    struct err e = { 0 };
    char many[1024] = ED25519 ID;

    memset(body, 'a', sizeof body - 1);
    assert_int_equal(homecoming_parse(body, HOMECOMING_BODY_MAX + 1, &got, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    for (int i = 0; i < 70; i++)
        strcat(many, "&a=1");
    refused(many, "fields");
    char iid[256] = ED25519 "&instance_id=";
    auto_free char *longest = malloc(strlen(iid) + IID_MAX + 2);
    size_t n = (size_t)sprintf(longest, "%s", iid);
    memset(longest + n, 'i', IID_MAX + 1);
    longest[n + IID_MAX + 1] = '\0';
    refused(longest, "instance_id");
    longest[n + IID_MAX] = '\0';
    assert_int_equal(parse(longest, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_form),      cmocka_unit_test(test_every_byte_escaped),
        cmocka_unit_test(test_names_are_hints), cmocka_unit_test(test_unknown_fields),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_caps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
