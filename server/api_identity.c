/* Identities over the control API. */
#include "model/identity.h"
#include "server/api_priv.h"

int api_get_identity(struct api_req *r, struct err *e)
{
    json_t *tree = core_identity(r->api->core, r->name, e);

    if (!tree)
        return -1;
    api_answer_json(r, MHD_HTTP_OK, tree);
    json_decref(tree);
    return 0;
}

/* The body lives as long as the ticket. */
static struct api_ticket *ticket(struct api_req *r, json_t *body, struct err *e)
{
    struct api_ticket *t = api_ticket_new(r, e);

    if (t)
        t->keep = body;
    else
        json_decref(body);
    return t;
}

/* {"name": LOGIN, and its words}. */
int api_post_identity(struct api_req *r, struct err *e)
{
    json_t *body = api_body(r, e);
    const char *said = json_string_value(json_object_get(body, "name"));
    struct api_ticket *t;
    struct name name;

    if (!body)
        return -1;
    if (!said || identity_name_parse(said, &name, e) < 0) {
        if (!said)
            err_set(e, ERR_INVALID, "body: \"name\" is missing: the login of the account");
        json_decref(body);
        return -1;
    }
    json_object_del(body, "name");
    if (!(t = ticket(r, body, e)))
        return -1;
    core_identity_create(r->api->core, name.s, body, &r->who, api_ticket_done, t);
    return api_await(r);
}

int api_patch_identity(struct api_req *r, struct err *e)
{
    json_t *body = api_body(r, e);
    struct identity_change h = { NULL, NULL, NULL };
    json_error_t why;
    struct api_ticket *t;
    bool bad;

    if (!body)
        return -1;
    bad = json_unpack_ex(body, &why, JSON_STRICT, "{s?o, s?o, s?o}", "set", &h.set,
                         "add-public-keys", &h.add_keys, "remove-public-keys", &h.remove_keys) ||
          (h.set && !json_is_object(h.set)) || (h.add_keys && !json_is_array(h.add_keys)) ||
          (h.remove_keys && !json_is_array(h.remove_keys));
    if (bad) {
        json_decref(body);
        return err_set(e, ERR_INVALID,
                       "body: {\"set\": {WORD: VALUE or null}, \"add-public-keys\": […], "
                       "\"remove-public-keys\": […]} is wanted");
    }
    if (!(t = ticket(r, body, e)))
        return -1;
    core_identity_modify(r->api->core, r->name, &h, &r->who, api_ticket_done, t);
    return api_await(r);
}

int api_delete_identity(struct api_req *r, struct err *e)
{
    return api_name_op(r, core_identity_remove, e);
}
