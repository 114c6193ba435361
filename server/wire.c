#include "server/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_priv.h"
#include "server/project.h"

#define BIT(k) (UINT64_C(1) << EV_##k)
_Static_assert(EV_KINDS <= 64, "a bit for each kind of event");
/* Which hosts there are and where: what every file of Ansible's and ssh's shows. */
#define FLEET_CHANGED                                                                              \
    (BIT(DEFINED) | BIT(CHANGED) | BIT(HOMED) | BIT(ADDRESS) | BIT(REBUILT) | BIT(REMOVED))
/* The inventory shows states; known_hosts has addresses of running guests only. */
#define STATE_CHANGED                                                                              \
    (BIT(HOMED_AGAIN) | BIT(CONFIGURED) | BIT(CONFIG_FAILED) | BIT(STOPPED) | BIT(FAILED) |        \
     BIT(LAUNCHED))
#define CHECKPOINT_COMMITS 256   /* at once when there were so many … */
#define CHECKPOINT_TICKS   30    /* … and after so many seconds at any rate */
/* Not again before so many times the last duration, and so long for an end of the changes … */
#define COALESCE_TIMES 20
#define COALESCE_MAX   60000 /* … at most, ms */
#define RETRY_MS           5000
#define FILE_MAX_SIZE      (1u << 30)

/* The table of reactors: what wakes it, the file it keeps, its mode, how it is rendered. */
static const struct reactor {
    const char *name;
    uint64_t wakes;
    const char *file;
    mode_t mode;
    enum projection projection;
} reactors[] = {
    { "known-hosts", FLEET_CHANGED | STATE_CHANGED, FILE_KNOWN_HOSTS, 0644, PROJECT_KNOWN_HOSTS },
    { "inventory", FLEET_CHANGED | STATE_CHANGED, FILE_INVENTORY, 0640, PROJECT_INVENTORY },
    { "inventory-json", FLEET_CHANGED | STATE_CHANGED, FILE_DYNAMIC, 0640, PROJECT_DYNAMIC },
    { "ssh-config", FLEET_CHANGED, FILE_SSH_CONFIG, 0644, PROJECT_SSH_CONFIG },
};
#define REACTORS ARRAY_SIZE(reactors)

struct all { /* somebody waits for a full run */
    struct all *next;
    void (*done)(const struct err *, unsigned, void *);
    void *arg;
};

struct wire {
    struct core *c;
    struct store *reader; /* the worker's own connection */
    struct config config; /* as the worker reads it */
    struct loop_timer *timer;
    int dir;
    bool running, again;
    int64_t last_run_ms, last_took_ms; /* CLOCK_BOOTTIME */
    int64_t marked_ms, wanted_ms;      /* the last mark; since when a run is wanted */
    bool marked_since[REACTORS];       /* marked again since the run began */
    char fault[300];
    struct all *all;

    /* The job, the worker's while it runs. */
    bool due[REACTORS];
    unsigned changed;
    int64_t took_ms; /* rendering; a slow flush of the files is no reason to be late again */
    struct err err;
    bool failed;
    unsigned quiet; /* ticks since the last checkpoint */
    bool damaged;   /* the last check or checkpoint went wrong */
    struct err damage;
};

/* ---- marks ---- */

static int mark(struct core *c, size_t i, struct err *e)
{
    if (c->wire) {
        c->wire->marked_since[i] = true;
        c->wire->marked_ms = loop_now(c->loop).boot_ms;
    }
    return store_dirty_mark(c->store, reactors[i].name, e);
}

int wire_mark(struct core *c, enum event_kind k, struct err *e)
{
    for (size_t i = 0; i < REACTORS; i++)
        if (reactors[i].wakes & UINT64_C(1) << k && mark(c, i, e) < 0)
            return -1;
    return 0;
}

int wire_mark_all(struct core *c, struct err *e)
{
    for (size_t i = 0; i < REACTORS; i++)
        if (mark(c, i, e) < 0)
            return -1;
    return 0;
}

static bool any_dirty(struct core *c)
{
    for (size_t i = 0; i < REACTORS; i++)
        if (store_dirty_get(c->store, reactors[i].name))
            return true;
    return false;
}

