#include "seeds/vendor.h"

#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/yaml.h"
#include "seeds/homescript.h"
#include "seeds/multipart.h"

#define TRIES_MAX 1000000

/* Merging happens twice: while the parts of vendor-data become one (cloud-init takes merge_how
 * there and removes it), and when that meets user-data (it then takes merge_type). Only with both
 * do lists append in the second and does everything else stay as the operator has it. Undocumented;
 * held by tests/integration/test_seed_documents.py. */
static const char merge_how[] = "dict(replace)+list()+str()";
static const char merge_type[] = "list(append)+dict(no_replace,recurse_list)+str()";

static json_t *strings(char *const *v, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_string(v[i]));
    return list;
}

static json_t *names(const struct name *v, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_string(v[i].s));
    return list;
}

static void set_text(json_t *o, const char *key, const char *value)
{
    if (value)
        json_object_set_new(o, key, json_string(value));
}

/* One entry of `users`. Empty lists are left out: cloud-init's schema refuses them. */
static json_t *account(const struct identity *id, enum seal seal)
{
    json_t *o = json_pack("{s:s}", "name", id->name.s);

    set_text(o, "gecos", id->gecos);
    set_text(o, "homedir", id->home);
    set_text(o, "shell", id->shell);
    set_text(o, "sudo", id->sudo);
    if (id->n_groups > 0)
        json_object_set_new(o, "groups", names(id->groups, id->n_groups));
    if (id->n_public_keys > 0)
        json_object_set_new(o, "ssh_authorized_keys", strings(id->public_keys, id->n_public_keys));
    /* A sealed account stays unlocked: cloud-init locks existing ones too when it runs again. */
    json_object_set_new(o, "lock_passwd", json_boolean(!id->password_hash));
    if (seal == SEAL_NO)
        set_text(o, "hashed_passwd", id->password_hash);
    return o;
}

/* Without accounts of ours there is no list, and the image's default user comes about by itself.
 * With one, `default` has to be said, unless the operator's own list decides about it. */
static json_t *accounts(const struct seed_input *in)
{
    json_t *users = json_array();

    if (!in->facts.has_users)
        json_array_append_new(users, json_string("default"));
    for (int i = 0; i < in->n_identities; i++)
        json_array_append_new(users, account(in->identities[i], in->seal));
    return users;
}

/* Every key but DSA's, which no sshd makes any more: asking for it makes each boot warn. */
static json_t *phone_home(const struct seed_input *in, const char *url)
{
    return json_pack("{s:s, s:[s,s,s,s,s,s], s:i}", "url", url, "post", "pub_key_rsa",
                     "pub_key_ecdsa", "pub_key_ed25519", "instance_id", "hostname", "fqdn", "tries",
                     (int)in->phone_home_tries);
}

/* No `retries`: with 1, every event of a boot without a network would cost a second. */
static json_t *reporting(const char *url)
{
    return json_pack("{s:{s:s, s:s, s:i}}", "roost", "type", "webhook", "endpoint", url, "timeout",
                     5);
}

static int input_check(const struct seed_input *in, struct err *e)
{
    char base[BASE_URL_MAX + 1];

    if (in->phone_home_tries < 1 || in->phone_home_tries > TRIES_MAX)
        return err_set(e, ERR_INVALID, "phone-home tries: %u is not from 1 to %d",
                       in->phone_home_tries, TRIES_MAX);
    return in->base_url ? base_url_parse(in->base_url, base, e) : 0;
}

/* Beside one of the operator's it would lose its url and leave its tries: a guest that waits days
 * for somebody else's server. The script speaks for roost then. */
static int set_home(json_t *o, const struct seed_input *in, struct err *e)
{
    auto_buf struct buf url = BUF_INIT;

    if (!in->base_url || in->facts.has_phone_home)
        return 0;
    phone_home_url(&url, in->base_url, &in->instance->tag, &in->post);
    if (buf_check(&url, e) < 0)
        return -1;
    json_object_set_new(o, "phone_home", phone_home(in, buf_str(&url)));
    return 0;
}

static int set_reporting(json_t *o, const struct seed_input *in, struct err *e)
{
    auto_buf struct buf url = BUF_INIT;

    if (!in->base_url || !in->reporting)
        return 0;
    report_url(&url, in->base_url, &in->instance->tag, &in->post);
    if (buf_check(&url, e) < 0)
        return -1;
    json_object_set_new(o, "reporting", reporting(buf_str(&url)));
    return 0;
}

/* The operator's own vendor-data stands before roost's parts. */
static bool carries_own(const struct seed_input *in)
{
    return in->instance->spec.vendor_data_len > 0 && in->seal != SEAL_ALL;
}

static int config_write(json_t *o, struct buf *out, struct err *e)
{
    buf_puts(out, "#cloud-config\n");
    return yaml_write(o, out, e);
}

static void set_users(json_t *o, const struct seed_input *in)
{
    if (in->n_identities > 0)
        json_object_set_new(o, "users", accounts(in));
}

int vendor_config(const struct seed_input *in, struct buf *out, struct err *e)
{
    json_t *o = json_pack("{s:s, s:s, s:b}", "merge_how", merge_how, "merge_type", merge_type,
                          "manual_cache_clean", 1);
    bool alone = !carries_own(in);
    int rc = -1;

    if (!o)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (alone)
        set_users(o, in);
    if (set_home(o, in, e) == 0 && (!alone || set_reporting(o, in, e) == 0))
        rc = config_write(o, out, e);
    json_decref(o);
    return rc;
}

/* What adds to an operator's list or mapping: by merge_how of the other part, which replaces, roost's
 * users would be all that is left. */
static int shared_config(const struct seed_input *in, struct buf *out, struct err *e)
{
    json_t *o = json_pack("{s:s}", "merge_how", merge_type);
    int rc = -1;

    if (!o)
        return err_set(e, ERR_INTERNAL, "out of memory");
    set_users(o, in);
    if (set_reporting(o, in, e) == 0)
        rc = config_write(o, out, e);
    json_decref(o);
    return rc;
}

/* The operator's first: what roost says behind it stands, merge_type above all. */
static int put_own(const struct seed_input *in, struct buf *out, struct err *e)
{
    auto_buf struct buf config = BUF_INIT;
    const struct spec *s = &in->instance->spec;

    if (multipart_attach(out, s->vendor_data, s->vendor_data_len, e) < 0 ||
        shared_config(in, &config, e) < 0)
        return -1;
    multipart_put(out, "text/cloud-config", "roost-shared.yaml", &config);
    return 0;
}

int vendor_render(const struct seed_input *in, struct buf *out, struct err *e)
{
    auto_buf struct buf config = BUF_INIT;
    auto_buf struct buf script = BUF_INIT;

    if (input_check(in, e) < 0 || vendor_config(in, &config, e) < 0 ||
        (in->base_url && homescript_render(in, &script, e) < 0))
        return -1;
    multipart_begin(out);
    if (carries_own(in) && put_own(in, out, e) < 0)
        return -1;
    multipart_put(out, "text/cloud-config", "roost.yaml", &config);
    if (in->base_url)
        multipart_put(out, "text/x-shellscript", "roost-home", &script);
    multipart_end(out);
    return buf_check(out, e);
}
