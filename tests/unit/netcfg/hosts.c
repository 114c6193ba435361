/* Reservations in their two directories. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "netcfg/hosts.h"

#define DOMAIN "lab.internal"

struct fixture {
    char path[64];
    int dirfd;
    struct hosts h;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    strcpy(f->path, "/tmp/roost-hosts-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    f->dirfd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    umask(077);
    assert_int_equal(hosts_open(f->dirfd, &f->h, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hosts_close(&f->h);
    close(f->dirfd);
    int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(dir_remove(tmp, f->path + strlen("/tmp/"), NULL), 0);
    close(tmp);
    free(f);
    return 0;
}

static struct reservation reservation(unsigned i)
{
    struct reservation r = { .mac = { { 0x52, 0x54, 0, 0, (uint8_t)(i >> 8), (uint8_t)i } },
                             .address = { 4, { 172, 16, (uint8_t)(i >> 8), (uint8_t)i } } };

    snprintf(r.name.s, sizeof r.name.s, "g%u", i);
    return r;
}

static void add(struct fixture *f, unsigned first, size_t n)
{
    struct reservation r[64];
    struct err e;

    for (size_t i = 0; i < n; i++)
        r[i] = reservation(first + (unsigned)i);
    if (hosts_add(&f->h, DOMAIN, r, n, &e) < 0)
        fail_msg("%s", e.text);
}

/* 1: SIGHUP is due. */
static int compact(struct fixture *f, unsigned first, size_t n)
{
    struct reservation r[64];
    struct err e;
    bool sighup;

    for (size_t i = 0; i < n; i++)
        r[i] = reservation(first + (unsigned)(n - 1 - i)); /* any order will do */
    if (hosts_compact(&f->h, DOMAIN, r, n, &sighup, &e) < 0)
        fail_msg("%s", e.text);
    return sighup;
}

/* Names in a directory, sorted, with a space after each: dotted ones too. */
static const char *names(int fd, char ret[1024])
{
    struct dirent **list;
    int n = scandirat(fd, ".", &list, NULL, alphasort);

    *ret = '\0';
    for (int i = 0; i < n; i++) {
        if (strcmp(list[i]->d_name, ".") != 0 && strcmp(list[i]->d_name, "..") != 0)
            strcat(strcat(ret, list[i]->d_name), " ");
        free(list[i]);
    }
    free(list);
    return ret;
}

static void assert_names(const struct fixture *f, const char *want)
{
    char got[1024];

    assert_string_equal(names(f->h.dhcp, got), want);
    assert_string_equal(names(f->h.dns, got), want);
}

static void assert_file(int fd, const char *name, const char *want)
{
    auto_buf struct buf got = BUF_INIT;

    assert_int_equal(file_read(fd, name, 1 << 20, &got, NULL), 0);
    assert_string_equal(strchr(buf_str(&got), '\n') + 1, want);
    assert_int_equal(buf_str(&got)[0], '#');
}

