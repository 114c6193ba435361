/* Images on record: shown, and their files verified. */
#include "server/core_image.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"

int image_note(struct core *c, enum event_kind k, const char *name, const char *who, struct err *e)
{
    struct event ev = { .real_ms = loop_now(c->loop).real_ms, .kind = k };

    event_detail(&ev, "image %s", name);
    snprintf(ev.actor, sizeof ev.actor, "%s", who);
    return store_event_add(c->store, 0, &ev, e);
}

int image_no_apply(const struct core *c, struct err *e)
{
    return c->applying ? err_set(e, ERR_BUSY, "an apply is under way; try again when it has ended")
                       : 0;
}

int images_dir(const struct core *c, struct err *e)
{
    char path[PATH_SIZE + 32];
    int dir;

    snprintf(path, sizeof path, "%s/%s", c->config.state, DIR_IMAGES);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? err_sys(e, "%s", path) : dir;
}

struct worker *core_copier(struct core *c, struct err *e)
{
    if (!c->copier)
        c->copier = worker_new(c->loop, e);
    return c->copier;
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
            else if (core_copier(c, &e) && worker_post(c->copier, verify, verified, v, &e) == 0)
                return;
        }
    }
    free(v);
    done(NULL, &e, arg);
}
