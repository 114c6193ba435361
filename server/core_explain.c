/* What a guest would get, and what it would ask for. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "seeds/client.h"
#include "seeds/lint.h"
#include "seeds/userdata.h"
#include "server/core_priv.h"

static int document_of(const char *name, enum seed_doc *ret, struct err *e)
{
    for (int d = 0; d < SEED_DOCS; d++)
        if (!strcmp(seed_doc_name((enum seed_doc)d), name)) {
            *ret = (enum seed_doc)d;
            return 0;
        }
    return err_set(e, ERR_INVALID,
                   "\"%.40s\" is none of meta-data, user-data, vendor-data, network-config", name);
}

int core_seed_document(struct core *c, const char *name, const char *document, struct buf *ret,
                       struct err *e)
{
    enum seed_doc d = SEED_META;
    struct seed_docs docs;
    struct guest g;

    if (document_of(document, &d, e) < 0 || core_guest(c, name, &g, e) < 0 ||
        core_seed_docs(c, &g, &docs, e) < 0)
        return -1;
    buf_put(ret, docs.doc[d].data, docs.doc[d].len);
    return buf_check(ret, e);
}

/* --- what a client asks --- */

struct explaining {
    struct core *c;
    struct client client;
    struct guest g;
    struct instance i;
    struct seed_docs docs;
    char base[BASE_URL_MAX + 1];
    json_t *requests, *warnings;
};

static void warning(const char *text, void *arg)
{
    json_array_append_new(arg, json_string(text));
}

static void vendor_warning(const char *text, void *arg)
{
    json_array_append_new(arg, json_sprintf("vendor-data: %s", text));
}

static void request(struct explaining *x, const char *method, const char *token, const char *last,
                    const char *note)
{
    json_array_append_new(x->requests,
                          json_pack("{s:s, s:o, s:s}", "method", method, "url",
                                    json_sprintf("%s/%s/%s/%s", x->base, x->g.tag.s, token, last),
                                    "note", note));
}

/* What a volume points to is fetched by the user-data processor, with limits of its own, and once
 * for each instance-id. */
static void included(struct explaining *x)
{
    static const enum seed_doc docs[] = { SEED_USER, SEED_VENDOR };
    char note[160];

    for (size_t i = 0; i < ARRAY_SIZE(docs); i++) {
        snprintf(note, sizeof note,
                 "%zu bytes, pointed to by the volume; up to 11 tries of 5 s, once for an "
                 "instance-id",
                 x->docs.doc[docs[i]].len);
        request(x, "GET", "SEED-TOKEN", seed_doc_name(docs[i]), note);
    }
}

static void documents(struct explaining *x)
{
    enum seed_doc docs[SEED_DOCS];
    int n = client_documents(&x->client, docs);
    char note[160];

    if (x->i.spec.bootstrapper == BOOTSTRAPPER_DRIVE_NETWORK)
        included(x);
    if (bootstrapper_is_drive(x->i.spec.bootstrapper))
        return;
    for (int i = 0; i < n; i++) {
        snprintf(note, sizeof note,
                 "%zu bytes, a connection of its own; up to 11 tries, 1 s apart%s",
                 x->docs.doc[docs[i]].len,
                 client_waits(&x->client) ? ", and as long as 503 says Retry-After" : "");
        request(x, "GET", "SEED-TOKEN", seed_doc_name(docs[i]), note);
    }
}

static void posts(struct explaining *x, const struct userdata_facts *f)
{
    const char *vendor = x->docs.doc[SEED_VENDOR].data;
    size_t len = x->docs.doc[SEED_VENDOR].len;
    char note[160];

    if (f->vendor_off || !memmem(vendor, len, "roost-home", 10))
        return;
    if (x->c->config.reporting)
        request(x, "POST", "POST-TOKEN", "report",
                "reports of each stage and module, from the network stage on");
    snprintf(note, sizeof note,
             "phone_home at the end of the first boot, up to %u tries, 3 s apart",
             x->c->config.phone_home_tries);
    if (!f->has_phone_home)
        request(x, "POST", "POST-TOKEN", "phone-home", note);
    request(x, "POST", "POST-TOKEN", "phone-home",
            "roost's script, on every boot until it is answered");
}

