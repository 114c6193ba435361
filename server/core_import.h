/* Files of images on their way into the state directory: downloaded (core_import_fetch.c) or
 * copied, digested and looked at (core_import_file.c), given to qemu-img (core_import_disk.c), and
 * put in place when all of them are right. core_import.c is the course of it. */
#ifndef SERVER_CORE_IMPORT_H
#define SERVER_CORE_IMPORT_H

#include <stdatomic.h>

#include "bootstrap/disk_kind.h"
#include "model/image.h"
#include "server/core_task.h"

/* Downloads what has a URL. Tells the task (NULL: none) how far it is; result: image as canonical
 * JSON. */
void core_image_import(struct core *c, const struct image *i, const struct image_source *src,
                       struct task *task, core_op_fn *done, void *arg);
/* One under way; NULL: none. */
struct import *import_find(const struct core *c, const char *image);
void import_cancel(struct import *m); /* it ends soon, with ERR_BUSY */
void imports_cancel(struct core *c);  /* what is copied is given up */
void imports_free(struct core *c);    /* after the copier; who waits is told */

/* --- between its files --- */

#define FILE_SOURCE "source" /* the disk as it came */
enum part { PART_DISK, PART_KERNEL, PART_INITRD, PARTS };

struct fetch;
struct import {
    struct import *next; /* of those under way */
    struct core *c;
    struct image image;
    struct checksum want;
    bool disk; /* there is one */
    int from[PARTS];
    char tmp[PATH_SIZE + 128], dir[PATH_SIZE + 128];
    const struct disk_kind *kind;
    bool failed; /* until the worker is done */
    struct err err;
    atomic_bool cancelled;
    struct task *task;   /* NULL: nobody follows it */
    struct fetch *fetch; /* it is downloaded, into */
    int to;
    bool packed;         /* and unpacked on the way */
    struct child *child; /* qemu-img converts it or looks at it */
    core_op_fn *done;
    void *arg;
};

/* --- core_import_end.c --- */
/* It is over, with what went wrong. */
void import_refuse(struct import *m, struct err *e);
/* All of it is there: it gets its name, and who waits is told. */
void import_put_in_place(struct import *m);
/* How far it is, to who follows it. */
void import_step(struct import *m, const char *what);
/* The directory of no name, empty. */
int import_stage(struct import *m, struct err *e);

/* --- core_import_file.c: in the copier --- */
/* Below the directory of no name. */
#define IMPORT_PATH (PATH_SIZE + 160)
void import_path(const struct import *m, const char *name, char out[IMPORT_PATH]);
/* What is to be copied; then the source is digested, known by its content and, if it is one of
 * roost's formats, the disk. ERR_BUSY: it was cancelled. */
int import_bring(struct import *m, struct err *e);
/* A converted disk takes the source's place. */
int import_settle(struct import *m, struct err *e);

/* --- core_import_fetch.c --- */
int import_fetch(struct import *m, const struct image_source *src, struct err *e);

/* --- core_import_disk.c: the next step follows by itself --- */
/* What is to be brought in is, and looked at or converted then. */
int import_copy(struct import *m, struct err *e);
/* By qemu-img. */
void import_look(struct import *m);
void import_convert(struct import *m);

#endif
