/* What is in a guest's CD-ROM drive. */
#include <string.h>

#include "server/api_priv.h"

/* {"force": bool} and, where one is wanted, {"file": "/PATH"}. */
static int change(struct api_req *r, bool wants_file, struct err *e)
{
    json_t *body = api_body(r, e);
    const char *file = "";
    struct api_ticket *t = NULL;
    json_error_t why;
    int force = 0, bad;

    if (!body)
        return -1;
    bad = json_unpack_ex(body, &why, JSON_STRICT, wants_file ? "{s?b, s:s}" : "{s?b}", "force",
                         &force, "file", &file);
    if (bad)
        err_set(e, ERR_INVALID, "body: %s; %s is wanted", why.text,
                wants_file ? "{\"file\": \"/PATH.iso\", \"force\": true or false}"
                           : "{\"force\": true or false}");
    else if (wants_file && !*file)
        err_set(e, ERR_INVALID, "body: file: the path of an ISO image is wanted");
    else if ((t = api_ticket_new(r, e)))
        core_medium(r->api->core, r->name, file, force != 0, &r->who, api_ticket_done, t);
    json_decref(body);
    return t ? api_await(r) : -1;
}

int api_post_eject(struct api_req *r, struct err *e)
{
    return change(r, false, e);
}

int api_post_insert(struct api_req *r, struct err *e)
{
    return change(r, true, e);
}
