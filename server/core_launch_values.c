/* The values of the verb that launches a guest. */
#include <stdio.h>
#include <string.h>

#include "server/core_machine.h"
#include "server/core_network.h"

static enum firmware firmware_of(const struct spec *s, enum firmware otherwise)
{
    if (s->firmware_set)
        return s->firmware;
    return s->machine.firmware_code[0] ? FIRMWARE_UEFI : otherwise;
}

static int fill_image(struct core *c, const struct instance *i, struct launch *l, struct err *e)
{
    struct image image;

    l->machine = i->spec.machine;
    if (!i->spec.image.s[0]) { /* its root disk is a file */
        l->arch = arch_native();
        l->firmware = firmware_of(&i->spec, l->arch == ARCH_ARM64 ? FIRMWARE_UEFI : FIRMWARE_BIOS);
        return 0;
    }
    if (core_image(c, i->spec.image.s, &image, e) < 0)
        return -1;
    if (image.min_memory > i->spec.memory)
        return err_set(e, ERR_INVALID, "image %s needs at least %llu MiB of memory", image.name.s,
                       (unsigned long long)(image.min_memory >> 20));
    l->image = image.name;
    l->arch = image.arch;
    l->firmware = firmware_of(&i->spec, image.firmware);
    l->image_format = image.format;
    l->has_kernel = image.has_kernel;
    l->has_initrd = image.has_initrd;
    memcpy(l->cmdline, image.cmdline, sizeof l->cmdline);
    return 0;
}

static int fill_disks(struct core *c, const struct instance *i, struct launch *l, struct err *e)
{
    spec_root(&i->spec, &l->root);
    if (drive_fill(c, i->id, &l->root, e) < 0)
        return -1;
    l->n_drives = (uint32_t)i->spec.n_drives;
    for (uint32_t k = 0; k < l->n_drives; k++) {
        l->drives[k] = i->spec.drives[k];
        if (drive_fill(c, i->id, &l->drives[k], e) < 0)
            return -1;
    }
    return 0;
}

/* Where guests of a network find roost. */
void core_base_url(const struct core *c, const struct network *n, char ret[BASE_URL_MAX + 1])
{
    struct endpoint at = { .port = c->seed_at.port };
    char text[ENDPOINT_TEXT];

    if (n->advertise[0])
        snprintf(ret, BASE_URL_MAX + 1, "%s", n->advertise);
    else if (n->kind != NETWORK_USER && network_address(c, n, &at.ip))
        snprintf(ret, BASE_URL_MAX + 1, "http://%s", endpoint_format(&at, text));
    else
        snprintf(ret, BASE_URL_MAX + 1, "%s", c->base_url);
}

bool core_finds_roost(const struct core *c, const struct network *n)
{
    struct ip ip;

    return n->kind == NETWORK_USER || n->advertise[0] || network_address(c, n, &ip);
}

static int fill(struct core *c, const struct guest *g, const struct instance *i, struct launch *l,
                struct err *e)
{
    const struct network *n = core_network(c, i->spec.network.s);
    enum bootstrapper by = i->spec.bootstrapper;

    if (!n)
        return err_set(e, ERR_NOT_FOUND, "network %s is not defined", i->spec.network.s);
    if (fill_image(c, i, l, e) < 0 || fill_disks(c, i, l, e) < 0)
        return -1;
    l->instance = g->name;
    l->launch_id = g->launch_id;
    l->tag = g->tag;
    l->uuid = g->uuid;
    l->mac = g->mac;
    l->seed = by == BOOTSTRAPPER_NET;
    l->seed_volume = bootstrapper_is_drive(by);
    if ((l->seed || by == BOOTSTRAPPER_DRIVE_NETWORK) && !core_finds_roost(c, n))
        return err_set(
            e, ERR_CONFLICT,
            "network %s: the host has no address there at which guests could find roost: "
            "give it one (host-address), or tell guests another (advertise)",
            n->name.s);
    if (l->seed) {
        core_base_url(c, n, l->base_url);
        core_token(c, TOKEN_SEED, g, &l->seed_token);
    }
    l->cpus = i->spec.cpus;
    l->memory = i->spec.memory;
    l->network_kind = n->kind;
    l->network = n->name;
    l->tap = n->kind != NETWORK_USER;
    l->mtu = n->mtu;
    l->media = i->spec.media;
    if (core_nics_launch(c, g, l, e) < 0)
        return -1;
    /* Without a card for them there are none: the network's kind may be another one by now. */
    if (launch_user_card(l) >= 0) {
        memcpy(l->forwards, i->spec.forwards, sizeof l->forwards);
        l->n_forwards = i->spec.n_forwards;
    }
    snprintf(l->domain, sizeof l->domain, "%s", i->spec.domain[0] ? i->spec.domain : n->domain);
    return 0;
}

int machine_launch_values(struct core *c, const struct guest *g, struct launch *ret, struct err *e)
{
    struct instance i = { 0 };
    int r;

    memset(ret, 0, sizeof *ret);
    r = store_instance_get(c->store, g->id, &i, e) < 0 ? -1 : fill(c, g, &i, ret, e);
    instance_done(&i);
    return r < 0 ? err_wrap(e, "instance %s", g->name.s) : 0;
}
