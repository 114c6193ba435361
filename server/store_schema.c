/* The schema and how a store of an older roost becomes one of this roost. */
#include "server/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/* Numbers that lie on disk. Whoever moves one of them writes a migration. */
_Static_assert(PHASE_DEFINED == 0 && PHASE_STARTING == 1 && PHASE_LAUNCHED == 2 &&
                   PHASE_SEEDED == 3 && PHASE_HOMED == 4 && PHASE_CONFIGURED == 5 &&
                   PHASE_STOPPING == 6 && PHASE_STOPPED == 7 && PHASE_FAILED == 8 && PHASES == 9,
               "phases are stored by number");
_Static_assert(EV_DEFINED == 0 && EV_CHANGED == 1 && EV_LAUNCHING == 2 && EV_LAUNCHED == 3 &&
                   EV_LAUNCH_FAILED == 4 && EV_ADOPTED == 5 && EV_SEED_SERVED == 6 &&
                   EV_SEED_REFUSED == 7 && EV_STAGE == 8 && EV_MODULE_FAILED == 9 &&
                   EV_HOMED == 10 && EV_HOMED_AGAIN == 11 && EV_FINISHED == 12 &&
                   EV_KEY_MISMATCH == 13 && EV_WRONG_ID == 14 && EV_ADDRESS == 15 &&
                   EV_CONFIGURED == 16 && EV_CONFIG_FAILED == 17 && EV_OVERDUE == 18 &&
                   EV_STOPPING == 19 && EV_STOPPED == 20 && EV_FAILED == 21 && EV_RESTARTED == 22 &&
                   EV_REBUILT == 23 && EV_REMOVED == 24 && EV_FAULT == 25 && EV_LEASED == 26 &&
                   EV_NETWORK_UP == 27 && EV_NETWORK_DOWN == 28 && EV_NETWORK_FAULT == 29 &&
                   EV_SECOND_CLAIMANT == 30 && EV_RUN_STARTED == 31 && EV_RUN_ENDED == 32 &&
                   EV_RESET == 33 && EV_FORWARDED == 34 && EV_FORWARD_FAILED == 35,
               "event kinds are stored by number; new ones go to the end");
_Static_assert(LAUNCHER_ROOST == 0 && LAUNCHER_EXTERNAL == 1, "launchers are stored by number");
_Static_assert(DEF_NETWORK == 0 && DEF_IDENTITY == 1 && DEF_IMAGE == 2 && DEF_GROUP == 3 &&
                   DEF_TASK == 4,
               "stored by number");

/* guests: the hot row, small, without specification and keys; ids are never used again, since
 * events of removed instances keep theirs. guests_away leaves out those at home (HOMED,
 * CONFIGURED), nearly all of a large fleet: an index of everybody costs a phone-home two more
 * pages. counts: by phase and overdue, kept by store_commit(), so that counting reads 18 rows and
 * not the fleet. seeds: what bears the guest's name or token is its own and stands in its row, so
 * that an answer reads one page. bodies: the user-data, which many may share; keyed by the first 63
 * bits of the SHA-256, compared in full, next free number on a collision; their counts of use stand
 * apart, so that a second user does not rewrite a megabyte. */
