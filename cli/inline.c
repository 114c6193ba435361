#include "cli/inline.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "model/hostkey.h"
#include "model/identity.h"
#include "model/instance.h"
#include "model/layout.h"
#include "model/words.h"

#define KEY_FILE_MAX (64u << 10)

struct inlining {
    const char *dir;
};

/* "~/x", "x" and "/x" made absolute. */
static int resolve(const struct inlining *in, const char *path, const struct spot *at,
                   char ret[PATH_SIZE], struct err *e)
{
    const char *home = getenv("HOME");
    int n;

    if (path[0] == '~' && path[1] != '/')
        return spot_bad(at, e, "\"%s\": only ~/ is understood, not another user's home", path);
    if (path[0] == '~' && (!home || home[0] != '/'))
        return spot_bad(at, e, "\"%s\": HOME is not set", path);
    if (path[0] == '~')
        n = snprintf(ret, PATH_SIZE, "%s%s", home, path + 1);
    else if (path[0] == '/')
        n = snprintf(ret, PATH_SIZE, "%s", path);
    else
        n = snprintf(ret, PATH_SIZE, "%s/%s", in->dir, path);
    return n < PATH_SIZE ? 0 : spot_bad(at, e, "\"%.80s…\": the path is too long", path);
}

static int read_path(const struct inlining *in, const char *path, size_t cap, const struct spot *at,
                     struct buf *ret, struct err *e)
{
    char full[PATH_SIZE];

    if (resolve(in, path, at, full, e) < 0)
        return -1;
    return file_read(AT_FDCWD, full, cap, ret, e) < 0 ? spot_wrap(at, e) : 0;
}

/* --- identities --- */

/* A key line is an algorithm, a blank and a blob; a path has no blank before its first slash, and
 * most have none at all. What is neither is fleet_parse()'s to complain about. */
static bool is_path(const char *s)
{
    size_t word = strcspn(s, " \t");

    return *s && !strchr(s, '\n') && (!s[word] || memchr(s, '/', word) || s[0] == '~');
}

/* A key of a file, checked here since only here its line is known; the server sees the text alone.
 */
static int add_key(json_t *list, size_t slot, bool first, const char *line, size_t len,
                   const char *path, int number, const struct spot *at, struct err *e)
{
    struct hostkey key;
    char comment[129], context[PATH_SIZE + 16];

    if (len > 10 && strncmp(line, "-----BEGIN", 10) == 0)
        return spot_bad(at, e, "%.200s is no public key, and looks like a private one: say %.200s.pub",
                        path, path);
    if (pubkey_parse(line, len, &key, comment, e) < 0) {
        snprintf(context, sizeof context, "%s:%d", path, number);
        err_wrap(e, "%.200s", context);
        return spot_wrap(at, e);
    }
    json_t *text = json_stringn(line, len);
    if (!text)
        return spot_bad(at, e, "%.200s:%d: not UTF-8", path, number);
    if (first ? json_array_set_new(list, slot, text) : json_array_append_new(list, text))
        return spot_err(at, e, ERR_INTERNAL, "out of memory");
    return 0;
}

/* The lines of a .pub file; blank ones and comments do not count (sshd(8), AUTHORIZED_KEYS). */
static int add_keys(json_t *list, size_t slot, const struct buf *b, const char *path,
                    const struct spot *at, struct err *e)
{
    const char *s = buf_str(b), *end = s + b->len;
    int found = 0;

    for (int number = 1; s < end; number++) {
        const char *nl = memchr(s, '\n', (size_t)(end - s)), *stop = nl ? nl : end;
        size_t len = (size_t)(stop - s), blank = strspn(s, " \t\r");
        if (blank < len && s[blank] != '#') {
            while (len && (s[len - 1] == '\r' || s[len - 1] == ' '))
                len--;
            if (add_key(list, slot, found++ == 0, s, len, path, number, at, e) < 0)
                return -1;
        }
        s = stop + 1;
    }
    return found ? 0 : spot_bad(at, e, "%.200s: no public key in it", path);
}

