/* Guests that come from another host. A child without rights reads the bundle into a directory of
 * no name; then what it needs here is looked for, and in one step the files get their places and
 * the record is written. What a crash leaves in between is known by META_MOVING and goes at the
 * start. */
#include "server/core_bring.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/spawn.h"
#include "model/identity.h"
#include "server/core_machine.h"
#include "server/core_network.h"
#include "server/core_task.h"
#include "server/unbundle.h"

#define PROGRAM           "roost-unbundle"
#define MEMORY_MAX        (1ull << 30)
#define QEMU_IMG_MEMORY   (2ull << 30)
#define QEMU_IMG_LIMIT_MS 60000
#define META_MOVING       "moving" /* "STAGE NAME IMAGE", the last two "-" until they are known */
#define STAGE             ".move"

struct moving {
    struct core *c;
    struct task *task;
    struct actor who;
    char file[PATH_SIZE];
    struct name as, network; /* "" as the bundle says */
    int from, say, parts[BUNDLE_PARTS];
    struct child *child;
    struct loop_fd *watch;
    struct buf line;
    bool failed, cancelled, whole;
    struct err err;
    struct bundle bundle;
    struct name image;  /* that it is to stand on here */
    bool brings_image;  /* and that comes with it */
    struct buf remarks; /* for people */
    json_t *result;
    core_op_fn *done; /* of who asked; told as soon as the task is on record */
    void *arg;
};

/* ---- directories ---- */

static int open_dir(const struct core *c, const char *what, struct err *e)
{
    char path[PATH_SIZE + 32];
    int dir;

    snprintf(path, sizeof path, "%s/%s", c->config.state, what);
    if (dir_make_all(path, 0700, e) < 0)
        return -1;
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? err_sys(e, "%s", path) : dir;
}

static void drop(const struct core *c, const char *what, const char *name)
{
    struct err e;
    auto_close int dir = open_dir(c, what, &e);

    if (dir >= 0 && dir_remove(dir, name, &e) == 0)
        return;
    log_warn("%s/%s stays: %s", what, name, e.text);
}

static bool is_instance(struct core *c, const char *name)
{
    struct guest g;

    return store_guest_by_name(c->store, name, &g, NULL) == 0;
}

static bool is_image(struct core *c, const char *name)
{
    json_t *j = NULL;
    bool there = store_def_get(c->store, DEF_IMAGE, name, &j, NULL) == 0;

    json_decref(j);
    return there;
}

int brings_clean(struct core *c, struct err *e)
{
    char text[256], name[NAME_MAX_LEN + 1], image[NAME_MAX_LEN + 1];

    if (store_meta_get(c->store, META_MOVING, text, sizeof text, NULL) < 0)
        return 0;
    if (sscanf(text, "%63s %63s", name, image) == 2) {
        drop(c, DIR_INSTANCES, STAGE);
        if (strcmp(name, "-") != 0 && !is_instance(c, name))
            drop(c, DIR_INSTANCES, name);
        if (strcmp(image, "-") != 0 && !is_image(c, image))
            drop(c, DIR_IMAGES, image);
    }
    return core_write(c, true, e) < 0 ? -1 : store_meta_remove(c->store, META_MOVING, e);
}

static int note_moving(struct moving *m, const char *name, const char *image, struct err *e)
{
    char text[256];

    snprintf(text, sizeof text, "%s %s", name, image);
    return core_write(m->c, true, e) < 0 ? -1 : store_meta_set(m->c->store, META_MOVING, text, e);
}

/* ---- the end ---- */

static void moving_free(struct moving *m)
{
    m->c->moving = NULL;
    if (m->child)
        child_kill(m->child, SIGKILL, NULL);
    child_forget(m->child);
    loop_fd_free(m->watch);
    if (m->say >= 0)
        close(m->say);
    if (m->from >= 0)
        close(m->from);
    for (int p = 0; p < BUNDLE_PARTS; p++)
        if (m->parts[p] >= 0)
            close(m->parts[p]);
    if (m->line.data)
        explicit_bzero(m->line.data, m->line.len);
    buf_done(&m->line);
    buf_done(&m->remarks);
    bundle_done(&m->bundle);
    json_decref(m->result);
    free(m);
}

