#include "server/project.h"

#include <stdio.h>
#include <string.h>

#include "ansible/dynamic.h"
#include "ansible/inventory.h"
#include "ansible/knownhosts.h"
#include "ansible/sshconfig.h"
#include "base/cleanup.h"
#include "model/layout.h"

/* Images' users by name: few, so looked up once per run. */
struct logins {
    size_t n, size;
    struct login {
        struct name image;
        char user[33];
    } * list;
};

struct projecting {
    struct store *store;
    struct host_defaults defaults;
    char known_hosts[PATH_SIZE + 64];
    bool run; /* what roost's own run of Ansible reads */
    /* roost's own account: its private key, and the public half as guests have it; "" none */
    char account_key[PATH_SIZE + 64], account_line[HOSTKEY_B64_MAX + 64];
    struct account account; /* of one host */
    struct logins logins;
    struct inventory *inventory;
    struct dynamic *dynamic;
    struct projected *to;
    const char *only; /* known host by name or address */
    project_fn *sees; /* NULL: all */
    void *sees_arg;
    struct hostkey keys[HOSTKEY_TYPES];
};

static const char *image_user(struct projecting *p, const char *image)
{
    struct image i;
    struct login *l;
    json_t *j;

    for (size_t k = 0; k < p->logins.n; k++)
        if (!strcmp(p->logins.list[k].image.s, image))
            return p->logins.list[k].user;
    if (store_def_get(p->store, DEF_IMAGE, image, &j, NULL) < 0)
        return "";
    if (image_from_record(image, j, &i, NULL) < 0) {
        json_decref(j);
        return "";
    }
    json_decref(j);
    if (p->logins.n == p->logins.size) {
        size_t size = p->logins.size ? 2 * p->logins.size : 8;
        if (!(l = reallocarray(p->logins.list, size, sizeof *l)))
            return "";
        p->logins.list = l;
        p->logins.size = size;
    }
    l = &p->logins.list[p->logins.n++];
    l->image = i.name;
    snprintf(l->user, sizeof l->user, "%s", i.default_user);
    return l->user;
}

/* ---- what each of them does ---- */

static int begin_known_hosts(struct projecting *p, struct err *e)
{
    (void)e;
    knownhosts_banner(&p->to[PROJECT_KNOWN_HOSTS].text);
    return 0;
}

static int add_known_hosts(struct projecting *p, const struct host *h, struct err *e)
{
    (void)e;
    knownhosts_add(&p->to[PROJECT_KNOWN_HOSTS].text, h);
    return 0;
}

static int begin_inventory(struct projecting *p, struct err *e)
{
    p->inventory = inventory_new(&p->defaults, e);
    return p->inventory ? 0 : -1;
}

static int add_inventory(struct projecting *p, const struct host *h, struct err *e)
{
    return inventory_add(p->inventory, h, e);
}

static int end_inventory(struct projecting *p, struct err *e)
{
    return inventory_finish(steal_ptr(p->inventory), &p->to[PROJECT_INVENTORY].text, e);
}

static int begin_dynamic(struct projecting *p, struct err *e)
{
    p->dynamic = dynamic_new(&p->defaults, e);
    return p->dynamic ? 0 : -1;
}

static int add_dynamic(struct projecting *p, const struct host *h, struct err *e)
{
    return dynamic_add(p->dynamic, h, e);
}

static int end_dynamic(struct projecting *p, struct err *e)
{
    return dynamic_finish(steal_ptr(p->dynamic), &p->to[PROJECT_DYNAMIC].text, e);
}

static int begin_ssh_config(struct projecting *p, struct err *e)
{
    (void)e;
    sshconfig_banner(&p->to[PROJECT_SSH_CONFIG].text);
    return 0;
}

static int add_ssh_config(struct projecting *p, const struct host *h, struct err *e)
{
    (void)e;
    sshconfig_add(&p->to[PROJECT_SSH_CONFIG].text, h, &p->defaults);
    return 0;
}

static const struct {
    int (*begin)(struct projecting *p, struct err *e);
    int (*add)(struct projecting *p, const struct host *h, struct err *e);
    int (*end)(struct projecting *p, struct err *e); /* NULL: nothing to do */
} rows[PROJECTIONS] = {
    [PROJECT_KNOWN_HOSTS] = { begin_known_hosts, add_known_hosts, NULL },
    [PROJECT_INVENTORY] = { begin_inventory, add_inventory, end_inventory },
    [PROJECT_DYNAMIC] = { begin_dynamic, add_dynamic, end_dynamic },
    [PROJECT_SSH_CONFIG] = { begin_ssh_config, add_ssh_config, NULL },
};

