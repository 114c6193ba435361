/* Inside the store: the connection, its statements and what is mirrored in memory. For
 * server/store*.c and their tests only. */
#ifndef SERVER_STORE_PRIV_H
#define SERVER_STORE_PRIV_H

#include <sqlite3.h>

#include "base/buf.h"
#include "model/layout.h"
#include "server/store.h"

/* PRAGMA application_id ("roos"): tells roost's store from everybody else's SQLite files. */
#define STORE_APPLICATION_ID 0x726f6f73

/* All statements, prepared at first use and kept; their text is one table in store_sql.c. */
enum stmt {
    S_BEGIN,
    S_READ,
    S_UPGRADE,
    S_COMMIT,
    S_ROLLBACK,
    S_SAVEPOINT,
    S_RELEASE,
    S_ROLLBACK_TO,
    S_META_GET,
    S_META_SET,
    S_META_REMOVE,
    S_GUEST_BY_NAME,
    S_GUEST_BY_TAG,
    S_GUEST_BY_ID,
    S_GUEST_BY_MAC,
    S_GUEST_AFTER,
    S_GUEST_AFTER_AWAY,
    S_GUEST_AFTER_HOME,
    S_GUEST_AFTER_LAUNCHED,
    S_GUEST_AFTER_OVERDUE,
    S_GUEST_STANDING,
    S_GUEST_UPDATE,
    S_GUEST_UPDATE_PHASE,
    S_GUEST_UPDATE_ALL,
    S_GUEST_INSERT,
    S_GUEST_NETWORK,
    S_GUEST_REMOVE,
    S_GUEST_SEEDED,
    S_GUEST_CHAIN,
    S_GUEST_CHAIN_SET,
    S_COUNTS_EVENT,
    S_COUNTS_EVENT_SET,
    S_COUNTS_ROW,
    S_COUNTS_ROW_SET,
    S_IDENTITY_TAKEN,
    S_TAKEN_NAME,
    S_TAKEN_TAG,
    S_TAKEN_UUID,
    S_TAKEN_MAC,
    S_TAKEN_SERIAL,
    S_SPEC_GET,
    S_SPEC_PUT,
    S_DEF_GET,
    S_DEF_PUT,
    S_DEF_REMOVE,
    S_DEF_AFTER,
    S_DEF_IMAGE_USERS,
    S_DEF_IDENTITY_USERS,
    S_SEED_GET,
    S_SEED_ROW,
    S_SEED_PUT,
    S_SEED_REMOVE,
    S_BODY_GET,
    S_BODY_PUT,
    S_BODY_KEEP,
    S_BODY_DROP,
    S_BODY_REFS,
    S_BODY_REMOVE,
    S_KEYS_GET,
    S_KEYS_PUT,
    S_KEYS_REMOVE,
    S_EVENT_ADD,
    S_EVENT_GET,
    S_EVENT_PREV,
    S_EVENT_PREV_SET,
    S_EVENT_ADD_AT,
    S_EVENT_AFTER,
    S_EVENT_OF_KINDS,
    S_EVENT_NEWEST,
    S_EVENT_LAST,
    S_EVENT_OLD,
    S_EVENT_NEW_OWNERS,
    S_EVENT_DROP,
    S_TIMELINE_PUT,
    S_TIMELINE_CUT,
    S_TIMELINE_GET,
    S_USUAL_ADD,
    S_USUAL_GET,
    S_DIRTY_LIST,
    S_DIRTY_GET,
    S_DIRTY_MARK,
    S_DIRTY_CLEAR,
    S_HOSTS,
    S_JOB_GET,
    S_JOB_PUT,
    S_JOB_REMOVE,
    S_JOBS_DUE,
    S_JOBS_NEXT,
    S_JOBS_CAP,
    S_JOBS_COUNT,
    S_RUN_ADD,
    S_RUN_LAST,
    S_RUN_PUT,
    S_RUN_GET,
    S_RUN_AFTER_OPEN,
    S_RUN_BEFORE,
    S_RUN_BEFORE_OF,
    S_RUN_OLD,
    S_RUN_REMOVE,
    S_RUN_HOST_PUT,
    S_RUN_HOST_AFTER,
    S_WANT_ADD,
    S_WANT_REMOVE,
    S_WANT_GET,
    S_LEDGER_ADD,
    S_LEDGER_FIND,
    S_LEDGER_REMOVE,
    S_LEDGER_BEFORE,
    S_LEDGER_HAND_OVER,
    S_NIC_PUT,
    S_NICS_REMOVE,
    S_NIC_AFTER,
    S_NIC_BY_MAC,
    S_NIC_LEASED,
    S_NETWORK_GUESTS,
    S_NETWORK_GUEST,
    S_RESERVED_COUNT,
    S_RESERVE,
    S_RESERVE_REMOVE,
    S_RESERVED_OF,
    S_RESERVED_AT,
    S_RESERVED_AFTER,
    S_GUEST_BY_UUID,
    S_GUEST_BY_SERIAL,
    S_SERIAL_PUT,
    S_GUEST_RENAME,
    S_GUEST_INSERT_AT,
    S_TRASH_PUT,
    S_TRASH_AFTER,
    S_TRASH_GET,
    S_TRASH_REMOVE,
    S_TRASH_SUM,
    S_IID_HELD,
    S_MOVE_PUT,
    S_MOVE_REMOVE,
    S_MOVE_AFTER,
    S_MOVE_OF,
    S_GRANT_PUT,
    S_GRANT_GET,
    S_GRANT_AT,
    S_GRANT_REMOVE,
    S_GRANT_COUNT,
    S_MOVED_PUT,
    S_MOVED_GET,
    S_ACCOUNT_PUT,
    S_ACCOUNT_GET,
    S_ACCOUNT_REMOVE,
    S_DRIVE_CLEAR,
    S_DRIVE_PUT,
    S_DRIVE_GET,
    S_DRIVE_AFTER,
    S_FORWARDS_AFTER,
    STMTS
};