/* Nothing of it stays. */
static void give_up(struct moving *m, const struct err *why)
{
    struct core *c = m->c;
    struct err e;

    drop(c, DIR_INSTANCES, STAGE);
    if (core_write(c, true, &e) < 0 || store_meta_remove(c->store, META_MOVING, &e) < 0)
        core_fault(c, "import: %s", e.text);
    task_end(m->task, why);
    moving_free(m);
}

void brings_free(struct core *c)
{
    if (!c->moving)
        return;
    task_leave(c->moving->task);
    moving_free(c->moving);
}

/* ---- step 4: it is all there; its place, and its record ---- */

static int place_image(struct moving *m, struct err *e)
{
    static const struct {
        enum bundle_part part;
        const char *file;
    } rows[] = { { BUNDLE_IMAGE_DISK, FILE_IMAGE_DISK },
                 { BUNDLE_IMAGE_KERNEL, FILE_IMAGE_KERNEL },
                 { BUNDLE_IMAGE_INITRD, FILE_IMAGE_INITRD } };
    auto_close int images = open_dir(m->c, DIR_IMAGES, e);
    auto_close int instances = open_dir(m->c, DIR_INSTANCES, e);
    char from[64], to[NAME_MAX_LEN + 32];

    if (images < 0 || instances < 0 || dir_remove(images, m->image.s, e) < 0)
        return -1;
    if (mkdirat(images, m->image.s, 0755) < 0)
        return err_sys(e, "image %s", m->image.s);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        snprintf(from, sizeof from, STAGE "/%s", bundle_part_name(rows[i].part));
        snprintf(to, sizeof to, "%s/%s", m->image.s, rows[i].file);
        if (m->bundle.files[rows[i].part].there &&
            (fchmod(m->parts[rows[i].part], 0444) < 0 || renameat(instances, from, images, to) < 0))
            return err_sys(e, "image %s", m->image.s);
    }
    auto_close int dir = file_open_beneath(images, m->image.s, O_RDONLY | O_DIRECTORY, 0, e);
    return dir < 0 || dir_sync(dir, e) < 0 ? -1 : dir_sync(images, e);
}

static int place_instance(struct moving *m, struct err *e)
{
    const char *name = m->bundle.instance.name.s;
    auto_close int dir = open_dir(m->c, DIR_INSTANCES, e);
    char part[64];

    /* What is not there (a bundle without UEFI variables) was opened all the same. */
    for (int p = 0; dir >= 0 && p < BUNDLE_PARTS; p++) {
        snprintf(part, sizeof part, STAGE "/%s", bundle_part_name((enum bundle_part)p));
        if (p >= BUNDLE_IMAGE_DISK || !m->bundle.files[p].there)
            unlinkat(dir, part, 0);
    }
    if (dir < 0 || dir_remove(dir, name, e) < 0)
        return -1;
    if (renameat(dir, STAGE, dir, name) < 0)
        return err_sys(e, "its directory");
    auto_close int own = file_open_beneath(dir, name, O_RDONLY | O_DIRECTORY, 0, e);
    return own < 0 || dir_sync(own, e) < 0 ? -1 : dir_sync(dir, e);
}

static int record_image(struct moving *m, struct err *e)
{
    json_t *j;
    int r;

    if (!m->brings_image)
        return 0;
    j = image_to_json(&m->bundle.image);
    json_object_set_new(j, "source", json_pack("{s:s}", "file", m->file));
    r = store_def_put(m->c->store, DEF_IMAGE, m->image.s, j, e);
    json_decref(j);
    return r;
}

static int record_identities(struct moving *m, struct err *e)
{
    const char *name;
    json_t *v;

    json_object_foreach(m->bundle.identities, name, v)
    {
        json_t *here = NULL;
        if (store_def_get(m->c->store, DEF_IDENTITY, name, &here, NULL) < 0) {
            if (account_name_free(m->c, name, e) < 0 ||
                store_def_put(m->c->store, DEF_IDENTITY, name, v, e) < 0)
                return -1;
        } else if (!json_equal(here, v)) {
            buf_printf(&m->remarks, "; identity %s is another one here, which a rebuild would use",
                       name);
        }
        json_decref(here);
    }
    return 0;
}