/* One that fails is left out from there on; the walk goes on for the others. */
static int add(struct projecting *p, const struct host *h)
{
    for (int i = 0; i < PROJECTIONS; i++)
        if (p->to[i].due && !p->to[i].failed && rows[i].add(p, h, &p->to[i].err) < 0)
            p->to[i].failed = true;
    return 0;
}

/* ---- hosts ---- */

static int names_of(const json_t *list, struct name *ret, int max)
{
    const char *s;
    json_t *v;
    size_t i;
    int n = 0;

    json_array_foreach((json_t *)list, i, v) if (n < max && (s = json_string_value(v)))
        snprintf(ret[n++].s, sizeof ret->s, "%s", s);
    return n;
}

static void fail_all(struct projecting *p, const struct err *e)
{
    for (int i = 0; i < PROJECTIONS; i++)
        if (p->to[i].due && !p->to[i].failed) {
            p->to[i].failed = true;
            p->to[i].err = *e;
        }
}

/* Where this generation of the guest was given it, with the key that roost has now. */
static void set_account(struct projecting *p, const struct guest *g, struct host *h)
{
    struct err e;
    int n = p->account_line[0] ? store_account_get(p->store, g->id, &p->account, &e) : 0;

    if (n < 0)
        fail_all(p, &e);
    if (n > 0 && !strcmp(p->account.key, p->account_line)) {
        h->account = p->account.login;
        h->account_key = p->account_key;
    }
}

static int one(const struct store_host *sh, void *arg)
{
    struct projecting *p = arg;
    struct name groups[INSTANCE_GROUPS_MAX], identities[INSTANCE_IDENTITIES_MAX];
    const char *image = json_string_value(json_object_get(sh->spec, "image"));
    const json_t *vars = json_object_get(sh->spec, "vars");
    const char *var_user = json_string_value(json_object_get(vars, "ansible_user"));
    struct host h = {
        .name = sh->guest->name,
        .ssh = sh->guest->address,
        .state = phase_name(sh->guest->standing.phase),
        .image = image ? image : "",
        .network = sh->guest->network.s,
        .scenario = json_string_value(json_object_get(sh->spec, "scenario")),
        .vars = vars,
        .groups = groups,
        .keys = p->keys,
    };

    h.n_groups = names_of(json_object_get(sh->spec, "groups"), groups, INSTANCE_GROUPS_MAX);
    if (var_user)
        h.user = var_user;
    else if (names_of(json_object_get(sh->spec, "identities"), identities, INSTANCE_IDENTITIES_MAX))
        h.user = identities[0].s;
    else
        h.user = image ? image_user(p, image) : "";
    for (int t = 0; sh->keys && t < HOSTKEY_TYPES; t++)
        if (sh->keys->has[t])
            p->keys[h.n_keys++] = sh->keys->keys[t];
    set_account(p, sh->guest, &h);
    return add(p, &h);
}

/* ---- walks ---- */

static int seen(const struct store_host *sh, void *arg)
{
    const struct projecting *p = arg;

    return p->sees && !p->sees(sh, p->sees_arg) ? 0 : one(sh, arg);
}

/* In what people read it only is where they are roost's own user, who can read the key. */
static void find_account(struct projecting *p, const struct config *c)
{
    if (!config_has_account(c) || (!p->run && c->mode != MODE_ROOTLESS) ||
        store_meta_get(p->store, META_ACCOUNT_KEY, p->account_line, sizeof p->account_line,
                       NULL) < 0)
        p->account_line[0] = '\0';
    config_account_key(c, p->account_key);
}

static int begin_all(struct projecting *p, struct store *s, const struct config *c, struct err *e)
{
    p->store = s;
    if (!p->known_hosts[0])
        snprintf(p->known_hosts, sizeof p->known_hosts, "%s/%s/%s", c->state, DIR_GENERATED,
             FILE_KNOWN_HOSTS);
    find_account(p, c);
    p->defaults = (struct host_defaults){ p->known_hosts, c->ssh_key };
    for (int i = 0; i < PROJECTIONS; i++)
        if (p->to[i].due && rows[i].begin(p, &p->to[i].err) < 0)
            p->to[i].failed = true;
    return store_hosts(s, seen, p, e);
}

