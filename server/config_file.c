/* roost.conf through iniparser. iniparser lets the last of two equal keys win, makes one bad line
 * fail the load without saying where, and cuts lines at 1 KiB, so the lines are looked at here
 * first. */
#include <ctype.h>
#include <fcntl.h>
#include <iniparser.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/config_table.h"

#define FILE_CAP (256 << 10)
#define LINE_CAP 1000 /* iniparser's ASCIILINESZ is 1024 */

struct scan {
    const char *file;
    unsigned line;
    char section[80];
    unsigned seen[CONFIG_ROWS_MAX]; /* line of each option, 0: not there */
    bool in_hook;                   /* the section is that of the last hook */
    struct scan_hook {
        struct name name;
        unsigned seen[HOOK_KEYS_MAX];
    } hooks[HOOKS_MAX];
    int n_hooks;
};

static int at_line(const struct scan *s, struct err *e)
{
    return err_wrap(e, "%.200s:%u", s->file, s->line);
}

static char *strip(char *s)
{
    size_t len;

    while (isspace((unsigned char)*s))
        s++;
    for (len = strlen(s); len > 0 && isspace((unsigned char)s[len - 1]); len--)
        s[len - 1] = '\0';
    return s;
}

/* One section a hook: two would be two hooks to whoever reads the file. */
static int scan_hook(struct scan *s, const struct name *name, struct err *e)
{
    for (int i = 0; i < s->n_hooks; i++)
        if (!strcmp(s->hooks[i].name.s, name->s))
            return err_set(e, ERR_INVALID, "[%s]: given twice; a hook has one section",
                           s->section);
    if (s->n_hooks == HOOKS_MAX)
        return err_set(e, ERR_INVALID, "[%s]: more than %d hooks", s->section, HOOKS_MAX);
    s->hooks[s->n_hooks++].name = *name;
    s->in_hook = true;
    return 0;
}

static int scan_section(struct scan *s, char *line, struct err *e)
{
    struct name hook;
    int is;
    size_t len = strlen(line), n;
    const struct config_row *rows = config_rows(&n);

    if (line[len - 1] != ']')
        return err_set(e, ERR_INVALID, "\"%.60s\": expected [section] and nothing behind it", line);
    line[len - 1] = '\0';
    snprintf(s->section, sizeof(s->section), "%.79s", strip(line + 1));
    s->in_hook = false;
    if ((is = hook_section(s->section, &hook, e)))
        return is < 0 ? -1 : scan_hook(s, &hook, e);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].section, s->section) == 0)
            return 0;
    }
    return config_unknown(s->section, "", e);
}

/* Where the line of the key is to be remembered; NULL: no such key. */
static unsigned *seen_of(struct scan *s, const char *key, struct err *e)
{
    const struct config_row *r = s->in_hook ? hook_row(key) : config_row(s->section, key);
    struct scan_hook *h = s->in_hook ? &s->hooks[s->n_hooks - 1] : NULL;

    if (r)
        return h ? &h->seen[hook_row_index(r)] : &s->seen[config_index(r)];
    if (h)
        hook_unknown_key(h->name.s, key, e);
    else
        config_unknown(s->section, key, e);
    return NULL;
}

static int scan_key(struct scan *s, char *line, struct err *e)
{
    char *eq = strchr(line, '=');

    if (!eq)
        return err_set(e, ERR_INVALID, "\"%.60s\": expected [section] or key = value", line);
    *eq = '\0';
    if (!s->section[0])
        return err_set(e, ERR_INVALID, "key \"%.60s\" stands before any [section]", strip(line));
    unsigned *seen = seen_of(s, strip(line), e);
    if (!seen)
        return -1;
    if (*seen)
        return err_set(e, ERR_INVALID, "[%s] %s: given twice, first in line %u; remove one",
                       s->section, strip(line), *seen);
    *seen = s->line;
    return 0;
}

