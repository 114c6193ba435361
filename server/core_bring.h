/* Guests that come from another host (model/bundle.h): core_bring.c is the course of an import,
 * one step behind the other; what a step does is in core_bring_check.c (what it needs here),
 * core_bring_disk.c (disks of there become ones of here), core_bring_files.c (the directory of no
 * name, and its place) and core_bring_record.c. */
#ifndef SERVER_CORE_BRING_H
#define SERVER_CORE_BRING_H

#include "base/spawn.h"
#include "model/bundle.h"
#include "server/core_priv.h"

/* At the start: what an import that was interrupted has left goes. */
int brings_clean(struct core *c, struct err *e);
void brings_free(struct core *c);

/* --- between its files --- */

struct errand;
struct moving {
    struct core *c;
    struct task *task;
    struct actor who;
    char file[PATH_SIZE];
    struct name as, network; /* "" as the bundle says */
    int from, parts[BUNDLE_PARTS];
    struct errand *errand; /* roost-unbundle at work */
    struct child *child;   /* qemu-img at work */
    int drive;             /* the part that it works on */
    void (*disks_done)(struct moving *m, const struct err *err);
    bool cancelled, failed;
    struct err err; /* of a thread's part, when it failed */
    struct bundle bundle;
    struct name image;  /* that it is to stand on here */
    bool brings_image;  /* and that comes with it */
    struct buf remarks; /* for people, each behind "; " */
    json_t *notes;      /* the same, one by one; NULL: none */
    json_t *result;
    core_op_fn *done; /* of who asked; told as soon as the task is on record */
    void *arg;
};

/* --- core_bring_files.c --- */
#define BRING_STAGE ".move" /* in DIR_INSTANCES: the directory of no name */
/* On record that an import is under way, and which names in DIR_INSTANCES and DIR_IMAGES will be
 * its; "-" while one is not known. */
int bring_note(struct core *c, const char *name, const char *image, struct err *e);
/* It is over: what lies there stays. */
int bring_note_end(struct core *c, struct err *e);
/* The directory of no name, with a file open for each part. */
int bring_stage(struct moving *m, struct err *e);
void bring_unstage(struct core *c);
/* From there to their names, and on disk. */
int bring_place(struct moving *m, struct err *e);
/* What of it is under its name and not on record goes. */
void bring_unplace(struct moving *m);

/* --- core_bring_disk.c --- */
/* They are made this host's where they lie now; done() once, unless it is refused here. */
int bring_disks(struct moving *m, void (*done)(struct moving *m, const struct err *err),
                struct err *e);

/* --- core_bring_check.c --- */
/* Does anybody here have what can be only one's: name, tag, uuid, MAC, instance-id? ERR_CONFLICT
 * says who. What the insertion looks at too, before anything is moved; and what it does not. */
int bring_check(struct moving *m, struct err *e);
/* What the bundle says of network and image becomes what they are called here. ERR_CONFLICT: there
 * is none that fits. */
int bring_find_network(struct moving *m, struct err *e);
int bring_find_image(struct moving *m, struct err *e);
/* As it will be here: what an apply asks of an instance beside that. */
int bring_fits(struct moving *m, struct err *e);
/* Says so in the remarks, and takes out of it what names files of the other host. */
void bring_remark(struct moving *m);

/* --- core_bring_record.c --- */
/* What people should know: it stands in its event, and in the task. */
void bring_say(struct moving *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* All of it or nothing, and the note's end with it; on disk when the turn is committed. */
int bring_record(struct moving *m, struct err *e);

#endif
