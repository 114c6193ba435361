/* The hot row of an instance: reading, changing, walking. */
#include "server/store_priv.h"

#include <string.h>

/* Columns of GUEST_COLUMNS. */
enum {
    C_ID,
    C_NAME,
    C_TAG,
    C_IID,
    C_GENERATION,
    C_EPOCH,
    C_UUID,
    C_MAC,
    C_LAUNCHER,
    C_NETWORK,
    C_LAUNCH_ID,
    C_ADDRESS,
    C_PHASE,
    C_OVERDUE,
    C_EVER_HOME,
    C_SINCE,
    C_SIGN,
    C_SINCE_BOOT,
    C_LAST_SIGN,
    C_NOTE,
    C_SEED_VERSION,
    C_SEALED,
    C_BOOTS,
    C_STOP_WANTED,
    C_LAST_EVENT,
    C_EVENTS,
    C_WAY_BOOT,
    C_WAY_RESTARTS,
    C_COLUMNS
};
_Static_assert(C_COLUMNS == GUEST_COLUMN_COUNT, "GUEST_COLUMNS and its enum");

static bool read_address(sqlite3_stmt *st, struct endpoint *ret)
{
    const char *text = (const char *)sqlite3_column_text(st, C_ADDRESS);
    if (text && *text)
        return endpoint_parse(text, ret, NULL) == 0;
    *ret = (struct endpoint){ 0 };
    return text != NULL;
}

static bool read_standing(sqlite3_stmt *st, struct standing *ret)
{
    int phase = sqlite3_column_int(st, C_PHASE);
    ret->phase = (enum phase)phase;
    ret->overdue = sqlite3_column_int(st, C_OVERDUE);
    ret->ever_home = sqlite3_column_int(st, C_EVER_HOME);
    ret->since_ms = sqlite3_column_int64(st, C_SINCE);
    ret->sign_ms = sqlite3_column_int64(st, C_SIGN);
    ret->since_boot_ms = sqlite3_column_int64(st, C_SINCE_BOOT);
    ret->way_boot_ms = sqlite3_column_int64(st, C_WAY_BOOT);
    ret->way_restarts = (uint32_t)sqlite3_column_int64(st, C_WAY_RESTARTS);
    return phase >= 0 && phase < PHASES &&
           store_text(st, C_LAST_SIGN, ret->last_sign, sizeof(ret->last_sign)) &&
           store_text(st, C_NOTE, ret->note, sizeof(ret->note));
}

static bool read_identity(sqlite3_stmt *st, struct guest *ret)
{
    int launcher = sqlite3_column_int(st, C_LAUNCHER);
    const void *mac = sqlite3_column_blob(st, C_MAC);
    if (!mac || sqlite3_column_bytes(st, C_MAC) != sizeof(ret->mac.b) || launcher < 0 ||
        launcher >= LAUNCHERS)
        return false;
    memcpy(ret->mac.b, mac, sizeof(ret->mac.b));
    ret->launcher = (enum launcher)launcher;
    return store_text(st, C_NAME, ret->name.s, sizeof(ret->name.s)) &&
           store_text(st, C_TAG, ret->tag.s, sizeof(ret->tag.s)) &&
           store_text(st, C_IID, ret->iid, sizeof(ret->iid)) &&
           store_text(st, C_UUID, ret->uuid.s, sizeof(ret->uuid.s)) &&
           store_text(st, C_NETWORK, ret->network.s, sizeof(ret->network.s));
}

int store_guest_read(struct store *s, sqlite3_stmt *st, struct guest *ret, struct err *e)
{
    ret->id = sqlite3_column_int64(st, C_ID);
    ret->generation = (uint32_t)sqlite3_column_int64(st, C_GENERATION);
    ret->epoch = (uint32_t)sqlite3_column_int64(st, C_EPOCH);
    ret->launch_id = (uint64_t)sqlite3_column_int64(st, C_LAUNCH_ID);
    ret->seed_stale = sqlite3_column_int64(st, C_SEED_VERSION) != s->mirror.seed_version;
    ret->sealed = sqlite3_column_int(st, C_SEALED);
    ret->boots = (uint32_t)sqlite3_column_int64(st, C_BOOTS);
    ret->stop_wanted = (uint64_t)sqlite3_column_int64(st, C_STOP_WANTED);
    ret->last_event = sqlite3_column_int64(st, C_LAST_EVENT);
    ret->events = (uint32_t)sqlite3_column_int64(st, C_EVENTS);
    if (read_identity(st, ret) && read_address(st, &ret->address) &&
        read_standing(st, &ret->standing)) {
        ret->read_phase = ret->standing.phase;
        return 0;
    }
    return store_damaged(s, e, "row of an instance");
}

