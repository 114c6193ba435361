/* Runs a fuzz target without libFuzzer: every file given, or below a directory given, and of each a
 * fixed set of mutations (2000, or FUZZ_MUTATIONS). The same file gives the same mutations
 * anywhere.
 *
 * Prints "ok FILE" after each file. On a crash it says which mutation it was, and writes the input
 * to the file that FUZZ_CRASH names, which reproduces it when given as an argument. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"

#define INPUT_MAX     ((size_t)4 << 20)
#define MUTATIONS     2000
#define STACKED_MAX   6 /* changes per mutation */
#define INSERTION_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
/* Sanitizers end by _exit(2), past any signal handler. */
void __sanitizer_set_death_callback(void (*fn)(void)) __attribute__((weak));

static struct {
    const char *path;
    unsigned long mutation; /* 0: the file as it is */
    const uint8_t *data;
    size_t len;
} now;

static void report(void)
{
    char line[512];
    const char *crash = getenv("FUZZ_CRASH");

    int n = snprintf(line, sizeof(line), "crashed: %.400s, mutation %lu, %zu bytes\n", now.path,
                     now.mutation, now.len);
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        return;
    int fd = crash ? open(crash, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
    if (fd >= 0 && write(fd, now.data, now.len) < 0)
        return;
    if (fd >= 0)
        close(fd);
}

/* SA_RESETHAND: the second time the signal kills. SIGTERM is the runner's time limit. */
static void on_signal(int signo)
{
    report();
    raise(signo);
}

static void watch(void)
{
    static const int signals[] = { SIGABRT, SIGTERM, SIGSEGV, SIGBUS, SIGFPE, SIGILL };
    struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND | SA_NODEFER };

    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(report);
        sigaction(SIGTERM, &sa, NULL);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &sa, NULL);
}

/* Marsaglia's xorshift64. */
static uint64_t next(uint64_t *rnd)
{
    *rnd ^= *rnd << 13;
    *rnd ^= *rnd >> 7;
    *rnd ^= *rnd << 17;
    return *rnd;
}

static size_t below(uint64_t *rnd, size_t n)
{
    return n ? (size_t)(next(rnd) % n) : 0;
}

/* FNV-1a, so that the mutations hang on the bytes and not on a path or an order. */
static uint64_t seed_of(const char *data, size_t len)
{
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)data[i]) * 0x100000001b3;
    return h ? h : 1;
}

struct input {
    uint8_t *data;
    size_t len, room;
};

static void flip_bit(struct input *in, uint64_t *rnd)
{
    if (in->len > 0)
        in->data[below(rnd, in->len)] ^= (uint8_t)(1u << below(rnd, 8));
}

/* Bytes on which parsers turn. */
static void set_byte(struct input *in, uint64_t *rnd)
{
    static const uint8_t bytes[] = "\x00\xff\x7f\x80\n\r\t %&=+:;,.-/\\\"'{}[]<>*!#|0A";

    if (in->len > 0)
        in->data[below(rnd, in->len)] = bytes[below(rnd, sizeof(bytes) - 1)];
}

static void truncate_end(struct input *in, uint64_t *rnd)
{
    in->len = below(rnd, in->len + 1);
}

static void cut_out(struct input *in, uint64_t *rnd)
{
    size_t at = below(rnd, in->len);
    size_t n = below(rnd, in->len - at + 1);

    memmove(in->data + at, in->data + at + n, in->len - at - n);
    in->len -= n;
}

/* Room for n bytes at a place; returns it. */
static uint8_t *open_gap(struct input *in, size_t at, size_t n)
{
    memmove(in->data + at + n, in->data + at, in->len - at);
    in->len += n;
    return in->data + at;
}

static void insert_noise(struct input *in, uint64_t *rnd)
{
    size_t n = 1 + below(rnd, INSERTION_MAX);

    if (n > in->room - in->len)
        return;
    uint8_t *gap = open_gap(in, below(rnd, in->len + 1), n);
    for (size_t i = 0; i < n; i++)
        gap[i] = (uint8_t)next(rnd);
}

static void repeat_part(struct input *in, uint64_t *rnd)
{
    uint8_t part[INSERTION_MAX];
    size_t from = below(rnd, in->len);
    size_t n = below(rnd, in->len - from + 1);

    if (n > sizeof(part))
        n = sizeof(part);
    if (n > in->room - in->len)
        return;
    memcpy(part, in->data + from, n);
    memcpy(open_gap(in, below(rnd, in->len + 1), n), part, n);
}

static void mutate(struct input *in, uint64_t *rnd)
{
    static void (*const changes[])(struct input *, uint64_t *) = {
        flip_bit, set_byte, truncate_end, cut_out, insert_noise, repeat_part, flip_bit, set_byte,
    };
    size_t n = 1 + below(rnd, STACKED_MAX);

    for (size_t i = 0; i < n; i++)
        changes[below(rnd, ARRAY_SIZE(changes))](in, rnd);
}

/* In memory of exactly its size, so that a sanitizer sees one byte too many. */
static void run_one(const uint8_t *data, size_t len, unsigned long mutation)
{
    auto_free uint8_t *copy = malloc(len ? len : 1);

    if (!copy)
        abort();
    if (len > 0)
        memcpy(copy, data, len);
    now.mutation = mutation;
    now.data = copy;
    now.len = len;
    LLVMFuzzerTestOneInput(copy, len);
}

static void run_mutations(const struct buf *file, unsigned long count)
{
    size_t room = file->len + (size_t)INSERTION_MAX * STACKED_MAX;
    auto_free uint8_t *scratch = malloc(room);
    uint64_t rnd = seed_of(buf_str(file), file->len);

    if (!scratch)
        abort();
    for (unsigned long i = 1; i <= count; i++) {
        struct input in = { .data = scratch, .len = file->len, .room = room };
        memcpy(scratch, buf_str(file), file->len);
        mutate(&in, &rnd);
        run_one(in.data, in.len, i);
    }
}

static int run_file(const char *path, unsigned long count)
{
    auto_buf struct buf file = BUF_INIT;
    struct err e;

    if (file_read(AT_FDCWD, path, INPUT_MAX, &file, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        return -1;
    }
    now.path = path;
    run_one((const uint8_t *)buf_str(&file), file.len, 0);
    run_mutations(&file, count);
    printf("ok %s\n", path);
    fflush(stdout);
    return 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int run_all(char *const *paths, unsigned long count)
{
    FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    int rc = fts ? 0 : -1;

    for (FTSENT *f; fts && (f = fts_read(fts));) {
        if (f->fts_info == FTS_F)
            rc |= run_file(f->fts_path, count);
        if (f->fts_info == FTS_NS || f->fts_info == FTS_DNR || f->fts_info == FTS_ERR) {
            fprintf(stderr, "%s: %s\n", f->fts_path, strerror(f->fts_errno));
            rc = -1;
        }
    }
    if (fts)
        fts_close(fts);
    return rc;
}

int main(int argc, char **argv)
{
    const char *want = getenv("FUZZ_MUTATIONS");

    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE|DIRECTORY...\n", argv[0]);
        return 2;
    }
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    watch();
    return run_all(argv + 1, want ? strtoul(want, NULL, 10) : MUTATIONS) < 0;
}
