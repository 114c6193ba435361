/* Hooks: programs of the operator's that are told of events. One `[hook NAME]` section of
 * roost.conf is one of them; part of server/config.h. */
#ifndef SERVER_HOOK_H
#define SERVER_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "model/event.h"
#include "model/name.h"

#define HOOKS_MAX        16
#define HOOK_KEYS_MAX    8
#define HOOK_COMMAND_MAX 900 /* a line of roost.conf holds it */
#define HOOK_LIST_MAX    512
#define HOOK_SECTION     "hook " /* what begins the name of such a section */

struct hook {
    struct name name;
    uint64_t events;                    /* 1 << enum event_kind; 0 not said */
    char command[HOOK_COMMAND_MAX + 1]; /* words between blanks; the first is a path; "" not said */
    char instances[HOOK_LIST_MAX + 1];  /* globs between commas; "" all */
    char groups[HOOK_LIST_MAX + 1];     /* likewise */
    char user[64];                      /* system mode: whom it runs as; "" roost-core's own user */
    int64_t limit;                      /* ms */
    unsigned retries;
    int64_t retry_first; /* ms before the second attempt, doubles */
    /* Who said what, by the place in the table of keys. */
    uint8_t from[HOOK_KEYS_MAX]; /* enum config_from */
    uint16_t line[HOOK_KEYS_MAX];
};
_Static_assert(EV_KINDS <= 64, "a set of event kinds has 64 places");

struct config_row;
/* Its keys: rows of the same kind as those of the other sections, over a struct hook. */
const struct config_row *hook_rows(size_t *ret_n);
const struct config_row *hook_row(const char *key); /* NULL: no such key */
size_t hook_row_index(const struct config_row *r);
/* Complains about a key that is not there, naming those that are. */
int hook_unknown_key(const char *name, const char *key, struct err *e);

/* "hook mail" as the name of a section: 1 and the name, 0 another kind of section, -1 no name. */
int hook_section(const char *section, struct name *ret, struct err *e);
/* The one of that name, made with its built-in values when there is none yet and room for it. */
struct config;
struct hook *hook_open(struct config *c, const struct name *name, struct err *e);
/* The message is "[hook NAME] key: what, what would be right". */
int hook_put(struct hook *h, const struct config_row *r, const char *text, uint8_t from,
             uint16_t line, struct err *e);
/* What is missing, and what cannot be in this mode (rootless: another user). */
int hook_check(const struct hook *h, bool system, struct err *e);
/* Is its program there? ERR_NOT_FOUND, ERR_DENIED, with what to do. */
int hook_check_program(const struct hook *h, struct err *e);

/* Is it to hear of that event? `groups` of the instance the event is about (NULL: of none). */
bool hook_hears(const struct hook *h, const struct event *ev, const struct name *groups, int n);

void hook_encode(const struct hook *h, struct buf *out);
int hook_decode(struct msg_cur *cur, struct config *into, struct err *e);

#endif
