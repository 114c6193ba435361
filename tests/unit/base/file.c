#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

static char root[64];
static int dirfd_ = -1;

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/roost-file-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    dirfd_ = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    umask(077);
    return dirfd_ < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    const char *name = strrchr(root, '/') + 1;
    auto_close int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close(dirfd_);
    return dir_remove(tmp, name, NULL);
}

static int entries(void)
{
    auto_close int fd = openat(dirfd_, ".", O_RDONLY | O_DIRECTORY);
    DIR *d = fdopendir(steal_fd(&fd));
    int n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static void put(const char *name, const char *text, mode_t mode)
{
    auto_close int fd = openat(dirfd_, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
}

static void has(const char *name, const char *text, mode_t mode)
{
    auto_buf struct buf b = BUF_INIT;
    struct stat st;
    struct err e = { 0 };
    if (file_read(dirfd_, name, 1 << 20, &b, &e) < 0)
        fail_msg("%s", e.text);
    assert_string_equal(buf_str(&b), text);
    assert_int_equal(fstatat(dirfd_, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mode, S_IFREG | mode);
}

/* The two calls that durability hangs on, seen and made to fail: these stand before libc's own.
 * What happened, one letter each: f fsync of a file, d of a directory, r rename. */
static char seen[16];
static char fail_at; /* the letter that fails, with EIO */

static int see(char what)
{
    size_t n = strlen(seen);
    if (n + 1 < sizeof(seen)) {
        seen[n] = what;
        seen[n + 1] = '\0';
    }
    errno = EIO;
    return fail_at == what ? -1 : 0;
}

int fsync(int fd)
{
    struct stat st;
    char what = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? 'd' : 'f';
    return see(what) < 0 ? -1 : (int)syscall(SYS_fsync, fd);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return see('r') < 0 ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

static void watch(char fail)
{
    seen[0] = '\0';
    fail_at = fail;
}

static ino_t inode(const char *name)
{
    struct stat st;
    assert_int_equal(fstatat(dirfd_, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_ino;
}

static void test_read(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    struct err e;
    put("f", "12345", 0600);
    buf_puts(&b, "old");
    assert_int_equal(file_read(dirfd_, "f", 5, &b, &e), 0);
    assert_string_equal(buf_str(&b), "12345");
    assert_int_equal(file_read(dirfd_, "f", 4, &b, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    assert_int_equal(file_read(dirfd_, "none", 4, &b, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_int_equal(file_read(AT_FDCWD, root, 4, &b, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    /* A FIFO without a writer must not be waited for. */
    assert_int_equal(mkfifoat(dirfd_, "fifo", 0600), 0);
    assert_int_equal(file_read(dirfd_, "fifo", 4, &b, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_string_equal(buf_str(&b), "12345");
    /* No size known beforehand. */
    assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 1 << 20, &b, &e), 0);
    assert_non_null(strstr(buf_str(&b), "Pid:"));
    put("f", "", 0600);
    assert_int_equal(file_read(dirfd_, "f", 0, &b, &e), 0);
    assert_int_equal(b.len, 0);
}

static void test_replace(void **state)
{
    (void)state;
    bool changed = false;
    assert_int_equal(file_replace(dirfd_, "f", "one", 3, 0640, &changed, NULL), 0);
    assert_true(changed);
    has("f", "one", 0640);
    ino_t was = inode("f");
    assert_int_equal(file_replace(dirfd_, "f", "one", 3, 0640, &changed, NULL), 0);
    assert_false(changed);
    assert_int_equal(inode("f"), was);
    /* The mode alone, the bytes alone, the length alone. */
    assert_int_equal(file_replace(dirfd_, "f", "one", 3, 0600, &changed, NULL), 0);
    assert_true(changed);
    has("f", "one", 0600);
    assert_int_equal(file_replace(dirfd_, "f", "onE", 3, 0600, &changed, NULL), 0);
    assert_true(changed);
    assert_int_equal(file_replace(dirfd_, "f", "onE!", 4, 0600, NULL, NULL), 0);
    has("f", "onE!", 0600);
    assert_int_equal(file_replace(dirfd_, "f", "on", 2, 0600, NULL, NULL), 0);
    has("f", "on", 0600);
    assert_int_equal(file_replace(dirfd_, "f", NULL, 0, 0600, &changed, NULL), 0);
    assert_true(changed);
    has("f", "", 0600);
    assert_int_equal(entries(), 1);
}

static void test_replace_large(void **state)
{
    (void)state;
    enum { SIZE = 3 << 20 };
    auto_free char *data = malloc(SIZE);
    assert_non_null(data);
    memset(data, 'a', SIZE);
    bool changed;
    assert_int_equal(file_replace(dirfd_, "f", data, SIZE, 0600, &changed, NULL), 0);
    assert_true(changed);
    assert_int_equal(file_replace(dirfd_, "f", data, SIZE, 0600, &changed, NULL), 0);
    assert_false(changed);
    data[SIZE - 1] = 'b';
    assert_int_equal(file_replace(dirfd_, "f", data, SIZE, 0600, &changed, NULL), 0);
    assert_true(changed);
}

/* A link is replaced; what it pointed to keeps its bytes. */
static void test_replace_link(void **state)
{
    (void)state;
    bool changed = false;
    put("target", "same", 0600);
    assert_int_equal(symlinkat("target", dirfd_, "f"), 0);
    assert_int_equal(file_replace(dirfd_, "f", "same", 4, 0600, &changed, NULL), 0);
    assert_true(changed);
    has("f", "same", 0600);
    has("target", "same", 0600);
    assert_int_not_equal(inode("f"), inode("target"));
}

static void test_replace_names(void **state)
{
    (void)state;
    static const char *const bad[] = { "", ".", "..", "a/b", "/a", "a/" };
    struct err e;
    char longest[NAME_MAX + 1];
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(file_replace(dirfd_, bad[i], "x", 1, 0600, NULL, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
    }
    memset(longest, 'n', NAME_MAX);
    longest[NAME_MAX] = '\0';
    assert_int_equal(file_replace(dirfd_, longest, "x", 1, 0600, NULL, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    longest[NAME_MAX - 5] = '\0';
    assert_int_equal(file_replace(dirfd_, longest, "x", 1, 0600, NULL, &e), 0);
}

/* What a killed writer left: of any kind, with or without something to write. */
static void test_replace_leftover(void **state)
{
    (void)state;
    bool changed;
    put(".f.tmp", "half", 0400);
    assert_int_equal(file_replace(dirfd_, "f", "one", 3, 0600, NULL, NULL), 0);
    has("f", "one", 0600);
    assert_int_equal(entries(), 1);
    put(".f.tmp", "half", 0600);
    assert_int_equal(file_replace(dirfd_, "f", "one", 3, 0600, &changed, NULL), 0);
    assert_false(changed);
    assert_int_equal(entries(), 1);
    put("victim", "precious", 0600);
    assert_int_equal(symlinkat("victim", dirfd_, ".f.tmp"), 0);
    assert_int_equal(file_replace(dirfd_, "f", "two", 3, 0600, NULL, NULL), 0);
    has("victim", "precious", 0600);
    has("f", "two", 0600);
    assert_int_equal(entries(), 2);
}

/* The disk is full (here: the limit of a file's size): the old file stays as it was, nothing else.
 */
static void test_replace_full_disk(void **state)
{
    (void)state;
    enum { SIZE = 64 << 10 };
    auto_free char *data = calloc(1, SIZE);
    assert_non_null(data);
    put("f", "old", 0600);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit limit = { .rlim_cur = 4096, .rlim_max = 4096 };
        struct err e = { 0 };
        bool changed = false;
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        bool right = file_replace(dirfd_, "f", data, SIZE, 0600, &changed, &e) < 0 && !changed &&
                     e.kind == ERR_IO && e.os == EFBIG && strstr(e.text, "cannot write f");
        _exit(right ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    has("f", "old", 0600);
    assert_int_equal(entries(), 1);
}

/* The bytes reach the disk before the name does, and the name before success is reported. */
static void test_replace_flushes(void **state)
{
    (void)state;
    watch(0);
    assert_int_equal(file_replace(dirfd_, "f", "one", 3, 0600, NULL, NULL), 0);
    assert_string_equal(seen, "frd");
    watch(0);
    assert_int_equal(file_replace(dirfd_, "f", "one", 3, 0600, NULL, NULL), 0);
    assert_string_equal(seen, "");
    watch(0);
    auto_close int fd = dir_open_make(dirfd_, "d", 0700, NULL);
    assert_string_equal(seen, "d");
}

static void test_replace_failing_disk(void **state)
{
    (void)state;
    static const struct {
        char at;
        const char *seen, *text, *left;
    } cases[] = {
        { 'f', "f", "cannot write f: ", "old" },
        { 'r', "fr", "cannot replace f: ", "old" },
        { 'd', "frd", "f: cannot flush the directory: ", "new" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err e = { 0 };
        bool changed = false;
        put("f", "old", 0600);
        watch(cases[i].at);
        assert_int_equal(file_replace(dirfd_, "f", "new", 3, 0600, &changed, &e), -1);
        assert_string_equal(seen, cases[i].seen);
        watch(0);
        assert_false(changed);
        assert_int_equal(e.os, EIO);
        assert_memory_equal(e.text, cases[i].text, strlen(cases[i].text));
        has("f", cases[i].left, 0600);
        assert_int_equal(entries(), 1);
    }
}

static void test_replace_target_is_directory(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(mkdirat(dirfd_, "f", 0700), 0);
    assert_int_equal(file_replace(dirfd_, "f", "x", 1, 0600, NULL, &e), -1);
    assert_int_equal(e.kind, ERR_IO);
    assert_int_equal(e.os, EISDIR);
    assert_int_equal(entries(), 1);
}

/* Readers never see half of it, and two writers do not disturb each other. */
static void test_replace_race(void **state)
{
    (void)state;
    enum { SIZE = 20000, WRITERS = 3, ROUNDS = 40 };
    pid_t pids[WRITERS];
    put("f", "", 0600);
    for (int w = 0; w < WRITERS; w++) {
        pids[w] = fork();
        if (pids[w] == 0) {
            auto_free char *data = malloc(SIZE);
            int bad = !data;
            for (int i = 0; i < ROUNDS && !bad; i++) {
                memset(data, 'a' + (w * ROUNDS + i) % 26, SIZE);
                bad = file_replace(dirfd_, "f", data, SIZE, 0600, NULL, NULL) < 0;
            }
            _exit(bad);
        }
    }
    int left = WRITERS, failures = 0;
    while (left > 0) {
        auto_buf struct buf b = BUF_INIT;
        assert_int_equal(file_read(dirfd_, "f", SIZE, &b, NULL), 0);
        if (b.len != 0 && (b.len != SIZE || strspn(b.data, (char[]){ b.data[0], 0 }) != SIZE))
            failures++;
        int status;
        if (waitpid(-1, &status, WNOHANG) > 0) {
            left--;
            failures += status != 0;
        }
    }
    assert_int_equal(failures, 0);
    assert_int_equal(entries(), 1);
}

static void test_open_beneath(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(mkdirat(dirfd_, "d", 0700), 0);
    put("d/f", "x", 0600);
    assert_int_equal(symlinkat("d/f", dirfd_, "link"), 0);
    assert_int_equal(symlinkat("d", dirfd_, "dirlink"), 0);
    auto_close int fd = file_open_beneath(dirfd_, "d/f", O_RDONLY, 0600, &e);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    static const char *const bad[] = { "link", "dirlink/f", "../x", "d/../../x", "/etc/passwd" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(file_open_beneath(dirfd_, bad[i], O_RDONLY, 0, &e), -1);
        assert_true(e.os == ELOOP || e.os == EXDEV || e.os == ENOTDIR);
    }
    auto_close int dir = file_open_beneath(dirfd_, "d//", O_RDONLY | O_DIRECTORY, 0, &e);
    assert_true(dir >= 0);
    assert_int_equal(file_open_beneath(dirfd_, "", O_RDONLY, 0, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_int_equal(file_open_beneath(dirfd_, "d/f/x", O_RDONLY, 0, &e), -1);
    assert_int_equal(e.os, ENOTDIR);
    assert_int_equal(file_open_beneath(dirfd_, "none", O_RDONLY, 0, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    auto_close int made = file_open_beneath(dirfd_, "d/new", O_WRONLY | O_CREAT, 0600, &e);
    assert_true(made >= 0);
}

static void test_directories(void **state)
{
    (void)state;
    struct err e;
    struct stat st;
    auto_close int fd = dir_open_make(dirfd_, "d", 0755, &e);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755); /* whatever the umask */
    auto_close int again = dir_open_make(dirfd_, "d", 0700, &e);
    assert_true(again >= 0);
    put("f", "x", 0600);
    assert_int_equal(dir_open_make(dirfd_, "f", 0700, &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_int_equal(symlinkat("d", dirfd_, "link"), 0);
    assert_int_equal(dir_open_make(dirfd_, "link", 0700, &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_int_equal(dir_open_make(dirfd_, "../x", 0700, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);

    char path[128];
    snprintf(path, sizeof(path), "%s/a//b/c/", root);
    assert_int_equal(dir_make_all(path, 0700, &e), 0);
    assert_int_equal(dir_make_all(path, 0700, &e), 0);
    assert_int_equal(stat(path, &st), 0);
    snprintf(path, sizeof(path), "%s/f", root);
    assert_int_equal(dir_make_all(path, 0700, &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    snprintf(path, sizeof(path), "%s/f/below", root);
    assert_int_equal(dir_make_all(path, 0700, &e), -1);
    assert_int_equal(dir_make_all("", 0700, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_int_equal(dir_make_all("/proc/nothing/here", 0700, &e), -1);
    /* Why it cannot be made, not that it is missing: sysfs refuses everybody. */
    assert_int_equal(dir_make_all("/sys/roost", 0700, &e), -1);
    assert_int_not_equal(e.kind, ERR_NOT_FOUND);
    assert_int_equal(dir_sync(dirfd_, &e), 0);
    auto_close int by_path = open(root, O_PATH | O_CLOEXEC);
    assert_int_equal(dir_sync(by_path, &e), 0);
}

static void test_remove(void **state)
{
    (void)state;
    struct err e;
    char path[128];
    snprintf(path, sizeof(path), "%s/t/a/b/c", root);
    assert_int_equal(dir_make_all(path, 0700, NULL), 0);
    assert_int_equal(mkdirat(dirfd_, "outside", 0700), 0);
    put("outside/f", "precious", 0600);
    assert_int_equal(symlinkat("../../outside", dirfd_, "t/a/link"), 0);
    put("t/a/b/f", "x", 0400);
    assert_int_equal(mkfifoat(dirfd_, "t/fifo", 0600), 0);
    assert_int_equal(dir_remove(dirfd_, "t", &e), 0);
    assert_int_equal(faccessat(dirfd_, "t", F_OK, 0), -1);
    has("outside/f", "precious", 0600);
    assert_int_equal(dir_remove(dirfd_, "t", &e), 0);
    assert_int_equal(symlinkat("outside", dirfd_, "t"), 0);
    assert_int_equal(dir_remove(dirfd_, "t", &e), 0);
    has("outside/f", "precious", 0600);
    assert_int_equal(dir_remove(dirfd_, "..", &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
}

static void test_remove_depth(void **state)
{
    (void)state;
    struct err e;
    char path[512];
    int len = snprintf(path, sizeof(path), "%s/t", root);
    for (int i = 0; i < 64; i++)
        len += snprintf(path + len, sizeof(path) - (size_t)len, "/d");
    assert_int_equal(dir_make_all(path, 0700, NULL), 0);
    assert_int_equal(dir_remove(dirfd_, "t", &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    assert_int_equal(renameat(dirfd_, "t/d", dirfd_, "u"), 0);
    assert_int_equal(dir_remove(dirfd_, "u", &e), 0);
    assert_int_equal(dir_remove(dirfd_, "t", &e), 0);
    assert_int_equal(entries(), 0);
}

static void test_copy(void **state)
{
    (void)state;
    enum { HOLE = 8 << 20 };
    struct err e;
    struct stat st;
    auto_close int from = openat(dirfd_, "from", O_RDWR | O_CREAT, 0600);
    auto_close int to = openat(dirfd_, "to", O_RDWR | O_CREAT, 0600);
    assert_int_equal(pwrite(from, "head", 4, 0), 4);
    assert_int_equal(pwrite(from, "middle", 6, HOLE), 6);
    assert_int_equal(ftruncate(from, 2 * HOLE), 0);
    put("to", "something longer that was there before", 0600);
    lseek(from, 3, SEEK_SET);
    watch(0);
    assert_int_equal(file_copy(from, to, &e), 0);
    assert_string_equal(seen, "f");
    auto_buf struct buf a = BUF_INIT;
    auto_buf struct buf b = BUF_INIT;
    a.cap = b.cap = 3 * HOLE;
    assert_int_equal(file_read(dirfd_, "from", 2 * HOLE, &a, &e), 0);
    assert_int_equal(file_read(dirfd_, "to", 2 * HOLE, &b, &e), 0);
    assert_int_equal(b.len, 2 * HOLE);
    assert_memory_equal(a.data, b.data, a.len);
    /* The holes stayed. */
    assert_int_equal(fstat(to, &st), 0);
    assert_true(st.st_blocks * 512 < HOLE);
    /* An empty one, and a target that cannot be written to. */
    assert_int_equal(ftruncate(from, 0), 0);
    assert_int_equal(file_copy(from, to, &e), 0);
    assert_int_equal(fstat(to, &st), 0);
    assert_int_equal(st.st_size, 0);
    auto_close int closed = openat(dirfd_, "from", O_RDONLY);
    assert_int_equal(file_copy(from, closed, &e), -1);
}

/* Nobody waits for the rest of a large file. */
static void test_copy_stopped(void **state)
{
    (void)state;
    struct err e;
    struct stat st;
    atomic_bool stop = true;
    auto_close int from = openat(dirfd_, "large", O_RDWR | O_CREAT, 0600);
    auto_close int to = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); /* no reflink */
    if (to < 0)
        skip();
    assert_int_equal(pwrite(from, "data", 4, 0), 4);
    assert_int_equal(pwrite(from, "data", 4, 1 << 20), 4);
    watch(0);
    assert_int_equal(file_copy_until(from, to, &stop, &e), -1);
    assert_int_equal(e.kind, ERR_BUSY);
    assert_string_equal(seen, ""); /* nothing was flushed */
    assert_int_equal(fstat(to, &st), 0);
    assert_int_equal(st.st_size, 0);
    stop = false;
    assert_int_equal(file_copy_until(from, to, &stop, &e), 0);
    assert_int_equal(fstat(to, &st), 0);
    assert_int_equal(st.st_size, (1 << 20) + 4);
}

/* Onto another file system, where neither reflink nor, on older kernels, copy_file_range works. */
static void test_copy_across(void **state)
{
    (void)state;
    struct err e;
    auto_close int from = open("/usr/bin/env", O_RDONLY | O_CLOEXEC);
    auto_close int to = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (from < 0 || to < 0)
        skip();
    assert_int_equal(file_copy(from, to, &e), 0);
    struct stat a, b;
    assert_int_equal(fstat(from, &a), 0);
    assert_int_equal(fstat(to, &b), 0);
    assert_int_equal(a.st_size, b.st_size);
    for (off_t at = 0; at < a.st_size; at += 4096) {
        char x[4096] = { 0 }, y[4096] = { 0 };
        assert_true(pread(from, x, sizeof(x), at) == pread(to, y, sizeof(y), at));
        assert_memory_equal(x, y, sizeof(x));
    }
}

static void test_lock(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(lock_probe(dirfd_, "lock", &e), 0);
    assert_int_equal(faccessat(dirfd_, "lock", F_OK, 0), -1); /* probing makes nothing */
    int fd = lock_take(dirfd_, "lock", &e);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(lock_probe(dirfd_, "lock", &e), 1);
    assert_int_equal(lock_take(dirfd_, "lock", &e), -1);
    assert_int_equal(e.kind, ERR_BUSY);
    /* Held as long as any copy of the descriptor is open. */
    int copy = dup(fd);
    close(fd);
    assert_int_equal(lock_probe(dirfd_, "lock", &e), 1);
    close(copy);
    assert_int_equal(lock_probe(dirfd_, "lock", &e), 0);
    fd = lock_take(dirfd_, "lock", &e);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(symlinkat("lock", dirfd_, "link"), 0);
    assert_int_equal(lock_take(dirfd_, "link", &e), -1);
}

/* By a process that dies without a word. */
static void test_lock_dies_with_process(void **state)
{
    (void)state;
    int ready[2];
    char c;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = lock_take(dirfd_, "lock", NULL);
        if (fd < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(lock_probe(dirfd_, "lock", NULL), 1);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(lock_probe(dirfd_, "lock", NULL), 0);
    close(ready[0]);
    close(ready[1]);
}

static void test_cloexec(void **state)
{
    (void)state;
    struct err e;
    auto_close int fd = dup(dirfd_);
    assert_int_equal(fd_cloexec(fd, true, &e), 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fd_cloexec(fd, false, &e), 0);
    assert_int_equal(fcntl(fd, F_GETFD), 0);
    assert_int_equal(fd_cloexec(-1, true, &e), -1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_read),
        CASE(test_replace),
        CASE(test_replace_large),
        CASE(test_replace_link),
        CASE(test_replace_names),
        CASE(test_replace_leftover),
        CASE(test_replace_full_disk),
        CASE(test_replace_flushes),
        CASE(test_replace_failing_disk),
        CASE(test_replace_target_is_directory),
        CASE(test_replace_race),
        CASE(test_open_beneath),
        CASE(test_directories),
        CASE(test_remove),
        CASE(test_remove_depth),
        CASE(test_copy),
        CASE(test_copy_across),
        CASE(test_copy_stopped),
        CASE(test_lock),
        CASE(test_lock_dies_with_process),
        CASE(test_cloexec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
