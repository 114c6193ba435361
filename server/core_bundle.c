/* A guest's bundle as it is sent, in one pass. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/encode.h"
#include "model/bundle.h"
#include "server/core_machine.h"

#define HOLE_MIN (64u << 10) /* a smaller one is sent */

/* What is sent, one after the other: bytes, then the extents of a file. */
struct bundle_stream {
    struct bundle bundle;
    int fds[BUNDLE_PARTS], lock;
    struct buf bytes; /* to be sent next */
    size_t sent;      /* of them */
    int part, extent; /* then these; part -1: the manifest has just been sent */
    uint64_t at;      /* in the extent */
    struct sha256_stream *sum;
    struct buf sums;
    int64_t now_s;
    bool ended;
};

void bundle_stream_free(struct bundle_stream *s)
{
    uint8_t sum[SHA256_SIZE];

    if (!s)
        return;
    if (s->bytes.data)
        explicit_bzero(s->bytes.data, s->bytes.len); /* the manifest holds tokens */
    for (int p = 0; p < BUNDLE_PARTS; p++)
        if (s->fds[p] >= 0)
            close(s->fds[p]);
    if (s->lock >= 0)
        close(s->lock);
    if (s->sum)
        sha256_final(s->sum, sum);
    buf_done(&s->bytes);
    buf_done(&s->sums);
    bundle_done(&s->bundle);
    free(s);
}

/* --- what it is made of --- */

static void add_extent(struct bundle_file *f, off_t from, off_t to)
{
    struct bundle_extent *last = f->n_map ? &f->map[f->n_map - 1] : NULL;

    if (last &&
        ((uint64_t)from - (last->at + last->len) < HOLE_MIN || f->n_map == BUNDLE_EXTENTS_MAX))
        last->len = (uint64_t)to - last->at;
    else
        f->map[f->n_map++] = (struct bundle_extent){ (uint64_t)from, (uint64_t)(to - from) };
}

