/* What it is to stand on here, and whether there is room for it. */
#include <stdio.h>
#include <string.h>

#include "server/core_apply.h"
#include "server/core_bring.h"

/* ---- its image ---- */

static bool same_image(const struct image *a, const struct image *b)
{
    return strcmp(a->sha256, b->sha256) == 0 && a->format == b->format &&
           a->has_kernel == b->has_kernel && a->has_initrd == b->has_initrd &&
           strcmp(a->cmdline, b->cmdline) == 0;
}

struct search {
    const struct image *wanted;
    struct name *ret;
};

static int look_at_image(const char *name, const json_t *j, void *arg)
{
    struct search *s = arg;
    struct image i;

    /* Without a disk nothing tells two apart but their names. */
    if (image_from_record(name, j, &i, NULL) < 0 || !same_image(&i, s->wanted) ||
        (!i.sha256[0] && strcmp(i.name.s, s->wanted->name.s) != 0))
        return 0;
    *s->ret = i.name;
    return 1;
}

/* One that is the same, whatever it is called here; else the one that comes with it, under its own
 * name or, where that is another image's, with eight digits of its checksum behind. */
int bring_find_image(struct moving *m, struct err *e)
{
    struct image *i = &m->bundle.image;
    struct search s = { i, &m->image };
    bool comes =
        m->bundle.files[BUNDLE_IMAGE_DISK].there || m->bundle.files[BUNDLE_IMAGE_KERNEL].there;
    int n = store_defs(m->c->store, DEF_IMAGE, look_at_image, &s, e);

    m->brings_image = n == 0;
    if (n < 0)
        return -1;
    if (n == 0 && !comes)
        return err_set(e, ERR_CONFLICT,
                       "its image %s (sha256:%.16s…) is neither here nor in the bundle: make it "
                       "here first, or export it without --no-image",
                       i->name.s, i->sha256);
    if (n == 0) {
        m->image = i->name;
        if (core_has_image(m->c, i->name.s))
            snprintf(m->image.s, sizeof m->image.s, "%.54s-%.8s", i->name.s,
                     i->sha256[0] ? i->sha256 : "moved");
        if (core_has_image(m->c, m->image.s))
            return err_set(e, ERR_CONFLICT, "its image %s is another one here", i->name.s);
        i->name = m->image;
    }
    if (strcmp(m->image.s, m->bundle.instance.spec.image.s) != 0)
        bring_say(m, "its image is %s here", m->image.s);
    m->bundle.instance.spec.image = m->image;
    return 0;
}

/* ---- its network, and whom it meets ---- */

int bring_find_network(struct moving *m, struct err *e)
{
    struct spec *s = &m->bundle.instance.spec;
    const struct network *n;
    char url[BASE_URL_MAX + 1];

    if (m->network.s[0] && strcmp(m->network.s, s->network.s) != 0) {
        s->network = m->network;
        s->address = (struct ip){ .family = 0 };
    }
    if (!(n = core_network(m->c, s->network.s)))
        return err_set(e, ERR_CONFLICT,
                       "its network %s is not defined here: define it, or say another (--network)",
                       s->network.s);
    core_base_url(m->c, n, url);
    if (strcmp(url, m->bundle.base_url) != 0)
        bring_say(m,
                   "it looks for roost at %.200s, which is %.200s here: it will not come home "
                   "by itself unless that leads here",
                   m->bundle.base_url, url);
    return 0;
}

static int is_same_iid(const struct guest *g, void *arg)
{
    const struct bundle *b = arg;

    return strcmp(g->iid, b->instance.iid) == 0;
}

/* Of each card; one of somebody's here may be his first one's or another one's. */
static int check_macs(struct moving *m, struct err *e)
{
    const struct instance *i = &m->bundle.instance;
    struct store_nic other;
    struct guest g;
    char mac[MAC_TEXT];

    for (int k = -1; k < i->spec.n_nics; k++) {
        if (k >= 0 && !i->spec.nics[k].mac_set)
            continue;
        const struct mac *is = k < 0 ? &i->mac : &i->spec.nics[k].mac;
        bool taken = store_guest_by_mac(m->c->store, is, &g, NULL) == 1;
        if (!taken && store_nic_by_mac(m->c->store, is, &other, NULL) == 1)
            taken = store_guest_by_id(m->c->store, other.instance, &g, NULL) == 0;
        if (taken)
            return err_set(e, ERR_CONFLICT, "the MAC address %s is taken by instance %s",
                           mac_format(is, mac), g.name.s);
    }
    return 0;
}

static int check_nics(struct moving *m, struct err *e)
{
    const struct spec *s = &m->bundle.instance.spec;

    for (int k = 0; k < s->n_nics; k++)
        if (!core_network(m->c, s->nics[k].network.s))
            return err_set(e, ERR_CONFLICT,
                           "the network %s of another card of it is not defined here: define it",
                           s->nics[k].network.s);
    return check_macs(m, e);
}

int bring_check(struct moving *m, struct err *e)
{
    const struct instance *i = &m->bundle.instance;
    struct guest g;
    int n;

    if (move_not_pending(m->c, i->name.s, e) < 0)
        return -1;
    if (store_guest_by_name(m->c->store, i->name.s, &g, NULL) == 0)
        return err_set(e, ERR_CONFLICT,
                       "an instance %s is here already; --as gives the one that comes another name",
                       i->name.s);
    if (store_guest_by_tag(m->c->store, i->tag.s, &g, NULL) == 0)
        return err_set(e, ERR_CONFLICT, "the tag %s is taken by instance %s", i->tag.s, g.name.s);
    if (store_guest_by_uuid(m->c->store, &i->uuid, &g, NULL) == 1)
        return err_set(e, ERR_CONFLICT, "the uuid %s is taken by instance %s", i->uuid.s, g.name.s);
    n = store_guests(m->c->store, is_same_iid, &m->bundle, e);
    if (n > 0)
        return err_set(e, ERR_CONFLICT, "the instance-id %s is that of another instance here",
                       i->iid);
    return n < 0 || check_nics(m, e) < 0 ? -1 : 0;
}

int bring_fits(struct moving *m, struct err *e)
{
    const struct instance *i = &m->bundle.instance;

    return apply_check_comer(m->c, i, &m->bundle.image, e);
}

/* ---- what is another thing here than there ---- */

void bring_remark(struct moving *m)
{
    struct bundle *b = &m->bundle;
    struct media *media = &b->instance.spec.media;

    if (bundle_root_in_place(b))
        bring_say(m, "its disk %s of there is image %s here, with an overlay",
                   b->files[BUNDLE_IMAGE_DISK].from, m->image.s);
    for (int k = 0; k < b->instance.spec.n_drives; k++)
        if (b->files[BUNDLE_DRIVE + k].from[0])
            bring_say(m, "its disk %s, there %s, is roost's own here",
                       b->instance.spec.drives[k].serial, b->files[BUNDLE_DRIVE + k].from);
    /* A bundle says nothing of this host's files. */
    if (media->iso[0])
        bring_say(m, "its CD-ROM drive, there with %s, is empty here", media->iso);
    media->iso[0] = '\0';
}
