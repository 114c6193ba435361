#include "server/core_errand.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/utf8.h"

#define CHUNK 65536 /* as much as a pipe holds (pipe(7)) */

struct errand {
    const struct errand_kind *kind;
    struct child *child;
    int say; /* what it tells */
    struct loop_fd *watch;
    struct buf line;
    bool whole, failed, cancelled;
    struct err err;
    void *arg;
};

/* ---- what it tells ---- */

static int on_progress(struct errand *r, char *value)
{
    char *total = strchr(value, ' ');
    uint64_t bytes, all;

    if (!total)
        return -1;
    *total++ = '\0';
    if (parse_u64(value, 0, INT64_MAX, &bytes, NULL) < 0 ||
        parse_u64(total, 0, INT64_MAX, &all, NULL) < 0)
        return -1;
    r->kind->progress(bytes, all, r->arg);
    return 0;
}

static int on_error(struct errand *r, char *value)
{
    char *text = strchr(value, ' ');
    int kind;

    if (!text)
        return -1;
    *text++ = '\0';
    kind = err_kind_from_name(value);
    err_set(&r->err, kind > 0 ? (enum err_kind)kind : ERR_INTERNAL, "%s", text);
    r->failed = true;
    return 0;
}

static int on_word(struct errand *r, const char *word, char *value)
{
    for (size_t i = 0; i < r->kind->n_words; i++)
        if (strcmp(r->kind->words[i].word, word) == 0) {
            int n = r->kind->words[i].take(value, r->arg);
            r->whole = n == ERRAND_LAST;
            return n < 0 ? -1 : 0;
        }
    return -1;
}

static int take_line(struct errand *r, char *line)
{
    char *value = strchr(line, ' ');

    if (!value || r->whole || !utf8_valid(line, strlen(line)))
        return -1;
    *value++ = '\0';
    if (strcmp(line, "progress") == 0)
        return on_progress(r, value);
    if (strcmp(line, "error") == 0)
        return on_error(r, value);
    return on_word(r, line, value);
}

/* A line that is none is a defect, or somebody else's doing: then nothing of it counts. */
static void mistrust(struct errand *r)
{
    err_set(&r->err, ERR_INTERNAL, "%s told what it may not tell", r->kind->program);
    r->failed = true;
    if (r->child)
        child_kill(r->child, SIGKILL, NULL);
}

static void take_lines(struct errand *r)
{
    char *nl;

    while (r->line.len && (nl = memchr(r->line.data, '\n', r->line.len))) {
        size_t len = (size_t)(nl - r->line.data);
        *nl = '\0';
        if (len > r->kind->line_max || strlen(r->line.data) != len ||
            take_line(r, r->line.data) < 0) {
            mistrust(r);
            return;
        }
        buf_consume(&r->line, len + 1);
    }
    if (r->line.failed || r->line.len > r->kind->line_max)
        mistrust(r);
}

/* 1: there may be more; 0: not now; -1: never. */
static int take_some(struct errand *r)
{
    char chunk[CHUNK];
    ssize_t n = read(r->say, chunk, sizeof chunk);

    if (n < 0)
        return errno == EINTR ? 1 : errno == EAGAIN ? 0 : -1;
    if (n == 0)
        return -1;
    if (!r->failed) {
        buf_put(&r->line, chunk, (size_t)n);
        take_lines(r);
    }
    return 1;
}

static void readable(int fd, int what, void *arg)
{
    struct errand *r = arg;

    (void)fd, (void)what;
    if (take_some(r) < 0)
        loop_fd_want(r->watch, 0);
}

static void ended(const struct spawn_exit *x, void *arg)
{
    struct errand *r = arg;
    const struct errand_kind *kind = r->kind;
    char status[64];
    struct err e;
    bool good;

    r->child = NULL;
    while (take_some(r) > 0)
        ;
    if (r->cancelled)
        err_set(&r->err, ERR_BUSY, "it was cancelled");
    else if (!r->failed && (!r->whole || x->status != 0))
        err_set(&r->err, ERR_INTERNAL, "%s: %s", kind->program,
                child_status_text(x->status, x->timed_out, status));
    good = r->whole && !r->failed && !r->cancelled && x->status == 0;
    e = r->err;
    arg = r->arg;
    errand_free(r);
    kind->done(good ? NULL : &e, arg);
}

/* ---- begin, cancel, free ---- */

static void add_program(struct argv *a, const char *program)
{
    const char *self = (const char *)getauxval(AT_EXECFN),
               *slash = self ? strrchr(self, '/') : NULL;

    argv_addf(a, "%.*s%s", slash ? (int)(slash + 1 - self) : 0, self ? self : "", program);
}

static int start(struct errand *r, struct loop *l, int in, const struct spawn_fd *fds, int n_fds,
                 struct err *e)
{
    struct spawn_fd all[ERRAND_FDS_MAX + 1];
    struct spawn_opts o = SPAWN_OPTS_INIT;
    auto_argv struct argv a = ARGV_INIT;
    auto_close int theirs = -1;
    int p[2];

    if (n_fds > ERRAND_FDS_MAX)
        return err_set(e, ERR_INTERNAL, "%s: %d descriptors", r->kind->program, n_fds);
    if (pipe2(p, O_CLOEXEC) < 0)
        return err_sys(e, "pipe");
    r->say = p[0];
    theirs = p[1];
    if (fcntl(r->say, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(e, "pipe");
    for (int i = 0; i < n_fds; i++)
        all[i] = fds[i];
    all[n_fds] = (struct spawn_fd){ theirs, r->kind->say_fd };
    add_program(&a, r->kind->program);
    o.in = in;
    o.err = STDERR_FILENO;
    o.fds = all;
    o.n_fds = n_fds + 1;
    o.own_session = true;
    o.max_memory = r->kind->max_memory;
    o.max_file_size = r->kind->max_file_size;
    if (!(r->watch = loop_fd_new(l, r->say, LOOP_READ, readable, r, e)))
        return -1;
    r->child = child_spawn(l, &a, &o, ended, r, e);
    return r->child ? 0 : -1;
}

struct errand *errand_begin(struct loop *l, const struct errand_kind *k, int in,
                            const struct spawn_fd *fds, int n_fds, void *arg, struct err *e)
{
    struct errand *r = calloc(1, sizeof *r);

    if (!r) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    *r = (struct errand){ .kind = k, .say = -1, .arg = arg };
    r->line.cap = k->line_max + CHUNK;
    if (start(r, l, in, fds, n_fds, e) == 0)
        return r;
    errand_free(r);
    return NULL;
}

void errand_cancel(struct errand *r)
{
    r->cancelled = true;
    if (r->child)
        child_kill(r->child, SIGKILL, NULL);
}

void errand_free(struct errand *r)
{
    if (!r)
        return;
    if (r->child)
        child_kill(r->child, SIGKILL, NULL);
    child_forget(r->child);
    loop_fd_free(r->watch);
    if (r->say >= 0)
        close(r->say);
    if (r->line.data) /* a guest's secrets may have been in it */
        explicit_bzero(r->line.data, r->line.len);
    buf_done(&r->line);
    free(r);
}
