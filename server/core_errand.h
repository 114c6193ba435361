/* Errands: a program of roost's runs for one piece of work, in a process of its own without rights
 * that lives as long as that (roost-fetch, roost-unbundle). It gets descriptors and no paths, and
 * tells by lines "WORD VALUE". It reads strangers' bytes, so each word is checked: after one that
 * it may not tell it is killed, and nothing of it counts. */
#ifndef SERVER_CORE_ERRAND_H
#define SERVER_CORE_ERRAND_H

#include <stddef.h>
#include <stdint.h>

#include "base/spawn.h"

#define ERRAND_FDS_MAX 24
#define ERRAND_LAST    1

struct errand_word {
    const char *word;
    /* value is valid UTF-8 and may be written to. 0; ERRAND_LAST: with this all is told, no other
     * line may follow; -1: that cannot be. Ends neither the errand nor what arg is. */
    int (*take)(char *value, void *arg);
};

/* A kind of errand. Two words are in every one's: "progress BYTES TOTAL" and "error KIND TEXT". */
struct errand_kind {
    const char *program;              /* beside roost-core */
    int say_fd;                       /* the number, there, of what it tells to */
    size_t line_max;                  /* bytes of a line */
    rlim_t max_memory, max_file_size; /* bytes, 0: none */
    const struct errand_word *words;
    size_t n_words;
    void (*progress)(uint64_t bytes, uint64_t total, void *arg); /* total 0: not known */
    /* Once, and the handle is gone. err NULL: its last word was told, and it ended well. */
    void (*done)(const struct err *err, void *arg);
};

struct errand;
/* in: its standard input, -1 for none. fds: at most ERRAND_FDS_MAX. All of them stay the
 * caller's; *k outlives the errand. */
struct errand *errand_begin(struct loop *l, const struct errand_kind *k, int in,
                            const struct spawn_fd *fds, int n_fds, void *arg, struct err *e);
void errand_cancel(struct errand *r); /* done() tells, ERR_BUSY */
void errand_free(struct errand *r);   /* without a word; NULL is fine */

#endif
