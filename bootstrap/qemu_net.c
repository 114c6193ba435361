/* Network cards (QEMU 7.2, "Network options"): the one of the launch, then its further ones. */
#include "bootstrap/qemu_priv.h"

#include "model/layout.h"

/* In service forwards are added over QMP after the start: the first card's to SSH with the recorded
 * port first, and the published ones, of which a taken one is to be told and not to be the end. */
static void add_user_net(struct render *r, int number)
{
    auto_buf struct buf b = BUF_INIT;
    buf_printf(&b, "user,id=net%d,hostname=%s", number, r->l->instance.s);
    if (r->l->domain[0])
        buf_printf(&b, ",domainname=%s", r->l->domain);
    if (!r->p->qmp_socket && number == 0)
        buf_puts(&b, ",hostfwd=tcp:127.0.0.1:0-:22");
    if (!r->p->qmp_socket && number == launch_user_card(r->l))
        hostfwds_option(r->l->forwards, r->l->n_forwards, &b);
    qemu_opt_buf(r, "-netdev", &b);
}

static void put_script(struct render *r, struct buf *b, const struct name *network,
                       const char *file)
{
    qemu_put_text(b, r->p->tap_scripts);
    buf_printf(b, "/%s/%s", network->s, file);
}

static void add_tap(struct render *r, int number, const struct launch_nic *n)
{
    char name[IFNAME_SIZE];
    auto_buf struct buf b = BUF_INIT;
    buf_printf(&b, "tap,id=net%d,", number);
    if (r->p->qmp_socket) {
        buf_printf(&b, "fd=%d", r->p->fd[QEMU_TAP + number]);
    } else {
        network_tap(&n->mac, name);
        buf_printf(&b, "ifname=%s,script=", name);
        put_script(r, &b, &n->network, FILE_QEMU_IFUP);
        buf_puts(&b, ",downscript=");
        put_script(r, &b, &n->network, FILE_QEMU_IFDOWN);
    }
    qemu_opt_buf(r, "-netdev", &b);
}

static void add_nic(struct render *r, int number, const struct launch_nic *n)
{
    char mac[MAC_TEXT];
    auto_buf struct buf b = BUF_INIT;
    if (n->tap)
        add_tap(r, number, n);
    else
        add_user_net(r, number);
    buf_printf(&b, "virtio-net-pci,id=nic%d,netdev=net%d,mac=%s", number, number,
               mac_format(&n->mac, mac));
    /* Unless it boots from the first (iPXE, of package ipxe-qemu), no option ROM to run through. */
    if (number > 0 || r->l->media.boot != BOOT_NETWORK)
        buf_puts(&b, ",romfile=");
    if (number == 0)
        qemu_put_bootindex(&b, r->l, BOOT_NETWORK);
    if (n->mtu)
        buf_printf(&b, ",host_mtu=%u", n->mtu);
    qemu_opt_buf(r, "-device", &b);
}

void qemu_add_network(struct render *r)
{
    const struct launch *l = r->l;
    const struct launch_nic first = {
        .network = l->network, .kind = l->network_kind, .mac = l->mac, .tap = l->tap, .mtu = l->mtu
    };
    add_nic(r, 0, &first);
    for (int i = 0; i < l->n_nics; i++)
        add_nic(r, i + 1, &l->nics[i]);
    qemu_opt(r, "-object", "rng-random,id=rng0,filename=/dev/urandom");
    qemu_opt(r, "-device", "virtio-rng-pci,rng=rng0");
}
