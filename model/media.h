/* What is put into a guest beside its own disk, and what it boots from. */
#ifndef MODEL_MEDIA_H
#define MODEL_MEDIA_H

#include <jansson.h>
#include <stdbool.h>

#include "base/msg.h"

enum boot { BOOT_DISK, BOOT_CDROM, BOOT_NETWORK, BOOTS };
const char *boot_name(enum boot b); /* "disk" … */

#define MEDIA_FILE_MAX 511

/* All zero: no drive, boots from its disk. */
struct media {
    bool cdrom;                   /* it has a CD-ROM drive */
    char iso[MEDIA_FILE_MAX + 1]; /* what is in it, an absolute path; "": nothing */
    enum boot boot;               /* first; the others that it has follow */
};

/* Absolute, printable ASCII, without "." and ".." components and doubled slashes. */
int media_file_check(const char *s, struct err *e);
/* What goes together: to boot from a CD-ROM takes a drive. */
int media_check(const struct media *m, struct err *e);

/* As a field of a message; get fails the cursor over anything that media_check() refuses. */
void media_put(struct buf *b, const struct media *m);
void media_get(struct msg_cur *c, struct media *ret);

/* --- media_words.c: as the operator writes it --- */
struct spot;
/* `cdrom`: a path, `empty` (a drive without a medium) or `none`. */
int media_read_cdrom(struct media *m, const json_t *v, const struct spot *at, struct err *e);
int media_read_boot(struct media *m, const json_t *v, const struct spot *at, struct err *e);
/* New references; NULL: nothing to say. */
json_t *media_emit_cdrom(const struct media *m);
json_t *media_emit_boot(const struct media *m);

#endif