static void end_all(struct projecting *p)
{
    for (int i = 0; i < PROJECTIONS; i++) {
        struct projected *to = &p->to[i];
        if (to->due && !to->failed &&
            ((rows[i].end && rows[i].end(p, &to->err) < 0) || buf_check(&to->text, &to->err) < 0))
            to->failed = true;
    }
    inventory_free(p->inventory);
    dynamic_free(p->dynamic);
    free(p->logins.list);
}

int project_all(struct store *s, const struct config *c, struct projected to[PROJECTIONS],
                struct err *e)
{
    struct projecting *p = calloc(1, sizeof *p); /* 12 KiB of keys */
    int r;

    if (!p)
        return err_set(e, ERR_INTERNAL, "out of memory");
    p->to = to;
    r = begin_all(p, s, c, e);
    end_all(p);
    free(p);
    return r < 0 ? -1 : 0;
}

int project(struct store *s, const struct config *c, enum projection which, struct buf *out,
            struct err *e)
{
    struct projected to[PROJECTIONS] = { 0 };
    int r;

    to[which].due = true;
    to[which].text.cap = out->cap;
    r = project_all(s, c, to, e);
    if (r == 0 && to[which].failed) {
        if (e)
            *e = to[which].err;
        r = -1;
    }
    if (r == 0)
        buf_put(out, buf_str(&to[which].text), to[which].text.len);
    buf_done(&to[which].text);
    return r < 0 ? -1 : buf_check(out, e);
}

/* As it is, or as known_hosts has it for other ports than 22: "[127.0.0.1]:2222". The entries name
 * their ports, so ssh takes those of its own. */
static bool is_address(const char *host, const char *address)
{
    size_t len = strlen(address);

    if (*host != '[')
        return !strcmp(host, address);
    return !strncmp(host + 1, address, len) && !strncmp(host + 1 + len, "]:", 2);
}

int project_run(struct store *s, const struct config *c, const char *known_hosts, project_fn *sees,
                void *arg, struct buf *ret_inventory, struct buf *ret_known_hosts, struct err *e)
{
    struct projected to[PROJECTIONS] = { [PROJECT_KNOWN_HOSTS] = { .due = true },
                                         [PROJECT_INVENTORY] = { .due = true } };
    struct projecting *p = calloc(1, sizeof *p);
    int r;

    if (!p)
        return err_set(e, ERR_INTERNAL, "out of memory");
    to[PROJECT_KNOWN_HOSTS].text.cap = ret_known_hosts->cap;
    to[PROJECT_INVENTORY].text.cap = ret_inventory->cap;
    p->to = to;
    p->sees = sees;
    p->sees_arg = arg;
    p->run = true;
    snprintf(p->known_hosts, sizeof p->known_hosts, "%s", known_hosts);
    r = begin_all(p, s, c, e);
    end_all(p);
    free(p);
    for (int i = 0; i < PROJECTIONS && r == 0; i++)
        if (to[i].due && to[i].failed) {
            *e = to[i].err;
            r = -1;
        }
    buf_done(ret_inventory);
    buf_done(ret_known_hosts);
    *ret_inventory = to[PROJECT_INVENTORY].text;
    *ret_known_hosts = to[PROJECT_KNOWN_HOSTS].text;
    return r;
}

static int one_known_host(const struct store_host *sh, void *arg)
{
    struct projecting *p = arg;
    char address[IP_TEXT];

    if (strcmp(p->only, sh->guest->name.s) &&
        !is_address(p->only, ip_format(&sh->guest->address.ip, address)))
        return 0;
    return one(sh, arg);
}

int project_known_host(struct store *s, const char *host, struct buf *out, struct err *e)
{
    struct projected to[PROJECTIONS] = { [PROJECT_KNOWN_HOSTS] = { .due = true } };
    struct projecting *p = calloc(1, sizeof *p);
    int r;

    if (!p)
        return err_set(e, ERR_INTERNAL, "out of memory");
    p->store = s;
    p->to = to;
    p->only = host;
    r = store_hosts(s, one_known_host, p, e);
    if (r == 0)
        buf_put(out, buf_str(&to[PROJECT_KNOWN_HOSTS].text), to[PROJECT_KNOWN_HOSTS].text.len);
    buf_done(&to[PROJECT_KNOWN_HOSTS].text);
    end_all(p);
    free(p);
    return r < 0 ? -1 : buf_check(out, e);
}
