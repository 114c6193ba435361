/* Answers of the control API. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/api_priv.h"

#define STREAM_PART (128u << 10)

static void set(struct api_req *r, unsigned status, const char *type, struct MHD_Response *reply)
{
    if (r->reply)
        MHD_destroy_response(r->reply);
    r->reply = reply;
    r->status = status;
    if (reply)
        MHD_add_response_header(reply, MHD_HTTP_HEADER_CONTENT_TYPE, type);
}

void api_answer_static(struct api_req *r, const char *type, const char *body, size_t len)
{
    void *bytes = (void *)(uintptr_t)body; /* the library never writes to it */

    set(r, MHD_HTTP_OK, type, MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_PERSISTENT));
}

/* Without memory for an answer there is still one. */
static void answer_no_memory(struct api_req *r)
{
    static const char text[] =
        "{\"error\":{\"kind\":\"internal\",\"message\":\"out of memory\"}}\n";

    api_answer_static(r, "application/json", text, sizeof text - 1);
    r->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
}

void api_answer_text(struct api_req *r, unsigned status, const char *type, char *body, size_t len)
{
    struct MHD_Response *reply;

    if (!body) {
        answer_no_memory(r);
        return;
    }
    reply = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
    if (!reply)
        free(body);
    set(r, status, type, reply);
}

static int append(const char *data, size_t len, void *arg)
{
    struct buf *b = arg;

    buf_put(b, data, len);
    return b->failed ? -1 : 0;
}

void api_answer_json(struct api_req *r, unsigned status, const json_t *tree)
{
    auto_buf struct buf b = { .cap = (size_t)1 << 30 };
    size_t len;

    if (!tree || json_dump_callback(tree, append, &b, JSON_COMPACT | JSON_ENCODE_ANY) < 0) {
        answer_no_memory(r);
        return;
    }
    buf_putc(&b, '\n');
    len = b.len;
    api_answer_text(r, status, "application/json", buf_steal(&b), len);
}

/* Who could not write says so; that the disk is full is known in one place. */
static const char *cause(const struct api_req *r, const struct err *e)
{
    return e->kind == ERR_IO && core_disk_is_full(r->api->core) && !strstr(e->text, "full")
               ? ": its disk is full, free some space"
               : "";
}

void api_answer_err(struct api_req *r, const struct err *e)
{
    json_t *tree = json_pack("{s:{s:s,s:s+}}", "error", "kind", err_kind_name(e->kind), "message",
                             e->text, cause(r, e));

    if (!tree) /* the message holds something that is no UTF-8 */
        tree = json_pack("{s:{s:s,s:s}}", "error", "kind", err_kind_name(e->kind), "message",
                         "the message cannot be shown");
    api_answer_json(r, (unsigned)err_http_status(e->kind), tree);
    json_decref(tree);
    if (e->kind == ERR_BUSY)
        api_answer_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "1");
}

void api_answer_stream(struct api_req *r, const char *type, uint64_t size,
                       MHD_ContentReaderCallback read, MHD_ContentReaderFreeCallback done,
                       void *arg)
{
    struct MHD_Response *reply =
        MHD_create_response_from_callback(size, STREAM_PART, read, arg, done);

    if (!reply) {
        done(arg);
        answer_no_memory(r);
        return;
    }
    set(r, MHD_HTTP_OK, type, reply);
}

void api_answer_header(struct api_req *r, const char *name, const char *value)
{
    if (r->reply)
        MHD_add_response_header(r->reply, name, value);
}