static int inline_keys(const struct inlining *in, json_t *identity, const struct spot *at,
                       struct err *e)
{
    json_t *list = json_object_get(identity, "public-keys");
    const struct spot keys = spot_key(at, "public-keys");
    size_t n = json_array_size(list);

    for (size_t i = 0; i < n; i++) {
        const struct spot here = spot_item(&keys, i);
        auto_buf struct buf b = BUF_INIT;
        auto_free char *path = NULL;
        const char *s = json_string_value(json_array_get(list, i));
        if (!s || !is_path(s))
            continue;
        if (!(path = strdup(s)))
            return spot_err(&here, e, ERR_INTERNAL, "out of memory");
        if (read_path(in, path, KEY_FILE_MAX, &here, &b, e) < 0 ||
            add_keys(list, i, &b, path, &here, e) < 0)
            return -1;
    }
    return 0;
}

/* --- images, instances --- */

static int inline_paths(const struct inlining *in, json_t *object, const char *const *words,
                        size_t n, const struct spot *at, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        const struct spot here = spot_key(at, words[i]);
        const char *s = json_string_value(json_object_get(object, words[i]));
        char full[PATH_SIZE];
        if (!s || !*s)
            continue;
        if (resolve(in, s, &here, full, e) < 0)
            return -1;
        if (json_object_set_new(object, words[i], json_string(full)))
            return spot_bad(&here, e, "not UTF-8");
    }
    return 0;
}

static int inline_image(const struct inlining *in, json_t *image, const struct spot *at,
                        struct err *e)
{
    static const char *const words[] = { "file", "kernel", "initrd" };

    return inline_paths(in, image, words, ARRAY_SIZE(words), at, e);
}

/* Documents have lines, or say in their first byte what they are (#cloud-config, #!/bin/sh). */
static int inline_document(const struct inlining *in, json_t *instance, const char *word,
                           const struct spot *at, struct err *e)
{
    const struct spot here = spot_key(at, word);
    const char *s = json_string_value(json_object_get(instance, word));
    auto_buf struct buf b = BUF_INIT;

    if (!s || !*s || *s == '#' || strchr(s, '\n'))
        return 0;
    if (read_path(in, s, USER_DATA_MAX, &here, &b, e) < 0)
        return -1;
    if (json_object_set_new(instance, word, bytes_emit(buf_str(&b), b.len)))
        return spot_err(&here, e, ERR_INTERNAL, "out of memory");
    return 0;
}

/* Without "..", and the same text however somebody came to it; of what is not there at least the
 * directory. */
static void make_plain(char path[PATH_SIZE])
{
    char real[PATH_MAX], name[PATH_SIZE];
    char *slash = strrchr(path, '/');
    size_t len;

    if (realpath(path, real)) {
        snprintf(path, PATH_SIZE, "%s", real);
        return;
    }
    memcpy(name, path, PATH_SIZE);
    slash[slash == path] = '\0';
    len = realpath(path, real) ? strlen(real) : 0;
    snprintf(path, PATH_SIZE, "%s", len ? real : name);
    if (len > 1 && len + strlen(name) < PATH_SIZE)
        strcat(path, strrchr(name, '/'));
    else if (len == 1)
        snprintf(path, PATH_SIZE, "%s", strrchr(name, '/'));
}

/* The files of disks: `disk: FILE`, and `file` of an object or of an item of `disks`. */
static int inline_file(const struct inlining *in, json_t *owner, const char *key, size_t item,
                       const struct spot *at, struct err *e)
{
    json_t *v = key ? json_object_get(owner, key) : json_array_get(owner, item), *text;
    const char *s = json_string_value(v);
    char full[PATH_SIZE];

    if (json_is_object(v)) {
        const struct spot here = spot_key(at, "file");
        return inline_file(in, v, "file", 0, &here, e);
    }
    if (!s || (!strchr(s, '/') && !(key && strcmp(key, "file") == 0 && *s)))
        return 0;
    if (resolve(in, s, at, full, e) < 0)
        return -1;
    make_plain(full);
    if (!(text = json_string(full)))
        return spot_bad(at, e, "not UTF-8");
    return key ? json_object_set_new(owner, key, text) : json_array_set_new(owner, item, text);
}

