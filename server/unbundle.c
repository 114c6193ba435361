#include "server/unbundle.h"

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/utf8.h"
#include "bootstrap/disk_head.h"
#include "bootstrap/disk_kind.h"

#define PART_SIZE     (1u << 20)
#define PROGRESS_STEP (64u << 20)

struct unbundle {
    int from;
    char *part; /* PART_SIZE bytes */
    uint64_t taken, total, told;
    struct sha256_stream *sum; /* of the member that is read */
    struct buf sums;           /* as BUNDLE_SUMS has to be */
    struct bundle bundle;
    json_t *manifest;
};

/* --- telling --- */

static void say(const char *text, size_t len)
{
    while (len) {
        ssize_t n = write(UNBUNDLE_SAY_FD, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) /* nobody hears any more: there is nobody to do it for */
            _exit(1);
        text += n;
        len -= (size_t)n;
    }
}

static void tell(struct unbundle *u)
{
    char line[64];

    if (u->taken - u->told < PROGRESS_STEP)
        return;
    u->told = u->taken;
    snprintf(line, sizeof line, "progress %llu %llu\n", (unsigned long long)u->taken,
             (unsigned long long)u->total);
    say(line, strlen(line));
}

/* --- members --- */

static int get(struct unbundle *u, void *out, size_t len, struct err *e)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = read(u->from, (char *)out + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, "the bundle cannot be read");
        if (n == 0)
            return err_set(e, ERR_INVALID, "the bundle ends too soon: this is a part of one");
        done += (size_t)n;
    }
    u->taken += len;
    tell(u);
    return 0;
}

static int next(struct unbundle *u, const char *name, uint64_t *ret_size, struct err *e)
{
    uint8_t block[TAR_BLOCK];
    struct tar_member m;

    if (get(u, block, sizeof block, e) < 0)
        return -1;
    if (tar_parse(block, &m, e) != 1 || strcmp(m.name, name) != 0)
        return err_set(e, ERR_INVALID, "a damaged bundle: %s is missing", name);
    *ret_size = m.size;
    if (!(u->sum = sha256_new()))
        return err_set(e, ERR_INTERNAL, "out of memory");
    return 0;
}

static int end_member(struct unbundle *u, const char *name, uint64_t size, struct err *e)
{
    uint8_t sum[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1], padding[TAR_BLOCK];

    sha256_final(u->sum, sum);
    u->sum = NULL;
    hex_encode(sum, sizeof sum, hex);
    buf_printf(&u->sums, "%s  %s\n", hex, name);
    return get(u, padding, tar_padding(size), e);
}

/* A small member, whole. */
static int take_text(struct unbundle *u, const char *name, size_t max, struct buf *ret,
                     struct err *e)
{
    uint64_t size;

    if (next(u, name, &size, e) < 0)
        return -1;
    if (size == 0 || size > max)
        return err_set(e, ERR_INVALID, "a damaged bundle: %s has %llu bytes", name,
                       (unsigned long long)size);
    for (uint64_t left = size; left;) {
        size_t n = left < PART_SIZE ? (size_t)left : PART_SIZE;
        if (get(u, u->part, n, e) < 0)
            return -1;
        sha256_update(u->sum, u->part, n);
        buf_put(ret, u->part, n);
        left -= n;
    }
    return buf_check(ret, e) < 0 ? -1 : end_member(u, name, size, e);
}

static int put(int fd, const char *data, size_t len, uint64_t at, struct err *e)
{
    while (len) {
        ssize_t n = pwrite(fd, data, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, "nothing is kept of it: it cannot be written");
        data += n;
        len -= (size_t)n;
        at += (uint64_t)n;
    }
    return 0;
}

static int take_extent(struct unbundle *u, int fd, struct bundle_extent x, struct err *e)
{
    while (x.len) {
        size_t n = x.len < PART_SIZE ? (size_t)x.len : PART_SIZE;
        if (get(u, u->part, n, e) < 0)
            return -1;
        sha256_update(u->sum, u->part, n);
        if (put(fd, u->part, n, x.at, e) < 0)
            return -1;
        x.at += n;
        x.len -= n;
    }
    return 0;
}

static int take_file(struct unbundle *u, enum bundle_part p, struct err *e)
{
    const struct bundle_file *f = &u->bundle.files[p];
    int fd = UNBUNDLE_PART_FD + (int)p;
    uint64_t size;

    if (next(u, bundle_part_name(p), &size, e) < 0)
        return -1;
    if (size != bundle_file_stored(f))
        return err_set(e, ERR_INVALID,
                       "a damaged bundle: %s is not as large as " BUNDLE_MANIFEST " says",
                       bundle_part_name(p));
    for (int i = 0; i < f->n_map; i++)
        if (take_extent(u, fd, f->map[i], e) < 0)
            return -1;
    if (ftruncate(fd, (off_t)f->size) < 0 || fsync(fd) < 0)
        return err_sys(e, "nothing is kept of it: it cannot be written");
    return end_member(u, bundle_part_name(p), size, e);
}