/* Without a DHCP server of its own the network-config is all that tells the guest its address. */
static void client_warnings(struct explaining *x)
{
    const char *net = x->docs.doc[SEED_NETWORK].data;
    size_t len = x->docs.doc[SEED_NETWORK].len;
    enum seed_doc docs[SEED_DOCS];

    if (bootstrapper_is_drive(x->i.spec.bootstrapper)) /* before there is a network */
        return;
    if (client_documents(&x->client, docs) < SEED_DOCS && len && memmem(net, len, "addresses:", 10))
        warning("this client asks for no network-config by HTTP: the address in it does not reach "
                "the guest",
                x->warnings);
    if (!client_waits(&x->client))
        warning("this client gives up after 11 s without an answer: define a guest before it boots",
                x->warnings);
    if (!client_expands(&x->client) && x->g.launcher == LAUNCHER_EXTERNAL)
        warning("this client sends __dmi.…__ in a seed URL as it stands: spell the tag out",
                x->warnings);
}

static void lints(struct explaining *x, const struct userdata_facts *user,
                  const struct userdata_facts *vendor)
{
    const struct spec *s = &x->i.spec;

    if (user->warning[0])
        warning(user->warning, x->warnings);
    lint_user_data(s->user_data, s->user_data_len, s->vars, warning, x->warnings);
    if (vendor->warning[0])
        vendor_warning(vendor->warning, x->warnings);
    lint_user_data(s->vendor_data, s->vendor_data_len, s->vars, vendor_warning, x->warnings);
    lint_network_config(x->docs.doc[SEED_NETWORK].data, x->docs.doc[SEED_NETWORK].len, warning,
                        x->warnings);
    client_warnings(x);
    if (x->g.sealed)
        warning("its seed is sealed: what was secret is left out since it came home", x->warnings);
}

static int explain(struct explaining *x, struct err *e)
{
    const struct network *n = core_network(x->c, x->g.network.s);
    const struct spec *s = &x->i.spec;
    struct userdata_facts user, vendor, both;

    if (!n)
        return err_set(e, ERR_NOT_FOUND, "network %s is not defined", x->g.network.s);
    if (store_instance_get(x->c->store, x->g.id, &x->i, e) < 0)
        return -1;
    if (x->i.spec.bootstrapper == BOOTSTRAPPER_NONE)
        return err_set(e, ERR_CONFLICT, "instance %s has bootstrapper none: it is offered no seed",
                       x->g.name.s);
    core_base_url(x->c, n, x->base);
    if (userdata_inspect(s->user_data, s->user_data_len, &user, e) < 0 ||
        vendordata_inspect(s->vendor_data, s->vendor_data_len, &vendor, e) < 0 ||
        core_seed_docs(x->c, &x->g, &x->docs, e) < 0)
        return -1;
    documents(x);
    both = user;
    userdata_join(&both, &vendor);
    posts(x, &both);
    lints(x, &user, &vendor);
    return 0;
}

json_t *core_seed_explain(struct core *c, const char *name, const char *client, struct err *e)
{
    struct explaining x = { .c = c };
    int r = -1;

    if (client_parse(client, &x.client, e) < 0 || core_guest(c, name, &x.g, e) < 0)
        return NULL;
    x.requests = json_array();
    x.warnings = json_array();
    r = explain(&x, e);
    instance_done(&x.i);
    if (r == 0)
        return json_pack("{s:s, s:o, s:o}", "client", client, "requests", x.requests, "warnings",
                         x.warnings);
    json_decref(x.requests);
    json_decref(x.warnings);
    return NULL;
}
