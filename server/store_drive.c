/* Which instances have which files as disks. */
#include "server/store_priv.h"

int store_drive_files_clear(struct store *s, int64_t instance, struct err *e)
{
    return store_write(s, S_DRIVE_CLEAR, e, "i", instance) < 0 ? -1 : 0;
}

int store_drive_file_put(struct store *s, const struct drive_claim *d, struct err *e)
{
    return store_write(s, S_DRIVE_PUT, e, "itii", d->instance, d->file, (int64_t)d->writes,
                       (int64_t)d->format) < 0
               ? -1
               : 0;
}

/* n as of store_row(). */
static int read_claim(struct store *s, enum stmt id, int n, struct drive_claim *ret, struct err *e)
{
    sqlite3_stmt *st = s->stmt[id];

    if (n == 1) {
        ret->instance = sqlite3_column_int64(st, 0);
        ret->writes = sqlite3_column_int(st, 2) != 0;
        int format = sqlite3_column_int(st, 3);
        ret->format = (enum disk_format)format;
        if (!store_text(st, 1, ret->file, sizeof ret->file) ||
            !store_text(st, 4, ret->name.s, sizeof ret->name.s) || format < 0 ||
            format >= DISK_FORMATS)
            n = store_damaged(s, e, "file of a disk");
    }
    store_reset(st);
    return n;
}

int store_drive_files(struct store *s, store_drive_fn *fn, void *arg, struct err *e)
{
    struct drive_claim d = { .instance = 0 };

    for (;;) {
        sqlite3_stmt *st;
        int n = store_row(s, S_DRIVE_AFTER, &st, e, "it", d.instance, d.file);
        n = read_claim(s, S_DRIVE_AFTER, n, &d, e);
        if (n <= 0)
            return n;
        int end = fn(&d, arg);
        if (end)
            return end;
    }
}

int store_drive_file_get(struct store *s, int64_t instance, const char *file,
                         struct drive_claim *ret, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_DRIVE_GET, &st, e, "it", instance, file);

    return read_claim(s, S_DRIVE_GET, n, ret, e);
}
