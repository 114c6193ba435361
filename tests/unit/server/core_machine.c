/* Starts, ends and everything in between, as roostd and a fake QEMU's QMP tell them. */
#include <sys/socket.h>
#include <sys/un.h>

#include "core_help.h"
#include "server/store_priv.h"

#define WEB "\"web\": {\"image\": \"k\"}"

/* ---- a QMP that says yes to everything ---- */

static struct {
    int listener, conn;
    char heard[65536];
    size_t len;
} qmp;

static void qmp_up(const char *name)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct name n;
    char path[PATH_SIZE];

    snprintf(n.s, sizeof n.s, "%s", name);
    memset(&qmp, 0, sizeof qmp);
    qmp.conn = -1;
    must(dir_make_all(rig.core->config.run, 0700, e));
    layout_socket(rig.core->config.run, &n, SUFFIX_QMP, path);
    unlink(path);
    assert_true(strlen(path) < sizeof at.sun_path);
    memcpy(at.sun_path, path, strlen(path) + 1);
    qmp.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(qmp.listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(qmp.listener, 4), 0);
}

static void qmp_down(void)
{
    close(qmp.listener);
    if (qmp.conn >= 0)
        close(qmp.conn);
    qmp.conn = -1;
}

static void qmp_say(const char *line)
{
    assert_int_equal(write(qmp.conn, line, strlen(line)), (ssize_t)strlen(line));
}

static void qmp_reply(const json_t *j)
{
    const char *hmp =
        json_string_value(json_object_get(json_object_get(j, "arguments"), "command-line"));
    const char *text =
        !hmp ? "{}"
        : !strcmp(hmp, "info usernet")
            ? "\"Hub -1 (net0):\\r\\n  TCP[HOST_FORWARD]  12    127.0.0.1 34567       10.0.2.15    22     0     0\""
            : "\"\"";
    char line[256];

    snprintf(line, sizeof line, "{\"return\": %s, \"id\": %lld}\r\n", text,
             (long long)json_integer_value(json_object_get(j, "id")));
    qmp_say(line);
}

