/* Into the trash and out of it: a removed instance is kept whole, as one row with what the record has
 * of it and one directory with its disk, until it is forgotten. Its name, tag and addresses are free
 * meanwhile; who wants it back when somebody has them is told who. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_ansible.h"
#include "server/core_apply.h"
#include "server/core_machine.h"
#include "server/core_network.h"
#include "server/core_trash.h"

/* ---- what is kept ---- */

static json_t *keys_json(struct core *c, int64_t id)
{
    struct guest_keys *k = calloc(1, sizeof *k);
    json_t *lines = json_array(), *j = NULL;
    char line[HOSTKEY_B64_MAX + 64];

    if (k && store_keys_get(c->store, id, k, NULL) == 0) {
        for (int t = 0; t < HOSTKEY_TYPES; t++)
            if (k->has[t]) {
                hostkey_line(&k->keys[t], line, sizeof line);
                json_array_append_new(lines, json_string(line));
            }
        j = json_pack("{s:s, s:O}", "iid", k->iid, "lines", lines);
    }
    json_decref(lines);
    free(k);
    return j;
}

/* Members that are not there are left out. */
static void put(json_t *record, const char *name, json_t *value)
{
    if (value)
        json_object_set_new(record, name, value);
}

static json_t *job_json(struct core *c, const struct guest *g)
{
    struct job j;

    if (store_job_get(c->store, g->id, &j, NULL) != 1 || j.state != JOB_DONE)
        return NULL;
    return json_pack("{s:I, s:I, s:s}", "generation", (json_int_t)j.generation, "run",
                     (json_int_t)j.run, "outcome", j.outcome);
}

/* Of a guest that came from another host: it knows the tokens of there. */
static json_t *moved_json(struct core *c, const struct guest *g)
{
    struct token t[TOKEN_PURPOSES];

    if (store_moved_get(c->store, g->id, g->iid, t, NULL) != 1)
        return NULL;
    return json_pack("{s:s, s:s}", "seed", t[TOKEN_SEED].s, "post", t[TOKEN_POST].s);
}

/* What its further cards are to others; the spec has no more than what was said of them. */
static json_t *nics_json(struct core *c, const struct guest *g)
{
    struct store_nic rows[NICS_OTHER];
    char mac[MAC_TEXT], ip[IP_TEXT];
    int n = store_nics_of(c->store, g->id, rows, NULL);
    json_t *list = n > 0 ? json_array() : NULL;

    for (int k = 0; k < n; k++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "network", rows[k].network.s, "mac",
                                        mac_format(&rows[k].mac, mac), "reserved",
                                        ip_format(&rows[k].reserved, ip)));
    return list;
}

static json_t *record_of(struct core *c, const struct guest *g)
{
    char mac[MAC_TEXT], at[ENDPOINT_TEXT], ip[IP_TEXT], disk[48];
    struct reserved reserved;
    struct account account;
    json_t *j = json_pack(
        "{s:I, s:s, s:s, s:I, s:I, s:s, s:s, s:I, s:b, s:b, s:I, s:I}", "id", (json_int_t)g->id,
        "tag", g->tag.s, "iid", g->iid, "generation", (json_int_t)g->generation, "epoch",
        (json_int_t)g->epoch, "uuid", g->uuid.s, "mac", mac_format(&g->mac, mac), "boots",
        (json_int_t)g->boots, "sealed", g->sealed, "ever-home", g->standing.ever_home, "last-event",
        (json_int_t)g->last_event, "events", (json_int_t)g->events);

    put(j, "keys", keys_json(c, g->id));
    put(j, "job", job_json(c, g));
    put(j, "moved", moved_json(c, g));
    if (g->address.port)
        put(j, "address", json_string(endpoint_format(&g->address, at)));
    if (store_reservation_of(c->store, g->id, &reserved, NULL) == 1)
        put(j, "reserved", json_string(ip_format(&reserved.ip, ip)));
    put(j, "nics", nics_json(c, g));
    if (store_account_get(c->store, g->id, &account, NULL) == 1)
        put(j, "account", json_pack("{s:s, s:s}", "login", account.login, "key", account.key));
    if (disk_recorded(c, g->id, disk, sizeof disk))
        put(j, "disk", json_string(disk));
    return j;
}

