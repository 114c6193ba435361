#include "model/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void cpu(const char *s, const char *want)
{
    char text[CPU_MAX + 1];
    struct err e = { 0 };
    int r = cpu_parse(s, text, &e);
    if (want) {
        assert_int_equal(r, 0);
        assert_string_equal(text, want);
    } else {
        assert_int_equal(r, -1);
        assert_int_equal(e.kind, ERR_INVALID);
    }
}

static void test_cpu(void **state)
{
    (void)state;
    cpu("host", "host");
    cpu("max,+avx2,-svm", "max,avx2=on,svm=off");
    cpu("max,avx2=on,svm=off", "max,avx2=on,svm=off");
    cpu("Penryn,vendor=GenuineIntel,+sse4.1", "Penryn,vendor=GenuineIntel,sse4.1=on");
    static const char *const wrong[] = { "",         ",",       "max,",       "max,+",
                                         "max,avx2", "-h",      "a b",        "max,,+a",
                                         "max,+a b", "max,a==", "max,=on",    "max,+a=on",
                                         "a\nb",     "max,a=",  "help,\x7f=1" };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        cpu(wrong[i], NULL);
    char long_one[300] = "max";
    while (strlen(long_one) < 200)
        strcat(long_one, ",+avx2");
    cpu(long_one, NULL);
}

