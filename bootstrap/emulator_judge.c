/* What a QEMU would refuse of a guest's machine, and what it would be instead. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "bootstrap/emulator_priv.h"
#include "bootstrap/qemu_priv.h"
#include "model/nearest.h"

#define SUGGEST     160 /* bytes */
#define SUGGEST_MAX 5   /* names */

/* "QEMU 7.2.22 for amd64" */
static const char *title(const struct emulator *m, char out[64])
{
    snprintf(out, 64, "QEMU %s for %s", m->version, arch_name(m->arch));
    return out;
}

/* --- what would be right ------------------------------------------------------------------- */

/* Nehalem-v2: of a model that stands by itself too. */
static bool is_revision(const char *name)
{
    const char *v = strrchr(name, '-');

    return v && v[1] == 'v' && isdigit((unsigned char)v[2]);
}

/* "; did you mean A?": the name that is nearest, else those that begin alike; "" none does. */
static const char *suggest(const json_t *known, const char *word, char out[SUGGEST])
{
    auto_free const char **names = calloc(json_object_size(known) + 1, sizeof *names);
    const char *name, *near = NULL;
    size_t n = 0, alike = 0, at = 0;
    const json_t *v;

    out[0] = '\0';
    if (!names)
        return out;
    json_object_foreach((json_t *)known, name, v) names[n++] = name;
    near = nearest_name(word, names, n);
    if (near) {
        snprintf(out, SUGGEST, "; did you mean %.100s?", near);
        return out;
    }
    for (size_t i = 0; i < n && alike < SUGGEST_MAX && strlen(word) >= 3; i++) {
        if (strncasecmp(names[i], word, strlen(word)) != 0 || is_revision(names[i]) ||
            at + strlen(names[i]) + 20 > SUGGEST)
            continue;
        at += (size_t)snprintf(out + at, SUGGEST - at, "%s%s", alike++ ? ", " : "; did you mean ",
                               names[i]);
    }
    if (alike)
        snprintf(out + at, SUGGEST - at, "?");
    return out;
}

/* --- machine type -------------------------------------------------------------------------- */

/* Length of "pc-q35-" in pc-q35-7.2; 0: it has no version. */
static size_t family_len(const char *type)
{
    const char *dash = strrchr(type, '-');

    return dash && isdigit((unsigned char)dash[1]) ? (size_t)(dash - type) + 1 : 0;
}

/* The oldest and the newest of its family. */
static bool span(const struct emulator *m, const char *type, const char **ret_first,
                 const char **ret_last)
{
    size_t len = family_len(type);
    const char *name;
    const json_t *v;

    *ret_first = *ret_last = NULL;
    json_object_foreach(m->machines, name, v)
    {
        if (!len || family_len(name) != len || strncmp(name, type, len) != 0)
            continue;
        if (!*ret_first || strverscmp(name, *ret_first) < 0)
            *ret_first = name;
        if (!*ret_last || strverscmp(name, *ret_last) > 0)
            *ret_last = name;
    }
    return *ret_first != NULL;
}

static int judge_type(const struct emulator *m, const struct launch *l, struct err *e)
{
    const char *type = l->machine.type, *first, *last;
    const json_t *v = json_object_get(m->machines, type);
    json_int_t cpus = json_integer_value(json_object_get(v, "cpus"));
    char qemu[64];

    if (!type[0])
        return 0;
    if (!v && span(m, type, &first, &last))
        return err_set(e, ERR_INVALID, "machine: %s has no %s: its oldest is %s, its newest %s",
                       title(m, qemu), type, first, last);
    if (!v)
        return err_set(e, ERR_INVALID, "machine: %s has no %s", title(m, qemu), type);
    if (cpus > 0 && l->cpus > cpus)
        return err_set(e, ERR_INVALID, "cpus: %u are more than the %lld of machine %s",
                       (unsigned)l->cpus, (long long)cpus, type);
    return 0;
}

/* --- CPU ----------------------------------------------------------------------------------- */

/* x86 takes either (target/i386/cpu.c, feat2prop). */
static void dashes(char *name)
{
    for (; *name; name++)
        if (*name == '_')
            *name = '-';
}

/* What -cpu knows beside properties, and what is one only under KVM (target/arm/kvm64.c). */
static bool is_special(const struct emulator *m, const char *name)
{
    return m->arch == ARCH_AMD64 ? !strcmp(name, "tsc-freq") : !strncmp(name, "kvm-", 4);
}

/* QEMU's qapi_bool_parse(). */
static bool is_switch(const char *value)
{
    static const char *const words[] = { "on", "off", "yes", "no", "true", "false", "y", "n" };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (!strcmp(value, words[i]))
            return true;
    return false;
}

/* NAME=VALUE */
static int judge_feature(const struct emulator *m, char *feature, struct err *e)
{
    char *value = strchr(feature, '='), qemu[64], near[SUGGEST];
    const json_t *v;

    if (!value)
        return 0;
    *value++ = '\0';
    v = json_object_get(m->features, feature);
    if (!v && m->arch == ARCH_AMD64) {
        dashes(feature);
        v = json_object_get(m->features, feature);
    }
    if (!v && !is_special(m, feature))
        return err_set(e, ERR_INVALID, "cpu: %s knows no CPU feature %s%s", title(m, qemu), feature,
                       suggest(m->features, feature, near));
    if (json_is_true(v) && !is_switch(value))
        return err_set(e, ERR_INVALID, "cpu: %s=%s: expected on or off", feature, value);
    return 0;
}

