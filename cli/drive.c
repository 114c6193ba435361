#include "cli/drive.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/drive.h"

/* Words of the root disk that have an option of their own. */
static const struct {
    const char *option, *word;
    bool is_switch;
} roots[] = {
    { "disk-bus", "bus", false },
    { "cache", "cache", false },
    { "volatile", "volatile", true },
};

const char *drive_option(const char *place)
{
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
        if (strncmp(place, "disk/", 5) == 0 && strcmp(place + 5, roots[i].word) == 0)
            return roots[i].option;
    if (strncmp(place, "disks", 5) == 0)
        return "add-disk";
    return strncmp(place, "disk", 4) == 0 && (!place[4] || place[4] == '/') ? "disk" : NULL;
}

/* --- the root disk --- */

/* "0" is a number in the fleet file: a size has a unit. */
static json_t *size_or_file(const char *s)
{
    uint64_t n;

    return parse_u64(s, 0, INT64_MAX, &n, NULL) == 0 ? json_integer((json_int_t)n) : json_string(s);
}

static bool is_file(const char *s)
{
    return strchr(s, '/') != NULL;
}

/* "disk.img" is neither: it would be called a wrong size. */
static int check_form(const char *option, const char *s, struct err *e)
{
    if (!s || is_file(s) || (*s >= '0' && *s <= '9'))
        return 0;
    return err_set(e, ERR_INVALID,
                   "--%s: \"%.80s\" is no size, such as 10G; a file has a slash in it: ./%.80s", option,
                   s, s);
}

/* The root disk of a definition as an object. New reference. */
static json_t *root_of(const json_t *spec)
{
    json_t *disk = json_object_get(spec, "disk");

    if (json_is_object(disk))
        return json_copy(disk);
    return disk ? json_pack("{s:O}", "size", disk) : json_object();
}

static void put_root(const struct args *a, json_t *root)
{
    const char *s = args_option(a, "disk");

    if (s) {
        json_object_del(root, "size");
        json_object_del(root, "file");
        json_object_del(root, "format");
        json_object_set_new(root, is_file(s) ? "file" : "size", size_or_file(s));
    }
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
        if (args_option(a, roots[i].option))
            json_object_set_new(root, roots[i].word,
                                roots[i].is_switch ? json_true()
                                                   : json_string(args_option(a, roots[i].option)));
}

static int root_said(const struct args *a, const json_t *spec, json_t *words, struct err *e)
{
    bool more = false;
    json_t *root;

    for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
        more |= args_option(a, roots[i].option) != NULL;
    if (!more && !args_option(a, "disk"))
        return 0;
    if (check_form("disk", args_option(a, "disk"), e) < 0)
        return -1;
    root = root_of(spec);
    put_root(a, root);
    /* Said alone it is what it always was: complaints are about --disk. */
    if (json_object_size(root) == 1 && !more) {
        json_object_set_new(words, "disk", size_or_file(args_option(a, "disk")));
        json_decref(root);
        return 0;
    }
    return json_object_set_new(words, "disk", root) < 0
               ? err_set(e, ERR_INVALID, "--disk: not UTF-8")
               : 0;
}

int drive_unset(json_t *spec, const char *option)
{
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
        if (strcmp(roots[i].option, option) == 0) {
            json_t *disk = json_object_get(spec, "disk");
            return json_is_object(disk) && json_object_del(disk, roots[i].word) == 0;
        }
    if (strcmp(option, "disk") == 0)
        return json_object_del(spec, "disk") == 0;
    return strcmp(option, "add-disk") == 0 ? json_object_del(spec, "disks") == 0 : -1;
}

/* --- the others --- */

static json_t *value(const char *word, const char *text)
{
    bool yes;

    if ((strcmp(word, "volatile") == 0 || strcmp(word, "read-only") == 0 ||
         strcmp(word, "discard") == 0) &&
        parse_bool(text, &yes, NULL) == 0)
        return json_boolean(yes);
    return strcmp(word, "size") == 0 ? size_or_file(text) : json_string(text);
}

