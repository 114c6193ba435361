/* Starts ansible-playbook and sees it through.
 *
 * Between roost and Ansible stands a small program, roost-run (ansible/run_main.c), one per run: it
 * outlives roost, and so do the log, the outcome and the time limit. It leads Ansible's output into
 * the log, keeps the outcome lines, ends every process of the run at the limit, and writes down how
 * it ended. All of a run is in its directory (mode 0700, made by the caller, one per run):
 *
 *   pid      "PID STARTTIME BOOT_ID\n" of roost-run
 *   lock     held (flock(2)) by roost-run and by Ansible as long as one of them lives
 *   log.*    what Ansible printed (runlog.h), at most log_max bytes: the beginning of a longer log
 * is lost, its end never outcome  JSON lines of the callback plugin, at most OUTCOME_FILE_MAX bytes
 *   end      how it ended (JSON), written last and durably
 *
 * A run is on one of these ways: runner_find() tells which, from nothing but the directory. */
#ifndef ANSIBLE_RUNNER_H
#define ANSIBLE_RUNNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ansible/outcome.h"
#include "ansible/run.h"
#include "base/err.h"
#include "base/loop.h"

#define RUNNER_PROGRAM   "roost-run"
#define RUNNER_OUTCOME   "outcome"
#define RUNNER_END       "end"
#define RUNNER_PID       "pid"
#define RUNNER_LOCK      "lock"
#define OUTCOME_FILE_MAX (64u << 20)

enum runner_how {
    RUNNER_DONE,      /* ansible-playbook ended by itself: exit_code */
    RUNNER_REFUSED,   /* … before it began: playbook or inventory could not be read, no such host;
                         no guest was touched; reason is Ansible's own, with file and line */
    RUNNER_KILLED,    /* by a signal that was not roost's */
    RUNNER_TIMED_OUT, /* at limit_ms; every process of it was ended */
    RUNNER_CANCELLED,
    RUNNER_INTERRUPTED, /* roost-run itself is gone without a word: power, SIGKILL; what was left
                           of Ansible was ended */
    RUNNER_HOWS
};
const char *runner_how_name(enum runner_how h); /* "done" … */
int runner_how_from_name(const char *name);     /* or -1 */

struct runner_end {
    enum runner_how how;
    int exit_code; /* 0 well; 2 a host failed; 4 a host was unreachable (or refused) */
    int signal;    /* KILLED */
    int64_t took_ms;
    bool log_lost;    /* some of the log could not be written (reason says why: disk full) */
    char reason[600]; /* one line for people; "" when exit_code 0 */
};

struct runner_opts {
    const char *helper;    /* path of roost-run, "" looked up in PATH */
    const char *directory; /* of the run, absolute */
    int64_t limit_ms;      /* 0: none */
    uint64_t log_max;      /* bytes, at least 64 KiB; 0: 1 MiB */
};

struct runner_id {
    pid_t pid;
    uint64_t start_time; /* field 22 of /proc/PID/stat */
    char boot_id[37];
};

struct runner;
/* Called once from the loop; the handle is gone after it. The report is the file's. */
typedef void runner_done_fn(const struct runner_end *end, void *arg);

/* What fails up to the exec of roost-run is returned here (ERR_NOT_FOUND: no such program); that
 * ansible-playbook is missing is an end (REFUSED, reason says what to install). */
struct runner *runner_start(struct loop *l, const struct ansible_run *r,
                            const struct runner_opts *o, runner_done_fn *done, void *arg,
                            struct err *e);
const struct runner_id *runner_id(const struct runner *r);

enum runner_found {
    RUNNER_NEVER, /* nothing of it was ever started */
    RUNNER_ALIVE, /* *ret_id; runner_adopt() waits for it */
    RUNNER_ENDED, /* *ret_end */
};
/* After a restart of roost. Ends what is left of a run whose roost-run is gone (ENDED,
 * INTERRUPTED). ret_id and ret_end may be NULL. -1: ERR_IO. */
int runner_find(const char *directory, struct runner_id *ret_id, struct runner_end *ret_end,
                struct err *e);
/* Waits for one that was found alive, as if it had been started here. */
struct runner *runner_adopt(struct loop *l, const char *directory, const struct runner_id *id,
                            runner_done_fn *done, void *arg, struct err *e);

/* Ends it soon: SIGTERM to roost-run, which ends Ansible (interrupt first, kill after 5 s); `done`
 * follows. ERR_NOT_FOUND: it has ended. */
int runner_cancel(struct runner *r, struct err *e);
/* Stops watching; the run goes on, `done` is not called. NULL is fine. */
void runner_forget(struct runner *r);

/* A piece of its log, see runlog_read(). */
int runner_log(const char *directory, uint64_t from, size_t max, struct buf *out,
               uint64_t *ret_next, struct err *e);
/* The outcomes in a run's directory, finished; hosts as it was limited to. What is not there
 * (never begun) gives every host OUTCOME_NONE. */
struct outcomes *runner_outcomes(const char *directory, const struct name *hosts, int n,
                                 struct err *e);

#endif
