/* Runs of Ansible over the control API. */
#include <string.h>

#include "base/cleanup.h"
#include "server/api_priv.h"

#define RUNS_LIMIT     50
#define RUNS_LIMIT_MAX 1000

static int answer(struct api_req *r, json_t *tree)
{
    if (!tree)
        return -1;
    api_answer_json(r, MHD_HTTP_OK, tree);
    json_decref(tree);
    return 0;
}

int api_get_runs(struct api_req *r, struct err *e)
{
    uint64_t limit;

    if (api_query_number(r, "limit", 1, RUNS_LIMIT_MAX, RUNS_LIMIT, &limit, e) < 0)
        return -1;
    return answer(r, core_runs(r->api->core, api_query(r, "instance"), (int)limit, e));
}

int api_get_run(struct api_req *r, struct err *e)
{
    return answer(r, core_run(r->api->core, r->name, e));
}

int api_get_run_log(struct api_req *r, struct err *e)
{
    uint64_t from;

    if (api_query_number(r, "from", 0, INT64_MAX, 0, &from, e) < 0)
        return -1;
    return answer(r, core_run_log(r->api->core, r->name, from, e));
}

int api_post_run_cancel(struct api_req *r, struct err *e)
{
    return api_name_op(r, core_run_cancel, e);
}

static bool texts(const json_t *list)
{
    const json_t *v;
    size_t i;

    json_array_foreach((json_t *)list, i, v) if (!json_is_string(v)) return false;
    return !list || json_is_array(list);
}

int api_post_run(struct api_req *r, struct err *e)
{
    json_t *body = api_body(r, e);
    struct run_ask ask = { 0 };
    struct api_ticket *t;
    json_t *names = NULL, *tags = NULL;
    int check = 0;

    if (!body)
        return -1;
    if (json_unpack_ex(body, NULL, JSON_STRICT, "{s?o, s?s, s?s, s?o, s?b}", "names", &names,
                       "group", &ask.group, "playbook", &ask.playbook, "tags", &tags, "check",
                       &check) ||
        !texts(names) || !texts(tags)) {
        json_decref(body);
        return err_set(e, ERR_INVALID,
                       "body: {\"names\": […], \"group\": TEXT, \"playbook\": TEXT, \"tags\": […], "
                       "\"check\": true or false} is wanted, each of them if need be");
    }
    if (!(t = api_ticket_new(r, e))) {
        json_decref(body);
        return -1;
    }
    t->keep = body;
    ask.names = names;
    ask.tags = tags;
    ask.check = check;
    core_run_begin(r->api->core, &ask, &r->who, api_ticket_done, t);
    return api_await(r);
}
