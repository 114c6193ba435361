/* rename. */
#include "base/cleanup.h"
#include "server/api_priv.h"

int api_post_rename(struct api_req *r, struct err *e)
{
    json_t *body = api_body(r, e);
    struct api_ticket *t;
    json_error_t why;
    const char *to;

    if (!body)
        return -1;
    if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s}", "to", &to)) {
        json_decref(body);
        return err_set(e, ERR_INVALID, "body: %s; {\"to\": \"NAME\"} is wanted", why.text);
    }
    if (!(t = api_ticket_new(r, e))) {
        json_decref(body);
        return -1;
    }
    t->keep = body;
    core_rename(r->api->core, r->name, to, &r->who, api_ticket_done, t);
    return api_await(r);
}
