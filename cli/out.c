#include "cli/out.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/yaml.h"
#include "cli/csv.h"

int out_flush(struct err *e)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return err_sys(e, "cannot write to the standard output");
    return 0;
}

static int put_yaml(const json_t *tree, struct err *e)
{
    auto_buf struct buf b = { .cap = (size_t)1 << 30 };

    if (yaml_write(tree, &b, e) < 0)
        return -1;
    fwrite(b.data, 1, b.len, stdout);
    return 0;
}

static int put_json(const json_t *tree, size_t flags, struct err *e)
{
    if (json_dumpf(tree, stdout, flags | JSON_ENCODE_ANY) < 0)
        return err_sys(e, "cannot write to the standard output");
    putchar('\n');
    return 0;
}

static int put_list(enum output form, const json_t *tree, struct err *e)
{
    auto_buf struct buf b = { .cap = (size_t)1 << 30 };

    if ((form == OUTPUT_CSV ? csv_put(tree, &b, e) : names_put(tree, &b, e)) < 0)
        return -1;
    fwrite(b.data ? b.data : "", 1, b.len, stdout);
    return 0;
}

int out_tree(struct cli *c, json_t *tree, out_fn *table, struct err *e)
{
    int ret;

    if (!tree)
        return -1;
    if (c->output == OUTPUT_JSON)
        ret = put_json(tree, JSON_INDENT(2), e);
    else if (c->output == OUTPUT_YAML)
        ret = put_yaml(tree, e);
    else if (c->output == OUTPUT_TABLE)
        ret = table(c, tree, e);
    else
        ret = put_list(c->output, tree, e);
    json_decref(tree);
    if (ret >= 0 && out_flush(e) < 0)
        return -1;
    return ret;
}

int out_document(struct cli *c, const json_t *tree, struct err *e)
{
    if (c->output == OUTPUT_CSV || c->output == OUTPUT_NAME)
        return err_set(e, ERR_INVALID, "--output csv and name are for lists, not for what goes on");
    if (c->output == OUTPUT_YAML)
        puts("---");
    if ((c->output == OUTPUT_YAML ? put_yaml(tree, e) : put_json(tree, JSON_COMPACT, e)) < 0)
        return -1;
    return out_flush(e);
}

const char *out_text(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s ? s : "";
}

int64_t out_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

void out_list(const json_t *list, struct buf *ret)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item) buf_printf(
        ret, "%s%s", i ? ", " : "", json_is_string(item) ? json_string_value(item) : "?");
}

int64_t when_parse(const char *s)
{
    struct tm tm = { 0 };
    const char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
    int ms = 0;

    if (!end || (*end == '.' && sscanf(end, ".%3d", &ms) != 1) || s[strlen(s) - 1] != 'Z')
        return -1;
    return (int64_t)timegm(&tm) * 1000 + ms;
}

const char *when_ago(const char *rfc3339, char out[40])
{
    int64_t at = when_parse(rfc3339), now = clock_now().real_ms;
    char text[24];

    if (at < 0)
        snprintf(out, 40, "-");
    else if (now - at < 1000)
        snprintf(out, 40, "just now");
    else
        snprintf(out, 40, "%s ago", format_duration(now - at, text));
    return out;
}
