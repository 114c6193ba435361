#include "bootstrap/emulator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "bootstrap/emulator_priv.h"
#include "bootstrap/platform.h"
#include "bootstrap/qmp_line.h"

#define NAMES_MAX 8192 /* of a kind */
#define NAME_LEN  127

/* --- life ---------------------------------------------------------------------------------- */

void emulator_free(struct emulator *m)
{
    if (!m)
        return;
    json_decref(m->machines);
    json_decref(m->cpus);
    json_decref(m->features);
    json_decref(m->devices);
    json_decref(m->displays);
    free(m);
}

struct emulator *emulator_new(enum arch a, struct err *e)
{
    struct emulator *m = calloc(1, sizeof *m);

    if (m) {
        m->arch = a;
        m->machines = json_object();
        m->cpus = json_object();
        m->features = json_object();
        m->devices = json_object();
        m->displays = json_object();
    }
    if (m && m->machines && m->cpus && m->features && m->devices && m->displays)
        return m;
    emulator_free(m);
    err_set(e, ERR_INTERNAL, "out of memory");
    return NULL;
}

const char *emulator_version(const struct emulator *m)
{
    return m->version;
}

/* Names go into messages. */
static bool is_name(const char *s, size_t len)
{
    return len > 0 && len <= NAME_LEN && ascii_printable(s, len) && !memchr(s, ' ', len);
}

/* Takes over `value`. */
static int put(json_t *to, const char *name, size_t len, json_t *value, struct err *e)
{
    char key[NAME_LEN + 1];

    if (!is_name(name, len)) { /* none that somebody could write */
        json_decref(value);
        return 0;
    }
    snprintf(key, sizeof key, "%.*s", (int)len, name);
    if (json_object_size(to) >= NAMES_MAX) {
        json_decref(value);
        return err_set(e, ERR_INVALID, "QEMU lists more than %d names of a kind", NAMES_MAX);
    }
    return json_object_set_new(to, key, value) < 0 ? err_set(e, ERR_INTERNAL, "out of memory") : 0;
}

static const char *text_of(const json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));

    return s ? s : "";
}

/* --- over QMP (QEMU 7.2's QMP reference manual, by the commands' names) -------------------- */

static int read_version(struct emulator *m, const json_t *v, struct err *e)
{
    int major, minor, micro;

    if (json_unpack((json_t *)v, "{s:{s:i, s:i, s:i}}", "qemu", "major", &major, "minor", &minor,
                    "micro", &micro) < 0)
        return err_set(e, ERR_INVALID, "QEMU does not say its version");
    snprintf(m->version, sizeof m->version, "%d.%d.%d", major, minor, micro);
    return 0;
}

static bool is_deprecated(const json_t *v)
{
    return json_is_true(json_object_get(v, "deprecated"));
}

static int read_machines(struct emulator *m, const json_t *list, struct err *e)
{
    const json_t *v;
    size_t i;

    json_array_foreach(list, i, v)
    {
        const char *const names[] = { text_of(v, "name"), text_of(v, "alias") };
        json_int_t cpus = json_integer_value(json_object_get(v, "cpu-max"));
        bool deprecated = is_deprecated(v);
        for (size_t k = 0; k < ARRAY_SIZE(names); k++)
            if (put(m->machines, names[k], strlen(names[k]),
                    json_pack("{s:I, s:b}", "cpus", cpus, "deprecated", deprecated), e) < 0)
                return -1;
    }
    return 0;
}

/* Each with whether `is` says so of it. */
static int read_names(json_t *to, const json_t *list, bool (*is)(const json_t *v), struct err *e)
{
    const json_t *v;
    size_t i;

    json_array_foreach(list, i, v)
    {
        const char *name = text_of(v, "name");
        if (put(to, name, strlen(name), json_boolean(is(v)), e) < 0)
            return -1;
    }
    return 0;
}

