#include "bootstrap/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put_circumstances(const struct circumstances *c, struct buf *out)
{
    buf_printf(out, "%s\n%s %" PRIu64 " %" PRId64 "\n%s\n", c->boot_id, c->qemu_path, c->qemu_size,
               c->qemu_mtime_ns, c->qemu_version);
}

void verdict_render(const struct accel_report *r, const struct circumstances *c, struct buf *out)
{
    buf_printf(out, "%s\n%s\n", accel_name(r->accel), r->reason);
    put_circumstances(c, out);
}

int verdict_parse(const char *text, const struct circumstances *now, struct accel_report *ret)
{
    auto_buf struct buf want = BUF_INIT;
    struct accel_report r = { .accel = ACCEL_TCG };
    size_t first = strcspn(text, "\n");
    const char *reason = text + first + (text[first] == '\n');
    size_t second = strcspn(reason, "\n");
    if (reason[second] != '\n' || second >= sizeof(r.reason))
        return -1;
    if (strncmp(text, "kvm\n", 4) == 0)
        r.accel = ACCEL_KVM;
    else if (strncmp(text, "tcg\n", 4) != 0)
        return -1;
    memcpy(r.reason, reason, second);
    put_circumstances(now, &want);
    if (want.failed || strcmp(reason + second + 1, buf_str(&want)) != 0)
        return -1;
    snprintf(r.qemu_version, sizeof(r.qemu_version), "%s", now->qemu_version);
    *ret = r;
    return 0;
}
