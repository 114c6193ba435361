#include "base/tar.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Where the fields lie (pax(1), "ustar Interchange Format"). */
enum {
    AT_NAME = 0,
    AT_MODE = 100,
    AT_UID = 108,
    AT_GID = 116,
    AT_SIZE = 124,
    AT_MTIME = 136,
    AT_SUM = 148,
    AT_TYPE = 156,
    AT_MAGIC = 257,
};
#define SUM_SIZE 8

static bool name_ok(const char *name)
{
    size_t len = strnlen(name, TAR_NAME_MAX + 1);

    if (len == 0 || len > TAR_NAME_MAX || name[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        if (name[i] <= ' ' || name[i] == '/' || name[i] > '~')
            return false;
    return true;
}

/* The sum of all bytes, those of the sum itself taken as spaces. */
static unsigned sum(const uint8_t *block)
{
    unsigned s = 0;

    for (int i = 0; i < TAR_BLOCK; i++)
        s += i >= AT_SUM && i < AT_SUM + SUM_SIZE ? ' ' : block[i];
    return s;
}

/* Digits and a NUL into a field of `width` bytes. */
static void put_octal(uint8_t *field, int width, uint64_t v)
{
    for (int i = width - 2; i >= 0; i--, v >>= 3)
        field[i] = (uint8_t)('0' + (v & 7));
    field[width - 1] = '\0';
}

/* GNU tar's form of what eleven digits do not hold (tar manual, "Extensions"): big-endian. */
static void put_size(uint8_t *field, uint64_t v)
{
    if (v <= TAR_OCTAL_MAX) {
        put_octal(field, 12, v);
        return;
    }
    for (int i = 11; i > 0; i--, v >>= 8)
        field[i] = (uint8_t)v;
    field[0] = 0x80;
}

int tar_header(const struct tar_member *m, uint8_t out[TAR_BLOCK], struct err *e)
{
    char digits[16];

    if (!name_ok(m->name))
        return err_set(e, ERR_INVALID, "\"%.40s\" cannot be the name of an archive's member",
                       m->name);
    if (m->size > TAR_SIZE_MAX || m->mtime_s < 0 || (uint64_t)m->mtime_s > TAR_OCTAL_MAX)
        return err_set(e, ERR_TOO_BIG, "%s: too large for an archive", m->name);
    memset(out, 0, TAR_BLOCK);
    memcpy(out + AT_NAME, m->name, strlen(m->name));
    put_octal(out + AT_MODE, 8, 0600);
    put_octal(out + AT_UID, 8, 0);
    put_octal(out + AT_GID, 8, 0);
    put_size(out + AT_SIZE, m->size);
    put_octal(out + AT_MTIME, 12, (uint64_t)m->mtime_s);
    out[AT_TYPE] = '0';
    memcpy(out + AT_MAGIC, "ustar\00000", 8);
    snprintf(digits, sizeof digits, "%06o", sum(out));
    memcpy(out + AT_SUM, digits, 7);
    out[AT_SUM + 7] = ' ';
    return 0;
}

/* -1: not what put_octal writes (a space instead of the NUL is what others write). */
static int get_octal(const uint8_t *field, int width, uint64_t *ret)
{
    uint64_t v = 0;
    int i = 0;

    for (; i < width && field[i] >= '0' && field[i] <= '7'; i++)
        v = v << 3 | (uint64_t)(field[i] - '0');
    if (i == 0)
        return -1;
    for (; i < width; i++)
        if (field[i] != '\0' && field[i] != ' ')
            return -1;
    *ret = v;
    return 0;
}

/* One that digits would hold is not written so. */
static int get_size(const uint8_t *field, uint64_t *ret)
{
    uint64_t v = 0;

    if (field[0] != 0x80)
        return get_octal(field, 12, ret);
    if (field[1] || field[2] || field[3])
        return -1;
    for (int i = 4; i < 12; i++)
        v = v << 8 | field[i];
    *ret = v;
    return v > TAR_OCTAL_MAX && v <= TAR_SIZE_MAX ? 0 : -1;
}

static bool all_zero(const uint8_t *block)
{
    for (int i = 0; i < TAR_BLOCK; i++)
        if (block[i])
            return false;
    return true;
}

int tar_parse(const uint8_t block[TAR_BLOCK], struct tar_member *ret, struct err *e)
{
    struct tar_member m = { .size = 0 };
    uint64_t said, mtime;

    if (all_zero(block))
        return 0;
    if (memcmp(block + AT_MAGIC, "ustar", 5) != 0)
        return err_set(e, ERR_INVALID, "not a tar archive");
    if (get_octal(block + AT_SUM, SUM_SIZE, &said) < 0 || said != sum(block))
        return err_set(e, ERR_INVALID, "a damaged archive: the sum of a header is wrong");
    memcpy(m.name, block + AT_NAME, sizeof m.name);
    if (block[AT_NAME + TAR_NAME_MAX] || !name_ok(m.name) ||
        (block[AT_TYPE] != '0' && block[AT_TYPE] != '\0'))
        return err_set(e, ERR_INVALID, "an archive with a member that is no plain file here");
    if (get_size(block + AT_SIZE, &m.size) < 0 ||
        get_octal(block + AT_MTIME, 12, &mtime) < 0)
        return err_set(e, ERR_INVALID, "%s: its size or time in the archive is no number", m.name);
    m.mtime_s = (int64_t)mtime;
    *ret = m;
    return 1;
}

unsigned tar_padding(uint64_t size)
{
    return (unsigned)(-size & (TAR_BLOCK - 1));
}