/* Reads the row that st stands on, if found, and lets go of it. */
static int take(struct store *s, int found, sqlite3_stmt *st, struct guest *ret, struct err *e)
{
    struct guest g;
    int r = found == 1 ? store_guest_read(s, st, &g, e) : -1;
    if (found == 1)
        store_reset(st);
    if (r == 0)
        *ret = g;
    return r;
}

int store_guest_by_name(struct store *s, const char *name, struct guest *ret, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int found = store_row(s, S_GUEST_BY_NAME, &st, e, "t", name);
    if (found == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no instance \"%s\"", name);
    return take(s, found, st, ret, e);
}

int store_guest_by_tag(struct store *s, const char *tag, struct guest *ret, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int found = store_row(s, S_GUEST_BY_TAG, &st, e, "t", tag);
    if (found == 0)
        return err_set(e, ERR_NOT_FOUND, "no instance has the tag \"%s\"", tag);
    return take(s, found, st, ret, e);
}

int store_guest_by_mac(struct store *s, const struct mac *mac, struct guest *ret, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int found = store_row(s, S_GUEST_BY_MAC, &st, e, "b", (const void *)mac->b, sizeof(mac->b));
    if (found <= 0)
        return found;
    return take(s, found, st, ret, e) < 0 ? -1 : 1;
}

int store_guest_by_uuid(struct store *s, const struct uuid *u, struct guest *ret, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int found = store_row(s, S_GUEST_BY_UUID, &st, e, "t", u->s);
    if (found <= 0)
        return found;
    return take(s, found, st, ret, e) < 0 ? -1 : 1;
}

int store_guest_by_serial(struct store *s, const struct serial *serial, struct guest *ret,
                          struct err *e)
{
    sqlite3_stmt *st = NULL;
    int found = store_row(s, S_GUEST_BY_SERIAL, &st, e, "t", serial->s);
    if (found <= 0)
        return found;
    return take(s, found, st, ret, e) < 0 ? -1 : 1;
}

int store_guest_by_id(struct store *s, int64_t id, struct guest *ret, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int found = store_row(s, S_GUEST_BY_ID, &st, e, "i", id);
    if (found == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no instance number %lld", (long long)id);
    return take(s, found, st, ret, e);
}

int store_guest_standing(struct store *s, int64_t id, int *ret_key, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_GUEST_STANDING, &st, e, "i", id);
    if (n == 1) {
        int64_t key = sqlite3_column_int64(st, 0) * 2 + sqlite3_column_int64(st, 1);
        *ret_key = (int)key;
        if (key < 0 || key >= 2 * PHASES)
            n = store_damaged(s, e, "phase of an instance");
    }
    store_reset(s->stmt[S_GUEST_STANDING]);
    return n;
}

/* Rows changed or -1. */
static int update(struct store *s, enum stmt id, const struct guest *g, struct err *e)
{
    const struct standing *t = &g->standing;
    char address[ENDPOINT_TEXT] = "";
    if (g->address.ip.family)
        endpoint_format(&g->address, address);
    return store_write(
        s, id, e, id == S_GUEST_UPDATE_PHASE ? "itiiiittiiiiiiiiiiitiii" : "itiiiittiiiiiiiiiiitii",
        g->id, address, (int64_t)t->ever_home, t->since_ms, t->sign_ms, t->since_boot_ms,
        t->last_sign, t->note, g->seed_stale ? (int64_t)0 : s->mirror.seed_version,
        (int64_t)g->sealed, (int64_t)t->phase, t->way_boot_ms, (int64_t)t->way_restarts,
        (int64_t)t->overdue, (int64_t)g->launch_id, (int64_t)g->stop_wanted, (int64_t)g->boots,
        (int64_t)g->generation, (int64_t)g->epoch, g->iid, g->last_event, (int64_t)g->events,
        (int64_t)g->read_phase);
}

/* As a rule the row is as it was read but for what the narrow statements set; they look by
 * themselves whether it is. Rows changed, 0 when it is not, or -1. */
static int update_narrowly(struct store *s, const struct guest *g, int *ret_was, struct err *e)
{
    *ret_was = (int)g->read_phase * 2 + g->standing.overdue;
    return update(s, g->read_phase == g->standing.phase ? S_GUEST_UPDATE : S_GUEST_UPDATE_PHASE, g,
                  e);
}

