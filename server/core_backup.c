/* Backups of a running roost, and checks of its whole store, beside the loop (core_aside.h). */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "model/backup.h"
#include "server/core_aside.h"

#define READ_SIZE     (256u << 10)
#define RESTORED_MAX  1024
#define SEQUENCE_LEAP 1000000 /* events that may have come after the backup was made */

/* One job: a backup or a check. */
struct keeping {
    struct aside_job job;
    struct core *c;
    struct store *reader; /* these two are of the thread that works */
    const atomic_bool *stop;
    int (*work)(struct keeping *k, struct err *e);
    struct archive *archive;
    struct backup backup;
    struct buf config;
    uint64_t bytes, instances;
    core_archive_fn *archived;
    core_op_fn *checked;
    void *arg;
};

void archive_done(struct archive *a)
{
    if (!a)
        return;
    buf_done(&a->head);
    buf_done(&a->tail);
    if (a->fd >= 0)
        close(a->fd);
    free(a);
}

/* ---- in the thread: a backup ---- */

static struct backup_file *add_file(struct backup *b, const char *name, uint64_t size)
{
    struct backup_file *f = &b->files[b->n_files++];

    snprintf(f->name, sizeof f->name, "%s", name);
    f->size = size;
    return f;
}

static int hash_file(struct keeping *k, int fd, struct backup_file *f, struct err *e)
{
    auto_free char *part = malloc(READ_SIZE);
    struct sha256_stream *sum = sha256_new();
    uint64_t at = 0;
    ssize_t n = part && sum ? 1 : -1;

    while (n > 0 && !*k->stop && (n = pread(fd, part, READ_SIZE, (off_t)at)) > 0) {
        sha256_update(sum, part, (size_t)n);
        at += (uint64_t)n;
    }
    if (sum)
        sha256_final(sum, f->sha256);
    if (n < 0)
        return err_sys(e, "the copy of the store cannot be read");
    if (*k->stop || at != f->size)
        return err_set(e, ERR_BUSY, "roost is stopping");
    return 0;
}

/* A member whose bytes are in memory. */
static int put_member(struct buf *out, const char *name, const void *data, size_t len, int64_t now,
                      struct err *e)
{
    struct tar_member m = { .size = len, .mtime_s = now };
    static const char zeros[TAR_BLOCK];
    uint8_t header[TAR_BLOCK];

    snprintf(m.name, sizeof m.name, "%s", name);
    if (tar_header(&m, header, e) < 0)
        return -1;
    buf_put(out, header, sizeof header);
    buf_put(out, data, len);
    buf_put(out, zeros, tar_padding(len));
    return 0;
}

/* The small files of the state directory; the secret key among them. */
static int put_small(struct keeping *k, int dir, struct buf *members, int64_t now, struct err *e)
{
    int n;
    const struct backup_kind *kinds = backup_kinds(&n);

    for (int i = 0; i < n; i++) {
        auto_buf struct buf text = BUF_INIT;
        struct err why = { .kind = ERR_NONE };
        if (!strcmp(kinds[i].name, FILE_STORE))
            continue;
        if (!strcmp(kinds[i].name, FILE_CONFIG))
            buf_put(&text, buf_str(&k->config), k->config.len);
        else if (file_read(dir, kinds[i].name, kinds[i].max, &text, &why) < 0) {
            if (why.kind == ERR_NOT_FOUND && !kinds[i].needed)
                continue;
            return err_set(e, why.kind, "%s", why.text);
        }
        struct backup_file *f = add_file(&k->backup, kinds[i].name, text.len);
        sha256(buf_str(&text), text.len, f->sha256);
        if (put_member(members, f->name, buf_str(&text), text.len, now, e) < 0)
            return -1;
        explicit_bzero(text.data, text.len);
    }
    return 0;
}

/* The manifest first, so that whoever reads knows at once what follows; the store last. */
static int put_head(struct keeping *k, const struct buf *members, int64_t now, struct err *e)
{
    struct archive *a = k->archive;
    struct tar_member store = { .name = FILE_STORE, .size = a->size, .mtime_s = now };
    static const char zeros[2 * TAR_BLOCK];
    json_t *tree = backup_json(&k->backup);
    auto_free char *text = tree ? json_dumps(tree, JSON_INDENT(2)) : NULL;
    uint8_t header[TAR_BLOCK];

    json_decref(tree);
    if (!text)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (put_member(&a->head, BACKUP_MANIFEST, text, strlen(text), now, e) < 0 ||
        tar_header(&store, header, e) < 0)
        return -1;
    buf_put(&a->head, buf_str(members), members->len);
    buf_put(&a->head, header, sizeof header);
    buf_put(&a->tail, zeros, tar_padding(a->size) + sizeof zeros);
    return buf_check(&a->head, e) < 0 ? -1 : buf_check(&a->tail, e);
}

/* The copy loses its name at once: it goes with whoever sends it. */
static int copy_store(struct keeping *k, struct err *e)
{
    const struct core *c = k->c;
    struct archive *a = k->archive;
    char path[PATH_SIZE + 32];
    struct stat st;

    snprintf(path, sizeof path, "%s/" FILE_BACKUP, c->config.state);
    if (store_copy(k->reader, path, k->stop, e) < 0)
        return -1;
    a->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (a->fd < 0 || fstat(a->fd, &st) < 0 || unlink(path) < 0)
        return err_sys(e, "%s", path);
    a->size = (uint64_t)st.st_size;
    return hash_file(k, a->fd, add_file(&k->backup, FILE_STORE, a->size), e);
}

