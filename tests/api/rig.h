/* The control API over a real socket, with a core that the test plays: what the tests of its parts
 * share (tests/unit/server/api*.c). core.c and core_stream.c are the core that the API sees, rig.c
 * its client; driven turn by turn, nothing sleeps. */
#ifndef TESTS_API_RIG_H
#define TESTS_API_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "server/api_priv.h"

/* How the core behaves, and what it was asked. */
struct fake_core {
    core_op_fn *done[200];
    void *arg[200];
    int ops;
    bool at_once;
    struct actor who;
    char name[64], format[32];
    bool force, dry_run;
    size_t instances; /* of the applied fleet */
    const json_t *tree;
    core_watch_fn *woken;
    void *watcher;
    int64_t after, limit_ms;
    int unwatched, events, last;
    bool slow; /* surveys */
    bool unsettled, full;
    core_text_fn *surveyed;
    void *survey_arg;
    void (*after_commit)(bool committed, void *arg);
    void *after_commit_arg;
};
extern struct fake_core fake;

/* core_stream.c: a byte of the bundle is there, each time that this timer ends. */
struct loop_timer *fake_bundle_timer(struct loop *l);

extern struct rig {
    struct loop *loop;
    struct api *api;
} rig;

#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
int rig_up(void **state);
int rig_down(void **state);

/* --- a client; turns the loop while it waits --- */
int dial(void); /* a connection: a descriptor, the caller's */
void turns(int n);
void say(int fd, const char *text, size_t len);
void request(int fd, const char *line, const char *body); /* "GET /v1/status", "" */
/* One whole answer, in place of what *b held; an answer that never comes fails the test. */
void hear(int fd, struct buf *b);
unsigned status_of(const struct buf *b);
/* One request on a connection of its own; its status. */
unsigned ask(const char *line, const char *body, struct buf *b);
/* In a child, as that user: ends the process with 0 if `expect` is in the answer to a GET of the
 * status. */
void child_asks_as(uid_t uid, const char *expect) __attribute__((noreturn));

#endif
