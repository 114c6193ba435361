#include "bootstrap/qemu_priv.h"

#include "model/layout.h"

static void add_user_net(struct render *r)
{
    auto_buf struct buf b = BUF_INIT;
    buf_printf(&b, "user,id=net0,hostname=%s", r->l->instance.s);
    if (r->l->domain[0])
        buf_printf(&b, ",domainname=%s", r->l->domain);
    /* In service the forward is added over QMP after the start, with the recorded port first. */
    if (!r->p->qmp_socket)
        buf_puts(&b, ",hostfwd=tcp:127.0.0.1:0-:22");
    qemu_opt_buf(r, "-netdev", &b);
}

static void add_tap(struct render *r)
{
    char name[IFNAME_SIZE];
    auto_buf struct buf b = BUF_INIT;
    buf_puts(&b, "tap,id=net0,");
    if (r->p->qmp_socket) {
        buf_printf(&b, "fd=%d", r->p->fd[QEMU_TAP]);
    } else {
        network_tap(&r->l->mac, name);
        buf_printf(&b, "ifname=%s,script=", name);
        qemu_put_text(&b, r->p->tap_scripts);
        buf_puts(&b, "/" FILE_QEMU_IFUP ",downscript=");
        qemu_put_text(&b, r->p->tap_scripts);
        buf_puts(&b, "/" FILE_QEMU_IFDOWN);
    }
    qemu_opt_buf(r, "-netdev", &b);
}

void qemu_add_network(struct render *r)
{
    char mac[MAC_TEXT];
    auto_buf struct buf b = BUF_INIT;
    if (r->l->tap)
        add_tap(r);
    else
        add_user_net(r);
    buf_printf(&b, "virtio-net-pci,id=nic0,netdev=net0,mac=%s", mac_format(&r->l->mac, mac));
    /* Unless it boots from there (iPXE, of package ipxe-qemu), no option ROM to run through. */
    if (r->l->media.boot != BOOT_NETWORK)
        buf_puts(&b, ",romfile=");
    qemu_put_bootindex(&b, r->l, BOOT_NETWORK);
    if (r->l->mtu)
        buf_printf(&b, ",host_mtu=%u", r->l->mtu);
    qemu_opt_buf(r, "-device", &b);
    qemu_opt(r, "-object", "rng-random,id=rng0,filename=/dev/urandom");
    qemu_opt(r, "-device", "virtio-rng-pci,rng=rng0");
}
