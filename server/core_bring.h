/* Guests that come from another host (model/bundle.h): core_bring.c is the course of an import,
 * one step behind the other; what a step does is in core_bring_check.c (what it needs here),
 * core_bring_files.c (the directory of no name, and its place) and core_bring_record.c. */
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
    bool cancelled;
    struct bundle bundle;
    struct name image;  /* that it is to stand on here */
    bool brings_image;  /* and that comes with it */
    struct buf remarks; /* for people */
    json_t *result;
    core_op_fn *done; /* of who asked; told as soon as the task is on record */
    void *arg;
};

/* --- core_bring_files.c --- */
/* On record that an import is under way, and which names in DIR_INSTANCES and DIR_IMAGES will be
 * its; "-" while one is not known. */
int bring_note(struct core *c, const char *name, const char *image, struct err *e);
/* It is over: what lies there stays. */
int bring_note_end(struct core *c, struct err *e);
/* The directory of no name, with a file open for each part. */
int bring_stage(struct moving *m, struct err *e);
void bring_unstage(struct core *c);
/* qemu-img tells the overlay, still there, what it stands on here; m->child until `done`. */
int bring_rebase(struct moving *m, child_done_fn *done, struct err *e);
/* From there to their names, and on disk. */
int bring_place(struct moving *m, struct err *e);
/* What of it is under its name and not on record goes. */
void bring_unplace(struct moving *m);

/* --- core_bring_check.c --- */
/* Does anybody here have what can be only one's: name, tag, uuid, MAC, instance-id? ERR_CONFLICT
 * says who. What the insertion looks at too, before anything is moved; and what it does not. */
int bring_check(struct moving *m, struct err *e);
/* What the bundle says of network and image becomes what they are called here. ERR_CONFLICT: there
 * is none that fits. */
int bring_find_network(struct moving *m, struct err *e);
int bring_find_image(struct moving *m, struct err *e);

/* --- core_bring_record.c --- */
/* All of it or nothing, and the note's end with it; on disk when the turn is committed. */
int bring_record(struct moving *m, struct err *e);

#endif