/* "host" is KVM's, whatever the list says. */
static int judge_cpu(const struct emulator *m, const struct launch *l, struct err *e)
{
    char text[CPU_MAX + 1], qemu[64], near[SUGGEST], *at = NULL;
    const char *model;

    snprintf(text, sizeof text, "%s", l->machine.cpu);
    if (!(model = strtok_r(text, ",", &at)))
        return 0;
    if (strcmp(model, "host") != 0 && !json_object_get(m->cpus, model)) {
        suggest(m->cpus, model, near);
        return err_set(e, ERR_INVALID, "cpu: %s has no CPU model %s%s", title(m, qemu), model,
                       near[0]                 ? near
                       : m->arch == ARCH_AMD64 ? "; qemu-system-x86_64 -cpu help lists them"
                                               : "; qemu-system-aarch64 -cpu help lists them");
    }
    for (char *feature; json_object_size(m->features) && (feature = strtok_r(NULL, ",", &at));)
        if (judge_feature(m, feature, e) < 0)
            return -1;
    return 0;
}

/* --- display ------------------------------------------------------------------------------- */

static int judge_display(const struct emulator *m, const struct launch *l, struct err *e)
{
    const char *name = display_name(l->machine.display);
    char qemu[64];

    if (l->machine.display == DISPLAY_HEADLESS || json_object_get(m->displays, name) ||
        !json_object_get(m->displays, "none")) /* it did not list them */
        return 0;
    return err_set(
        e, ERR_INVALID, "display: %s has no %s%s", title(m, qemu), name,
        l->machine.display == DISPLAY_GTK ? " here: apt install qemu-system-gui, or say vnc" : "");
}

/* --- devices ------------------------------------------------------------------------------- */

/* As they would stand on its command line. */
static const struct {
    const char *word;
    void (*add)(struct render *r);
    bool own; /* the operator chose QEMU's name */
} parts[] = {
    { "disk", qemu_add_disks, false },
    { "display", qemu_add_video, false },
    { "host-devices", qemu_add_host_devices, false },
    { "qemu-arguments", qemu_add_arguments, true },
};

/* "NAME,…" or "driver=NAME,…"; "" where it is in another form (JSON). */
static void device_name(const char *value, char *out, size_t size)
{
    static const char key[] = "driver=";

    value += strncmp(value, key, sizeof key - 1) == 0 ? sizeof key - 1 : 0;
    snprintf(out, size, "%.*s", (int)strcspn(value, ","), value);
    if (strpbrk(out, "={"))
        out[0] = '\0';
}

static int judge_device(const struct emulator *m, const char *word, bool own, const char *value,
                        struct err *e)
{
    char name[128], qemu[64], near[SUGGEST];

    device_name(value, name, sizeof name);
    if (!name[0] || json_object_get(m->devices, name))
        return 0;
    if (own)
        return err_set(e, ERR_INVALID, "%s: %s has no device %s%s", word, title(m, qemu), name,
                       suggest(m->devices, name, near));
    return err_set(e, ERR_INVALID, "%s: it needs the device %s, which %s has not", word, name,
                   title(m, qemu));
}

static int judge_devices(const struct emulator *m, const struct launch *l, struct err *e)
{
    struct qemu_place p;

    if (!json_object_size(m->devices))
        return 0;
    qemu_place_init(&p);
    for (int f = 0; f < QEMU_FILES; f++)
        p.path[f] = "/";
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        auto_argv struct argv a = ARGV_INIT;
        struct render r = { l, &p, &a };
        parts[i].add(&r);
        for (int k = 0; k + 1 < a.n && !a.failed; k++) {
            const char *option = a.v[k] + (strncmp(a.v[k], "--", 2) == 0);
            if (strcmp(option, "-device") == 0 &&
                judge_device(m, parts[i].word, parts[i].own, a.v[k + 1], e) < 0)
                return -1;
        }
    }
    return 0;
}

/* --- together ------------------------------------------------------------------------------ */

int emulator_judge(const struct emulator *m, const struct launch *l, struct err *e)
{
    return judge_type(m, l, e) < 0 || judge_cpu(m, l, e) < 0 || judge_display(m, l, e) < 0
               ? -1
               : judge_devices(m, l, e);
}

void emulator_remarks(const struct emulator *m, const struct launch *l,
                      void (*fn)(const char *text, void *arg), void *arg)
{
    const char *type = l->machine.type, *first = NULL, *last = NULL;
    char model[CPU_MAX + 1], text[256], qemu[64];

    snprintf(model, sizeof model, "%.*s", (int)strcspn(l->machine.cpu, ","), l->machine.cpu);
    if (json_is_true(json_object_get(json_object_get(m->machines, type), "deprecated"))) {
        bool known = span(m, type, &first, &last) && strcmp(last, type) != 0;
        snprintf(text, sizeof text,
                 "machine: %s is deprecated in %s, and a later one has it no more%s%s", type,
                 title(m, qemu), known ? "; the newest is " : "", known ? last : "");
        fn(text, arg);
    }
    if (json_is_true(json_object_get(m->cpus, model))) {
        snprintf(text, sizeof text, "cpu: %s is deprecated in %s, and a later one has it no more",
                 model, title(m, qemu));
        fn(text, arg);
    }
}
