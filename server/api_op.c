/* Operations: the request waits until core says how it ended. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "server/api_priv.h"

struct api_req *api_redeem(struct api_ticket *t)
{
    struct api_req *r = t->req;

    json_decref(t->keep);
    free(t);
    if (r)
        r->ticket = NULL;
    return r && !r->reply ? r : NULL;
}

void api_ticket_done(const json_t *result, const struct err *err, void *ticket)
{
    struct api_req *r = api_redeem(ticket);
    json_t *empty = NULL;

    if (!r)
        return;
    if (err)
        api_answer_err(r, err);
    else
        api_answer_json(r, MHD_HTTP_OK, result ? result : (empty = json_object()));
    json_decref(empty);
    api_wake(r);
}

void api_ticket_text(struct buf *text, const struct err *err, void *ticket)
{
    const char *type = ((struct api_ticket *)ticket)->type;
    struct api_req *r = api_redeem(ticket);
    size_t len = text ? text->len : 0;

    if (!r)
        return;
    if (err)
        api_answer_err(r, err);
    else
        api_answer_text(r, MHD_HTTP_OK, type, buf_steal(text), len);
    api_wake(r);
}

struct api_ticket *api_ticket_new(struct api_req *r, struct err *e)
{
    if (api_room(r->api, e) < 0)
        return NULL;
    r->ticket = calloc(1, sizeof *r->ticket);
    if (!r->ticket)
        err_set(e, ERR_INTERNAL, "out of memory");
    else
        r->ticket->req = r;
    return r->ticket;
}

int api_await(struct api_req *r)
{
    if (!r->reply)
        api_park(r);
    return 0;
}

/* An empty object or nothing. */
static int read_nothing(const struct api_req *r, struct err *e)
{
    json_t *body = api_body(r, e);
    json_error_t why;
    int bad;

    if (!body)
        return -1;
    bad = json_unpack_ex(body, &why, JSON_STRICT, "{}");
    json_decref(body);
    return bad ? err_set(e, ERR_INVALID, "body: %s; it has to be empty", why.text) : 0;
}

int api_name_op(struct api_req *r, api_op_fn *op, struct err *e)
{
    struct api_ticket *t;

    if (read_nothing(r, e) < 0 || !(t = api_ticket_new(r, e)))
        return -1;
    op(r->api->core, r->name, &r->who, api_ticket_done, t);
    return api_await(r);
}

static int check_removal(struct api_req *r, bool force, struct err *e)
{
    json_t *j;

    if (core_remove_check(r->api->core, r->name, force, e) < 0)
        return -1;
    api_answer_json(r, MHD_HTTP_OK, j = json_object());
    json_decref(j);
    return 0;
}

int api_delete_instance(struct api_req *r, struct err *e)
{
    struct api_ticket *t;
    bool force, destroy, dry_run;

    if (api_query_bool(r, "force", &force, e) < 0 ||
        api_query_bool(r, "destroy-disks", &destroy, e) < 0 ||
        api_query_bool(r, "dry-run", &dry_run, e) < 0 || read_nothing(r, e) < 0)
        return -1;
    if (dry_run)
        return check_removal(r, force, e);
    if (!(t = api_ticket_new(r, e)))
        return -1;
    (destroy ? core_destroy : core_remove)(r->api->core, r->name, force, &r->who, api_ticket_done,
                                           t);
    return api_await(r);
}

int api_post_sync(struct api_req *r, struct err *e)
{
    struct api_ticket *t;

    if (read_nothing(r, e) < 0 || !(t = api_ticket_new(r, e)))
        return -1;
    core_sync(r->api->core, &r->who, api_ticket_done, t);
    return api_await(r);
}

int api_post_reprobe(struct api_req *r, struct err *e)
{
    struct api_ticket *t;

    if (read_nothing(r, e) < 0 || !(t = api_ticket_new(r, e)))
        return -1;
    core_reprobe(r->api->core, api_ticket_done, t);
    return api_await(r);
}

int api_post_apply(struct api_req *r, struct err *e)
{
    json_t *body = api_body(r, e), *fleet;
    json_error_t why;
    struct api_ticket *t;
    int dry_run = 0, create = 0;

    if (!body)
        return -1;
    if (json_unpack_ex(body, &why, JSON_STRICT, "{s:o, s?b, s?b}", "fleet", &fleet, "dry-run",
                       &dry_run, "create", &create)) {
        json_decref(body);
        return err_set(e, ERR_INVALID,
                       "body: %s; {\"fleet\": {…}, \"dry-run\": true or false, \"create\": true or "
                       "false} is wanted",
                       why.text);
    }
    if (!(t = api_ticket_new(r, e))) {
        json_decref(body);
        return -1;
    }
    t->keep = body; /* core borrows the tree until it is done */
    api_body_drop(r);
    (create ? core_create : core_apply)(r->api->core, fleet, dry_run != 0, &r->who, api_ticket_done,
                                        t);
    return api_await(r);
}
