/* Backups and checks of the store. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/api_priv.h"

/* libmicrohttpd's reader: positions are those of the whole archive. */
static ssize_t read_archive(void *arg, uint64_t pos, char *out, size_t max)
{
    const struct archive *a = arg;
    const struct buf *in = &a->head;
    ssize_t n;

    if (pos >= a->head.len + a->size) {
        pos -= a->head.len + a->size;
        in = &a->tail;
    } else if (pos >= a->head.len) {
        uint64_t at = pos - a->head.len;
        if (max > a->size - at)
            max = (size_t)(a->size - at);
        n = pread(a->fd, out, max, (off_t)at);
        return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (max > in->len - pos)
        max = in->len - (size_t)pos;
    memcpy(out, in->data + pos, max);
    return max ? (ssize_t)max : MHD_CONTENT_READER_END_OF_STREAM;
}

static void free_archive(void *arg)
{
    struct archive *a = arg;

    explicit_bzero(a->head.data, a->head.len);
    archive_done(a);
}

static void archived(struct archive *a, const struct err *err, void *ticket)
{
    struct api_req *r = api_redeem(ticket);

    if (!r) {
        archive_done(a);
        return;
    }
    if (err)
        api_answer_err(r, err);
    else
        api_answer_stream(r, "application/x-tar", a->head.len + a->size + a->tail.len, read_archive,
                          free_archive, a);
    api_wake(r);
}

int api_get_backup(struct api_req *r, struct err *e)
{
    struct api_ticket *t;

    if (api_peer_owner(r, "a backup, which holds the secret key and password hashes", e) < 0 ||
        !(t = api_ticket_new(r, e)))
        return -1;
    core_backup(r->api->core, archived, t);
    return api_await(r);
}

static void check(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                  void *arg)
{
    (void)name;
    (void)who;
    core_store_check(c, done, arg);
}

int api_post_store_check(struct api_req *r, struct err *e)
{
    return api_name_op(r, check, e);
}
