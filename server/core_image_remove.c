/* Images that go, by name or because nobody needs them; and what a crash left of some. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_image.h"
#include "server/core_import.h"

struct removing {
    struct core *c;
    json_t *names; /* of directories that go after the commit */
    json_t *result;
    core_op_fn *done;
    void *arg;
};

static void discard(struct core *c, const json_t *names)
{
    struct err e;
    auto_close int dir = images_dir(c, &e);
    json_t *name;
    size_t i;

    json_array_foreach(names, i, name)
    {
        if (dir >= 0 && !import_find(c, json_string_value(name)) &&
            dir_remove(dir, json_string_value(name), &e) < 0)
            core_fault(c, "image %s: its files stay: %s", json_string_value(name), e.text);
    }
}

static void removed(bool committed, void *arg)
{
    struct removing *r = arg;
    struct err e = { .kind = ERR_IO,
                     .text = "the store could not be written; nothing was removed" };

    if (committed && !r->c->ending)
        discard(r->c, r->names);
    r->done(committed ? r->result : NULL, committed ? NULL : &e, r->arg);
    json_decref(r->names);
    json_decref(r->result);
    free(r);
}

static struct removing *removing_new(struct core *c, core_op_fn *done, void *arg)
{
    struct removing *r = calloc(1, sizeof *r);

    if (r)
        *r = (struct removing){
            .c = c, .names = json_array(), .result = json_object(), .done = done, .arg = arg
        };
    return r;
}

static void removing_free(struct removing *r)
{
    json_decref(r->names);
    json_decref(r->result);
    free(r);
}

static int unused(struct core *c, const char *name, struct err *e)
{
    struct name first;
    int64_t n;

    if (store_def_users(c->store, DEF_IMAGE, name, &n, &first, e) < 0)
        return -1;
    if (n)
        return err_set(e, ERR_CONFLICT,
                       "image %s is used by %lld instance%s (%s%s), whose disk%s lie%s over it",
                       name, (long long)n, n == 1 ? "" : "s", first.s, n == 1 ? "" : ", …",
                       n == 1 ? "" : "s", n == 1 ? "s" : "");
    return 0;
}

static int remove_record(struct core *c, const char *name, const struct actor *who, struct err *e)
{
    char key[96];

    snprintf(key, sizeof key, "image-source:%s", name);
    if (core_write(c, true, e) < 0 || store_savepoint(c->store, e) < 0)
        return -1;
    if (store_def_remove(c->store, DEF_IMAGE, name, e) < 0 ||
        store_meta_remove(c->store, key, e) < 0 ||
        image_note(c, EV_REMOVED, name, who->text, e) < 0) {
        store_rollback_to(c->store);
        return -1;
    }
    store_release(c->store);
    return 0;
}

static int removable(struct core *c, const char *name, struct err *e)
{
    if (!core_has_image(c, name))
        return err_set(e, ERR_NOT_FOUND, "there is no image \"%s\"; roost image list shows them",
                       name);
    return image_no_apply(c, e) < 0 ? -1 : unused(c, name, e);
}

void core_image_remove(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                       void *arg)
{
    struct removing *r = removing_new(c, done, arg);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    if (r) {
        json_array_append_new(r->names, json_string(name));
        if (removable(c, name, &e) == 0 && remove_record(c, name, who, &e) == 0 &&
            core_after(c, removed, r, &e) == 0)
            return;
        removing_free(r);
    }
    done(NULL, &e, arg);
}

/* ---- gc: what nobody needs ---- */

/* Left by a crash: neither on record nor being made. */
static int find_leftovers(struct core *c, json_t *names, struct err *e)
{
    int fd = images_dir(c, e);
    struct dirent *d;
    DIR *dir;

    if (fd < 0)
        return e->kind == ERR_NOT_FOUND ? 0 : -1;
    if (!(dir = fdopendir(fd))) {
        close(fd);
        return err_sys(e, "images");
    }
    while ((d = readdir(dir))) {
        char name[NAME_MAX_LEN + 16];
        size_t len = strlen(d->d_name);
        if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") || len >= sizeof name)
            continue;
        snprintf(name, sizeof name, "%s", d->d_name + (d->d_name[0] == '.'));
        if (d->d_name[0] == '.' && strrchr(name, '.'))
            *strrchr(name, '.') = '\0';
        bool needed = d->d_name[0] != '.' && core_has_image(c, name);
        if (!needed && !import_find(c, name))
            json_array_append_new(names, json_string(d->d_name));
    }
    closedir(dir);
    return 0;
}

struct unused_images {
    struct core *c;
    json_t *names;
    struct err *e;
};

static int list_unused(const char *name, const json_t *j, void *arg)
{
    struct unused_images *u = arg;
    struct name first;
    int64_t n;

    (void)j;
    if (store_def_users(u->c->store, DEF_IMAGE, name, &n, &first, u->e) < 0)
        return -1;
    if (!n)
        json_array_append_new(u->names, json_string(name));
    return 0;
}

static int find_unused(struct core *c, json_t *names, struct err *e)
{
    struct unused_images u = { c, names, e };

    return store_defs(c->store, DEF_IMAGE, list_unused, &u, e);
}

static int gc(struct removing *r, bool all, bool dry_run, const struct actor *who, struct err *e)
{
    json_t *images = json_array(), *name;
    size_t i;
    int bad = image_no_apply(r->c, e);

    if (!bad)
        bad = find_leftovers(r->c, r->names, e);
    if (!bad && all)
        bad = find_unused(r->c, images, e);
    json_object_set_new(r->result, "leftovers", json_copy(r->names));
    json_object_set(r->result, "images", images);
    json_array_foreach(images, i, name)
    {
        if (!bad && !dry_run)
            bad = remove_record(r->c, json_string_value(name), who, e);
    }
    json_array_extend(r->names, images);
    if (dry_run)
        json_array_clear(r->names);
    json_decref(images);
    return bad;
}

void core_image_gc(struct core *c, bool all, bool dry_run, const struct actor *who,
                   core_op_fn *done, void *arg)
{
    struct removing *r = removing_new(c, done, arg);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    if (r) {
        if (gc(r, all, dry_run, who, &e) == 0 && core_after(c, removed, r, &e) == 0)
            return;
        removing_free(r);
    }
    done(NULL, &e, arg);
}
