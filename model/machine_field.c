#include "model/machine_field.h"

#include <string.h>

#include "model/words.h"

#define TEXT_MAX 256

/* A text by its parser; an empty one takes it back. */
static int read_text(const json_t *v, int (*parse)(const char *s, char *ret, struct err *e),
                     const struct spot *at, char *ret, struct err *e)
{
    const char *s;

    if (value_ascii(v, TEXT_MAX, at, &s, e) < 0)
        return -1;
    if (!*s) {
        *ret = '\0';
        return 0;
    }
    return parse(s, ret, e) < 0 ? spot_wrap(at, e) : 0;
}

static json_t *emit_text(const char *s)
{
    return *s ? json_string(s) : NULL;
}

static int path_parse(const char *s, char *ret, struct err *e)
{
    if (*s != '/' || strlen(s) > FIRMWARE_PATH_MAX)
        return err_set(e, ERR_INVALID,
                       "\"%.80s\": expected an absolute path of at most %d characters", s,
                       FIRMWARE_PATH_MAX);
    strcpy(ret, s);
    return 0;
}

#define TEXT_EMIT(word, field)                                                                     \
    json_t *machine_emit_##word(const struct machine_def *m)                                           \
    {                                                                                              \
        return emit_text(m->field);                                                                \
    }
#define TEXT_WORD(word, field, parse)                                                              \
    int machine_read_##word(struct machine_def *m, const json_t *v, const struct spot *at,             \
                            struct err *e)                                                         \
    {                                                                                              \
        return read_text(v, parse, at, m->field, e);                                               \
    }                                                                                              \
    TEXT_EMIT(word, field)

/* "cpu: 2" is how many, and quotes would not mend it. */
int machine_read_cpu(struct machine_def *m, const json_t *v, const struct spot *at, struct err *e)
{
    if (json_is_integer(v))
        return spot_bad(at, e, "is the model of the CPUs, such as host or max; how many is cpus: %lld",
                        (long long)json_integer_value(v));
    return read_text(v, cpu_parse, at, m->cpu, e);
}
TEXT_EMIT(cpu, cpu)
TEXT_WORD(type, type, machine_type_parse)
TEXT_WORD(keymap, keymap, keymap_parse)
TEXT_WORD(firmware_code, firmware_code, path_parse)
TEXT_WORD(firmware_vars, firmware_vars, path_parse)

int machine_read_display(struct machine_def *m, const json_t *v, const struct spot *at, struct err *e)
{
    int display;

    if (value_kind(v, DISPLAYS, display_name, at, &display, e) < 0)
        return -1;
    m->display = (enum display)display;
    return 0;
}

json_t *machine_emit_display(const struct machine_def *m)
{
    return m->display == DISPLAY_HEADLESS ? NULL : json_string(display_name(m->display));
}

int machine_read_arguments(struct machine_def *m, const json_t *v, const struct spot *at, struct err *e)
{
    struct machine_def read = { 0 };

    if (value_list(v, MACHINE_ARGUMENTS_MAX, at, e) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(v); i++) {
        const struct spot item = spot_item(at, i);
        const char *s;
        if (value_ascii(json_array_get(v, i), MACHINE_ARGUMENTS_LEN, &item, &s, e) < 0)
            return -1;
        if (machine_argument_add(&read, s, e) < 0)
            return spot_wrap(&item, e);
    }
    memcpy(m->arguments, read.arguments, sizeof m->arguments);
    m->n_arguments = read.n_arguments;
    return 0;
}

json_t *machine_emit_arguments(const struct machine_def *m)
{
    json_t *list = m->n_arguments ? json_array() : NULL;

    for (unsigned i = 0; i < m->n_arguments; i++)
        json_array_append_new(list, json_string(machine_argument(m, i)));
    return list;
}

int machine_read_devices(struct machine_def *m, const json_t *v, const struct spot *at, struct err *e)
{
    char devices[MACHINE_DEVICES_MAX][DEVICE_TEXT] = { 0 };
    size_t n = json_array_size(v);

    if (value_list(v, MACHINE_DEVICES_MAX, at, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const struct spot item = spot_item(at, i);
        const char *s;
        if (value_ascii(json_array_get(v, i), TEXT_MAX, &item, &s, e) < 0)
            return -1;
        if (device_parse(s, devices[i], e) < 0)
            return spot_wrap(&item, e);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(devices[k], devices[i]))
                return spot_bad(&item, e, "\"%s\" is there twice", s);
    }
    memcpy(m->devices, devices, sizeof devices);
    m->n_devices = (unsigned)n;
    return 0;
}

json_t *machine_emit_devices(const struct machine_def *m)
{
    json_t *list = m->n_devices ? json_array() : NULL;

    for (unsigned i = 0; i < m->n_devices; i++)
        json_array_append_new(list, json_string(m->devices[i]));
    return list;
}