/* Answers what came; true when something did. */
static void qmp_serve(void)
{
    char *at = qmp.heard + qmp.len, *nl;
    ssize_t n;

    if (qmp.conn < 0 &&
        (qmp.conn = accept4(qmp.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        qmp_say("{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n");
    if (qmp.conn < 0 || (n = read(qmp.conn, at, sizeof qmp.heard - qmp.len - 1)) <= 0)
        return;
    qmp.len += n;
    for (at[n] = '\0'; (nl = strchr(at, '\n')); at = nl + 1) {
        json_t *j = json_loadb(at, nl - at, 0, NULL);
        assert_non_null(j);
        qmp_reply(j);
        json_decref(j);
    }
}

#define until_served(condition)                                                                    \
    do {                                                                                           \
        for (int turns_ = 0; !(condition); turns_++) {                                             \
            if (turns_ == TURNS_MAX)                                                               \
                fail_msg("it does not come about: %s", #condition);                                \
            qmp_serve();                                                                           \
            must(loop_turn(rig.loop, 20, e));                                                      \
        }                                                                                          \
    } while (0)

static enum err_kind start(const char *name)
{
    return operate(core_start(rig.core, name, &tester, answered, &rig.answer));
}

static struct machine *machine(const char *name)
{
    return machine_by_name(rig.core, name);
}

/* ---- starts ---- */

static void starts(void **state)
{
    (void)state;
    define(WEB);
    assert_int_equal(start("web"), ERR_NONE);
    struct guest g = guest("web");
    assert_int_equal(g.standing.phase, PHASE_LAUNCHED);
    assert_true(g.launch_id && g.launch_id == rig.launch.launch_id);
    assert_int_equal(g.boots, 1);
    assert_int_equal(events("web", EV_LAUNCHING).n, 1);
    assert_int_equal(start("web"), ERR_CONFLICT);
    assert_int_equal(rig.launches, 1);
}

/* Together they get what they may, and no more unless somebody says so. */
static void memory_is_limited(void **state)
{
    (void)state;
    define("\"web\": {\"image\": \"k\", \"memory\": \"600M\"}, \"db\": {\"image\": \"k\", \"memory\": \"600M\"}");
    rig.core->config.memory_limit = 1ull << 30;
    assert_int_equal(start("web"), ERR_NONE);
    assert_int_equal(start("db"), ERR_CONFLICT);
    assert_non_null(strstr(rig.answer.err.text, "instance db: it is to have 600 MiB of memory, 1 guest runs "
                                                "already with 600 MiB, and [launch] memory-limit is "
                                                "1.0 GiB"));
    assert_int_equal(rig.launches, 1);
    assert_int_equal(guest("db").standing.phase, PHASE_DEFINED);
    rig.core->config.memory_limit = 0; /* the host's, nearly all of which is kept */
    rig.core->config.memory_reserve = UINT64_C(1) << 60;
    assert_int_equal(start("db"), ERR_CONFLICT);
    assert_non_null(strstr(rig.answer.err.text, "of which 1.0 EiB are kept for other things"));
    assert_int_equal(operate(core_start_anyway(rig.core, "db", &tester, answered, &rig.answer)),
                     ERR_NONE);
    assert_int_equal(rig.launches, 2);
}

/* Who runs with what it has by now may come back; more than that is refused while it still runs. */
static void memory_of_a_restart(void **state)
{
    (void)state;
    define("\"web\": {\"image\": \"k\", \"memory\": \"600M\"}");
    assert_int_equal(start("web"), ERR_NONE);
    rig.core->config.memory_limit = 512ull << 20;
    assert_int_equal(operate(core_rebuild(rig.core, "web", &tester, answered, &rig.answer)),
                     ERR_NONE);
    assert_int_equal(rig.launches, 2);
    define("\"web\": {\"image\": \"k\", \"memory\": \"700M\"}");
    assert_int_equal(operate(core_rebuild(rig.core, "web", &tester, answered, &rig.answer)),
                     ERR_CONFLICT);
    assert_int_equal(guest("web").generation, 2);
    assert_true(phase_is_running(guest("web").standing.phase));
    assert_int_equal(operate(core_rebuild_anyway(rig.core, "web", &tester, answered, &rig.answer)),
                     ERR_NONE);
    assert_int_equal(rig.launches, 3);
}

/* The verb goes out after the intent is on disk, no sooner. */
static void intent_comes_first(void **state)
{
    (void)state;
    define(WEB);
    rig.silent = true;
    core_start(rig.core, "web", &tester, answered, &rig.answer);
    until(rig.launches);
    struct store *reader;
    struct guest g;
    must(store_open_reader(rig.dir, &reader, e));
    must(store_guest_by_name(reader, "web", &g, e));
    store_close(reader);
    assert_int_equal(g.standing.phase, PHASE_STARTING);
    assert_true(g.launch_id == rig.launch.launch_id);
    /* A core that goes now is asked by the next one, and nothing runs. */
    core_down();
    core_up();
    assert_int_equal(rig.asked, 1);
    assert_int_equal(phase("web"), PHASE_FAILED);
    assert_non_null(strstr(guest("web").standing.note, "while starting"));
}

static void a_failed_launch_says_why(void **state)
{
    (void)state;
    define(WEB);
    rig.launch_fails = true;
    assert_int_equal(start("web"), ERR_IO);
    assert_non_null(strstr(rig.answer.err.text, "no room for its memory"));
    assert_int_equal(phase("web"), PHASE_FAILED);
    assert_true(guest("web").launch_id == 0);
    assert_null(machine("web"));
    rig.launch_fails = false;
    assert_int_equal(start("web"), ERR_NONE);
}

/* ---- ends ---- */

static void killed_by_somebody(void **state)
{
    (void)state;
    define(WEB);
    assert_int_equal(start("web"), ERR_NONE);
    tell_exited("web", rig.launch.launch_id, true, 9);
    until(phase("web") == PHASE_FAILED && !machine("web"));
    assert_int_equal(events("web", EV_FAILED).n, 1);
    /* Word of another launch changes nothing. */
    assert_int_equal(start("web"), ERR_NONE);
    tell_exited("web", rig.launch.launch_id + 1, true, 9);
    settle();
    assert_int_equal(phase("web"), PHASE_LAUNCHED);
}

/* What QMP says last is the reason, and it is heard although the process is gone already. */
static void shut_itself_down(void **state)
{
    (void)state;
    define(WEB);
    qmp_up("web");
    assert_int_equal(start("web"), ERR_NONE);
    until_served(machine("web")->qmp_ready && guest("web").address.port == 34567);
    qmp_say("{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": "
            "\"guest-shutdown\"}}\r\n");
    tell_exited("web", rig.launch.launch_id, true, 0);
    settle();
    qmp_down();
    until(!machine("web"));
    assert_int_equal(phase("web"), PHASE_FAILED); /* at once, and nobody had heard of it */
    assert_non_null(strstr(guest("web").standing.note, " after its launch, unheard: the guest shut itself down"));
}

static void shut_itself_down_later(void **state)
{
    (void)state;
    define(WEB);
    qmp_up("web");
    assert_int_equal(start("web"), ERR_NONE);
    until_served(machine("web")->qmp_ready && guest("web").address.port == 34567);
    assert_int_equal(home("web", "iid-web-1", KEY_A), 200);
    qmp_say("{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": "
            "\"guest-shutdown\"}}\r\n");
    tell_exited("web", rig.launch.launch_id, true, 0);
    settle();
    qmp_down();
    until(!machine("web"));
    assert_int_equal(phase("web"), PHASE_STOPPED);
    assert_string_equal(guest("web").standing.note, "the guest shut itself down");
}

/* Ended for its loop, and roost ends as well before that is on record: the next one knows why. */
static void a_loop_is_known_to_the_next_roost(void **state)
{
    (void)state;
    define(WEB);
    qmp_up("web");
    assert_int_equal(start("web"), ERR_NONE);
    until_served(machine("web")->qmp_ready && guest("web").address.port == 34567);
    rig.core->config.restarts_max = 1;
    rig.silent_kill = true;
    qmp_say("{\"event\": \"RESET\", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\r\n");
    until(rig.kills);
    assert_int_equal(phase("web"), PHASE_STOPPING);
    core_down();
    rig.runs = 0; /* it is gone meanwhile */
    core_up();
    until(phase("web") == PHASE_FAILED);
    assert_non_null(strstr(guest("web").standing.note, "restarted 1 time within 0s: a loop, which roost has ended"));
    rig.silent_kill = false;
    assert_int_equal(start("web"), ERR_NONE); /* which is an end that was asked for */
    assert_int_equal(operate(core_stop(rig.core, "web", true, &tester, answered, &rig.answer)), ERR_NONE);
    assert_int_equal(phase("web"), PHASE_STOPPED);
    qmp_down();
}

static void stops_gracefully(void **state)
{
    (void)state;
    define(WEB);
    qmp_up("web");
    assert_int_equal(start("web"), ERR_NONE);
    /* Asked before QMP is there: it waits for it instead of killing. */
    rig.answer.calls = 0;
    core_stop(rig.core, "web", false, &tester, answered, &rig.answer);
    until_served(strstr(qmp.heard, "system_powerdown"));
    assert_int_equal(rig.kills, 0);
    assert_int_equal(phase("web"), PHASE_STOPPING);
    qmp_down();
    tell_exited("web", rig.launch.launch_id, true, 0);
    until(rig.answer.calls);
    assert_int_equal(rig.answer.err.kind, ERR_NONE);
    assert_int_equal(phase("web"), PHASE_STOPPED);
}

static void force_after_graceful(void **state)
{
    (void)state;
    struct answer first = { 0 };
    define(WEB);
    qmp_up("web");
    assert_int_equal(start("web"), ERR_NONE);
    core_stop(rig.core, "web", false, &tester, answered, &first);
    until_served(strstr(qmp.heard, "system_powerdown"));
    rig.answer.calls = 0;
    core_stop(rig.core, "web", true, &tester, answered, &rig.answer);
    until_served(rig.kills);
    qmp_down();
    until(rig.answer.calls && first.calls);
    assert_int_equal(rig.answer.err.kind, ERR_NONE);
    assert_string_equal(guest("web").standing.note, "killed as asked");
    assert_int_equal(phase("web"), PHASE_STOPPED);
}

/* Stop that comes while roostd has not answered yet: carried out when it has. */
static void stop_while_launching(void **state)
{
    (void)state;
    struct answer started = { 0 };
    define(WEB);
    rig.silent = true;
    core_start(rig.core, "web", &tester, answered, &started);
    until(rig.launches);
    rig.answer.calls = 0;
    core_stop(rig.core, "web", true, &tester, answered, &rig.answer);
    settle();
    assert_int_equal(rig.kills, 0);
    assert_int_equal(phase("web"), PHASE_STOPPING);
    tell_launched(P_LAUNCHED, "web", rig.launch.launch_id);
    until(rig.answer.calls && started.calls);
    assert_int_equal(rig.kills, 1);
    assert_int_equal(phase("web"), PHASE_STOPPED);
    assert_null(machine("web"));
}

static void resets_are_counted_within_reason(void **state)
{
    (void)state;
    define(WEB);
    qmp_up("web");
    assert_int_equal(start("web"), ERR_NONE);
    until_served(machine("web")->qmp_ready && guest("web").address.port);
    assert_int_equal(home("web", "iid-web-1", KEY_A), 200);
    for (int i = 0; i < 200; i++)
        qmp_say(
            "{\"event\": \"RESET\", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\r\n");
    until(phase("web") == PHASE_LAUNCHED);
    settle();
    assert_in_range(events("web", EV_RESTARTED).n, 1, 10);
    assert_int_equal(home("web", "iid-web-1", KEY_A), 200);
    assert_int_equal(events("web", EV_HOMED_AGAIN).n, 1);
    qmp_down();
}

/* ---- roost goes and comes ---- */

static void is_adopted(void **state)
{
    (void)state;
    define(WEB);
    assert_int_equal(start("web"), ERR_NONE);
    assert_int_equal(home("web", "iid-web-1", KEY_A), 200);
    rig.runs = rig.launch.launch_id;
    core_down();
    core_up();
    assert_int_equal(phase("web"), PHASE_HOMED);
    assert_int_equal(machine("web")->state, MACHINE_RUNNING);
    assert_int_equal(start("web"), ERR_CONFLICT);
    tell_exited("web", rig.runs, false, 0);
    until(!machine("web"));
    assert_true(phase("web") == PHASE_STOPPED || phase("web") == PHASE_FAILED);
}

/* Not on record as running, and yet it does: looked after from then on, by the next core too. */
static void a_stranger_is_adopted_for_good(void **state)
{
    (void)state;
    define(WEB);
    rig.silent = true;
    core_start(rig.core, "web", &tester, answered, &rig.answer);
    until(rig.launches);
    rig.runs = 77;
    auto_buf struct buf b = BUF_INIT;
    struct error_msg v = { .instance = rig.launch.instance,
                           .launch_id = rig.launch.launch_id,
                           .kind = ERR_CONFLICT,
                           .text = "one runs already" };
    error_msg_encode(&v, &b);
    tell(P_LAUNCH_FAILED, 1, &b);
    until(machine("web") && machine("web")->state == MACHINE_RUNNING);
    settle();
    assert_true(guest("web").launch_id == 77);
    core_down();
    core_up();
    assert_int_equal(rig.asked, 2);
    assert_non_null(machine("web"));
}

static void a_stop_goes_on_after_a_restart(void **state)
{
    (void)state;
    define(WEB);
    qmp_up("web");
    assert_int_equal(start("web"), ERR_NONE);
    struct answer stopped = { 0 };
    core_stop(rig.core, "web", false, &tester, answered, &stopped);
    until_served(strstr(qmp.heard, "system_powerdown"));
    rig.runs = rig.launch.launch_id;
    qmp_down();
    qmp_up("web");
    core_down();
    assert_int_equal(stopped.calls, 1); /* told that roost stops, once */
    core_up();
    until_served(strstr(qmp.heard, "system_powerdown"));
    qmp_down();
    tell_exited("web", rig.runs, false, 0);
    until(!machine("web"));
    assert_int_equal(phase("web"), PHASE_STOPPED);
}

static void gone_while_roost_was_away(void **state)
{
    (void)state;
    define(WEB);
    assert_int_equal(start("web"), ERR_NONE);
    core_down();
    core_up();
    assert_int_equal(phase("web"), PHASE_FAILED);
    assert_non_null(strstr(guest("web").standing.note, "roost was away"));
}

/* An end that cannot be written is not forgotten. */
static void an_end_is_recorded_in_the_end(void **state)
{
    (void)state;
    define(WEB);
    assert_int_equal(start("web"), ERR_NONE);
    tell_exited("web", rig.launch.launch_id, true, 9);
    must(loop_turn(rig.loop, 0, e)); /* it is on its way */
    must(core_write(rig.core, true, e));
    rig.core->store->doomed = true; /* as after a failed write in the very turn that hears of it */
    until(machine("web")->state == MACHINE_ENDED);
    assert_int_equal(phase("web"), PHASE_LAUNCHED);
    loop_timer_set(machine("web")->end_timer, 0);
    until(!machine("web"));
    assert_int_equal(phase("web"), PHASE_FAILED);
}

/* ---- rebuild, remove ---- */

static bool there(const char *file)
{
    char path[160];

    snprintf(path, sizeof path, "%s/instances/web/%s", rig.dir, file);
    return access(path, F_OK) == 0;
}

static void touch(const char *file)
{
    char path[160];

    snprintf(path, sizeof path, "%s/instances/web/%s", rig.dir, file);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_true(there(file));
}

static void a_rebuild_replaces_the_disk(void **state)
{
    (void)state;
    define(WEB);
    assert_int_equal(start("web"), ERR_NONE);
    touch(FILE_DISK);
    uint64_t first = rig.launch.launch_id;
    assert_int_equal(operate(core_rebuild(rig.core, "web", &tester, answered, &rig.answer)),
                     ERR_NONE);
    assert_false(there(FILE_DISK));
    assert_int_equal(rig.launches, 2);
    assert_true(rig.launch.launch_id != first);
    assert_string_equal(guest("web").iid, "iid-web-2");
    assert_int_equal(phase("web"), PHASE_LAUNCHED);
}

/* A crash between the record of a rebuild and the end of the old disk: it is never booted again. */
static void a_rebuild_survives_a_crash(void **state)
{
    (void)state;
    define(WEB);
    assert_int_equal(start("web"), ERR_NONE);
    assert_int_equal(operate(core_stop(rig.core, "web", true, &tester, answered, &rig.answer)),
                     ERR_NONE);
    assert_int_equal(operate(core_rebuild(rig.core, "web", &tester, answered, &rig.answer)),
                     ERR_NONE);
    touch(FILE_DISK); /* as if it had not come to that */
    assert_int_equal(start("web"), ERR_NONE);
    assert_false(there(FILE_DISK));
    /* A disk of this generation stays. */
    assert_int_equal(operate(core_stop(rig.core, "web", true, &tester, answered, &rig.answer)),
                     ERR_NONE);
    touch(FILE_DISK);
    assert_int_equal(start("web"), ERR_NONE);
    assert_true(there(FILE_DISK));
}

static void removal(void **state)
{
    (void)state;
    char key[48], text[48];
    struct guest g;
    define(WEB);
    assert_int_equal(start("web"), ERR_NONE);
    touch(FILE_DISK);
    snprintf(key, sizeof key, "disk:%lld", (long long)guest("web").id);
    must(store_meta_get(rig.core->store, key, text, sizeof text, e));
    assert_int_equal(operate(core_remove(rig.core, "web", false, &tester, answered, &rig.answer)),
                     ERR_CONFLICT);
    assert_int_equal(operate(core_remove(rig.core, "web", true, &tester, answered, &rig.answer)),
                     ERR_NONE);
    assert_int_equal(store_guest_by_name(rig.core->store, "web", &g, NULL), -1);
    assert_false(there(""));
    assert_null(machine("web"));
    assert_int_equal(store_meta_get(rig.core->store, key, text, sizeof text, NULL), -1);
    assert_int_equal(operate(core_remove(rig.core, "web", true, &tester, answered, &rig.answer)),
                     ERR_NOT_FOUND);
}

/* Two that wait for the same end: one removes, one starts again. Whoever is second is told. */
static void restart_and_remove_together(void **state)
{
    (void)state;
    struct answer restarted = { 0 };
    define(WEB);
    assert_int_equal(start("web"), ERR_NONE);
    rig.answer.calls = 0;
    core_restart(rig.core, "web", &tester, answered, &restarted);
    core_remove(rig.core, "web", true, &tester, answered, &rig.answer);
    until(rig.answer.calls && restarted.calls);
    assert_int_equal(rig.answer.calls + restarted.calls, 2);
    bool removed = rig.answer.err.kind == ERR_NONE;
    assert_true(removed != (restarted.err.kind == ERR_NONE));
    assert_true(removed == !there(""));
    assert_true(removed == !machine("web"));
}

static void the_end_of_roost_ends_whoever_waits(void **state)
{
    (void)state;
    struct answer started = { 0 }, synced = { 0 }, probed = { 0 };
    define(WEB);
    rig.silent = true;
    core_start(rig.core, "web", &tester, answered, &started);
    core_sync(rig.core, &tester, answered, &synced);
    core_reprobe(rig.core, answered, &probed);
    until(rig.launches);
    core_down();
    assert_int_equal(started.calls, 1);
    assert_int_equal(synced.calls, 1);
    assert_int_equal(probed.calls, 1);
    assert_int_equal(started.err.kind, ERR_BUSY);
    json_decref(synced.result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CORE(starts),
        WITH_CORE(memory_is_limited),
        WITH_CORE(memory_of_a_restart),
        WITH_CORE(intent_comes_first),
        WITH_CORE(a_failed_launch_says_why),
        WITH_CORE(killed_by_somebody),
        WITH_CORE(shut_itself_down),
        WITH_CORE(shut_itself_down_later),
        WITH_CORE(a_loop_is_known_to_the_next_roost),
        WITH_CORE(stops_gracefully),
        WITH_CORE(force_after_graceful),
        WITH_CORE(stop_while_launching),
        WITH_CORE(resets_are_counted_within_reason),
        WITH_CORE(is_adopted),
        WITH_CORE(a_stranger_is_adopted_for_good),
        WITH_CORE(a_stop_goes_on_after_a_restart),
        WITH_CORE(gone_while_roost_was_away),
        WITH_CORE(an_end_is_recorded_in_the_end),
        WITH_CORE(a_rebuild_replaces_the_disk),
        WITH_CORE(a_rebuild_survives_a_crash),
        WITH_CORE(removal),
        WITH_CORE(restart_and_remove_together),
        WITH_CORE(the_end_of_roost_ends_whoever_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
