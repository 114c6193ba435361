/* What is pasted where somebody else launches a guest (seeds/paste.h). */
#include <string.h>

#include "base/cleanup.h"
#include "seeds/paste.h"
#include "server/core_priv.h"

static int form_of(const char *name, enum paste_form *ret, struct err *e)
{
    int f = paste_form_from_name(name);

    if (f < 0)
        return err_set(e, ERR_INVALID,
                       "\"%.40s\" is none of qemu, libvirt, proxmox, kernel, cidata", name);
    *ret = (enum paste_form)f;
    return 0;
}

/* What cannot work, or can be read by others. */
static json_t *notes_of(const struct core *c, enum paste_form f, const struct network *n,
                        const struct guest *g, const char *base)
{
    json_t *list = json_array();

    for (const char *const *s = paste_notes(f); *s; s++)
        json_array_append_new(list, json_string(*s));
    if (!strncmp(base, "http://10.0.2.2:", 16) && !c->config.advertise[0])
        json_array_append_new(
            list, json_sprintf("%s is this host as guests on QEMU's user network see it; for "
                               "others set [seed] listen "
                               "and advertise in roost.conf, or the network's advertise",
                               base));
    if (!g && n->policy != POLICY_TAG)
        json_array_append_new(list, json_sprintf("network %s has another policy than tag: a "
                                                 "machine that says who it is without a token "
                                                 "is refused",
                                                 n->name.s));
    if (!g)
        json_array_append_new(
            list, json_string("placeholders are understood by cloud-init 23.1 and later"));
    return list;
}

static json_t *paste(struct core *c, enum paste_form f, const struct network *n,
                     const struct guest *g, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    char base[BASE_URL_MAX + 1];
    struct paste_input in = { .base_url = base };
    struct token token;

    core_base_url(c, n, base);
    if (g) {
        core_token(c, TOKEN_SEED, g, &token);
        in.tag = &g->tag;
        in.token = &token;
        in.uuid = &g->uuid;
        in.iid = g->iid;
    }
    if (paste_render(f, &in, &text, e) < 0)
        return NULL;
    return json_pack("{s:s, s:s, s:o}", "for", paste_form_name(f), "text", buf_str(&text), "notes",
                     notes_of(c, f, n, g, base));
}

json_t *core_seed_url(struct core *c, const char *name, const char *form, struct err *e)
{
    const struct network *n;
    struct spec_defaults d;
    enum paste_form f = PASTE_QEMU;
    struct guest g;

    if (form_of(form, &f, e) < 0 || (*name && core_guest(c, name, &g, e) < 0))
        return NULL;
    config_spec_defaults(&c->config, &d);
    n = core_network(c, *name ? g.network.s : d.network.s);
    if (!n) {
        err_set(e, ERR_NOT_FOUND, "network %s is not defined", *name ? g.network.s : d.network.s);
        return NULL;
    }
    return paste(c, f, n, *name ? &g : NULL, e);
}