/* ---- the run, in the worker ---- */

static int save(struct wire *w, const struct reactor *r, struct projected *p, struct err *e)
{
    bool changed = false;

    if (p->failed) {
        *e = p->err;
        return err_wrap(e, "%s", r->file);
    }
    if (file_replace(w->dir, r->file, buf_str(&p->text), p->text.len, r->mode, &changed, e) < 0)
        return err_wrap(e, "%s", r->file);
    w->changed += changed;
    return 0;
}

/* It stays dirty. */
static void failed(struct wire *w, size_t i, const struct err *e)
{
    w->due[i] = false;
    if (!w->failed)
        w->err = *e;
    w->failed = true;
}

static void run(void *arg)
{
    struct wire *w = arg;
    struct projected to[PROJECTIONS] = { 0 };
    int64_t begin = clock_now().boot_ms;
    struct err e;
    int walked;

    w->changed = 0;
    w->failed = false;
    for (size_t i = 0; i < REACTORS; i++) {
        to[reactors[i].projection].due = w->due[i];
        to[reactors[i].projection].text.cap = FILE_MAX_SIZE;
    }
    walked = project_all(w->reader, &w->config, to, &e);
    w->took_ms = clock_now().boot_ms - begin;
    for (size_t i = 0; i < REACTORS; i++) {
        struct projected *p = &to[reactors[i].projection];
        if (w->due[i] && (walked < 0 || save(w, &reactors[i], p, &e) < 0))
            failed(w, i, &e);
        buf_done(&p->text);
    }
}

static void all_done(struct wire *w)
{
    struct all *a = w->all;

    w->all = NULL;
    while (a) {
        struct all *next = a->next;
        a->done(w->failed ? &w->err : NULL, w->changed, a->arg);
        free(a);
        a = next;
    }
}

static void start(struct wire *w);

/* A mark goes when its work is done and nothing has marked it again: a crash anywhere before
 * repeats the work, and none is lost. */
static void unmark(struct wire *w)
{
    struct core *c = w->c;
    struct err e;

    for (size_t i = 0; i < REACTORS; i++)
        if (w->due[i] && !w->marked_since[i] &&
            (core_write(c, false, &e) < 0 || store_dirty_clear(c->store, reactors[i].name, &e) < 0))
            log_warn("mark of %s: %s", reactors[i].name, e.text);
}

static void ran(void *arg)
{
    struct wire *w = arg;
    struct core *c = w->c;
    int64_t now = loop_now(c->loop).boot_ms;

    w->running = false;
    if (c->ending)
        return;
    w->last_took_ms = w->took_ms;
    w->last_run_ms = now;
    unmark(w);
    if (w->failed) {
        snprintf(w->fault, sizeof w->fault, "%.290s", w->err.text);
        core_fault(c, "generated files: %s", w->err.text);
    } else {
        w->fault[0] = '\0';
    }
    if (w->again) { /* somebody asked for all while this one was under way */
        w->again = false;
        start(w);
        return;
    }
    all_done(w);
    wire_arm(c);
}

/* The worker sees what is committed: so a run begins right after a commit. */
static void start_committed(bool committed, void *arg)
{
    struct wire *w = arg;
    struct core *c = w->c;
    struct err e;

    (void)committed;
    if (w->running || c->ending)
        return;
    for (size_t i = 0; i < REACTORS; i++) {
        w->due[i] = w->all || store_dirty_get(c->store, reactors[i].name);
        /* Somebody wrote again since the commit: a mark in there is not this run's. */
        w->marked_since[i] = store_in_transaction(c->store);
    }
    w->running = true;
    w->last_run_ms = loop_now(c->loop).boot_ms;
    if (worker_post(c->worker, run, ran, w, &e) < 0) {
        w->running = false;
        core_fault(c, "generated files: %s", e.text);
    }
}

static void start(struct wire *w)
{
    struct err e;

    if (core_after(w->c, start_committed, w, &e) < 0)
        core_fault(w->c, "generated files: %s", e.text);
}

static int64_t coalesce_ms(const struct wire *w)
{
    int64_t ms = COALESCE_TIMES * w->last_took_ms;

    return ms < COALESCE_MAX ? ms : COALESCE_MAX;
}