static int record_keys(struct moving *m, struct guest *g, struct err *e)
{
    const struct bundle *b = &m->bundle;
    auto_free struct guest_keys *k = calloc(1, sizeof *k);

    if (!k)
        return err_set(e, ERR_INTERNAL, "out of memory");
    snprintf(k->iid, sizeof k->iid, "%s", g->iid);
    memcpy(k->has, b->has, sizeof k->has);
    memcpy(k->keys, b->keys, sizeof k->keys);
    g->standing.ever_home = b->ever_home;
    g->sealed = b->sealed;
    g->boots = b->boots;
    return b->ever_home ? store_keys_put(m->c->store, g->id, k, e) : 0;
}

static int record_guest(struct moving *m, struct guest *g, struct err *e)
{
    const struct bundle *b = &m->bundle;
    struct core *c = m->c;
    struct instance i = b->instance;

    if (store_instance_insert(c->store, &i, e) < 0 ||
        network_reserve(c, &i, i.spec.network.s, e) < 0 || core_nics_put(c, &i, e) < 0 ||
        store_guest_by_id(c->store, i.id, g, e) < 0 ||
        store_moved_put(c->store, g->id, g->iid, b->tokens, e) < 0 ||
        disk_brought(c, g->id, b->disk_size, g->generation, e) < 0 || record_keys(m, g, e) < 0)
        return -1;
    g->standing.phase = PHASE_STOPPED;
    if (core_event(c, g, EV_DEFINED, m->who.text, e, "%s, brought from %s by %s%s", g->iid, b->host,
                   m->file, buf_str(&m->remarks)) < 0)
        return -1;
    g->standing.phase = PHASE_STOPPED;
    return core_guest_save(c, g, e) < 0 ? -1 : core_render(c, g->id, e);
}

static int record(struct moving *m, struct err *e)
{
    struct core *c = m->c;
    struct guest g;

    if (core_write(c, true, e) < 0 || store_savepoint(c->store, e) < 0)
        return -1;
    if (record_image(m, e) < 0 || record_identities(m, e) < 0 || record_guest(m, &g, e) < 0 ||
        wire_mark_all(c, e) < 0 || store_meta_remove(c->store, META_MOVING, e) < 0) {
        store_rollback_to(c->store);
        return -1;
    }
    store_release(c->store);
    return 0;
}

static void take_back(struct moving *m, const struct err *why)
{
    if (!is_instance(m->c, m->bundle.instance.name.s))
        drop(m->c, DIR_INSTANCES, m->bundle.instance.name.s);
    if (m->brings_image && !is_image(m->c, m->image.s))
        drop(m->c, DIR_IMAGES, m->image.s);
    give_up(m, why);
}

static void recorded(bool committed, void *arg)
{
    struct moving *m = arg;
    struct err e = { .kind = ERR_IO,
                     .text = "the store could not be written; nothing was brought" };

    if (m->c->ending)
        return; /* brings_free() */
    if (!committed) {
        take_back(m, &e);
        return;
    }
    log_of(LOG_INFO_, m->bundle.instance.name.s, "brought from %s", m->bundle.host);
    task_end(m->task, NULL);
    moving_free(m);
}

static int check_here(struct moving *m, struct err *e);

static void settle(bool committed, void *arg)
{
    struct moving *m = arg;
    struct err e = { .kind = ERR_IO,
                     .text = "the store could not be written; nothing was brought" };

    if (m->c->ending)
        return; /* brings_free(), and the next core cleans */
    if (m->cancelled)
        err_set(&e, ERR_BUSY, "it was cancelled");
    if (!committed || m->cancelled || check_here(m, &e) < 0)
        give_up(m, &e);
    else if ((m->brings_image && place_image(m, &e) < 0) || place_instance(m, &e) < 0 ||
             record(m, &e) < 0 || core_after(m->c, recorded, m, &e) < 0)
        take_back(m, &e);
}

/* ---- step 3: what is it to stand on here, and is there room for it? ---- */

