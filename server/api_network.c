/* Networks: what is asked of them, and what is done to them. */
#include "base/cleanup.h"
#include "server/api_priv.h"

/* Takes the reference over. */
static int answer(struct api_req *r, json_t *tree)
{
    if (!tree)
        return -1;
    api_answer_json(r, MHD_HTTP_OK, tree);
    json_decref(tree);
    return 0;
}

int api_get_networks(struct api_req *r, struct err *e)
{
    return answer(r, core_networks(r->api->core, e));
}

int api_get_network(struct api_req *r, struct err *e)
{
    return answer(r, core_network_show(r->api->core, r->name, e));
}

int api_post_network_up(struct api_req *r, struct err *e)
{
    return api_name_op(r, core_network_up, e);
}

int api_post_network_down(struct api_req *r, struct err *e)
{
    return api_name_op(r, core_network_down, e);
}

int api_delete_network(struct api_req *r, struct err *e)
{
    return api_name_op(r, core_network_remove, e);
}

static int check(struct api_req *r, const char *name, struct err *e)
{
    struct api_ticket *t = api_ticket_new(r, e);

    if (!t)
        return -1;
    core_network_check(r->api->core, name, api_ticket_done, t);
    return api_await(r);
}

int api_get_networks_check(struct api_req *r, struct err *e)
{
    return check(r, NULL, e);
}

int api_get_network_check(struct api_req *r, struct err *e)
{
    return check(r, r->name, e);
}

int api_get_network_plan(struct api_req *r, struct err *e)
{
    struct api_ticket *t = api_ticket_new(r, e);

    if (!t)
        return -1;
    core_network_plan(r->api->core, r->name, api_ticket_done, t);
    return api_await(r);
}

/* {"text": …} goes out as the text itself. */
static void exported(const json_t *result, const struct err *err, void *ticket)
{
    auto_buf struct buf text = { .cap = (size_t)1 << 30 };
    const json_t *s = json_object_get(result, "text");

    buf_put(&text, s ? json_string_value(s) : "", json_string_length(s));
    api_ticket_text(&text, err, ticket);
}

int api_get_network_export(struct api_req *r, struct err *e)
{
    const char *format = api_query(r, "format");
    struct api_ticket *t = api_ticket_new(r, e);

    if (!t)
        return -1;
    t->type = "text/plain; charset=utf-8";
    core_network_export(r->api->core, r->name, format ? format : "", exported, t);
    return api_await(r);
}
