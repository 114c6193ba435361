#include "bootstrap/emulator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

/* As QEMU 7.2 prints it, shortened. */
static const char qmp[] =
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, \"package\": "
    "\"Debian\"}, \"capabilities\": [\"oob\"]}}\n"
    "{\"return\": {}}\n"
    "{\"return\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, \"package\": \"D\"}, "
    "\"id\": "
    "1}\n"
    "{\"return\": [{\"name\": \"pc-q35-7.2\", \"alias\": \"q35\", \"cpu-max\": 288, "
    "\"deprecated\": "
    "false}, {\"name\": \"pc-q35-2.10\", \"cpu-max\": 288, \"deprecated\": false}, {\"name\": "
    "\"pc-q35-2.4\", \"cpu-max\": 255, \"deprecated\": false}, {\"name\": \"pc-i440fx-1.7\", "
    "\"cpu-max\": 255, \"deprecated\": true}, {\"name\": \"no name\", \"cpu-max\": 1, "
    "\"deprecated\": "
    "false}], \"id\": 2}\n"
    "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 1}, \"event\": \"RESUME\"}\n"
    "{\"return\": [{\"name\": \"max\", \"deprecated\": false}, {\"name\": \"Nehalem\", "
    "\"deprecated\": false}, {\"name\": \"Skylake-Client\", \"deprecated\": false}, {\"name\": "
    "\"Skylake-Client-v4\", \"deprecated\": false}, {\"name\": \"Skylake-Server\", \"deprecated\": "
    "false}, {\"name\": \"Icelake-Client\", \"deprecated\": true}], \"id\": 3}\n"
    "{\"return\": [{\"name\": \"avx2\", \"type\": \"bool\"}, {\"name\": \"sse4-1\", \"type\": "
    "\"bool\"}, {\"name\": \"vendor\", \"type\": \"string\"}], \"id\": 4}\n"
    "{\"return\": {\"enabled\": false}, \"id\": 5}\n"
    "{\"return\": {}}\n";
static const char devices[] = "Controller/Bridge/Hub devices:\n"
                              "name \"ich9-ahci\", bus PCI, alias \"ahci\"\n"
                              "name \"qemu-xhci\", bus PCI\n"
                              "\nUSB devices:\n"
                              "name \"usb-tablet\", bus usb-bus\n"
                              "name \"usb-kbd\", bus usb-bus\n"
                              "name \"virtio-vga\", bus PCI\n"
                              "name \"ide-hd\", bus IDE, desc \"virtual IDE disk\"\n"
                              "name \"virtio-blk-pci\", bus PCI, alias \"virtio-blk\"\n"
                              "name \"virtio-balloon-pci\", bus PCI, alias \"virtio-balloon\"\n"
                              "name \"unended";
static const char displays[] =
    "Available display backend types:\nnone\negl-headless\n\nSome display "
    "backends support suboptions\ngtk\n";

static struct emulator *known(void)
{
    struct emulator *m = emulator_new(ARCH_AMD64, NULL);

    assert_int_equal(emulator_answer(m, 0, qmp, strlen(qmp), NULL), 0);
    assert_int_equal(emulator_answer(m, 1, devices, strlen(devices), NULL), 0);
    assert_int_equal(emulator_answer(m, 2, displays, strlen(displays), NULL), 0);
    return m;
}

struct said {
    const char *cpu, *type, *argument;
    enum display display;
    enum drive_bus bus;
    uint32_t cpus;
};

static struct launch *launch_of(const struct said *s)
{
    struct launch *l = calloc(1, sizeof *l);

    l->cpus = s->cpus ? s->cpus : 1;
    l->image_format = DISK_QCOW2;
    l->root.bus = s->bus;
    l->machine.display = s->display;
    if (s->cpu)
        assert_int_equal(cpu_parse(s->cpu, l->machine.cpu, NULL), 0);
    if (s->type)
        assert_int_equal(machine_type_parse(s->type, l->machine.type, NULL), 0);
    if (s->argument) {
        machine_argument_add(&l->machine, "--device", NULL);
        machine_argument_add(&l->machine, s->argument, NULL);
    }
    return l;
}

static void judged(const struct emulator *m, const struct said *s, const char *complaint)
{
    auto_free struct launch *l = launch_of(s);
    struct err e = { .kind = ERR_NONE };
    int r = emulator_judge(m, l, &e);

    assert_string_equal(r < 0 ? e.text : "", complaint);
    if (r < 0)
        assert_int_equal(e.kind, ERR_INVALID);
}

