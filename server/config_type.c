/* Types of option values: text to field and back. What is printed reads back as the same value. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/utf8.h"
#include "model/addr.h"
#include "model/seedurl.h"
#include "server/config_table.h"

/* --- choices ------------------------------------------------------------------------------- */

static int wrong_choice(const struct config_row *r, const char *s, struct err *e)
{
    auto_buf struct buf known = BUF_INIT;

    for (int i = 0; r->choices[i]; i++)
        buf_printf(&known, "%s%s", i ? ", " : "", r->choices[i]);
    return err_set(e, ERR_INVALID, "\"%.64s\" is not one of %s", s, buf_str(&known));
}

static int choice_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    for (int i = 0; r->choices[i]; i++) {
        if (strcmp(r->choices[i], s) == 0) {
            memcpy(field, &i, sizeof(i));
            return 0;
        }
    }
    return wrong_choice(r, s, e);
}

static void choice_print(const struct config_row *r, const void *field, struct buf *out)
{
    int i;

    memcpy(&i, field, sizeof(i));
    buf_puts(out, r->choices[i]);
}
_Static_assert(sizeof(enum mode) == sizeof(int), "choices are stored as int");
_Static_assert(sizeof(enum log_level) == sizeof(int), "choices are stored as int");
const struct config_type config_type_choice = { choice_read, choice_print };

/* "auto" is resolved where it is read: nobody else asks who started roost. */
static int mode_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    if (strcmp(s, "auto") == 0)
        s = r->choices[geteuid() == 0 ? MODE_SYSTEM : MODE_ROOTLESS];
    return choice_read(r, s, field, e);
}
const struct config_type config_type_mode = { mode_read, choice_print };

static int bool_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    (void)r;
    return parse_bool(s, field, e);
}
static void bool_print(const struct config_row *r, const void *field, struct buf *out)
{
    (void)r;
    buf_puts(out, *(const bool *)field ? "yes" : "no");
}
const struct config_type config_type_bool = { bool_read, bool_print };

/* --- numbers ------------------------------------------------------------------------------- */

static int number_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    uint64_t v;

    if (parse_u64(s, r->min, r->max, &v, e) < 0)
        return -1;
    *(unsigned *)field = (unsigned)v;
    return 0;
}
static void number_print(const struct config_row *r, const void *field, struct buf *out)
{
    (void)r;
    buf_printf(out, "%u", *(const unsigned *)field);
}
const struct config_type config_type_number = { number_read, number_print };

struct unit {
    const char *name;
    uint64_t factor;
};

/* The largest unit that divides the value, so that the text is exact. */
static void put_units(struct buf *out, uint64_t v, const struct unit *units)
{
    while (units->factor > 1 && (v == 0 || v % units->factor))
        units++;
    buf_printf(out, "%" PRIu64 "%s", v / units->factor, units->name);
}

static const struct unit size_units[] = {
    { "T", UINT64_C(1) << 40 }, { "G", 1 << 30 }, { "M", 1 << 20 }, { "K", 1 << 10 }, { "", 1 }
};
static const struct unit time_units[] = {
    { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 }
};

static int out_of_range(const struct config_row *r, const char *s, const struct unit *units,
                        struct err *e)
{
    auto_buf struct buf range = BUF_INIT;

    put_units(&range, r->min, units);
    buf_puts(&range, " to ");
    put_units(&range, r->max, units);
    return err_set(e, ERR_INVALID, "\"%.64s\" is out of range: %s", s, buf_str(&range));
}

static int size_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    uint64_t v;

    if (parse_size(s, &v, e) < 0)
        return -1;
    if (v < r->min || v > r->max)
        return out_of_range(r, s, size_units, e);
    *(uint64_t *)field = v;
    return 0;
}
static void size_print(const struct config_row *r, const void *field, struct buf *out)
{
    (void)r;
    put_units(out, *(const uint64_t *)field, size_units);
}
const struct config_type config_type_size = { size_read, size_print };

static int duration_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    int64_t v;

    if (parse_duration(s, &v, e) < 0)
        return -1;
    if (v < 0 || (uint64_t)v < r->min || (uint64_t)v > r->max)
        return out_of_range(r, s, time_units, e);
    *(int64_t *)field = v;
    return 0;
}
static void duration_print(const struct config_row *r, const void *field, struct buf *out)
{
    (void)r;
    put_units(out, (uint64_t) * (const int64_t *)field, time_units);
}
const struct config_type config_type_duration = { duration_read, duration_print };

