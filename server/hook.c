#include "server/hook.h"

#include <errno.h>
#include <fnmatch.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "model/nearest.h"
#include "server/config_table.h"

#define BLANKS " \t"
#define COMMAS ", \t"

/* ---- types of its values ---- */

/* The next word of a list with commas or blanks, at most size - 1 bytes of it; false at the end. */
static bool next_word(const char **s, char *out, size_t size)
{
    size_t len;

    *s += strspn(*s, COMMAS);
    len = strcspn(*s, COMMAS);
    snprintf(out, size, "%.*s", (int)(len < size ? len : size - 1), *s);
    *s += len;
    return len > 0;
}

static int unknown_event(const char *word, struct err *e)
{
    const char *names[EV_KINDS], *near;

    for (int k = 0; k < EV_KINDS; k++)
        names[k] = event_kind_name((enum event_kind)k);
    if ((near = nearest_name(word, names, EV_KINDS)))
        return err_set(e, ERR_INVALID, "\"%s\" is no kind of event; did you mean %s?", word, near);
    return err_set(e, ERR_INVALID,
                   "\"%s\" is no kind of event: homed, overdue, failed, key-mismatch, configured … "
                   "(roost.conf(5) lists them), or all",
                   word);
}

static int events_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    uint64_t set = 0;
    char word[40];

    (void)r;
    while (next_word(&s, word, sizeof word)) {
        int k = event_kind_from_name(word);
        if (!strcmp(word, "all"))
            set |= ~UINT64_C(0) >> (64 - EV_KINDS);
        else if (k < 0)
            return unknown_event(word, e);
        else
            set |= UINT64_C(1) << k;
    }
    *(uint64_t *)field = set;
    return 0;
}

static void events_print(const struct config_row *r, const void *field, struct buf *out)
{
    uint64_t set = *(const uint64_t *)field;
    bool first = true;

    (void)r;
    for (int k = 0; k < EV_KINDS; k++)
        if (set >> k & 1) {
            buf_printf(out, "%s%s", first ? "" : ", ", event_kind_name((enum event_kind)k));
            first = false;
        }
}
static const struct config_type type_events = { events_read, events_print };

static void text_print(const struct config_row *r, const void *field, struct buf *out)
{
    (void)r;
    buf_puts(out, field);
}

static int command_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    if (*s && *s != '/')
        return err_set(e, ERR_INVALID,
                       "\"%.100s\" does not begin with an absolute path: the program, then its "
                       "arguments between blanks",
                       s);
    return config_type_path.read(r, s, field, e);
}
static const struct config_type type_command = { command_read, text_print };

