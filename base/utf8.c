#include "base/utf8.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/word.h"

/* RFC 3629 section 4: the range of the second byte depends on the first. */
static const struct {
    uint8_t first_min, first_max, second_min, second_max, len;
} utf8_forms[] = {
    { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
    { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
    { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

static size_t utf8_tail(const uint8_t *p, size_t len, size_t form, uint32_t *ret)
{
    size_t need = utf8_forms[form].len;

    if (len < need || p[1] < utf8_forms[form].second_min || p[1] > utf8_forms[form].second_max)
        return 0;
    uint32_t cp = p[0] & (0x7fu >> need);
    for (size_t i = 1; i < need; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        cp = cp << 6 | (p[i] & 0x3fu);
    }
    if (ret)
        *ret = cp;
    return need;
}

size_t utf8_next(const char *s, size_t len, uint32_t *ret)
{
    const uint8_t *p = (const uint8_t *)s;

    if (len == 0)
        return 0;
    if (p[0] < 0x80) {
        if (ret)
            *ret = p[0];
        return 1;
    }
    for (size_t i = 0; i < ARRAY_SIZE(utf8_forms); i++) {
        if (p[0] >= utf8_forms[i].first_min && p[0] <= utf8_forms[i].first_max)
            return utf8_tail(p, len, i, ret);
    }
    return 0;
}

size_t printable_run(const char *s, size_t len)
{
    size_t n = 0;

    for (; len - n >= sizeof(uint64_t); n += sizeof(uint64_t)) {
        uint64_t w = word_load(s + n);
        /* Beyond ASCII; a borrow from what is below a blank; a carry of 0x7f. */
        if ((w | (w - WORD_ONES * ' ') | (w + WORD_ONES)) & WORD_TOPS)
            break;
    }
    while (n < len && s[n] >= ' ' && s[n] < 0x7f)
        n++;
    return n;
}

bool utf8_valid(const char *s, size_t len)
{
    for (size_t n; len > 0;) {
        n = printable_run(s, len);
        if (n == 0)
            n = (uint8_t)*s < 0x80 ? 1 : utf8_next(s, len, NULL);
        if (n == 0)
            return false;
        s += n;
        len -= n;
    }
    return true;
}

void control_mask(char *s)
{
    size_t left = strlen(s);

    for (;;) {
        uint32_t cp = 0;
        size_t plain = printable_run(s, left); /* nearly all of it */
        s += plain;
        left -= plain;
        if (left == 0)
            return;
        size_t n = utf8_next(s, left, &cp);
        size_t step = n ? n : 1;
        if (n == 0 || cp < 0x20 || (cp >= 0x7f && cp <= 0x9f))
            memset(s, '?', step);
        s += step;
        left -= step;
    }
}