#define QEMU "QEMU 7.2.22 for amd64"
static const struct {
    struct said said;
    const char *complaint;
} cases[] = {
    { { .type = "q35" }, "" },
    { { .type = "pc-q35-2.10", .cpus = 288 }, "" },
    { { .type = "pc-q35-2.4", .cpus = 256 },
      "cpus: 256 are more than the 255 of machine pc-q35-2.4" },
    { { .type = "pc-q35-99.9" },
      "machine: " QEMU " has no pc-q35-99.9: its oldest is pc-q35-2.4, its newest pc-q35-7.2" },
    { { .type = "pc" }, "machine: " QEMU " has no pc" },
    { { .cpu = "max,-avx2,+sse4_1,vendor=x,tsc-freq=1G" }, "" },
    { { .cpu = "host" }, "" },
    { { .cpu = "nehalem" }, "cpu: " QEMU " has no CPU model nehalem; did you mean Nehalem?" },
    { { .cpu = "skylake" },
      "cpu: " QEMU " has no CPU model skylake; did you mean Skylake-Client, Skylake-Server?" },
    { { .cpu = "Z80" },
      "cpu: " QEMU " has no CPU model Z80; qemu-system-x86_64 -cpu help lists them" },
    { { .cpu = "max,+avx22" }, "cpu: " QEMU " knows no CPU feature avx22; did you mean avx2?" },
    { { .cpu = "max,avx2=7" }, "cpu: avx2=7: expected on or off" },
    { { .display = DISPLAY_VNC }, "" },
    { { .display = DISPLAY_GTK },
      "display: " QEMU " has no gtk here: apt install qemu-system-gui, or say vnc" },
    { { .bus = DRIVE_SATA }, "" },
    { { .bus = DRIVE_NVME }, "disk: it needs the device nvme, which " QEMU " has not" },
    { { .argument = "virtio-balloon,id=b" }, "" },
    { { .argument = "driver=ahci" }, "" },
    { { .argument = "{\"driver\": \"anything\"}" }, "" },
    { { .argument = "virtio-baloon-pci" },
      "qemu-arguments: " QEMU
      " has no device virtio-baloon-pci; did you mean virtio-balloon-pci?" },
};

static void test_judge(void **state)
{
    (void)state;
    struct emulator *m = known();

    assert_string_equal(emulator_version(m), "7.2.22");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        judged(m, &cases[i].said, cases[i].complaint);
    emulator_free(m);
}

/* What was kept says the same. */
static void test_kept(void **state)
{
    (void)state;
    struct emulator *m = known(), *again;
    json_t *j = emulator_to_json(m);

    assert_null(emulator_from_json(j, ARCH_ARM64));
    assert_non_null(again = emulator_from_json(j, ARCH_AMD64));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        judged(again, &cases[i].said, cases[i].complaint);
    emulator_free(again);
    emulator_free(m);
    json_object_set_new(json_object_get(j, "cpus"), "two words", json_true());
    assert_null(emulator_from_json(j, ARCH_AMD64));
    json_object_set_new(j, "cpus", json_array());
    assert_null(emulator_from_json(j, ARCH_AMD64));
    json_object_del(j, "cpus");
    assert_null(emulator_from_json(j, ARCH_AMD64));
    json_decref(j);
}

/* A QEMU that says less leaves more open. */
static void test_left_open(void **state)
{
    (void)state;
    static const char few[] =
        "{\"return\": {\"qemu\": {\"micro\": 0, \"minor\": 0, \"major\": 5}}, "
        "\"id\": 1}\n{\"return\": [], \"id\": 2}\n{\"return\": [], \"id\": 3}\n"
        "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no\"}, \"id\": 4}\n";
    struct emulator *m = emulator_new(ARCH_AMD64, NULL);

    assert_int_equal(emulator_answer(m, 0, few, strlen(few), NULL), 0);
    assert_int_equal(emulator_answer(m, 1, "", 0, NULL), 0);
    assert_int_equal(emulator_answer(m, 2, "unknown\n", 8, NULL), 0);
    judged(m, &(struct said){ .display = DISPLAY_GTK, .bus = DRIVE_NVME, .argument = "x" }, "");
    judged(m, &(struct said){ .cpu = "host,+anything" }, "");
    judged(m, &(struct said){ .type = "q35" }, "machine: QEMU 5.0.0 for amd64 has no q35");
    emulator_free(m);
}

static void test_no_qemu(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "not JSON\n", "{\"return\": {}}\n",
                                         "{\"return\": {\"qemu\": 7}, \"id\": 1}\n" };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct emulator *m = emulator_new(ARCH_AMD64, NULL);
        struct err e = { .kind = ERR_NONE };
        assert_int_equal(emulator_answer(m, 0, texts[i], strlen(texts[i]), &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        emulator_free(m);
    }
    emulator_free(NULL);
}

static void remark(const char *text, void *arg)
{
    struct buf *b = arg;

    buf_printf(b, "%s\n", text);
}

static void test_remarks(void **state)
{
    (void)state;
    const struct said said = { .cpu = "Icelake-Client,+avx2", .type = "pc-i440fx-1.7" };
    auto_free struct launch *l = launch_of(&said);
    auto_buf struct buf b = BUF_INIT;
    struct emulator *m = known();

    emulator_remarks(m, l, remark, &b);
    assert_string_equal(
        buf_str(&b), "machine: pc-i440fx-1.7 is deprecated in " QEMU ", and a later one has it no "
                     "more\n"
                     "cpu: Icelake-Client is deprecated in " QEMU ", and a later one has it no "
                     "more\n");
    emulator_free(m);
}

static void test_questions(void **state)
{
    (void)state;
    struct emulator *m = emulator_new(ARCH_ARM64, NULL);
    auto_argv struct argv a = ARGV_INIT;
    auto_buf struct buf b = BUF_INIT;
    const char *input;

    emulator_question(m, 0, "/q", &a, &input);
    argv_print(&a, &b);
    assert_string_equal(buf_str(&b),
                        "/q -no-user-config -nodefaults -machine none -display none -qmp stdio");
    assert_non_null(strstr(input, "\"max-arm-cpu\""));
    emulator_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),     cmocka_unit_test(test_kept),
        cmocka_unit_test(test_left_open), cmocka_unit_test(test_no_qemu),
        cmocka_unit_test(test_remarks),   cmocka_unit_test(test_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