/* "20G", "/srv/a.img", "bus=nvme", "read-only". */
static int put_part(json_t *drive, char *part, bool first, struct err *e)
{
    char *equals = strchr(part, '=');
    const char *word = part;
    json_t *v;

    if (!*part)
        return err_set(e, ERR_INVALID, "--add-disk: a word is missing beside a comma");
    if (equals) {
        *equals = '\0';
        v = value(word, equals + 1);
    } else if (first) {
        if (check_form("add-disk", part, e) < 0)
            return -1;
        word = is_file(part) ? "file" : "size";
        v = size_or_file(part);
    } else {
        v = json_true();
    }
    return json_object_set_new(drive, word, v) < 0
               ? err_set(e, ERR_INVALID, "--add-disk: not UTF-8")
               : 0;
}

/* New reference. */
static json_t *drive_of(const char *said, struct err *e)
{
    auto_free char *text = strdup(said);
    json_t *drive = json_object();
    bool first = true;
    char *rest = text;

    if (!text || !drive) {
        err_set(e, ERR_INTERNAL, "out of memory");
        json_decref(drive);
        return NULL;
    }
    for (char *part; (part = strsep(&rest, ",")); first = false)
        if (put_part(drive, part, first, e) < 0) {
            json_decref(drive);
            return NULL;
        }
    return drive;
}

/* Its place in the list; -1. */
static int find(const json_t *list, const char *serial)
{
    size_t i;
    json_t *d;

    json_array_foreach(list, i,
                       d) if (strcmp(serial, json_string_value(json_object_get(d, "serial"))
                                                 ?: "") == 0) return (int)i;
    return -1;
}

static void give_serial(const json_t *list, json_t *drive)
{
    char serial[DRIVE_SERIAL_MAX + 1];

    for (unsigned n = 1; n <= DRIVES_MAX + 1; n++) {
        snprintf(serial, sizeof serial, "disk%u", n);
        if (find(list, serial) < 0)
            break;
    }
    json_object_set_new(drive, "serial", json_string(serial));
}

/* A serial that is there already: its words change. */
static int add(json_t *list, const char *said, struct err *e)
{
    json_t *drive = drive_of(said, e), *was;
    const char *serial;
    int at;

    if (!drive)
        return -1;
    if (!json_object_get(drive, "serial"))
        give_serial(list, drive);
    serial = json_string_value(json_object_get(drive, "serial"));
    at = serial ? find(list, serial) : -1;
    if (at < 0)
        return json_array_append_new(list, drive);
    was = json_array_get(list, (size_t)at);
    if (json_object_get(drive, "file"))
        json_object_del(was, "size");
    if (json_object_get(drive, "size"))
        json_object_del(was, "file");
    json_object_update(was, drive);
    json_decref(drive);
    return 0;
}

int drives_said(const struct args *a, const json_t *spec, json_t *words, struct err *e)
{
    const char *said[ARGS_SAID_MAX], *gone[ARGS_SAID_MAX];
    int n = args_list(a, "add-disk", said), n_gone = args_list(a, "remove-disk", gone), at, r = 0;
    const json_t *was = json_object_get(spec, "disks");
    json_t *list;

    if (root_said(a, spec, words, e) < 0)
        return -1;
    if (!n && !n_gone)
        return 0;
    list = was ? json_deep_copy(was) : json_array();
    for (int i = 0; i < n_gone && r == 0; i++) {
        at = find(list, gone[i]);
        r = at < 0 ? err_set(e, ERR_NOT_FOUND, "--remove-disk %.64s: it has no disk of that serial",
                             gone[i])
                   : json_array_remove(list, (size_t)at);
    }
    for (int i = 0; i < n && r == 0; i++)
        r = add(list, said[i], e);
    json_object_set_new(words, "disks", list);
    return r;
}
