#include "server/roostd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "server/build_id.h"
#include "server/child.h"
#include "server/handover.h"
#include "server/listen.h"
#include "server/notify.h"
#include "server/powers.h"

#define LOCK_WAIT_MS 5000
#define UNCLAIMED_MS 30000

static const char usage[] =
    "usage: roostd [options]\n"
    "  -c, --config FILE       configuration (default: ~/.config/roost/roost.conf, for root\n"
    "                          /etc/roost/roost.conf, if there)\n"
    "  -o, --option SECTION.KEY=VALUE\n"
    "                          one option above the file; repeatable\n"
    "      --check-config      read the configuration, say what is wrong, exit\n"
    "      --print-config      every option with its value and where it comes from\n"
    "      --print-defaults    a commented roost.conf with all built-in values\n"
    "      --log-level LEVEL   error, warn, info, debug\n"
    "      --debug TOPIC       debug lines of one topic only\n"
    "      --single            all in one process, for debuggers; not for service\n"
    "      --libexec DIR       where roost-core and roost-front are (default: beside roostd, or\n"
    "                          ../lib/roost from there)\n"
    "  -V, --version           the version\n"
    "  -h, --help              this\n";

/* A run: what is to be undone at its end. */
struct run {
    struct roostd *d;
    const struct roostd_roles *kind;
    void *roles;
    struct place place;
    int seed_fd, control_fd;
    struct endpoint seed_at;
    struct supervisor *supervisor;
    struct watchdog *watchdog;
    struct loop_timer *unclaimed; /* sockets that were handed over and that nobody wants */
};

static void done_cb(void *arg)
{
    loop_stop(((struct run *)arg)->d->loop);
}

static void quit_cb(int signo, void *arg)
{
    struct run *r = arg;

    log_info("%s: stopping; guests go on running", signo == SIGTERM ? "SIGTERM" : "SIGINT");
    supervisor_quit(r->supervisor);
}

static void dump_cb(int signo, void *arg)
{
    (void)signo;
    supervisor_dump(((struct run *)arg)->supervisor);
}

