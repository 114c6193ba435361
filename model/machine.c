#include "model/machine.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/verb_field.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define WORD   LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS "._-"

/* --- CPU ------------------------------------------------------------------------------------- */

static bool is_word(const char *s, size_t len)
{
    return len > 0 && strspn(s, WORD) >= len && isalnum((unsigned char)s[0]);
}

/* One feature as QEMU's -cpu takes it on each architecture: NAME=VALUE. */
static bool put_feature(struct buf *out, const char *s, size_t len)
{
    const char *equals = memchr(s, '=', len);
    size_t name = equals ? (size_t)(equals - s) : len;

    buf_putc(out, ',');
    if (equals) {
        buf_put(out, s, len);
        return is_word(s, name) && is_word(equals + 1, len - name - 1);
    }
    buf_put(out, s + 1, len ? len - 1 : 0);
    buf_puts(out, *s == '+' ? "=on" : "=off");
    return len > 1 && (*s == '+' || *s == '-') && is_word(s + 1, len - 1);
}

int cpu_parse(const char *s, char ret[CPU_MAX + 1], struct err *e)
{
    auto_buf struct buf out = BUF_INIT;
    size_t len = strcspn(s, ",");
    bool fine = is_word(s, len);

    buf_put(&out, s, len);
    for (const char *p = s + len; fine && *p; p += len) {
        p++;
        len = strcspn(p, ",");
        fine = put_feature(&out, p, len);
    }
    if (!fine)
        return err_set(
            e, ERR_INVALID,
            "\"%.60s\" is no CPU: expected MODEL, or MODEL,+FEATURE,-FEATURE,NAME=VALUE, "
            "such as host, max or Nehalem,+aes",
            s);
    if (buf_check(&out, e) < 0)
        return -1;
    if (out.len > CPU_MAX)
        return err_set(e, ERR_INVALID, "a CPU model with its features has at most %d characters",
                       CPU_MAX);
    strcpy(ret, buf_str(&out));
    return 0;
}

/* --- machine type, keymap -------------------------------------------------------------------- */

static const struct family {
    const char *name, *versioned;
    enum arch arch;
} families[] = {
    { "q35", "pc-q35-", ARCH_AMD64 },
    { "pc", "pc-i440fx-", ARCH_AMD64 },
    { "virt", "virt-", ARCH_ARM64 },
};

/* "7.2", "4.0.1" */
static bool is_version(const char *s)
{
    size_t major = strspn(s, DIGITS);

    return major && s[major] == '.' && s[major + 1] && strspn(s, DIGITS ".") == strlen(s) &&
           isdigit((unsigned char)s[strlen(s) - 1]) && strlen(s) < 10;
}

static const struct family *family_of(const char *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        size_t len = strlen(families[i].versioned);
        if (!strcmp(s, families[i].name) ||
            (!strncmp(s, families[i].versioned, len) && is_version(s + len)))
            return &families[i];
    }
    return NULL;
}

int machine_type_parse(const char *s, char ret[MACHINE_TYPE_MAX + 1], struct err *e)
{
    if (!family_of(s))
        return err_set(e, ERR_INVALID,
                       "\"%.40s\" is no machine that roost knows: expected q35, pc or, for arm64, "
                       "virt, or one of a version, such as pc-q35-7.2",
                       s);
    strcpy(ret, s);
    return 0;
}

/* QEMU's, /usr/share/qemu/keymaps. */
static const char *const keymaps[] = {
    "ar", "bepo",  "cz",    "da",    "de",    "de-ch", "en-gb", "en-us", "es", "et", "fi", "fo",
    "fr", "fr-be", "fr-ca", "fr-ch", "hr",    "hu",    "is",    "it",    "ja", "lt", "lv", "mk",
    "nl", "no",    "pl",    "pt",    "pt-br", "ru",    "sl",    "sv",    "th", "tr",
};

int keymap_parse(const char *s, char ret[KEYMAP_MAX + 1], struct err *e)
{
    auto_buf struct buf known = BUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(keymaps); i++) {
        buf_printf(&known, "%s%s", i ? ", " : "", keymaps[i]);
        if (strcmp(s, keymaps[i]) != 0)
            continue;
        strcpy(ret, s);
        return 0;
    }
    return err_set(e, ERR_INVALID, "\"%.20s\" is no keymap of QEMU's: there are %s", s,
                   buf_str(&known));
}

/* --- together -------------------------------------------------------------------------------- */

int machine_check(const struct machine_def *m, struct err *e)
{
    if (!m->firmware_code[0] != !m->firmware_vars[0])
        return err_set(
            e, ERR_INVALID,
            "%s: firmware-code and firmware-vars belong together: the variables are made "
            "for the code",
            m->firmware_code[0] ? "firmware-vars" : "firmware-code");
    if (m->keymap[0] && m->display == DISPLAY_HEADLESS)
        return err_set(e, ERR_INVALID,
                       "keymap: is of a display, and there is none: say display: vnc");
    return machine_arguments_check(m, e);
}

int machine_fits(const struct machine_def *m, enum arch a, const enum firmware *asked, struct err *e)
{
    const struct family *f = m->type[0] ? family_of(m->type) : NULL;

    if (f && f->arch != a)
        return err_set(e, ERR_INVALID, "machine: %s is for %s, and the image for %s", m->type,
                       arch_name(f->arch), arch_name(a));
    if (a == ARCH_ARM64 && asked && *asked == FIRMWARE_BIOS)
        return err_set(e, ERR_INVALID,
                       "firmware: the image is for %s, whose machines have no bios: say uefi, or "
                       "nothing",
                       arch_name(a));
    if (m->firmware_code[0] && asked && *asked == FIRMWARE_BIOS)
        return err_set(e, ERR_INVALID,
                       "firmware: bios has no firmware-code: say uefi, or nothing of one of them");
    return 0;
}

