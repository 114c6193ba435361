#include "model/catalogue.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "model/image.h"
#include "model/words.h"

/* Words of an entry that are words of an image too. */
static const char *const image_words[] = { "default-user", "firmware", "min-cpus", "min-memory",
                                           "min-disk" };

static bool is_image_word(const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(image_words); i++)
        if (strcmp(image_words[i], word) == 0)
            return true;
    return false;
}

/* --- one entry as an image's words --- */

static json_t *image_of(const json_t *entry, enum arch arch)
{
    json_t *words = json_object(), *v;

    for (size_t i = 0; i < ARRAY_SIZE(image_words); i++)
        if ((v = json_object_get(entry, image_words[i])))
            json_object_set(words, image_words[i], v);
    /* What boots an amd64 machine does not bind an arm64 one, which has uefi alone. */
    if (arch == ARCH_ARM64)
        json_object_del(words, "firmware");
    json_object_set_new(words, "arch", json_string(arch_name(arch)));
    json_object_update(words, json_object_get(entry, arch_name(arch)));
    return words;
}

static void put_names(const json_t *catalogue, struct buf *out)
{
    json_t *sorted = value_sorted(catalogue);
    const char *name;
    json_t *v;

    json_object_foreach(sorted, name, v) buf_printf(out, "%s%s", out->len ? ", " : "", name);
    json_decref(sorted);
}

static const char *nearest(const json_t *catalogue, const char *name)
{
    size_t n = json_object_size(catalogue), i = 0;
    auto_free const char **names = calloc(n + 1, sizeof *names);
    const char *key;
    json_t *v;

    if (!names)
        return NULL;
    json_object_foreach((json_t *)catalogue, key, v) names[i++] = key;
    return nearest_name(name, names, n);
}

static int no_such_entry(const json_t *catalogue, const char *name, const char *image,
                         struct err *e)
{
    const char *near = nearest(catalogue, name);
    auto_buf struct buf names = BUF_INIT;

    if (near)
        return err_set(e, ERR_NOT_FOUND,
                       "image %s: there is no predefined image \"%.64s\": did you mean \"%s\"?",
                       image, name, near);
    put_names(catalogue, &names);
    return err_set(e, ERR_NOT_FOUND,
                   "image %s: there is no predefined image \"%.64s\"; there are %s", image, name,
                   buf_str(&names));
}

json_t *catalogue_expand(const json_t *catalogue, const json_t *words, const char *name,
                         struct err *e)
{
    const char *predefined = json_string_value(json_object_get(words, "predefined")),
               *said = json_string_value(json_object_get(words, "arch"));
    const json_t *entry = predefined ? json_object_get(catalogue, predefined) : NULL;
    int arch = said ? arch_from_name(said) : (int)arch_native();
    json_t *out;

    if (!predefined || arch < 0) /* who reads the words complains */
        return json_copy((json_t *)words);
    if (!entry) {
        no_such_entry(catalogue, predefined, name, e);
        return NULL;
    }
    if (!json_object_get(entry, arch_name((enum arch)arch))) {
        err_set(e, ERR_NOT_FOUND, "image %s: predefined image %s is not there for %s", name,
                predefined, arch_name((enum arch)arch));
        return NULL;
    }
    out = image_of(entry, (enum arch)arch);
    json_object_update(out, (json_t *)words);
    return out;
}

/* --- the whole file --- */

static int check_words(const json_t *entry, const struct spot *at, struct err *e)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)entry, key, v)
    {
        const struct spot here = spot_key(at, key);
        if (strcmp(key, "title") != 0 && arch_from_name(key) < 0 && !is_image_word(key))
            return spot_bad(&here, e,
                            "unknown word \"%.40s\": an entry has title, default-user, firmware, "
                            "min-cpus, min-memory, min-disk, amd64 and arm64",
                            key);
        if (strcmp(key, "title") == 0 && !json_is_string(v))
            return spot_bad(&here, e, "expected a text");
    }
    return 0;
}

static int check_arch(const json_t *entry, enum arch arch, const struct spot *at, struct err *e)
{
    const struct spot here = spot_key(at, arch_name(arch));
    const json_t *source = json_object_get(entry, arch_name(arch));
    struct image_source src;
    struct image image;
    json_t *words;
    int r;

    if (value_object(source, &here, e) < 0)
        return -1;
    if (!json_object_get(source, "url"))
        return spot_bad(&here, e, "url: is missing");
    words = image_of(entry, arch);
    r = image_read("predefined", words, &here, &image, &src, e);
    json_decref(words);
    if (r == 0)
        image_source_done(&src);
    return r;
}

static int check_entry(const json_t *entry, const struct spot *at, struct err *e)
{
    int n = 0;

    if (value_object(entry, at, e) < 0 || check_words(entry, at, e) < 0)
        return -1;
    for (int a = 0; a < ARCHES; a++) {
        if (!json_object_get(entry, arch_name((enum arch)a)))
            continue;
        if (check_arch(entry, (enum arch)a, at, e) < 0)
            return -1;
        n++;
    }
    return n ? 0 : spot_bad(at, e, "has neither amd64: nor arm64:");
}

int catalogue_check(const json_t *tree, const char *file, const struct yaml_map *map, struct err *e)
{
    const struct spot root = spot_file(file, map);
    const char *name;
    json_t *entry;

    if (value_object(tree, &root, e) < 0)
        return -1;
    json_object_foreach((json_t *)tree, name, entry)
    {
        const struct spot at = spot_key(&root, name);
        if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") != strlen(name))
            return spot_bad(&at, e, "a name has a-z, 0-9, . and -");
        if (check_entry(entry, &at, e) < 0)
            return -1;
    }
    return 0;
}