static bool same_image(const struct image *a, const struct image *b)
{
    return strcmp(a->sha256, b->sha256) == 0 && a->format == b->format &&
           a->has_kernel == b->has_kernel && a->has_initrd == b->has_initrd &&
           strcmp(a->cmdline, b->cmdline) == 0;
}

struct search {
    const struct image *wanted;
    struct name *ret;
};

static int look_at_image(const char *name, const json_t *j, void *arg)
{
    struct search *s = arg;
    struct image i;

    /* Without a disk nothing tells two apart but their names. */
    if (image_from_record(name, j, &i, NULL) < 0 || !same_image(&i, s->wanted) ||
        (!i.sha256[0] && strcmp(i.name.s, s->wanted->name.s) != 0))
        return 0;
    *s->ret = i.name;
    return 1;
}

/* One that is the same, whatever it is called here; else the one that comes with it, under its own
 * name or, where that is another image's, with eight digits of its checksum behind. */
static int find_image(struct moving *m, struct err *e)
{
    struct image *i = &m->bundle.image;
    struct search s = { i, &m->image };
    bool comes =
        m->bundle.files[BUNDLE_IMAGE_DISK].there || m->bundle.files[BUNDLE_IMAGE_KERNEL].there;
    int n = store_defs(m->c->store, DEF_IMAGE, look_at_image, &s, e);

    m->brings_image = n == 0;
    if (n < 0)
        return -1;
    if (n == 0 && !comes)
        return err_set(e, ERR_CONFLICT,
                       "its image %s (sha256:%.16s…) is neither here nor in the bundle: make it "
                       "here first, or export it without --no-image",
                       i->name.s, i->sha256);
    if (n == 0) {
        m->image = i->name;
        if (is_image(m->c, i->name.s))
            snprintf(m->image.s, sizeof m->image.s, "%.54s-%.8s", i->name.s,
                     i->sha256[0] ? i->sha256 : "moved");
        if (is_image(m->c, m->image.s))
            return err_set(e, ERR_CONFLICT, "its image %s is another one here", i->name.s);
        i->name = m->image;
    }
    if (strcmp(m->image.s, m->bundle.instance.spec.image.s) != 0)
        buf_printf(&m->remarks, "; its image is %s here", m->image.s);
    m->bundle.instance.spec.image = m->image;
    return 0;
}

static int find_network(struct moving *m, struct err *e)
{
    struct spec *s = &m->bundle.instance.spec;
    const struct network *n;
    char url[BASE_URL_MAX + 1];

    if (m->network.s[0] && strcmp(m->network.s, s->network.s) != 0) {
        s->network = m->network;
        s->address = (struct ip){ .family = 0 };
    }
    if (!(n = core_network(m->c, s->network.s)))
        return err_set(e, ERR_CONFLICT,
                       "its network %s is not defined here: define it, or say another (--network)",
                       s->network.s);
    core_base_url(m->c, n, url);
    if (strcmp(url, m->bundle.base_url) != 0)
        buf_printf(&m->remarks,
                   "; it looks for roost at %.200s, which is %.200s here: it will not come home "
                   "by itself unless that leads here",
                   m->bundle.base_url, url);
    return 0;
}

static int is_same_iid(const struct guest *g, void *arg)
{
    const struct bundle *b = arg;

    return strcmp(g->iid, b->instance.iid) == 0;
}

/* What the insertion looks at too, before anything is moved; and what it does not. */
static int check_here(struct moving *m, struct err *e)
{
    const struct instance *i = &m->bundle.instance;
    struct guest g;
    int n;

    if (move_not_pending(m->c, i->name.s, e) < 0)
        return -1;
    if (store_guest_by_name(m->c->store, i->name.s, &g, NULL) == 0)
        return err_set(e, ERR_CONFLICT,
                       "an instance %s is here already; --as gives the one that comes another name",
                       i->name.s);
    if (store_guest_by_tag(m->c->store, i->tag.s, &g, NULL) == 0)
        return err_set(e, ERR_CONFLICT, "the tag %s is taken by instance %s", i->tag.s, g.name.s);
    if (store_guest_by_uuid(m->c->store, &i->uuid, &g, NULL) == 1)
        return err_set(e, ERR_CONFLICT, "the uuid %s is taken by instance %s", i->uuid.s, g.name.s);
    if (store_guest_by_mac(m->c->store, &i->mac, &g, NULL) == 1) {
        char mac[MAC_TEXT];
        return err_set(e, ERR_CONFLICT, "the MAC address %s is taken by instance %s",
                       mac_format(&i->mac, mac), g.name.s);
    }
    n = store_guests(m->c->store, is_same_iid, &m->bundle, e);
    if (n > 0)
        return err_set(e, ERR_CONFLICT, "the instance-id %s is that of another instance here",
                       i->iid);
    return n < 0 ? -1 : 0;
}

