/* The catalogue of predefined images: roost's own, which lies in the program, and over it the
 * operator's, which is read anew each time it is asked for. */
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/yaml.h"
#include "model/catalogue.h"
#include "server/core_priv.h"

#define FILE_MAX (1u << 20)

/* Found by the assembler from the root of the tree, where the build runs. */
__asm__(".pushsection .rodata\n"
        ".global catalogue_text\n"
        ".global catalogue_end\n"
        "catalogue_text: .incbin \"contrib/catalogue.yaml\"\n"
        "catalogue_end: .byte 0\n"
        ".popsection\n");
extern const char catalogue_text[], catalogue_end[];

static json_t *read_text(const char *text, size_t len, const char *file, struct err *e)
{
    struct yaml_map *map = NULL;
    json_t *tree = NULL;

    if (yaml_read(text, len, file, &tree, &map, e) == 0 &&
        catalogue_check(tree, file, map, e) < 0) {
        json_decref(tree);
        tree = NULL;
    }
    yaml_map_free(map);
    return tree;
}

static json_t *read_file(const char *file, struct err *e)
{
    auto_buf struct buf b = BUF_INIT;

    if (file_read(AT_FDCWD, file, FILE_MAX, &b, e) < 0)
        return NULL;
    return read_text(buf_str(&b), b.len, file, e);
}

json_t *core_catalogue(struct core *c, struct err *e)
{
    json_t *all = read_text(catalogue_text, (size_t)(catalogue_end - catalogue_text),
                            "roost's catalogue", e),
           *own;

    if (!all || !c->config.catalogue[0])
        return all;
    if ((own = read_file(c->config.catalogue, e))) {
        json_object_update(all, own);
        json_decref(own);
        return all;
    }
    err_wrap(e, "[images] catalogue");
    json_decref(all);
    return NULL;
}

json_t *core_image_words(struct core *c, const json_t *words, const char *name, struct err *e)
{
    json_t *catalogue, *out;

    if (!json_object_get(words, "predefined"))
        return json_copy((json_t *)words);
    if (!(catalogue = core_catalogue(c, e)))
        return NULL;
    out = catalogue_expand(catalogue, words, name, e);
    json_decref(catalogue);
    return out;
}

/* Only what has to be is copied: a fleet can be large. */
json_t *core_fleet_words(struct core *c, const json_t *tree, struct err *e)
{
    json_t *images = json_object_get(tree, "images"), *fresh, *out, *words;
    const char *name;

    if (!json_is_object(images))
        return json_incref((json_t *)tree);
    fresh = json_object();
    json_object_foreach(images, name, words)
    {
        json_t *full = core_image_words(c, words, name, e);
        if (!full) {
            json_decref(fresh);
            return NULL;
        }
        json_object_set_new(fresh, name, full);
    }
    out = json_copy((json_t *)tree);
    json_object_set_new(out, "images", fresh);
    return out;
}