int store_guest_update(struct store *s, const struct guest *g, struct err *e)
{
    int was = 0, is = (int)g->standing.phase * 2 + g->standing.overdue;
    int n = update_narrowly(s, g, &was, e);
    if (n == 0) {
        n = store_guest_standing(s, g->id, &was, e);
        if (n == 0)
            return err_set(e, ERR_NOT_FOUND, "there is no instance number %lld", (long long)g->id);
        if (n > 0)
            n = update(s, S_GUEST_UPDATE_ALL, g, e);
    }
    if (n < 0)
        return -1;
    s->mirror.counts[was]--;
    s->mirror.counts[is]++;
    return 0;
}

bool store_identity_taken(struct store *s, const struct uuid *u, const struct mac *m)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_IDENTITY_TAKEN, &st, NULL, "tb", u->s, (const void *)m->b, sizeof(m->b));
    store_reset(s->stmt[S_IDENTITY_TAKEN]);
    return n == 1;
}

/* One statement per row by the last name seen, so that fn may read and write whatever it likes and
 * no row is seen twice. */
int store_guests(struct store *s, store_guest_fn *fn, void *arg, struct err *e)
{
    struct guest g = { 0 };
    for (;;) {
        sqlite3_stmt *st = NULL;
        int found = store_row(s, S_GUEST_AFTER, &st, e, "t", g.name.s);
        if (found == 0)
            return 0;
        if (take(s, found, st, &g, e) < 0)
            return -1;
        int r = fn(&g, arg);
        if (r != 0)
            return r;
    }
}

/* The next number in one phase, INT64_MAX at the end. */
static int next_in(struct store *s, int phase, int64_t after, int64_t *ret, struct err *e)
{
    sqlite3_stmt *st;
    enum stmt stmt = phase_is_home((enum phase)phase) ? S_GUEST_AFTER_HOME : S_GUEST_AFTER_AWAY;
    int n = store_row(s, stmt, &st, e, "ii", (int64_t)phase, after);
    if (n >= 0)
        *ret = n == 1 ? sqlite3_column_int64(st, 0) : INT64_MAX;
    store_reset(s->stmt[stmt]);
    return n < 0 ? -1 : 0;
}

/* Fills in what follows `after` in each phase whose next number is not beyond it, and finds the
 * smallest. */
static int advance(struct store *s, unsigned mask, int64_t next[PHASES], int64_t *after,
                   struct err *e)
{
    int64_t least = INT64_MAX;
    for (int p = 0; p < PHASES; p++) {
        if (!(mask & 1u << p))
            continue;
        if (next[p] <= *after && next_in(s, p, *after, &next[p], e) < 0)
            return -1;
        least = next[p] < least ? next[p] : least;
    }
    *after = least;
    return 0;
}

/* Merges the phases' parts of the index by number. */
int store_guest_ids_in(struct store *s, unsigned phase_mask, store_id_fn *fn, void *arg,
                       struct err *e)
{
    int64_t next[PHASES] = { 0 }, id = 0;
    int r = 0;
    while (r == 0) {
        if (advance(s, phase_mask, next, &id, e) < 0)
            return -1;
        if (id == INT64_MAX)
            break;
        r = fn(id, arg);
    }
    return r;
}

int store_guests_in(struct store *s, unsigned phase_mask, store_guest_fn *fn, void *arg,
                    struct err *e)
{
    int64_t next[PHASES] = { 0 }, id = 0;
    for (;;) {
        struct guest g;
        sqlite3_stmt *st = NULL;
        if (advance(s, phase_mask, next, &id, e) < 0)
            return -1;
        if (id == INT64_MAX)
            return 0;
        int found = store_row(s, S_GUEST_BY_ID, &st, e, "i", id);
        if (found < 0 || (found && take(s, found, st, &g, e) < 0))
            return -1;
        /* It may have left the phase, or life, while fn saw the ones before. */
        if (!found || !(phase_mask & 1u << g.standing.phase))
            continue;
        int r = fn(&g, arg);
        if (r != 0)
            return r;
    }
}

static int walk(struct store *s, enum stmt id, store_guest_fn *fn, void *arg, struct err *e)
{
    struct guest g = { 0 };
    for (;;) {
        sqlite3_stmt *st = NULL;
        int found = store_row(s, id, &st, e, "i", g.id);
        if (found == 0)
            return 0;
        if (take(s, found, st, &g, e) < 0)
            return -1;
        int r = fn(&g, arg);
        if (r != 0)
            return r;
    }
}

int store_guests_launched(struct store *s, store_guest_fn *fn, void *arg, struct err *e)
{
    return walk(s, S_GUEST_AFTER_LAUNCHED, fn, arg, e);
}

int store_guests_overdue(struct store *s, store_guest_fn *fn, void *arg, struct err *e)
{
    return walk(s, S_GUEST_AFTER_OVERDUE, fn, arg, e);
}
