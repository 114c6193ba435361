/* What was said, for the commands. */
#include <string.h>

#include "base/parse.h"
#include "cli/command.h"

const struct option *option_named(const struct option *o, const char *name, size_t len)
{
    for (; o && o->name; o++)
        if (strncmp(o->name, name, len) == 0 && !o->name[len])
            return o;
    return NULL;
}

const struct option *option_lettered(const struct option *o, char letter)
{
    for (; o && o->name; o++)
        if (o->letter && o->letter == letter)
            return o;
    return NULL;
}

const char *args_option(const struct args *a, const char *name)
{
    const struct option *o = option_named(a->command->options, name, strlen(name));

    return o ? a->value[o - a->command->options] : NULL;
}

int args_list(const struct args *a, const char *name, const char *ret[ARGS_SAID_MAX])
{
    int n = 0;

    for (int i = 0; i < a->n_said; i++)
        if (strcmp(a->said[i].option->name, name) == 0)
            ret[n++] = a->said[i].value;
    return n;
}

int args_duration(const struct args *a, const char *name, int64_t none, int64_t *ret, struct err *e)
{
    const char *s = args_option(a, name);

    *ret = none;
    if (s && parse_duration(s, ret, e) < 0)
        return err_wrap(e, "--%s", name);
    return 0;
}

int args_number(const struct args *a, const char *name, uint64_t min, uint64_t max, uint64_t none,
                uint64_t *ret, struct err *e)
{
    const char *s = args_option(a, name);

    *ret = none;
    if (s && parse_u64(s, min, max, ret, e) < 0)
        return err_wrap(e, "--%s", name);
    return 0;
}

bool operand_is_pattern(const char *s)
{
    return strpbrk(s, "*?[") != NULL;
}

json_t *args_whole(const struct args *a, const char *name)
{
    const char *s = args_option(a, name);
    uint64_t n;

    if (parse_u64(s + (*s == '-'), 0, INT64_MAX, &n, NULL) == 0)
        return json_integer(*s == '-' ? -(json_int_t)n : (json_int_t)n);
    return json_string(s);
}
