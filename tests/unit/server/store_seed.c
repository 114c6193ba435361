/* Rendered documents, definitions, usual durations. */
#include "store_help.h"

static struct seed_docs docs(const char *meta, const char *user, const char *vendor,
                             const char *network)
{
    const char *const all[SEED_DOCS] = {
        [SEED_META] = meta, [SEED_USER] = user, [SEED_VENDOR] = vendor, [SEED_NETWORK] = network
    };
    struct seed_docs d = { 0 };
    for (int i = 0; i < SEED_DOCS; i++) {
        d.doc[i].data = all[i];
        d.doc[i].len = all[i] ? strlen(all[i]) : 0;
    }
    return d;
}

static void expect_doc(const struct seed_docs *d, enum seed_doc which, const char *want)
{
    assert_int_equal(d->doc[which].len, strlen(want));
    assert_memory_equal(d->doc[which].data, want, strlen(want));
}

static int64_t bodies(struct store *s)
{
    int64_t v = -1, uses = -1;
    assert_int_equal(store_pragma_int(s->db, "SELECT count(*) FROM bodies", &v), 0);
    assert_int_equal(store_pragma_int(s->db, "SELECT count(*) FROM body_uses", &uses), 0);
    assert_int_equal(v, uses);
    return v;
}

static void test_equal_bodies_once(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct seed_docs got, a = docs("m1", "shared", "v1", NULL), b = docs("m2", "shared", "v2", "");
    struct err bad = { 0 };
    int64_t one = add(s, "web1", 1), two = add(s, "web2", 2);
    assert_int_equal(store_seed_get(s, one, &got, &bad), -1);
    assert_int_equal(bad.kind, ERR_NOT_FOUND);
    must(store_seed_put(s, one, &a, e));
    must(store_seed_put(s, two, &b, e));
    assert_int_equal(bodies(s), 1);
    must(store_seed_get(s, one, &got, e));
    expect_doc(&got, SEED_META, "m1");
    expect_doc(&got, SEED_USER, "shared");
    expect_doc(&got, SEED_VENDOR, "v1");
    expect_doc(&got, SEED_NETWORK, "");
    /* Rendered again: what nobody uses goes, what stays is not touched. */
    struct seed_docs c = docs("m1", "own", "v1", "n");
    must(store_seed_put(s, one, &c, e));
    must(store_seed_put(s, one, &c, e));
    assert_int_equal(bodies(s), 2);
    must(store_instance_remove(s, two, e));
    assert_int_equal(bodies(s), 1);
    must(store_seed_get(s, one, &got, e));
    expect_doc(&got, SEED_USER, "own");
    assert_int_equal(store_seed_put(s, 99, &a, &bad), -1);
    assert_int_equal(bad.kind, ERR_NOT_FOUND);
    store_close(s);
}

/* Another body sits under the number of this one. */
static void test_colliding_numbers(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct seed_docs got, a = docs("m", "u", "v", "n");
    int64_t id = add(s, "web1", 1), two = add(s, "web2", 2);
    must(store_seed_put(s, id, &a, e));
    assert_int_equal(
        sqlite3_exec(s->db, "UPDATE bodies SET data = CAST('evil' AS BLOB)", NULL, NULL, NULL),
        SQLITE_OK);
    must(store_seed_put(s, two, &a, e));
    must(store_seed_get(s, two, &got, e));
    expect_doc(&got, SEED_META, "m");
    expect_doc(&got, SEED_USER, "u");
    expect_doc(&got, SEED_NETWORK, "n");
    store_close(s);
}

static void test_large(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct seed_docs got, a = docs("m", NULL, "v", "n");
    int64_t id = add(s, "web1", 1);
    size_t len = 1 << 20;
    char *big = malloc(len);
    assert_non_null(big);
    for (size_t i = 0; i < len; i++)
        big[i] = (char)(i * 31 >> 3);
    a.doc[SEED_USER].data = big;
    a.doc[SEED_USER].len = len;
    must(store_seed_put(s, id, &a, e));
    must(store_commit(s, e));
    must(store_seed_get(s, id, &got, e));
    assert_int_equal(got.doc[SEED_USER].len, len);
    assert_memory_equal(got.doc[SEED_USER].data, big, len);
    struct seed_docs small = docs("m", "u", "v", "n");
    must(store_seed_put(s, id, &small, e));
    must(store_seed_get(s, id, &got, e));
    assert_true(s->seed.size < len);
    free(big);
    store_close(s);
}

static bool stale(struct store *s, int64_t id)
{
    struct guest g;
    must(store_guest_by_id(s, id, &g, e));
    return g.seed_stale;
}

