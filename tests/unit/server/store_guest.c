/* Instances, their hot row, keys, timelines; walks and counts. */
#include "store_help.h"

static void test_insert_and_get(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct instance i = instance_of("web1", 1), back;
    i.spec.user_data = strdup("#!/bin/sh\necho \"hi\"\n");
    i.spec.user_data_len = strlen(i.spec.user_data);
    i.spec.memory = 3ull << 30;
    must(store_instance_insert(s, &i, e));
    assert_true(i.id > 0);
    must(store_commit(s, e));
    store_close(s);
    s = open_store();
    must(store_instance_get(s, i.id, &back, e));
    assert_string_equal(back.name.s, "web1");
    assert_string_equal(back.tag.s, "T-web1");
    assert_string_equal(back.iid, "iid-web1-1");
    assert_string_equal(back.uuid.s, i.uuid.s);
    assert_memory_equal(&back.mac, &i.mac, sizeof(i.mac));
    json_t *was = spec_to_json(&i.spec), *is = spec_to_json(&back.spec);
    assert_true(json_equal(was, is));
    json_decref(was);
    json_decref(is);
    instance_done(&back);
    /* A changed specification makes the documents stale. */
    struct guest g;
    must(store_guest_by_id(s, i.id, &g, e));
    g.seed_stale = false;
    must(store_guest_update(s, &g, e));
    snprintf(i.spec.network.s, sizeof(i.spec.network.s), "lab");
    must(store_instance_set_spec(s, i.id, &i.spec, e));
    must(store_guest_by_id(s, i.id, &g, e));
    assert_true(g.seed_stale);
    assert_string_equal(g.network.s, "lab");
    assert_int_equal(store_instance_set_spec(s, i.id + 7, &i.spec, NULL), -1);
    instance_done(&i);
    store_close(s);
}

static void test_conflicts_are_named(void **state)
{
    (void)state;
    struct store *s = open_store();
    add(s, "web1", 1);
    static const char *const words[] = { "name web2", "tag T-web1", "uuid",
                                         "MAC address 52:54:00" };
    for (size_t k = 0; k < ARRAY_SIZE(words); k++) {
        struct instance i = instance_of(k == 0 ? "web1" : "web2", 2), one = instance_of("web1", 1);
        struct err bad = { 0 };
        if (k == 1)
            i.tag = one.tag;
        if (k == 2)
            i.uuid = one.uuid;
        if (k == 3)
            i.mac = one.mac;
        assert_int_equal(store_instance_insert(s, &i, &bad), -1);
        assert_int_equal(bad.kind, ERR_CONFLICT);
        assert_non_null(strstr(bad.text, k == 0 ? "name web1" : words[k]));
        assert_non_null(strstr(bad.text, "\"web1\""));
        assert_int_equal(store_identity_taken(s, &i.uuid, &i.mac), k >= 2);
        instance_done(&i);
        instance_done(&one);
    }
    /* The transaction goes on. */
    add(s, "web3", 3);
    must(store_commit(s, e));
    store_close(s);
}

