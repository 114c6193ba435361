/* Identities, one at a time: made, shown, changed, removed. A change is one turn, so that two
 * clients cannot undo each other's: what is added and taken away is said, not the list that
 * results. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/core_priv.h"

struct pending {
    struct core *c;
    json_t *result;
    core_op_fn *done;
    void *arg;
};

static void finish(struct pending *h, const struct err *err)
{
    h->done(err ? NULL : h->result, err, h->arg);
    json_decref(h->result);
    free(h);
}

static void committed(bool ok, void *arg)
{
    struct err e = { .kind = ERR_IO,
                     .text = "the store could not be written; nothing was changed" };

    finish(arg, ok ? NULL : &e);
}

static int note(struct core *c, enum event_kind k, const char *name, const struct actor *who,
                struct err *e)
{
    struct event ev = { .real_ms = loop_now(c->loop).real_ms, .kind = k };

    event_detail(&ev, "identity %s", name);
    snprintf(ev.actor, sizeof ev.actor, "%s", who->text);
    return store_event_add(c->store, 0, &ev, e);
}

/* id NULL: it is removed. */
static int write_row(struct core *c, const char *name, const struct identity *id, struct err *e)
{
    json_t *j = id ? identity_to_json(id) : NULL;
    int r = id ? store_def_put(c->store, DEF_IDENTITY, name, j, e)
               : store_def_remove(c->store, DEF_IDENTITY, name, e);

    json_decref(j);
    return r;
}

static int record(struct core *c, enum event_kind k, const char *name, const struct identity *id,
                  const struct actor *who, struct err *e)
{
    if (c->applying)
        return err_set(e, ERR_BUSY, "an apply is under way; try again when it has ended");
    if (core_write(c, true, e) < 0 || store_savepoint(c->store, e) < 0)
        return -1;
    /* Guests that use it get their documents rendered anew at their next request. */
    if (write_row(c, name, id, e) < 0 || note(c, k, name, who, e) < 0 ||
        store_seed_stale_all(c->store, e) < 0) {
        store_rollback_to(c->store);
        return -1;
    }
    store_release(c->store);
    core_invalidate(c, "");
    return 0;
}

static json_t *view(struct core *c, const struct identity *id, struct err *e)
{
    struct name first;
    json_t *o, *warnings;
    char text[320];
    int64_t n;

    if (store_def_users(c->store, DEF_IDENTITY, id->name.s, &n, &first, e) < 0)
        return NULL;
    o = identity_view(id);
    warnings = json_array();
    for (int k = 0; k < id->n_public_keys; k++)
        if (identity_weak_key(id, k, text))
            json_array_append_new(warnings, json_sprintf("identity %s: %s", id->name.s, text));
    json_object_set_new(o, "name", json_string(id->name.s));
    json_object_set_new(o, "instances", json_integer(n));
    json_object_set_new(o, "warnings", warnings);
    return o;
}

/* Takes *id over; done is called whatever happens. */
static void put(struct core *c, enum event_kind k, struct identity *id, const struct actor *who,
                core_op_fn *done, void *arg)
{
    struct pending *h = calloc(1, sizeof *h);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };
    bool good = h && record(c, k, id->name.s, id, who, &e) == 0;

    if (good) {
        *h = (struct pending){ c, view(c, id, &e), done, arg };
        good = h->result && core_after(c, committed, h, &e) == 0;
    }
    identity_done(id);
    if (good)
        return;
    if (h)
        json_decref(h->result);
    free(h);
    done(NULL, &e, arg);
}

static int get(struct core *c, const char *name, struct identity *ret, struct err *e)
{
    json_t *j;
    int r;

    if (store_def_get(c->store, DEF_IDENTITY, name, &j, e) < 0)
        return e->kind == ERR_NOT_FOUND
                   ? err_set(e, ERR_NOT_FOUND,
                             "there is no identity \"%s\"; roost identity list shows them", name)
                   : -1;
    r = identity_from_json(name, j, ret, e);
    json_decref(j);
    return r;
}

json_t *core_identity(struct core *c, const char *name, struct err *e)
{
    struct identity id;
    json_t *o;

    if (get(c, name, &id, e) < 0)
        return NULL;
    o = view(c, &id, e);
    identity_done(&id);
    return o;
}

/* ---- create ---- */

