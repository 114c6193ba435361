/* apply: classes of the plan, and that a second one changes nothing at all. */
#include "core_help.h"

#include "server/store_priv.h"

static const char *of_plan(const char *object, const char *name, const char *member)
{
    json_t *row;
    size_t i;

    json_array_foreach(
        json_object_get(rig.answer.result, "plan"), i,
        row) if (!strcmp(json_string_value(json_object_get(row, "object")), object) &&
                 !strcmp(json_string_value(json_object_get(row, "name")),
                         name)) return json_string_value(json_object_get(row, member));
    fail_msg("the plan has no %s %s", object, name);
    return NULL;
}

/* Every row of every table, as text. */
static void dump(struct buf *out)
{
    sqlite3 *db = rig.core->store->db;
    sqlite3_stmt *tables, *rows;

    settle();
    sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1,
                       &tables, NULL);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        char *sql = sqlite3_mprintf("SELECT * FROM \"%w\"", sqlite3_column_text(tables, 0));
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &rows, NULL), SQLITE_OK);
        while (sqlite3_step(rows) == SQLITE_ROW)
            for (int i = 0; i < sqlite3_column_count(rows); i++) {
                buf_put(out, sqlite3_column_blob(rows, i), sqlite3_column_bytes(rows, i));
                buf_puts(out, i + 1 < sqlite3_column_count(rows) ? "|" : "\n");
            }
        sqlite3_finalize(rows);
        sqlite3_free(sql);
    }
    sqlite3_finalize(tables);
}

static void creates_what_is_new(void **state)
{
    (void)state;
    define("\"web\": {\"image\": \"k\"}, \"ext\": {\"launcher\": \"external\"}");
    assert_string_equal(of_plan("image", "k", "action"), "create");
    assert_string_equal(of_plan("instance", "web", "action"), "create");
    assert_true(json_is_true(json_object_get(rig.answer.result, "changed")));
    assert_int_equal(phase("web"), PHASE_DEFINED);
    char path[160];
    snprintf(path, sizeof path, "%s/images/k/kernel", rig.dir);
    assert_int_equal(access(path, R_OK), 0);
}

static void the_second_changes_nothing(void **state)
{
    static const char two[] = "\"web\": {\"image\": \"k\", \"groups\": [\"b\", \"a\"]}, "
                              "\"ext\": {\"launcher\": \"external\"}";
    auto_buf struct buf before = BUF_INIT, after = BUF_INIT;

    (void)state;
    define(two);
    assert_int_equal(operate(core_sync(rig.core, &tester, answered, &rig.answer)), ERR_NONE);
    settle();
    dump(&before);
    define(two);
    assert_string_equal(of_plan("image", "k", "action"), "unchanged");
    assert_string_equal(of_plan("instance", "web", "action"), "unchanged");
    assert_true(json_is_false(json_object_get(rig.answer.result, "changed")));
    dump(&after);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    assert_int_equal(operate(core_sync(rig.core, &tester, answered, &rig.answer)), ERR_NONE);
    assert_int_equal(json_integer_value(json_object_get(rig.answer.result, "changed")), 0);
}

static void classes(void **state)
{
    (void)state;
    define("\"web\": {\"image\": \"k\"}");
    define("\"web\": {\"image\": \"k\", \"memory\": \"2G\"}");
    assert_string_equal(of_plan("instance", "web", "class"), "live"); /* it never ran */
    assert_int_equal(operate(core_start(rig.core, "web", &tester, answered, &rig.answer)),
                     ERR_NONE);
    define("\"web\": {\"image\": \"k\", \"memory\": \"3G\"}");
    assert_string_equal(of_plan("instance", "web", "class"), "needs restart");
    define("\"web\": {\"image\": \"k\", \"memory\": \"3G\", \"user-data\": \"#cloud-config\\n\"}");
    assert_string_equal(of_plan("instance", "web", "class"), "needs rebuild");
    define("\"web\": {\"image\": \"k\", \"memory\": \"3G\", \"user-data\": \"#cloud-config\\n\", "
           "\"groups\": [\"db\"]}");
    assert_string_equal(of_plan("instance", "web", "class"), "live");
}

static void a_wrong_one_changes_nothing(void **state)
{
    auto_buf struct buf before = BUF_INIT, after = BUF_INIT;

    (void)state;
    define("\"web\": {\"image\": \"k\"}");
    settle();
    dump(&before);
    assert_int_equal(apply_text("{\"instances\": {\"a\": {\"launcher\": \"external\"}, "
                                "\"b\": {\"image\": \"nowhere\"}}}"),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(rig.answer.err.text, "nowhere"));
    assert_int_equal(
        apply_text("{\"instances\": {\"c\": {\"launcher\": \"external\", \"tag\": \"web\"}}}"),
        ERR_CONFLICT);
    dump(&after);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
}

