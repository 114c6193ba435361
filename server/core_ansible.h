/* Ansible on homecoming: what its nouns share. core_group.c says what runs for an instance and
 * when, core_job_event.c hears of those that came home, core_job.c says what is due, core_inquiry.c
 * asks guests that report nothing, core_run.c starts runs and sees them through, core_runfile.c
 * prepares their directories, core_outcome.c writes down what became of each host, core_ask.c is
 * what people ask for, core_run_read.c what they are told. */
#ifndef SERVER_CORE_ANSIBLE_H
#define SERVER_CORE_ANSIBLE_H

#include "ansible/runner.h"
#include "model/groupdef.h"
#include "server/core_priv.h"

#define PLAYBOOK_DEFAULT "site.yaml"
#define PLAYBOOK_OWN     "deploy.yaml" /* in an instance's own directory */

/* A run that is being prepared, or is under way. */
struct active {
    struct active *next;
    struct core *c;
    struct run run;
    struct run_host *hosts; /* by name */
    int n;
    struct runner *runner; /* once started */
    char dir[PATH_SIZE];
    bool cancelled;
    /* The worker's while it works. */
    struct prepared *prepared;
    struct outcomes *outcomes;
    struct runner_end end;
    bool failed;
    struct err err;
};

struct ansible {
    struct loop_timer *timer;
    struct worker *worker; /* prepares directories, reads outcomes */
    struct store *reader;  /* its own connection */
    struct config config;  /* as it reads it */
    int64_t cursor, saved; /* events up to here have been seen */
    bool named;            /* an instance names a playbook, or once did */
    struct active *active;
    unsigned n_active;
    struct inquiry *inquiries;
    unsigned n_inquiries;
    /* CLOCK_BOOTTIME */
    int64_t wake_ms;   /* when the timer comes up */
    int64_t looked_ms; /* for the program when it was not there; 0: it was */
    int64_t pruned_ms;
};

/* --- core_group.c --- */
int groups_load(struct core *c, struct err *e); /* also again: memory follows the record */
void groups_unload(struct core *c);
const struct groupdef *core_group(const struct core *c, const char *name); /* NULL: none */
int core_group_put(struct core *c, const struct groupdef *g, struct err *e);
/* Its groups' where they say it (the most careful one), else its network's, else [ansible]. */
enum trigger core_trigger(const struct core *c, const struct spec *s);
/* What runs for it: the playbook's name, *ret_own: the one in its own directory. NULL: nothing was
 * asked for and there is no PLAYBOOK_DEFAULT. */
const char *core_playbook(const struct core *c, const char *name, const struct spec *s,
                          bool *ret_own);
/* Has it a playbook in its own directory? For many: below a descriptor of all instances'
 * directories, which is the caller's to close, and -1 where there are none. */
bool config_playbook_own(const struct config *c, const char *name);
int core_instances_dir(const struct core *c);
bool core_playbook_own_at(int instances, const struct name *instance);
/* May something run for a guest that has none of its own? */
bool core_playbooks_any(const struct core *c);
#define META_PLAYBOOKS "ansible-playbooks"
/* An instance that goes on record names one; in its transaction. */
int core_playbook_named(struct core *c, struct err *e);
/* The fleet's directory of playbooks. */
void core_playbooks_dir(const struct config *c, char ret[PATH_SIZE]);
/* A playbook's file: absolute, of an instance's own directory, or of the fleet's. */
void core_playbook_path(const struct config *c, const struct run *r, char ret[PATH_SIZE]);
/* The same, -1 unless it is a file that can be read: ERR_NOT_FOUND, ERR_INVALID, ERR_DENIED. */
int core_playbook_look(const struct config *c, const struct run *r, char ret[PATH_SIZE],
                       struct err *e);

/* --- core_job.c --- */
int ansible_new(struct core *c, struct err *e);
void ansible_begin(struct core *c); /* everybody may speak: takes up what was under way */
void ansible_free(struct core *c);  /* runs go on */
void ansible_committed(struct core *c);
void ansible_tick(struct core *c); /* once a second */
void ansible_soon(struct core *c, int64_t ms);

/* --- core_job_event.c --- */
/* Where the last roost was; once, at the start. */
int job_events_load(struct core *c, struct err *e);
/* Some of what came since, into jobs. 1: there are more, 0, -1. */
int job_events_take(struct core *c, struct err *e);

/* --- core_queue.c --- */
/* Starts what is due and has room. *ret_more: there is more for another turn. */
int queue_serve(struct core *c, bool *ret_more, struct err *e);
/* When it is worth looking again; INT64_MAX: when somebody says so. Real time. */
int queue_next(struct core *c, int64_t *ret_ms, struct err *e);

/* --- core_inquiry.c --- */
enum answered {
    ANSWERED_READY, /* cloud-init has ended, or there is none; the host key is the recorded one */
    ANSWERED_NOT_YET,
    ANSWERED_AWAY, /* nobody answers */
    ANSWERED_KEY,  /* with another host key */
};
typedef void inquiry_fn(struct core *c, int64_t instance, enum answered is, const char *why);
#define INQUIRIES_MAX    8
#define INQUIRY_LIMIT_MS 900000
/* False: as many as there may be are under way, or this one is. */
bool inquiry_start(struct core *c, const struct guest *g, const struct spec *s, inquiry_fn *done);
void inquiries_free(struct core *c);

/* --- core_run.c --- */
/* Is a run on it, or being prepared? */
struct active *active_of(struct core *c, int64_t instance);
struct active *active_by_id(struct core *c, int64_t run);
bool runs_room(const struct core *c);
/* Puts run and hosts on record; r->id is set. */
int run_add(struct core *c, struct run *r, const struct run_host *hosts, int n, struct err *e);
/* Starts one that is on record as running, after the commit; hosts become its own. -1: nothing was
 * taken. */
int run_launch(struct core *c, const struct run *r, struct run_host *hosts, int n, struct err *e);
/* One that is on record, with its hosts. */
int run_resume(struct core *c, const struct run *r, struct err *e);
void runs_recover(struct core *c); /* at the start */
void runs_free(struct core *c);
void run_cancel(struct active *a, const char *actor);

/* --- core_run_record.c --- */
bool outcome_is_good(const char *outcome); /* "ok" "changed" "skipped" */
/* Is it configured, in this generation? In the transaction of an event. */
bool ansible_configured(struct core *c, const struct guest *g);
/* *ret: the caller's to free. */
int run_hosts_load(struct core *c, int64_t run, struct run_host **ret, int *ret_n, struct err *e);
/* Old ones go, with their directories. */
void runs_prune(struct core *c);

/* --- core_run_read.c --- */
/* By the number that people write. */
int run_find(struct core *c, const char *id, struct run *ret, struct err *e);

/* --- core_runfile.c --- */
void run_dir(const struct config *c, int64_t run, char ret[PATH_SIZE]);
/* In the worker: the run's directory with all that it reads. */
int run_prepare(struct active *a, struct store *reader, const struct config *config, struct err *e);
int run_start(struct active *a, runner_done_fn *done, struct err *e);
void prepared_free(struct prepared *p);
/* The program's path; "" it is not there. */
void runs_program(struct core *c, char ret[PATH_SIZE]);

/* --- core_outcome.c --- */
/* One transaction: what became of its hosts, their jobs, and the run itself. */
int run_record(struct core *c, struct active *a, struct err *e);

#endif