static void test_update_keeps_all(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct guest g, h;
    memset(&g, 0, sizeof(g));
    memset(&h, 0, sizeof(h));
    int64_t id = add(s, "web1", 1);
    must(store_guest_by_tag(s, "T-web1", &g, e));
    assert_int_equal(g.id, id);
    assert_int_equal(g.address.port, 0);
    assert_true(g.seed_stale);
    g.generation = 4000000000u;
    g.epoch = 3;
    snprintf(g.iid, sizeof(g.iid), "iid-web1-4000000000");
    g.launch_id = UINT64_MAX - 5;
    g.stop_wanted = UINT64_MAX;
    must(endpoint_parse("[fd00::1]:2222", &g.address, e));
    g.standing.phase = PHASE_SEEDED;
    g.standing.overdue = g.standing.ever_home = g.sealed = true;
    g.standing.since_ms = INT64_MAX;
    g.standing.sign_ms = -1;
    g.standing.since_boot_ms = 5;
    g.standing.way_boot_ms = 6;
    g.standing.way_restarts = 7;
    snprintf(g.standing.note, sizeof(g.standing.note), "%*s|", (int)sizeof(g.standing.note) - 2,
             "n");
    snprintf(g.standing.last_sign, sizeof(g.standing.last_sign), "%*s|",
             (int)sizeof(g.standing.last_sign) - 2, "s");
    g.seed_stale = false;
    g.boots = 9;
    must(store_guest_update(s, &g, e));
    must(store_commit(s, e));
    store_close(s);
    s = open_store();
    must(store_guest_by_name(s, "web1", &h, e));
    assert_string_equal(h.iid, g.iid);
    assert_int_equal(h.generation, g.generation);
    assert_int_equal(h.epoch, 3);
    assert_true(h.launch_id == g.launch_id && h.stop_wanted == g.stop_wanted);
    assert_memory_equal(&h.address, &g.address, sizeof(g.address));
    assert_int_equal(h.standing.phase, PHASE_SEEDED);
    assert_true(h.standing.overdue && h.standing.ever_home && h.sealed && !h.seed_stale);
    assert_true(h.standing.since_ms == INT64_MAX && h.standing.sign_ms == -1);
    assert_int_equal(h.standing.since_boot_ms, 5);
    assert_int_equal(h.standing.way_boot_ms, 6);
    assert_int_equal(h.standing.way_restarts, 7);
    assert_string_equal(h.standing.note, g.standing.note);
    assert_string_equal(h.standing.last_sign, g.standing.last_sign);
    assert_int_equal(h.boots, 9);
    h.id = 77;
    assert_int_equal(store_guest_update(s, &h, NULL), -1);
    store_close(s);
}

/* One field each of those that an update writes. */
#define CHANGE(field, statement)                                                                   \
    static void change_##field(struct guest *g)                                                    \
    {                                                                                              \
        statement;                                                                                 \
    }
CHANGE(address, endpoint_parse("10.0.0.7:22", &g->address, NULL))
CHANGE(ever_home, g->standing.ever_home = true)
CHANGE(since, g->standing.since_ms++)
CHANGE(sign, g->standing.sign_ms++)
CHANGE(since_boot, g->standing.since_boot_ms++)
CHANGE(last_sign, snprintf(g->standing.last_sign, sizeof(g->standing.last_sign), "sign"))
CHANGE(note, snprintf(g->standing.note, sizeof(g->standing.note), "note"))
CHANGE(seed_fresh, g->seed_stale = false)
CHANGE(sealed, g->sealed = true)
CHANGE(phase, g->standing.phase = PHASE_SEEDED)
CHANGE(overdue, g->standing.overdue = true)
CHANGE(launch, g->launch_id = UINT64_MAX)
CHANGE(stop_wanted, g->stop_wanted = UINT64_MAX)
CHANGE(boots, g->boots++)
CHANGE(generation, g->generation = UINT32_MAX)
CHANGE(epoch, g->epoch++)
CHANGE(iid, snprintf(g->iid, sizeof(g->iid), "iid-other-1"))
CHANGE(way_boot, g->standing.way_boot_ms--)
CHANGE(way_restarts, g->standing.way_restarts++)

static void (*const changes[])(struct guest *g) = {
    change_address,   change_ever_home, change_since,       change_sign,         change_since_boot,
    change_last_sign, change_note,      change_seed_fresh,  change_sealed,       change_phase,
    change_overdue,   change_launch,    change_stop_wanted, change_boots,        change_generation,
    change_epoch,     change_iid,       change_way_boot,    change_way_restarts,
};

static void assert_same(const struct guest *h, const struct guest *g)
{
    const struct standing *is = &h->standing, *t = &g->standing;

    assert_memory_equal(&h->address, &g->address, sizeof(g->address));
    assert_true(is->ever_home == t->ever_home && is->since_ms == t->since_ms);
    assert_true(is->sign_ms == t->sign_ms && is->since_boot_ms == t->since_boot_ms);
    assert_string_equal(is->last_sign, t->last_sign);
    assert_string_equal(is->note, t->note);
    assert_true(h->seed_stale == g->seed_stale && h->sealed == g->sealed);
    assert_true(is->phase == t->phase && is->overdue == t->overdue);
    assert_true(h->launch_id == g->launch_id && h->stop_wanted == g->stop_wanted);
    assert_true(h->boots == g->boots && h->generation == g->generation && h->epoch == g->epoch);
    assert_string_equal(h->iid, g->iid);
    assert_true(is->way_boot_ms == t->way_boot_ms && is->way_restarts == t->way_restarts);
}

