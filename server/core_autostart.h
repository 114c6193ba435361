/* The inside of autostart: core_autostart.c starts guests in their turn, core_waitlist.c tells who
 * waits for his. */
#ifndef SERVER_CORE_AUTOSTART_H
#define SERVER_CORE_AUTOSTART_H

#include <jansson.h>

#include "server/core_priv.h"

enum turn { TURN_WAITS, TURN_BOOTS, TURN_OVER };

struct starter {
    struct name name;
    unsigned order;
    enum turn turn;
    bool told; /* that its network is not up: it has failed for now, and starts when that is */
};

struct autostart {
    struct core *c;
    struct starter *list;
    size_t n, size;
    bool changed; /* since it was put on record */
};

/* --- core_waitlist.c --- */
/* Who waits for its turn, and for whom: a copy, for threads too. */
struct queued {
    struct name name;
    size_t place; /* from 1 on */
};
#define BOOTING_NAMED 3
struct waitlist {
    struct queued *list; /* by name */
    size_t n, waiting;   /* waiting: in all, also where the list is of one guest */
    struct name booting[BOOTING_NAMED];
    size_t n_booting; /* in all, named or not */
};
/* Of all guests, or (not NULL) of that one. Without memory nobody waits. */
void waitlist_of(const struct core *c, const char *only, struct waitlist *ret);
void waitlist_done(struct waitlist *w);
const struct queued *waitlist_find(const struct waitlist *w, const char *name); /* NULL: no */
/* "waits for its turn to start, 2 of 5; booting now: db, cache". */
void waitlist_note(const struct waitlist *w, const struct queued *q, char *out, size_t size);
json_t *waitlist_json(const struct waitlist *w, const struct queued *q); /* {place, of, behind} */

size_t autostart_waiting(const struct core *c);
json_t *autostart_json(const struct core *c); /* {waiting, booting}: how many */

#endif
