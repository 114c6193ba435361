/* Requests that wait, and what they hold. */
#include "server/api_priv.h"

int api_room(const struct api *a, struct err *e)
{
    if (a->stopping)
        return err_set(e, ERR_BUSY, "roost is stopping");
    if (a->n_parked >= API_PARKED_MAX)
        return err_set(e, ERR_BUSY, "%d requests are waiting already; try again later",
                       API_PARKED_MAX);
    return 0;
}

void api_park(struct api_req *r)
{
    r->parked = true;
    TAILQ_INSERT_TAIL(&r->api->parked, r, order);
    r->api->n_parked++;
    MHD_suspend_connection(r->conn);
}

/* Neither the epoll descriptor nor MHD_get_timeout() tells of a resumed connection: the turn's end
 * runs the daemon. */
void api_wake(struct api_req *r)
{
    struct api *a = r->api;

    if (!r->parked)
        return;
    r->parked = false;
    TAILQ_REMOVE(&a->parked, r, order);
    a->n_parked--;
    MHD_resume_connection(r->conn);
    a->kicked = true;
    loop_hook_soon(a->hook);
}

void api_body_drop(struct api_req *r)
{
    r->api->bodies -= r->body.len;
    buf_done(&r->body);
}
