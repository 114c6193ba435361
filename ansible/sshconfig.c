#include "ansible/sshconfig.h"

#include <string.h>

#include "ansible/sshpath.h"

void sshconfig_banner(struct buf *out)
{
    host_banner(out, "How ssh reaches the instances");
    buf_puts(out, "# Use it by: ssh -F THIS-FILE NAME, or by a first line in ~/.ssh/config:\n"
                  "# Include THIS-FILE\n");
}

/* A login as it can stand bare: whatever else an operator's ansible_user may hold, quotes, tokens
 * (OpenSSH 10 expands them here) or a template, means something else to ssh. */
static bool is_login(const char *s)
{
    static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-";

    return *s && *s != '-' && !s[strspn(s, ok)];
}

static void put_user(struct buf *out, const char *user)
{
    if (is_login(user))
        buf_cat(out, "    User ", user, "\n", NULL);
    else if (*user)
        buf_puts(out, "    # ansible_user is nothing that ssh can be told here: ssh -l LOGIN\n");
}

static void put_path(struct buf *out, const char *option, const char *path)
{
    if (sshpath_check(path, NULL) < 0) {
        buf_printf(out, "    # %s: the configured path cannot be written in ssh_config\n", option);
        return;
    }
    buf_cat(out, "    ", option, " ", NULL);
    sshpath_word(out, path);
    buf_putc(out, '\n');
}

/* CheckHostIP: addresses are used again by other guests, names are not. */
static void put_checks(struct buf *out, const struct host *h, const struct host_defaults *d)
{
    buf_cat(out, "    HostKeyAlias ", h->name.s, "\n", NULL);
    if (*d->known_hosts)
        put_path(out, "UserKnownHostsFile", d->known_hosts);
    buf_puts(out, "    StrictHostKeyChecking yes\n"
                  "    CheckHostIP no\n");
}

void sshconfig_add(struct buf *out, const struct host *h, const struct host_defaults *d)
{
    struct endpoint at;
    char ip[IP_TEXT];

    if (!host_endpoint(h, &at)) {
        buf_printf(out,
                   "\n# %s: no address is on record; \"roost events %s\" shows how far it came\n",
                   h->name.s, h->name.s);
        return;
    }
    buf_printf(out, "\nHost %s\n    HostName %s\n    Port %u\n", h->name.s, ip_format(&at.ip, ip),
               (unsigned)at.port);
    put_user(out, h->user);
    put_checks(out, h, d);
    if (*d->ssh_key) {
        put_path(out, "IdentityFile", d->ssh_key);
        buf_puts(out, "    IdentitiesOnly yes\n");
    }
}
