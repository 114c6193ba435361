/* Networks on the host: which are wanted, what was changed for them; addresses given to instances.
 */
#include "server/store_priv.h"

#include <string.h>

int store_network_want(struct store *s, const char *network, bool up, struct err *e)
{
    return store_write(s, up ? S_WANT_ADD : S_WANT_REMOVE, e, "t", network) < 0 ? -1 : 0;
}

bool store_network_wanted(struct store *s, const char *network)
{
    sqlite3_stmt *st;
    bool is = store_row(s, S_WANT_GET, &st, NULL, "t", network) == 1;
    store_reset(s->stmt[S_WANT_GET]);
    return is;
}

/* --- ledger --- */

int store_ledger_add(struct store *s, const char *network, const char *line, const char *undo,
                     int64_t *ret_number, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_LEDGER_FIND, &st, e, "tt", network, line);
    if (n == 0 && store_write(s, S_LEDGER_ADD, e, "ttt", network, line, undo) < 0)
        return -1;
    if (n == 0)
        n = store_row(s, S_LEDGER_FIND, &st, e, "tt", network, line);
    if (n == 1)
        *ret_number = sqlite3_column_int64(st, 0);
    store_reset(s->stmt[S_LEDGER_FIND]);
    if (n == 0)
        return err_set(e, ERR_INTERNAL, "a line of the ledger is not there after it was written");
    return n < 0 ? -1 : 0;
}

int store_ledger_remove(struct store *s, const char *network, int64_t number, struct err *e)
{
    return store_write(s, S_LEDGER_REMOVE, e, "ti", network, number) < 0 ? -1 : 0;
}

int store_ledger_before(struct store *s, const char *network, int64_t before,
                        struct ledger_row *ret, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_LEDGER_BEFORE, &st, e, "ti", network, before);
    if (n != 1)
        return n;
    ret->number = sqlite3_column_int64(st, 0);
    bool whole = store_text(st, 1, ret->line, sizeof(ret->line)) &&
                 store_text(st, 2, ret->undo, sizeof(ret->undo));
    store_reset(st);
    return whole ? 1 : store_damaged(s, e, "ledger of a network");
}

int store_ledger_hand_over(struct store *s, const char *network, int64_t number, struct err *e)
{
    int n = store_write(s, S_LEDGER_HAND_OVER, e, "ti", network, number);
    if (n <= 0)
        return n;
    return store_ledger_remove(s, network, number, e) < 0 ? -1 : 1;
}

static int count(struct store *s, enum stmt id, const char *network, int64_t *ret, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, id, &st, e, "t", network);
    if (n < 0)
        return -1;
    *ret = n ? sqlite3_column_int64(st, 0) : 0;
    store_reset(st);
    return 0;
}

int store_network_guests(struct store *s, const char *network, int64_t *ret_n,
                         struct name *ret_first, struct err *e)
{
    sqlite3_stmt *st;
    ret_first->s[0] = '\0';
    if (count(s, S_NETWORK_GUESTS, network, ret_n, e) < 0)
        return -1;
    if (!*ret_n)
        return 0;
    int n = store_row(s, S_NETWORK_GUEST, &st, e, "t", network);
    bool whole = n == 1 && store_text(st, 0, ret_first->s, sizeof(ret_first->s));
    store_reset(s->stmt[S_NETWORK_GUEST]);
    return n < 0 ? -1 : whole ? 0 : store_damaged(s, e, "instance of a network");
}

/* --- reservations --- */

int store_reservation_put(struct store *s, int64_t instance, const char *network,
                          const struct ip *ip, struct err *e)
{
    char text[IP_TEXT];
    struct reserved other;
    int n = store_reservation_at(s, network, ip, &other, e);
    if (n < 0)
        return -1;
    if (n == 1 && other.instance != instance)
        return err_set(e, ERR_CONFLICT, "address %s of network %s is reserved for instance %s",
                       ip_format(ip, text), network, other.name.s);
    return store_write(s, S_RESERVE, e, "itt", instance, network, ip_format(ip, text)) < 0 ? -1 : 0;
}

int store_reservation_remove(struct store *s, int64_t instance, struct err *e)
{
    return store_write(s, S_RESERVE_REMOVE, e, "i", instance) < 0 ? -1 : 0;
}

/* Of a statement that has stepped to n. */
static int read_reserved(struct store *s, enum stmt id, int n, struct reserved *ret, struct err *e)
{
    sqlite3_stmt *st = s->stmt[id];
    char ip[IP_TEXT];
    if (n != 1)
        return n;
    ret->instance = sqlite3_column_int64(st, 0);
    const void *mac = sqlite3_column_blob(st, 2);
    bool whole = store_text(st, 1, ret->name.s, sizeof(ret->name.s)) && mac &&
                 sqlite3_column_bytes(st, 2) == sizeof(ret->mac.b) &&
                 store_text(st, 3, ip, sizeof(ip)) && ip_parse(ip, &ret->ip, NULL) == 0;
    if (whole)
        memcpy(ret->mac.b, mac, sizeof(ret->mac.b));
    store_reset(st);
    return whole ? 1 : store_damaged(s, e, "reservation");
}

int store_reservation_of(struct store *s, int64_t instance, struct reserved *ret, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_RESERVED_OF, &st, e, "i", instance);
    return read_reserved(s, S_RESERVED_OF, n, ret, e);
}

int store_reservation_at(struct store *s, const char *network, const struct ip *ip,
                         struct reserved *ret, struct err *e)
{
    sqlite3_stmt *st;
    char text[IP_TEXT];
    int n = store_row(s, S_RESERVED_AT, &st, e, "tt", network, ip_format(ip, text));
    return read_reserved(s, S_RESERVED_AT, n, ret, e);
}

int store_reservations_count(struct store *s, const char *network, int64_t *ret, struct err *e)
{
    return count(s, S_RESERVED_COUNT, network, ret, e);
}

int store_reservations(struct store *s, const char *network, store_reserved_fn *fn, void *arg,
                       struct err *e)
{
    struct reserved r = { .instance = 0 };
    for (;;) {
        sqlite3_stmt *st;
        int n = store_row(s, S_RESERVED_AFTER, &st, e, "ti", network, r.instance);
        n = read_reserved(s, S_RESERVED_AFTER, n, &r, e);
        if (n <= 0)
            return n;
        int end = fn(&r, arg);
        if (end)
            return end;
    }
}
