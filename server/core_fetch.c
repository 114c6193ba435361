#include "server/core_fetch.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "server/core_errand.h"
#include "server/fetch.h"

#define FETCH_MEMORY   (1ull << 30)
#define FETCH_FILE_MAX (1ull << 40) /* of what is unpacked: more is no image */
#define PROGRAM        "roost-fetch"

struct fetch {
    struct errand *errand;
    char step[160];
    uint64_t bytes, total;
    struct checksum sum;
    const struct fetch_events *events;
    void *arg;
};

/* ---- what it tells ---- */

static void say_progress(struct fetch *f)
{
    f->events->progress(f->step, f->bytes, f->total, f->arg);
}

static void on_progress(uint64_t bytes, uint64_t total, void *arg)
{
    struct fetch *f = arg;

    f->bytes = bytes;
    f->total = total;
    say_progress(f);
}

static int on_step(char *value, void *arg)
{
    struct fetch *f = arg;

    snprintf(f->step, sizeof f->step, "%s", value);
    say_progress(f);
    return 0;
}

static int on_validator(char *value, void *arg)
{
    struct fetch *f = arg;

    if (strlen(value) >= sizeof((struct fetch_job *)0)->validator)
        return -1;
    f->events->note("validator", value, f->arg);
    return 0;
}

static int on_packed(char *value, void *arg)
{
    static const char *const names[] = { "no", "xz", "gzip", "zstd" };
    struct fetch *f = arg;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(names[i], value) == 0) {
            f->events->note("packed", value, f->arg);
            return 0;
        }
    return -1;
}

static int on_checksum(char *value, void *arg)
{
    struct fetch *f = arg;

    return checksum_parse(value, &f->sum, NULL);
}

static int on_done(char *value, void *arg)
{
    uint64_t size;

    (void)arg;
    return parse_u64(value, 0, INT64_MAX, &size, NULL) < 0 ? -1 : ERRAND_LAST;
}

static void fetched(const struct err *err, void *arg)
{
    struct fetch *f = arg;

    f->errand = NULL;
    f->events->done(&f->sum, err, f->arg);
    fetch_free(f);
}

static const struct errand_word words[] = { { "step", on_step },
                                            { "validator", on_validator },
                                            { "packed", on_packed },
                                            { "checksum", on_checksum },
                                            { "done", on_done } };
static const struct errand_kind kind = {
    .program = PROGRAM,
    .say_fd = FETCH_SAY_FD,
    .line_max = FETCH_LINE_MAX,
    .max_memory = FETCH_MEMORY,
    .max_file_size = FETCH_FILE_MAX,
    .words = words,
    .n_words = ARRAY_SIZE(words),
    .progress = on_progress,
    .done = fetched,
};

/* ---- the start ---- */

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

struct fetch *fetch_begin(struct core *c, const struct image_source *src, int fd, uint64_t offset,
                          const char *validator, const struct fetch_events *events, void *arg,
                          struct err *e)
{
    const struct spawn_fd out = { fd, FETCH_OUT_FD };
    struct fetch *f = calloc(1, sizeof *f);
    auto_close int job = -1;

    if (!f) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    *f = (struct fetch){ .events = events, .arg = arg };
    job = job_file(src, offset, validator, c->config.fetch_stall, e);
    if (job >= 0 && (f->errand = errand_begin(c->loop, &kind, job, &out, 1, f, e)))
        return f;
    fetch_free(f);
    return NULL;
}

void fetch_cancel(struct fetch *f)
{
    errand_cancel(f->errand);
}

void fetch_free(struct fetch *f)
{
    if (!f)
        return;
    errand_free(f->errand);
    free(f);
}
