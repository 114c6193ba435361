/* Transactions and the one savepoint in them. */
#include "server/store_priv.h"

static int run(struct store *s, enum stmt id, struct err *e)
{
    sqlite3_stmt *st = store_stmt(s, id, e);
    if (!st)
        return -1;
    int rc = sqlite3_step(st);
    if (rc != SQLITE_DONE)
        store_fail(s, e);
    sqlite3_reset(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

static int doomed(const struct store *s, struct err *e)
{
    if (e)
        *e = s->doom;
    return -1;
}

void store_read(struct store *s)
{
    if (!s->in_transaction && !s->in_read)
        s->in_read = run(s, S_READ, NULL) == 0;
}

static void read_end(struct store *s)
{
    if (s->in_read)
        run(s, S_COMMIT, NULL);
    s->in_read = false;
}

int store_begin(struct store *s, struct err *e)
{
    if (s->doomed)
        return doomed(s, e);
    if (s->in_transaction)
        return 0;
    /* The turn's snapshot becomes the transaction, without letting go of its lock in between. Not
     * while a checkpoint waits for its readers to go; to wait is BEGIN's business. */
    if (!s->in_read || run(s, S_UPGRADE, NULL) < 0) {
        read_end(s);
        if (run(s, S_BEGIN, e) < 0)
            return -1;
    }
    s->in_read = false;
    s->in_transaction = true;
    s->mirror.event_added = 0;
    s->at_begin = s->mirror;
    return 0;
}

void store_rollback(struct store *s)
{
    read_end(s);
    if (!s->in_transaction)
        return;
    /* After some errors SQLite has done it by itself. */
    if (!sqlite3_get_autocommit(s->db))
        run(s, S_ROLLBACK, NULL);
    s->mirror = s->at_begin;
    s->cutting = (struct cutting){ 0 };
    s->in_transaction = s->in_savepoint = s->doomed = false;
}

int store_commit(struct store *s, struct err *e)
{
    read_end(s);
    if (!s->in_transaction)
        return 0;
    if (s->doomed) {
        doomed(s, e);
        store_rollback(s);
        return -1;
    }
    if (store_counts_save(s, e) < 0 || run(s, S_COMMIT, e) < 0) {
        store_rollback(s);
        return -1;
    }
    s->in_transaction = s->in_savepoint = false;
    store_log_extend(s);
    return 0;
}

bool store_in_transaction(const struct store *s)
{
    return s->in_transaction;
}

void store_spoil(struct store *s, const struct err *e)
{
    if (!s->in_transaction || s->doomed)
        return;
    s->doomed = true;
    s->doom = *e;
}

int store_savepoint(struct store *s, struct err *e)
{
    if (store_begin(s, e) < 0)
        return -1;
    store_release(s);
    if (run(s, S_SAVEPOINT, e) < 0)
        return -1;
    s->in_savepoint = true;
    s->at_savepoint = s->mirror;
    return 0;
}

void store_release(struct store *s)
{
    if (!s->in_savepoint)
        return;
    if (!s->doomed)
        run(s, S_RELEASE, NULL);
    s->in_savepoint = false;
}

void store_rollback_to(struct store *s)
{
    if (!s->in_savepoint)
        return;
    s->in_savepoint = false;
    /* SQLite gave up the whole transaction: it stays doomed until its end. */
    if (sqlite3_get_autocommit(s->db))
        return;
    if (run(s, S_ROLLBACK_TO, NULL) < 0 || run(s, S_RELEASE, NULL) < 0)
        return;
    s->mirror = s->at_savepoint;
    s->cutting = (struct cutting){ 0 };
    s->doomed = false;
}
