#include "server/core_fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/spawn.h"
#include "server/fetch.h"

#define FETCH_MEMORY   (1ull << 30)
#define FETCH_FILE_MAX (1ull << 40) /* of what is unpacked: more is no image */
#define PROGRAM        "roost-fetch"

struct fetch {
    struct core *c;
    struct child *child;
    int say; /* what it tells */
    struct loop_fd *watch;
    struct buf line;
    char step[24];
    uint64_t bytes, total;
    struct checksum sum;
    bool whole, failed, cancelled;
    struct err err;
    const struct fetch_events *events;
    void *arg;
};

/* ---- what it tells; it reads strangers' bytes, so each word is checked ---- */

static void say_progress(struct fetch *f)
{
    f->events->progress(f->step, f->bytes, f->total, f->arg);
}

static int on_step(struct fetch *f, char *value)
{
    snprintf(f->step, sizeof f->step, "%s", value);
    say_progress(f);
    return 0;
}

static int on_progress(struct fetch *f, char *value)
{
    char *total = strchr(value, ' ');
    uint64_t bytes, all;

    if (!total)
        return -1;
    *total++ = '\0';
    if (parse_u64(value, 0, INT64_MAX, &bytes, NULL) < 0 ||
        parse_u64(total, 0, INT64_MAX, &all, NULL) < 0)
        return -1;
    f->bytes = bytes;
    f->total = all;
    say_progress(f);
    return 0;
}

static int on_validator(struct fetch *f, char *value)
{
    if (strlen(value) >= sizeof((struct fetch_job *)0)->validator)
        return -1;
    f->events->note("validator", value, f->arg);
    return 0;
}

static int on_packed(struct fetch *f, char *value)
{
    static const char *const names[] = { "no", "xz", "gzip", "zstd" };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(names[i], value) == 0) {
            f->events->note("packed", value, f->arg);
            return 0;
        }
    return -1;
}

static int on_checksum(struct fetch *f, char *value)
{
    return checksum_parse(value, &f->sum, NULL);
}

static int on_error(struct fetch *f, char *value)
{
    char *text = strchr(value, ' ');
    int kind;

    if (!text)
        return -1;
    *text++ = '\0';
    kind = err_kind_from_name(value);
    err_set(&f->err, kind > 0 ? (enum err_kind)kind : ERR_INTERNAL, "%s", text);
    f->failed = true;
    return 0;
}

static int on_done(struct fetch *f, char *value)
{
    uint64_t size;

    f->whole = parse_u64(value, 0, INT64_MAX, &size, NULL) == 0;
    return f->whole ? 0 : -1;
}

static int take_line(struct fetch *f, char *line)
{
    static const struct {
        const char *word;
        int (*take)(struct fetch *f, char *value);
    } rows[] = {
        { "step", on_step },     { "progress", on_progress }, { "validator", on_validator },
        { "packed", on_packed }, { "checksum", on_checksum }, { "error", on_error },
        { "done", on_done }
    };
    char *value = strchr(line, ' ');

    if (!value || !utf8_valid(line, strlen(line)))
        return -1;
    *value++ = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcmp(rows[i].word, line) == 0)
            return rows[i].take(f, value);
    return -1;
}

/* A line that is none is a defect, or somebody else's doing: then nothing of it counts. */
static void mistrust(struct fetch *f)
{
    err_set(&f->err, ERR_INTERNAL, PROGRAM " told what it may not tell");
    f->failed = true;
    f->whole = false;
    child_kill(f->child, SIGKILL, NULL);
}

static void take_lines(struct fetch *f)
{
    char *nl;

    while (f->line.len && (nl = memchr(f->line.data, '\n', f->line.len))) {
        *nl = '\0';
        if (strlen(f->line.data) != (size_t)(nl - f->line.data) || take_line(f, f->line.data) < 0) {
            mistrust(f);
            return;
        }
        buf_consume(&f->line, (size_t)(nl + 1 - f->line.data));
    }
    if (f->line.len > FETCH_LINE_MAX)
        mistrust(f);
}

/* 1: there may be more; 0: not now; -1: never. */
static int take_some(struct fetch *f)
{
    char chunk[4096];
    ssize_t n = read(f->say, chunk, sizeof chunk);

    if (n < 0)
        return errno == EINTR ? 1 : errno == EAGAIN ? 0 : -1;
    if (n == 0)
        return -1;
    if (!f->failed) {
        buf_put(&f->line, chunk, (size_t)n);
        take_lines(f);
    }
    return 1;
}

static void readable(int fd, int what, void *arg)
{
    struct fetch *f = arg;

    (void)fd, (void)what;
    if (take_some(f) < 0)
        loop_fd_want(f->watch, 0);
}

