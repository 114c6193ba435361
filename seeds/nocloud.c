#include "seeds/nocloud.h"

#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/yaml.h"
#include "seeds/vendor.h"

/* Writes a tree that is ours and lets it go; NULL: memory was short while it was built. */
static int tree_write(json_t *tree, struct buf *out, struct err *e)
{
    if (!tree)
        return err_set(e, ERR_INTERNAL, "out of memory");
    int rc = yaml_write(tree, out, e);
    json_decref(tree);
    return rc;
}

int nocloud_meta_data(const struct seed_input *in, struct buf *out, struct err *e)
{
    char fqdn[FQDN_SIZE];

    seed_fqdn(in, fqdn);
    json_t *tree =
        json_pack("{s:s, s:s}", "instance-id", in->instance->iid, "local-hostname", fqdn);
    if (tree && in->volume)
        json_object_set_new(tree, "dsmode", json_string("net"));
    if (tree && in->instance->spec.vars && json_object_size(in->instance->spec.vars) > 0)
        json_object_set(tree, "roost", in->instance->spec.vars);
    return tree_write(tree, out, e);
}

/* Not `seedfrom`: with it the datasource of the local stage refuses the volume (DataSourceNoCloud,
 * "Seed from … not supported"), and the network that is to come from it is not there when the rest
 * is to be fetched. Once: a reboot asks nobody again. */
static int point_to(const struct seed_input *in, enum seed_doc doc, struct buf *out, struct err *e)
{
    buf_puts(out, "#include-once\n");
    seed_url(out, in->base_url, &in->instance->tag, &in->seed);
    buf_printf(out, "%s\n", seed_doc_name(doc));
    return buf_check(out, e);
}

static bool is_elsewhere(const struct seed_input *in)
{
    return in->volume && in->seed.s[0];
}

int nocloud_user_data(const struct seed_input *in, struct buf *out, struct err *e)
{
    const struct spec *s = &in->instance->spec;

    if (is_elsewhere(in))
        return point_to(in, SEED_USER, out, e);

    /* cloud-init insists on a user-data that can be fetched; this one asks for nothing. */
    if (in->seal == SEAL_ALL || s->user_data_len == 0)
        buf_puts(out, "#cloud-config\n{}\n");
    else
        buf_put(out, s->user_data, s->user_data_len);
    return buf_check(out, e);
}

int nocloud_vendor_data(const struct seed_input *in, struct buf *out, struct err *e)
{
    return is_elsewhere(in) ? point_to(in, SEED_VENDOR, out, e) : vendor_render(in, out, e);
}

int nocloud_render(enum seed_doc doc, const struct seed_input *in, struct buf *out, struct err *e)
{
    static int (*const renderers[SEED_DOCS])(const struct seed_input *, struct buf *,
                                             struct err *) = {
        [SEED_META] = nocloud_meta_data,
        [SEED_USER] = nocloud_user_data,
        [SEED_VENDOR] = nocloud_vendor_data,
        [SEED_NETWORK] = nocloud_network_config,
    };

    if ((unsigned)doc >= SEED_DOCS)
        return err_set(e, ERR_INTERNAL, "no document has the number %d", (int)doc);
    if (renderers[doc](in, out, e) < 0)
        return err_wrap(e, "%s: %s", in->instance->name.s, seed_doc_name(doc));
    return 0;
}
