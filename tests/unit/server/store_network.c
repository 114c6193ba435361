#include "store_help.h"

static void lines_and_order(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct ledger_row row;
    int64_t first, second, again;

    must(store_ledger_add(s, "lab", "bridge rb-lab", "", &first, e));
    must(store_ledger_add(s, "lab", "sysctl net.ipv4.ip_forward 1", "0", &second, e));
    must(store_ledger_add(s, "other", "bridge rb-other", "", &again, e));
    assert_true(second > first);
    /* What was there before roost is remembered once: the second time it is roost's own value. */
    must(store_ledger_add(s, "lab", "sysctl net.ipv4.ip_forward 1", "1", &again, e));
    assert_int_equal(again, second);
    assert_int_equal(store_ledger_before(s, "lab", INT64_MAX, &row, NULL), 1);
    assert_int_equal(row.number, second);
    assert_string_equal(row.undo, "0");
    assert_int_equal(store_ledger_before(s, "lab", second, &row, NULL), 1);
    assert_string_equal(row.line, "bridge rb-lab");
    assert_int_equal(store_ledger_before(s, "lab", first, &row, NULL), 0);
    must(store_ledger_remove(s, "lab", second, e));
    assert_int_equal(store_ledger_before(s, "lab", INT64_MAX, &row, NULL), 1);
    assert_int_equal(row.number, first);
    store_close(s);
}

/* The first network found forwarding off and the second on: whichever goes last turns it off. */
static void remembered_by_the_next(void **state)
{
    (void)state;
    static const char line[] = "sysctl net.ipv4.ip_forward 1";
    struct store *s = open_store();
    struct ledger_row row;
    int64_t a, b;

    must(store_ledger_add(s, "a", "bridge rb-a", "", &a, e));
    must(store_ledger_add(s, "a", line, "0", &a, e));
    must(store_ledger_add(s, "b", line, "1", &b, e));
    assert_int_equal(store_ledger_hand_over(s, "a", a, NULL), 1);
    assert_int_equal(store_ledger_before(s, "a", INT64_MAX, &row, NULL), 1);
    assert_string_equal(row.line, "bridge rb-a");
    assert_int_equal(store_ledger_before(s, "b", INT64_MAX, &row, NULL), 1);
    assert_string_equal(row.undo, "0");
    assert_int_equal(store_ledger_hand_over(s, "b", row.number, NULL), 0);
    store_close(s);
}

static void wishes(void **state)
{
    (void)state;
    struct store *s = open_store();

    assert_false(store_network_wanted(s, "lab"));
    must(store_network_want(s, "lab", true, e));
    must(store_network_want(s, "lab", true, e));
    assert_true(store_network_wanted(s, "lab"));
    assert_false(store_network_wanted(s, "other"));
    must(store_network_want(s, "lab", false, e));
    assert_false(store_network_wanted(s, "lab"));
    store_close(s);
}

static int collect(const struct reserved *r, void *arg)
{
    struct buf *b = arg;
    char ip[IP_TEXT];

    buf_printf(b, "%s=%s ", r->name.s, ip_format(&r->ip, ip));
    return 0;
}

static void reservations(void **state)
{
    (void)state;
    struct store *s = open_store();
    auto_buf struct buf b = BUF_INIT;
    struct err e = { 0 };
    struct reserved r;
    struct ip a, c;
    int64_t one = add(s, "g1", 1), two = add(s, "g2", 2);

    assert_int_equal(ip_parse("172.16.5.20", &a, NULL), 0);
    assert_int_equal(ip_parse("172.16.5.21", &c, NULL), 0);
    assert_int_equal(store_reservation_put(s, one, "lab", &a, &e), 0);
    assert_int_equal(store_reservation_put(s, one, "lab", &a, &e), 0);
    assert_int_equal(store_reservation_put(s, two, "lab", &a, &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_non_null(strstr(e.text, "172.16.5.20"));
    assert_int_equal(store_reservation_put(s, two, "other", &a, &e), 0);
    assert_int_equal(store_reservation_put(s, two, "lab", &c, &e), 0);
    assert_int_equal(store_reservation_at(s, "lab", &c, &r, &e), 1);
    assert_int_equal(r.instance, two);
    assert_int_equal(store_reservation_at(s, "other", &a, &r, &e), 0);
    assert_int_equal(store_reservations(s, "lab", collect, &b, &e), 0);
    assert_string_equal(buf_str(&b), "g1=172.16.5.20 g2=172.16.5.21 ");
    assert_int_equal(store_instance_remove(s, one, &e), 0); /* and what it had reserved */
    assert_int_equal(store_reservation_of(s, one, &r, &e), 0);
    assert_int_equal(store_reservation_at(s, "lab", &a, &r, &e), 0);
    store_close(s);
}

static int64_t add_on(struct store *s, const char *name, unsigned n, const char *network)
{
    struct instance i = instance_of(name, n);

    snprintf(i.spec.network.s, sizeof i.spec.network.s, "%s", network);
    must(store_instance_insert(s, &i, e));
    instance_done(&i);
    return i.id;
}

/* Who is on a network, and how many addresses it gave. */
static void counts(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct name first;
    struct ip ip;
    int64_t n, web1, web2;

    must(store_network_guests(s, "lab", &n, &first, e));
    assert_int_equal(n, 0);
    assert_string_equal(first.s, "");
    web1 = add_on(s, "web1", 1, "lab");
    web2 = add_on(s, "web2", 2, "lab");
    add_on(s, "db1", 3, "other");
    must(store_network_guests(s, "lab", &n, &first, e));
    assert_int_equal(n, 2);
    assert_string_equal(first.s, "web1");
    must(store_reservations_count(s, "lab", &n, e));
    assert_int_equal(n, 0);
    must(ip_parse("172.16.5.10", &ip, e));
    must(store_reservation_put(s, web1, "lab", &ip, e));
    must(ip_parse("172.16.5.11", &ip, e));
    must(store_reservation_put(s, web2, "lab", &ip, e));
    must(store_reservations_count(s, "lab", &n, e));
    assert_int_equal(n, 2);
    must(store_reservations_count(s, "other", &n, e));
    assert_int_equal(n, 0);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { WITH_DIR(lines_and_order), WITH_DIR(remembered_by_the_next),
                                        WITH_DIR(wishes), WITH_DIR(reservations),
                                        WITH_DIR(counts) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