/* --- what root allows ------------------------------------------------------------------------ */

/* The next of the words in a list; false at its end. */
static bool next(const char **list, char *ret, size_t size)
{
    *list += strspn(*list, " \t");
    size_t len = strcspn(*list, " \t");

    snprintf(ret, size, "%.*s", (int)len, *list);
    *list += len;
    return len > 0;
}

static bool matches(const char *patterns, const char *text)
{
    char pattern[256];

    while (next(&patterns, pattern, sizeof pattern)) {
        if (fnmatch(pattern, text, 0) == 0)
            return true;
    }
    return false;
}

bool path_allowed(const char *path, const char *directories)
{
    char dir[FIRMWARE_PATH_MAX + 1];

    while (next(&directories, dir, sizeof dir)) {
        size_t len = strlen(dir);
        while (len > 1 && dir[len - 1] == '/')
            len--;
        if (!strcmp(dir, "*") ||
            (!strncmp(path, dir, len) && path[len] == '/' && !strstr(path, "/../")))
            return true;
    }
    return false;
}

static int refuse(const char *what, const char *text, const char *key, const char *allowed,
                  struct err *e)
{
    return err_set(e, ERR_DENIED,
                   "%s %.120s is not allowed here: [launch] %s of roost.conf %s%.200s", what, text,
                   key, *allowed ? "allows " : "allows none", allowed);
}

static int arguments_allowed(const struct machine_def *m, const char *patterns, struct err *e)
{
    char text[MACHINE_ARGUMENTS_LEN + 1];

    for (unsigned i = 0; i < m->n_arguments; i++) {
        const char *option = machine_argument(m, i);
        bool has_value = i + 1 < m->n_arguments && machine_argument(m, i + 1)[0] != '-';
        option += option[1] == '-';
        snprintf(text, sizeof text, "%s%s%s", option, has_value ? "=" : "",
                 has_value ? machine_argument(m, i + 1) : "");
        if (!matches(patterns, text))
            return refuse("QEMU's argument", text, "allow-arguments", patterns, e);
        i += has_value;
    }
    return 0;
}

int machine_allowed(const struct machine_def *m, const struct machine_limits *l, struct err *e)
{
    const char *const files[] = { m->firmware_code, m->firmware_vars };

    if (arguments_allowed(m, l->arguments, e) < 0)
        return -1;
    for (unsigned i = 0; i < m->n_devices; i++)
        if (!matches(l->devices, m->devices[i]))
            return refuse("the host's device", m->devices[i], "allow-devices", l->devices, e);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        if (files[i][0] && !path_allowed(files[i], l->firmware))
            return refuse("firmware", files[i], "allow-firmware", l->firmware, e);
    return 0;
}

/* --- between the processes ------------------------------------------------------------------- */

void machine_encode(const struct machine_def *m, struct buf *out)
{
    msg_put_str(out, m->cpu);
    msg_put_str(out, m->type);
    verb_put_enum(out, m->display);
    msg_put_str(out, m->keymap);
    msg_put_str(out, m->firmware_code);
    msg_put_str(out, m->firmware_vars);
    msg_put_u32(out, m->n_arguments);
    for (unsigned i = 0; i < m->n_arguments; i++)
        msg_put_str(out, machine_argument(m, i));
    msg_put_u32(out, m->n_devices);
    for (unsigned i = 0; i < m->n_devices; i++)
        msg_put_str(out, m->devices[i]);
}

static void read_lists(struct msg_cur *c, struct machine_def *m)
{
    char word[MACHINE_ARGUMENTS_LEN];
    unsigned n = msg_get_u32(c);

    for (unsigned i = 0; i < n && !c->failed; i++) {
        msg_get_str(c, word, sizeof word);
        if (!c->failed && machine_argument_add(m, word, NULL) < 0)
            c->failed = true;
    }
    n = msg_get_u32(c);
    if (n > MACHINE_DEVICES_MAX)
        c->failed = true;
    for (unsigned i = 0; i < n && !c->failed; i++)
        msg_get_str(c, m->devices[m->n_devices++], DEVICE_TEXT);
}

/* A text that its parser leaves as it is. */
#define SAME(parse, text, e) (parse(text, again, e) == 0 && !strcmp(again, text))

static bool is_path(const char *s)
{
    return !*s || (*s == '/' && ascii_printable(s, strlen(s)));
}

int machine_decode(struct msg_cur *c, struct machine_def *ret, struct err *e)
{
    struct machine_def m = { 0 };
    char again[CPU_MAX + 1];
    bool fine = true;

    msg_get_str(c, m.cpu, sizeof m.cpu);
    msg_get_str(c, m.type, sizeof m.type);
    m.display = (enum display)verb_get_enum(c, DISPLAYS);
    msg_get_str(c, m.keymap, sizeof m.keymap);
    msg_get_str(c, m.firmware_code, sizeof m.firmware_code);
    msg_get_str(c, m.firmware_vars, sizeof m.firmware_vars);
    read_lists(c, &m);
    if (c->failed)
        return verb_wrong("launch", "machine", e);
    fine = (!m.cpu[0] || SAME(cpu_parse, m.cpu, NULL)) &&
           (!m.type[0] || SAME(machine_type_parse, m.type, NULL)) &&
           (!m.keymap[0] || SAME(keymap_parse, m.keymap, NULL)) && is_path(m.firmware_code) &&
           is_path(m.firmware_vars);
    for (unsigned i = 0; i < m.n_devices; i++)
        fine = fine && SAME(device_parse, m.devices[i], NULL);
    if (!fine)
        return verb_wrong("launch", "machine", e);
    if (machine_check(&m, e) < 0)
        return -1;
    *ret = m;
    return 0;
}