static int read_cpus(struct emulator *m, const json_t *list, struct err *e)
{
    return read_names(m->cpus, list, is_deprecated, e);
}

/* Switched on and off; others take a value. */
static bool is_flag(const json_t *v)
{
    return strcmp(text_of(v, "type"), "bool") == 0;
}

/* Of the model that has them all. */
static int read_features(struct emulator *m, const json_t *list, struct err *e)
{
    return read_names(m->features, list, is_flag, e);
}

/* The command is there only where VNC is. */
static int read_vnc(struct emulator *m, const json_t *v, struct err *e)
{
    (void)v;
    return put(m->displays, "vnc", 3, json_true(), e);
}

/* By their ids, from 1. */
static const struct {
    int (*read)(struct emulator *m, const json_t *v, struct err *e);
    bool needed;
} replies[] = {
    { read_version, true },   { read_machines, true }, { read_cpus, true },
    { read_features, false }, { read_vnc, false },
};

struct reading {
    struct emulator *m;
    bool had[ARRAY_SIZE(replies)];
};

static int read_line(const char *text, size_t len, void *arg, struct err *e)
{
    struct reading *r = arg;
    struct qmp_line l;
    int result = 0;

    if (qmp_line_parse(text, len, &l, e) < 0)
        return -1;
    if (l.kind == QMP_RETURN && l.id >= 1 && l.id <= ARRAY_SIZE(replies)) {
        r->had[l.id - 1] = true;
        result = replies[l.id - 1].read(r->m, l.data, e);
    }
    qmp_line_done(&l);
    return result;
}

static int read_qmp(struct emulator *m, const char *text, size_t len, struct err *e)
{
    auto_buf struct buf in = { .cap = EMULATOR_ANSWER + 1 };
    struct reading r = { .m = m };

    buf_put(&in, text, len);
    if (buf_check(&in, e) < 0 || qmp_lines(&in, read_line, &r, e) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(replies); i++)
        if (replies[i].needed && !r.had[i])
            return err_set(e, ERR_INVALID, "it does not answer over QMP");
    return 0;
}

/* --- by its lists for people --------------------------------------------------------------- */

/* The text in quotes behind `mark`. */
static int put_quoted(json_t *to, const char *line, size_t len, const char *mark, struct err *e)
{
    const char *at = memmem(line, len, mark, strlen(mark));
    const char *name = at ? at + strlen(mark) : NULL;
    const char *end = at ? memchr(name, '"', len - (size_t)(name - line)) : NULL;

    return end ? put(to, name, (size_t)(end - name), json_true(), e) : 0;
}

/* name "virtio-blk-pci", bus PCI, alias "virtio-blk", desc "…" */
static int read_devices(struct emulator *m, const char *text, size_t total, struct err *e)
{
    for (size_t len; total; text += len, total -= len) {
        const char *end = memchr(text, '\n', total);
        len = end ? (size_t)(end - text) + 1 : total;
        if (len > 5 && memcmp(text, "name ", 5) == 0 &&
            (put_quoted(m->devices, text, len, "name \"", e) < 0 ||
             put_quoted(m->devices, text, len, ", alias \"", e) < 0))
            return -1;
    }
    return 0;
}

/* "Available display backend types:", then a line each, then an empty one. Those of modules that
 * are not installed are left out. */
static int read_displays(struct emulator *m, const char *text, size_t total, struct err *e)
{
    static const char head[] = "Available display backend types:\n";

    if (total < sizeof head - 1 || memcmp(text, head, sizeof head - 1) != 0)
        return 0;
    text += sizeof head - 1;
    total -= sizeof head - 1;
    for (const char *end; (end = memchr(text, '\n', total)) && end > text;) {
        size_t len = (size_t)(end - text);
        if (put(m->displays, text, len, json_true(), e) < 0)
            return -1;
        text += len + 1;
        total -= len + 1;
    }
    return 0;
}

