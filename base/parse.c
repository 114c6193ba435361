#include "base/parse.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "base/word.h"

/* Reads digits at *s and moves past them. -1: there is none, or the value is over 64 bits. */
static int scan_digits(const char **s, uint64_t *ret)
{
    uint64_t v = 0;
    const char *p = *s;

    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return -1;
    }
    if (p == *s)
        return -1;
    *s = p;
    *ret = v;
    return 0;
}

int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret, struct err *e)
{
    const char *p = s;
    uint64_t v;

    if (scan_digits(&p, &v) < 0 || *p || v < min || v > max)
        return err_set(e, ERR_INVALID,
                       "\"%.64s\" is not a whole number from %" PRIu64 " to %" PRIu64, s, min, max);
    *ret = v;
    return 0;
}

int parse_bool(const char *s, bool *ret, struct err *e)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {
        { "yes", true },    { "no", false }, { "true", true },
        { "false", false }, { "on", true },  { "off", false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(words[i].word, s) == 0) {
            *ret = words[i].value;
            return 0;
        }
    }
    return err_set(e, ERR_INVALID, "\"%.64s\" is not yes or no", s);
}

int parse_size(const char *s, uint64_t *ret_bytes, struct err *e)
{
    static const char units[] = "KMGT";
    const char *p = s;
    uint64_t v;

    if (scan_digits(&p, &v) < 0)
        goto invalid;
    const char *unit = *p ? strchr(units, *p) : NULL;
    if (unit) {
        if (__builtin_mul_overflow(v, UINT64_C(1) << (10 * (unit - units + 1)), &v))
            goto invalid;
        p++;
        if (*p == 'i' && p[1] == 'B')
            p++;
    }
    if (*p == 'B')
        p++;
    if (*p)
        goto invalid;
    *ret_bytes = v;
    return 0;
invalid:
    return err_set(
        e, ERR_INVALID,
        "\"%.64s\" is not a size: bytes, or a whole number with K, M, G or T, as in 512M", s);
}

/* Every unit at most once, the larger first. */
static const struct {
    char name[3];
    uint32_t ms;
} durations[] = {
    { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};

/* The unit of letters at *s, which is moved past it; -1: none has this name. */
static int scan_unit(const char **s)
{
    size_t len = 0;

    while (islower((unsigned char)(*s)[len]))
        len++;
    for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
        if (strlen(durations[i].name) == len && memcmp(durations[i].name, *s, len) == 0) {
            *s += len;
            return (int)i;
        }
    }
    return -1;
}

int parse_duration(const char *s, int64_t *ret_ms, struct err *e)
{
    const char *p = s;
    int64_t sum = 0;
    int last = -1;

    do {
        uint64_t v;
        int64_t part;
        if (scan_digits(&p, &v) < 0)
            goto invalid;
        int unit = scan_unit(&p);
        if (unit <= last || __builtin_mul_overflow(v, durations[unit].ms, &part) ||
            __builtin_add_overflow(sum, part, &sum))
            goto invalid;
        last = unit;
    } while (*p);
    *ret_ms = sum;
    return 0;
invalid:
    return err_set(e, ERR_INVALID, "\"%.64s\" is not a duration, as in 250ms, 40s, 5m, 1h30m or 2d",
                   s);
}

const char *format_duration(int64_t ms, char out[24])
{
    const char *sign = ms < 0 ? "-" : "";
    uint64_t u = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    uint64_t s = u / 1000;

    if (u == 0)
        snprintf(out, 24, "0s");
    else if (s == 0)
        snprintf(out, 24, "%s0.%us", sign, (unsigned)(u / 100));
    else if (s < 60)
        snprintf(out, 24, "%s%us", sign, (unsigned)s);
    else if (s < 3600)
        snprintf(out, 24, "%s%um%02us", sign, (unsigned)(s / 60), (unsigned)(s % 60));
    else if (s < 86400)
        snprintf(out, 24, "%s%uh%02um", sign, (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
    else
        snprintf(out, 24, "%s%" PRIu64 "d%uh", sign, s / 86400, (unsigned)(s / 3600 % 24));
    return out;
}

const char *format_size(uint64_t bytes, char out[24])
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    char number[16], *point;
    size_t unit = 0;
    double v = (double)bytes;

    /* 1023.5 would be printed as 1024 of this unit: it is 1.0 of the next. */
    while (v >= (unit ? 1023.5 : 1024) && unit + 1 < ARRAY_SIZE(units)) {
        v /= 1024;
        unit++;
    }
    snprintf(number, sizeof number, "%.*f", unit > 0 && v < 99.95 ? 1 : 0, v);
    if (v >= 9.95 && (point = strstr(number, ".0")))
        *point = '\0';
    snprintf(out, 24, "%s %s", number, units[unit]);
    return out;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* One byte at s of len > 0 bytes; returns how many were read, or -1. */
static int percent_byte(const char *s, size_t len, bool plus_is_space, char *ret)
{
    if (*s == '%') {
        if (len < 3 || hex_digit(s[1]) < 0 || hex_digit(s[2]) < 0)
            return -1;
        *ret = (char)(hex_digit(s[1]) << 4 | hex_digit(s[2]));
        return 3;
    }
    *ret = plus_is_space && *s == '+' ? ' ' : *s;
    return 1;
}

/* How many bytes at s stand for themselves. */
static size_t percent_plain(const char *s, size_t len, bool plus_is_space)
{
    enum { NEVER = 1, NOT_IN_FORMS = 2 };
    static const uint8_t special[256] = { ['\0'] = NEVER, ['%'] = NEVER, ['+'] = NOT_IN_FORMS };
    unsigned mask = plus_is_space ? NEVER | NOT_IN_FORMS : NEVER;
    size_t n = 0;

    for (; len - n >= sizeof(uint64_t); n += sizeof(uint64_t)) {
        uint64_t w = word_load(s + n);
        uint64_t hit = word_where(w, '\0') | word_where(w, '%') | (plus_is_space ? word_where(w, '+') : 0);
        if (hit)
            return n + (size_t)__builtin_ctzll(hit) / 8;
    }
    while (n < len && !(special[(uint8_t)s[n]] & mask))
        n++;
    return n;
}

int percent_decode(const char *s, size_t len, bool plus_is_space, char *out, size_t size,
                   struct err *e)
{
    size_t n = 0;

    for (size_t i = 0;;) {
        size_t plain = percent_plain(s + i, len - i, plus_is_space);
        bool end = i + plain == len;
        char c = '.';
        int step = end ? 0 : percent_byte(s + i + plain, len - i - plain, plus_is_space, &c);
        if (step < 0)
            return err_set(e, ERR_INVALID, "bad %%-escape at byte %zu", i + plain + 1);
        if (c == '\0')
            return err_set(e, ERR_INVALID, "zero byte at byte %zu", i + plain + 1);
        if (n + plain + !end >= size || n + plain >= INT_MAX)
            return err_set(e, ERR_TOO_BIG, "decoded text is longer than %zu bytes",
                           size ? size - 1 : 0);
        memmove(out + n, s + i, plain); /* out may be s */
        n += plain;
        if (end)
            break;
        out[n++] = c;
        i += plain + (size_t)step;
    }
    out[n] = '\0';
    return (int)n;
}

bool ascii_printable(const char *s, size_t len)
{
    return printable_run(s, len) == len;
}
