/* The texts of all statements: one table. */
#include "server/store_priv.h"

#define GUEST_SELECT "SELECT " GUEST_COLUMNS " FROM guests WHERE "
#define RESERVED_SELECT                                                                            \
    "SELECT r.instance, g.name, g.mac, r.ip FROM reservations r JOIN guests g "                    \
    "ON g.id = r.instance WHERE "
#define DRIVE_SELECT                                                                               \
    "SELECT instance, file, writes, format, (SELECT name FROM guests WHERE id = instance) FROM "   \
    "drive_files WHERE "
#define NIC_RESERVED_SELECT                                                                        \
    "SELECT r.instance, g.name, r.mac, r.ip FROM nics r JOIN guests g ON g.id = r.instance WHERE " \
    "r.ip <> '' AND "
#define NIC_SELECT "SELECT instance, number, network, mac, ip, leased FROM nics WHERE "
#define RUN_SELECT                                                                                 \
    "SELECT id, state, by_hand, check_only, playbook, own, tags, actor, hosts, asked_ms, "         \
    "interruptions, started_ms, ended_ms, pid, start_time, boot_id, how, reason FROM runs WHERE "
/* Who stands on something: also those in the trash, which may come back. */
#define USED_SPECS                                                                                 \
    "SELECT g.name AS name, specs.json AS spec FROM specs JOIN guests g ON g.id = instance "       \
    "UNION ALL SELECT substr(name, 1, 50) || ' in the trash', spec FROM trash"
#define EVENT_SELECT "SELECT seq, real_ms, name, kind, detail, actor FROM events WHERE "
/* What store_guest_update() changes as a rule. The rest stands in indexes or seldom changes, and is
 * left out when it stays, as GUEST_SAME makes sure: SQLite rewrites index entries of every column
 * that is named. */
#define GUEST_SET                                                                                  \
    "UPDATE guests SET address = ?2, ever_home = ?3, since_ms = ?4, sign_ms = ?5, "                \
    "since_boot_ms = ?6, last_sign = ?7, note = ?8, seed_version = ?9, sealed = ?10, "             \
    "last_event = max(last_event, ?21), events = ?22"
#define GUEST_SET_PHASE GUEST_SET ", phase = ?11, way_boot_ms = ?12, way_restarts = ?13"
#define GUEST_SAME                                                                                 \
    "id = ?1 AND overdue = ?14 AND launch_id = ?15 AND stop_wanted = ?16 AND boots = ?17 AND "     \
    "generation = ?18 AND epoch = ?19 AND iid = ?20"