static void test_stale(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct seed_docs a = docs("m", "u", "v", "n");
    int64_t one = add(s, "web1", 1), two = add(s, "web2", 2);
    assert_true(stale(s, one));
    must(store_seed_put(s, one, &a, e));
    must(store_seed_put(s, two, &a, e));
    assert_false(stale(s, one));
    must(store_commit(s, e));
    must(store_seed_stale_all(s, e));
    assert_true(stale(s, one) && stale(s, two));
    store_rollback(s);
    assert_false(stale(s, one));
    must(store_seed_stale_all(s, e));
    must(store_seed_put(s, two, &a, e));
    must(store_commit(s, e));
    store_close(s);
    s = open_store();
    assert_true(stale(s, one));
    assert_false(stale(s, two));
    store_close(s);
}

static int note_def(const char *name, const json_t *j, void *arg)
{
    char *names = arg;
    strcat(names, name);
    assert_true(json_is_object(j));
    return strcmp(name, "stop") == 0 ? 5 : 0;
}

static void test_definitions(void **state)
{
    (void)state;
    struct store *s = open_store();
    char names[64] = "";
    json_t *j = json_pack("{s:s, s:i}", "kind", "user", "a", 1), *back = NULL;
    struct err bad = { 0 };
    must(store_def_put(s, DEF_NETWORK, "lab", j, e));
    must(store_def_put(s, DEF_NETWORK, "dmz", j, e));
    must(store_def_put(s, DEF_IMAGE, "lab", j, e));
    json_object_set_new(j, "a", json_integer(2));
    must(store_def_put(s, DEF_NETWORK, "lab", j, e));
    must(store_def_get(s, DEF_NETWORK, "lab", &back, e));
    assert_true(json_equal(back, j));
    json_decref(back);
    must(store_defs(s, DEF_NETWORK, note_def, names, e));
    assert_string_equal(names, "dmzlab");
    must(store_def_put(s, DEF_NETWORK, "stop", j, e));
    assert_int_equal(store_defs(s, DEF_NETWORK, note_def, names, NULL), 5);
    must(store_def_remove(s, DEF_NETWORK, "lab", e));
    assert_int_equal(store_def_remove(s, DEF_NETWORK, "lab", &bad), -1);
    assert_int_equal(bad.kind, ERR_NOT_FOUND);
    assert_non_null(strstr(bad.text, "network \"lab\""));
    must(store_def_get(s, DEF_IMAGE, "lab", &back, e));
    json_decref(back);
    json_decref(j);
    store_close(s);
}

static void users_are(struct store *s, enum def_kind k, const char *name, int64_t n,
                      const char *first)
{
    struct name who;
    int64_t found;

    must(store_def_users(s, k, name, &found, &who, e));
    assert_int_equal(found, n);
    assert_string_equal(who.s, first);
}

static void test_users(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct instance i = instance_of("web", 2);
    add(s, "db", 1);
    i.spec.n_identities = 2;
    strcpy(i.spec.identities[0].s, "ops");
    strcpy(i.spec.identities[1].s, "dev");
    must(store_instance_insert(s, &i, e));
    users_are(s, DEF_IMAGE, "trixie", 2, "db");
    users_are(s, DEF_IMAGE, "trixi", 0, "");
    users_are(s, DEF_IDENTITY, "dev", 1, "web");
    users_are(s, DEF_IDENTITY, "ops", 1, "web");
    users_are(s, DEF_IDENTITY, "trixie", 0, "");
    must(store_instance_remove(s, i.id, e));
    users_are(s, DEF_IDENTITY, "ops", 0, "");
    users_are(s, DEF_IMAGE, "trixie", 1, "db");
    instance_done(&i);
    store_close(s);
}

static void test_usual(void **state)
{
    (void)state;
    struct store *s = open_store();
    assert_int_equal(store_usual_get(s, PHASE_LAUNCHED, 0), 0);
    must(store_usual_add(s, PHASE_LAUNCHED, 0, 40000, e));
    assert_int_equal(store_usual_get(s, PHASE_LAUNCHED, 0), 40000);
    must(store_usual_add(s, PHASE_LAUNCHED, 0, 20000, e));
    assert_int_equal(store_usual_get(s, PHASE_LAUNCHED, 0), 35000);
    assert_int_equal(store_usual_get(s, PHASE_LAUNCHED, 1), 0);
    assert_int_equal(store_usual_get(s, PHASE_SEEDED, 0), 0);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_equal_bodies_once),
        WITH_DIR(test_colliding_numbers),
        WITH_DIR(test_large),
        WITH_DIR(test_stale),
        WITH_DIR(test_definitions),
        WITH_DIR(test_users),
        WITH_DIR(test_usual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
