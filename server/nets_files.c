/* What was applied to the host also lies as files in the network's directory, in the forms that an
 * administrator knows: links for ip(8), settings for sysctl(8), and the scripts that a QEMU started
 * by hand (vm.sh) makes its tap with. dnsmasq's and iptables' files are written where those get
 * them. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "model/layout.h"
#include "netcfg/export.h"
#include "server/nets_priv.h"

static const struct row {
    const char *name;
    enum export_format format;
    mode_t mode;
} rows[] = {
    { FILE_LINKS, EXPORT_IP, 0644 },
    { FILE_SYSCTL, EXPORT_SYSCTL, 0644 },
    { FILE_QEMU_IFUP, EXPORT_QEMU_IFUP, 0755 },
    { FILE_QEMU_IFDOWN, EXPORT_QEMU_IFDOWN, 0755 },
};

static int write_row(const struct net *t, const struct row *row, const struct export_input *in,
                     struct err *e)
{
    auto_buf struct buf text = BUF_INIT;

    if (export_render(row->format, in, &text, e) < 0)
        return -1;
    return file_replace(t->dir, row->name, text.data, text.len, row->mode, NULL, e);
}

int net_files_write(const struct net *t, struct err *e)
{
    struct facts f = { 0 };
    const struct export_input in = { .network = &t->up.network, .plan = &t->plan, .facts = &f };
    int r = nets_netlink(t->nets, e) ? link_facts(t->nets->netlink, &f, e) : -1;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rows); i++)
        r = write_row(t, &rows[i], &in, e);
    facts_done(&f);
    return r;
}

int net_files_remove(const struct net *t, struct err *e)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (unlinkat(t->dir, rows[i].name, 0) < 0 && errno != ENOENT)
            return err_sys(e, "%s", rows[i].name);
    return 0;
}