static uint64_t bytes_of(const struct core *c, const char *name)
{
    char path[PATH_SIZE + 128];

    snprintf(path, sizeof path, "%s/%s/%s", c->config.state, DIR_INSTANCES, name);
    return dir_usage(path);
}

int trash_take(struct core *c, const struct guest *g, const char *actor, struct err *e)
{
    struct trashed t = { .name = g->name,
                         .removed_ms = loop_now(c->loop).real_ms,
                         .bytes = bytes_of(c, g->name.s) };
    struct instance i = { 0 };
    json_t *spec, *record;
    char number[24];
    int r;

    if (store_instance_get(c->store, g->id, &i, e) < 0)
        return -1;
    snprintf(t.actor, sizeof t.actor, "%s", actor);
    spec = spec_to_json(&i.spec);
    record = record_of(c, g);
    r = store_trash_put(c->store, &t, spec, record, e);
    json_decref(spec);
    json_decref(record);
    instance_done(&i);
    snprintf(number, sizeof number, "%lld", (long long)t.id);
    return r < 0 ? -1 : move_record(c, DIR_INSTANCES, g->name.s, DIR_TRASH, number, e);
}

/* ---- and put back ---- */

static int read_keys(const json_t *j, struct guest_keys *k, struct err *e)
{
    const char *iid = json_string_value(json_object_get(j, "iid"));
    struct hostkey key;
    json_t *line;
    size_t i;

    snprintf(k->iid, sizeof k->iid, "%s", iid ? iid : "");
    json_array_foreach(json_object_get(j, "lines"), i, line)
    {
        const char *text = json_string_value(line);
        if (!text || hostkey_parse(text, strlen(text), &key, e) < 0)
            return err_wrap(e, "host keys in the trash");
        k->has[key.type] = true;
        hostkey_copy(&k->keys[key.type], &key);
    }
    return 0;
}

static int put_keys(struct core *c, int64_t id, const json_t *j, struct err *e)
{
    struct guest_keys *k = j ? calloc(1, sizeof *k) : NULL;
    int r = !j ? 0 : !k ? err_set(e, ERR_INTERNAL, "out of memory") : read_keys(j, k, e);

    if (j && r == 0)
        r = store_keys_put(c->store, id, k, e);
    free(k);
    return r;
}

static int put_account(struct core *c, int64_t id, const json_t *j, struct err *e)
{
    const char *login, *key;
    struct account a;

    if (!j || json_unpack((json_t *)(uintptr_t)j, "{s:s, s:s}", "login", &login, "key", &key))
        return 0;
    snprintf(a.login, sizeof a.login, "%s", login);
    snprintf(a.key, sizeof a.key, "%s", key);
    return store_account_put(c->store, id, &a, e);
}

static int put_moved(struct core *c, const struct instance *i, const json_t *j, struct err *e)
{
    struct token t[TOKEN_PURPOSES];
    const char *seed, *post;

    if (!j)
        return 0;
    if (json_unpack((json_t *)(uintptr_t)j, "{s:s, s:s}", "seed", &seed, "post", &post) ||
        token_parse(seed, strlen(seed), &t[TOKEN_SEED]) < 0 ||
        token_parse(post, strlen(post), &t[TOKEN_POST]) < 0)
        return err_set(e, ERR_INTERNAL, "tokens in the trash");
    return store_moved_put(c->store, i->id, i->iid, t, e);
}