static int catch_signals(struct run *r, struct err *e)
{
    if (loop_signal(r->d->loop, SIGTERM, quit_cb, r, e) < 0 ||
        loop_signal(r->d->loop, SIGINT, quit_cb, r, e) < 0 ||
        loop_signal(r->d->loop, SIGUSR1, dump_cb, r, e) < 0)
        return -1;
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

static int open_sockets(struct run *r, struct err *e)
{
    const struct config *c = &r->d->config;
    char at[ENDPOINT_TEXT];

    r->seed_fd = listen_seed(c, r->place.state, &r->seed_at, e);
    if (r->seed_fd < 0)
        return -1;
    r->control_fd = listen_control(c, e);
    if (r->control_fd < 0)
        return -1;
    log_info("roost %s (%.12s), %s, state %s", ROOST_VERSION, build_id,
             c->mode == MODE_SYSTEM ? "system service" : "rootless", c->state);
    log_info("seeds at http://%s, control socket %s", endpoint_format(&r->seed_at, at), c->control);
    return 0;
}

static void unclaimed_cb(void *arg)
{
    (void)arg;
    handover_end();
}

static int watch(struct run *r, struct err *e)
{
    struct err why = { .kind = ERR_NONE };

    r->watchdog = watchdog_new(r->d->loop, &why);
    if (why.kind != ERR_NONE) {
        *e = why;
        return -1;
    }
    r->unclaimed = loop_timer_new(r->d->loop, unclaimed_cb, NULL, e);
    if (!r->unclaimed)
        return -1;
    loop_timer_set(r->unclaimed, UNCLAIMED_MS);
    return 0;
}

static int supervise(struct run *r, struct err *e)
{
    struct supervisor_opts o = { .config = &r->d->config,
                                 .place = &r->place,
                                 .libexec = r->d->libexec,
                                 .seed_fd = r->seed_fd,
                                 .control_fd = r->control_fd,
                                 .seed_at = r->seed_at };

    r->roles = r->kind->make(r->d, &r->place, &o.ops, e);
    r->supervisor = r->roles ? supervisor_new(r->d->loop, &o, done_cb, r, e) : NULL;
    if (!r->supervisor)
        return -1;
    r->kind->attach(r->roles, r->supervisor);
    return catch_signals(r, e) < 0 || watch(r, e) < 0 ? -1 : loop_run(r->d->loop, e);
}

static void run_end(struct run *r)
{
    if (r->roles)
        r->kind->attach(r->roles, NULL);
    supervisor_free(r->supervisor);
    if (r->roles)
        r->kind->free(r->roles);
    watchdog_free(r->watchdog);
    loop_timer_free(r->unclaimed);
    if (r->control_fd >= 0) {
        if (!notify_wanted()) /* else who comes meanwhile waits for the next roostd */
            unlink(r->d->config.control);
        close(r->control_fd);
    }
    if (r->seed_fd >= 0)
        close(r->seed_fd);
    /* Under the lock; the sockets of guests that run on keep it there. */
    if (r->place.lock >= 0)
        rmdir(r->d->config.run);
    place_close(&r->place);
}

/* The exit code. */
static int serve(struct roostd *d, const struct roostd_roles *kind, struct err *e)
{
    struct run r = { .d = d, .kind = kind, .place = PLACE_INIT, .seed_fd = -1, .control_fd = -1 };
    int code = 0;

    handover_begin();
    int rc = child_confine(e);
    if (rc == 0) {
        child_files();
        rc = place_open(&d->config, LOCK_WAIT_MS, &r.place, e);
    }
    if (rc == 0)
        rc = open_sockets(&r, e);
    if (rc == 0) /* the control socket has its group by now */
        rc = powers_limit(e);
    if (rc == 0)
        rc = supervise(&r, e);
    if (rc == 0) {
        const struct err *failure = supervisor_failure(r.supervisor, &code);
        if (failure->kind != ERR_NONE) {
            *e = *failure;
            rc = -1;
        }
    }
    run_end(&r);
    return rc == 0 ? 0 : code ? code : err_exit_code(e->kind);
}

/* Everything that ends before there is anything to serve. False: go on. */
static bool only_tells(const struct roostd *d, const char *name)
{
    auto_buf struct buf out = BUF_INIT;

    if (d->help)
        buf_puts(&out, usage);
    else if (d->version)
        buf_printf(&out, "%s %s (%.12s)\n", name, ROOST_VERSION, build_id);
    else if (d->print_defaults)
        config_print_defaults(&out);
    else if (d->print_config)
        config_print(&d->config, &out);
    else if (!d->check)
        return false;
    fputs(buf_str(&out), stdout);
    return true;
}

static void open_log(const struct roostd *d, const char *name)
{
    static const char *const levels[] = { "error", "warn", "info", "debug" };

    log_open(name, d->config.log_level);
    log_topic(getenv(CHILD_ENV_TOPIC));
    (void)setenv(CHILD_ENV_LEVEL, levels[d->config.log_level], 1);
}

/* No option: roostd itself must not link what the single mode needs (JSON, SQL, HTTP). */
static int become_single(struct roostd *d, struct err *e)
{
    char path[PATH_SIZE + 16];

    snprintf(path, sizeof(path), "%s/roost-single", d->libexec);
    execv(path, d->argv);
    return err_sys(e, "--single: cannot run %.200s", path);
}

int roostd_run(int argc, char **argv, const struct roostd_roles *roles)
{
    auto_free struct roostd *d = calloc(1, sizeof(*d));
    struct err e = { 0 };
    int code;

    if (!d || roostd_options(argc, argv, d, &e) < 0) {
        fprintf(stderr, "roostd: %s\n", d ? e.text : "no memory");
        return err_exit_code(d ? e.kind : ERR_INTERNAL);
    }
    if (only_tells(d, roles->name))
        return 0;
    open_log(d, roles->name);
    if (d->single && strcmp(roles->name, "roostd") == 0) {
        become_single(d, &e);
        log_error("%s", e.text);
        return err_exit_code(e.kind);
    }
    d->loop = loop_new(&e);
    code = d->loop ? serve(d, roles, &e) : err_exit_code(e.kind);
    if (e.kind != ERR_NONE)
        log_error("%s", e.text);
    loop_free(d->loop);
    return code;
}

/* --- roles as processes -------------------------------------------------------------------- */

static void *make(struct roostd *d, const struct place *p, const struct role_ops **ret_ops,
                  struct err *e)
{
    struct processes *all = processes_new(d->loop, d->libexec, p->lock, e);

    if (all)
        *ret_ops = processes_ops(all);
    return all;
}
static void attach(void *roles, struct supervisor *s)
{
    processes_attach(roles, s);
}
static void free_all(void *roles)
{
    processes_free(roles);
}

int roostd_main(int argc, char **argv)
{
    static const struct roostd_roles roles = { "roostd", make, attach, free_all };

    return roostd_run(argc, argv, &roles);
}
