#include "bootstrap/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

static struct loop *loop;
static char dir[] = "/tmp/roost-disk-XXXXXX";

static int setup(void **state)
{
    (void)state;
    loop = loop_new(NULL);
    return loop && mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    char command[64];
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command);
}

struct ran {
    bool over;
    int status;
    struct buf out;
};

static void ran_cb(const struct spawn_exit *x, void *arg)
{
    struct ran *r = arg;
    r->over = true;
    r->status = x->status;
    buf_put(&r->out, x->out->data, x->out->len);
}

/* qemu-img itself, waited for. */
static int img(const struct argv *a, struct buf *ret)
{
    struct ran r = { .over = false };
    struct spawn_opts o = SPAWN_OPTS_INIT;
    o.capture = true;
    o.limit_ms = 20000;
    assert_non_null(child_spawn(loop, a, &o, ran_cb, &r, NULL));
    while (!r.over)
        assert_int_equal(loop_turn(loop, -1, NULL), 0);
    if (ret)
        buf_put(ret, r.out.data, r.out.len);
    buf_done(&r.out);
    return r.status;
}

static void sh(const char *command)
{
    assert_int_equal(system(command), 0);
}

static int look(const char *file, struct disk_info *info, struct err *e)
{
    auto_argv struct argv a = ARGV_INIT;
    auto_buf struct buf out = BUF_INIT;
    disk_info_argv("qemu-img", strstr(file, ".raw") ? "raw" : "qcow2", file, &a);
    assert_int_equal(img(&a, &out), 0);
    return disk_info_parse(buf_str(&out), out.len, info, e);
}

static void test_real_files(void **state)
{
    (void)state;
    struct disk_info info;
    sh("qemu-img create -q -f qcow2 plain.qcow2 3M && truncate -s 1M plain.raw");
    assert_int_equal(look("plain.qcow2", &info, NULL), 0);
    assert_int_equal(info.format, DISK_QCOW2);
    assert_int_equal(info.virtual_size, 3 << 20);
    assert_int_equal(look("plain.raw", &info, NULL), 0);
    assert_int_equal(info.format, DISK_RAW);
    assert_int_equal(info.virtual_size, 1 << 20);
}

static void test_real_files_refused(void **state)
{
    (void)state;
    static const struct {
        const char *make, *file, *why;
    } cases[] = {
        { "qemu-img create -q -f qcow2 -b plain.qcow2 -F qcow2 child.qcow2", "child.qcow2",
          "backing file" },
        { "qemu-img create -q -f qcow2 -o data_file=other.raw outside.qcow2 1M", "outside.qcow2",
          "another file" },
        { ": >empty.raw", "empty.raw", "empty" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct disk_info info = { .format = DISK_NONE, .virtual_size = 77 };
        struct err e = { 0 };
        sh(cases[i].make);
        assert_int_equal(look(cases[i].file, &info, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_non_null(strstr(e.text, cases[i].why));
        assert_int_equal(info.virtual_size, 77);
    }
}

static void test_parse_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "nonsense",
        "{\"format\": \"qcow2\"}",
        "{\"format\": \"qcow2\", \"virtual-size\": \"12\"}",
        "{\"format\": \"qcow2\", \"virtual-size\": -1}",
        "{\"format\": \"none\", \"virtual-size\": 1}",
        "{\"format\": \"luks\", \"virtual-size\": 512}",
        "{\"format\": \"qcow2\", \"virtual-size\": 512, \"encrypted\": true}",
        "{\"format\": 7, \"virtual-size\": 1}",
        "{\"format\": \"raw\", \"virtual-size\": 1, \"virtual-size\": 2}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct disk_info info;
        assert_int_equal(disk_info_parse(bad[i], strlen(bad[i]), &info, NULL), -1);
    }
}

/* The overlay really lies over images/NAME/disk, wherever the state directory is. */
static void test_overlay(void **state)
{
    (void)state;
    struct name image = { .s = "debian" };
    struct disk_info info;
    struct err e = { 0 };
    auto_argv struct argv a = ARGV_INIT;
    sh("mkdir -p state/images/debian state/instances/web1 && "
       "qemu-img create -q -f qcow2 state/images/debian/disk 2M");
    assert_int_equal(disk_overlay_argv("qemu-img", "state/instances/web1/disk.qcow2", &image,
                                       DISK_QCOW2, 2 << 20, 5 << 20, &a, &e),
                     0);
    assert_int_equal(img(&a, NULL), 0);
    sh("mv state moved && qemu-img info --backing-chain moved/instances/web1/disk.qcow2 "
       ">/dev/null");
    assert_int_equal(look("moved/instances/web1/disk.qcow2", &info, &e), -1);
    assert_non_null(strstr(e.text, "../../images/debian/disk"));
    sh("test \"$(qemu-img info --output=json moved/instances/web1/disk.qcow2 | "
       "grep -o '\"virtual-size\": 5242880')\"");
}

static void test_overlay_sizes(void **state)
{
    (void)state;
    struct name image = { .s = "debian" };
    struct err e = { 0 };
    auto_argv struct argv a = ARGV_INIT;
    auto_argv struct argv b = ARGV_INIT;
    assert_int_equal(disk_overlay_argv("q", "f", &image, DISK_RAW, 2 << 20, 0, &a, &e), 0);
    assert_string_equal(a.v[a.n - 1], "2097152");
    assert_int_equal(disk_overlay_argv("q", "f", &image, DISK_RAW, 2 << 20, 1 << 20, &b, &e), -1);
    assert_non_null(strstr(e.text, "at least 2.0 MiB"));
    assert_int_equal(disk_overlay_argv("q", "f", &image, DISK_NONE, 0, 1 << 20, &b, &e), -1);
    assert_int_equal(b.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_files),    cmocka_unit_test(test_real_files_refused),
        cmocka_unit_test(test_parse_refused), cmocka_unit_test(test_overlay),
        cmocka_unit_test(test_overlay_sizes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
