/* Instances with what the operator asked for. */
#include "server/store_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static int spec_load(struct store *s, int64_t id, struct spec *ret, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_SPEC_GET, &st, e, "i", id);
    if (n <= 0)
        return n < 0 ? -1 : store_damaged(s, e, "instance without specification");
    json_t *j = json_loadb((const char *)sqlite3_column_text(st, 0),
                           (size_t)sqlite3_column_bytes(st, 0), JSON_REJECT_DUPLICATES, NULL);
    store_reset(st);
    if (!j)
        return store_damaged(s, e, "specification");
    struct spec_defaults none = { 0 };
    spec_init(ret, &none);
    int r = spec_read(ret, j, "", e);
    json_decref(j);
    if (r < 0) {
        spec_done(ret);
        return err_wrap(e, "specification on record");
    }
    return 0;
}

static int spec_save(struct store *s, int64_t id, const struct spec *spec, struct err *e)
{
    json_t *j = spec_to_json(spec);
    auto_free char *text = j ? json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(j);
    if (!text)
        return err_set(e, ERR_INTERNAL, "specification cannot be written as JSON");
    return store_write(s, S_SPEC_PUT, e, "it", id, text) < 0 ? -1 : 0;
}

int store_instance_get(struct store *s, int64_t id, struct instance *ret, struct err *e)
{
    struct guest g;
    struct spec spec;
    if (store_guest_by_id(s, id, &g, e) < 0 || spec_load(s, id, &spec, e) < 0)
        return -1;
    *ret = (struct instance){ .id = g.id,
                              .name = g.name,
                              .tag = g.tag,
                              .generation = g.generation,
                              .epoch = g.epoch,
                              .uuid = g.uuid,
                              .mac = g.mac,
                              .spec = spec };
    memcpy(ret->iid, g.iid, sizeof(ret->iid));
    return 0;
}

/* Which of the names of an instance is taken, and by whom. */
static int taken(struct store *s, const struct instance *i, struct err *e)
{
    char mac[MAC_TEXT];
    const struct {
        enum stmt id;
        const char *what, *fmt, *text;
        const void *value;
    } rows[] = {
        { S_TAKEN_NAME, "name", "t", i->name.s, i->name.s },
        { S_TAKEN_TAG, "tag", "t", i->tag.s, i->tag.s },
        { S_TAKEN_UUID, "uuid", "t", i->uuid.s, i->uuid.s },
        { S_TAKEN_MAC, "MAC address", "b", mac_format(&i->mac, mac), i->mac.b },
        { S_TAKEN_SERIAL, "serial", "t", i->spec.serial.s, i->spec.serial.s },
    };
    for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
        sqlite3_stmt *st;
        struct name holder = { "" };
        int n = store_row(s, rows[k].id, &st, e, rows[k].fmt, rows[k].value, sizeof(i->mac.b));
        if (n == 1)
            store_text(st, 0, holder.s, sizeof(holder.s));
        store_reset(s->stmt[rows[k].id]);
        if (n < 0)
            return -1;
        if (n == 1)
            return err_set(e, ERR_CONFLICT, "the %s %s is taken by instance \"%s\"", rows[k].what,
                           rows[k].text, holder.s);
    }
    return 0;
}

static int insert_row(struct store *s, const struct instance *i, struct err *e)
{
    if (i->id)
        return store_write(s, S_GUEST_INSERT_AT, e, "tttiitbiti", i->name.s, i->tag.s, i->iid,
                           (int64_t)i->generation, (int64_t)i->epoch, i->uuid.s,
                           (const void *)i->mac.b, sizeof(i->mac.b), (int64_t)i->spec.launcher,
                           i->spec.network.s, i->id);
    return store_write(s, S_GUEST_INSERT, e, "tttiitbit", i->name.s, i->tag.s, i->iid,
                       (int64_t)i->generation, (int64_t)i->epoch, i->uuid.s,
                       (const void *)i->mac.b, sizeof(i->mac.b), (int64_t)i->spec.launcher,
                       i->spec.network.s);
}

int store_instance_insert(struct store *s, struct instance *i, struct err *e)
{
    if (store_begin(s, e) < 0 || taken(s, i, e) < 0)
        return -1;
    if (insert_row(s, i, e) < 0)
        return -1;
    int64_t id = i->id ? i->id : sqlite3_last_insert_rowid(s->db);
    if (spec_save(s, id, &i->spec, e) < 0 ||
        (i->spec.serial.s[0] &&
         store_write(s, S_SERIAL_PUT, e, "ti", i->spec.serial.s, id) < 0))
        return -1;
    s->mirror.counts[PHASE_DEFINED * 2]++;
    i->id = id;
    return 0;
}

int store_instance_set_spec(struct store *s, int64_t id, const struct spec *spec, struct err *e)
{
    int n = store_write(s, S_GUEST_NETWORK, e, "iti", id, spec->network.s, (int64_t)spec->launcher);
    if (n == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no instance number %lld", (long long)id);
    return n < 0 ? -1 : spec_save(s, id, spec, e);
}

int store_instance_remove(struct store *s, int64_t id, struct err *e)
{
    /* Keys, specification and timelines go with the row; documents are counted. */
    int was, n = store_guest_standing(s, id, &was, e);
    if (n == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no instance number %lld", (long long)id);
    if (n < 0 || store_seed_remove(s, id, e) < 0 || store_write(s, S_GUEST_REMOVE, e, "i", id) < 0)
        return -1;
    s->mirror.counts[was]--;
    return 0;
}

int store_guest_rename(struct store *s, int64_t id, const char *name, struct err *e)
{
    int n = store_write(s, S_GUEST_RENAME, e, "it", id, name);

    if (n == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no instance number %lld", (long long)id);
    return n < 0 ? -1 : 0;
}

int store_iid_held(struct store *s, const char *iid, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_IID_HELD, &st, e, "t", iid);

    store_reset(s->stmt[S_IID_HELD]);
    return n;
}
