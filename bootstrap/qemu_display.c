#include <string.h>

#include "bootstrap/qemu_priv.h"

/* By hand (vm.sh) a display is a window. */
void qemu_add_display(struct render *r)
{
    const struct machine_def *m = &r->l->machine;

    if (m->display == DISPLAY_HEADLESS) {
        qemu_opt(r, "-display", "none");
        return;
    }
    if (r->p->vnc_socket) {
        auto_buf struct buf b = BUF_INIT;
        buf_puts(&b, "unix:");
        qemu_put_text(&b, r->p->vnc_socket);
        qemu_opt_buf(r, "-vnc", &b);
    } else {
        qemu_opt(r, "-display", "gtk");
    }
    if (m->keymap[0])
        qemu_opt(r, "-k", m->keymap);
}

static bool has_usb(const struct machine_def *m)
{
    for (unsigned i = 0; i < m->n_devices; i++)
        if (!strncmp(m->devices[i], "usb:", 4))
            return true;
    return m->display != DISPLAY_HEADLESS;
}

/* A tablet, since its pointer is where the viewer's is. */
void qemu_add_video(struct render *r)
{
    const struct machine_def *m = &r->l->machine;

    if (has_usb(m))
        qemu_opt(r, "-device", "qemu-xhci,id=usb");
    if (m->display == DISPLAY_HEADLESS)
        return;
    qemu_opt(r, "-device",
             r->l->arch == ARCH_AMD64 ? "virtio-vga,id=video" : "virtio-gpu-pci,id=video");
    qemu_opt(r, "-device", "usb-tablet,bus=usb.0");
    qemu_opt(r, "-device", "usb-kbd,bus=usb.0");
}

static void add_usb(struct render *r, const char *at)
{
    const char *colon = strchr(at, ':'), *dash = strchr(at, '-');

    argv_add(r->out, "-device");
    if (colon)
        argv_addf(r->out, "usb-host,bus=usb.0,vendorid=0x%.4s,productid=0x%s", at, colon + 1);
    else if (dash)
        argv_addf(r->out, "usb-host,bus=usb.0,hostbus=%.*s,hostport=%s", (int)(dash - at), at,
                  dash + 1);
}

/* The texts are device_parse()'s. */
void qemu_add_host_devices(struct render *r)
{
    const struct machine_def *m = &r->l->machine;

    for (unsigned i = 0; i < m->n_devices; i++) {
        const char *at = m->devices[i] + 4;
        if (!strncmp(m->devices[i], "usb:", 4)) {
            add_usb(r, at);
        } else {
            argv_add(r->out, "-device");
            argv_addf(r->out, "vfio-pci,host=%s", at);
        }
    }
}

/* Last of all: an option that lacks its value finds nothing of ours to take for it. */
void qemu_add_arguments(struct render *r)
{
    for (unsigned i = 0; i < r->l->machine.n_arguments; i++)
        argv_add(r->out, machine_argument(&r->l->machine, i));
}