void core_identity_create(struct core *c, const char *name, const json_t *words,
                          const struct actor *who, core_op_fn *done, void *arg)
{
    struct identity id;
    json_t *there = NULL;
    struct err e;

    if (store_def_get(c->store, DEF_IDENTITY, name, &there, &e) == 0) {
        err_set(&e, ERR_CONFLICT,
                "identity %s is there already: roost identity modify %s changes it", name, name);
        json_decref(there);
    } else if (e.kind == ERR_NOT_FOUND && account_name_free(c, name, &e) == 0 &&
               identity_from_json(name, words, &id, &e) == 0) {
        put(c, EV_DEFINED, &id, who, done, arg);
        return;
    }
    done(NULL, &e, arg);
}

/* ---- modify ---- */

static bool is_key(const char *line, const char *said)
{
    struct hostkey key;
    char comment[129], fingerprint[64];

    if (pubkey_parse(line, strlen(line), &key, comment, NULL) < 0)
        return false;
    hostkey_fingerprint(&key, fingerprint);
    return !strcmp(said, fingerprint) || !strcmp(said, comment) || !strcmp(said, line);
}

/* One key, by fingerprint, by its line, or by a comment that is only there once. */
static int drop_key(json_t *keys, const char *name, const char *said, struct err *e)
{
    size_t found = 0, at = 0;

    for (size_t i = 0; i < json_array_size(keys); i++)
        if (is_key(json_string_value(json_array_get(keys, i)), said)) {
            at = i;
            found++;
        }
    if (!found)
        return err_set(e, ERR_NOT_FOUND,
                       "identity %s has no public key \"%.120s\": give its fingerprint or comment, "
                       "as roost identity show has them",
                       name, said);
    if (found > 1)
        return err_set(e, ERR_CONFLICT,
                       "identity %s has %zu public keys with the comment \"%.120s\": give a "
                       "fingerprint",
                       name, found, said);
    json_array_remove(keys, at);
    return 0;
}

static int change_keys(json_t *words, const char *name, const struct identity_change *h,
                       struct err *e)
{
    json_t *keys = json_object_get(words, "public-keys"), *v;
    size_t i;

    if (!keys) {
        keys = json_array();
        json_object_set_new(words, "public-keys", keys);
    }
    json_array_foreach(h->remove_keys, i, v)
    {
        if (!json_is_string(v))
            return err_set(e, ERR_INVALID, "remove-public-keys: a list of texts is wanted");
        if (drop_key(keys, name, json_string_value(v), e) < 0)
            return -1;
    }
    return h->add_keys && json_array_extend(keys, h->add_keys)
               ? err_set(e, ERR_INTERNAL, "out of memory")
               : 0;
}

/* RFC 7396: null takes a word away. */
static int merge(json_t *words, const char *name, const struct identity_change *h, struct err *e)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)h->set, key, v)
    {
        if (json_is_null(v))
            json_object_del(words, key);
        else
            json_object_set(words, key, v);
    }
    return json_array_size(h->add_keys) || json_array_size(h->remove_keys)
               ? change_keys(words, name, h, e)
               : 0;
}

void core_identity_modify(struct core *c, const char *name, const struct identity_change *h,
                          const struct actor *who, core_op_fn *done, void *arg)
{
    struct identity was, now;
    json_t *words = NULL;
    struct err e;
    bool good;

    if (get(c, name, &was, &e) < 0) {
        done(NULL, &e, arg);
        return;
    }
    words = identity_to_json(&was);
    identity_done(&was);
    good = merge(words, name, h, &e) == 0 && identity_from_json(name, words, &now, &e) == 0;
    json_decref(words);
    if (good)
        put(c, EV_CHANGED, &now, who, done, arg);
    else
        done(NULL, &e, arg);
}

/* ---- remove ---- */

static int unused(struct core *c, const char *name, struct err *e)
{
    struct name first;
    int64_t n;

    if (store_def_users(c->store, DEF_IDENTITY, name, &n, &first, e) < 0)
        return -1;
    if (n)
        return err_set(e, ERR_CONFLICT,
                       "identity %s is used by %lld instance%s (%s%s): take it out of %s first",
                       name, (long long)n, n == 1 ? "" : "s", first.s, n == 1 ? "" : ", …",
                       n == 1 ? "its definition" : "their definitions");
    return 0;
}

void core_identity_remove(struct core *c, const char *name, const struct actor *who,
                          core_op_fn *done, void *arg)
{
    struct pending *h = calloc(1, sizeof *h);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };
    struct identity id;

    if (h && get(c, name, &id, &e) == 0) {
        identity_done(&id);
        *h = (struct pending){ c, NULL, done, arg };
        if (unused(c, name, &e) == 0 && record(c, EV_REMOVED, name, NULL, who, &e) == 0 &&
            core_after(c, committed, h, &e) == 0)
            return;
    }
    free(h);
    done(NULL, &e, arg);
}