/* lseek(2): a file system that knows no holes says that all is data. */
static int map_file(int fd, struct bundle_file *f, struct err *e)
{
    struct stat st;
    off_t at = 0, end;

    if (fstat(fd, &st) < 0)
        return err_sys(e, "stat");
    f->there = true;
    f->size = (uint64_t)st.st_size;
    if (!(f->map = calloc(BUNDLE_EXTENTS_MAX, sizeof *f->map)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    while (at < st.st_size && (at = lseek(fd, at, SEEK_DATA)) >= 0) {
        end = lseek(fd, at, SEEK_HOLE);
        if (end < 0 || end > st.st_size)
            end = st.st_size;
        add_extent(f, at, end);
        at = end;
    }
    return at < 0 && errno != ENXIO ? err_sys(e, "seek") : 0;
}

static int add_file(struct bundle_stream *s, enum bundle_part p, const char *path, bool needed,
                    struct err *e)
{
    s->fds[p] = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (s->fds[p] < 0 && errno == ENOENT && !needed)
        return 0;
    if (s->fds[p] < 0)
        return err_sys(e, "%s", path);
    return map_file(s->fds[p], &s->bundle.files[p], e) < 0 ? err_wrap(e, "%s", path) : 0;
}

static int add_image(struct bundle_stream *s, const struct core *c, struct err *e)
{
    const struct image *i = &s->bundle.image;
    const struct {
        enum bundle_part part;
        bool there;
        const char *file;
    } rows[] = { { BUNDLE_IMAGE_DISK, i->format != DISK_NONE, FILE_IMAGE_DISK },
                 { BUNDLE_IMAGE_KERNEL, i->has_kernel, FILE_IMAGE_KERNEL },
                 { BUNDLE_IMAGE_INITRD, i->has_initrd, FILE_IMAGE_INITRD } };
    char path[PATH_SIZE + 192];

    for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
        snprintf(path, sizeof path, "%s/%s/%s/%s", c->config.state, DIR_IMAGES, i->name.s,
                 rows[k].file);
        if (rows[k].there && add_file(s, rows[k].part, path, true, e) < 0)
            return -1;
    }
    return 0;
}

static int add_identities(struct bundle_stream *s, struct core *c, struct err *e)
{
    const struct spec *spec = &s->bundle.instance.spec;
    json_t *j;

    s->bundle.identities = json_object();
    for (int i = 0; i < spec->n_identities; i++) {
        if (store_def_get(c->store, DEF_IDENTITY, spec->identities[i].s, &j, e) < 0)
            return -1;
        json_object_set_new(s->bundle.identities, spec->identities[i].s, j);
    }
    return 0;
}

static int add_keys(struct bundle *b, struct core *c, const struct guest *g, struct err *e)
{
    auto_free struct guest_keys *k = calloc(1, sizeof *k);

    if (!k)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (store_keys_get(c->store, g->id, k, e) < 0)
        return e->kind == ERR_NOT_FOUND ? 0 : -1;
    if (strcmp(k->iid, g->iid) != 0)
        return 0;
    memcpy(b->has, k->has, sizeof b->has);
    memcpy(b->keys, k->keys, sizeof b->keys);
    return 0;
}

/* What a bundle has no place for. */
static int check_disks(const struct instance *i, struct err *e)
{
    struct drive root;

    spec_root(&i->spec, &root);
    if (i->spec.n_drives)
        return err_set(
            e, ERR_CONFLICT,
            "%s has other disks (%s%s), and a bundle holds the first one alone: take them "
            "from it, and copy their files by hand",
            i->name.s, i->spec.drives[0].serial, i->spec.n_drives > 1 ? ", …" : "");
    if (root.file[0])
        return err_set(e, ERR_CONFLICT, "the disk of %s is %s, used where it lies: copy it by hand",
                       i->name.s, root.file);
    return 0;
}

static int describe(struct bundle_stream *s, struct core *c, const struct guest *g, struct err *e)
{
    struct bundle *b = &s->bundle;
    const struct network *n = core_network(c, g->network.s);
    char made[25];

    snprintf(b->version, sizeof b->version, "%s", ROOST_VERSION);
    snprintf(b->made, sizeof b->made, "%s", clock_rfc3339(loop_now(c->loop).real_ms, made));
    gethostname(b->host, sizeof b->host - 1);
    if (store_instance_get(c->store, g->id, &b->instance, e) < 0 ||
        check_disks(&b->instance, e) < 0)
        return -1;
    b->ever_home = g->standing.ever_home;
    b->sealed = g->sealed;
    b->boots = g->boots;
    disk_on_record(c, g->id, &b->disk_size);
    if (core_token_known(c, TOKEN_SEED, g, &b->tokens[TOKEN_SEED]) < 0 ||
        core_token_known(c, TOKEN_POST, g, &b->tokens[TOKEN_POST]) < 0)
        return err_set(e, ERR_INTERNAL, "no tokens");
    if (n)
        core_base_url(c, n, b->base_url);
    if (core_image(c, b->instance.spec.image.s, &b->image, e) < 0)
        return -1;
    return add_keys(b, c, g, e) < 0 ? -1 : add_identities(s, c, e);
}

/* Held by whoever runs it: roost's QEMU or its vm.sh. */
static int take_lock(struct bundle_stream *s, const char *dir, const char *name, struct err *e)
{
    char path[PATH_SIZE + 160];

    snprintf(path, sizeof path, "%s/%s", dir, FILE_LOCK_QEMU);
    s->lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (s->lock < 0)
        return errno == ENOENT ? 0 : err_sys(e, "%s", path);
    if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK
               ? err_set(e, ERR_CONFLICT, "%s runs: stop it first (roost instance stop %s)", name,
                         name)
               : err_sys(e, "%s", path);
}

/* --- the stream --- */

static int put_member(struct bundle_stream *s, const char *name, const char *data, size_t len,
                      struct err *e)
{
    struct tar_member m = { .size = len, .mtime_s = s->now_s };
    static const char zeros[TAR_BLOCK];
    uint8_t header[TAR_BLOCK], sum[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];

    snprintf(m.name, sizeof m.name, "%s", name);
    if (tar_header(&m, header, e) < 0)
        return -1;
    buf_put(&s->bytes, header, sizeof header);
    buf_put(&s->bytes, data, len);
    buf_put(&s->bytes, zeros, tar_padding(len));
    sha256(data, len, sum);
    hex_encode(sum, sizeof sum, hex);
    buf_printf(&s->sums, "%s  %s\n", hex, name);
    return buf_check(&s->bytes, e);
}

static int put_manifest(struct bundle_stream *s, struct err *e)
{
    json_t *j = bundle_to_json(&s->bundle);
    auto_free char *text = j ? json_dumps(j, JSON_INDENT(1)) : NULL;

    json_decref(j);
    if (!text || strlen(text) > BUNDLE_MANIFEST_MAX)
        return err_set(e, text ? ERR_TOO_BIG : ERR_INTERNAL, "its description is too large");
    return put_member(s, BUNDLE_MANIFEST, text, strlen(text), e);
}

static int put_sums(struct bundle_stream *s, struct err *e)
{
    static const char zeros[2 * TAR_BLOCK];
    auto_free char *text = strdup(buf_str(&s->sums));

    if (!text || put_member(s, BUNDLE_SUMS, text, strlen(text), e) < 0)
        return -1;
    buf_put(&s->bytes, zeros, sizeof zeros);
    s->ended = true;
    return 0;
}

static int begin_part(struct bundle_stream *s, struct err *e)
{
    struct tar_member m = { .size = bundle_file_stored(&s->bundle.files[s->part]),
                            .mtime_s = s->now_s };
    uint8_t header[TAR_BLOCK];

    snprintf(m.name, sizeof m.name, "%s", bundle_part_name((enum bundle_part)s->part));
    if (tar_header(&m, header, e) < 0)
        return -1;
    buf_put(&s->bytes, header, sizeof header);
    s->extent = 0;
    s->at = 0;
    return (s->sum = sha256_new()) ? 0 : err_set(e, ERR_INTERNAL, "out of memory");
}

static void end_part(struct bundle_stream *s)
{
    static const char zeros[TAR_BLOCK];
    uint8_t sum[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];

    sha256_final(s->sum, sum);
    s->sum = NULL;
    hex_encode(sum, sizeof sum, hex);
    buf_printf(&s->sums, "%s  %s\n", hex, bundle_part_name((enum bundle_part)s->part));
    buf_put(&s->bytes, zeros, tar_padding(bundle_file_stored(&s->bundle.files[s->part])));
}

/* All that was to be sent is: the next part, or what ends it all. */
static int go_on(struct bundle_stream *s, struct err *e)
{
    buf_clear(&s->bytes);
    s->sent = 0;
    if (s->sum)
        end_part(s);
    do
        s->part++;
    while (s->part < BUNDLE_PARTS && !s->bundle.files[s->part].there);
    return s->part < BUNDLE_PARTS ? begin_part(s, e) : put_sums(s, e);
}

/* 0: the part is through. */
static ssize_t read_file(struct bundle_stream *s, char *out, size_t max)
{
    const struct bundle_file *f = &s->bundle.files[s->part];
    const struct bundle_extent *x;
    ssize_t n;

    while (s->extent < f->n_map && s->at == f->map[s->extent].len) {
        s->extent++;
        s->at = 0;
    }
    if (s->extent == f->n_map)
        return 0;
    x = &f->map[s->extent];
    n = pread(s->fds[s->part], out, max < x->len - s->at ? max : (size_t)(x->len - s->at),
              (off_t)(x->at + s->at));
    if (n <= 0)
        return -1;
    sha256_update(s->sum, out, (size_t)n);
    s->at += (uint64_t)n;
    return n;
}

ssize_t bundle_stream_read(struct bundle_stream *s, char *out, size_t max)
{
    struct err e;

    for (;;) {
        size_t left = s->bytes.len - s->sent;
        ssize_t n;
        if (left) {
            left = left < max ? left : max;
            memcpy(out, s->bytes.data + s->sent, left);
            s->sent += left;
            return (ssize_t)left;
        }
        if (s->ended)
            return 0;
        if (s->sum && (n = read_file(s, out, max)) != 0)
            return n;
        if (go_on(s, &e) < 0)
            return -1;
    }
}

static int prepare(struct bundle_stream *s, struct core *c, const struct guest *g, bool image,
                   struct err *e)
{
    char dir[PATH_SIZE + 128], path[PATH_SIZE + 192];

    snprintf(dir, sizeof dir, "%s/%s/%s", c->config.state, DIR_INSTANCES, g->name.s);
    if (take_lock(s, dir, g->name.s, e) < 0 || describe(s, c, g, e) < 0)
        return -1;
    snprintf(path, sizeof path, "%s/%s", dir, FILE_DISK);
    if (s->bundle.image.format != DISK_NONE && add_file(s, BUNDLE_DISK, path, false, e) < 0)
        return -1;
    if (s->bundle.image.format != DISK_NONE && !s->bundle.files[BUNDLE_DISK].there)
        return err_set(e, ERR_CONFLICT,
                       "%s has no disk yet: there is nothing to move; define it on the other host",
                       g->name.s);
    snprintf(path, sizeof path, "%s/%s", dir, FILE_VARS);
    if (add_file(s, BUNDLE_VARS, path, false, e) < 0 || (image && add_image(s, c, e) < 0))
        return -1;
    return put_manifest(s, e);
}

static int movable(struct core *c, const struct guest *g, struct err *e)
{
    if (g->launcher != LAUNCHER_ROOST)
        return err_set(e, ERR_CONFLICT,
                       "%s was not launched by roost (launcher: external): its disk is elsewhere",
                       g->name.s);
    if (machine_find(c, g->id) || phase_is_running(g->standing.phase))
        return err_set(e, ERR_CONFLICT, "%s runs: stop it first (roost instance stop %s)",
                       g->name.s, g->name.s);
    if (disk_is_old(c, g))
        return err_set(e, ERR_CONFLICT,
                       "%s was rebuilt and not started since: there is nothing to move; define it "
                       "on the other host",
                       g->name.s);
    return 0;
}

struct bundle_stream *core_bundle(struct core *c, const char *name, bool image, struct err *e)
{
    struct bundle_stream *s = calloc(1, sizeof *s);
    struct guest g;

    if (!s) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    for (int p = 0; p < BUNDLE_PARTS; p++)
        s->fds[p] = -1;
    s->lock = s->part = -1;
    s->now_s = loop_now(c->loop).real_ms / 1000;
    if (core_guest(c, name, &g, e) == 0 && movable(c, &g, e) == 0 &&
        prepare(s, c, &g, image, e) == 0) {
        log_of(LOG_INFO_, name, "a bundle of it is being made");
        return s;
    }
    bundle_stream_free(s);
    return NULL;
}
