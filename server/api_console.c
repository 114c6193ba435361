/* The serial line of a guest over a connection of the control API (RFC 9110 section 7.8: Upgrade):
 * after "101 Switching Protocols" its bytes are the guest's. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "server/api_priv.h"

#define PROTOCOL "roost-console"

/* The connection goes back to the library, which closes it in its next run. */
static void hang_up(struct api_req *r)
{
    struct api *a = r->api;

    viewer_free(steal_ptr(r->viewer));
    if (!r->upgraded)
        return;
    TAILQ_REMOVE(&a->consoles, r, order);
    MHD_upgrade_action(steal_ptr(r->upgraded), MHD_UPGRADE_ACTION_CLOSE);
    a->kicked = true;
    loop_hook_soon(a->hook);
}

static void gone(void *arg)
{
    hang_up(arg);
}

static void upgraded(void *cls, struct MHD_Connection *conn, void *slot, const char *extra,
                     size_t extra_len, MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
    struct api_req *r = slot;
    struct err e;

    (void)cls;
    (void)conn;
    r->upgraded = handle;
    TAILQ_INSERT_TAIL(&r->api->consoles, r, order);
    if (viewer_begin(r->viewer, fd, extra, extra_len, gone, r, &e) == 0)
        return;
    log_warn("console: %s", e.text);
    hang_up(r);
}

void api_consoles_end(struct api *a)
{
    struct api_req *r;

    while ((r = TAILQ_FIRST(&a->consoles)))
        hang_up(r);
}

void api_console_drop(struct api_req *r)
{
    viewer_free(steal_ptr(r->viewer));
}

static int asked_for(const struct api_req *r, struct err *e)
{
    const char *said =
        MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_UPGRADE);

    return said && strcmp(said, PROTOCOL) == 0
               ? 0
               : err_set(e, ERR_INVALID,
                         "a console is attached to by a connection that becomes its own: send "
                         "\"Connection: Upgrade\" and \"Upgrade: " PROTOCOL "\"");
}

int api_get_attach(struct api_req *r, struct err *e)
{
    struct MHD_Response *reply;
    char others[16];
    bool silent;

    if (r->api->stopping)
        return err_set(e, ERR_BUSY, "roost is stopping");
    if (api_query_bool(r, "watch", &silent, e) < 0 || asked_for(r, e) < 0 ||
        !(r->viewer = core_view(r->api->core, r->name, silent, &r->who, e)))
        return -1;
    if (!(reply = MHD_create_response_for_upgrade(upgraded, NULL)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    snprintf(others, sizeof others, "%u", viewer_others(r->viewer));
    MHD_add_response_header(reply, MHD_HTTP_HEADER_UPGRADE, PROTOCOL);
    MHD_add_response_header(reply, "Roost-Others", others);
    r->reply = reply;
    r->status = MHD_HTTP_SWITCHING_PROTOCOLS;
    return 0;
}
