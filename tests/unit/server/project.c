/* Whom the inventories log in as: roost's own account, where a guest has it and the reader its key.
 */
#include "server/project.h"

#include "store_help.h"

#define LINE  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/faN16kTI69df7rgOyD2DPOUJZddMqdKL9emwpXXZJ"
#define OTHER "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPxQYfI6iAb76zC7FUS+deCTbvk2A+KoCVnsEgZqYF5D"

static const struct account its = { .login = "robot", .key = LINE };

static int64_t add_home(struct store *s, const char *name, unsigned n, const struct account *a)
{
    struct guest g;
    int64_t id = add(s, name, n);

    must(store_guest_by_id(s, id, &g, e));
    g.standing.phase = PHASE_HOMED;
    g.standing.ever_home = true;
    must(store_guest_update(s, &g, e));
    if (a)
        must(store_account_put(s, id, a, e));
    return id;
}

static struct config config_of(enum mode mode)
{
    struct config c = { .mode = mode, .ansible = true, .account = "roost" };

    snprintf(c.state, sizeof c.state, "%s", dir);
    return c;
}

static void expect(struct store *s, const struct config *c, bool run, bool want)
{
    auto_buf struct buf inventory = { .cap = 1 << 20 };
    auto_buf struct buf known = { .cap = 1 << 20 };

    if (run)
        must(project_run(s, c, "/k", NULL, NULL, &inventory, &known, e));
    else
        must(project(s, c, PROJECT_INVENTORY, &inventory, e));
    const char *text = buf_str(&inventory);
    assert_int_equal(strstr(text, "ansible_user: \"robot\"\n") != NULL, want);
    assert_int_equal(strstr(text, "/" FILE_ACCOUNT_KEY "\"\n") != NULL, want);
}

static void test_who_reads_the_key(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct config mine = config_of(MODE_ROOTLESS), service = config_of(MODE_SYSTEM);

    add_home(s, "web", 1, &its);
    expect(s, &mine, false, false); /* roost has no key now */
    must(store_meta_set(s, META_ACCOUNT_KEY, LINE, e));
    expect(s, &mine, false, true);
    expect(s, &mine, true, true);
    expect(s, &service, false, false); /* people cannot read it there */
    expect(s, &service, true, true);
    must(store_meta_set(s, META_ACCOUNT_KEY, OTHER, e));
    expect(s, &mine, true, false); /* the guest has another one */
    store_close(s);
}

static void test_who_wants_it(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct config c = config_of(MODE_ROOTLESS);

    must(store_meta_set(s, META_ACCOUNT_KEY, LINE, e));
    add_home(s, "old", 1, NULL);
    expect(s, &c, true, false);
    add_home(s, "web", 2, &its);
    expect(s, &c, true, true);
    c.ansible = false;
    expect(s, &c, true, false);
    c.ansible = true;
    snprintf(c.ssh_key, sizeof c.ssh_key, "/keys/fleet");
    expect(s, &c, true, false);
    store_close(s);
}

static void test_record(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct account back, other = its;
    int64_t id = add(s, "web", 1);

    assert_int_equal(store_account_get(s, id, &back, NULL), 0);
    must(store_account_put(s, id, &its, e));
    snprintf(other.login, sizeof other.login, "other");
    must(store_account_put(s, id, &other, e));
    assert_int_equal(store_account_get(s, id, &back, NULL), 1);
    assert_string_equal(back.login, "other");
    assert_string_equal(back.key, LINE);
    must(store_instance_remove(s, id, e));
    assert_int_equal(store_account_get(s, id, &back, NULL), 0);
    must(store_account_remove(s, id, e));
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_who_reads_the_key),
        WITH_DIR(test_who_wants_it),
        WITH_DIR(test_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
