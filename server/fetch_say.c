/* What roost-fetch tells. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "server/fetch_priv.h"

#define PROGRESS_MS 200

void fetch_say(const char *fmt, ...)
{
    auto_buf struct buf b = BUF_INIT;
    char line[FETCH_LINE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof line - 1, fmt, ap);
    va_end(ap);
    control_mask(line);
    buf_printf(&b, "%s\n", line);
    /* Nobody hears any more: there is nobody to do it for. */
    if (write(FETCH_SAY_FD, buf_str(&b), b.len) < 0)
        _exit(1);
}

void fetch_tell(struct fetch *f, bool now)
{
    int64_t at = clock_now().boot_ms;
    const char *packed = f->out.unpack ? unpack_name(f->out.unpack) : "";

    if (*packed && !f->told_packed) {
        fetch_say("packed %s", packed);
        f->told_packed = true;
    }
    if (!now && (at - f->told_ms < PROGRESS_MS || f->out.raw == f->told_raw))
        return;
    f->told_ms = at;
    f->told_raw = f->out.raw;
    fetch_say("progress %llu %llu", (unsigned long long)f->out.raw, (unsigned long long)f->total);
}
