/* Files that are disks, on record. */
#include "store_help.h"

struct seen {
    char text[400];
};

static int note(const struct drive_claim *d, void *arg)
{
    struct seen *seen = arg;
    size_t n = strlen(seen->text);

    snprintf(seen->text + n, sizeof seen->text - n, "%s %s %d %d\n", d->name.s, d->file, d->writes,
             d->format);
    return 0;
}

static void put(struct store *s, int64_t id, const char *file, bool writes)
{
    struct drive_claim d = { .instance = id, .writes = writes, .format = DISK_RAW };

    snprintf(d.file, sizeof d.file, "%s", file);
    must(store_drive_file_put(s, &d, e));
}

static void listed_found_and_gone(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct seen seen = { "" };
    struct drive_claim got;
    int64_t a = add(s, "a", 1), b = add(s, "b", 2);

    put(s, b, "/srv/x", false);
    put(s, a, "/srv/y", true);
    put(s, a, "/srv/x", false);
    put(s, a, "/srv/x", true); /* in place of the one before */
    must(store_drive_files(s, note, &seen, e));
    assert_string_equal(seen.text, "a /srv/x 1 2\na /srv/y 1 2\nb /srv/x 0 2\n");
    assert_int_equal(store_drive_file_get(s, b, "/srv/x", &got, NULL), 1);
    assert_false(got.writes);
    assert_int_equal(got.format, DISK_RAW);
    assert_int_equal(store_drive_file_get(s, b, "/srv/y", &got, NULL), 0);
    must(store_drive_files_clear(s, a, e));
    /* What is removed has no disks. */
    must(store_instance_remove(s, b, e));
    seen.text[0] = '\0';
    must(store_drive_files(s, note, &seen, e));
    assert_string_equal(seen.text, "");
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(listed_found_and_gone) };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
