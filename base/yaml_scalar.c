#include "base/yaml_scalar.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_word(const char *s, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(s, *words) == 0)
            return true;
    }
    return false;
}

static size_t digits(const char *s)
{
    return strspn(s, "0123456789");
}

/* [-+]?(0|[1-9][0-9]*), 0o[0-7]+, 0x[0-9a-fA-F]+; the base, or 0 */
static int int_base(const char *s)
{
    if (s[0] == '0' && s[1] == 'o')
        return s[2] && s[2 + strspn(s + 2, "01234567")] == '\0' ? 8 : 0;
    if (s[0] == '0' && s[1] == 'x')
        return s[2] && s[2 + strspn(s + 2, "0123456789abcdefABCDEF")] == '\0' ? 16 : 0;
    s += *s == '-' || *s == '+';
    size_t n = digits(s);
    return n > 0 && s[n] == '\0' && (n == 1 || s[0] != '0') ? 10 : 0;
}

/* [-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_float(const char *s)
{
    s += *s == '-' || *s == '+';
    size_t whole = digits(s);
    if (whole > 1 && s[0] == '0')
        return false;
    s += whole;
    if (*s == '.') {
        size_t part = digits(s + 1);
        if (whole + part == 0)
            return false;
        s += 1 + part;
    } else if (whole == 0) {
        return false;
    }
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        if (digits(s) == 0)
            return false;
        s += digits(s);
    }
    return *s == '\0';
}

static bool is_inf_or_nan(const char *s)
{
    static const char *const inf[] = { ".inf", ".Inf", ".INF", NULL };
    static const char *const nan_[] = { ".nan", ".NaN", ".NAN", NULL };

    return is_word(s, nan_) || is_word(s + (*s == '-' || *s == '+'), inf);
}

/* strtod with the point of the C locale, whatever the program's is. */
static double to_double(const char *s)
{
    static locale_t c_locale;

    if (!c_locale)
        c_locale = newlocale(LC_ALL_MASK, "C", NULL);
    return c_locale ? strtod_l(s, NULL, c_locale) : HUGE_VAL;
}

/* NULL: a number that JSON or 64 bits cannot hold. */
static json_t *resolve_number(const char *s, int base)
{
    errno = 0;
    if (base) {
        long long v = strtoll(base == 10 ? s : s + 2, NULL, base);
        return errno ? NULL : json_integer(v);
    }
    return json_real(to_double(s)); /* NULL for infinity */
}

json_t *yaml_scalar_resolve(const char *s)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
    static const char *const trues[] = { "true", "True", "TRUE", NULL };
    static const char *const falses[] = { "false", "False", "FALSE", NULL };
    int base = int_base(s);

    if (is_word(s, nulls))
        return json_null();
    if (is_word(s, trues))
        return json_true();
    if (is_word(s, falses))
        return json_false();
    if (base || is_float(s))
        return resolve_number(s, base);
    return is_inf_or_nan(s) ? NULL : json_string(s);
}

bool yaml_scalar_is_number(const char *s)
{
    return int_base(s) || is_float(s) || is_inf_or_nan(s);
}