/* Changed alone: whatever statement is chosen for it writes it. */
static void test_each_field_alone(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct guest g, h;
    int64_t id = add(s, "web1", 1);

    must(store_guest_by_id(s, id, &g, e));
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        changes[i](&g);
        must(store_guest_update(s, &g, e));
        must(store_guest_by_id(s, id, &h, e));
        assert_same(&h, &g);
    }
    store_close(s);
}

static void move(struct store *s, int64_t id, enum phase p, bool overdue)
{
    struct guest g;
    must(store_guest_by_id(s, id, &g, e));
    g.standing.phase = p;
    g.standing.overdue = overdue;
    must(store_guest_update(s, &g, e));
}

static void expect_counts(struct store *s, uint64_t defined, uint64_t homed, uint64_t late)
{
    uint64_t n[PHASES], overdue, all = 0;
    must(store_counts(s, n, &overdue, e));
    for (int p = 0; p < PHASES; p++)
        all += n[p];
    assert_int_equal(n[PHASE_DEFINED], defined);
    assert_int_equal(n[PHASE_HOMED], homed);
    assert_int_equal(overdue, late);
    assert_int_equal(all, defined + homed);
}

static void test_counts(void **state)
{
    (void)state;
    struct store *s = open_store(), *reader;
    int64_t a = add(s, "a", 1), b = add(s, "b", 2);
    add(s, "c", 3);
    expect_counts(s, 3, 0, 0);
    move(s, a, PHASE_HOMED, false);
    move(s, b, PHASE_DEFINED, true);
    must(store_commit(s, e));
    expect_counts(s, 2, 1, 1);
    must(store_open_reader(dir, &reader, e));
    expect_counts(reader, 2, 1, 1);
    store_close(reader);
    must(store_instance_remove(s, b, e));
    expect_counts(s, 1, 1, 0);
    store_rollback(s);
    expect_counts(s, 2, 1, 1);
    store_close(s);
    s = open_store();
    expect_counts(s, 2, 1, 1);
    store_close(s);
}

/* On record with the newest event, or beside it; whichever came last is what is read. */
static void test_counts_with_events(void **state)
{
    (void)state;
    struct store *s = open_store(), *reader;
    struct event ev = { .kind = EV_STAGE };
    int64_t a = add(s, "a", 1);
    add(s, "b", 2);
    must(store_event_add(s, NULL, &ev, e));
    must(store_commit(s, e));
    must(store_open_reader(dir, &reader, e));
    expect_counts(reader, 2, 0, 0);
    move(s, a, PHASE_HOMED, true); /* without an event */
    must(store_commit(s, e));
    expect_counts(reader, 1, 1, 1);
    must(store_savepoint(s, e));
    move(s, a, PHASE_DEFINED, false);
    must(store_event_add(s, NULL, &ev, e));
    store_rollback_to(s);
    must(store_event_add(s, NULL, &ev, e)); /* an event, and the counts as they were */
    must(store_commit(s, e));
    expect_counts(reader, 1, 1, 1);
    must(store_event_add(s, NULL, &ev, e));
    must(store_savepoint(s, e));
    move(s, a, PHASE_DEFINED, false);
    must(store_event_add(s, NULL, &ev, e));
    store_rollback_to(s);
    must(store_commit(s, e));
    expect_counts(reader, 1, 1, 1);
    while (store_events_prune(s, INT64_MAX, 1, 10, NULL) > 0)
        continue;
    must(store_commit(s, e));
    expect_counts(reader, 1, 1, 1);
    store_close(reader);
    store_close(s);
    s = open_store();
    expect_counts(s, 1, 1, 1);
    assert_int_equal(sqlite3_exec(s->db, "UPDATE events SET counts = '18:1'", NULL, NULL, NULL), 0);
    must(store_open_reader(dir, &reader, e));
    uint64_t n[PHASES], overdue;
    assert_int_equal(store_counts(reader, n, &overdue, NULL), -1);
    store_close(reader);
    store_close(s);
}

struct seen {
    struct store *s;
    char names[64];
    int stop_at, n;
};