/* Small facts that the hot path must not read again. They follow every rollback. */
struct mirror {
    uint32_t dirty;             /* bit per name in store.reactors */
    int64_t counts[2 * PHASES]; /* of instances by phase * 2 + overdue; saved at commit */
    int64_t event_added;        /* the newest one of this transaction, 0 none */
    int64_t seed_version;       /* what guests.seed_version must equal not to be stale */
};

/* A walk along one instance's events that goes on with the next call of store_events_prune(). */
struct cutting {
    int64_t owner;
    int64_t at;     /* the `kept`th of those that stay, newest first */
    uint32_t kept;  /* 0: no walk */
    uint32_t begun; /* events that the owner had when it began */
};

#define STORE_REACTORS 32
struct store {
    sqlite3 *db;
    char path[PATH_SIZE];
    bool reader;
    bool unclean; /* a WAL was left behind when it was opened */
    bool in_transaction, in_savepoint, in_read;
    /* A write failed for a reason that is not the caller's: SQLite may have rolled back already, so
     * nothing may be written or committed until the transaction was ended. */
    bool doomed;
    struct err doom;
    uint64_t page_size, log_used, log_size; /* log: bytes with frames, bytes of its file */
    struct mirror mirror, at_begin, at_savepoint;
    struct name reactors[STORE_REACTORS];
    int n_reactors;
    struct cutting cutting;
    struct buf seed; /* documents of the last store_seed_get */
    sqlite3_stmt *stmt[STMTS];
};

/* --- store_fail.c --- */
/* Fills e from the connection's last error; returns -1. */
int store_fail(struct store *s, struct err *e);
/* "is damaged: WHAT …", ERR_IO, returns -1. */
int store_damaged(const struct store *s, struct err *e, const char *what);
int store_file_damaged(const char *path, struct err *e, const char *what);

/* --- store_sql.c --- */
const char *store_sql(enum stmt id);

/* --- store_stmt.c --- */
/* Prepared and reset, or NULL with e set. */
sqlite3_stmt *store_stmt(struct store *s, enum stmt id, struct err *e);
/* Binds ?1… by the letters of fmt: i int64_t, t const char * (NULL: SQL NULL), b const void *,
 * size_t. The bytes are borrowed until the statement is reset. */
/* Steps once: 1 a row (read it, then store_reset), 0 none, -1. */
int store_row(struct store *s, enum stmt id, sqlite3_stmt **ret, struct err *e, const char *fmt,
              ...);
/* Runs a writing statement in the transaction, which it begins when there is none.
 * Returns the number of rows changed or -1. */
