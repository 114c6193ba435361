/* Surveys: answers that need the whole fleet, from what is committed when they begin. */
#include <stdio.h>
#include <stdlib.h>

#include "server/core_aside.h"
#include "server/core_survey.h"
#include "server/project.h"

#define TEXT_MAX ((size_t)1 << 30)

struct survey {
    struct aside_job job;
    struct core *c;
    enum survey_kind kind;
    char host[256]; /* "": all */
    struct view view;
    const atomic_bool *stop; /* of the thread */
    struct buf text;
    core_text_fn *done;
    void *arg;
};

/* ---- in the thread ---- */

static int instances(struct survey *s, struct err *e)
{
    return instances_print(&s->view, s->stop, &s->text, e);
}

static int inventory(struct survey *s, struct err *e)
{
    return project(s->view.store, &s->c->config, PROJECT_INVENTORY, &s->text, e);
}

static int known_hosts(struct survey *s, struct err *e)
{
    return s->host[0] ? project_known_host(s->view.store, s->host, &s->text, e)
                      : project(s->view.store, &s->c->config, PROJECT_KNOWN_HOSTS, &s->text, e);
}

static int ssh_config(struct survey *s, struct err *e)
{
    return project(s->view.store, &s->c->config, PROJECT_SSH_CONFIG, &s->text, e);
}

static int (*const kinds[SURVEYS])(struct survey *s, struct err *e) = {
    [SURVEY_INSTANCES] = instances,
    [SURVEY_INVENTORY] = inventory,
    [SURVEY_KNOWN_HOSTS] = known_hosts,
    [SURVEY_SSH_CONFIG] = ssh_config,
};

static int work(struct aside_job *j, struct store *reader, const atomic_bool *stop, struct err *e)
{
    struct survey *s = (struct survey *)j;

    (void)reader; /* the view has it */
    s->stop = stop;
    return kinds[s->kind](s, e) < 0 ? -1 : buf_check(&s->text, e);
}

/* ---- in the loop ---- */

static void begin(struct aside_job *j, struct store *reader)
{
    struct survey *s = (struct survey *)j;

    view_of(s->c, NULL, &s->view);
    s->view.store = reader;
}

static void end(struct aside_job *j, const struct err *err)
{
    struct survey *s = (struct survey *)j;

    s->done(err ? NULL : &s->text, err, s->arg);
    buf_done(&s->text);
    view_done(&s->view);
    free(s);
}

void core_survey(struct core *c, enum survey_kind kind, const char *host, core_text_fn *done,
                 void *arg)
{
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };
    struct aside *by = aside_open(c, &c->surveyor, &e);
    struct survey *s = by ? calloc(1, sizeof *s) : NULL;

    if (s) {
        *s = (struct survey){ .job = { begin, work, end },
                              .c = c,
                              .kind = kind,
                              .done = done,
                              .arg = arg,
                              .text = { .cap = TEXT_MAX } };
        snprintf(s->host, sizeof s->host, "%s", host ? host : "");
        if (aside_post(by, &s->job, &e) == 0)
            return;
    }
    free(s);
    done(NULL, &e, arg);
}
