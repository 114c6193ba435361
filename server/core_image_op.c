/* Images, one at a time: made (as a task), shown, verified, removed, and what nobody needs. */
#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/file.h"
#include "server/core_task.h"

static int note(struct core *c, enum event_kind k, const char *name, const char *who, struct err *e)
{
    struct event ev = { .real_ms = loop_now(c->loop).real_ms, .kind = k };

    event_detail(&ev, "image %s", name);
    snprintf(ev.actor, sizeof ev.actor, "%s", who);
    return store_event_add(c->store, 0, &ev, e);
}

static int no_apply(const struct core *c, struct err *e)
{
    return c->applying ? err_set(e, ERR_BUSY, "an apply is under way; try again when it has ended")
                       : 0;
}

static int images_dir(const struct core *c, struct err *e)
{
    char path[PATH_SIZE + 32];
    int dir;

    snprintf(path, sizeof path, "%s/%s", c->config.state, DIR_IMAGES);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? err_sys(e, "%s", path) : dir;
}

/* ---- create ---- */

struct making {
    struct core *c;
    struct task *task;
    struct name name;
    struct actor who;
    struct image_source source;
    json_t *result;
    core_op_fn *done; /* of who asked; told as soon as the task is on record */
    void *arg;
    struct image image;
};

static void making_free(struct making *m)
{
    image_source_done(&m->source);
    json_decref(m->result);
    free(m);
}

/* The record in the same form as apply's, with where it came from. */
static int record(struct making *m, const json_t *image, struct err *e)
{
    struct core *c = m->c;
    json_t *j = json_deep_copy(image);
    char key[96], stamp[65];
    int r;

    json_object_set_new(j, "source", image_source_to_json(&m->source));
    core_image_stamp(&m->source, stamp);
    snprintf(key, sizeof key, "image-source:%s", m->name.s);
    r = core_write(c, true, e) < 0 || store_savepoint(c->store, e) < 0 ? -1 : 0;
    if (r == 0 && (store_def_put(c->store, DEF_IMAGE, m->name.s, j, e) < 0 ||
                   store_meta_set(c->store, key, stamp, e) < 0 ||
                   note(c, EV_DEFINED, m->name.s, m->who.text, e) < 0)) {
        store_rollback_to(c->store);
        r = -1;
    } else if (r == 0) {
        store_release(c->store);
    }
    json_decref(j);
    return r;
}

static void imported(const json_t *image, const struct err *err, void *arg)
{
    struct making *m = arg;
    struct err e;

    if (m->c->ending) {
        task_leave(m->task);
    } else {
        if (!err && record(m, image, &e) < 0)
            err = &e;
        task_end(m->task, err);
    }
    making_free(m);
}

static void cancel(struct task *t, void *arg)
{
    struct making *m = arg;
    struct import *i = import_find(m->c, m->name.s);

    (void)t;
    if (i)
        import_cancel(i);
}

static void import(struct making *m)
{
    core_image_import(m->c, &m->image, &m->source, m->task, imported, m);
}

static void begun(bool committed, void *arg)
{
    struct making *m = arg;
    core_op_fn *done = m->done;
    struct err e = { .kind = ERR_IO, .text = "the store could not be written; nothing was begun" };

    if (!committed) {
        task_leave(m->task);
        done(NULL, &e, m->arg);
        making_free(m);
        return;
    }
    done(m->result, NULL, m->arg);
    import(m);
}

static int check_new(struct core *c, const char *name, struct err *e)
{
    if (core_has_image(c, name))
        return err_set(
            e, ERR_CONFLICT,
            "image %s is there already; roost image remove %s first, or give the new one "
            "another name",
            name, name);
    if (import_find(c, name))
        return err_set(e, ERR_BUSY, "image %s is just being made; roost task list", name);
    return no_apply(c, e);
}

static int begin(struct making *m, const json_t *words, struct err *e)
{
    struct task_new n = { .kind = "image",
                          .object = m->name.s,
                          .what = m->source.url    ? m->source.url
                                  : m->source.file ? m->source.file
                                                   : m->source.kernel,
                          .job = json_pack("{s:O}", "words", (json_t *)words),
                          .who = &m->who,
                          .cancel = cancel,
                          .arg = m };
    json_t *warnings = json_array();
    struct image_sight seen;

    if (core_image_check(m->name.s, &m->source, &seen, e) < 0) {
        json_decref(n.job);
        json_decref(warnings);
        return -1;
    }
    if (!(m->task = task_begin(m->c, &n, e))) {
        json_decref(warnings);
        return -1;
    }
    if (!seen.bootable)
        json_array_append_new(warnings,
                              json_sprintf("image %s: nothing in %s looks like something to boot "
                                           "from (no partition table, no file system), and it has "
                                           "no kernel of its own",
                                           m->name.s, m->source.file));
    m->result = task_view(m->task);
    json_object_set_new(m->result, "warnings", warnings);
    if (core_after(m->c, begun, m, e) == 0)
        return 0;
    task_leave(m->task);
    return -1;
}

static int read_words(struct making *m, const char *name, const json_t *words, struct err *e)
{
    int r = image_from_json(name, words, &m->image, &m->source, e);

    if (r == 0)
        m->name = m->image.name;
    return r;
}

