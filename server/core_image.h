/* Images: core_image.c is what is on record of them, core_image_make.c (a task that makes one) and
 * core_image_remove.c change it; core_image_source.c is what an operator named as the source. How
 * the files come in is core_import.h. */
#ifndef SERVER_CORE_IMAGE_H
#define SERVER_CORE_IMAGE_H

#include "model/image.h"
#include "server/core_task.h"

/* --- core_image.c: what is on record --- */
/* The event, by whom, in the transaction that makes it so. */
int image_note(struct core *c, enum event_kind k, const char *name, const char *who, struct err *e);
/* ERR_BUSY: an apply may be about to use any of them. */
int image_no_apply(const struct core *c, struct err *e);
/* A descriptor of the directory that they are in; ERR_NOT_FOUND: there has never been one. */
int images_dir(const struct core *c, struct err *e);
/* The thread that reads and writes whole disks; made when somebody needs it. */
struct worker *core_copier(struct core *c, struct err *e);

/* --- core_image_make.c --- */
task_resume_fn core_image_resume;

/* --- core_image_source.c: where they come from --- */
struct stat;
/* A descriptor, and what it is; -1 with why that file will not do. */
int image_file_open(const char *image, bool disk, const char *file, struct stat *ret,
                    struct err *e);
/* Are its files there, readable, and what they should be, as far as that can be told in no time? */
struct image_sight {
    bool bootable;         /* something says that a guest can boot from it */
    uint64_t virtual_size; /* bytes; 0: no disk, or not known yet */
};
int core_image_check(const char *image, const struct image_source *src, struct image_sight *ret,
                     struct err *e);
/* Changes when the files behind the source do (path, inode, size, mtime) or its checksum. */
void core_image_stamp(const struct image_source *src, char hex[65]);
/* The first of its files that is not there (any more); NULL: all are. */
const char *core_image_missing(const struct image_source *src);

#endif