static int note(const struct guest *g, void *arg)
{
    struct seen *v = arg;
    strcat(v->names, g->name.s);
    v->n++;
    return v->n == v->stop_at ? 42 : 0;
}

static int note_id(int64_t id, void *arg)
{
    struct seen *v = arg;
    struct guest g;
    must(store_guest_by_id(v->s, id, &g, e));
    return note(&g, arg);
}

/* Moves what it sees into a later phase of the mask. */
static int note_and_move(const struct guest *g, void *arg)
{
    struct seen *v = arg;
    move(v->s, g->id, PHASE_FAILED, false);
    return note(g, arg);
}

static void test_walks(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct seen all = { 0 }, some = { 0 }, few = { .stop_at = 2 }, moved = { .s = s };
    int64_t c = add(s, "c", 1), a = add(s, "a", 2), b = add(s, "b", 3), d = add(s, "d", 4);
    assert_int_equal(store_guests(s, note, &all, NULL), 0);
    assert_string_equal(all.names, "abcd");
    assert_int_equal(store_guests(s, note, &few, NULL), 42);
    assert_string_equal(few.names, "ab");
    move(s, a, PHASE_LAUNCHED, false);
    move(s, b, PHASE_HOMED, false);
    move(s, c, PHASE_SEEDED, true);
    move(s, d, PHASE_FAILED, true);
    unsigned mask = 1u << PHASE_LAUNCHED | 1u << PHASE_SEEDED | 1u << PHASE_FAILED;
    assert_int_equal(store_guests_in(s, mask, note, &some, NULL), 0);
    assert_string_equal(some.names, "cad");
    struct seen ids = { .s = s }, two = { .s = s, .stop_at = 2 };
    assert_int_equal(store_guest_ids_in(s, mask, note_id, &ids, NULL), 0);
    assert_string_equal(ids.names, "cad");
    assert_int_equal(store_guest_ids_in(s, mask, note_id, &two, NULL), 42);
    assert_string_equal(two.names, "ca");
    assert_int_equal(store_guests_in(s, mask, note_and_move, &moved, NULL), 0);
    assert_string_equal(moved.names, "cad");
    struct seen home = { 0 }, late = { 0 }, ran = { 0 };
    assert_int_equal(store_guests_in(s, 1u << PHASE_HOMED | 1u << PHASE_FAILED, note, &home, NULL),
                     0);
    assert_string_equal(home.names, "cabd");
    move(s, b, PHASE_HOMED, true);
    move(s, c, PHASE_SEEDED, true);
    assert_int_equal(store_guests_overdue(s, note, &late, NULL), 0);
    assert_string_equal(late.names, "cb");
    struct guest g;
    for (int64_t id = a; id <= d; id += d - a) {
        must(store_guest_by_id(s, id, &g, e));
        g.launch_id = id == a ? UINT64_MAX : 5;
        must(store_guest_update(s, &g, e));
    }
    assert_int_equal(store_guests_launched(s, note, &ran, NULL), 0);
    assert_string_equal(ran.names, "ad");
    move(s, c, PHASE_FAILED, false);
    struct seen none = { 0 };
    assert_int_equal(store_guests_in(s, 1u << PHASE_SEEDED, note, &none, NULL), 0);
    assert_int_equal(store_guests_in(s, 0, note, &none, NULL), 0);
    assert_int_equal(none.n, 0);
    struct instance i = instance_of("e", 5);
    struct seen defined = { 0 };
    i.spec.launcher = LAUNCHER_EXTERNAL;
    must(store_instance_insert(s, &i, e));
    add(s, "f", 6);
    assert_int_equal(store_guests_in(s, 1u << PHASE_DEFINED, note, &defined, NULL), 0);
    assert_string_equal(defined.names, "f");
    move(s, i.id, PHASE_SEEDED, false);
    assert_int_equal(store_guests_in(s, 1u << PHASE_SEEDED, note, &defined, NULL), 0);
    assert_string_equal(defined.names, "fe");
    instance_done(&i);
    store_close(s);
}