/* That it is configured holds still. */
static int put_job(struct core *c, int64_t id, const json_t *j, struct err *e)
{
    struct job job = { .instance = id, .state = JOB_DONE };
    json_int_t generation, run;
    const char *outcome;

    if (!j || json_unpack((json_t *)(uintptr_t)j, "{s:I, s:I, s:s}", "generation", &generation,
                          "run", &run, "outcome", &outcome))
        return 0;
    job.generation = (uint32_t)generation;
    job.run = run;
    snprintf(job.outcome, sizeof job.outcome, "%s", outcome);
    return store_job_put(c->store, &job, e);
}

/* The address that it had, if nobody has it by now. */
static int put_reservation(struct core *c, struct instance *i, const json_t *j, struct err *e)
{
    const struct ip asked = i->spec.address;
    const char *text = json_string_value(j);
    struct reserved other;
    struct ip ip;
    int r;

    if (!asked.family && text && ip_parse(text, &ip, NULL) == 0 &&
        store_reservation_at(c->store, i->spec.network.s, &ip, &other, NULL) == 0)
        i->spec.address = ip;
    r = network_reserve(c, i, i->spec.network.s, e);
    i->spec.address = asked;
    return r;
}

static int read_nic(const json_t *j, struct store_nic *ret)
{
    const char *network, *mac, *reserved;

    if (json_unpack((json_t *)(uintptr_t)j, "{s:s, s:s, s:s}", "network", &network, "mac", &mac,
                    "reserved", &reserved) ||
        name_parse(network, "network name", &ret->network, NULL) < 0 ||
        mac_parse(mac, &ret->mac, NULL) < 0)
        return -1;
    return *reserved ? ip_parse(reserved, &ret->reserved, NULL) : 0;
}

/* As far as nobody has it by now: core_nics_put() takes from these rows what was not said. */
static int put_nics(struct core *c, const struct instance *i, const json_t *list, struct err *e)
{
    static const struct uuid none;
    struct store_nic other;
    struct reserved at;
    json_t *j;
    size_t k;

    json_array_foreach(list, k, j)
    {
        struct store_nic row = { .instance = i->id, .number = (int)k + 1 };
        if (read_nic(j, &row) < 0)
            return err_set(e, ERR_INTERNAL, "a card in the trash");
        if (store_nic_by_mac(c->store, &row.mac, &other, e) ||
            store_identity_taken(c->store, &none, &row.mac))
            continue;
        if (row.reserved.family &&
            store_reservation_at(c->store, row.network.s, &row.reserved, &at, NULL))
            row.reserved.family = 0;
        if (store_nic_put(c->store, &row, e) < 0)
            return -1;
    }
    return core_nics_put(c, i, e);
}

static int read_who(const json_t *record, struct instance *i, struct guest *g, struct err *e)
{
    const char *tag, *iid, *uuid, *mac, *address;
    json_int_t id, generation, epoch, boots, last, events;
    int sealed, ever_home;

    if (json_unpack((json_t *)(uintptr_t)record,
                    "{s:I, s:s, s:s, s:I, s:I, s:s, s:s, s:I, s:b, s:b, s:I, s:I}", "id", &id, "tag",
                    &tag, "iid", &iid, "generation", &generation, "epoch", &epoch, "uuid", &uuid,
                    "mac", &mac, "boots", &boots, "sealed", &sealed, "ever-home", &ever_home,
                    "last-event", &last, "events", &events))
        return err_set(e, ERR_INTERNAL, "the trash holds what is no instance");
    i->id = id;
    i->generation = (uint32_t)generation;
    i->epoch = (uint32_t)epoch;
    snprintf(i->iid, sizeof i->iid, "%s", iid);
    address = json_string_value(json_object_get(record, "address"));
    if (tag_parse(tag, strlen(tag), &i->tag, e) < 0 || uuid_parse(uuid, &i->uuid, e) < 0 ||
        mac_parse(mac, &i->mac, e) < 0 ||
        (address && endpoint_parse(address, &g->address, e) < 0))
        return -1;
    g->boots = (uint32_t)boots;
    g->sealed = sealed;
    g->standing.ever_home = ever_home;
    g->last_event = last;
    g->events = (uint32_t)events;
    return 0;
}