static int scan_line(struct scan *s, char *line, struct err *e)
{
    size_t len = strlen(line);

    if (len > LINE_CAP)
        return err_set(e, ERR_INVALID, "line has more than %d bytes", LINE_CAP);
    if (len > 0 && line[len - 1] == '\\')
        return err_set(e, ERR_INVALID, "a line cannot go on in the next one: remove the backslash");
    line = strip(line);
    if (!*line || *line == '#' || *line == ';')
        return 0;
    return *line == '[' ? scan_section(s, line, e) : scan_key(s, line, e);
}

static int scan_file(struct scan *s, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;

    if (file_read(AT_FDCWD, s->file, FILE_CAP, &text, e) < 0)
        return -1;
    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
        return err_set(e, ERR_INVALID, "%.200s:1: begins with a byte order mark: save it without",
                       s->file);
    if (text.len && memchr(text.data, '\0', text.len))
        return err_set(e, ERR_INVALID, "%.200s: holds NUL bytes, this is no text file", s->file);
    for (char *p = text.data; p && *p;) {
        char *end = p + strcspn(p, "\n");
        bool last = !*end;
        *end = '\0';
        s->line++;
        if (scan_line(s, p, e) < 0)
            return at_line(s, e);
        p = last ? NULL : end + 1;
    }
    return 0;
}

static int silent(const char *fmt, ...)
{
    (void)fmt;
    return 0;
}

static int take_values(struct config *c, struct scan *s, const dictionary *d, struct err *e)
{
    size_t n;
    const struct config_row *rows = config_rows(&n);

    for (size_t i = 0; i < n; i++) {
        char key[130];
        if (!s->seen[i])
            continue;
        snprintf(key, sizeof(key), "%s:%s", rows[i].section, rows[i].key);
        const char *value = iniparser_getstring(d, key, NULL);
        s->line = s->seen[i];
        if (!value)
            return err_set(e, ERR_INVALID, "%.200s:%u: [%s] %s: cannot be read", s->file, s->line,
                           rows[i].section, rows[i].key);
        struct config_origin origin = { FROM_FILE, (uint16_t)s->line };
        if (config_put(c, &rows[i], value, origin, e) < 0)
            return at_line(s, e);
    }
    return 0;
}

/* iniparser keeps one name of a section as it is between the brackets. */
static int take_hook(struct config *c, struct scan *s, const struct scan_hook *from,
                     const dictionary *d, struct err *e)
{
    size_t n;
    const struct config_row *rows = hook_rows(&n);
    struct hook *h = hook_open(c, &from->name, e);

    for (size_t i = 0; h && i < n; i++) {
        char key[160];
        if (!from->seen[i])
            continue;
        snprintf(key, sizeof(key), HOOK_SECTION "%s:%s", from->name.s, rows[i].key);
        const char *value = iniparser_getstring(d, key, NULL);
        s->line = from->seen[i];
        if (!value)
            return err_set(e, ERR_INVALID, "%.200s:%u: [" HOOK_SECTION "%s] %s: cannot be read",
                           s->file, s->line, from->name.s, rows[i].key);
        if (hook_put(h, &rows[i], value, FROM_FILE, (uint16_t)s->line, e) < 0)
            return at_line(s, e);
    }
    return h ? 0 : -1;
}

static int take_hooks(struct config *c, struct scan *s, const dictionary *d, struct err *e)
{
    for (int i = 0; i < s->n_hooks; i++)
        if (take_hook(c, s, &s->hooks[i], d, e) < 0)
            return -1;
    return 0;
}

int config_read_file(struct config *c, const char *file, struct err *e)
{
    struct scan s = { .file = file };

    if (scan_file(&s, e) < 0)
        return -1;
    iniparser_set_error_callback(silent);
    dictionary *d = iniparser_load(file);
    if (!d)
        return err_set(e, ERR_INVALID, "%.200s: cannot be read as an INI file", file);
    int rc = take_values(c, &s, d, e);
    if (rc == 0)
        rc = take_hooks(c, &s, d, e);
    iniparser_freedict(d);
    if (rc == 0)
        snprintf(c->file, sizeof(c->file), "%.*s", PATH_SIZE - 1, file);
    return rc;
}
