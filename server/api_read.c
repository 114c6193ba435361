/* Reads: straight from core, but for those that need the whole fleet. */
#include "base/cleanup.h"
#include "server/api_priv.h"

#define CONSOLE_LINES     100
#define CONSOLE_LINES_MAX 1000

/* Takes the reference over. */
static int answer(struct api_req *r, json_t *tree)
{
    if (!tree)
        return -1;
    api_answer_json(r, MHD_HTTP_OK, tree);
    json_decref(tree);
    return 0;
}

int api_get_status(struct api_req *r, struct err *e)
{
    return answer(r, core_status(r->api->core, e));
}

int api_get_metrics(struct api_req *r, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    size_t len;

    if (core_metrics(r->api->core, r->api->n_parked, &text, e) < 0)
        return -1;
    len = text.len;
    api_answer_text(r, MHD_HTTP_OK, "application/openmetrics-text; version=1.0.0; charset=utf-8",
                    buf_steal(&text), len);
    return 0;
}

int api_get_check(struct api_req *r, struct err *e)
{
    return answer(r, core_check(r->api->core, e));
}

int api_get_paths(struct api_req *r, struct err *e)
{
    return answer(r, core_paths(r->api->core, e));
}

int api_get_instance(struct api_req *r, struct err *e)
{
    return answer(r, core_instance(r->api->core, r->name, e));
}

int api_get_console(struct api_req *r, struct err *e)
{
    uint64_t lines;

    if (api_query_number(r, "lines", 1, CONSOLE_LINES_MAX, CONSOLE_LINES, &lines, e) < 0)
        return -1;
    return answer(r, core_console_tail(r->api->core, r->name, (unsigned)lines, e));
}

int api_get_unknown(struct api_req *r, struct err *e)
{
    return answer(r, core_unknown(r->api->core, e));
}

int api_get_identities(struct api_req *r, struct err *e)
{
    return answer(r, core_definitions(r->api->core, "identities", e));
}

int api_get_groups(struct api_req *r, struct err *e)
{
    return answer(r, core_definitions(r->api->core, "groups", e));
}

int api_get_images(struct api_req *r, struct err *e)
{
    return answer(r, core_definitions(r->api->core, "images", e));
}

/* --- what needs the whole fleet --- */

static int survey(struct api_req *r, enum survey_kind kind, const char *type, struct err *e)
{
    const char *host = kind == SURVEY_KNOWN_HOSTS ? api_query(r, "host") : NULL;
    struct api_ticket *t = api_ticket_new(r, e);

    if (!t)
        return -1;
    t->type = type;
    core_survey(r->api->core, kind, host, api_ticket_text, t);
    return api_await(r);
}

int api_get_instances(struct api_req *r, struct err *e)
{
    return survey(r, SURVEY_INSTANCES, "application/json", e);
}

int api_get_inventory(struct api_req *r, struct err *e)
{
    return survey(r, SURVEY_INVENTORY, "text/yaml", e);
}

int api_get_known_hosts(struct api_req *r, struct err *e)
{
    return survey(r, SURVEY_KNOWN_HOSTS, "text/plain; charset=utf-8", e);
}

int api_get_ssh_config(struct api_req *r, struct err *e)
{
    return survey(r, SURVEY_SSH_CONFIG, "text/plain; charset=utf-8", e);
}

/* --- the document about all this --- */

/* Found by the assembler from the root of the tree, where the build runs. */
__asm__(".pushsection .rodata\n"
        ".global api_openapi_text\n"
        ".global api_openapi_end\n"
        "api_openapi_text: .incbin \"server/openapi.yaml\"\n"
        "api_openapi_end: .byte 0\n"
        ".popsection\n");
extern const char api_openapi_text[], api_openapi_end[];

int api_get_openapi(struct api_req *r, struct err *e)
{
    (void)e;
    api_answer_static(r, "application/yaml", api_openapi_text,
                      (size_t)(api_openapi_end - api_openapi_text));
    return 0;
}