static void test_type(void **state)
{
    (void)state;
    static const char *const right[] = { "q35",          "pc",       "virt",          "pc-q35-7.2",
                                         "pc-q35-4.0.1", "virt-6.2", "pc-i440fx-2.12" };
    static const char *const wrong[] = { "",         "Q35",      "microvm",    "isapc",
                                         "pc-q35-",  "pc-q35-7", "q35-7.2",    "pc-q35-7.2,a=b",
                                         "virt-7.x", "none",     "pc-q35-7.2." };
    char text[MACHINE_TYPE_MAX + 1];
    for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
        assert_int_equal(machine_type_parse(right[i], text, NULL), 0);
        assert_string_equal(text, right[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_int_equal(machine_type_parse(wrong[i], text, NULL), -1);
    assert_int_equal(keymap_parse("de-ch", text, NULL), 0);
    assert_int_equal(keymap_parse("german", text, NULL), -1);
    assert_int_equal(keymap_parse("", text, NULL), -1);
}

static void test_device(void **state)
{
    (void)state;
    static const char *const right[][2] = {
        { "pci:3b:00.0", "pci:0000:3b:00.0" },
        { "pci:0001:3B:1f.7", "pci:0001:3b:1f.7" },
        { "usb:046D:c52b", "usb:046d:c52b" },
        { "usb:1-2.3", "usb:1-2.3" },
        { "usb:12-4", "usb:12-4" },
    };
    static const char *const wrong[] = {
        "",          "pci:",         "pci:3b:00",     "pci:3b:20.0", "pci:3b:00.8",
        "usb:46d:1", "usb:1-",       "usb:0-1",       "usb:1-2.",    "usb:1-2,a=b",
        "3b:00.0",   "pci:3b:00.0,", "usb:046d:c52b1"
    };
    char text[DEVICE_TEXT];
    for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
        assert_int_equal(device_parse(right[i][0], text, NULL), 0);
        assert_string_equal(text, right[i][1]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_int_equal(device_parse(wrong[i], text, NULL), -1);
}

static struct machine_def with(const char *const *words)
{
    struct machine_def m = { 0 };
    for (; *words; words++)
        assert_int_equal(machine_argument_add(&m, *words, NULL), 0);
    return m;
}
#define WITH(...) with((const char *const[]){ __VA_ARGS__, NULL })

static void refused(struct machine_def m, const char *why)
{
    struct err e = { 0 };
    assert_int_equal(machine_check(&m, &e), -1);
    assert_non_null(strstr(e.text, why));
}

static void test_arguments(void **state)
{
    (void)state;
    struct machine_def m = WITH("-device", "virtio-balloon-pci", "--s", "-object", "a,b");
    assert_int_equal(machine_check(&m, NULL), 0);
    assert_string_equal(machine_argument(&m, 3), "-object");
    refused(WITH("disk.img"), "expected an option");
    refused(WITH("-device", "a", "b"), "\"b\": expected an option");
    static const char *const held[] = { "-daemonize", "--daemonize", "-qmp",   "-sandbox",
                                        "-runas",     "-S",          "-mon",   "-monitor",
                                        "-smbios",    "-readconfig", "-chroot" };
    for (size_t i = 0; i < ARRAY_SIZE(held); i++)
        refused(WITH("-device", "a", held[i]), "is refused: ");
    refused(WITH("-m", "64G"), "a word of its own");
    m = (struct machine_def){ 0 };
    assert_int_equal(machine_argument_add(&m, "", NULL), -1);
    assert_int_equal(machine_argument_add(&m, "a\nb", NULL), -1);
    for (int i = 0; i < MACHINE_ARGUMENTS_MAX; i++)
        assert_int_equal(machine_argument_add(&m, "-s", NULL), 0);
    assert_int_equal(machine_argument_add(&m, "-s", NULL), -1);
    char word[800];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    m = WITH("-fw_cfg");
    assert_int_equal(machine_argument_add(&m, word, NULL), 0);
    assert_int_equal(machine_argument_add(&m, word, NULL), -1);
}

static void test_together(void **state)
{
    (void)state;
    struct machine_def m = { .keymap = "de" };
    const enum firmware bios = FIRMWARE_BIOS, uefi = FIRMWARE_UEFI;
    refused(m, "keymap: is of a display");
    m.display = DISPLAY_VNC;
    assert_int_equal(machine_check(&m, NULL), 0);
    m = (struct machine_def){ .firmware_code = "/a" };
    refused(m, "firmware-vars: ");
    strcpy(m.firmware_vars, "/b");
    assert_int_equal(machine_check(&m, NULL), 0);
    assert_int_equal(machine_fits(&m, ARCH_AMD64, NULL, NULL), 0);
    assert_int_equal(machine_fits(&m, ARCH_AMD64, &uefi, NULL), 0);
    assert_int_equal(machine_fits(&m, ARCH_AMD64, &bios, NULL), -1);
    m = (struct machine_def){ .type = "pc-q35-7.2" };
    assert_int_equal(machine_fits(&m, ARCH_AMD64, &bios, NULL), 0);
    assert_int_equal(machine_fits(&m, ARCH_ARM64, NULL, NULL), -1);
    strcpy(m.type, "virt");
    assert_int_equal(machine_fits(&m, ARCH_ARM64, NULL, NULL), 0);
    assert_int_equal(machine_fits(&m, ARCH_ARM64, &bios, NULL), -1);
}

static bool allows(const struct machine_def *m, const char *a, const char *d, const char *f)
{
    const struct machine_limits l = { a, d, f };
    struct err e = { 0 };
    int r = machine_allowed(m, &l, &e);
    assert_true(r == 0 || (e.kind == ERR_DENIED && strstr(e.text, "[launch] allow-")));
    return r == 0;
}

static void test_allowed(void **state)
{
    (void)state;
    struct machine_def none = { 0 }, m = WITH("-device", "virtio-balloon-pci", "--s");
    assert_true(allows(&none, "", "", ""));
    assert_false(allows(&m, "", "*", "*"));
    assert_false(allows(&m, "-device=virtio-balloon*", "", ""));
    assert_false(allows(&m, "-device -s", "", ""));
    assert_true(allows(&m, " -s  -device=virtio-balloon*", "", ""));
    assert_true(allows(&m, "*", "", ""));
    m = (struct machine_def){ .n_devices = 2, .devices = { "pci:0000:3b:00.0", "usb:046d:c52b" } };
    assert_false(allows(&m, "*", "pci:0000:3b:*", "*"));
    assert_true(allows(&m, "", "usb:046d:* pci:0000:3b:*", ""));
    m = (struct machine_def){ .firmware_code = "/usr/share/OVMF/a.fd",
                              .firmware_vars = "/usr/share/OVMF/../../../etc/shadow" };
    assert_false(allows(&m, "", "", "/usr/share/OVMF"));
    strcpy(m.firmware_vars, "/usr/share/OVMF2/a");
    assert_false(allows(&m, "", "", "/usr/share/OVMF/"));
    assert_true(allows(&m, "", "", "/usr/share/OVMF/ /usr/share/OVMF2"));
}

static void test_message(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    struct machine_def m = WITH("-device", "a"), back;
    strcpy(m.cpu, "max,avx2=on");
    strcpy(m.type, "q35");
    m.display = DISPLAY_VNC;
    strcpy(m.keymap, "de");
    strcpy(m.firmware_code, "/c");
    strcpy(m.firmware_vars, "/v");
    strcpy(m.devices[m.n_devices++], "usb:1-2");
    machine_encode(&m, &b);
    struct msg_cur c = msg_cur(b.data, b.len);
    assert_int_equal(machine_decode(&c, &back, NULL), 0);
    assert_int_equal(msg_end(&c, "machine", NULL), 0);
    assert_memory_equal(&m, &back, sizeof m);
    for (size_t len = 0; len < b.len; len++) {
        c = msg_cur(b.data, len);
        assert_int_equal(machine_decode(&c, &back, NULL), -1);
    }
#define WRONG(change)                                                                              \
    do {                                                                                           \
        struct machine_def bad = m;                                                                \
        auto_buf struct buf text = BUF_INIT;                                                       \
        change;                                                                                    \
        machine_encode(&bad, &text);                                                               \
        c = msg_cur(text.data, text.len);                                                          \
        assert_int_equal(machine_decode(&c, &back, NULL), -1);                                     \
    } while (0)
    WRONG(strcpy(bad.cpu, "max,+avx2")); /* not in its one form */
    WRONG(strcpy(bad.type, "isapc"));
    WRONG(strcpy(bad.keymap, "x"));
    WRONG(strcpy(bad.firmware_code, "c"));
    WRONG(bad.firmware_vars[0] = '\0');
    WRONG(strcpy(bad.devices[0], "usb:1-2,a=b"));
    WRONG(assert_int_equal(machine_argument_add(&bad, "-daemonize", NULL), 0));
    WRONG(bad.display = DISPLAYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu),      cmocka_unit_test(test_type),
        cmocka_unit_test(test_device),   cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_together), cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
