#include "ansible/host.h"

#include "base/parse.h"
#include "model/lifecycle.h"

static uint16_t port_of(const json_t *v)
{
    uint64_t port = 0;

    if (json_is_integer(v) && json_integer_value(v) > 0 && json_integer_value(v) <= UINT16_MAX)
        return (uint16_t)json_integer_value(v);
    if (json_is_string(v))
        parse_u64(json_string_value(v), 1, UINT16_MAX, &port, NULL);
    return (uint16_t)port;
}

bool host_is_found(const struct host *h)
{
    return h->ssh.port && h->ssh.ip.family;
}

bool host_endpoint(const struct host *h, struct endpoint *ret)
{
    uint16_t port = port_of(json_object_get(h->vars, "ansible_port"));

    if (!host_is_found(h))
        return false;
    *ret = h->ssh;
    if (port)
        ret->port = port;
    return true;
}

bool host_holds_address(const struct host *h)
{
    int phase = phase_from_name(h->state);

    return phase >= 0 && phase_is_running((enum phase)phase);
}

void host_banner(struct buf *out, const char *what)
{
    buf_printf(
        out,
        "# %s, written by roost from what is on record.\n"
        "# Changes made here are lost with the next event. To change it properly, change the\n"
        "# fleet file and say: roost apply -f FLEET.yaml. To have it written again: roost sync\n",
        what);
}