/* What is saved is what is there, whoever saved in between and however often. */
static void test_saved_over_another_save(void **state)
{
    (void)state;
    struct store *s = open_store();
    int64_t id = add(s, "web1", 1);
    struct guest one, other, now;
    must(store_guest_by_id(s, id, &one, e));
    other = one;
    other.standing.phase = PHASE_HOMED;
    other.standing.overdue = true;
    other.launch_id = 7;
    must(store_guest_update(s, &other, e));
    expect_counts(s, 0, 1, 1);
    must(store_guest_update(s, &one, e));
    must(store_guest_by_id(s, id, &now, e));
    assert_int_equal(now.standing.phase, PHASE_DEFINED);
    assert_false(now.standing.overdue);
    assert_int_equal(now.launch_id, 0);
    expect_counts(s, 1, 0, 0);
    one.standing.phase = PHASE_HOMED;
    one.launch_id = 8;
    must(store_guest_update(s, &one, e));
    one.launch_id = 0;
    one.standing.way_restarts = 3;
    must(store_guest_update(s, &one, e));
    must(store_guest_update(s, &one, e));
    must(store_guest_by_id(s, id, &now, e));
    assert_int_equal(now.launch_id, 0);
    assert_int_equal(now.standing.way_restarts, 3);
    expect_counts(s, 0, 1, 0);
    store_close(s);
}

static struct guest_keys keys_of(char c)
{
    struct guest_keys k = { .iid = "iid-web1-1" };
    static const enum hostkey_type types[] = { HOSTKEY_RSA, HOSTKEY_ED25519 };
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct hostkey *key = &k.keys[types[i]];
        k.has[types[i]] = true;
        key->type = types[i];
        strcpy(key->algorithm, i ? "ssh-ed25519" : "ssh-rsa");
        memset(key->blob, c, i ? 68 : HOSTKEY_B64_MAX);
    }
    return k;
}

static void test_keys(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct err bad = { 0 };
    static struct guest_keys back;
    int64_t id = add(s, "web1", 1);
    assert_int_equal(store_keys_get(s, id, &back, &bad), -1);
    assert_int_equal(bad.kind, ERR_NOT_FOUND);
    struct guest_keys a = keys_of('A'), b = keys_of('B');
    must(store_keys_put(s, id, &a, e));
    must(store_keys_put(s, id, &b, e));
    must(store_keys_get(s, id, &back, e));
    assert_string_equal(back.iid, b.iid);
    assert_false(back.has[HOSTKEY_ECDSA] || back.has[HOSTKEY_DSA]);
    assert_true(back.has[HOSTKEY_RSA] && back.has[HOSTKEY_ED25519]);
    assert_true(hostkey_equal(&back.keys[HOSTKEY_RSA], &b.keys[HOSTKEY_RSA]));
    assert_true(hostkey_equal(&back.keys[HOSTKEY_ED25519], &b.keys[HOSTKEY_ED25519]));
    /* An instance that does not exist has no keys, and the transaction goes on. */
    assert_int_equal(store_keys_put(s, id + 9, &a, &bad), -1);
    assert_int_equal(bad.kind, ERR_NOT_FOUND);
    must(store_commit(s, e));
    must(store_keys_remove(s, id, e));
    assert_int_equal(store_keys_get(s, id, &back, NULL), -1);
    store_close(s);
}

static int note_host(const struct store_host *h, void *arg)
{
    struct seen *v = arg;
    strcat(v->names, h->guest->name.s);
    strcat(v->names, h->keys ? "+" : "-");
    assert_true(json_is_object(h->spec));
    if (h->keys)
        assert_string_equal(h->keys->keys[HOSTKEY_ED25519].algorithm, "ssh-ed25519");
    return 0;
}

static void test_hosts(void **state)
{
    (void)state;
    struct store *s = open_store(), *reader;
    struct seen v = { 0 };
    struct guest g;
    static const char *const names[] = { "c", "a", "b" };
    struct guest_keys k = keys_of('A');
    for (unsigned i = 0; i < 3; i++) {
        int64_t id = add(s, names[i], i);
        must(store_guest_by_id(s, id, &g, e));
        g.standing.ever_home = i == 0;
        g.sealed = i == 1;
        must(store_guest_update(s, &g, e));
        if (i == 0)
            must(store_keys_put(s, id, &k, e));
    }
    must(store_commit(s, e));
    must(store_open_reader(dir, &reader, e));
    must(store_hosts(reader, note_host, &v, e));
    assert_string_equal(v.names, "a-c+");
    store_close(reader);
    store_close(s);
}

