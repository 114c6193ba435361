/* For tests, the seeds room as a program:
 *   render_seed FLEET OUTDIR [BASE-URL [TRIES [no|yes|all]]]
 *       writes the four documents of the fleet file's first instance into OUTDIR and prints what
 *       userdata_inspect() found as JSON
 *   render_seed --home <BODY
 *       prints what homecoming_parse() makes of a posted form as JSON
 *   render_seed --report <BODY
 *       the same for report_parse() */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "model/fleet.h"
#include "seeds/homecoming.h"
#include "seeds/nocloud.h"
#include "seeds/report.h"

static int fleet_load(const char *file, struct fleet *ret, struct err *e)
{
    const struct spec_defaults d = { .cpus = 1, .memory = 1u << 29, .network = { "user" } };
    auto_buf struct buf text = BUF_INIT;
    struct yaml_map *map = NULL;
    json_t *tree = NULL;

    if (file_read(AT_FDCWD, file, 16u << 20, &text, e) < 0 ||
        yaml_read(buf_str(&text), text.len, file, &tree, &map, e) < 0)
        return -1;
    int rc = fleet_parse(tree, file, map, &d, ret, e);
    json_decref(tree);
    yaml_map_free(map);
    if (rc == 0 && ret->n_instances == 0)
        return err_set(e, ERR_INVALID, "%s: no instance", file);
    return rc;
}

/* As the server does it for a new instance, with a key and a salt that are the same every time. */
static void instance_make(const struct fleet_instance *f, struct instance *i, struct token *post)
{
    static const uint8_t salt[16] = { 0 };
    static const uint8_t key[SECRET_KEY_SIZE] = { 0 };

    *i = (struct instance){ .name = f->name, .generation = 1, .spec = f->spec, .tag = f->spec.tag };
    if (!i->tag.s[0])
        tag_parse(f->name.s, strlen(f->name.s), &i->tag, NULL);
    instance_iid(i->name.s, 1, i->iid);
    i->mac = f->spec.mac;
    if (!f->spec.mac_set)
        mac_derive(salt, i->name.s, 0, &i->mac);
    struct hmac_key *tokens = hmac_key_new(key, sizeof key);
    token_derive(tokens, TOKEN_POST, i->iid, 0, post);
    hmac_key_free(tokens);
}

static const struct network *network_of(const struct fleet *f, const struct spec *s)
{
    static const struct network user = { .name = { "user" }, .kind = NETWORK_USER };

    for (int i = 0; i < f->n_networks; i++) {
        if (strcmp(f->networks[i].name.s, s->network.s) == 0)
            return &f->networks[i];
    }
    return &user;
}

static int identities_of(const struct fleet *f, const struct spec *s, const struct identity **out)
{
    int n = 0;

    for (int k = 0; k < s->n_identities; k++) {
        for (int i = 0; i < f->n_identities; i++) {
            if (strcmp(f->identities[i].name.s, s->identities[k].s) == 0)
                out[n++] = &f->identities[i];
        }
    }
    return n;
}

static int documents_write(const struct seed_input *in, const char *dir, struct err *e)
{
    auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_sys(e, "%s", dir);
    for (int d = 0; d < SEED_DOCS; d++) {
        auto_buf struct buf b = BUF_INIT;
        if (nocloud_render((enum seed_doc)d, in, &b, e) < 0 ||
            file_replace(fd, seed_doc_name((enum seed_doc)d), buf_str(&b), b.len, 0644, NULL, e) <
                0)
            return -1;
    }
    return 0;
}

static void print(json_t *j)
{
    json_dumpf(j, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(j);
}

static void facts_print(const struct userdata_facts *f)
{
    print(json_pack("{s:s, s:b, s:b, s:b, s:b, s:s}", "form", userdata_form_name(f->form), "opaque",
                    f->opaque, "has_users", f->has_users, "has_phone_home", f->has_phone_home,
                    "vendor_off", f->vendor_off, "warning", f->warning));
}

static int seal_of(const char *word)
{
    return strcmp(word, "all") == 0 ? SEAL_ALL : strcmp(word, "yes") == 0 ? SEAL_YES : SEAL_NO;
}

static int render(int argc, char **argv, struct err *e)
{
    const struct identity *ids[INSTANCE_IDENTITIES_MAX];
    struct fleet fleet = { 0 };
    struct instance inst;
    uint64_t tries = 1000;
    struct seed_input in = { .instance = &inst,
                             .identities = ids,
                             .base_url = argc > 3 ? argv[3] : "http://10.0.2.2:10200",
                             .reporting = true,
                             .seal = argc > 5 ? (enum seal)seal_of(argv[5]) : SEAL_NO };

    if (fleet_load(argv[1], &fleet, e) < 0 ||
        (argc > 4 && parse_u64(argv[4], 1, 1000000, &tries, e) < 0))
        return -1;
    const struct spec *s = &fleet.instances[0].spec;
    instance_make(&fleet.instances[0], &inst, &in.post);
    in.network = network_of(&fleet, s);
    in.n_identities = identities_of(&fleet, s, ids);
    in.phone_home_tries = (unsigned)tries;
    struct userdata_facts vendor;
    int rc = userdata_inspect(s->user_data, s->user_data_len, &in.facts, e);
    if (rc == 0)
        rc = vendordata_inspect(s->vendor_data, s->vendor_data_len, &vendor, e);
    if (rc == 0)
        userdata_join(&in.facts, &vendor);
    if (rc == 0)
        rc = documents_write(&in, argv[2], e);
    if (rc == 0)
        facts_print(&in.facts);
    fleet_done(&fleet);
    return rc;
}

static int home(const char *body, size_t len, struct err *e)
{
    static struct homecoming h;
    char line[sizeof h.keys[0].algorithm + sizeof h.keys[0].blob];

    if (homecoming_parse(body, len, &h, e) < 0)
        return -1;
    json_t *keys = json_object();
    for (int t = 0; t < HOSTKEY_TYPES; t++) {
        if (!h.has[t])
            continue;
        hostkey_line(&h.keys[t], line, sizeof line);
        json_object_set_new(keys, hostkey_type_name((enum hostkey_type)t), json_string(line));
    }
    print(json_pack("{s:s, s:s, s:s, s:o}", "instance_id", h.iid, "hostname", h.hostname, "fqdn",
                    h.fqdn, "keys", keys));
    return 0;
}

static int report(const char *body, size_t len, struct err *e)
{
    struct report r;

    if (report_parse(body, len, &r, e) < 0)
        return -1;
    print(json_pack("{s:s, s:s, s:b, s:s, s:b, s:b}", "name", r.name, "description", r.description,
                    "finish", r.finish, "result", report_result_name(r.result), "is_stage",
                    r.is_stage, "is_final", r.is_final));
    return 0;
}

int main(int argc, char **argv)
{
    static char body[HOMECOMING_BODY_MAX + 2];
    struct err e = { 0 };
    int rc;

    if (argc == 2) {
        size_t len = fread(body, 1, sizeof body, stdin);
        rc = strcmp(argv[1], "--home") == 0 ? home(body, len, &e) : report(body, len, &e);
    } else if (argc >= 3) {
        rc = render(argc, argv, &e);
    } else {
        rc = err_set(&e, ERR_INVALID, "usage: render_seed FLEET OUTDIR [BASE [TRIES [SEAL]]]");
    }
    if (rc < 0)
        fprintf(stderr, "%s\n", e.text);
    return rc < 0 ? err_exit_code(e.kind) : 0;
}
