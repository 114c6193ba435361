/* Images that are made: a task on record, and the import that it stands for. */
#include <stdio.h>
#include <string.h>

#include "server/core_image.h"
#include "server/core_import.h"

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
                   image_note(c, EV_DEFINED, m->name.s, m->who.text, e) < 0)) {
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
    return image_no_apply(c, e);
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
