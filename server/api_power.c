/* Start, stop, restart, rebuild: a body says how, and whether the request waits for the end. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "server/api_priv.h"

/* ---- requests that do not wait: answered when it has begun, after the commit of that turn ---- */

struct begun {
    struct api_ticket *ticket; /* NULL: it was answered */
    bool over;
    struct err err; /* kind ERR_NONE: none so far */
};

static void over(const json_t *result, const struct err *err, void *arg)
{
    struct begun *b = arg;

    (void)result;
    b->over = true;
    if (err)
        b->err = *err;
    if (!b->ticket) /* nobody asks any more: its events tell */
        free(b);
}

static void tell(bool committed, void *arg)
{
    struct begun *b = arg;
    json_t *j = json_pack("{s:b}", "begun", 1);

    if (!committed && b->err.kind == ERR_NONE)
        err_set(&b->err, ERR_IO, "the store could not be written");
    api_ticket_done(b->err.kind == ERR_NONE ? j : NULL, b->err.kind == ERR_NONE ? NULL : &b->err,
                    b->ticket);
    json_decref(j);
    b->ticket = NULL;
    if (b->over)
        free(b);
}

static struct begun *begun_new(struct api_req *r, struct api_ticket *t, struct err *e)
{
    struct begun *b = calloc(1, sizeof *b);

    if (!b) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    b->ticket = t;
    if (core_when_recorded(r->api->core, tell, b, e) == 0)
        return b;
    free(b);
    return NULL;
}

/* ---- the body ---- */

struct how {
    bool force, wait;
};

static int read_how(const struct api_req *r, struct how *ret, struct err *e)
{
    json_t *body = api_body(r, e);
    int force = 0, wait = 1, bad;
    json_error_t why;

    if (!body)
        return -1;
    bad = json_unpack_ex(body, &why, JSON_STRICT, "{s?b, s?b}", "force", &force, "wait", &wait);
    json_decref(body);
    if (bad)
        return err_set(e, ERR_INVALID,
                       "body: %s; {\"force\": true or false, \"wait\": true or false} or nothing is "
                       "wanted",
                       why.text);
    *ret = (struct how){ force != 0, wait != 0 };
    return 0;
}

/* ---- the verbs ---- */

static void stop(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                 void *arg)
{
    core_stop(c, name, false, who, done, arg);
}

static void kill_at_once(struct core *c, const char *name, const struct actor *who,
                         core_op_fn *done, void *arg)
{
    core_stop(c, name, true, who, done, arg);
}

static int power(struct api_req *r, api_op_fn *gently, api_op_fn *by_force, struct err *e)
{
    struct begun *b = NULL;
    struct api_ticket *t;
    struct how how;

    if (read_how(r, &how, e) < 0 || !(t = api_ticket_new(r, e)))
        return -1;
    if (!how.wait && !(b = begun_new(r, t, e))) {
        api_redeem(t);
        return -1;
    }
    (how.force ? by_force : gently)(r->api->core, r->name, &r->who, b ? over : api_ticket_done,
                                    b ? (void *)b : t);
    return api_await(r);
}

int api_post_start(struct api_req *r, struct err *e)
{
    return power(r, core_start, core_start_anyway, e);
}

int api_post_stop(struct api_req *r, struct err *e)
{
    return power(r, stop, kill_at_once, e);
}

int api_post_restart(struct api_req *r, struct err *e)
{
    return power(r, core_restart, core_restart_anyway, e);
}

int api_post_rebuild(struct api_req *r, struct err *e)
{
    return power(r, core_rebuild, core_rebuild_anyway, e);
}

int api_post_reset(struct api_req *r, struct err *e)
{
    return power(r, core_reset, core_reset_anyway, e);
}
