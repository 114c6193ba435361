#include "model/backup.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "model/keypair.h"
#include "model/layout.h"
#include "model/token.h"

/* A state directory's files that cannot be made again. What is not here: images, disks of guests
 * (large, and changed by running guests), and what is rendered from the store. */
static const struct backup_kind kinds[] = {
    { FILE_SECRET, true, true, SECRET_KEY_SIZE },
    { FILE_ACCOUNT_KEY, false, true, KEYPAIR_FILE_MAX },
    { FILE_SEED_PORT, false, true, 64 },
    { FILE_CONFIG, false, false, 1 << 20 },
    { FILE_STORE, true, true, TAR_SIZE_MAX },
};

const struct backup_kind *backup_kinds(int *ret_n)
{
    *ret_n = ARRAY_SIZE(kinds);
    return kinds;
}

const struct backup_kind *backup_kind(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

json_t *backup_json(const struct backup *b)
{
    json_t *files = json_array();
    char hex[2 * SHA256_SIZE + 1];

    for (int i = 0; i < b->n_files; i++) {
        hex_encode(b->files[i].sha256, SHA256_SIZE, hex);
        json_array_append_new(files, json_pack("{s:s, s:I, s:s}", "name", b->files[i].name, "size",
                                               (json_int_t)b->files[i].size, "sha256", hex));
    }
    return json_pack("{s:s, s:i, s:s, s:i, s:s, s:s, s:s, s:I, s:o}", "what", "roost backup",
                     "format", BACKUP_FORMAT, "roost", b->version, "schema", b->schema, "made",
                     b->made, "host", b->host, "state", b->state, "instances",
                     (json_int_t)b->instances, "files", files);
}

static int read_file(const json_t *j, struct backup *b, struct err *e)
{
    struct backup_file *f = &b->files[b->n_files];
    const char *name, *hex;
    json_int_t size;

    if (json_unpack((json_t *)(uintptr_t)j, "{s:s, s:I, s:s !}", "name", &name, "size", &size,
                    "sha256", &hex) < 0 ||
        strlen(hex) != 2 * SHA256_SIZE || hex_decode(hex, 2 * SHA256_SIZE, f->sha256) < 0)
        return err_set(e, ERR_INVALID, BACKUP_MANIFEST ": a file without name, size and sha256");
    const struct backup_kind *k = backup_kind(name);
    if (!k)
        return err_set(e, ERR_INVALID, BACKUP_MANIFEST ": %.40s is no file of a backup", name);
    if (size < 0 || (uint64_t)size > k->max)
        return err_set(e, ERR_INVALID, BACKUP_MANIFEST ": %s cannot have %lld bytes", k->name,
                       (long long)size);
    for (int i = 0; i < b->n_files; i++)
        if (strcmp(b->files[i].name, name) == 0)
            return err_set(e, ERR_INVALID, BACKUP_MANIFEST ": %s is there twice", name);
    snprintf(f->name, sizeof f->name, "%s", k->name);
    f->size = (uint64_t)size;
    b->n_files++;
    return 0;
}

static int read_files(const json_t *list, struct backup *b, struct err *e)
{
    const json_t *j;
    size_t i;

    json_array_foreach(list, i, j)
    {
        if (i >= BACKUP_FILES_MAX)
            return err_set(e, ERR_INVALID, BACKUP_MANIFEST ": too many files");
        if (read_file(j, b, e) < 0)
            return -1;
    }
    for (i = 0; i < ARRAY_SIZE(kinds); i++) {
        bool there = !kinds[i].needed;
        for (int k = 0; k < b->n_files; k++)
            there = there || strcmp(b->files[k].name, kinds[i].name) == 0;
        if (!there)
            return err_set(e, ERR_INVALID, "this backup has no %s", kinds[i].name);
    }
    return 0;
}

/* What decides whether this roost can use it at all. */
static int check_version(const json_t *tree, int schema, struct err *e)
{
    json_int_t format = json_integer_value(json_object_get(tree, "format")),
               its = json_integer_value(json_object_get(tree, "schema"));
    const char *what = json_string_value(json_object_get(tree, "what")),
               *version = json_string_value(json_object_get(tree, "roost"));

    if (!what || strcmp(what, "roost backup") != 0 || !version || strlen(version) > 31 ||
        !ascii_printable(version, strlen(version)))
        return err_set(e, ERR_INVALID, "this is no backup of roost");
    if (format != BACKUP_FORMAT)
        return err_set(e, ERR_CONFLICT,
                       "this backup was made by roost %s in a form (%lld) that this one does not "
                       "know; nothing was changed: restore it with that roost",
                       version, (long long)format);
    if (its > schema)
        return err_set(e, ERR_CONFLICT,
                       "this backup was made by the newer roost %s (schema %lld, this one knows "
                       "%d); nothing was changed: install that roost and restore it with that",
                       version, (long long)its, schema);
    return its > 0 ? 0 : err_set(e, ERR_INVALID, BACKUP_MANIFEST ": no schema");
}

/* Printable text that fits. */
static int take(const json_t *tree, const char *key, char *ret, size_t size, struct err *e)
{
    const char *s = json_string_value(json_object_get(tree, key));

    if (!s || strlen(s) >= size)
        return err_set(e, ERR_INVALID, BACKUP_MANIFEST ": no \"%s\", or one that is too long", key);
    memcpy(ret, s, strlen(s) + 1);
    control_mask(ret);
    return 0;
}

int backup_parse(const char *text, size_t len, int schema, struct backup *ret, struct err *e)
{
    json_t *tree = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    auto_free struct backup *b = calloc(1, sizeof *b);
    int bad = -1;

    if (!b)
        err_set(e, ERR_INTERNAL, "out of memory");
    else if (!json_is_object(tree))
        err_set(e, ERR_INVALID, "this is no backup of roost: its " BACKUP_MANIFEST " is no JSON");
    else if (check_version(tree, schema, e) == 0 &&
             take(tree, "roost", b->version, sizeof b->version, e) == 0 &&
             take(tree, "made", b->made, sizeof b->made, e) == 0 &&
             take(tree, "host", b->host, sizeof b->host, e) == 0 &&
             take(tree, "state", b->state, sizeof b->state, e) == 0 &&
             read_files(json_object_get(tree, "files"), b, e) == 0)
        bad = 0;
    if (bad == 0) {
        b->schema = (int)json_integer_value(json_object_get(tree, "schema"));
        b->instances = (uint64_t)json_integer_value(json_object_get(tree, "instances"));
        *ret = *b;
    }
    json_decref(tree);
    return bad;
}
