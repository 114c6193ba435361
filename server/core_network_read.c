/* Networks as they are told to whoever asks, and the end of one. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_network.h"

#define RESERVATIONS_SHOWN 1000 /* one message of the API is one turn */

/* ---- all, and one ---- */

static json_t *row_of(struct core *c, const struct network *n)
{
    const char *device = network_is_up(c, n->name.s) ? network_device(c, n->name.s) : "";
    json_t *row = json_pack("{s:s, s:s, s:s}", "name", n->name.s, "state", network_standing(c, n),
                            "bridge", device);
    json_t *note = json_string(network_note(c, n->name.s)), *words = network_to_json(n);

    /* It may quote what another program wrote. */
    json_object_set_new(row, "note", note ? note : json_string("(it cannot be shown)"));
    json_object_update(row, words);
    json_decref(words);
    return row;
}

json_t *core_networks(struct core *c, struct err *e)
{
    json_t *defs = core_definitions(c, "networks", e), *list = defs ? json_array() : NULL, *def;
    const struct network *n;
    size_t i;

    json_array_foreach(defs, i, def)
    {
        n = core_network(c, json_string_value(json_object_get(def, "name")));
        if (n)
            json_array_append_new(list, row_of(c, n));
    }
    json_decref(defs);
    return list;
}

static int list_reserved(const struct reserved *r, void *arg)
{
    char mac[MAC_TEXT], ip[IP_TEXT];

    json_array_append_new(arg,
                          json_pack("{s:s, s:s, s:s}", "instance", r->name.s, "mac",
                                    mac_format(&r->mac, mac), "address", ip_format(&r->ip, ip)));
    return json_array_size(arg) == RESERVATIONS_SHOWN;
}

static int put_reservations(struct core *c, const char *name, json_t *row, struct err *e)
{
    json_t *list = json_array();
    int64_t n;

    json_object_set_new(row, "reservations", list);
    if (store_reservations(c->store, name, list_reserved, list, e) < 0 ||
        store_reservations_count(c->store, name, &n, e) < 0)
        return -1;
    json_object_set_new(row, "reserved", json_integer(n));
    return 0;
}

json_t *core_network_show(struct core *c, const char *name, struct err *e)
{
    const struct network *n = core_network(c, name);
    json_t *row = n ? row_of(c, n) : NULL;
    struct name first;
    int64_t guests;

    if (!row) {
        if (n)
            err_set(e, ERR_INTERNAL, "out of memory");
        else
            err_set(e, ERR_NOT_FOUND, "there is no network \"%s\"; roost network list has them",
                    name);
        return NULL;
    }
    json_object_set_new(row, "files",
                        n->kind == NETWORK_USER
                            ? json_string("")
                            : json_sprintf("%s/%s/%s", c->config.state, DIR_NETWORKS, name));
    if (put_reservations(c, name, row, e) < 0 ||
        store_network_guests(c->store, name, &guests, &first, e) < 0) {
        json_decref(row);
        return NULL;
    }
    json_object_set_new(row, "instances", json_integer(guests));
    return row;
}

/* ---- the end of one ---- */

struct removal {
    struct core *c;
    struct name name;
    core_op_fn *done;
    void *arg;
};

struct allower {
    const char *name, *by;
};

static int allows(const struct network *n, void *arg)
{
    struct allower *a = arg;

    for (int i = 0; i < n->n_allow && !a->by; i++)
        if (strcmp(n->name.s, a->name) && !strcmp(n->allow[i].s, a->name))
            a->by = n->name.s;
    return a->by != NULL;
}

static int unused(struct core *c, const char *name, struct err *e)
{
    struct allower a = { .name = name };
    struct name first;
    int64_t n;

    if (store_network_guests(c->store, name, &n, &first, e) < 0)
        return -1;
    if (n > 0)
        return err_set(e, ERR_CONFLICT,
                       "network %s: %lld instance%s on it, such as %s: move or remove %s first",
                       name, (long long)n, n == 1 ? " is" : "s are", first.s,
                       n == 1 ? "it" : "them");
    if (core_networks_each(c, allows, &a))
        return err_set(e, ERR_CONFLICT,
                       "network %s: network %s allows it: take that out of its definition first",
                       name, a.by);
    return 0;
}

static int removable(struct core *c, const char *name, struct err *e)
{
    const struct network *n = core_network(c, name);
    struct ledger_row row;
    int left;

    if (!n)
        return err_set(e, ERR_NOT_FOUND, "there is no network \"%s\"", name);
    if (strcmp(name, "user") == 0)
        return err_set(e, ERR_CONFLICT, "network user is always there");
    if (network_is_busy(c, name))
        return err_set(e, ERR_BUSY, "network %s is just being brought up or down; try again", name);
    if ((left = store_ledger_before(c->store, name, INT64_MAX, &row, e)) < 0)
        return -1;
    if (left || network_is_up(c, name) || store_network_wanted(c->store, name))
        return err_set(e, ERR_CONFLICT,
                       "network %s is up, or not wholly down: roost network down %s first", name,
                       name);
    if (c->applying)
        return err_set(e, ERR_BUSY, "an apply is under way; try again when it has ended");
    return unused(c, name, e);
}

static void discard_files(struct core *c, const char *name)
{
    char path[PATH_SIZE + 32];
    struct err e = { .kind = ERR_NONE };

    snprintf(path, sizeof path, "%s/%s", c->config.state, DIR_NETWORKS);
    auto_close int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    hostfiles_forget(c, name);
    if (dir >= 0 && dir_remove(dir, name, &e) < 0)
        core_fault(c, "network %s: its files stay: %s", name, e.text);
}

static void removed(bool committed, void *arg)
{
    struct removal *r = arg;
    struct core *c = r->c;
    struct err e = { .kind = ERR_IO,
                     .text = "the store could not be written; nothing was removed" },
               why;

    if (committed) {
        network_forget(c, r->name.s);
        if (!c->ending)
            discard_files(c, r->name.s);
    } else if (!c->ending && networks_reload(c, &why) < 0) {
        core_fault(c, "networks could not be read again: %s", why.text);
    }
    r->done(NULL, committed ? NULL : &e, r->arg);
    free(r);
}

static int remove_record(struct core *c, const char *name, const struct actor *who, struct err *e)
{
    struct event ev = { .real_ms = loop_now(c->loop).real_ms, .kind = EV_REMOVED };

    event_detail(&ev, "network %s", name);
    snprintf(ev.actor, sizeof ev.actor, "%s", who->text);
    if (core_write(c, true, e) < 0 || store_savepoint(c->store, e) < 0)
        return -1;
    if (store_event_add(c->store, NULL, &ev, e) < 0 || network_address_forget(c, name, e) < 0 ||
        core_network_drop(c, name, e) < 0) {
        store_rollback_to(c->store);
        return -1;
    }
    store_release(c->store);
    return 0;
}

void core_network_remove(struct core *c, const char *name, const struct actor *who,
                         core_op_fn *done, void *arg)
{
    struct removal *r = calloc(1, sizeof *r);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    if (r) {
        *r = (struct removal){ .c = c, .done = done, .arg = arg };
        snprintf(r->name.s, sizeof r->name.s, "%s", name);
        if (removable(c, name, &e) == 0 && remove_record(c, name, who, &e) == 0 &&
            core_after(c, removed, r, &e) == 0)
            return;
    }
    free(r);
    done(NULL, &e, arg);
}