/* --- what the files are --- */

/* QEMU's docs/interop/qcow2.txt, "Header": big-endian, version 3 has feature bits behind byte 72.
 */
int unbundle_overlay(int fd, uint64_t *ret_size, struct err *e)
{
    uint8_t head[104] = { 0 };
    uint32_t magic, version, crypt;
    uint64_t features;

    if (pread(fd, head, sizeof head, 0) < 72)
        return err_set(e, ERR_INVALID, "its disk is no qcow2 file");
    memcpy(&magic, head, 4);
    memcpy(&version, head + 4, 4);
    memcpy(ret_size, head + 24, 8);
    memcpy(&crypt, head + 32, 4);
    memcpy(&features, head + 72, 8);
    if (be32toh(magic) != 0x514649fb || be32toh(version) < 2 || be32toh(version) > 3)
        return err_set(e, ERR_INVALID, "its disk is no qcow2 file");
    if (crypt)
        return err_set(e, ERR_INVALID, "its disk is encrypted, which roost's are not");
    if (be32toh(version) == 3 && be64toh(features) & 4)
        return err_set(
            e, ERR_INVALID,
            "its disk keeps its data in another file, which would be one of this host's");
    *ret_size = be64toh(*ret_size);
    return *ret_size && *ret_size <= BUNDLE_FILE_MAX
               ? 0
               : err_set(e, ERR_INVALID, "its disk has an impossible size");
}

/* A disk that stands alone: of that format by its content, naming no other file. pinned: what was
 * used as a raw disk is one, whatever its guest has made it begin with. */
static int check_disk(enum bundle_part p, const struct bundle_file *f, enum disk_format format,
                      bool pinned, uint64_t *ret_size, struct err *e)
{
    static const struct disk_kind raw = { "raw", DISK_RAW };
    static char head[DISK_HEAD_SIZE];
    const struct disk_kind *kind = &raw;
    ssize_t n = pread(UNBUNDLE_PART_FD + (int)p, head, sizeof head, 0);

    if (n < 0)
        return err_sys(e, "it cannot be read again");
    if (!(pinned && format == DISK_RAW) && disk_kind_of(head, (size_t)n, &kind, e) < 0)
        return -1;
    if (kind->format != format)
        return err_set(e, ERR_INVALID, "it is not what " BUNDLE_MANIFEST " says");
    *ret_size = disk_kind_size(kind, head, (size_t)n, f->size);
    return *ret_size && *ret_size <= BUNDLE_FILE_MAX
               ? 0
               : err_set(e, ERR_INVALID, "it has an impossible size");
}

/* What an image looks like that roost takes: not for a root disk that was used as it was. */
static int check_marks(const struct unbundle *u, struct err *e)
{
    static char head[DISK_HEAD_SIZE];
    bool marked;
    ssize_t n = bundle_root_in_place(&u->bundle)
                    ? 0
                    : pread(UNBUNDLE_PART_FD + BUNDLE_IMAGE_DISK, head, sizeof head, 0);

    if (n < 0)
        return err_sys(e, "it cannot be read again");
    return n == 0 ? 0
                  : disk_head_check(head, (size_t)n, u->bundle.files[BUNDLE_IMAGE_DISK].size,
                                    &marked, e);
}

/* The digest of its record; of what was a root disk nobody has made one. */
static int check_digest(struct unbundle *u, struct image *i, struct err *e)
{
    int fd = UNBUNDLE_PART_FD + BUNDLE_IMAGE_DISK;
    struct digest_stream *s = digest_new(DIGEST_SHA256);
    struct checksum sum;
    ssize_t n;
    off_t at = 0;

    for (; (n = pread(fd, u->part, PART_SIZE, at)) > 0; at += n)
        digest_update(s, u->part, (size_t)n);
    digest_final(s, &sum);
    if (n < 0)
        return err_sys(e, "its image");
    if (bundle_root_in_place(&u->bundle) && !i->sha256[0])
        memcpy(i->sha256, sum.hex, sizeof i->sha256);
    return strcmp(sum.hex, i->sha256) == 0
               ? 0
               : err_set(e, ERR_INVALID, "its image is not the one of its record (SHA-256)");
}

static int check_image(struct unbundle *u, struct err *e)
{
    struct image *i = &u->bundle.image;
    uint64_t size;

    if (check_marks(u, e) < 0 || check_disk(BUNDLE_IMAGE_DISK, &u->bundle.files[BUNDLE_IMAGE_DISK],
                                            i->format, bundle_root_in_place(&u->bundle), &size,
                                            e) < 0)
        return err_wrap(e, "its image");
    if (size != i->virtual_size)
        return err_set(e, ERR_INVALID, "its image is not what " BUNDLE_MANIFEST " says");
    return check_digest(u, i, e);
}