int store_write(struct store *s, enum stmt id, struct err *e, const char *fmt, ...);
void store_reset(sqlite3_stmt *st);
void store_finalize_all(struct store *s);
/* One integer of the first row of any SQL text, or -1. For opening, not for serving. */
int store_pragma_int(sqlite3 *db, const char *sql, int64_t *ret);
/* Column texts into fixed sizes; false: what is stored cannot be ours. */
bool store_text(sqlite3_stmt *st, int column, char *ret, size_t size);

/* --- store_schema.c --- */
struct migration {
    int to;
    const char *sql;
};
extern const struct migration store_migrations[];
extern const int store_migrations_n;
/* Brings db to the last step's schema: nothing to do, or copied aside (unless it is new) and all
 * the steps in one transaction. A newer one: ERR_CONFLICT. */
int store_migrate(sqlite3 *db, const char *path, const struct migration *steps, int n,
                  struct err *e);
/* The schema's version, 0 for an empty file. Newer, or another program's: ERR_CONFLICT. */
int store_schema_check(sqlite3 *db, const char *path, int newest, int64_t *ret, struct err *e);
/* Looks at the file's header without SQLite: a newer schema or a foreign application is refused
 * before anything is opened, recovered or checkpointed. */
int store_header_check(const uint8_t header[100], const char *path, int newest, struct err *e);

/* --- store_copy.c --- */
/* The same as store_fail for a connection that is no store: "PATH: WHAT: …". */
int store_db_fail(sqlite3 *db, struct err *e, const char *path, const char *what);
/* All pages of one snapshot into the file `to`. stop may be NULL. */
int store_copy_pages(sqlite3 *db, const char *to, const atomic_bool *stop, struct err *e);

/* --- store_vfs.c --- */
/* The name of the VFS for the connection that writes; NULL, the default one, when it cannot be
 * made. */
const char *store_vfs(void);

/* --- store_log.c --- */
/* Makes the log grow in large steps. For the writer, when its pragmas are set; never fails. */
void store_log_watch(struct store *s);
/* A step ahead of the log's end, when that came near; outside of a transaction. */
void store_log_extend(struct store *s);
/* The log's file, NULL when there is none. */
sqlite3_file *store_log_file(sqlite3 *db);

/* --- store_meta.c --- */
/* Reads what is mirrored; at opening, and by readers when they begin. */
int store_mirror_load(struct store *s, struct err *e);

/* --- store_guest.c --- */
#define GUEST_COLUMNS                                                                              \
    "id, name, tag, iid, generation, epoch, uuid, mac, launcher, network, launch_id, address, "    \
    "phase, overdue, ever_home, since_ms, sign_ms, since_boot_ms, last_sign, note, seed_version, " \
    "sealed, boots, stop_wanted, last_event, events, way_boot_ms, way_restarts"
#define GUEST_COLUMN_COUNT 28
int store_guest_read(struct store *s, sqlite3_stmt *st, struct guest *ret, struct err *e);

/* Phase and overdue of one row as stored: 1, 0 none, -1. */
int store_guest_standing(struct store *s, int64_t id, int *ret_key, struct err *e);

/* --- store_counts.c --- */
/* Counts by phase and overdue: read at opening, saved as part of the transaction. */
int store_counts_load(struct store *s, struct err *e);
int store_counts_save(struct store *s, struct err *e);

/* --- store_event.c --- */
/* The newest event of one instance, 0 the appliance, and how many stand in its chain. */
struct chain {
    int64_t last;
    uint32_t n;
};
/* 1, 0 there is no such instance, -1. */
int store_chain_get(struct store *s, int64_t instance, struct chain *ret, struct err *e);
int store_chain_set(struct store *s, int64_t instance, const struct chain *c, struct err *e);
/* The event before this one of the same instance, 0 none: 1, 0 the event is no longer there, -1. */
int store_event_prev(struct store *s, int64_t seq, int64_t *ret, struct err *e);

/* --- store_key.c --- */
/* Columns iid and one per type from `first` on. 1: read, 0: NULL (no row in a left join), -1. */
int store_keys_read(struct store *s, sqlite3_stmt *st, int first, struct guest_keys *ret,
                    struct err *e);

/* --- store_seed.c --- */
int store_seed_remove(struct store *s, int64_t instance, struct err *e);

#endif
