#include "ansible/sshconfig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct host_defaults both = { "/srv/known_hosts", "/srv/key" };

static struct host web1(const char *ssh)
{
    struct host h = {
        .name = { "web1" }, .user = "ops", .state = "homed", .image = "", .network = ""
    };

    if (ssh)
        assert_int_equal(endpoint_parse(ssh, &h.ssh, NULL), 0);
    return h;
}

static void assert_entry(const struct host *h, const struct host_defaults *d, const char *want)
{
    auto_buf struct buf out = BUF_INIT;

    sshconfig_add(&out, h, d);
    assert_string_equal(buf_str(&out), want);
}

static void test_whole(void **state)
{
    (void)state;
    struct host h = web1("[fd00::5]:2222");

    assert_entry(&h, &both,
                 "\nHost web1\n"
                 "    HostName fd00::5\n"
                 "    Port 2222\n"
                 "    User ops\n"
                 "    HostKeyAlias web1\n"
                 "    UserKnownHostsFile /srv/known_hosts\n"
                 "    StrictHostKeyChecking yes\n"
                 "    CheckHostIP no\n"
                 "    IdentityFile /srv/key\n"
                 "    IdentitiesOnly yes\n");
}

static void test_bare(void **state)
{
    (void)state;
    static const struct host_defaults none = { "", "" };
    struct host h = web1("10.0.0.1:22");

    h.user = "";
    assert_entry(&h, &none,
                 "\nHost web1\n"
                 "    HostName 10.0.0.1\n"
                 "    Port 22\n"
                 "    HostKeyAlias web1\n"
                 "    StrictHostKeyChecking yes\n"
                 "    CheckHostIP no\n");
}

/* An entry without HostName would send ssh to whoever has the name in DNS. */
static void test_no_address(void **state)
{
    (void)state;
    auto_buf struct buf out = BUF_INIT;
    struct host h = web1(NULL);

    sshconfig_add(&out, &h, &both);
    for (const char *s = buf_str(&out); *s; s = strchr(s, '\n') + 1)
        assert_true(*s == '#' || *s == '\n');
    assert_non_null(strstr(buf_str(&out), "web1: no address"));
}

static void test_users_that_ssh_cannot_be_told(void **state)
{
    (void)state;
    static const char *const users[] = {
        "{{ site_user }}", "a b", "-oProxyCommand=x", "%h", "a\nb", "a\"b", "a#b", "\xc3\xbc"
    };

    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
        auto_buf struct buf out = BUF_INIT;
        struct host h = web1("10.0.0.1:22");
        h.user = users[i];
        sshconfig_add(&out, &h, &both);
        assert_null(strstr(buf_str(&out), "User a"));
        assert_null(strstr(buf_str(&out), users[i]));
        assert_non_null(strstr(buf_str(&out), "# ansible_user is"));
    }
}

static void test_paths_that_ssh_cannot_be_told(void **state)
{
    (void)state;
    static const struct host_defaults d = { "/srv/${HOME}/k", "/srv/a\nHost *" };
    auto_buf struct buf out = BUF_INIT;
    struct host h = web1("10.0.0.1:22");

    sshconfig_add(&out, &h, &d);
    assert_null(strstr(buf_str(&out), "${"));
    assert_null(strstr(buf_str(&out), "Host *"));
    assert_non_null(strstr(buf_str(&out), "# UserKnownHostsFile: "));
    assert_non_null(strstr(buf_str(&out), "# IdentityFile: "));
    assert_non_null(strstr(buf_str(&out), "StrictHostKeyChecking yes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_bare),
        cmocka_unit_test(test_no_address),
        cmocka_unit_test(test_users_that_ssh_cannot_be_told),
        cmocka_unit_test(test_paths_that_ssh_cannot_be_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
