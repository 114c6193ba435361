#include "model/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define SUM "ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789"

static json_t *text(const char *s)
{
    json_t *j = json_loads(s, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    assert_non_null(j);
    return j;
}

static void refused(const char *name, const char *s, const char *message)
{
    struct image i = { .virtual_size = 7 };
    struct image_source source = { 0 };
    struct err e = { 0 };
    json_t *j = text(s);
    assert_int_equal(image_from_json(name, j, &i, &source, &e), -1);
    assert_string_equal(e.text, message);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_int_equal(i.virtual_size, 7);
    json_decref(j);
}

static void test_file(void **state)
{
    (void)state;
    struct image i;
    struct image_source s;
    struct err e;
    json_t *j = text("{\"file\": \"/srv/a.qcow2\", \"checksum\": \"sha256:" SUM
                     "\", \"arch\": \"arm64\", \"default-user\": \"debian\", "
                     "\"min-memory\": \"256M\", \"min-disk\": 2147483648}");
    assert_int_equal(image_from_json("trixie", j, &i, &s, &e), 0);
    assert_string_equal(i.name.s, "trixie");
    assert_string_equal(s.file, "/srv/a.qcow2");
    assert_null(s.kernel);
    assert_memory_equal(s.checksum.hex, "abcdef01", 8);
    assert_int_equal(i.arch, ARCH_ARM64);
    assert_int_equal(i.firmware, FIRMWARE_UEFI); /* arm64 has no other */
    assert_int_equal(i.min_memory, 256u << 20);
    assert_int_equal(i.min_disk, 2147483648u);
    assert_false(i.has_kernel);
    image_source_done(&s);
    json_decref(j);
}

static void test_url(void **state)
{
    (void)state;
    struct image i;
    struct image_source s;
    struct err e;
    json_t *j = text("{\"url\": \"https://h/a.img.xz\", \"checksum\": \"http://h/SUMS\", "
                     "\"min-cpus\": 2}"),
           *again;
    assert_int_equal(image_from_json("trixie", j, &i, &s, &e), 0);
    assert_string_equal(s.url, "https://h/a.img.xz");
    assert_string_equal(s.sums, "http://h/SUMS");
    assert_string_equal(s.checksum.hex, "");
    assert_int_equal(i.min_cpus, 2);
    again = image_source_to_json(&s);
    json_object_del(j, "min-cpus");
    assert_true(json_equal(j, again));
    image_source_done(&s);
    json_decref(again);
    json_decref(j);
    j = text("{\"predefined\": \"debian-13\", \"checksum\": \"sha256:" SUM "\"}");
    assert_int_equal(image_from_json("trixie", j, &i, &s, &e), 0);
    assert_string_equal(s.predefined, "debian-13");
    assert_null(s.url);
    image_source_done(&s);
    json_decref(j);
}

static void test_kernel(void **state)
{
    (void)state;
    struct image i;
    struct image_source s;
    struct err e;
    json_t *j =
        text("{\"kernel\": \"/srv/vmlinuz\", \"initrd\": \"/srv/initrd\", \"arch\": \"amd64\", "
             "\"cmdline\": \"console=ttyS0 quiet\"}");
    assert_int_equal(image_from_json("micro", j, &i, &s, &e), 0);
    assert_true(i.has_kernel && i.has_initrd);
    assert_string_equal(i.cmdline, "console=ttyS0 quiet");
    assert_int_equal(i.firmware, FIRMWARE_BIOS);
    assert_string_equal(s.initrd, "/srv/initrd");
    image_source_done(&s);
    json_decref(j);
}

static void test_refused(void **state)
{
    (void)state;
    refused("trixie", "{}", "/images/trixie: has neither file: (a disk image), url:, predefined: nor kernel:");
    refused("a", "{\"predefined\": \"Debian 13\"}",
            "/images/a/predefined: \"Debian 13\" is not the name of a predefined image such as "
            "debian-13");
    refused("a", "{\"url\": \"ftp://x/y\"}",
            "/images/a/url: \"ftp://x/y\" is not a URL that begins with https:// or http://");
    refused("a", "{\"url\": \"https://\"}",
            "/images/a/url: \"https://\" is not a URL that begins with https:// or http://");
    refused("a", "{\"url\": \"http://h/a b\"}",
            "/images/a/url: \"http://h/a b\" is not a URL that begins with https:// or http://");
    refused("a", "{\"url\": \"http://h/a\", \"file\": \"/a\"}",
            "/images/a: has a file: and a url: too, one of them is enough");
    refused("a", "{\"file\": \"/a\", \"checksum\": \"https://h/SUMS\"}",
            "/images/a/checksum: a list of checksums is looked into for a url: only");
    refused("a", "{\"file\": \"a.qcow2\"}", "/images/a/file: \"a.qcow2\" is not an absolute path");
    refused("a", "{\"fil\": \"/a\"}", "/images/a/fil: unknown word \"fil\", did you mean \"file\"");
    refused("a", "{\"file\": \"/a\", \"initrd\": \"/b\"}",
            "/images/a/initrd: an initrd needs a kernel: beside it");
    refused("a", "{\"file\": \"/a\", \"cmdline\": \"x\"}",
            "/images/a/cmdline: a kernel command line needs a kernel: beside it");
    refused("a", "{\"kernel\": \"/a\", \"cmdline\": \"x\\ny\"}",
            "/images/a/cmdline: only printable ASCII can stand here, on one line");
    refused("a", "{\"kernel\": \"/a\", \"checksum\": \"sha256:" SUM "\"}",
            "/images/a/checksum: a checksum needs the file: or url: that it is of");
    refused("a", "{\"file\": \"/a\", \"checksum\": \"md5:0\"}",
            "/images/a/checksum: \"md5:0\" is neither sha256: and 64 hexadecimal digits nor "
            "sha512: and 128");
    refused("a", "{\"file\": \"/a\", \"arch\": \"amd46\"}",
            "/images/a/arch: \"amd46\" is not amd64 or arm64, did you mean \"amd64\"");
    refused("a", "{\"file\": \"/a\", \"arch\": \"arm64\", \"firmware\": \"bios\"}",
            "/images/a/firmware: arm64 machines have no bios: say uefi");
    refused("a", "{\"file\": \"/a\", \"default-user\": \"-oProxyCommand=x\"}",
            "/images/a/default-user: \"-oProxyCommand=x\" is not a login name (a-z, 0-9, _ and -)");
    refused("a", "{\"file\": \"/a\\u0000b\"}", "/images/a/file: a text with a NUL byte in it");
}

static void test_record(void **state)
{
    (void)state;
    struct image was = { .name = { "trixie" },
                         .arch = ARCH_ARM64,
                         .firmware = FIRMWARE_UEFI,
                         .format = DISK_QCOW2,
                         .virtual_size = 3u << 30,
                         .min_memory = 1u << 28,
                         .min_disk = 1u << 30,
                         .has_kernel = true,
                         .cmdline = "quiet",
                         .default_user = "debian" },
                 is;
    struct err e;
    memset(was.sha256, 'a', 64);
    json_t *j = image_to_json(&was);
    json_object_set_new(j, "source", json_pack("{s:s}", "file", "/srv/x"));
    memset(&is, 0xff, sizeof(is));
    assert_int_equal(image_from_record("trixie", j, &is, &e), 0);
    assert_memory_equal(&is, &was, sizeof(is));
    json_object_set_new(j, "format", json_string("vmdk"));
    assert_int_equal(image_from_record("trixie", j, &is, &e), -1);
    assert_string_equal(e.text, "/images/trixie/format: \"vmdk\" is not none, qcow2 or raw");
    json_decref(j);
}

static void test_names(void **state)
{
    (void)state;
    for (int f = 0; f < DISK_FORMATS; f++)
        assert_int_equal(disk_format_from_name(disk_format_name((enum disk_format)f)), f);
    for (int f = 0; f < FIRMWARES; f++)
        assert_int_equal(firmware_from_name(firmware_name((enum firmware)f)), f);
    for (int a = 0; a < ARCHES; a++)
        assert_int_equal(arch_from_name(arch_name((enum arch)a)), a);
    assert_int_equal(arch_from_name("AMD64"), -1);
    assert_int_equal(arch_from_name(NULL), -1);
    assert_string_equal(arch_name(ARCHES), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),   cmocka_unit_test(test_url),
        cmocka_unit_test(test_kernel), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_record), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