void core_image_create(struct core *c, const char *name, const json_t *words,
                       const struct actor *who, core_op_fn *done, void *arg)
{
    struct making *m = calloc(1, sizeof *m);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };
    json_t *full = m ? core_image_words(c, words, name, &e) : NULL;
    bool good = false;

    if (full) {
        *m = (struct making){ .c = c, .who = *who, .done = done, .arg = arg };
        good = read_words(m, name, full, &e) == 0 && check_new(c, name, &e) == 0 &&
               begin(m, full, &e) == 0;
    }
    json_decref(full);
    if (good)
        return;
    if (m)
        making_free(m);
    done(NULL, &e, arg);
}

/* After a crash it is made from the beginning: what lay there may be half of it. */
int core_image_resume(struct core *c, struct task *t, const char *kind, const char *object,
                      json_t *job, struct err *e)
{
    struct making *m = calloc(1, sizeof *m);

    if (!m || strcmp(kind, "image") != 0) {
        free(m);
        return err_set(e, ERR_INTERNAL, "nobody knows how to go on with it");
    }
    *m = (struct making){ .c = c, .task = t, .who = { "roost" } };
    if (core_has_image(c, object))
        err_set(e, ERR_CONFLICT, "image %s is there already", object);
    else if (image_from_json(object, json_object_get(job, "words"), &m->image, &m->source, e) ==
             0) {
        m->name = m->image.name;
        task_owner(t, cancel, m);
        import(m);
        return 0;
    }
    making_free(m);
    return -1;
}

/* ---- show ---- */

static uint64_t size_on_disk(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

json_t *core_image_show(struct core *c, const char *name, struct err *e)
{
    char path[PATH_SIZE + 160];
    struct name first;
    json_t *j;
    int64_t n;

    if (store_def_get(c->store, DEF_IMAGE, name, &j, e) < 0) {
        if (e->kind == ERR_NOT_FOUND)
            err_set(e, ERR_NOT_FOUND, "there is no image \"%s\"; roost image list shows them",
                    name);
        return NULL;
    }
    if (store_def_users(c->store, DEF_IMAGE, name, &n, &first, e) < 0) {
        json_decref(j);
        return NULL;
    }
    snprintf(path, sizeof path, "%s/%s/%s/%s", c->config.state, DIR_IMAGES, name, FILE_IMAGE_DISK);
    json_object_set_new(j, "name", json_string(name));
    json_object_set_new(j, "instances", json_integer(n));
    json_object_set_new(j, "size-on-disk", json_integer((json_int_t)size_on_disk(path)));
    json_object_set_new(j, "path", json_string(path));
    return j;
}

/* ---- verify ---- */

struct verifying {
    struct core *c;
    struct image image;
    char path[PATH_SIZE + 160];
    struct checksum found;
    struct err err;
    bool failed;
    core_op_fn *done;
    void *arg;
};

static int hash(struct verifying *v, struct err *e)
{
    auto_close int fd = open(v->path, O_RDONLY | O_CLOEXEC);
    struct digest_stream *s;
    static char chunk[1 << 20]; /* the worker is one thread */
    ssize_t n;

    if (fd < 0)
        return err_sys(e, "%s", v->path);
    s = digest_new(DIGEST_SHA256);
    while ((n = read(fd, chunk, sizeof chunk)) > 0 && !v->c->ending)
        digest_update(s, chunk, (size_t)n);
    digest_final(s, &v->found);
    return n < 0 ? err_sys(e, "%s", v->path) : 0;
}

static void verify(void *arg)
{
    struct verifying *v = arg;

    v->failed = hash(v, &v->err) < 0;
}

static void verified(void *arg)
{
    struct verifying *v = arg;
    struct err e = v->err;
    bool good = !v->failed && strcmp(v->found.hex, v->image.sha256) == 0;
    json_t *j;

    if (v->c->ending)
        err_set(&e, ERR_BUSY, "roost is stopping");
    else if (!v->failed && !good)
        err_set(&e, ERR_CONFLICT,
                "image %s: %s has changed since it was made: sha256:%s, on record is sha256:%s",
                v->image.name.s, v->path, v->found.hex, v->image.sha256);
    if (!good || v->c->ending) {
        v->done(NULL, &e, v->arg);
    } else {
        j = json_pack("{s:s, s:s}", "name", v->image.name.s, "sha256", v->found.hex);
        v->done(j, NULL, v->arg);
        json_decref(j);
    }
    free(v);
}

void core_image_verify(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                       void *arg)
{
    struct verifying *v = calloc(1, sizeof *v);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    (void)who;
    if (v) {
        *v = (struct verifying){ .c = c, .done = done, .arg = arg };
        snprintf(v->path, sizeof v->path, "%s/%s/%s/%s", c->config.state, DIR_IMAGES, name,
                 FILE_IMAGE_DISK);
        if (core_image(c, name, &v->image, &e) == 0) {
            if (!v->image.sha256[0])
                err_set(&e, ERR_INVALID, "image %s has no disk whose checksum is on record", name);
            else if ((c->copier || (c->copier = worker_new(c->loop, &e))) &&
                     worker_post(c->copier, verify, verified, v, &e) == 0)
                return;
        }
    }
    free(v);
    done(NULL, &e, arg);
}

/* ---- remove ---- */

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
        store_meta_remove(c->store, key, e) < 0 || note(c, EV_REMOVED, name, who->text, e) < 0) {
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
    return no_apply(c, e) < 0 ? -1 : unused(c, name, e);
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
    int bad = no_apply(r->c, e);

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
