/* Surveys: answers that need the whole fleet. A thread of its own walks it, on a connection of its
 * own, from what is committed when the survey begins; guests never wait for one. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/core_survey.h"
#include "server/project.h"

#define TEXT_MAX ((size_t)1 << 30)

struct surveyor {
    struct core *c;
    struct worker *worker;
    struct store *reader;
    atomic_bool ending;
};

struct survey {
    struct surveyor *by;
    enum survey_kind kind;
    char host[256]; /* "": all */
    struct view view;
    struct buf text;
    bool failed;
    struct err err;
    core_text_fn *done;
    void *arg;
};

/* ---- in the thread ---- */

static int instances(struct survey *s, struct err *e)
{
    return instances_print(&s->view, &s->by->ending, &s->text, e);
}

static int inventory(struct survey *s, struct err *e)
{
    return project(s->view.store, &s->by->c->config, PROJECT_INVENTORY, &s->text, e);
}

static int known_hosts(struct survey *s, struct err *e)
{
    return s->host[0] ? project_known_host(s->view.store, s->host, &s->text, e)
                      : project(s->view.store, &s->by->c->config, PROJECT_KNOWN_HOSTS, &s->text, e);
}

static int ssh_config(struct survey *s, struct err *e)
{
    return project(s->view.store, &s->by->c->config, PROJECT_SSH_CONFIG, &s->text, e);
}

static int (*const kinds[SURVEYS])(struct survey *s, struct err *e) = {
    [SURVEY_INSTANCES] = instances,
    [SURVEY_INVENTORY] = inventory,
    [SURVEY_KNOWN_HOSTS] = known_hosts,
    [SURVEY_SSH_CONFIG] = ssh_config,
};

static void run(void *arg)
{
    struct survey *s = arg;

    if (s->by->ending)
        err_set(&s->err, ERR_BUSY, "roost is stopping");
    else
        s->failed = kinds[s->kind](s, &s->err) < 0 || buf_check(&s->text, &s->err) < 0;
    s->failed |= s->by->ending;
}

/* ---- in the loop ---- */

static void end(struct survey *s, const struct err *err)
{
    s->done(err ? NULL : &s->text, err, s->arg);
    buf_done(&s->text);
    free(s);
}

static void ran(void *arg)
{
    struct survey *s = arg;

    if (s->by->ending)
        err_set(&s->err, ERR_BUSY, "roost is stopping");
    end(s, s->failed || s->by->ending ? &s->err : NULL);
}

/* Made when somebody asks for the first time. */
static struct surveyor *surveyor(struct core *c, struct err *e)
{
    if (c->surveyor)
        return c->surveyor;
    auto_free struct surveyor *by = calloc(1, sizeof *by);
    if (!by) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    by->c = c;
    if (store_open_reader(c->config.state, &by->reader, e) < 0)
        return NULL;
    if (!(by->worker = worker_new(c->loop, e))) {
        store_close(by->reader);
        return NULL;
    }
    return c->surveyor = steal_ptr(by);
}

/* The thread sees what is committed, so it begins right after a commit. That one may have failed:
 * what is on record can be told all the same. */
static void begin(bool committed, void *arg)
{
    struct survey *s = arg;
    struct core *c = s->by->c;
    struct err e;

    (void)committed;
    err_set(&e, ERR_BUSY, "roost is stopping");
    view_of(c, &s->view);
    s->view.store = s->by->reader;
    if (c->ending || worker_post(s->by->worker, run, ran, s, &e) < 0)
        end(s, &e);
}

void core_survey(struct core *c, enum survey_kind kind, const char *host, core_text_fn *done,
                 void *arg)
{
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };
    struct survey *s = calloc(1, sizeof *s);

    if (s && (s->by = surveyor(c, &e))) {
        s->kind = kind;
        s->done = done;
        s->arg = arg;
        s->text.cap = TEXT_MAX;
        snprintf(s->host, sizeof s->host, "%s", host ? host : "");
        if (core_after(c, begin, s, &e) == 0)
            return;
    }
    free(s);
    done(NULL, &e, arg);
}

void surveyor_stop(struct core *c)
{
    if (!c->surveyor)
        return;
    c->surveyor->ending = true;
    worker_free(c->surveyor->worker);
    c->surveyor->worker = NULL;
}

void surveyor_free(struct core *c)
{
    if (!c->surveyor)
        return;
    store_close(c->surveyor->reader);
    free(c->surveyor);
    c->surveyor = NULL;
}
