/* dnsmasq's configuration and directories, in the network's own. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/nets_priv.h"

/* Left to itself a dnsmasq of root's becomes nobody, who may not read a private state directory. */
static const char *user_of(const struct nets *n)
{
    if (geteuid() != 0)
        return NULL;
    return n->o.config->mode == MODE_SYSTEM && n->o.config->dnsmasq_user[0]
               ? n->o.config->dnsmasq_user
               : "root";
}

int dns_conf_write(struct net *t, bool *ret_changed, struct err *e)
{
    const struct nets *n = t->nets;
    auto_buf struct buf conf = BUF_INIT;
    char script[PATH_SIZE];
    struct dnsmasq_place p = { .bridge = t->plan.bridge, .dir = t->path, .script = script };

    snprintf(script, sizeof(script), "%.*s/roost-lease", PATH_SIZE - 16, n->o.libexec);
    p.user = user_of(n);
    p.group = p.user && strcmp(p.user, "root") == 0 ? "root" : NULL;
    if (dnsmasq_render(&t->up.network, &p, &conf, e) < 0 || buf_check(&conf, e) < 0)
        return -1;
    auto_close int dhcp = dir_open_make(t->dir, DIR_DHCP_HOSTS, 0755, e);
    auto_close int hosts = dhcp < 0 ? -1 : dir_open_make(t->dir, DIR_DNS_HOSTS, 0755, e);
    if (hosts < 0)
        return -1;
    return file_replace(t->dir, FILE_DNSMASQ_CONF, conf.data, conf.len, 0644, ret_changed, e);
}