/* --- the questions ------------------------------------------------------------------------- */

#define ASK(id, command) "{\"execute\": \"" command "\", \"id\": " #id "}\n"
#define QMP_INPUT(cpu)                                                                             \
    "{\"execute\": \"qmp_capabilities\"}\n" ASK(1, "query-version") ASK(2, "query-machines")       \
        ASK(3, "query-cpu-definitions") "{\"execute\": \"device-list-properties\", \"id\": 4, "    \
                                        "\"arguments\": {\"typename\": "                           \
                                        "\"" cpu                                                   \
                                        "\"}}\n" ASK(5, "query-vnc") "{\"execute\": \"quit\"}\n"

static const char *const inputs[ARCHES] = {
    [ARCH_AMD64] = QMP_INPUT("max-x86_64-cpu"),
    [ARCH_ARM64] = QMP_INPUT("max-arm-cpu"),
};

#define WORDS_MAX 8
static const struct {
    const char *words[WORDS_MAX];
    bool qmp;
    int (*read)(struct emulator *m, const char *text, size_t len, struct err *e);
} questions[EMULATOR_QUESTIONS] = {
    { { "-nodefaults", "-machine", "none", "-display", "none", "-qmp", "stdio" }, true, read_qmp },
    { { "-device", "help" }, false, read_devices },
    { { "-display", "help" }, false, read_displays },
};

void emulator_question(const struct emulator *m, unsigned n, const char *binary, struct argv *out,
                       const char **ret_input)
{
    argv_add(out, binary);
    argv_add(out, "-no-user-config");
    for (size_t i = 0; i < WORDS_MAX && questions[n].words[i]; i++)
        argv_add(out, questions[n].words[i]);
    *ret_input = questions[n].qmp ? inputs[m->arch] : "";
}

int emulator_answer(struct emulator *m, unsigned n, const char *text, size_t len, struct err *e)
{
    return questions[n].read(m, text, len, e);
}

/* --- kept ---------------------------------------------------------------------------------- */

json_t *emulator_to_json(const struct emulator *m)
{
    return json_pack("{s:s, s:s, s:O, s:O, s:O, s:O, s:O}", "arch", arch_name(m->arch), "version",
                     m->version, "machines", m->machines, "cpus", m->cpus, "features", m->features,
                     "devices", m->devices, "displays", m->displays);
}

/* What the readers above made, or nothing. */
static bool shaped(const json_t *kind, bool machines)
{
    const char *name;
    const json_t *v;

    if (!json_is_object(kind) || json_object_size(kind) > NAMES_MAX)
        return false;
    json_object_foreach((json_t *)kind, name, v)
    {
        if (!is_name(name, strlen(name)) ||
            (machines ? !json_is_integer(json_object_get(v, "cpus")) ||
                            !json_is_boolean(json_object_get(v, "deprecated"))
                      : !json_is_boolean(v)))
            return false;
    }
    return true;
}

struct emulator *emulator_from_json(const json_t *j, enum arch a)
{
    struct emulator *m = calloc(1, sizeof *m);
    const char *arch = text_of(j, "arch"), *version = text_of(j, "version");

    if (!m)
        return NULL;
    m->arch = a;
    m->machines = json_incref(json_object_get(j, "machines"));
    m->cpus = json_incref(json_object_get(j, "cpus"));
    m->features = json_incref(json_object_get(j, "features"));
    m->devices = json_incref(json_object_get(j, "devices"));
    m->displays = json_incref(json_object_get(j, "displays"));
    if (strcmp(arch, arch_name(a)) == 0 && strlen(version) < sizeof m->version &&
        is_name(version, strlen(version)) && shaped(m->machines, true) && shaped(m->cpus, false) &&
        shaped(m->features, false) && shaped(m->devices, false) && shaped(m->displays, false)) {
        strcpy(m->version, version);
        return m;
    }
    emulator_free(m);
    return NULL;
}