/* fnmatch(3)'s patterns over names of instances and of groups. */
static int globs_read(const struct config_row *r, const char *s, void *field, struct err *e)
{
    static const char known[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
                                "*?[]!" COMMAS;
    size_t bad = strspn(s, known);

    if (s[bad])
        return err_set(e, ERR_INVALID,
                       "\"%.100s\": '%c' cannot be part of a name; names and patterns "
                       "(*, ?, [a-z]) between commas",
                       s, s[bad] >= ' ' && s[bad] <= '~' ? s[bad] : '?');
    if (strlen(s) >= r->size)
        return err_set(e, ERR_INVALID, "longer than %zu bytes", r->size - 1);
    memcpy(field, s, strlen(s) + 1);
    return 0;
}
static const struct config_type type_globs = { globs_read, text_print };

/* ---- the table ---- */

#define FIELD(f) offsetof(struct hook, f), sizeof(((struct hook *)0)->f)

static const struct config_row rows[] = {
    { "hook", "events", &type_events, FIELD(events), "",
      .help = "kinds of events that it is told of, between commas; all: each of them" },
    { "hook", "command", &type_command, FIELD(command), "",
      .help =
          "absolute path of the program and its arguments, between blanks; no shell reads them" },
    { "hook", "instances", &type_globs, FIELD(instances), "",
      .help =
          "names of instances or patterns (web-*), between commas; empty: all, and what happens "
          "to the appliance itself" },
    { "hook", "groups", &type_globs, FIELD(groups), "",
      .help = "and groups, of which the instance is in one" },
    { "hook", "user", &config_type_user, FIELD(user), "",
      .help = "user that it runs as in system mode; empty: the one of roost-core, without "
              "capabilities" },
    { "hook", "time-limit", &config_type_duration, FIELD(limit), "30s", .min = 100, .max = 3600000,
      .help = "how long one attempt may take before all of its processes are killed" },
    { "hook", "retries", &config_type_number, FIELD(retries), "5", .min = 0, .max = 100,
      .help =
          "attempts after a failed one (an exit code other than 0); then it is given up, and roost "
          "check says so" },
    { "hook", "retry-first", &config_type_duration, FIELD(retry_first), "2s", .min = 10,
      .max = 3600000, .help = "wait before the second attempt; then doubled, to an hour at most" },
};
_Static_assert(ARRAY_SIZE(rows) <= HOOK_KEYS_MAX, "each key has an origin");

const struct config_row *hook_rows(size_t *ret_n)
{
    *ret_n = ARRAY_SIZE(rows);
    return rows;
}

const struct config_row *hook_row(const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (!strcmp(rows[i].key, key))
            return &rows[i];
    return NULL;
}

size_t hook_row_index(const struct config_row *r)
{
    return (size_t)(r - rows);
}

int hook_unknown_key(const char *name, const char *key, struct err *e)
{
    auto_buf struct buf keys = BUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        buf_printf(&keys, "%s%s", i ? ", " : "", rows[i].key);
    return err_set(e, ERR_INVALID, "[" HOOK_SECTION "%s] %.64s: no such key; there are %s", name,
                   key, buf_str(&keys));
}

/* ---- sections ---- */

int hook_section(const char *section, struct name *ret, struct err *e)
{
    size_t len = strlen(HOOK_SECTION);

    if (strncmp(section, "hook", 4) || (section[4] && !strchr(BLANKS, section[4])))
        return 0;
    if (strncmp(section, HOOK_SECTION, len) || !section[len])
        return err_set(e, ERR_INVALID, "[%.64s]: a hook has a name: [hook mail]", section);
    if (name_parse(section + len, "hook name", ret, e) < 0)
        return err_wrap(e, "[%.64s]", section);
    return 1;
}

struct hook *hook_open(struct config *c, const struct name *name, struct err *e)
{
    struct hook *h;

    for (int i = 0; i < c->n_hooks; i++)
        if (!strcmp(c->hooks[i].name.s, name->s))
            return &c->hooks[i];
    if (c->n_hooks == HOOKS_MAX) {
        err_set(e, ERR_TOO_BIG, "[" HOOK_SECTION "%s]: more than %d hooks", name->s, HOOKS_MAX);
        return NULL;
    }
    h = &c->hooks[c->n_hooks];
    *h = (struct hook){ .name = *name };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (hook_put(h, &rows[i], rows[i].def, FROM_DEFAULT, 0, e) < 0)
            return NULL;
    c->n_hooks++;
    return h;
}

int hook_put(struct hook *h, const struct config_row *r, const char *text, uint8_t from,
             uint16_t line, struct err *e)
{
    size_t i = hook_row_index(r);

    if (r->type->read(r, text, (char *)h + r->offset, e) < 0)
        return err_wrap(e, "[" HOOK_SECTION "%s] %s", h->name.s, r->key);
    h->from[i] = from;
    h->line[i] = line;
    return 0;
}

/* ---- checks ---- */

static int check_user(const struct hook *h, bool system, struct err *e)
{
    const struct passwd *own;

    if (!h->user[0])
        return 0;
    if (!system) {
        own = getpwuid(geteuid());
        return own && !strcmp(own->pw_name, h->user)
                   ? 0
                   : err_set(e, ERR_INVALID,
                             "user: roost runs as an ordinary user, and so do its hooks: leave it "
                             "out");
    }
    return getpwnam(h->user) ? 0
                             : err_set(e, ERR_INVALID, "user: there is no user \"%s\"", h->user);
}

int hook_check(const struct hook *h, bool system, struct err *e)
{
    int r = 0;

    if (!h->events)
        r = err_set(e, ERR_INVALID, "events is missing: say which, as in: events = homed, failed");
    else if (!h->command[0])
        r = err_set(e, ERR_INVALID, "command is missing: the absolute path of a program");
    else
        r = check_user(h, system, e);
    return r < 0 ? err_wrap(e, "[" HOOK_SECTION "%s]", h->name.s) : 0;
}

int hook_check_program(const struct hook *h, struct err *e)
{
    char path[sizeof h->command];
    struct stat st;

    snprintf(path, sizeof path, "%.*s", (int)strcspn(h->command, BLANKS), h->command);
    if (stat(path, &st) < 0)
        err_sys(e, "%s", path);
    else if (!S_ISREG(st.st_mode))
        err_set(e, ERR_INVALID, "%s is no file", path);
    else if (access(path, X_OK) < 0)
        err_set(e, ERR_DENIED, "%s cannot be run: chmod +x it", path);
    else
        return 0;
    return err_wrap(e, "[" HOOK_SECTION "%s] command", h->name.s);
}

/* ---- who hears ---- */

static bool fits(const char *globs, const char *name)
{
    char word[HOOK_LIST_MAX + 1];

    while (next_word(&globs, word, sizeof word))
        if (fnmatch(word, name, 0) == 0)
            return true;
    return false;
}

bool hook_hears(const struct hook *h, const struct event *ev, const struct name *groups, int n)
{
    bool in = !h->groups[0];

    if (!(h->events >> ev->kind & 1) || (h->instances[0] && !fits(h->instances, ev->instance.s)))
        return false;
    for (int i = 0; i < n && !in; i++)
        in = fits(h->groups, groups[i].s);
    return in;
}

/* ---- over the channel ---- */

void hook_encode(const struct hook *h, struct buf *out)
{
    msg_put_str(out, h->name.s);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        auto_buf struct buf text = BUF_INIT;
        rows[i].type->print(&rows[i], (const char *)h + rows[i].offset, &text);
        msg_put_str(out, buf_str(&text));
    }
}

int hook_decode(struct msg_cur *cur, struct config *into, struct err *e)
{
    char text[1024];
    struct name name;
    struct hook *h;
    int before = into->n_hooks;

    msg_get_str(cur, text, sizeof text);
    if (cur->failed || name_parse(text, "hook name", &name, e) < 0 ||
        !(h = hook_open(into, &name, e)) || into->n_hooks == before)
        return err_set(e, ERR_INVALID, "message config: hooks do not decode");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        msg_get_str(cur, text, sizeof text);
        if (cur->failed)
            return err_set(e, ERR_INVALID, "message config: hooks do not decode");
        if (hook_put(h, &rows[i], text, FROM_DEFAULT, 0, e) < 0)
            return err_wrap(e, "message config");
    }
    return 0;
}
