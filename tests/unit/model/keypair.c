#include "model/keypair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

/* Made by OpenSSH 9.2's ssh-keygen, each with its .pub. */
static const char plain[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
    "QyNTUxOQAAACDHBlKjYzhKBzA3enSk9ui3eQfWk+ZoDscEEhGhDqTYkwAAAIjLaq4Hy2qu\n"
    "BwAAAAtzc2gtZWQyNTUxOQAAACDHBlKjYzhKBzA3enSk9ui3eQfWk+ZoDscEEhGhDqTYkw\n"
    "AAAEDKzyihTg5ZkWU7lN/rb+XgRzbeZxTWx8ZCysxTPbCxvMcGUqNjOEoHMDd6dKT26Ld5\n"
    "B9aT5mgOxwQSEaEOpNiTAAAABHRlc3QB\n"
    "-----END OPENSSH PRIVATE KEY-----\n";
static const char plain_pub[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMcGUqNjOEoHMDd6dKT26Ld5B9aT5mgOxwQSEaEOpNiT";
static const char ecdsa[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS\n"
    "1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQT4QORX9G0N57t6EJyEPE/q8bJT3mL1\n"
    "mkb9NbtoTiMp7OnjbVMgDyPJFQMxe+8JWhXJzwo3ozxHg5PIEQ46pMM0AAAAoLGKrlmxiq\n"
    "5ZAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPhA5Ff0bQ3nu3oQ\n"
    "nIQ8T+rxslPeYvWaRv01u2hOIyns6eNtUyAPI8kVAzF77wlaFcnPCjejPEeDk8gRDjqkwz\n"
    "QAAAAgbBuaQPqOT0qhXQPUO9q+PZ4bvls7si5PESDJZIXzl9IAAAAEdGVzdAECAwQ=\n"
    "-----END OPENSSH PRIVATE KEY-----\n";
static const char ecdsa_pub[] =
    "ecdsa-sha2-nistp256 "
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPhA5Ff0bQ3nu3oQnIQ8T+"
    "rxslPeYvWaRv01u2hOIyns6eNtUyAPI8kVAzF77wlaFcnPCjejPEeDk8gRDjqkwzQ=";
static const char locked[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABDCit9MIk\n"
    "vkcYDoCxVJzC8wAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIFEowDrNOuZABxaz\n"
    "2EcoWv3s/wvbpVGt4jjrXJp1UKhTAAAAkAiTunKQBO7iGZZG7HJevzjPkI4LuUKdrMt0d+\n"
    "1ZXQquZF+Okmh4kAm5MW8yE7XgmMHkpYnjzuMQZEhcqG1ljnLcSUOuDO0VbQmJvosswjhl\n"
    "8DLSKzmsCK8XdAoa/4hRRbgSyEQ0e9I3Z5wuMTASi80ALHsSKn9ddOcfwvG1hpdQquO7/+\n"
    "LhwakEbFSuMekFdg==\n"
    "-----END OPENSSH PRIVATE KEY-----\n";

static void expect_public(const char *text, const char *want)
{
    char line[HOSTKEY_B64_MAX + 64];
    struct hostkey key;
    struct err e = { 0 };

    if (keypair_public(text, strlen(text), &key, &e) < 0)
        fail_msg("%s", e.text);
    hostkey_line(&key, line, sizeof line);
    assert_string_equal(line, want);
}

static void expect_refused(const char *text, size_t len, const char *why)
{
    struct hostkey key;
    struct err e = { 0 };

    assert_int_equal(keypair_public(text, len, &key, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    if (!strstr(e.text, why))
        fail_msg("no \"%s\" in %s", why, e.text);
}

static void test_reads_openssh_s(void **state)
{
    (void)state;
    expect_public(plain, plain_pub);
    expect_public(ecdsa, ecdsa_pub);
}

static void test_refuses_a_passphrase(void **state)
{
    (void)state;
    expect_refused(locked, strlen(locked), "has a passphrase");
}

static void test_refuses_what_is_none(void **state)
{
    static const char pem[] =
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n";
    static const char empty[] =
        "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n";

    (void)state;
    expect_refused("", 0, "no private key");
    expect_refused(plain_pub, strlen(plain_pub), "no private key");
    expect_refused(pem, strlen(pem), "no private key");
    expect_refused(empty, strlen(empty), "no private key");
}

/* Cut anywhere in front of the end of its public half, it is none; nothing is read beyond. */
static void test_cut_short(void **state)
{
    char cut[sizeof plain + 64];
    const char *body = strchr(plain, '\n') + 1;

    (void)state;
    for (size_t n = 0; n <= 120; n++) {
        int len = snprintf(cut, sizeof cut, "%.*s%.*s\n-----END OPENSSH PRIVATE KEY-----\n",
                           (int)(body - plain), plain, (int)n, body);
        expect_refused(cut, (size_t)len, "no private key");
    }
}

static void test_makes_another_each_time(void **state)
{
    auto_buf struct buf a = BUF_INIT, b = BUF_INIT;
    struct hostkey of_a, of_b;
    struct err e = { 0 };

    (void)state;
    assert_int_equal(keypair_make("roost", &a, &e), 0);
    assert_int_equal(keypair_make("roost", &b, &e), 0);
    assert_int_equal(keypair_public(buf_str(&a), a.len, &of_a, &e), 0);
    assert_int_equal(keypair_public(buf_str(&b), b.len, &of_b, &e), 0);
    assert_int_equal(of_a.type, HOSTKEY_ED25519);
    assert_false(hostkey_equal(&of_a, &of_b));
    assert_int_equal(
        keypair_make("a comment that is longer than sixty-four bytes, which is the most "
                     "of it",
                     &a, &e),
        -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_openssh_s),         cmocka_unit_test(test_refuses_a_passphrase),
        cmocka_unit_test(test_refuses_what_is_none),    cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_makes_another_each_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