static void ended(const struct spawn_exit *x, void *arg)
{
    struct fetch *f = arg;
    char status[64];

    f->child = NULL;
    while (take_some(f) > 0)
        ;
    if (f->cancelled)
        err_set(&f->err, ERR_BUSY, "it was cancelled");
    else if (!f->failed && (!f->whole || x->status != 0))
        err_set(&f->err, ERR_INTERNAL, PROGRAM ": %s",
                child_status_text(x->status, x->timed_out, status));
    bool good = f->whole && !f->failed && !f->cancelled && x->status == 0;
    f->events->done(&f->sum, good ? NULL : &f->err, f->arg);
    fetch_free(f);
}

/* ---- the start ---- */

/* Beside roost-core. */
static void program(char ret[PATH_SIZE])
{
    const char *self = (const char *)getauxval(AT_EXECFN),
               *slash = self ? strrchr(self, '/') : NULL;

    if (slash)
        snprintf(ret, PATH_SIZE, "%.*s/" PROGRAM, (int)(slash - self), self);
    else
        snprintf(ret, PATH_SIZE, PROGRAM);
}

/* The job as a file that has no name; the child reads it as its standard input. */
static int job_file(const struct image_source *src, uint64_t offset, const char *validator,
                    int64_t stall_ms, struct err *e)
{
    auto_close int fd = memfd_create("job", MFD_CLOEXEC);
    auto_buf struct buf b = BUF_INIT;
    char sum[CHECKSUM_TEXT];

    buf_printf(&b, "url %s\nstall %lld\n", src->url, (long long)stall_ms);
    if (src->sums)
        buf_printf(&b, "sums %s\n", src->sums);
    if (*src->checksum.hex)
        buf_printf(&b, "checksum %s\n", checksum_format(&src->checksum, sum));
    if (offset)
        buf_printf(&b, "offset %llu\n", (unsigned long long)offset);
    if (offset && validator && *validator)
        buf_printf(&b, "validator %s\n", validator);
    if (buf_check(&b, e) < 0)
        return -1;
    if (fd < 0 || write(fd, buf_str(&b), b.len) != (ssize_t)b.len || lseek(fd, 0, SEEK_SET) < 0)
        return err_sys(e, "job of " PROGRAM);
    return steal_fd(&fd);
}

static int start(struct fetch *f, int job, int fd, struct err *e)
{
    struct spawn_opts o = SPAWN_OPTS_INIT;
    auto_argv struct argv a = ARGV_INIT;
    auto_close int theirs = -1;
    char path[PATH_SIZE];
    int p[2];

    if (pipe2(p, O_CLOEXEC) < 0)
        return err_sys(e, "pipe");
    f->say = p[0];
    theirs = p[1];
    if (fcntl(f->say, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(e, "pipe");
    const struct spawn_fd fds[] = { { fd, FETCH_OUT_FD }, { theirs, FETCH_SAY_FD } };
    program(path);
    argv_add(&a, path);
    o.in = job;
    o.err = STDERR_FILENO;
    o.fds = fds;
    o.n_fds = ARRAY_SIZE(fds);
    o.own_session = true;
    o.max_memory = FETCH_MEMORY;
    o.max_file_size = FETCH_FILE_MAX;
    if (!(f->watch = loop_fd_new(f->c->loop, f->say, LOOP_READ, readable, f, e)))
        return -1;
    f->child = child_spawn(f->c->loop, &a, &o, ended, f, e);
    return f->child ? 0 : -1;
}

struct fetch *fetch_begin(struct core *c, const struct image_source *src, int fd, uint64_t offset,
                          const char *validator, const struct fetch_events *events, void *arg,
                          struct err *e)
{
    struct fetch *f = calloc(1, sizeof *f);
    auto_close int job = -1;

    if (!f) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    *f = (struct fetch){ .c = c, .say = -1, .events = events, .arg = arg };
    f->line.cap = 4 * FETCH_LINE_MAX;
    job = job_file(src, offset, validator, c->config.fetch_stall, e);
    if (job >= 0 && start(f, job, fd, e) == 0)
        return f;
    fetch_free(f);
    return NULL;
}

void fetch_cancel(struct fetch *f)
{
    f->cancelled = true;
    if (f->child)
        child_kill(f->child, SIGKILL, NULL);
}

void fetch_free(struct fetch *f)
{
    if (!f)
        return;
    if (f->child)
        child_kill(f->child, SIGKILL, NULL);
    child_forget(f->child);
    loop_fd_free(f->watch);
    if (f->say >= 0)
        close(f->say);
    buf_done(&f->line);
    free(f);
}