static void on_its_base(const struct spawn_exit *x, void *arg)
{
    struct moving *m = arg;
    char status[64];
    struct err e;

    m->child = NULL;
    if (m->cancelled)
        err_set(&e, ERR_BUSY, "it was cancelled");
    else if (x->status != 0 || x->timed_out)
        err_set(&e, ERR_INVALID, "qemu-img does not take its disk: %s: %.300s",
                child_status_text(x->status, x->timed_out, status), buf_str(x->err));
    else if (note_moving(m, m->bundle.instance.name.s, m->brings_image ? m->image.s : "-", &e) ==
                 0 &&
             core_after(m->c, settle, m, &e) == 0)
        return;
    give_up(m, &e);
}

/* The overlay gets this host's name of its base, for vm.sh and people; "-u" opens neither. */
static int put_on_base(struct moving *m, struct err *e)
{
    struct spawn_opts o = SPAWN_OPTS_INIT;
    auto_argv struct argv a = ARGV_INIT;
    const struct core *c = m->c;

    argv_add(&a, c->config.qemu_img[0] ? c->config.qemu_img : "qemu-img");
    if (m->bundle.image.format == DISK_NONE) {
        argv_add(&a, "--version");
    } else {
        static const char *const words[] = { "rebase", "-u", "-f", "qcow2", "-F" };
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
            argv_add(&a, words[i]);
        argv_add(&a, disk_format_name(m->bundle.image.format));
        argv_add(&a, "-b");
        argv_addf(&a, "../../" DIR_IMAGES "/%s/" FILE_IMAGE_DISK, m->image.s);
        argv_addf(&a, "%s/" DIR_INSTANCES "/" STAGE "/%s", c->config.state,
                  bundle_part_name(BUNDLE_DISK));
    }
    o.capture = true;
    o.limit_ms = QEMU_IMG_LIMIT_MS;
    o.max_memory = QEMU_IMG_MEMORY;
    m->child = child_spawn(c->loop, &a, &o, on_its_base, m, e);
    if (m->child)
        return 0;
    return e->kind == ERR_NOT_FOUND
               ? err_set(e, ERR_NOT_FOUND, "qemu-img is missing: apt install qemu-utils")
               : -1;
}

static void settle_in(struct moving *m)
{
    struct err e;

    task_progress(m->task, "checking", 0, 0);
    if (m->as.s[0])
        m->bundle.instance.name = m->as;
    if (check_here(m, &e) < 0 || find_network(m, &e) < 0 || find_image(m, &e) < 0 ||
        put_on_base(m, &e) < 0)
        give_up(m, &e);
}

/* ---- step 2: what the child tells; it reads strangers' bytes, so each word is checked ---- */

static int on_progress(struct moving *m, char *value)
{
    char *total = strchr(value, ' ');
    uint64_t bytes, all;

    if (!total)
        return -1;
    *total++ = '\0';
    if (parse_u64(value, 0, INT64_MAX, &bytes, NULL) < 0 ||
        parse_u64(total, 0, INT64_MAX, &all, NULL) < 0)
        return -1;
    task_progress(m->task, "reading", bytes, all);
    return 0;
}

static int on_error(struct moving *m, char *value)
{
    char *text = strchr(value, ' ');
    int kind;

    if (!text)
        return -1;
    *text++ = '\0';
    kind = err_kind_from_name(value);
    err_set(&m->err, kind > 0 ? (enum err_kind)kind : ERR_INTERNAL, "%s", text);
    m->failed = true;
    return 0;
}

