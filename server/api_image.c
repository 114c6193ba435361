/* Images and tasks over the control API. */
#include "model/words.h"
#include "server/api_priv.h"
#include "server/core_task.h"

static int answer(struct api_req *r, json_t *tree)
{
    if (!tree)
        return -1;
    api_answer_json(r, MHD_HTTP_OK, tree);
    json_decref(tree);
    return 0;
}

int api_get_image(struct api_req *r, struct err *e)
{
    return answer(r, core_image_show(r->api->core, r->name, e));
}

/* {"name": NAME, and its words}. */
int api_post_image(struct api_req *r, struct err *e)
{
    json_t *body = api_body(r, e);
    const char *said = json_string_value(json_object_get(body, "name"));
    struct api_ticket *t = NULL;
    struct name name;

    if (!body)
        return -1;
    if (!said)
        err_set(e, ERR_INVALID, "body: \"name\" is missing");
    else if (name_parse(said, "image name", &name, e) == 0)
        t = api_ticket_new(r, e);
    if (!t) {
        json_decref(body);
        return -1;
    }
    json_object_del(body, "name");
    t->keep = body;
    core_image_create(r->api->core, name.s, body, &r->who, api_ticket_done, t);
    return api_await(r);
}

int api_post_image_verify(struct api_req *r, struct err *e)
{
    return api_name_op(r, core_image_verify, e);
}

int api_delete_image(struct api_req *r, struct err *e)
{
    return api_name_op(r, core_image_remove, e);
}

int api_post_image_gc(struct api_req *r, struct err *e)
{
    json_t *body = api_body(r, e);
    int unused = 0, dry_run = 0, bad;
    struct api_ticket *t;
    json_error_t why;

    if (!body)
        return -1;
    bad = json_unpack_ex(body, &why, JSON_STRICT, "{s?b, s?b}", "unused", &unused, "dry-run",
                         &dry_run);
    json_decref(body);
    if (bad)
        return err_set(e, ERR_INVALID,
                       "body: %s; {\"unused\": true, \"dry-run\": true} or a part of it is wanted",
                       why.text);
    if (!(t = api_ticket_new(r, e)))
        return -1;
    core_image_gc(r->api->core, unused != 0, dry_run != 0, &r->who, api_ticket_done, t);
    return api_await(r);
}

/* As a list, in order of name. */
int api_get_catalogue(struct api_req *r, struct err *e)
{
    json_t *tree = core_catalogue(r->api->core, e), *list = json_array(), *sorted, *entry;
    const char *name;

    sorted = tree ? value_sorted(tree) : NULL;
    json_object_foreach(sorted, name, entry)
    {
        json_object_set_new(entry, "name", json_string(name));
        json_array_append(list, entry);
    }
    json_decref(tree);
    json_decref(sorted);
    if (tree)
        return answer(r, list);
    json_decref(list);
    return -1;
}

int api_get_tasks(struct api_req *r, struct err *e)
{
    return answer(r, core_tasks(r->api->core, e));
}

int api_get_task(struct api_req *r, struct err *e)
{
    struct api_ticket *t;
    uint64_t seen, wait_ms;

    if (api_query_number(r, "seen", 0, UINT32_MAX, 0, &seen, e) < 0 ||
        api_query_number(r, "wait", 0, TASK_WAIT_MAX_MS, 0, &wait_ms, e) < 0 ||
        !(t = api_ticket_new(r, e)))
        return -1;
    core_task(r->api->core, r->name, seen, (int64_t)wait_ms, api_ticket_done, t);
    return api_await(r);
}

int api_post_task_cancel(struct api_req *r, struct err *e)
{
    return api_name_op(r, core_task_cancel, e);
}