/* What it stands on may have gone meanwhile; images and identities are kept for it. */
static int check_references(struct core *c, const struct instance *i, struct err *e)
{
    struct image image;

    if (i->spec.image.s[0] && core_image(c, i->spec.image.s, &image, e) < 0)
        return -1;
    if (!core_network(c, i->spec.network.s))
        return err_set(e, ERR_CONFLICT,
                       "it was on network %s, which is not defined any more: define it again first",
                       i->spec.network.s);
    if (disk_check(c, i->name.s, &i->spec, e) < 0) /* of files used in place */
        return -1;
    return apply_check_comer(c, i, NULL, e);
}

static int put_all(struct core *c, struct instance *i, const struct guest *was,
                   const json_t *record, const char *actor, struct err *e)
{
    const char *disk = json_string_value(json_object_get(record, "disk"));
    struct guest g;

    if (store_instance_restore(c->store, i, was, e) < 0 ||
        store_guest_by_id(c->store, i->id, &g, e) < 0)
        return -1;
    g.address = was->address;
    g.boots = was->boots;
    g.sealed = was->sealed;
    g.epoch = i->epoch;
    g.standing.ever_home = was->standing.ever_home;
    if (g.boots) /* it has been somewhere */
        g.standing.phase = PHASE_STOPPED;
    if (core_event(c, &g, EV_DEFINED, actor, e, "%s, out of the trash", i->iid) < 0)
        return -1;
    snprintf(g.standing.note, sizeof g.standing.note, "restored from the trash");
    if (core_guest_save(c, &g, e) < 0 ||
        put_reservation(c, i, json_object_get(record, "reserved"), e) < 0 ||
        put_nics(c, i, json_object_get(record, "nics"), e) < 0 ||
        drive_claims_put(c, i->id, &i->spec, e) < 0 ||
        put_moved(c, i, json_object_get(record, "moved"), e) < 0 ||
        put_keys(c, i->id, json_object_get(record, "keys"), e) < 0 ||
        put_account(c, i->id, json_object_get(record, "account"), e) < 0 ||
        put_job(c, i->id, json_object_get(record, "job"), e) < 0 ||
        (disk && disk_put_record(c, i->id, disk, e) < 0))
        return -1;
    return core_render(c, i->id, e);
}

static int read_instance(const struct trashed *t, const char *as, const json_t *spec,
                         const json_t *record, struct instance *i, struct guest *g, struct err *e)
{
    const struct spec_defaults none = { 0 };

    if (name_parse(as ? as : t->name.s, "instance name", &i->name, e) < 0)
        return -1;
    spec_init(&i->spec, &none);
    return spec_read(&i->spec, spec, "", e) < 0 ? -1 : read_who(record, i, g, e);
}

int trash_put_back(struct core *c, int64_t id, const char *as, const char *actor,
                   struct name *ret, struct err *e)
{
    struct instance i = { 0 };
    struct guest was = { 0 };
    json_t *spec = NULL, *record = NULL;
    struct trashed t;
    char number[24];
    int r;

    if (store_trash_get(c->store, id, &t, &spec, &record, e) < 0)
        return -1;
    snprintf(number, sizeof number, "%lld", (long long)id);
    r = read_instance(&t, as, spec, record, &i, &was, e);
    if (r == 0 && (check_references(c, &i, e) < 0 || move_not_pending(c, i.name.s, e) < 0 ||
                   put_all(c, &i, &was, record, actor, e) < 0 ||
                   move_record(c, DIR_TRASH, number, DIR_INSTANCES, i.name.s, e) < 0 ||
                   store_trash_remove(c->store, id, e) < 0 || wire_mark_all(c, e) < 0))
        r = err_wrap(e, "%s in the trash", t.name.s);
    *ret = i.name;
    json_decref(spec);
    json_decref(record);
    instance_done(&i);
    return r;
}
