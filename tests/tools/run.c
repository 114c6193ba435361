/* The runner as a program, for tests/integration/test_ansible_runner.py:
 *   run SPEC.json start   starts it, prints "started PID", waits, prints how it ended (SIGTERM
 * cancels) run SPEC.json find    what a restarted roost finds: "never", "busy", or as `start` goes
 * on SPEC: {"run": DIRECTORY, "helper", "program", "playbook", "directory", "inventories": [PATH…],
 * "hosts": [NAME…], "cfg", "plugins", "known_hosts", "control_dir", "limit_ms", "task_ms",
 * "log_max", "forks", "verbosity"}; the directories are there. */
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ansible/plugin.h"
#include "ansible/runner.h"
#include "base/cleanup.h"
#include "base/file.h"

#define HOSTS_MAX 64

struct tool {
    struct loop *loop;
    struct runner *runner;
    const char *run;
    struct name hosts[HOSTS_MAX];
    int n;
};

static json_t *host_json(const struct outcome_host *h)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:[iiiiiii]}", "state", outcome_name(h->state), "task",
                     h->task, "message", h->message, "ms", (json_int_t)h->duration_ms, "counts",
                     (int)h->counts.ok, (int)h->counts.changed, (int)h->counts.unreachable,
                     (int)h->counts.failed, (int)h->counts.skipped, (int)h->counts.rescued,
                     (int)h->counts.ignored);
}

static void print_end(const struct runner_end *end, void *arg)
{
    struct tool *t = arg;
    struct outcomes *o = runner_outcomes(t->run, t->hosts, t->n, NULL);
    json_t *hosts = json_object();

    for (int i = 0; i < outcomes_count(o); i++)
        json_object_set_new(hosts, outcomes_get(o, i)->host.s, host_json(outcomes_get(o, i)));
    json_t *j = json_pack("{s:s, s:i, s:i, s:I, s:b, s:s, s:o, s:b, s:b, s:i}", "how",
                          runner_how_name(end->how), "exit", end->exit_code, "signal", end->signal,
                          "ms", (json_int_t)end->took_ms, "log_lost", end->log_lost, "reason",
                          end->reason, "hosts", hosts, "begun", outcomes_begun(o), "complete",
                          outcomes_complete(o), "refused", (int)outcomes_refused(o));
    json_dumpf(j, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(j);
    outcomes_free(o);
    loop_stop(t->loop);
}

static const char *text(const json_t *spec, const char *key)
{
    const char *s = json_string_value(json_object_get(spec, key));

    return s ? s : "";
}

static int64_t number(const json_t *spec, const char *key)
{
    return json_integer_value(json_object_get(spec, key));
}

static void cancel(int signo, void *arg)
{
    (void)signo;
    runner_cancel(((struct tool *)arg)->runner, NULL);
}

static int write_limit(struct tool *t, int dir, struct err *e)
{
    auto_buf struct buf limit = BUF_INIT;

    ansible_limit_render(t->hosts, t->n, &limit);
    return file_replace(dir, "limit", buf_str(&limit), limit.len, 0600, NULL, e);
}

static int start(struct tool *t, const json_t *spec, struct err *e)
{
    const char *inventories[8] = { NULL };
    const json_t *list = json_object_get(spec, "inventories");
    char limit[4096];
    auto_close int dir = open(t->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_close int plugins = open(text(spec, "plugins"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0 || plugins < 0)
        return err_sys(e, "%s", t->run);
    for (size_t i = 0; i < json_array_size(list) && i + 1 < ARRAY_SIZE(inventories); i++)
        inventories[i] = json_string_value(json_array_get(list, i));
    snprintf(limit, sizeof(limit), "%s/limit", t->run);
    const struct ansible_run run = { .program = text(spec, "program"),
                                     .playbook = text(spec, "playbook"),
                                     .directory = text(spec, "directory"),
                                     .inventories = inventories,
                                     .limit = limit,
                                     .cfg = text(spec, "cfg"),
                                     .plugins = text(spec, "plugins"),
                                     .known_hosts = text(spec, "known_hosts"),
                                     .control_dir = text(spec, "control_dir"),
                                     .tmp = t->run,
                                     .ssh_key = text(spec, "ssh_key"),
                                     .forks = (unsigned)number(spec, "forks"),
                                     .verbosity = (unsigned)number(spec, "verbosity"),
                                     .connect_s = 10,
                                     .task_ms = number(spec, "task_ms") };
    const struct runner_opts opts = { text(spec, "helper"), t->run, number(spec, "limit_ms"),
                                      (uint64_t)number(spec, "log_max") };
    if (plugin_write(plugins, NULL, e) < 0 || write_limit(t, dir, e) < 0 ||
        !(t->runner = runner_start(t->loop, &run, &opts, print_end, t, e)))
        return -1;
    printf("started %d\n", (int)runner_id(t->runner)->pid);
    fflush(stdout);
    return loop_run(t->loop, e);
}

static int find(struct tool *t, struct err *e)
{
    struct runner_id id;
    struct runner_end end;
    int found = runner_find(t->run, &id, &end, e);

    if (found < 0 && e->kind != ERR_BUSY)
        return -1;
    if (found < 0 || found == RUNNER_NEVER) {
        puts(found < 0 ? "busy" : "never");
        return 0;
    }
    if (found == RUNNER_ENDED) {
        print_end(&end, t);
        return 0;
    }
    if (!(t->runner = runner_adopt(t->loop, t->run, &id, print_end, t, e)))
        return -1;
    printf("adopted %d\n", (int)id.pid);
    fflush(stdout);
    return loop_run(t->loop, e);
}

int main(int argc, char **argv)
{
    struct tool t = { 0 };
    struct err e = { 0 };
    json_t *spec = argc == 3 ? json_load_file(argv[1], 0, NULL) : NULL;
    const json_t *hosts = json_object_get(spec, "hosts");

    if (!spec || !(t.loop = loop_new(&e)))
        return 2;
    t.run = text(spec, "run");
    for (size_t i = 0; i < json_array_size(hosts) && i < HOSTS_MAX; i++)
        snprintf(t.hosts[t.n++].s, sizeof(t.hosts[0].s), "%s",
                 json_string_value(json_array_get(hosts, i)));
    loop_signal(t.loop, SIGTERM, cancel, &t, NULL);
    int r = strcmp(argv[2], "find") == 0 ? find(&t, &e) : start(&t, spec, &e);
    if (r < 0)
        fprintf(stderr, "%s: %s\n", err_kind_name(e.kind), e.text);
    loop_free(t.loop);
    json_decref(spec);
    return r < 0;
}
