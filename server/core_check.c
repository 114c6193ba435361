/* roost check: what is missing on this host, and the mend. */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/parse.h"
#include "bootstrap/platform.h"
#include "server/core_check.h"
#include "server/core_hook.h"

#define LOW_DISK (1ull << 30)

static void check_qemu(struct core *c, json_t *list)
{
    char text[300], mend[64];

    snprintf(mend, sizeof mend, "apt install %s", platform_of(arch_native())->package);
    if (!c->config.launch) {
        check_row(list, "qemu", "ok", "this roost launches no guests", "");
        return;
    }
    if (!c->accel_known) {
        check_row(list, "qemu", "ok", "the accelerator is still being probed", "");
        return;
    }
    if (!c->accel.qemu_version[0]) {
        check_row(list, "qemu", "error", c->accel.reason, mend);
        return;
    }
    check_row(list, "qemu", "ok", c->accel.qemu_version, "");
    snprintf(text, sizeof text, "%s: %s", accel_name(c->accel.accel), c->accel.reason);
    check_row(list, "accelerator", c->accel.accel == ACCEL_KVM ? "ok" : "warn", text,
        c->accel.accel == ACCEL_KVM
            ? ""
            : "guests boot several times slower under TCG; limits allow for it");
}

static void check_program(json_t *list, const char *name, const char *program, const char *mend,
                          const char *level)
{
    char text[PATH_SIZE + 32];
    bool there = check_in_path(program);

    snprintf(text, sizeof text, "%s%s", program, there ? "" : " is missing");
    check_row(list, name, there ? "ok" : level, text, there ? "" : mend);
}

static void check_disk(struct core *c, json_t *list)
{
    char text[PATH_SIZE + 64], size[24];
    struct statvfs v;
    uint64_t left;

    if (statvfs(c->config.state, &v) < 0)
        return;
    left = (uint64_t)v.f_bavail * v.f_frsize;
    snprintf(text, sizeof text, "%s left in %s", format_size(left, size), c->config.state);
    check_row(list, "disk",
        c->full           ? "error"
        : left < LOW_DISK ? "warn"
                          : "ok",
        text, left < LOW_DISK ? "free some space: guests' disks grow" : "");
}

static void check_trash(struct core *c, json_t *list)
{
    json_t *j = trash_json(c);
    json_int_t n = json_integer_value(json_object_get(j, "instances"));
    char text[96], size[24];

    snprintf(text, sizeof text, "%lld removed instance%s with %s", (long long)n, n == 1 ? "" : "s",
             format_size((uint64_t)json_integer_value(json_object_get(j, "bytes")), size));
    check_row(list, "trash", "ok", text, "");
    json_decref(j);
}

static void check_memory(struct core *c, json_t *list)
{
    json_t *m = memory_json(c);
    uint64_t guests = (uint64_t)json_integer_value(json_object_get(m, "guests"));
    uint64_t limit = (uint64_t)json_integer_value(json_object_get(m, "limit"));
    char text[96], has[24], may[24];

    snprintf(text, sizeof text, "guests that run have %s of %s", format_size(guests, has),
             format_size(limit, may));
    if (json_is_object(m))
        check_row(list, "memory", guests > limit ? "warn" : "ok", text,
            guests > limit ? "stop some, or give them less: the host may have to kill one" : "");
    json_decref(m);
}

static void check_guests(struct core *c, json_t *list)
{
    uint64_t n[PHASES], overdue = 0;
    char text[96];

    if (store_counts(c->store, n, &overdue, NULL) < 0)
        return;
    snprintf(text, sizeof text, "%llu overdue, %llu failed", (unsigned long long)overdue,
             (unsigned long long)n[PHASE_FAILED]);
    check_row(list, "guests", overdue || n[PHASE_FAILED] ? "warn" : "ok", text,
        overdue || n[PHASE_FAILED] ? "roost instance list tells why" : "");
    snprintf(text, sizeof text, "%zu caller%s that nobody knows", unknown_count(c),
             unknown_count(c) == 1 ? "" : "s");
    check_row(list, "unknown", unknown_count(c) ? "warn" : "ok", text,
        unknown_count(c) ? "roost unknown list shows them; roost unknown adopt makes instances of those that are yours" : "");
}

static void check_hook(const struct hook *h, const char *fault, void *arg)
{
    char name[NAME_MAX_LEN + 8];
    struct err e;

    snprintf(name, sizeof name, "hook %s", h->name.s);
    if (hook_check_program(h, &e) < 0)
        check_row(arg, name, "error", e.text, "install it, or mend its section in roost.conf");
    else if (*fault)
        check_row(arg, name, "error", fault, "roost status --output json names its log");
    else
        check_row(arg, name, "ok", h->command, "");
}

json_t *core_check(struct core *c, struct err *e)
{
    json_t *list = json_array();

    (void)e;
    check_qemu(c, list);
    if (c->config.launch)
        check_machines(c, list);
    if (c->config.launch)
        check_program(list, "qemu-img", c->config.qemu_img[0] ? c->config.qemu_img : "qemu-img",
                      "apt install qemu-utils", "error");
    check_program(list, "ssh", "ssh", "apt install openssh-client", "warn");
    check_program(list, "ansible", "ansible-inventory", "apt install ansible-core", "warn");
    check_disk(c, list);
    check_trash(c, list);
    if (c->config.launch)
        check_memory(c, list);
    check_guests(c, list);
    core_hooks_each(c, check_hook, list);
    if (wire_fault(c)[0])
        check_row(list, "projections", "error", wire_fault(c), "roost sync, when the cause is gone");
    return json_pack("{s:o}", "checks", list);
}