static int note_image(const struct store_host *h, void *arg)
{
    struct seen *v = arg;
    strcat(v->names, h->guest->name.s);
    strcat(v->names, json_string_value(json_object_get(h->spec, "image")));
    return 0;
}

/* Each host with its own specification, however many before it had an equal one. */
static void test_hosts_specs(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct seen v = { 0 };
    struct guest g;
    static const char *const images[] = { "X", "X", "Y", "X", "X2" };
    for (unsigned n = 0; n < ARRAY_SIZE(images); n++) {
        struct instance i = instance_of((char[]){ (char)('a' + n), 0 }, n);
        snprintf(i.spec.image.s, sizeof(i.spec.image.s), "%s", images[n]);
        must(store_instance_insert(s, &i, e));
        must(store_guest_by_id(s, i.id, &g, e));
        g.sealed = true;
        must(store_guest_update(s, &g, e));
        instance_done(&i);
    }
    must(store_hosts(s, note_image, &v, e));
    assert_string_equal(v.names, "aXbXcYdXeX2");
    store_close(s);
}

static void test_remove(void **state)
{
    (void)state;
    struct store *s = open_store();
    static struct guest_keys back;
    struct guest_keys k = keys_of('A');
    struct seed_docs d = { 0 };
    int64_t v, id = add(s, "web1", 1);
    must(store_keys_put(s, id, &k, e));
    must(store_seed_put(s, id, &d, e));
    must(store_timeline_put(s, id, 1, "{}", e));
    must(store_instance_remove(s, id, e));
    assert_int_equal(store_instance_remove(s, id, NULL), -1);
    assert_int_equal(store_keys_get(s, id, &back, NULL), -1);
    must(store_commit(s, e));
    static const char *const tables[] = { "guests",    "specs",    "seeds",    "bodies",
                                          "body_uses", "hostkeys", "timelines" };
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        char sql[64];
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", tables[i]);
        assert_int_equal(store_pragma_int(s->db, sql, &v), 0);
        assert_int_equal(v, 0);
    }
    /* Its number is not given again: events bear it still. */
    assert_true(add(s, "web1", 1) > id);
    store_close(s);
}

static void test_timeline(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct guest g;
    uint32_t boot;
    char *json, *big = calloc(1, TIMELINE_MAX + 2);
    int64_t v, id = add(s, "web1", 1);
    assert_int_equal(store_timeline_get(s, id, &boot, &json, NULL), -1);
    for (uint32_t i = 1; i <= 20; i++)
        must(store_timeline_put(s, id, i, "{\"a\":1}", e));
    must(store_timeline_put(s, id, 20, "{\"a\":2}", e));
    assert_int_equal(store_pragma_int(s->db, "SELECT count(*) FROM timelines", &v), 0);
    assert_int_equal(v, 8);
    must(store_timeline_get(s, id, &boot, &json, e));
    assert_int_equal(boot, 20);
    assert_string_equal(json, "{\"a\":2}");
    free(json);
    /* Boots count anew after a rebuild; the new one is the newest all the same. */
    must(store_guest_by_id(s, id, &g, e));
    g.generation++;
    must(store_guest_update(s, &g, e));
    must(store_timeline_put(s, id, 1, "{\"new\":1}", e));
    must(store_timeline_get(s, id, &boot, &json, e));
    assert_int_equal(boot, 1);
    assert_string_equal(json, "{\"new\":1}");
    free(json);
    assert_non_null(big);
    memset(big, ' ', TIMELINE_MAX + 1);
    assert_int_equal(store_timeline_put(s, id, 2, big, NULL), -1);
    assert_int_equal(store_timeline_put(s, id + 5, 1, "{}", NULL), -1);
    free(big);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_insert_and_get),
        WITH_DIR(test_conflicts_are_named),
        WITH_DIR(test_update_keeps_all),
        WITH_DIR(test_each_field_alone),
        WITH_DIR(test_counts),
        WITH_DIR(test_counts_with_events),
        WITH_DIR(test_walks),
        WITH_DIR(test_keys),
        WITH_DIR(test_hosts),
        WITH_DIR(test_hosts_specs),
        WITH_DIR(test_remove),
        WITH_DIR(test_timeline),
        WITH_DIR(test_saved_over_another_save),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
