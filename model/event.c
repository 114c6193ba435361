#include "model/event.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/utf8.h"

/* One row per kind: its name on record, and how it is logged. */
static const struct {
    const char *name;
    char level;
} kinds[EV_KINDS] = {
    [EV_DEFINED] = { "defined", 'i' },
    [EV_CHANGED] = { "changed", 'i' },
    [EV_LAUNCHING] = { "launching", 'i' },
    [EV_LAUNCHED] = { "launched", 'i' },
    [EV_LAUNCH_FAILED] = { "launch-failed", 'e' },
    [EV_ADOPTED] = { "adopted", 'i' },
    [EV_SEED_SERVED] = { "seed-served", 'i' },
    [EV_SEED_REFUSED] = { "seed-refused", 'w' },
    [EV_STAGE] = { "stage", 'd' },
    [EV_MODULE_FAILED] = { "module-failed", 'w' },
    [EV_HOMED] = { "homed", 'i' },
    [EV_HOMED_AGAIN] = { "homed-again", 'i' },
    [EV_FINISHED] = { "finished", 'i' },
    [EV_KEY_MISMATCH] = { "key-mismatch", 'e' },
    [EV_WRONG_ID] = { "wrong-id", 'w' },
    [EV_ADDRESS] = { "address", 'i' },
    [EV_CONFIGURED] = { "configured", 'i' },
    [EV_CONFIG_FAILED] = { "config-failed", 'e' },
    [EV_OVERDUE] = { "overdue", 'w' },
    [EV_STOPPING] = { "stopping", 'i' },
    [EV_STOPPED] = { "stopped", 'i' },
    [EV_FAILED] = { "failed", 'e' },
    [EV_RESTARTED] = { "restarted", 'i' },
    [EV_REBUILT] = { "rebuilt", 'i' },
    [EV_REMOVED] = { "removed", 'i' },
    [EV_FAULT] = { "fault", 'e' },
    [EV_LEASED] = { "leased", 'i' },
    [EV_NETWORK_UP] = { "network-up", 'i' },
    [EV_NETWORK_DOWN] = { "network-down", 'i' },
    [EV_NETWORK_FAULT] = { "network-fault", 'e' },
    [EV_SECOND_CLAIMANT] = { "second-claimant", 'w' },
    [EV_RUN_STARTED] = { "run-started", 'i' },
    [EV_RUN_ENDED] = { "run-ended", 'i' },
    [EV_RESET] = { "reset", 'i' },
    [EV_FORWARDED] = { "forwarded", 'i' },
    [EV_FORWARD_FAILED] = { "forward-failed", 'w' },
};

const char *event_kind_name(enum event_kind k)
{
    return (unsigned)k < EV_KINDS ? kinds[k].name : "unknown";
}

int event_kind_from_name(const char *name)
{
    for (int k = 0; k < EV_KINDS; k++)
        if (!strcmp(kinds[k].name, name))
            return k;
    return -1;
}

char event_kind_level(enum event_kind k)
{
    return (unsigned)k < EV_KINDS ? kinds[k].level : 'e';
}

/* Length of the valid UTF-8 character at s, 0 when there is none. */
static size_t utf8_char(const char *s, size_t left)
{
    unsigned char c = (unsigned char)s[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

    return n <= left && utf8_valid(s, n) ? n : 0;
}

/* Characters that move the cursor, end a line or turn the text around on a terminal: C0, DEL, the
 * C1 controls (U+0080 to U+009F), line and paragraph separators and the bidirectional controls
 * (U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069; Unicode TR 36, TR 9). */
static bool controls_terminal(const char *s, size_t n)
{
    const unsigned char *c = (const unsigned char *)s;

    if (n == 1)
        return c[0] < 0x20 || c[0] == 0x7f;
    if (n == 2)
        return c[0] == 0xc2 && c[1] < 0xa0;
    if (n != 3 || c[0] != 0xe2)
        return false;
    return (c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae))) ||
           (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9);
}

void event_text(struct event *ev, const char *raw)
{
    size_t len = strlen(raw), out = 0;

    if (len <= EVENT_DETAIL_MAX && ascii_printable(raw, len)) { /* nearly all of them */
        memcpy(ev->detail, raw, len + 1);
        return;
    }
    for (size_t in = 0; in < len;) {
        size_t n = utf8_char(raw + in, len - in);
        bool keep = n && !controls_terminal(raw + in, n);
        size_t put = keep ? n : 1;

        if (out + put > EVENT_DETAIL_MAX)
            break;
        memcpy(ev->detail + out, keep ? raw + in : "?", put);
        out += put;
        in += n ? n : 1;
    }
    ev->detail[out] = '\0';
}

void event_vdetail(struct event *ev, const char *fmt, va_list ap)
{
    char raw[4 * EVENT_DETAIL_MAX]; /* a character of three bytes may shrink to one */

    if (vsnprintf(raw, sizeof raw, fmt, ap) < 0)
        raw[0] = '\0';
    event_text(ev, raw);
}

void event_detail(struct event *ev, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    event_vdetail(ev, fmt, ap);
    va_end(ap);
}