static int on_bundle(struct moving *m, char *value)
{
    json_t *j = json_loads(value, JSON_REJECT_DUPLICATES, NULL);

    m->whole = j && !m->whole && bundle_from_json(j, &m->bundle, &m->err) == 0;
    json_decref(j);
    return m->whole ? 0 : -1;
}

static int take_line(struct moving *m, char *line)
{
    static const struct {
        const char *word;
        int (*take)(struct moving *m, char *value);
    } rows[] = { { "progress", on_progress }, { "error", on_error }, { "bundle", on_bundle } };
    char *value = strchr(line, ' ');

    if (!value || !utf8_valid(line, strlen(line)))
        return -1;
    *value++ = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcmp(rows[i].word, line) == 0)
            return rows[i].take(m, value);
    return -1;
}

static void take_lines(struct moving *m)
{
    char *nl;
    bool bad = m->line.failed;

    while (!bad && m->line.len && (nl = memchr(m->line.data, '\n', m->line.len))) {
        *nl = '\0';
        bad = strlen(m->line.data) != (size_t)(nl - m->line.data) || take_line(m, m->line.data) < 0;
        if (!bad)
            buf_consume(&m->line, (size_t)(nl + 1 - m->line.data));
    }
    if (!bad)
        return;
    err_set(&m->err, ERR_INTERNAL, PROGRAM " told what it may not tell");
    m->failed = true;
    child_kill(m->child, SIGKILL, NULL);
}

/* 1: there may be more; 0: not now; -1: never. */
static int take_some(struct moving *m)
{
    char chunk[65536];
    ssize_t n = read(m->say, chunk, sizeof chunk);

    if (n < 0)
        return errno == EINTR ? 1 : errno == EAGAIN ? 0 : -1;
    if (n == 0)
        return -1;
    if (!m->failed) {
        buf_put(&m->line, chunk, (size_t)n);
        take_lines(m);
    }
    return 1;
}

static void readable(int fd, int what, void *arg)
{
    struct moving *m = arg;

    (void)fd, (void)what;
    if (take_some(m) < 0)
        loop_fd_want(m->watch, 0);
}

static void unbundled(const struct spawn_exit *x, void *arg)
{
    struct moving *m = arg;
    char status[64];

    m->child = NULL;
    while (take_some(m) > 0)
        ;
    if (m->cancelled)
        err_set(&m->err, ERR_BUSY, "it was cancelled");
    else if (!m->failed && (!m->whole || x->status != 0))
        err_set(&m->err, ERR_INTERNAL, PROGRAM ": %s",
                child_status_text(x->status, x->timed_out, status));
    if (m->cancelled || m->failed || !m->whole || x->status != 0)
        give_up(m, &m->err);
    else
        settle_in(m);
}

/* ---- step 1: begin ---- */