static const char schema_1[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE guests("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL UNIQUE,"
    " tag TEXT NOT NULL UNIQUE,"
    " iid TEXT NOT NULL,"
    " generation INTEGER NOT NULL,"
    " epoch INTEGER NOT NULL,"
    " uuid TEXT NOT NULL UNIQUE,"
    " mac BLOB NOT NULL UNIQUE,"
    " launcher INTEGER NOT NULL,"
    " network TEXT NOT NULL,"
    " launch_id INTEGER NOT NULL DEFAULT 0,"
    " address TEXT NOT NULL DEFAULT '',"
    " phase INTEGER NOT NULL DEFAULT 0,"
    " overdue INTEGER NOT NULL DEFAULT 0,"
    " ever_home INTEGER NOT NULL DEFAULT 0,"
    " since_ms INTEGER NOT NULL DEFAULT 0,"
    " sign_ms INTEGER NOT NULL DEFAULT 0,"
    " since_boot_ms INTEGER NOT NULL DEFAULT 0,"
    " last_sign TEXT NOT NULL DEFAULT '',"
    " note TEXT NOT NULL DEFAULT '',"
    " seed_version INTEGER NOT NULL DEFAULT 0,"
    " sealed INTEGER NOT NULL DEFAULT 0,"
    " boots INTEGER NOT NULL DEFAULT 0,"
    " stop_wanted INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE INDEX guests_away ON guests(phase) WHERE phase NOT IN (4, 5);"
    "CREATE INDEX guests_launched ON guests(id) WHERE launch_id <> 0;"
    "CREATE INDEX guests_overdue ON guests(id) WHERE overdue <> 0;"
    "CREATE TABLE counts(key INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;"
    "CREATE TABLE specs("
    " instance INTEGER PRIMARY KEY REFERENCES guests(id) ON DELETE CASCADE,"
    " json TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE defs("
    " kind INTEGER NOT NULL, name TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY(kind, name)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE bodies(id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;"
    "CREATE TABLE body_uses(id INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;"
    "CREATE TABLE seeds("
    " instance INTEGER PRIMARY KEY REFERENCES guests(id) ON DELETE CASCADE,"
    " user INTEGER NOT NULL, meta BLOB NOT NULL, network BLOB NOT NULL, vendor BLOB NOT NULL"
    ") STRICT;"
    "CREATE TABLE hostkeys("
    " instance INTEGER PRIMARY KEY REFERENCES guests(id) ON DELETE CASCADE,"
    " iid TEXT NOT NULL, rsa TEXT, ecdsa TEXT, ed25519 TEXT, dsa TEXT"
    ") STRICT;"
    "CREATE TABLE events("
    " seq INTEGER PRIMARY KEY, real_ms INTEGER NOT NULL, instance INTEGER NOT NULL,"
    " name TEXT NOT NULL, kind INTEGER NOT NULL, detail TEXT NOT NULL, actor TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX events_by_instance ON events(instance);"
    "CREATE TABLE timelines("
    " id INTEGER PRIMARY KEY,"
    " instance INTEGER NOT NULL REFERENCES guests(id) ON DELETE CASCADE,"
    " generation INTEGER NOT NULL, boot INTEGER NOT NULL, json TEXT NOT NULL,"
    " UNIQUE(instance, generation, boot)"
    ") STRICT;"
    "CREATE TABLE usual("
    " phase INTEGER NOT NULL, accel INTEGER NOT NULL, ms INTEGER NOT NULL,"
    " PRIMARY KEY(phase, accel)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE dirty(reactor TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;"
    "INSERT INTO meta VALUES('seed-version', '1');";

/* Since when a guest is on its way home (CLOCK_BOOTTIME), and how often it restarted on it. What
 * was known of the disks of removed instances goes. */
static const char schema_2[] =
    "ALTER TABLE guests ADD COLUMN way_boot_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE guests ADD COLUMN way_restarts INTEGER NOT NULL DEFAULT 0;"
    "DELETE FROM meta WHERE key GLOB 'disk:*'"
    " AND CAST(substr(key, 6) AS INTEGER) NOT IN (SELECT id FROM guests);";

/* network_ledger: what a network changed on the host, in order; a line is a step (netcfg/step.h).
 * network_wishes: which networks are to be up. reservations: the address that an instance was given
 * on its network, for good. */
static const char schema_3[] =
    "CREATE TABLE network_ledger("
    " network TEXT NOT NULL, number INTEGER NOT NULL, line TEXT NOT NULL, undo TEXT NOT NULL,"
    " PRIMARY KEY(network, number), UNIQUE(network, line)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE network_wishes(network TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;"
    "CREATE TABLE reservations("
    " instance INTEGER PRIMARY KEY REFERENCES guests(id) ON DELETE CASCADE,"
    " network TEXT NOT NULL, ip TEXT NOT NULL, UNIQUE(network, ip)"
    ") STRICT;"
    "CREATE INDEX guests_network ON guests(network);";

/* What a phone-home need not write goes. Events: no index of their instances, but a chain from
 * guests.last_event by prev, whose end is where a row is missing; the appliance's begins in meta.
 * guests_away: without those that others launch, before roost hears of them. counts: the newest
 * event bears them, and this row when a commit changed them without an event. */
static const char schema_4[] =
    "ALTER TABLE guests ADD COLUMN last_event INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE guests ADD COLUMN events INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE events ADD COLUMN prev INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE events ADD COLUMN counts TEXT;"
    "UPDATE events SET prev = coalesce((SELECT max(e.seq) FROM events AS e"
    " WHERE e.instance = events.instance AND e.seq < events.seq), 0);"
    "UPDATE guests SET (last_event, events) = (SELECT coalesce(max(seq), 0), count(*) FROM events"
    " WHERE instance = guests.id);"
    "INSERT INTO meta SELECT 'events-appliance', max(seq) || ' ' || count(*) FROM events"
    " WHERE instance = 0 HAVING count(*) > 0;"
    "DROP INDEX events_by_instance;"
    "DROP INDEX guests_away;"
    "CREATE INDEX guests_away ON guests(phase) WHERE phase NOT IN (4, 5)"
    " AND (phase <> 0 OR launcher = 0);"
    "ALTER TABLE counts RENAME TO counts_of_old;"
    "CREATE TABLE counts("
    " id INTEGER PRIMARY KEY CHECK(id = 1), as_of INTEGER NOT NULL, n TEXT NOT NULL"
    ") STRICT;"
    "INSERT INTO counts SELECT 1, (SELECT coalesce(max(seq), 0) FROM events),"
    " coalesce(group_concat(key || ':' || n || ' ', ''), '') FROM counts_of_old;"
    "UPDATE events SET counts = (SELECT n FROM counts)"
    " WHERE seq = (SELECT max(seq) FROM events);"
    "DROP TABLE counts_of_old;";

/* serials: of machines that others launch, where the operator told it. grants: a caller that was
 * adopted may read its seed from that address without a token until it is home. */
static const char schema_5[] =
    "CREATE TABLE serials("
    " serial TEXT PRIMARY KEY,"
    " instance INTEGER NOT NULL UNIQUE REFERENCES guests(id) ON DELETE CASCADE"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE grants("
    " instance INTEGER PRIMARY KEY REFERENCES guests(id) ON DELETE CASCADE,"
    " ip TEXT NOT NULL"
    ") STRICT;";

/* jobs: what Ansible has to do for an instance. runs: what it did, with their hosts, which keep
 * their names when an instance goes. */
static const char schema_6[] =
    "CREATE TABLE jobs("
    " instance INTEGER PRIMARY KEY REFERENCES guests(id) ON DELETE CASCADE,"
    " generation INTEGER NOT NULL, state INTEGER NOT NULL, ready INTEGER NOT NULL,"
    " finished INTEGER NOT NULL, resets INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " interruptions INTEGER NOT NULL, not_before_ms INTEGER NOT NULL, heard_ms INTEGER NOT NULL,"
    " run INTEGER NOT NULL, outcome TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX jobs_due ON jobs(ready, not_before_ms) WHERE state = 0;"
    "CREATE TABLE runs("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL, by_hand INTEGER NOT NULL,"
    " check_only INTEGER NOT NULL, playbook TEXT NOT NULL, own TEXT NOT NULL, tags TEXT NOT NULL,"
    " actor TEXT NOT NULL, hosts INTEGER NOT NULL, asked_ms INTEGER NOT NULL,"
    " interruptions INTEGER NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,"
    " pid INTEGER NOT NULL, start_time INTEGER NOT NULL, boot_id TEXT NOT NULL,"
    " how TEXT NOT NULL, reason TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX runs_open ON runs(id) WHERE state <> 2;"
    "CREATE TABLE run_hosts("
    " run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE, name TEXT NOT NULL,"
    " instance INTEGER NOT NULL, generation INTEGER NOT NULL, outcome TEXT NOT NULL,"
    " task TEXT NOT NULL, message TEXT NOT NULL, ok INTEGER NOT NULL, changed INTEGER NOT NULL,"
    " failed INTEGER NOT NULL, skipped INTEGER NOT NULL, duration_ms INTEGER NOT NULL,"
    " PRIMARY KEY(run, name)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX run_hosts_instance ON run_hosts(instance, run);";

/* accounts: roost's own in a guest, as the documents of its generation have it. */
static const char schema_7[] =
    "CREATE TABLE accounts("
    " instance INTEGER PRIMARY KEY REFERENCES guests(id) ON DELETE CASCADE,"
    " login TEXT NOT NULL, key TEXT NOT NULL"
    ") STRICT;";

/* moves: directories below the state directory that lie elsewhere once this is committed.
 * guests_renamed: those whose instance-id is not what their name and generation give. trash: removed
 * instances, whole, until they are forgotten; the specification apart, for whoever asks what is in
 * use. */
static const char schema_8[] =
    "CREATE TABLE moves("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, origin TEXT NOT NULL UNIQUE,"
    " target TEXT NOT NULL UNIQUE"
    ") STRICT;"
    "CREATE INDEX guests_renamed ON guests(iid) WHERE iid <> 'iid-' || name || '-' || generation;"
    "CREATE TABLE trash("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, removed_ms INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL, actor TEXT NOT NULL, spec TEXT NOT NULL, record TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX trash_names ON trash(name);";

/* drive_files: files of somebody's that are disks of instances, by the format (enum disk_format) that
 * they were found to have at first. */
static const char schema_9[] =
    "CREATE TABLE drive_files("
    " instance INTEGER NOT NULL REFERENCES guests(id) ON DELETE CASCADE, file TEXT NOT NULL,"
    " writes INTEGER NOT NULL, format INTEGER NOT NULL, PRIMARY KEY(instance, file)"
    ") STRICT;";

_Static_assert(DISK_NONE == 0 && DISK_QCOW2 == 1 && DISK_RAW == 2, "formats are stored by number");

/* moved: what a guest knows that came from another host, by its instance-id. */
static const char schema_10[] =
    "CREATE TABLE moved("
    " instance INTEGER PRIMARY KEY REFERENCES guests(id) ON DELETE CASCADE,"
    " iid TEXT NOT NULL, seed TEXT NOT NULL, post TEXT NOT NULL"
    ") STRICT;";
/* nics: cards beside the first one, whose MAC and reservation stand in guests and reservations. */
static const char schema_11[] =
    "CREATE TABLE nics("
    " instance INTEGER NOT NULL REFERENCES guests(id) ON DELETE CASCADE, number INTEGER NOT NULL,"
    " network TEXT NOT NULL, mac BLOB NOT NULL UNIQUE, ip TEXT NOT NULL,"
    " leased TEXT NOT NULL DEFAULT '', PRIMARY KEY(instance, number), UNIQUE(network, instance)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX nics_reserved ON nics(network, ip) WHERE ip <> '';";

const struct migration store_migrations[] = {
    { 1, schema_1 },
    { 2, schema_2 },
    { 3, schema_3 },
    { 4, schema_4 },
    { 5, schema_5 },
    { 6, schema_6 },
    { 7, schema_7 },
    { 8, schema_8 },
    { 9, schema_9 },
    { 10, schema_10 },
    { 11, schema_11 },
};
const int store_migrations_n = ARRAY_SIZE(store_migrations);
_Static_assert(ARRAY_SIZE(store_migrations) == STORE_SCHEMA, "one step per schema");

static int newer(struct err *e, const char *path, int64_t found, int newest)
{
    char bak[PATH_SIZE + 32];

    snprintf(bak, sizeof bak, "%s.%d.bak", path, newest);
    if (access(bak, F_OK) < 0)
        return err_set(e, ERR_CONFLICT,
                       "%s was written by a newer roost (schema %lld, this one knows %d); nothing "
                       "was changed: install that roost again, or restore a backup made by this "
                       "one (roost store restore --replace)",
                       path, (long long)found, newest);
    return err_set(e, ERR_CONFLICT,
                   "%s was written by a newer roost (schema %lld, this one knows %d); nothing was "
                   "changed: install that roost again, or go back to before its migration: remove "
                   "this file and those with -wal and -shm behind its name, then rename %s to it",
                   path, (long long)found, newest, bak);
}

static int foreign(struct err *e, const char *path)
{
    return err_set(e, ERR_CONFLICT,
                   "%s is the database of another program; nothing was changed: give roost a "
                   "state directory of its own",
                   path);
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* SQLite's file format, section 1.3: magic at 0, user version at 60, application id at 68. */
int store_header_check(const uint8_t header[100], const char *path, int newest, struct err *e)
{
    static const char magic[16] = "SQLite format 3";
    if (memcmp(header, magic, sizeof(magic)) != 0)
        return 0;
    uint32_t version = be32(header + 60), application = be32(header + 68);
    if (application && application != STORE_APPLICATION_ID)
        return foreign(e, path);
    if (application && version > (uint32_t)newest)
        return newer(e, path, version, newest);
    return 0;
}

/* The directory of path is synced, so that a name made or changed in it stays. */
static int sync_parent(const char *path, struct err *e)
{
    char dir[PATH_SIZE];
    snprintf(dir, sizeof(dir), "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
    auto_close int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return err_sys(e, "%s: cannot sync the directory", dir);
    return 0;
}

/* Both the copy and the new schema have to fit. */
static int no_room(const char *path, struct err *e)
{
    struct stat st;

    if (!e || e->os != ENOSPC || stat(path, &st) < 0)
        return -1;
    return err_set(e, ERR_IO,
                   "%s is of an older roost and is copied aside before it is migrated, but its file "
                   "system is full: free %lld MiB there, or install that roost again; nothing was "
                   "changed",
                   path, (long long)(st.st_size * 5 / 2 >> 20) + 1);
}

/* Copies aside as PATH.SCHEMA.bak; the name appears when the whole copy is on disk. */
static int copy_aside(sqlite3 *db, const char *path, int64_t schema, struct err *e)
{
    char bak[PATH_SIZE + 32], tmp[PATH_SIZE + 40];
    snprintf(bak, sizeof(bak), "%s.%lld.bak", path, (long long)schema);
    snprintf(tmp, sizeof(tmp), "%s.tmp", bak);
    unlink(tmp);
    auto_close int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(e, "%s: cannot be made", tmp);
    if (store_copy_pages(db, tmp, NULL, e) < 0 || fsync(fd) < 0) {
        unlink(tmp);
        err_wrap(e, "copy before the migration");
        return no_room(path, e);
    }
    if (rename(tmp, bak) < 0) {
        err_sys(e, "%s: cannot be renamed to %s", tmp, bak);
        unlink(tmp);
        return -1;
    }
    return sync_parent(path, e);
}

static int run_steps(sqlite3 *db, const struct migration *steps, int n, int64_t version)
{
    char sql[96];
    if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return -1;
    for (int i = 0; i < n; i++)
        if (steps[i].to > version && sqlite3_exec(db, steps[i].sql, NULL, NULL, NULL) != SQLITE_OK)
            return -1;
    snprintf(sql, sizeof(sql), "PRAGMA user_version=%d; PRAGMA application_id=%d; COMMIT",
             steps[n - 1].to, STORE_APPLICATION_ID);
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

int store_schema_check(sqlite3 *db, const char *path, int newest, int64_t *ret, struct err *e)
{
    int64_t version, application, tables;
    if (store_pragma_int(db, "PRAGMA user_version", &version) < 0 ||
        store_pragma_int(db, "PRAGMA application_id", &application) < 0 ||
        store_pragma_int(db, "SELECT count(*) FROM sqlite_schema", &tables) < 0)
        return store_db_fail(db, e, path, "cannot be read");
    if (application ? application != STORE_APPLICATION_ID : version || tables)
        return foreign(e, path);
    if (version > newest)
        return newer(e, path, version, newest);
    *ret = version;
    return 0;
}

int store_migrate(sqlite3 *db, const char *path, const struct migration *steps, int n,
                  struct err *e)
{
    int64_t version;
    if (store_schema_check(db, path, steps[n - 1].to, &version, e) < 0)
        return -1;
    if (version == steps[n - 1].to)
        return 0;
    if (version > 0 && copy_aside(db, path, version, e) < 0)
        return -1;
    if (run_steps(db, steps, n, version) < 0) {
        store_db_fail(db, e, path, version ? "cannot be migrated" : "cannot be made");
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return version ? no_room(path, e) : -1;
    }
    return version ? 0 : sync_parent(path, e);
}
