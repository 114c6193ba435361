/* Reads: straight from core. */
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

int api_get_check(struct api_req *r, struct err *e)
{
    return answer(r, core_check(r->api->core, e));
}

int api_get_paths(struct api_req *r, struct err *e)
{
    return answer(r, core_paths(r->api->core, e));
}

int api_get_instances(struct api_req *r, struct err *e)
{
    return answer(r, core_instances(r->api->core, e));
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

int api_get_networks(struct api_req *r, struct err *e)
{
    return answer(r, core_definitions(r->api->core, "networks", e));
}

int api_get_identities(struct api_req *r, struct err *e)
{
    return answer(r, core_definitions(r->api->core, "identities", e));
}

int api_get_images(struct api_req *r, struct err *e)
{
    return answer(r, core_definitions(r->api->core, "images", e));
}

/* --- texts --- */

static int answer_text(struct api_req *r, const char *type, struct buf *b, struct err *e)
{
    size_t len = b->len;

    if (buf_check(b, e) < 0)
        return -1;
    api_answer_text(r, MHD_HTTP_OK, type, buf_steal(b), len);
    return 0;
}

int api_get_inventory(struct api_req *r, struct err *e)
{
    auto_buf struct buf b = { .cap = (size_t)1 << 30 };

    if (core_inventory(r->api->core, &b, e) < 0)
        return -1;
    return answer_text(r, "text/yaml", &b, e);
}

int api_get_known_hosts(struct api_req *r, struct err *e)
{
    auto_buf struct buf b = { .cap = (size_t)1 << 30 };

    if (core_known_hosts(r->api->core, api_query(r, "host"), &b, e) < 0)
        return -1;
    return answer_text(r, "text/plain; charset=utf-8", &b, e);
}

int api_get_ssh_config(struct api_req *r, struct err *e)
{
    auto_buf struct buf b = { .cap = (size_t)1 << 30 };

    if (core_ssh_config(r->api->core, &b, e) < 0)
        return -1;
    return answer_text(r, "text/plain; charset=utf-8", &b, e);
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
