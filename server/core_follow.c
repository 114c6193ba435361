#include "server/core_follow.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/core_machine.h"

struct follow *follow_new(struct core *c, const char *name, const struct actor *who,
                          core_op_fn *done, void *arg, struct err *e)
{
    struct follow *f = calloc(1, sizeof *f);

    if (!f) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    *f = (struct follow){ .c = c, .who = *who, .done = done, .arg = arg };
    snprintf(f->name.s, sizeof f->name.s, "%s", name);
    return f;
}

void follow_end(struct follow *f, const struct err *err)
{
    f->done(NULL, err, f->arg);
    free(f);
}

void follow_start(const json_t *result, const struct err *err, void *arg)
{
    struct follow *f = arg;

    (void)result;
    if (err) {
        follow_end(f, err);
        return;
    }
    /* That it fits was seen before it was ended: it is not to stay down for others' sake. */
    (f->anyway || f->was_running ? core_start_anyway : core_start)(f->c, f->name.s, &f->who,
                                                                   f->done, f->arg);
    free(f);
}

void follow_when_down(struct follow *f, bool force, core_op_fn *then)
{
    struct guest g;
    struct err e;

    if (core_guest(f->c, f->name.s, &g, &e) < 0) {
        follow_end(f, &e);
        return;
    }
    f->was_running = machine_find(f->c, g.id) != NULL;
    if (!f->was_running)
        then(NULL, NULL, f);
    else if (machine_stop(f->c, &g, force, f->who.text, then, f, &e) < 0)
        follow_end(f, &e);
}

void follow_up(struct core *c, const char *name, bool anyway, bool force, const struct actor *who,
               core_op_fn *then, core_op_fn *done, void *arg)
{
    struct guest g;
    struct err e;
    struct follow *f;

    if (core_guest(c, name, &g, &e) < 0 || (!anyway && machine_may_come_back(c, &g, &e) < 0) ||
        !(f = follow_new(c, name, who, done, arg, &e))) {
        done(NULL, &e, arg);
        return;
    }
    f->anyway = anyway;
    follow_when_down(f, force, then);
}

int follow_still_down(struct core *c, const struct guest *g, struct err *e)
{
    return machine_find(c, g->id)
               ? err_set(e, ERR_CONFLICT, "instance %s was started again meanwhile", g->name.s)
               : 0;
}

/* ---- restart ---- */

void core_restart(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                  void *arg)
{
    follow_up(c, name, false, false, who, follow_start, done, arg);
}

void core_restart_anyway(struct core *c, const char *name, const struct actor *who,
                         core_op_fn *done, void *arg)
{
    follow_up(c, name, true, false, who, follow_start, done, arg);
}