static int make_stage(struct moving *m, struct err *e)
{
    auto_close int dir = open_dir(m->c, DIR_INSTANCES, e);
    char path[64];

    if (dir < 0 || dir_remove(dir, STAGE, e) < 0)
        return -1;
    if (mkdirat(dir, STAGE, 0700) < 0)
        return err_sys(e, "%s", DIR_INSTANCES);
    for (int p = 0; p < BUNDLE_PARTS; p++) {
        snprintf(path, sizeof path, STAGE "/%s", bundle_part_name((enum bundle_part)p));
        m->parts[p] = openat(dir, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (m->parts[p] < 0)
            return err_sys(e, "%s", path);
    }
    return 0;
}

static int start(struct moving *m, struct err *e)
{
    const char *self = (const char *)getauxval(AT_EXECFN),
               *slash = self ? strrchr(self, '/') : NULL;
    struct spawn_fd fds[BUNDLE_PARTS + 1];
    struct spawn_opts o = SPAWN_OPTS_INIT;
    auto_argv struct argv a = ARGV_INIT;
    auto_close int theirs = -1;
    int p[2];

    if (pipe2(p, O_CLOEXEC) < 0)
        return err_sys(e, "pipe");
    m->say = p[0];
    theirs = p[1];
    if (fcntl(m->say, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(e, "pipe");
    for (int i = 0; i < BUNDLE_PARTS; i++)
        fds[i] = (struct spawn_fd){ m->parts[i], UNBUNDLE_PART_FD + i };
    fds[BUNDLE_PARTS] = (struct spawn_fd){ theirs, UNBUNDLE_SAY_FD };
    argv_addf(&a, "%.*s" PROGRAM, slash ? (int)(slash + 1 - self) : 0, self ? self : "");
    o.in = m->from;
    o.err = STDERR_FILENO;
    o.fds = fds;
    o.n_fds = BUNDLE_PARTS + 1;
    o.own_session = true;
    o.max_memory = MEMORY_MAX;
    o.max_file_size = BUNDLE_FILE_MAX;
    if (!(m->watch = loop_fd_new(m->c->loop, m->say, LOOP_READ, readable, m, e)))
        return -1;
    m->child = child_spawn(m->c->loop, &a, &o, unbundled, m, e);
    return m->child ? 0 : -1;
}

static void begun(bool committed, void *arg)
{
    struct moving *m = arg;
    struct err e = { .kind = ERR_IO, .text = "the store could not be written; nothing was begun" };

    if (!committed) {
        m->done(NULL, &e, m->arg);
        task_leave(m->task);
        moving_free(m);
        return;
    }
    m->done(m->result, NULL, m->arg);
    task_progress(m->task, "reading", 0, 0);
    if (make_stage(m, &e) < 0 || start(m, &e) < 0)
        give_up(m, &e);
}

static void cancel(struct task *t, void *arg)
{
    struct moving *m = arg;

    (void)t;
    m->cancelled = true;
    if (m->child)
        child_kill(m->child, SIGKILL, NULL);
}

static int open_file(struct moving *m, const char *file, struct err *e)
{
    struct stat st;

    if (file[0] != '/' || strlen(file) >= sizeof m->file)
        return err_set(e, ERR_INVALID, "body: \"file\" is no absolute path");
    snprintf(m->file, sizeof m->file, "%s", file);
    m->from = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (m->from < 0 || fstat(m->from, &st) < 0)
        return err_sys(e, "%s", file);
    return S_ISREG(st.st_mode) ? 0 : err_set(e, ERR_INVALID, "%s is no regular file", file);
}

static int begin(struct moving *m, const struct move_ask *ask, struct err *e)
{
    const char *slash = strrchr(ask->file, '/');
    struct task_new n = { .kind = "import",
                          .object = ask->as ? ask->as
                                    : slash ? slash + 1
                                            : ask->file,
                          .what = ask->file,
                          .who = &m->who,
                          .cancel = cancel,
                          .arg = m };

    if ((ask->as && instance_name_parse(ask->as, &m->as, e) < 0) ||
        (ask->network && name_parse(ask->network, "network name", &m->network, e) < 0) ||
        open_file(m, ask->file, e) < 0)
        return -1;
    if (m->network.s[0] && !core_network(m->c, m->network.s))
        return err_set(e, ERR_NOT_FOUND,
                       "there is no network \"%s\"; roost network list shows them", m->network.s);
    if (note_moving(m, "-", "-", e) < 0 || !(m->task = task_begin(m->c, &n, e)))
        return -1;
    m->result = task_view(m->task);
    if (core_after(m->c, begun, m, e) == 0)
        return 0;
    task_leave(m->task);
    return -1;
}

void core_import(struct core *c, const struct move_ask *ask, const struct actor *who,
                 core_op_fn *done, void *arg)
{
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };
    struct moving *m = c->moving ? NULL : calloc(1, sizeof *m);

    if (c->moving)
        err_set(&e, ERR_BUSY, "a guest is being brought in already; roost task list");
    if (m) {
        *m =
            (struct moving){ .c = c, .who = *who, .from = -1, .say = -1, .done = done, .arg = arg };
        m->line.cap = UNBUNDLE_LINE_MAX;
        for (int p = 0; p < BUNDLE_PARTS; p++)
            m->parts[p] = -1;
        c->moving = m;
        if (begin(m, ask, &e) == 0)
            return;
        moving_free(m);
    }
    done(NULL, &e, arg);
}
