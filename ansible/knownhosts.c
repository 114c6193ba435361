#include "ansible/knownhosts.h"

#define SSH_PORT 22

void knownhosts_banner(struct buf *out)
{
    host_banner(out, "SSH host keys");
    buf_puts(out,
             "# Keys hang on instances' names: ssh -o HostKeyAlias=NAME. Addresses stand beside a\n"
             "# name while the instance runs.\n");
}

/* put_host_port() of OpenSSH's misc.c: brackets for other ports than 22 only. */
static void put_address(struct buf *out, const struct endpoint *at)
{
    char ip[IP_TEXT];

    ip_format(&at->ip, ip);
    if (at->port == SSH_PORT)
        buf_puts(out, ip);
    else
        buf_printf(out, "[%s]:%u", ip, (unsigned)at->port);
}

static void put_key(struct buf *out, const struct host *h, const struct hostkey *k)
{
    struct endpoint at;

    buf_puts(out, h->name.s);
    if (host_holds_address(h) && host_endpoint(h, &at)) {
        buf_putc(out, ',');
        put_address(out, &at);
    }
    buf_cat(out, " ", k->algorithm, " ", k->blob, "\n", NULL);
}

void knownhosts_add(struct buf *out, const struct host *h)
{
    for (int type = 0; type < HOSTKEY_TYPES; type++)
        for (int i = 0; i < h->n_keys; i++)
            if ((int)h->keys[i].type == type)
                put_key(out, h, &h->keys[i]);
}