static int inline_disks(const struct inlining *in, json_t *instance, const struct spot *at,
                        struct err *e)
{
    const struct spot disk = spot_key(at, "disk"), disks = spot_key(at, "disks");
    json_t *list = json_object_get(instance, "disks");

    if (inline_file(in, instance, "disk", 0, &disk, e) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const struct spot item = spot_item(&disks, i);
        if (inline_file(in, list, NULL, i, &item, e) < 0)
            return -1;
    }
    return 0;
}

int medium_path(const char *path, const char *dir, char ret[PATH_SIZE], struct err *e)
{
    const struct inlining in = { dir };
    const struct spot at = spot_root("ISO");
    char whole[PATH_MAX];
    struct stat st;

    if (resolve(&in, path, &at, ret, e) < 0)
        return -1;
    /* Whoever may not look there leaves it to roost, which may. */
    if (realpath(ret, whole))
        snprintf(ret, PATH_SIZE, "%s", whole);
    else if (errno == ENOENT || errno == ENOTDIR)
        return err_set(e, ERR_NOT_FOUND, "%.300s: there is no such file", ret);
    if (stat(ret, &st) == 0 && S_ISDIR(st.st_mode))
        return err_set(e, ERR_INVALID, "%.300s is a directory: the file of an ISO image is wanted", ret);
    return 0;
}

static int inline_cdrom(const struct inlining *in, json_t *instance, const struct spot *at,
                        struct err *e)
{
    const struct spot here = spot_key(at, "cdrom");
    const char *s = json_string_value(json_object_get(instance, "cdrom"));
    char full[PATH_SIZE];

    if (!s || !*s || !strcmp(s, "empty") || !strcmp(s, "none"))
        return 0;
    if (medium_path(s, in->dir, full, e) < 0)
        return spot_wrap(&here, e);
    if (json_object_set_new(instance, "cdrom", json_string(full)))
        return spot_bad(&here, e, "not UTF-8");
    return 0;
}

static int inline_firmware(const struct inlining *in, json_t *instance, const struct spot *at,
                           struct err *e)
{
    static const char *const words[] = { "firmware-code", "firmware-vars" };

    return inline_paths(in, instance, words, ARRAY_SIZE(words), at, e);
}

static int inline_instance(const struct inlining *in, json_t *instance, const struct spot *at,
                           struct err *e)
{
    if (inline_document(in, instance, "user-data", at, e) < 0 ||
        inline_document(in, instance, "vendor-data", at, e) < 0 ||
        inline_disks(in, instance, at, e) < 0)
        return -1;
    return inline_cdrom(in, instance, at, e) < 0 ? -1 : inline_firmware(in, instance, at, e);
}

typedef int inline_fn(const struct inlining *in, json_t *item, const struct spot *at,
                      struct err *e);

static int each(const struct inlining *in, json_t *tree, const char *section, inline_fn *fn,
                const struct spot *root, struct err *e)
{
    const struct spot at = spot_key(root, section);
    const char *name;
    json_t *item;

    json_object_foreach(json_object_get(tree, section), name, item)
    {
        const struct spot here = spot_key(&at, name);
        if (fn(in, item, &here, e) < 0)
            return -1;
    }
    return 0;
}

int fleet_inline(json_t *tree, const char *file, const struct yaml_map *map, const char *dir,
                 struct err *e)
{
    const struct spot root = spot_file(file, map), defaults = spot_key(&root, "defaults");
    const struct inlining in = { dir };

    if (each(&in, tree, "identities", inline_keys, &root, e) < 0 ||
        each(&in, tree, "images", inline_image, &root, e) < 0 ||
        inline_instance(&in, json_object_get(tree, "defaults"), &defaults, e) < 0)
        return -1;
    return each(&in, tree, "instances", inline_instance, &root, e);
}
