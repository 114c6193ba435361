#include "bootstrap/disk_head.h"

#include <string.h>

#include "base/cleanup.h"

#define SECTOR 512

/* Marks by their place: of disks and file systems, and of what people take for them by mistake. */
static const struct mark {
    size_t at;
    const char *bytes;
    size_t len;
    const char *is; /* NULL: a disk; else what it is, and what to do */
} marks[] = {
#define MARK(at, bytes, is)                                                                        \
    {                                                                                              \
        at, bytes, sizeof(bytes) - 1, is                                                           \
    }
    /* Formats of qemu-img, which says itself which of them will not do. */
    MARK(0, "QFI\xfb", NULL),
    MARK(0, "KDMV", NULL),
    MARK(0, "# Disk DescriptorFile", NULL),
    MARK(0, "vhdxfile", NULL),
    MARK(0, "conectix", NULL),
    MARK(0x40, "\x7f\x10\xda\xbe", NULL), /* VDI */
    /* Raw ones. */
    MARK(510, "\x55\xaa", NULL),   /* boot sector; protective before a GPT (UEFI 5.2.3), FAT */
    MARK(512, "EFI PART", NULL),   /* GPT (UEFI 5.3.2) … */
    MARK(4096, "EFI PART", NULL),  /* … with sectors of 4 KiB */
    MARK(32769, "CD001", NULL),    /* ISO 9660 (ECMA-119 8.1) */
    MARK(1080, "\x53\xef", NULL),  /* ext2, 3, 4 */
    MARK(0, "XFSB", NULL),         /* XFS */
    MARK(65600, "_BHRfS_M", NULL), /* btrfs */
    MARK(1024, "\x10\x20\xf5\xf2", NULL), /* F2FS */
    MARK(1024, "\xe2\xe1\xf5\xe0", NULL), /* EROFS */
    MARK(0, "hsqs", NULL),                /* SquashFS */
    MARK(536, "LABELONE", NULL),          /* LVM */
    MARK(0, "LUKS\xba\xbe", NULL),
    /* What is no disk yet. */
    MARK(0, "\x1f\x8b", "compressed by gzip: unpack it first (gunzip)"),
    MARK(0,
         "\xfd"
         "7zXZ",
         "compressed by xz: unpack it first (unxz)"),
    MARK(0, "\x28\xb5\x2f\xfd", "compressed by zstd: unpack it first (unzstd)"),
    MARK(0, "BZh", "compressed by bzip2: unpack it first (bunzip2)"),
    MARK(0, "PK\x03\x04", "a zip archive: unpack it first (unzip)"),
    MARK(257, "ustar", "a tar archive: unpack it first (tar -x)"),
    MARK(0, "070701", "a cpio archive: that is an initrd, not a disk"),
    MARK(0,
         "\x7f"
         "ELF",
         "a program"),
#undef MARK
};

static const struct mark *find(const void *head, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
        if (len >= marks[i].at + marks[i].len &&
            memcmp((const char *)head + marks[i].at, marks[i].bytes, marks[i].len) == 0)
            return &marks[i];
    return NULL;
}

/* A page that a server sent instead of the image, a script, a list of checksums. */
static bool is_text(const unsigned char *s, size_t len)
{
    size_t n = len < SECTOR ? len : SECTOR;

    for (size_t i = 0; i < n; i++)
        if (s[i] == 0x7f || (s[i] < 0x20 && !memchr("\t\n\f\r\x1b", s[i], 5)))
            return false;
    return n > 0;
}

int disk_head_check(const void *head, size_t len, uint64_t file_size, bool *ret_marked,
                    struct err *e)
{
    const struct mark *m = find(head, len);

    if (m && m->is)
        return err_set(e, ERR_INVALID, "it is no disk image, but %s", m->is);
    if (!m && file_size == 0)
        return err_set(e, ERR_INVALID, "it is empty");
    if (!m && is_text(head, len))
        return err_set(e, ERR_INVALID,
                       "it is text, no disk image: a qcow2 or raw file is wanted (has a server "
                       "answered with a page instead of the image?)");
    if (!m && file_size % SECTOR != 0)
        return err_set(e, ERR_INVALID,
                       "it does not look like a disk image: no partition table, no file system, "
                       "and %llu bytes are no whole number of sectors (cut off?)",
                       (unsigned long long)file_size);
    *ret_marked = m != NULL;
    return 0;
}