static const char *const sql[STMTS] = {
    [S_BEGIN] = "BEGIN IMMEDIATE",
    [S_READ] = "BEGIN",
    [S_UPGRADE] = "DELETE FROM dirty WHERE 0",
    [S_COMMIT] = "COMMIT",
    [S_ROLLBACK] = "ROLLBACK",
    [S_SAVEPOINT] = "SAVEPOINT request",
    [S_RELEASE] = "RELEASE request",
    [S_ROLLBACK_TO] = "ROLLBACK TO request",

    [S_META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [S_META_SET] = "INSERT INTO meta VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = ?2",
    [S_META_REMOVE] = "DELETE FROM meta WHERE key = ?1",

    [S_GUEST_BY_NAME] = GUEST_SELECT "name = ?1",
    [S_GUEST_BY_TAG] = GUEST_SELECT "tag = ?1",
    [S_GUEST_BY_ID] = GUEST_SELECT "id = ?1",
    [S_GUEST_BY_MAC] = GUEST_SELECT "mac = ?1",
    [S_GUEST_AFTER] = GUEST_SELECT "name > ?1 ORDER BY name LIMIT 1",
    [S_GUEST_AFTER_AWAY] =
        "SELECT id FROM guests INDEXED BY guests_away WHERE phase = ?1 AND "
        "phase NOT IN (4, 5) AND (phase <> 0 OR launcher = 0) AND id > ?2 ORDER BY id LIMIT 1",
    [S_GUEST_AFTER_HOME] = "SELECT id FROM guests WHERE phase = ?1 AND id > ?2 ORDER BY id LIMIT 1",
    [S_GUEST_AFTER_LAUNCHED] = "SELECT " GUEST_COLUMNS " FROM guests INDEXED BY guests_launched "
                               "WHERE launch_id <> 0 AND id > ?1 ORDER BY id LIMIT 1",
    [S_GUEST_AFTER_OVERDUE] = "SELECT " GUEST_COLUMNS " FROM guests INDEXED BY guests_overdue "
                              "WHERE overdue <> 0 AND id > ?1 ORDER BY id LIMIT 1",
    [S_GUEST_STANDING] = "SELECT phase, overdue FROM guests WHERE id = ?1",
    [S_GUEST_UPDATE] = GUEST_SET " WHERE " GUEST_SAME
                                 " AND phase = ?11 AND way_boot_ms = ?12 AND way_restarts = ?13",
    [S_GUEST_UPDATE_PHASE] = GUEST_SET_PHASE " WHERE " GUEST_SAME " AND phase = ?23",
    [S_GUEST_UPDATE_ALL] =
        GUEST_SET_PHASE ", overdue = ?14, launch_id = ?15, stop_wanted = ?16, boots = ?17, "
                        "generation = ?18, epoch = ?19, iid = ?20 WHERE id = ?1",
    [S_GUEST_INSERT] = "INSERT INTO guests(name, tag, iid, generation, epoch, uuid, mac, launcher, "
                       "network) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [S_GUEST_NETWORK] = "UPDATE guests SET network = ?2, launcher = ?3, seed_version = 0 "
                        "WHERE id = ?1",
    [S_GUEST_REMOVE] = "DELETE FROM guests WHERE id = ?1",
    [S_GUEST_SEEDED] = "UPDATE guests SET seed_version = ?2 WHERE id = ?1",
    [S_GUEST_CHAIN] = "SELECT last_event, events FROM guests WHERE id = ?1",
    [S_GUEST_CHAIN_SET] = "UPDATE guests SET last_event = ?2, events = ?3 WHERE id = ?1",
    [S_COUNTS_EVENT] = "SELECT seq, counts FROM events ORDER BY seq DESC LIMIT 1",
    [S_COUNTS_EVENT_SET] = "UPDATE events SET counts = ?2 WHERE seq = ?1",
    [S_COUNTS_ROW] = "SELECT as_of, n FROM counts",
    [S_COUNTS_ROW_SET] = "INSERT OR REPLACE INTO counts "
                         "SELECT 1, (SELECT coalesce(max(seq), 0) FROM events), ?1",
    [S_IDENTITY_TAKEN] = "SELECT 1 FROM guests WHERE uuid = ?1 UNION ALL "
                         "SELECT 1 FROM guests WHERE mac = ?2 UNION ALL "
                         "SELECT 1 FROM nics WHERE mac = ?2 LIMIT 1",
    [S_TAKEN_NAME] = "SELECT name FROM guests WHERE name = ?1",
    [S_TAKEN_TAG] = "SELECT name FROM guests WHERE tag = ?1",
    [S_TAKEN_UUID] = "SELECT name FROM guests WHERE uuid = ?1",
    [S_TAKEN_MAC] = "SELECT name FROM guests WHERE mac = ?1 UNION ALL SELECT name FROM guests "
                    "WHERE id = (SELECT instance FROM nics WHERE mac = ?1)",
    [S_TAKEN_SERIAL] = "SELECT name FROM guests WHERE id = (SELECT instance FROM serials "
                       "WHERE serial = ?1)",
    [S_SPEC_GET] = "SELECT json FROM specs WHERE instance = ?1",
    [S_SPEC_PUT] = "INSERT INTO specs VALUES(?1, ?2) ON CONFLICT(instance) DO UPDATE SET json = ?2",

    [S_DEF_GET] = "SELECT json FROM defs WHERE kind = ?1 AND name = ?2",
    [S_DEF_PUT] = "INSERT INTO defs VALUES(?1, ?2, ?3) "
                  "ON CONFLICT(kind, name) DO UPDATE SET json = ?3",
    [S_DEF_REMOVE] = "DELETE FROM defs WHERE kind = ?1 AND name = ?2",
    [S_DEF_AFTER] = "SELECT name, json FROM defs WHERE kind = ?1 AND name > ?2 "
                    "ORDER BY name LIMIT 1",
    [S_DEF_IMAGE_USERS] = "SELECT count(*), min(name) FROM (" USED_SPECS ") "
                          "WHERE json_extract(spec, '$.image') = ?1",
    [S_DEF_IDENTITY_USERS] =
        "SELECT count(*), min(name) FROM (" USED_SPECS ") WHERE ?1 IN "
        "(SELECT value FROM json_each(spec, '$.identities'))",

    [S_SEED_GET] = "SELECT meta, data, vendor, network FROM seeds CROSS JOIN bodies ON id = user "
                   "WHERE instance = ?1",
    [S_SEED_ROW] = "SELECT user FROM seeds WHERE instance = ?1",
    [S_SEED_PUT] = "INSERT INTO seeds VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(instance) DO UPDATE "
                   "SET user = ?2, meta = ?3, network = ?4, vendor = ?5",
    [S_SEED_REMOVE] = "DELETE FROM seeds WHERE instance = ?1",
    [S_BODY_GET] = "SELECT data FROM bodies WHERE id = ?1",
    [S_BODY_PUT] = "INSERT INTO bodies VALUES(?1, ?2)",
    [S_BODY_KEEP] = "INSERT INTO body_uses VALUES(?1, 1) ON CONFLICT(id) DO UPDATE SET n = n + 1",
    [S_BODY_DROP] = "UPDATE body_uses SET n = n - 1 WHERE id = ?1",
    [S_BODY_REFS] = "DELETE FROM body_uses WHERE id = ?1 AND n <= 0",
    [S_BODY_REMOVE] = "DELETE FROM bodies WHERE id = ?1",

    [S_KEYS_GET] = "SELECT iid, rsa, ecdsa, ed25519, dsa FROM hostkeys WHERE instance = ?1",
    [S_KEYS_PUT] = "INSERT INTO hostkeys VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(instance) DO "
                   "UPDATE SET iid = ?2, rsa = ?3, ecdsa = ?4, ed25519 = ?5, dsa = ?6",
    [S_KEYS_REMOVE] = "DELETE FROM hostkeys WHERE instance = ?1",

    [S_EVENT_ADD] = "INSERT INTO events VALUES(NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL)",
    [S_EVENT_GET] = EVENT_SELECT "seq = ?1",
    [S_EVENT_PREV] = "SELECT prev FROM events WHERE seq = ?1",
    [S_EVENT_PREV_SET] = "UPDATE events SET prev = ?2 WHERE seq = ?1",
    [S_EVENT_ADD_AT] = "INSERT INTO events VALUES(?1, ?2, 0, '', ?3, ?4, ?5, ?6, NULL)",
    [S_EVENT_AFTER] = EVENT_SELECT "seq > ?1 ORDER BY seq LIMIT 1",
    [S_EVENT_OF_KINDS] = EVENT_SELECT "seq > ?1 AND seq <= ?2 AND ?3 >> kind & 1 "
                                      "ORDER BY seq LIMIT 1",
    [S_EVENT_NEWEST] = "SELECT min(seq) FROM (SELECT seq FROM events WHERE seq > ?1 "
                       "ORDER BY seq DESC LIMIT ?2)",
    [S_EVENT_LAST] = "SELECT max(seq) FROM events",
    /* The newest event stays whatever its age, so that no number is given twice. */
    [S_EVENT_OLD] =
        /* Of one without a date (below ?3) is known that it was before the first that has one. */
        "WITH dated AS (SELECT seq, real_ms FROM events WHERE real_ms >= ?3 ORDER BY seq LIMIT 1) "
        "DELETE FROM events WHERE seq IN (SELECT seq FROM events ORDER BY seq LIMIT ?2) "
        "AND real_ms < ?1 AND seq < (SELECT max(seq) FROM events) "
        "AND (real_ms >= ?3 OR EXISTS (SELECT 1 FROM dated "
        "WHERE dated.real_ms < ?1 AND dated.seq > events.seq))",
    [S_EVENT_NEW_OWNERS] = "SELECT seq, instance FROM events WHERE seq > ?1 ORDER BY seq LIMIT 1",
    [S_EVENT_DROP] = "DELETE FROM events WHERE seq = ?1",

    [S_TIMELINE_PUT] = "INSERT INTO timelines(instance, generation, boot, json) "
                       "SELECT id, generation, ?2, ?3 FROM guests WHERE id = ?1 "
                       "ON CONFLICT(instance, generation, boot) DO UPDATE SET json = ?3",
    [S_TIMELINE_CUT] = "DELETE FROM timelines WHERE id IN (SELECT id FROM timelines WHERE "
                       "instance = ?1 ORDER BY generation DESC, boot DESC LIMIT -1 OFFSET 8)",
    [S_TIMELINE_GET] = "SELECT boot, json FROM timelines WHERE instance = ?1 "
                       "ORDER BY generation DESC, boot DESC LIMIT 1",

    [S_USUAL_ADD] = "INSERT INTO usual VALUES(?1, ?2, ?3) ON CONFLICT(phase, accel) "
                    "DO UPDATE SET ms = ms + (?3 - ms) / 4",
    [S_USUAL_GET] = "SELECT ms FROM usual WHERE phase = ?1 AND accel = ?2",

    [S_DIRTY_LIST] = "SELECT reactor FROM dirty",
    [S_DIRTY_GET] = "SELECT 1 FROM dirty WHERE reactor = ?1",
    [S_DIRTY_MARK] = "INSERT OR IGNORE INTO dirty VALUES(?1)",
    [S_DIRTY_CLEAR] = "DELETE FROM dirty WHERE reactor = ?1",

    [S_WANT_ADD] = "INSERT OR IGNORE INTO network_wishes VALUES(?1)",
    [S_WANT_REMOVE] = "DELETE FROM network_wishes WHERE network = ?1",
    [S_WANT_GET] = "SELECT 1 FROM network_wishes WHERE network = ?1",
    [S_LEDGER_ADD] = "INSERT INTO network_ledger SELECT ?1, ifnull(max(number), 0) + 1, ?2, ?3 "
                     "FROM network_ledger WHERE network = ?1",
    [S_LEDGER_FIND] = "SELECT number FROM network_ledger WHERE network = ?1 AND line = ?2",
    [S_LEDGER_REMOVE] = "DELETE FROM network_ledger WHERE network = ?1 AND number = ?2",
    [S_LEDGER_BEFORE] = "SELECT number, line, undo FROM network_ledger WHERE network = ?1 AND "
                        "number < ?2 ORDER BY number DESC LIMIT 1",
    [S_LEDGER_HAND_OVER] =
        "UPDATE network_ledger SET undo = l.undo FROM network_ledger l WHERE l.network = ?1 AND "
        "l.number = ?2 AND network_ledger.line = l.line AND network_ledger.network = (SELECT "
        "min(o.network) FROM network_ledger o WHERE o.line = l.line AND o.network <> ?1)",
    [S_NIC_PUT] = "INSERT INTO nics(instance, number, network, mac, ip) VALUES(?1, ?2, ?3, ?4, ?5)",
    [S_NICS_REMOVE] = "DELETE FROM nics WHERE instance = ?1",
    [S_NIC_AFTER] = NIC_SELECT "instance = ?1 AND number > ?2 ORDER BY number LIMIT 1",
    [S_NIC_BY_MAC] = NIC_SELECT "mac = ?1",
    [S_NIC_LEASED] = "UPDATE nics SET leased = ?3 WHERE instance = ?1 AND number = ?2",
    [S_NETWORK_GUESTS] = "SELECT (SELECT count(*) FROM guests WHERE network = ?1) + "
                         "(SELECT count(*) FROM nics WHERE network = ?1)",
    [S_NETWORK_GUEST] = "SELECT name FROM guests WHERE id = (SELECT min(id) FROM (SELECT min(id) AS id "
                        "FROM guests WHERE network = ?1 UNION ALL SELECT min(instance) FROM nics "
                        "WHERE network = ?1))",
    [S_RESERVED_COUNT] = "SELECT (SELECT count(*) FROM reservations WHERE network = ?1) + "
                         "(SELECT count(*) FROM nics WHERE network = ?1 AND ip <> '')",
    [S_RESERVE] = "INSERT INTO reservations VALUES(?1, ?2, ?3) ON CONFLICT(instance) DO UPDATE "
                  "SET network = ?2, ip = ?3",
    [S_RESERVE_REMOVE] = "DELETE FROM reservations WHERE instance = ?1",
    [S_RESERVED_OF] = RESERVED_SELECT "r.instance = ?1",
    [S_RESERVED_AT] = RESERVED_SELECT "r.network = ?1 AND r.ip = ?2 UNION ALL " NIC_RESERVED_SELECT
                                      "r.network = ?1 AND r.ip = ?2",
    /* Each half by its own index, one row of it. */
    [S_RESERVED_AFTER] =
        "SELECT * FROM (" RESERVED_SELECT
        "r.network = ?1 AND r.instance > ?2 ORDER BY r.instance LIMIT 1) UNION ALL "
        "SELECT * FROM (" NIC_RESERVED_SELECT
        "r.network = ?1 AND r.instance > ?2 ORDER BY r.instance LIMIT 1) ORDER BY 1 LIMIT 1",

    /* Renamed, since iid and instance stand in several of them. */
    [S_JOB_GET] = "SELECT generation, state, ready, finished, resets, attempts, interruptions, "
                  "not_before_ms, heard_ms, run, outcome FROM jobs WHERE instance = ?1",
    [S_JOB_PUT] =
        "INSERT INTO jobs VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
        "ON CONFLICT(instance) DO UPDATE SET generation = ?2, state = ?3, ready = ?4, "
        "finished = ?5, resets = ?6, attempts = ?7, interruptions = ?8, not_before_ms = ?9, "
        "heard_ms = ?10, run = ?11, outcome = ?12",
    [S_JOB_REMOVE] = "DELETE FROM jobs WHERE instance = ?1",
    [S_JOBS_DUE] = "SELECT instance FROM jobs INDEXED BY jobs_due WHERE state = 0 AND ready = ?1 "
                   "AND not_before_ms <= ?2 ORDER BY not_before_ms LIMIT ?3",
    [S_JOBS_NEXT] = "SELECT min(not_before_ms) FROM jobs INDEXED BY jobs_due WHERE state = 0 AND "
                    "ready = ?1",
    [S_JOBS_CAP] = "UPDATE jobs SET not_before_ms = ?1 WHERE state = 0 AND not_before_ms > ?1",
    [S_JOBS_COUNT] = "SELECT state, count(*) FROM jobs GROUP BY state",
    [S_RUN_ADD] = "INSERT INTO runs VALUES(NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, 0, 0, 0, "
                  "0, '', '', '')",
    [S_RUN_LAST] = "SELECT max(id) FROM runs",
    [S_RUN_PUT] = "UPDATE runs SET state = ?2, interruptions = ?3, started_ms = ?4, ended_ms = ?5, "
                  "pid = ?6, start_time = ?7, boot_id = ?8, how = ?9, reason = ?10 WHERE id = ?1",
    [S_RUN_GET] = RUN_SELECT "id = ?1",
    [S_RUN_AFTER_OPEN] = RUN_SELECT "state <> 2 AND id > ?1 ORDER BY id LIMIT 1",
    [S_RUN_BEFORE] = RUN_SELECT "id < ?1 ORDER BY id DESC LIMIT 1",
    [S_RUN_BEFORE_OF] = RUN_SELECT "id = (SELECT max(run) FROM run_hosts WHERE instance = ?2 AND "
                                   "run < ?1)",
    /* The oldest one that is done. */
    [S_RUN_OLD] = "SELECT id FROM runs WHERE state = 2 AND (ended_ms < ?1 OR id <= (SELECT id FROM "
                  "runs ORDER BY id DESC LIMIT 1 OFFSET ?2)) ORDER BY id LIMIT 1",
    [S_RUN_REMOVE] = "DELETE FROM runs WHERE id = ?1",
    [S_RUN_HOST_PUT] =
        "INSERT INTO run_hosts VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
        "ON CONFLICT(run, name) DO UPDATE SET outcome = ?5, task = ?6, message = ?7, ok = ?8, "
        "changed = ?9, failed = ?10, skipped = ?11, duration_ms = ?12",
    [S_RUN_HOST_AFTER] = "SELECT name, instance, generation, outcome, task, message, ok, changed, "
                         "failed, skipped, duration_ms FROM run_hosts WHERE run = ?1 AND "
                         "name > ?2 ORDER BY name LIMIT 1",
    [S_HOSTS] = "SELECT " GUEST_COLUMNS ", key_iid, rsa, ecdsa, ed25519, dsa, json FROM guests "
                "LEFT JOIN (SELECT instance AS key_of, iid AS key_iid, rsa, ecdsa, ed25519, dsa "
                "FROM hostkeys) ON key_of = id "
                "CROSS JOIN (SELECT instance AS spec_of, json FROM specs) ON spec_of = id "
                "WHERE ever_home OR sealed ORDER BY name",

    [S_GUEST_BY_UUID] = GUEST_SELECT "uuid = ?1",
    [S_GUEST_BY_SERIAL] = GUEST_SELECT "id = (SELECT instance FROM serials WHERE serial = ?1)",
    [S_SERIAL_PUT] = "INSERT INTO serials VALUES(?1, ?2)",
    [S_GUEST_INSERT_AT] = "INSERT INTO guests(name, tag, iid, generation, epoch, uuid, mac, launcher, "
                          "network, id) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [S_TRASH_PUT] = "INSERT INTO trash VALUES(NULL, ?1, ?2, ?3, ?4, ?5, ?6)",
    [S_TRASH_AFTER] = "SELECT id, name, removed_ms, bytes, actor FROM trash WHERE id > ?1 "
                      "ORDER BY id LIMIT 1",
    [S_TRASH_GET] = "SELECT id, name, removed_ms, bytes, actor, spec, record FROM trash "
                    "WHERE id = ?1",
    [S_TRASH_REMOVE] = "DELETE FROM trash WHERE id = ?1",
    [S_TRASH_SUM] = "SELECT count(*), coalesce(sum(bytes), 0) FROM trash",
    [S_GUEST_RENAME] = "UPDATE guests SET name = ?2, seed_version = 0 WHERE id = ?1",
    [S_IID_HELD] = "SELECT 1 FROM guests INDEXED BY guests_renamed WHERE "
                   "iid <> 'iid-' || name || '-' || generation AND iid = ?1",
    [S_MOVE_PUT] = "INSERT INTO moves(origin, target) VALUES(?1, ?2)",
    [S_MOVE_REMOVE] = "DELETE FROM moves WHERE id = ?1",
    [S_MOVE_AFTER] = "SELECT id, origin, target FROM moves WHERE id > ?1 ORDER BY id LIMIT 1",
    [S_MOVE_OF] = "SELECT 1 FROM moves WHERE origin = ?1 OR target = ?1",
    [S_GRANT_PUT] = "INSERT INTO grants VALUES(?1, ?2)",
    [S_GRANT_GET] = "SELECT ip FROM grants WHERE instance = ?1",
    [S_GRANT_AT] = "SELECT min(instance), count(*) FROM grants WHERE ip = ?1",
    [S_GRANT_REMOVE] = "DELETE FROM grants WHERE instance = ?1",
    [S_GRANT_COUNT] = "SELECT count(*) FROM grants",
    [S_MOVED_PUT] = "INSERT OR REPLACE INTO moved VALUES(?1, ?2, ?3, ?4)",
    [S_MOVED_GET] = "SELECT seed, post FROM moved WHERE instance = ?1 AND iid = ?2",
    [S_ACCOUNT_PUT] = "INSERT INTO accounts VALUES(?1, ?2, ?3) "
                      "ON CONFLICT(instance) DO UPDATE SET login = ?2, key = ?3",
    [S_ACCOUNT_GET] = "SELECT login, key FROM accounts WHERE instance = ?1",
    [S_ACCOUNT_REMOVE] = "DELETE FROM accounts WHERE instance = ?1",
    [S_DRIVE_CLEAR] = "DELETE FROM drive_files WHERE instance = ?1",
    [S_DRIVE_PUT] = "INSERT OR REPLACE INTO drive_files VALUES(?1, ?2, ?3, ?4)",
    [S_DRIVE_GET] = DRIVE_SELECT "instance = ?1 AND file = ?2",
    [S_DRIVE_AFTER] = DRIVE_SELECT "(instance, file) > (?1, ?2) ORDER BY instance, file LIMIT 1",
    [S_FORWARDS_AFTER] = "SELECT instance, g.name, json_extract(json, '$.forwards') FROM specs "
                         "JOIN guests g ON g.id = instance WHERE instance > ?1 AND "
                         "json_extract(json, '$.forwards') IS NOT NULL ORDER BY instance LIMIT 1",
};

const char *store_sql(enum stmt id)
{
    return sql[id];
}
