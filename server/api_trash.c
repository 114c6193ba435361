/* The trash. */
#include "base/cleanup.h"
#include "server/api_priv.h"

int api_get_trash(struct api_req *r, struct err *e)
{
    json_t *j = core_trash(r->api->core, e);

    if (!j)
        return -1;
    api_answer_json(r, MHD_HTTP_OK, j);
    json_decref(j);
    return 0;
}

int api_post_trash_restore(struct api_req *r, struct err *e)
{
    json_t *body = api_body(r, e);
    struct api_ticket *t;
    json_error_t why;
    const char *as = NULL;

    if (!body)
        return -1;
    if (json_unpack_ex(body, &why, JSON_STRICT, "{s?s}", "as", &as)) {
        json_decref(body);
        return err_set(e, ERR_INVALID, "body: %s; {\"as\": \"NAME\"} or nothing is wanted",
                       why.text);
    }
    if (!(t = api_ticket_new(r, e))) {
        json_decref(body);
        return -1;
    }
    t->keep = body;
    core_trash_restore(r->api->core, r->name, as, &r->who, api_ticket_done, t);
    return api_await(r);
}

int api_delete_trash(struct api_req *r, struct err *e)
{
    return api_name_op(r, core_trash_forget, e);
}
