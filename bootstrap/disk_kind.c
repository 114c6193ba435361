#include "bootstrap/disk_kind.h"

#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"

#define ALONE "an image stands alone, make it with `qemu-img convert -O qcow2`"

/* The one reader: nothing beyond len, 0 there. */
struct head {
    const uint8_t *p;
    size_t len;
};

static uint64_t big(const struct head *h, size_t at, size_t size)
{
    uint64_t v = 0;

    for (size_t i = 0; i < size && at + size <= h->len; i++)
        v = v << 8 | h->p[at + i];
    return v;
}

static uint64_t little(const struct head *h, size_t at, size_t size)
{
    uint64_t v = 0;

    for (size_t i = size; i-- > 0 && at + size <= h->len;)
        v = v << 8 | h->p[at + i];
    return v;
}

/* A name in it, for people. */
static const char *text_at(const struct head *h, uint64_t at, uint64_t size, char out[128])
{
    size_t n = 0;

    for (; n < size && n < 127 && at < h->len && n < h->len - at && h->p[at + n]; n++)
        out[n] = h->p[at + n] >= 0x20 && h->p[at + n] < 0x7f ? (char)h->p[at + n] : '?';
    out[n] = '\0';
    return n ? out : "?";
}

/* QEMU's docs/interop/qcow2.txt, Header: version at 4, backing file's name at 8 and its length at
 * 16, encryption at 32, incompatible features at 72 (bit 2: external data file). */
static int check_qcow2(const struct head *h, struct err *e)
{
    uint64_t version = big(h, 4, 4), backing = big(h, 8, 8), crypt = big(h, 32, 4);
    char name[128];

    if (h->len < 72 || (version != 2 && version != 3) || (version == 3 && h->len < 104))
        return err_set(e, ERR_INVALID,
                       "it begins like a qcow2 file of version %llu, which is none of 2 and 3 (cut "
                       "off?)",
                       (unsigned long long)version);
    if (backing)
        return err_set(e, ERR_INVALID, "it hangs on a backing file (%s): " ALONE,
                       text_at(h, backing, big(h, 16, 4), name));
    if (version == 3 && big(h, 72, 8) & 4)
        return err_set(e, ERR_INVALID, "it keeps its data in another file: " ALONE);
    if (crypt)
        return err_set(e, ERR_INVALID, "it is encrypted: an image is a plain qcow2 or raw file");
    return 0;
}

static bool holds(const struct head *h, size_t at, size_t size, const char *word)
{
    if (at > h->len || size > h->len - at)
        return false;
    return memmem(h->p + at, size, word, strlen(word)) != NULL;
}

/* VMware's Virtual Disk Format 1.1, Hosted Sparse Extents: capacity at 12, the descriptor's place
 * and size at 28 and 36, in sectors. A descriptor alone (no capacity) names its extents by path. */
static int check_vmdk(const struct head *h, struct err *e)
{
    uint64_t at = little(h, 28, 8), size = little(h, 36, 8);

    if (!little(h, 12, 8) || at > h->len / 512 || size > h->len / 512 ||
        (at + size) * 512 > h->len || !at)
        return err_set(e, ERR_INVALID,
                       "its VMDK descriptor is not at its beginning, so that it cannot be seen "
                       "which files it names: convert it with `qemu-img convert -O qcow2`");
    if (holds(h, at * 512, size * 512, "parentFileNameHint"))
        return err_set(e, ERR_INVALID, "it hangs on a parent disk: " ALONE);
    return 0;
}

static int check_descriptor(const struct head *h, struct err *e)
{
    (void)h;
    return err_set(e, ERR_INVALID,
                   "it is a VMDK descriptor, which only names the files of a disk: " ALONE);
}

/* The footer's copy at the beginning (Virtual Hard Disk Image Format Specification, Hard Disk
 * Footer Format): disk type at 60, 4 is differencing. */
static int check_vpc(const struct head *h, struct err *e)
{
    if (big(h, 60, 4) == 4)
        return err_set(e, ERR_INVALID, "it hangs on a parent disk: " ALONE);
    return 0;
}

static int check_nothing(const struct head *h, struct err *e)
{
    (void)h, (void)e;
    return 0;
}

static const struct row {
    struct disk_kind kind;
    size_t at;
    const char *magic;
    size_t len;
    int (*check)(const struct head *h, struct err *e);
} rows[] = {
#define MAGIC(m) m, sizeof(m) - 1
    { { "qcow2", DISK_QCOW2 }, 0, MAGIC("QFI\xfb"), check_qcow2 },
    { { "vmdk", DISK_NONE }, 0, MAGIC("KDMV"), check_vmdk },
    { { "vmdk", DISK_NONE }, 0, MAGIC("# Disk DescriptorFile"), check_descriptor },
    { { "vhdx", DISK_NONE }, 0, MAGIC("vhdxfile"), check_nothing },
    { { "vpc", DISK_NONE }, 0, MAGIC("conectix"), check_vpc },
    { { "vdi", DISK_NONE }, 0x40, MAGIC("\x7f\x10\xda\xbe"), check_nothing },
#undef MAGIC
};

int disk_kind_of(const void *head, size_t len, const struct disk_kind **ret, struct err *e)
{
    static const struct disk_kind raw = { "raw", DISK_RAW };
    const struct head h = { head, len };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (len < rows[i].at + rows[i].len ||
            memcmp(h.p + rows[i].at, rows[i].magic, rows[i].len) != 0)
            continue;
        if (rows[i].check(&h, e) < 0)
            return -1;
        *ret = &rows[i].kind;
        return 0;
    }
    *ret = &raw;
    return 0;
}

/* qcow2.txt, Header: the size is at 24. A raw file's last part of a sector counts as one, as QEMU
 * has it. */
uint64_t disk_kind_size(const struct disk_kind *k, const void *head, size_t len, uint64_t file_size)
{
    const struct head h = { head, len };

    if (k->format == DISK_RAW)
        return (file_size + 511) / 512 * 512;
    return k->format == DISK_QCOW2 ? big(&h, 24, 8) : 0;
}
