#include "bootstrap/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

static void put_circumstances(const struct circumstances *c, struct buf *out)
{
    buf_printf(out, "%s\n%s %" PRIu64 " %" PRId64 "\n%s\n", c->boot_id, c->qemu.path, c->qemu.size,
               c->qemu.mtime_ns, c->qemu_version);
}

void verdict_render(const struct accel_report *r, const struct circumstances *c, struct buf *out)
{
    buf_printf(out, "%s\n%s\n%" PRId64 "\n", accel_name(r->accel), r->reason, c->limit_ms);
    put_circumstances(c, out);
}

/* The line at *text without its end, which *text is moved past; -1: none, or of `size` bytes and
 * more. */
static int take_line(const char **text, char *out, size_t size)
{
    size_t len = strcspn(*text, "\n");
    if ((*text)[len] != '\n' || len >= size)
        return -1;
    memcpy(out, *text, len);
    out[len] = '\0';
    *text += len + 1;
    return 0;
}

int verdict_parse(const char *text, const struct circumstances *now, struct accel_report *ret)
{
    auto_buf struct buf want = BUF_INIT;
    struct accel_report r = { .accel = ACCEL_TCG };
    char accel[8];
    char limit[24];
    uint64_t limit_ms;
    if (take_line(&text, accel, sizeof(accel)) < 0 ||
        take_line(&text, r.reason, sizeof(r.reason)) < 0 ||
        take_line(&text, limit, sizeof(limit)) < 0 ||
        parse_u64(limit, 0, INT64_MAX, &limit_ms, NULL) < 0)
        return -1;
    if (strcmp(accel, accel_name(ACCEL_KVM)) == 0)
        r.accel = ACCEL_KVM;
    else if (strcmp(accel, accel_name(ACCEL_TCG)) != 0 || (int64_t)limit_ms < now->limit_ms)
        return -1;
    put_circumstances(now, &want);
    if (want.failed || strcmp(text, buf_str(&want)) != 0)
        return -1;
    snprintf(r.qemu_version, sizeof(r.qemu_version), "%s", now->qemu_version);
    *ret = r;
    return 0;
}