/* dnsmasq reads as its own user. */
static void assert_readable(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(fstatat(fd, "new-00000001", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
}

static void test_add(void **state)
{
    struct fixture *f = *state;

    add(f, 7, 2);
    assert_names(f, "new-00000001 ");
    assert_file(f->h.dhcp, "new-00000001",
                "52:54:00:00:00:07,172.16.0.7,g7\n52:54:00:00:00:08,172.16.0.8,g8\n");
    assert_file(f->h.dns, "new-00000001",
                "172.16.0.7 g7.lab.internal g7\n172.16.0.8 g8.lab.internal g8\n");
    assert_readable(f->h.dhcp);
    assert_readable(f->h.dns);
    add(f, 9, 1);
    add(f, 10, 0);
    assert_names(f, "new-00000001 new-00000002 ");
}

/* Nothing else is written: what an addition costs does not depend on what there is. */
static void test_add_touches_nothing(void **state)
{
    struct fixture *f = *state;
    struct stat before, after;

    add(f, 1, 3);
    assert_int_equal(fstatat(f->h.dhcp, "new-00000001", &before, 0), 0);
    add(f, 4, 1);
    assert_int_equal(fstatat(f->h.dhcp, "new-00000001", &after, 0), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_memory_equal(&before.st_ctim, &after.st_ctim, sizeof before.st_ctim);
}

static void test_numbers_go_on(void **state)
{
    struct fixture *f = *state;

    add(f, 1, 1);
    add(f, 2, 1);
    hosts_close(&f->h);
    assert_int_equal(hosts_open(f->dirfd, &f->h, NULL), 0);
    add(f, 3, 1);
    assert_names(f, "new-00000001 new-00000002 new-00000003 ");
    f->h.next = HOSTS_NEW_MAX + 1;
    struct reservation r = reservation(4);
    struct err e;
    assert_int_equal(hosts_add(&f->h, DOMAIN, &r, 1, &e), -1);
    assert_int_equal(e.kind, ERR_BUSY);
}

static void test_compact(void **state)
{
    struct fixture *f = *state;

    add(f, 1, 1);
    add(f, 2, 2);
    assert_true(compact(f, 2, 2)); /* 1 is gone */
    assert_names(f, "all-1 ");
    assert_file(f->h.dhcp, "all-1",
                "52:54:00:00:00:02,172.16.0.2,g2\n52:54:00:00:00:03,172.16.0.3,g3\n");
    assert_false(compact(f, 2, 2)); /* already so */
    assert_names(f, "all-1 ");
    add(f, 9, 1);
    assert_names(f, "all-1 new-00000001 ");
    assert_true(compact(f, 2, 3));
    assert_names(f, "all-2 ");
    assert_true(compact(f, 2, 0));
    assert_names(f, "all-1 ");
    assert_file(f->h.dns, "all-1", "");
}

/* Only what dnsmasq does not see before the SIGHUP: no file is written under its final name. */
static void test_compact_is_unseen(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    add(f, 1, 1);
    assert_true(compact(f, 1, 1));
    assert_int_equal(fstatat(f->h.dns, "all-1", &st, 0), 0);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(st.st_mode & 07777, 0644);
}

static void put(int fd, const char *name, const char *text)
{
    assert_int_equal(file_replace(fd, name, text, strlen(text), 0644, NULL, NULL), 0);
}

/* What a compaction that was killed anywhere leaves, and what is not ours. */
static void test_mended(void **state)
{
    struct fixture *f = *state;

    put(f->h.dhcp, "all-1", "old\n");
    put(f->h.dhcp, "all-2", "new\n");
    put(f->h.dhcp, ".fresh", "new\n");
    put(f->h.dhcp, ".gone", "older\n");
    put(f->h.dhcp, "new-00000007", "added\n");
    put(f->h.dns, ".new-00000009.tmp", "hal");
    put(f->h.dns, "notes", "of the administrator\n");
    hosts_close(&f->h);
    assert_int_equal(hosts_open(f->dirfd, &f->h, NULL), 0);
    assert_int_equal(f->h.next, 8);
    assert_true(compact(f, 1, 1));
    char got[1024];
    assert_string_equal(names(f->h.dhcp, got), "all-3 ");
    assert_string_equal(names(f->h.dns, got), "all-1 notes ");
    assert_file(f->h.dhcp, "all-3", "52:54:00:00:00:01,172.16.0.1,g1\n");
    /* Debris alone is swept without a word to dnsmasq, which passes over dotted names. */
    put(f->h.dhcp, ".gone", "older\n");
    assert_false(compact(f, 1, 1));
    assert_string_equal(names(f->h.dhcp, got), "all-3 ");
}

static void test_file_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum hosts_file kind;
        unsigned number;
    } rows[] = {
        { "all-1", HOSTS_ALL, 1 },
        { "all-12", HOSTS_ALL, 12 },
        { "new-00000001", HOSTS_NEW, 1 },
        { "new-99999999", HOSTS_NEW, 99999999 },
        { "all-01", HOSTS_FOREIGN, 0 },
        { "all-0", HOSTS_FOREIGN, 0 },
        { "all", HOSTS_FOREIGN, 0 },
        { "new-1", HOSTS_FOREIGN, 0 },
        { "new-000000001", HOSTS_FOREIGN, 0 },
        { "new-100000000", HOSTS_FOREIGN, 0 },
        { "new-00000000", HOSTS_FOREIGN, 0 },
        { "all-1~", HOSTS_FOREIGN, 0 },
        { ".fresh", HOSTS_FOREIGN, 0 },
        { ".", HOSTS_FOREIGN, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        unsigned number = 0;
        assert_int_equal(hosts_file_parse(rows[i].name, &number), rows[i].kind);
        assert_int_equal(number, rows[i].number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_add, setup, teardown),
        cmocka_unit_test_setup_teardown(test_add_touches_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers_go_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_compact, setup, teardown),
        cmocka_unit_test_setup_teardown(test_compact_is_unseen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mended, setup, teardown),
        cmocka_unit_test(test_file_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
