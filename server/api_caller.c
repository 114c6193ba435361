/* Guests that others launch: what leads them here, and callers that nobody knows. */
#include "base/cleanup.h"
#include "server/api_priv.h"

int api_get_seed_url(struct api_req *r, struct err *e)
{
    const char *form = api_query(r, "for");
    json_t *tree = core_seed_url(r->api->core, r->name, form ? form : "", e);

    if (!tree)
        return -1;
    api_answer_json(r, MHD_HTTP_OK, tree);
    json_decref(tree);
    return 0;
}

int api_get_seed(struct api_req *r, struct err *e)
{
    auto_buf struct buf b = { .cap = (size_t)1 << 24 };
    const char *document = api_query(r, "document");
    size_t len;

    if (core_seed_document(r->api->core, r->name, document ? document : "", &b, e) < 0)
        return -1;
    buf_puts(&b, ""); /* an empty one is a text too */
    len = b.len;
    api_answer_text(r, MHD_HTTP_OK, "application/octet-stream", buf_steal(&b), len);
    return 0;
}

int api_get_seed_volume(struct api_req *r, struct err *e)
{
    auto_buf struct buf b = BUF_INIT;
    size_t len;

    if (core_seed_volume(r->api->core, r->name, &b, e) < 0)
        return -1;
    len = b.len;
    api_answer_text(r, MHD_HTTP_OK, "application/x-iso9660-image", buf_steal(&b), len);
    return 0;
}

int api_get_seed_explain(struct api_req *r, struct err *e)
{
    const char *client = api_query(r, "client");
    json_t *tree = core_seed_explain(r->api->core, r->name, client ? client : "", e);

    if (!tree)
        return -1;
    api_answer_json(r, MHD_HTTP_OK, tree);
    json_decref(tree);
    return 0;
}

int api_post_adopt(struct api_req *r, struct err *e)
{
    const char *as, *network = "";
    json_t *body = api_body(r, e);
    struct api_ticket *t;
    json_error_t why;

    if (!body)
        return -1;
    if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s?s}", "as", &as, "network", &network)) {
        json_decref(body);
        return err_set(e, ERR_INVALID,
                       "body: %s; {\"as\": NAME, \"network\": NETWORK or left out} is wanted",
                       why.text);
    }
    if (!(t = api_ticket_new(r, e))) {
        json_decref(body);
        return -1;
    }
    t->keep = body;
    core_adopt_caller(r->api->core, r->name, as, network, &r->who, api_ticket_done, t);
    return api_await(r);
}

int api_delete_unknown(struct api_req *r, struct err *e)
{
    json_t *empty;

    if (core_forget_caller(r->api->core, r->name, e) < 0)
        return -1;
    empty = json_object();
    api_answer_json(r, MHD_HTTP_OK, empty);
    json_decref(empty);
    return 0;
}