/* A larger one would have to shrink to what the definition says. */
static int check_drive(const struct unbundle *u, int k, struct err *e)
{
    enum bundle_part p = (enum bundle_part)(BUNDLE_DRIVE + k);
    const struct bundle_file *f = &u->bundle.files[p];
    const struct drive *d = &u->bundle.instance.spec.drives[k];
    uint64_t size;

    if (check_disk(p, f, f->format, true, &size, e) < 0)
        return err_wrap(e, "its disk %s", d->serial);
    return size <= d->size ? 0
                           : err_set(e, ERR_INVALID,
                                     "its disk %s is larger than " BUNDLE_MANIFEST " says",
                                     d->serial);
}

static int check_files(struct unbundle *u, struct err *e)
{
    uint64_t size;

    if (u->bundle.files[BUNDLE_DISK].there &&
        unbundle_overlay(UNBUNDLE_PART_FD + BUNDLE_DISK, &size, e) < 0)
        return -1;
    if (u->bundle.files[BUNDLE_IMAGE_DISK].there && check_image(u, e) < 0)
        return -1;
    for (int k = 0; k < DRIVES_MAX; k++)
        if (u->bundle.files[BUNDLE_DRIVE + k].there && check_drive(u, k, e) < 0)
            return -1;
    return 0;
}

/* --- all of it --- */

static int take_manifest(struct unbundle *u, struct err *e)
{
    auto_buf struct buf text = { .cap = BUNDLE_MANIFEST_MAX + 1 };
    json_error_t why;

    if (take_text(u, BUNDLE_MANIFEST, BUNDLE_MANIFEST_MAX, &text, e) < 0)
        return e->kind == ERR_INVALID && u->taken <= TAR_BLOCK
                   ? err_set(e, ERR_INVALID, "this is no bundle of roost")
                   : -1;
    if (!(u->manifest = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &why)))
        return err_set(e, ERR_INVALID, "a damaged bundle: " BUNDLE_MANIFEST " is no JSON");
    if (bundle_from_json(u->manifest, &u->bundle, e) < 0)
        return -1;
    for (int p = 0; p < BUNDLE_PARTS; p++)
        u->total += bundle_file_stored(&u->bundle.files[p]);
    return 0;
}

static int take_end(struct unbundle *u, struct err *e)
{
    auto_buf struct buf wanted = BUF_INIT, said = BUF_INIT;
    char zeros[2 * TAR_BLOCK];

    buf_put(&wanted, buf_str(&u->sums), u->sums.len);
    if (take_text(u, BUNDLE_SUMS, BUNDLE_SUMS_MAX, &said, e) < 0 ||
        get(u, zeros, sizeof zeros, e) < 0)
        return -1;
    if (strcmp(buf_str(&wanted), buf_str(&said)) != 0)
        return err_set(e, ERR_INVALID,
                       "the bundle is not what was written (SHA-256): it was altered "
                       "or is damaged");
    for (size_t i = 0; i < sizeof zeros; i++)
        if (zeros[i])
            return err_set(e, ERR_INVALID, "a damaged bundle: something follows its end");
    return 0;
}

static int take_all(struct unbundle *u, struct err *e)
{
    if (take_manifest(u, e) < 0)
        return -1;
    for (int p = 0; p < BUNDLE_PARTS; p++)
        if (u->bundle.files[p].there && take_file(u, (enum bundle_part)p, e) < 0)
            return -1;
    return take_end(u, e) < 0 ? -1 : check_files(u, e);
}

int unbundle_run(int from)
{
    struct unbundle u = { .from = from, .part = malloc(PART_SIZE), .sums = BUF_INIT };
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };
    int r = u.part ? take_all(&u, &e) : -1;
    auto_free char *text = NULL;
    char line[sizeof e.text + 64];

    if (r == 0) {
        /* Where the bytes lay is of no use any more, and may be megabytes of numbers. */
        for (int p = 0; p < BUNDLE_PARTS; p++)
            u.bundle.files[p].n_map = 0;
        json_t *checked = bundle_to_json(&u.bundle);
        text = checked ? json_dumps(checked, JSON_COMPACT) : NULL;
        json_decref(checked);
        r = text ? 0 : -1;
    }
    if (r == 0) {
        say("bundle ", 7);
        say(text, strlen(text));
        say("\n", 1);
    } else {
        control_mask(e.text);
        snprintf(line, sizeof line, "error %s %s\n", err_kind_name(e.kind), e.text);
        say(line, strlen(line));
    }
    bundle_done(&u.bundle);
    json_decref(u.manifest);
    buf_done(&u.sums);
    free(u.part);
    return r;
}