/* Two at once, the first with a copy to make: its plan must still hold when it is made. */
static void one_at_a_time(void **state)
{
    json_t *first, *second;
    struct answer slow = { 0 };

    (void)state;
    first = json_loads(fleet("\"web\": {\"image\": \"k\"}"), 0, NULL);
    second = json_loads("{\"instances\": {\"web\": {\"launcher\": \"external\"}}}", 0, NULL);
    core_apply(rig.core, first, false, &tester, answered, &slow);
    assert_int_equal(slow.calls, 0);
    assert_int_equal(operate(core_apply(rig.core, second, false, &tester, answered, &rig.answer)),
                     ERR_BUSY);
    until(slow.calls);
    assert_int_equal(slow.err.kind, ERR_NONE);
    assert_int_equal(guest("web").launcher, LAUNCHER_ROOST);
    json_decref(slow.result);
    json_decref(first);
    json_decref(second);
}

/* What an image was made from may go: its copy stays in use. */
static void a_source_that_is_gone(void **state)
{
    char kernel[96], *text;

    (void)state;
    define("\"web\": {\"image\": \"k\"}");
    text = strdup(fleet("\"web\": {\"image\": \"k\"}, \"x\": {\"launcher\": \"external\"}"));
    snprintf(kernel, sizeof kernel, "%s/vmlinuz", rig.dir);
    assert_int_equal(unlink(kernel), 0);
    assert_int_equal(apply_text(text), ERR_NONE);
    assert_string_equal(of_plan("image", "k", "action"), "unchanged");
    assert_string_equal(of_plan("instance", "x", "action"), "create");
    assert_int_equal(json_array_size(json_object_get(rig.answer.result, "warnings")), 1);
    free(text);
}

/* A file that is changed below its instances is refused; a FIFO does not hang anybody. */
static void sources_that_do_not_do(void **state)
{
    char path[96], text[256];

    (void)state;
    define("\"web\": {\"image\": \"k\"}");
    snprintf(path, sizeof path, "%s/vmlinuz", rig.dir);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "more", 4), 4);
    close(fd);
    assert_int_equal(apply_text(fleet("\"web\": {\"image\": \"k\"}")), ERR_CONFLICT);
    snprintf(path, sizeof path, "%s/fifo", rig.dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(text, sizeof text, "{\"images\": {\"f\": {\"kernel\": \"%s\"}}}", path);
    assert_int_equal(apply_text(text), ERR_INVALID);
    assert_non_null(strstr(rig.answer.err.text, "no regular file"));
}

static enum err_kind dry_run(const char *text)
{
    json_t *tree = json_loads(text, 0, NULL);
    enum err_kind k;

    assert_non_null(tree);
    k = operate(core_apply(rig.core, tree, true, &tester, answered, &rig.answer));
    json_decref(tree);
    return k;
}

/* What apply would complain of, a dry run complains of. */
static void a_dry_run_looks_at_files(void **state)
{
    static const char page[] = "<html>no such image</html>\n";
    char text[256], path[96];

    (void)state;
    snprintf(path, sizeof path, "%s/disk.raw", rig.dir);
    snprintf(text, sizeof text, "{\"images\": {\"d\": {\"file\": \"%s\"}}}", path);
    assert_int_equal(dry_run(text), ERR_NOT_FOUND);
    assert_non_null(strstr(rig.answer.err.text, "image d: "));
    assert_non_null(strstr(rig.answer.err.text, path));
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, page, sizeof page - 1), sizeof page - 1);
    assert_int_equal(dry_run(text), ERR_INVALID);
    assert_non_null(strstr(rig.answer.err.text, "it is text"));
    assert_int_equal(apply_text(text), ERR_INVALID);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    assert_int_equal(dry_run(text), ERR_NONE);
    const json_t *warnings = json_object_get(rig.answer.result, "warnings");
    assert_int_equal(json_array_size(warnings), 1);
    assert_non_null(strstr(json_string_value(json_array_get(warnings, 0)), "to boot from"));
    assert_int_equal(pwrite(fd, "\x55\xaa", 2, 510), 2);
    assert_int_equal(dry_run(text), ERR_NONE);
    assert_int_equal(json_array_size(json_object_get(rig.answer.result, "warnings")), 0);
}

/* roost ends in the middle of a copy: whoever waits is told, and nothing is half there. */
static void the_end_during_a_copy(void **state)
{
    struct answer slow = { 0 };
    json_t *tree;
    struct image image;
    char path[96];

    (void)state;
    tree = json_loads(fleet("\"web\": {\"image\": \"k\"}"), 0, NULL);
    core_apply(rig.core, tree, false, &tester, answered, &slow);
    core_down();
    assert_int_equal(slow.calls, 1);
    assert_int_equal(slow.err.kind, ERR_BUSY);
    snprintf(path, sizeof path, "%s/images", rig.dir);
    assert_int_equal(rmdir(path), 0); /* empty */
    core_up();
    assert_int_equal(core_image(rig.core, "k", &image, NULL), -1);
    assert_int_equal(operate(core_apply(rig.core, tree, false, &tester, answered, &rig.answer)),
                     ERR_NONE);
    json_decref(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CORE(creates_what_is_new),
        WITH_CORE(the_second_changes_nothing),
        WITH_CORE(classes),
        WITH_CORE(a_wrong_one_changes_nothing),
        WITH_CORE(one_at_a_time),
        WITH_CORE(a_source_that_is_gone),
        WITH_CORE(sources_that_do_not_do),
        WITH_CORE(a_dry_run_looks_at_files),
        WITH_CORE(the_end_during_a_copy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
