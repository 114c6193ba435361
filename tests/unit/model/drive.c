/* Disks as they are written, checked, and sent. */
#include "model/drive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "model/spot.h"

static json_t *json_of(const char *text)
{
    json_error_t je;
    json_t *j = json_loads(text, JSON_DECODE_ANY, &je);

    assert_non_null(j);
    return j;
}

static int read_one(struct drive *d, bool root, const char *text, struct err *e)
{
    const struct spot at = spot_root("/disk");
    json_t *j = json_of(text);
    int r = drive_read(d, root, j, &at, e);

    json_decref(j);
    return r;
}

static void emits(const struct drive *d, bool root, const char *want)
{
    json_t *j = drive_emit(d, root);
    auto_free char *text = json_dumps(j, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT);

    assert_string_equal(text, want);
    json_decref(j);
}

/* Each form, what it becomes, and that it reads back as that. */
static void test_forms(void **state)
{
    (void)state;
    static const struct {
        bool root;
        const char *text, *canonical;
    } rows[] = {
        { true, "\"10G\"", "10737418240" },
        { true, "0", "0" },
        { true, "{\"size\": \"1M\"}", "1048576" },
        { true, "{\"bus\": \"scsi\"}", "{\"bus\":\"scsi\",\"size\":0}" },
        { true, "\"/srv/a.img\"", "{\"file\":\"/srv/a.img\"}" },
        { true, "{\"file\": \"/srv/a.img\", \"volatile\": true}",
          "{\"file\":\"/srv/a.img\",\"volatile\":true}" },
        { false, "20971520", "{\"serial\":\"x\",\"size\":20971520}" },
        { false,
          "{\"size\": \"1G\", \"bus\": \"virtio\", \"cache\": \"writeback\", \"discard\": true}",
          "{\"serial\":\"x\",\"size\":1073741824}" },
        { false,
          "{\"size\": \"1G\", \"bus\": \"nvme\", \"cache\": \"none\", \"discard\": false, "
          "\"serial\": \"pg-data\"}",
          "{\"bus\":\"nvme\",\"cache\":\"none\",\"discard\":false,\"serial\":\"pg-data\","
          "\"size\":1073741824}" },
        { false,
          "{\"file\": \"/dev/sdb\", \"format\": \"raw\", \"read-only\": true, \"bus\": \"usb\"}",
          "{\"bus\":\"usb\",\"file\":\"/dev/sdb\",\"format\":\"raw\",\"read-only\":true,"
          "\"serial\":\"x\"}" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct drive d = { .size = 0 }, again = { .size = 0 };
        if (!rows[i].root)
            strcpy(d.serial, "x");
        assert_int_equal(read_one(&d, rows[i].root, rows[i].text, NULL), 0);
        emits(&d, rows[i].root, rows[i].canonical);
        assert_int_equal(read_one(&again, rows[i].root, rows[i].canonical, NULL), 0);
        emits(&again, rows[i].root, rows[i].canonical);
    }
}

/* Defaults first: a size in place of a file, and the other way round; the other words stay. */
static void test_over(void **state)
{
    (void)state;
    struct drive d = { .size = 5 << 20, .bus = DRIVE_SCSI };

    assert_int_equal(read_one(&d, true, "\"/srv/a.img\"", NULL), 0);
    emits(&d, true, "{\"bus\":\"scsi\",\"file\":\"/srv/a.img\"}");
    assert_int_equal(read_one(&d, true, "{\"format\": \"raw\"}", NULL), 0);
    assert_int_equal(read_one(&d, true, "\"2M\"", NULL), 0);
    emits(&d, true, "{\"bus\":\"scsi\",\"size\":2097152}");
    assert_int_equal(read_one(&d, true, "{\"file\": \"/srv/b.img\", \"format\": \"qcow2\"}", NULL),
                     0);
    assert_int_equal(read_one(&d, true, "{\"size\": \"3M\", \"bus\": \"virtio\"}", NULL), 0);
    emits(&d, true, "3145728");
    assert_true(drive_is_plain(&d));
}

static void refused(bool root, const char *text, const char *why)
{
    struct drive d = { .serial = "x", .size = 7 << 20 };
    struct err e = { .kind = ERR_NONE };

    if (read_one(&d, root, text, &e) == 0)
        fail_msg("%s is not refused", text);
    if (!strstr(e.text, why))
        fail_msg("%s: %s\nand not: %s", text, e.text, why);
    assert_int_equal(strncmp(e.text, "/disk", 5), 0);
    emits(&d, false, "{\"serial\":\"x\",\"size\":7340032}"); /* untouched */
}

static void test_refused(void **state)
{
    (void)state;
    refused(true, "\"10 G\"", "size");
    refused(true, "[]", "size");
    refused(true, "true", "size");
    refused(true, "4096", "less than 1.0 MiB");
    refused(false, "0", "size is missing");
    refused(false, "{\"size\": 0}", "size is missing");
    refused(true, "{\"sise\": \"1G\"}", "did you mean \"size\"");
    refused(false, "{\"size\": \"1G\", \"file\": \"/srv/a\"}", "either size or file");
    refused(false, "{\"size\": \"1G\", \"format\": \"raw\"}", "roost's own disks are qcow2");
    refused(false, "{\"file\": \"/srv/a\", \"format\": \"vmdk\"}", "not one of qcow2, raw");
    refused(false, "{\"file\": \"/srv/a\", \"format\": \"none\"}", "not one of qcow2, raw");
    refused(false, "{\"size\": \"1G\", \"read-only\": true}", "read-only is for a file");
    refused(true, "{\"file\": \"/srv/a\", \"read-only\": true}", "not for the root disk");
    refused(false, "{\"file\": \"/srv/a\", \"read-only\": true, \"volatile\": true}",
            "either read-only or volatile");
    refused(false, "{\"file\": \"/srv/a\", \"read-only\": true, \"bus\": \"sata\"}", "bus sata");
    refused(true, "{\"bus\": \"ide\"}", "sata is its successor");
    refused(true, "{\"bus\": \"floppy\"}", "virtio");
    refused(true, "{\"cache\": \"fast\"}", "writeback");
    refused(true, "{\"discard\": 1}", "/disk/discard");
    refused(true, "{\"volatile\": \"perhaps\"}", "/disk/volatile");
    refused(false, "{\"size\": \"1G\", \"serial\": \"a b\"}", "no serial number");
    refused(false, "{\"size\": \"1G\", \"serial\": \"../../x\"}", "no serial number");
    refused(false, "{\"size\": \"1G\", \"serial\": \"\"}", "no serial number");
    refused(false, "{\"size\": \"1G\", \"serial\": \"a,drive=b\"}", "no serial number");
    refused(false, "{\"size\": \"1G\", \"serial\": \"123456789012345678901\"}", "1 to 20");
    refused(true, "\"srv/a.img\"", "not an absolute path");
    refused(true, "{\"file\": \"a.img\"}", "not an absolute path");
    refused(true, "\"/srv/../etc/shadow\"", "without");
    refused(true, "\"/srv//a\"", "without");
    refused(true, "\"/srv/./a\"", "without");
    refused(true, "\"/srv/\"", "without");
    refused(true, "\"/srv/a\\nb\"", "control characters");
}

static int read_list(const char *text, struct drive **d, int *n, struct err *e)
{
    const struct spot at = spot_root("/disks");
    json_t *j = json_of(text);
    int r = drives_read(j, &at, d, n, e);

    json_decref(j);
    return r;
}

static void test_list(void **state)
{
    (void)state;
    struct drive *d = NULL;
    struct err e = { .kind = ERR_NONE };
    int n = 0;

    assert_int_equal(
        read_list("[\"1G\", {\"size\": \"2G\", \"serial\": \"data\"}, \"/srv/a\"]", &d, &n, NULL),
        0);
    assert_int_equal(n, 3);
    assert_string_equal(d[0].serial, "disk1");
    assert_string_equal(d[1].serial, "data");
    assert_string_equal(d[2].serial, "disk3");
    assert_string_equal(d[2].file, "/srv/a");
    assert_int_equal(read_list("[\"1G\", {\"size\": \"2G\", \"serial\": \"disk1\"}]", &d, &n, &e),
                     -1);
    assert_non_null(strstr(e.text, "/disks: two disks have the serial \"disk1\""));
    assert_int_equal(n, 3); /* untouched */
    assert_int_equal(read_list("[\"1G\", {\"bus\": \"scsi\"}]", &d, &n, &e), -1);
    assert_non_null(strstr(e.text, "/disks/1: size is missing"));
    assert_int_equal(read_list("{}", &d, &n, &e), -1);
    assert_int_equal(
        read_list("[1048576,1048576,1048576,1048576,1048576,1048576,1048576,1048576,1048576,"
                  "1048576,1048576,1048576,1048576,1048576,1048576,1048576,1048576]",
                  &d, &n, &e),
        -1);
    assert_int_equal(read_list("[]", &d, &n, NULL), 0);
    assert_null(d);
    assert_int_equal(n, 0);
    assert_null(drives_emit(d, n));
}

static int round_trip(const struct drive *d, bool root, struct drive *ret)
{
    auto_buf struct buf b = BUF_INIT;

    drive_put(&b, d);
    struct msg_cur c = msg_cur(b.data, b.len);
    drive_get(&c, root, ret);
    return msg_end(&c, "drive", NULL);
}

/* What a taken-over core could try to send to root. */
static void test_message(void **state)
{
    (void)state;
    const struct drive good = { .serial = "data",
                                .file = "/srv/a.img",
                                .format = DISK_RAW,
                                .device = true,
                                .bus = DRIVE_USB,
                                .cache = CACHE_UNSAFE,
                                .no_discard = true,
                                .read_only = true };
    struct drive d = good, got;

    assert_int_equal(round_trip(&d, false, &got), 0);
    emits(&got, false,
          "{\"bus\":\"usb\",\"cache\":\"unsafe\",\"discard\":false,\"file\":\"/srv/a.img\","
          "\"format\":\"raw\",\"read-only\":true,\"serial\":\"data\"}");
    assert_true(got.device);
    assert_int_equal(round_trip(&d, true, &got), -1); /* the root disk is not read-only */
#define WRONG(change)                                                                              \
    do {                                                                                           \
        d = good;                                                                                  \
        change;                                                                                    \
        assert_int_equal(round_trip(&d, false, &got), -1);                                         \
    } while (0)
    WRONG(strcpy(d.serial, "a,b"));
    WRONG(strcpy(d.serial, "../x"));
    WRONG(d.serial[0] = '\0');
    WRONG(strcpy(d.file, "srv/a"));
    WRONG(strcpy(d.file, "/srv/../a"));
    WRONG(d.file[0] = '\0');
    WRONG(d.size = 1 << 20);
    WRONG(d.file[0] = '\0'; d.format = DISK_NONE; d.device = d.read_only = false; d.size = 512);
    WRONG(d.bus = DRIVE_SATA);
    WRONG(d.bus = DRIVE_BUSES);
    WRONG(d.cache = DRIVE_CACHES);
    WRONG(d.format = DISK_FORMATS);
    WRONG(d.throw_away = true);
#undef WRONG
}

static void test_names(void **state)
{
    (void)state;
    char name[DRIVE_NAME_SIZE];

    drive_name("", name);
    assert_string_equal(name, "disk.qcow2");
    drive_name("12345678901234567890", name);
    assert_string_equal(name, "disk-12345678901234567890.qcow2");
    drive_top_name("", name);
    assert_string_equal(name, "volatile.qcow2");
    drive_top_name("12345678901234567890", name);
    assert_string_equal(name, "volatile-12345678901234567890.qcow2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),   cmocka_unit_test(test_over),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_list),
        cmocka_unit_test(test_message), cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
