#include "model/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINiG9bsy8aNx0z2fM0+5qe1V0AGditev7+AGpvTsADYe"
#define WEAK                                                                                       \
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDjj5tlQCwcFtYQysAW9slzPAMw4w2Alb3niXy4rhpy3Rfe"          \
    "biIOI77ipmyphrvy9TD7cuS8ovVRjOF7hweruJIKs/lAcG1VdRK23M97GshgboPRe6XpwlWVV107"                  \
    "nghY8ZEXx5sorXFLww+B6jal51rr4jKIo9ozYv/CL2o8LRFAwQ=="
#define HASH                                                                                       \
    "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/"                                      \
    "jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"

static json_t *text(const char *s)
{
    json_t *j = json_loads(s, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    return j;
}

static void refused(const char *name, const char *s, const char *message)
{
    struct identity i = { .n_groups = 7 };
    struct err e = { 0 };
    json_t *j = text(s);
    assert_int_equal(identity_from_json(name, j, &i, &e), -1);
    assert_string_equal(e.text, message);
    assert_int_equal(i.n_groups, 7);
    json_decref(j);
}

static void test_canonical(void **state)
{
    (void)state;
    json_t *j =
        text("{\"sudo\": true, \"public-keys\": [\"" KEY " ops@desk\\n\", \"" KEY
             " ops@desk\"], \"password-hash\": \"" HASH "\", \"gecos\": \"Jörg\", "
             "\"shell\": \"/bin/sh\", \"home\": \"/srv/ops\", \"groups\": [\"adm\", \"_ssh\"]}");
    json_t *want =
        text("{\"sudo\": \"ALL=(ALL) NOPASSWD:ALL\", \"public-keys\": [\"" KEY
             " ops@desk\"], \"password-hash\": \"" HASH "\", \"gecos\": \"Jörg\", "
             "\"shell\": \"/bin/sh\", \"home\": \"/srv/ops\", \"groups\": [\"adm\", \"_ssh\"]}");
    struct identity i, again;
    struct err e;
    assert_int_equal(identity_from_json("ops", j, &i, &e), 0);
    assert_string_equal(i.name.s, "ops");
    json_t *got = identity_to_json(&i);
    assert_true(json_equal(got, want));
    assert_int_equal(identity_from_json("ops", got, &again, &e), 0);
    json_t *got2 = identity_to_json(&again);
    char *a = json_dumps(got, 0), *b = json_dumps(got2, 0);
    assert_string_equal(a, b);
    free(a);
    free(b);
    json_decref(j);
    json_decref(want);
    json_decref(got);
    json_decref(got2);
    identity_done(&i);
    identity_done(&again);
    identity_done(&again); /* and what is empty already */
}

static void test_least(void **state)
{
    (void)state;
    struct identity i;
    struct err e;
    json_t *j = text("{\"sudo\": false}");
    assert_int_equal(identity_from_json("_a-9", j, &i, &e), 0);
    assert_null(i.sudo);
    assert_null(i.password_hash);
    assert_int_equal(i.n_public_keys, 0);
    json_t *got = identity_to_json(&i);
    assert_int_equal(json_object_size(got), 0);
    json_decref(got);
    json_decref(j);
    identity_done(&i);
}

static void test_refused(void **state)
{
    (void)state;
    refused(
        "9a", "{}",
        "/identities/9a: \"9a\" is not a login name: 1 to 32 of a-z, 0-9, _ and -, a letter or _ "
        "first");
    refused("ops", "[]", "/identities/ops: expected a mapping, got a list");
    refused(
        "ops", "{\"public-key\": []}",
        "/identities/ops/public-key: unknown word \"public-key\", did you mean \"public-keys\"");
    refused("ops", "{\"public-keys\": \"x\"}",
            "/identities/ops/public-keys: expected a list, got a text");
    refused("ops", "{\"public-keys\": [\"" KEY "\", \"-----BEGIN OPENSSH PRIVATE KEY-----\"]}",
            "/identities/ops/public-keys/1: this is a private key: give the public one (the .pub "
            "file)");
    refused("ops", "{\"gecos\": \"a:b\"}",
            "/identities/ops/gecos: a colon or a control byte cannot stand here");
    refused("ops", "{\"gecos\": \"a\\nroot::0:0\"}",
            "/identities/ops/gecos: a colon or a control byte cannot stand here");
    refused("ops", "{\"shell\": \"bash\"}",
            "/identities/ops/shell: \"bash\" is not an absolute path without blanks");
    refused("ops", "{\"sudo\": \"ALL=(ALL) ALL\\nroot ALL\"}",
            "/identities/ops/sudo: only printable ASCII can stand here, on one line");
    refused("ops", "{\"sudo\": \"yes\"}",
            "/identities/ops/sudo: \"yes\" is not a rule of sudoers(5) such as \"ALL=(ALL) "
            "NOPASSWD:ALL\"");
    refused("ops", "{\"groups\": [\"adm\", \"adm\"]}",
            "/identities/ops/groups/1: \"adm\" is there twice");
    refused("ops", "{\"gecos\": 7}",
            "/identities/ops/gecos: expected a string, got the number 7 (put it in quotes)");
}

/* A password in the place of its hash must not come back in a message that is logged. */
static void test_password(void **state)
{
    (void)state;
    static const char *const bad[] = { "hunter2", "$1$salt$qJH7.N4xYta3aEG/dfqo/0",   "$6$",
                                       "$6$a b",  "$y$j9T$hunter2:x$aaaaaaaaaaaaaaa", "" };
    for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
        json_t *j = json_pack("{s:s}", "password-hash", bad[k]);
        struct identity i;
        struct err e;
        assert_int_equal(identity_from_json("ops", j, &i, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_non_null(strstr(e.text, "/identities/ops/password-hash: "));
        assert_null(strstr(e.text, "hunter2"));
        json_decref(j);
    }
    json_t *number = text("{\"password-hash\": 123456}");
    struct identity i;
    struct err e;
    assert_int_equal(identity_from_json("ops", number, &i, &e), -1);
    assert_null(strstr(e.text, "123456"));
    json_decref(number);
}

static void test_caps(void **state)
{
    (void)state;
    struct identity i;
    struct err e;
    json_t *keys = json_array(), *j = json_object();
    for (int k = 0; k <= IDENTITY_KEYS_MAX; k++)
        json_array_append_new(keys, json_string(KEY));
    json_object_set_new(j, "public-keys", keys);
    assert_int_equal(identity_from_json("ops", j, &i, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    json_array_remove(keys, 0);
    assert_int_equal(identity_from_json("ops", j, &i, &e), 0);
    assert_int_equal(i.n_public_keys, 1);
    identity_done(&i);
    json_decref(j);
}

/* The view has all but the hash, and names what is weak. */
static void test_view(void **state)
{
    (void)state;
    struct identity i;
    struct err e;
    char out[320];
    json_t *j = text("{\"public-keys\": [\"" KEY " ops@desk\", \"" WEAK " old\"], "
                     "\"password-hash\": \"" HASH "\", \"sudo\": true}");
    assert_int_equal(identity_from_json("ops", j, &i, &e), 0);
    assert_null(identity_weak_key(&i, 0, out));
    assert_string_equal(identity_weak_key(&i, 1, out),
                        "public key 2 (old) is an RSA key of fewer than 2048 bits, which can be "
                        "broken: make an ed25519 one");
    json_t *view = identity_view(&i), *keys = json_object_get(view, "keys");
    char *dump = json_dumps(view, 0);
    assert_null(strstr(dump, "saltsalt"));
    assert_string_equal(json_string_value(json_object_get(view, "password-hash")), "(set)");
    assert_int_equal(json_array_size(keys), 2);
    json_t *first = json_array_get(keys, 0), *second = json_array_get(keys, 1);
    assert_string_equal(json_string_value(json_object_get(first, "type")), "ssh-ed25519");
    assert_int_equal(json_integer_value(json_object_get(first, "bits")), 256);
    assert_string_equal(json_string_value(json_object_get(first, "comment")), "ops@desk");
    assert_null(json_object_get(first, "weakness"));
    assert_string_equal(json_string_value(json_object_get(second, "fingerprint")),
                        "SHA256:vX1qtVMOs0keDKnewbeQAyq4Bk8yFnQhafPXdHzPlP0");
    assert_int_equal(json_integer_value(json_object_get(second, "bits")), 1024);
    assert_non_null(json_object_get(second, "weakness"));
    free(dump);
    json_decref(view);
    json_decref(j);
    identity_done(&i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical), cmocka_unit_test(test_least),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_password),
        cmocka_unit_test(test_caps),      cmocka_unit_test(test_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