/* In the midst of a storm the files would be out of date before they are written. */
static bool more_to_come(const struct wire *w)
{
    int64_t now = loop_now(w->c->loop).boot_ms;

    return now - w->marked_ms < w->c->config.coalesce && now - w->wanted_ms < coalesce_ms(w);
}

static void timer(void *arg)
{
    struct wire *w = arg;

    if (w->running)
        return;
    if (more_to_come(w))
        loop_timer_set(w->timer, w->c->config.coalesce);
    else
        start(w);
}

void wire_arm(struct core *c)
{
    struct wire *w = c->wire;
    int64_t wait, now;

    if (!w || w->running || loop_timer_armed(w->timer) || !c->ready || !any_dirty(c))
        return;
    now = loop_now(c->loop).boot_ms;
    wait = w->last_run_ms + coalesce_ms(w) - now;
    if (w->fault[0] && wait < RETRY_MS)
        wait = RETRY_MS;
    w->wanted_ms = now;
    loop_timer_set(w->timer, wait > c->config.coalesce ? wait : c->config.coalesce);
}

void wire_run_all(struct core *c, void (*done)(const struct err *, unsigned, void *), void *arg)
{
    struct wire *w = c->wire;
    struct all *a = calloc(1, sizeof *a);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    if (!a) {
        done(&e, 0, arg);
        return;
    }
    *a = (struct all){ w->all, done, arg };
    w->all = a;
    if (w->running)
        w->again = true;
    else
        start(w);
}

const char *wire_fault(const struct core *c)
{
    return c->wire ? c->wire->fault : "";
}

/* ---- checkpoints: the log goes into the database, off the loop ---- */

static void checkpoint(void *arg)
{
    struct wire *w = arg;

    w->damaged = store_checkpoint(w->reader, NULL, &w->damage) < 0;
}

static void checkpointed(void *arg)
{
    struct wire *w = arg;

    if (w->damaged && !w->c->ending && w->damage.kind != ERR_BUSY)
        log_warn("checkpoint: %s", w->damage.text);
}

void wire_tick(struct core *c)
{
    struct wire *w = c->wire;
    struct err e;

    if (!c->commits || worker_pending(c->worker) ||
        (c->commits < CHECKPOINT_COMMITS && ++w->quiet < CHECKPOINT_TICKS))
        return;
    w->quiet = 0;
    c->commits = 0;
    if (worker_post(c->worker, checkpoint, checkpointed, w, &e) < 0)
        log_warn("checkpoint: %s", e.text);
}

/* ---- a store that was not closed is read through, beside everything else ---- */

static void check(void *arg)
{
    struct wire *w = arg;

    w->damaged = store_check(w->reader, &w->damage) < 0;
}

static void checked(void *arg)
{
    struct wire *w = arg;

    if (w->damaged && !w->c->ending)
        core_fault(w->c, "%s", w->damage.text);
}

/* ---- life ---- */

int wire_new(struct core *c, struct err *e)
{
    char path[PATH_SIZE + 32];
    struct wire *w = calloc(1, sizeof *w);

    if (!w)
        return err_set(e, ERR_INTERNAL, "out of memory");
    c->wire = w;
    w->c = c;
    w->config = c->config;
    w->dir = -1;
    snprintf(path, sizeof path, "%s/%s", c->config.state, DIR_GENERATED);
    if (dir_make_all(path, 0755, e) < 0 || store_commit(c->store, e) < 0)
        return -1;
    if ((w->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return err_sys(e, "%s", path);
    if (!(w->timer = loop_timer_new(c->loop, timer, w, e)))
        return -1;
    if (store_open_reader(c->config.state, &w->reader, e) < 0)
        return -1;
    return store_was_unclean(c->store) ? worker_post(c->worker, check, checked, w, e) : 0;
}

/* The worker must have ended. */
void wire_free(struct core *c)
{
    struct wire *w = c->wire;

    if (!w)
        return;
    err_set(&w->err, ERR_BUSY, "roost is stopping");
    w->failed = true;
    all_done(w);
    loop_timer_free(w->timer);
    if (w->dir >= 0)
        close(w->dir);
    store_close(w->reader);
    free(w);
    c->wire = NULL;
}