static int make_backup(struct keeping *k, struct err *e)
{
    auto_close int dir = open(k->c->config.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_buf struct buf members = BUF_INIT;
    struct instant now = clock_now();
    char made[25];

    if (dir < 0)
        return err_sys(e, "state directory");
    snprintf(k->backup.made, sizeof k->backup.made, "%s", clock_rfc3339(now.real_ms, made));
    if (put_small(k, dir, &members, now.real_ms / 1000, e) < 0 || copy_store(k, e) < 0 ||
        put_head(k, &members, now.real_ms / 1000, e) < 0)
        return err_wrap(e, "backup");
    explicit_bzero(members.data, members.len);
    return 0;
}

static int check_store(struct keeping *k, struct err *e)
{
    return store_verify(k->reader, k->stop, &k->bytes, e);
}

static int work(struct aside_job *j, struct store *reader, const atomic_bool *stop, struct err *e)
{
    struct keeping *k = (struct keeping *)j;

    k->reader = reader;
    k->stop = stop;
    return k->work(k, e);
}

/* ---- in the loop ---- */

static void keeping_free(struct keeping *k)
{
    archive_done(k->archive);
    buf_done(&k->config);
    free(k);
}

static void end(struct aside_job *j, const struct err *err)
{
    struct keeping *k = (struct keeping *)j;
    json_t *told = NULL;

    if (err && !k->c->ending)
        log_error("%s", err->text);
    if (k->archived) {
        k->archived(err ? NULL : steal_ptr(k->archive), err, k->arg);
    } else {
        told = json_pack("{s:I, s:I}", "bytes", (json_int_t)k->bytes, "instances",
                         (json_int_t)k->instances);
        k->checked(err ? NULL : told, err, k->arg);
        json_decref(told);
    }
    keeping_free(k);
}

static int keeping_new(struct core *c, struct keeping **ret, struct err *e)
{
    struct aside *by = aside_open(c, &c->keeper, e);
    uint64_t n[PHASES], overdue;
    struct keeping *k;

    if (!by)
        return -1;
    if (aside_busy(by))
        return err_set(e, ERR_BUSY, "a backup or a check of the store is under way already");
    if (!(k = calloc(1, sizeof *k)) || !(k->archive = calloc(1, sizeof *k->archive))) {
        free(k);
        return err_set(e, ERR_INTERNAL, "out of memory");
    }
    k->job = (struct aside_job){ .work = work, .done = end };
    k->c = c;
    k->archive->fd = -1;
    if (store_counts(c->store, n, &overdue, NULL) == 0)
        for (int p = 0; p < PHASES; p++)
            k->instances += n[p];
    *ret = k;
    return 0;
}

static int post(struct core *c, struct keeping *k, struct err *e)
{
    if (aside_post(c->keeper, &k->job, e) == 0)
        return 0;
    keeping_free(k);
    return -1;
}

void core_backup(struct core *c, core_archive_fn *done, void *arg)
{
    struct keeping *k;
    struct err e;

    if (keeping_new(c, &k, &e) == 0) {
        k->work = make_backup;
        k->archived = done;
        k->arg = arg;
        snprintf(k->backup.version, sizeof k->backup.version, "%s", ROOST_VERSION);
        snprintf(k->backup.state, sizeof k->backup.state, "%s", c->config.state);
        gethostname(k->backup.host, sizeof k->backup.host - 1);
        k->backup.schema = STORE_SCHEMA;
        k->backup.instances = k->instances;
        buf_puts(&k->config, "; The configuration that this backup was made under; restore does not "
                             "use it.\n");
        config_print_said(&c->config, &k->config);
        if (post(c, k, &e) == 0)
            return;
    }
    done(NULL, &e, arg);
}

void core_store_check(struct core *c, core_op_fn *done, void *arg)
{
    struct keeping *k;
    struct err e;

    if (keeping_new(c, &k, &e) == 0) {
        k->work = check_store;
        k->checked = done;
        k->arg = arg;
        if (post(c, k, &e) == 0)
            return;
    }
    done(NULL, &e, arg);
}

/* ---- at the start ---- */

int core_restore_pending(const struct core *c, struct err *e)
{
    char path[PATH_SIZE + 32];
    struct stat st;

    snprintf(path, sizeof path, "%s/" DIR_RESTORE, c->config.state);
    return lstat(path, &st) < 0 ? 0
                                : err_set(e, ERR_CONFLICT,
                                          "%s: a restore was interrupted; nothing is lost: run "
                                          "roost store restore once more with the same backup",
                                          c->config.state);
}

static void forget_restore(bool committed, void *arg)
{
    struct core *c = arg;
    auto_close int dir = open(c->config.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (committed && dir >= 0)
        unlinkat(dir, FILE_RESTORED, 0);
}

/* The event's number leaps, so that none which came after the backup is given to another event. */
int core_restored(struct core *c, struct err *e)
{
    auto_close int dir = open(c->config.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_buf struct buf text = BUF_INIT;
    struct event ev = { .kind = EV_CHANGED, .actor = "roost" };
    struct err why = { .kind = ERR_NONE };

    if (dir < 0)
        return err_sys(e, "state directory %s", c->config.state);
    unlinkat(dir, FILE_BACKUP, 0);
    if (file_read(dir, FILE_RESTORED, RESTORED_MAX, &text, &why) < 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(e, why.kind, "%s", why.text);
    ev.real_ms = clock_now().real_ms;
    ev.seq = store_last_event(c->store) + SEQUENCE_LEAP;
    event_detail(&ev, "%s", buf_str(&text));
    if (core_write(c, true, e) < 0 || store_event_add_at(c->store, &ev, e) < 0 ||
        wire_mark_all(c, e) < 0)
        return -1;
    log_warn("%s", ev.detail);
    return core_after(c, forget_restore, c, e);
}
