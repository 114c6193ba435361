#include "seeds/vendor.h"

#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/parse.h"
#include "base/yaml.h"

/* At column 0 nothing of ours can look like it: YAML lines begin with a key, a dash and a blank or
 * a blank, the script is fixed but for quoted values of one line. */
#define BOUNDARY "==roost=="

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

static int set_posts(json_t *o, const struct seed_input *in, struct err *e)
{
    auto_buf struct buf home = BUF_INIT;
    auto_buf struct buf report = BUF_INIT;

    phone_home_url(&home, in->base_url, &in->instance->tag, &in->post);
    report_url(&report, in->base_url, &in->instance->tag, &in->post);
    if (buf_check(&home, e) < 0 || buf_check(&report, e) < 0)
        return -1;
    /* Beside one of the operator's it would lose its url and leave its tries: a guest that waits
     * days for somebody else's server. The script speaks for roost then. */
    if (!in->facts.has_phone_home)
        json_object_set_new(o, "phone_home", phone_home(in, buf_str(&home)));
    if (in->reporting)
        json_object_set_new(o, "reporting", reporting(buf_str(&report)));
    return 0;
}

int vendor_config(const struct seed_input *in, struct buf *out, struct err *e)
{
    json_t *o = json_pack("{s:s, s:s, s:b}", "merge_how", merge_how, "merge_type", merge_type,
                          "manual_cache_clean", 1);
    if (in->n_identities > 0)
        json_object_set_new(o, "users", accounts(in));
    buf_puts(out, "#cloud-config\n");
    int rc = in->base_url && o ? set_posts(o, in, e) : 0;
    if (rc == 0)
        rc = o ? yaml_write(o, out, e) : err_set(e, ERR_INTERNAL, "out of memory");
    json_decref(o);
    return rc;
}

static void put_base64(struct buf *out, const struct buf *body)
{
    enum { STEP = 57 }; /* bytes for a line of 76 (RFC 2045 section 6.8) */
    char line[4 * STEP / 3 + 4];

    for (size_t at = 0; at < body->len; at += STEP) {
        size_t n = body->len - at < STEP ? body->len - at : STEP;
        base64_encode((const uint8_t *)body->data + at, n, line);
        buf_printf(out, "%s\n", line);
    }
}

static bool is_ascii(const struct buf *b)
{
    for (size_t i = 0; i < b->len; i++) {
        if ((unsigned char)b->data[i] > 0x7e)
            return false;
    }
    return true;
}

/* Python's email parser damages 8bit text that comes as a string, which is how cloud-init calls it:
 * what is not ASCII travels as base64. */
static void part_put(struct buf *out, const char *type, const char *name, const struct buf *body)
{
    bool ascii = is_ascii(body);

    buf_printf(out,
               "--" BOUNDARY "\n"
               "Content-Type: %s; charset=\"utf-8\"\n"
               "Content-Transfer-Encoding: %s\n"
               "Content-Disposition: attachment; filename=\"%s\"\n\n",
               type, ascii ? "7bit" : "base64", name);
    if (ascii)
        buf_put(out, body->data, body->len);
    else
        put_base64(out, body);
}

int vendor_render(const struct seed_input *in, struct buf *out, struct err *e)
{
    auto_buf struct buf config = BUF_INIT;
    auto_buf struct buf script = BUF_INIT;

    if (input_check(in, e) < 0 || vendor_config(in, &config, e) < 0 ||
        (in->base_url && homescript_render(in, &script, e) < 0))
        return -1;
    buf_puts(out, "Content-Type: multipart/mixed; boundary=\"" BOUNDARY "\"\n"
                  "MIME-Version: 1.0\n\n");
    part_put(out, "text/cloud-config", "roost.yaml", &config);
    if (in->base_url)
        part_put(out, "text/x-shellscript", "roost-home", &script);
    buf_puts(out, "--" BOUNDARY "--\n");
    return buf_check(out, e);
}
