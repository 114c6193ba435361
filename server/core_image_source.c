/* Where images come from, looked at before anything is copied, and compared with what they were
 * made from. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/encode.h"
#include "bootstrap/disk_head.h"
#include "bootstrap/disk_kind.h"
#include "server/core_image.h"

#define KERNEL_MAX (512ull << 20)

/* A descriptor; -1 with why that file will not do. */
int image_file_open(const char *image, bool disk, const char *file, struct stat *ret, struct err *e)
{
    /* Not to wait for the writer of a FIFO. */
    auto_close int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, ret) < 0)
        return err_sys(e, "image %s: %s", image, file);
    if (!S_ISREG(ret->st_mode))
        return err_set(e, ERR_INVALID, "image %s: %s is no regular file", image, file);
    if (!disk && (uint64_t)ret->st_size > KERNEL_MAX)
        return err_set(e, ERR_TOO_BIG, "image %s: %s is over 512 MiB, that is no kernel or initrd",
                       image, file);
    return steal_fd(&fd);
}

/* ---- what can be said before ---- */

static int check_disk(const char *image, const struct image_source *src, struct image_sight *ret,
                      struct err *e)
{
    static char head[DISK_HEAD_SIZE]; /* the loop is one thread */
    const struct disk_kind *kind;
    struct stat st;
    auto_close int fd = image_file_open(image, true, src->file, &st, e);
    ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);

    if (fd < 0)
        return -1;
    if (n < 0)
        return err_sys(e, "image %s: %s", image, src->file);
    if (disk_head_check(head, (size_t)n, (uint64_t)st.st_size, &ret->bootable, e) < 0 ||
        disk_kind_of(head, (size_t)n, &kind, e) < 0)
        return err_wrap(e, "image %s: %s", image, src->file);
    ret->virtual_size = disk_kind_size(kind, head, (size_t)n, (uint64_t)st.st_size);
    return 0;
}

int core_image_check(const char *image, const struct image_source *src, struct image_sight *ret,
                     struct err *e)
{
    const char *const files[] = { src->kernel, src->initrd };
    struct image_sight seen = { .bootable = true };
    struct stat st;

    if (src->file && check_disk(image, src, &seen, e) < 0)
        return -1;
    for (size_t p = 0; p < ARRAY_SIZE(files); p++) {
        auto_close int fd = files[p] ? image_file_open(image, false, files[p], &st, e) : -1;
        if (files[p] && fd < 0)
            return -1;
    }
    seen.bootable |= src->kernel != NULL;
    *ret = seen;
    return 0;
}

/* ---- has it changed? ---- */

static void stamp(struct buf *b, const char *file)
{
    struct stat st;

    if (!file)
        buf_puts(b, "-\n");
    else if (stat(file, &st) < 0)
        buf_printf(b, "%s ?\n", file);
    else
        buf_printf(b, "%s %llu %llu %lld.%09ld\n", file, (unsigned long long)st.st_ino,
                   (unsigned long long)st.st_size, (long long)st.st_mtim.tv_sec,
                   st.st_mtim.tv_nsec);
}

void core_image_stamp(const struct image_source *src, char hex[65])
{
    auto_buf struct buf b = BUF_INIT;
    uint8_t digest[SHA256_SIZE];

    stamp(&b, src->file);
    stamp(&b, src->kernel);
    stamp(&b, src->initrd);
    buf_puts(&b, src->checksum.hex);
    /* A predefined one is what it is called: its URL may move. */
    if (src->predefined)
        buf_printf(&b, "predefined %s", src->predefined);
    else if (src->url)
        buf_printf(&b, "url %s %s", src->url, src->sums ? src->sums : "");
    sha256(buf_str(&b), b.len, digest);
    hex_encode(digest, sizeof digest, hex);
}

const char *core_image_missing(const struct image_source *src)
{
    const char *const files[] = { src->file, src->kernel, src->initrd };
    struct stat st;

    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        if (files[i] && stat(files[i], &st) < 0 && errno == ENOENT)
            return files[i];
    return NULL;
}