/* --- texts --------------------------------------------------------------------------------- */

static void text_print(const struct config_row *r, const void *field, struct buf *out)
{
    (void)r;
    buf_puts(out, field);
}

/* Control characters would end up in generated files; quotes and comment marks could not be written
 * into roost.conf again (iniparser has no escape for them). */
static int text_copy(const struct config_row *r, const char *s, void *field, struct err *e)
{
    char clean[PATH_SIZE];
    size_t len = strlen(s);

    if (len >= r->size || len >= sizeof(clean))
        return err_set(e, ERR_INVALID, "longer than %zu bytes", r->size - 1);
    memcpy(clean, s, len + 1);
    control_mask(clean);
    if (strcmp(clean, s) != 0 || strpbrk(s, "\"';#"))
        return err_set(e, ERR_INVALID,
                       "control characters, quotes, ';' and '#' cannot be part of it");
    memcpy(field, s, len + 1);
    return 0;
}

static int path_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    if (*s && *s != '/')
        return err_set(e, ERR_INVALID, "\"%.200s\" is not an absolute path", s);
    return text_copy(r, s, field, e);
}
const struct config_type config_type_path = { path_read, text_print };

/* Absolute paths with colons between them. */
static int paths_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    for (const char *part = s; *s && part; part = strchr(part, ':') ? strchr(part, ':') + 1 : NULL)
        if (*part != '/')
            return err_set(e, ERR_INVALID,
                           "\"%.200s\" is no list of absolute paths with colons between them", s);
    return text_copy(r, s, field, e);
}
const struct config_type config_type_paths = { paths_read, text_print };
static int words_read_(const struct config_row *r, const char *s, void *field, struct err *e)
{
    return text_copy(r, s, field, e);
}
const struct config_type config_type_words = { words_read_, text_print };

static int program_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    if (!*s)
        return err_set(e, ERR_INVALID, "empty: an absolute path, or a name to look up in PATH");
    if (*s != '/' && strchr(s, '/'))
        return err_set(e, ERR_INVALID,
                       "\"%.200s\" is neither an absolute path nor a name to look up in PATH", s);
    return text_copy(r, s, field, e);
}
const struct config_type config_type_program = { program_read, text_print };

static int url_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    char base[BASE_URL_MAX + 1] = "";

    if (*s && base_url_parse(s, base, e) < 0)
        return -1;
    return text_copy(r, base, field, e);
}
const struct config_type config_type_url = { url_read, text_print };

static int name_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    return name_parse(s, r->key, field, e);
}
static void name_print(const struct config_row *r, const void *field, struct buf *out)
{
    text_print(r, ((const struct name *)field)->s, out);
}
const struct config_type config_type_name = { name_read, name_print };

/* useradd(8)'s rule for names; it becomes an argument of QEMU's. */
static int user_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    if (*s && (s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-")] || *s == '-'))
        return err_set(e, ERR_INVALID, "\"%.64s\" is not a user's name", s);
    return text_copy(r, s, field, e);
}
const struct config_type config_type_user = { user_read, text_print };

static int cidr_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    struct cidr c;

    (void)r;
    if (cidr_parse(s, &c, e) < 0)
        return -1;
    if (c.ip.family != 4 || c.prefix < 8 || c.prefix > 29)
        return err_set(e, ERR_INVALID, "\"%.64s\" is no IPv4 range of /8 to /29", s);
    *(struct cidr *)field = c;
    return 0;
}
static void cidr_print(const struct config_row *r, const void *field, struct buf *out)
{
    char text[CIDR_TEXT];

    (void)r;
    buf_puts(out, cidr_format(field, text));
}
const struct config_type config_type_cidr = { cidr_read, cidr_print };

static int endpoint_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    (void)r;
    return endpoint_parse(s, field, e);
}
static void endpoint_print(const struct config_row *r, const void *field, struct buf *out)
{
    char text[ENDPOINT_TEXT];

    (void)r;
    buf_puts(out, endpoint_format(field, text));
}
const struct config_type config_type_endpoint = { endpoint_read, endpoint_print };
