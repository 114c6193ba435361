/* What is on record of runs: what came of them, their hosts; and old ones, which go. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_ansible.h"

#define PRUNE_A_TURN 64

static const char *const good[] = { "ok", "changed", "skipped" };

bool outcome_is_good(const char *outcome)
{
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        if (strcmp(good[i], outcome) == 0)
            return true;
    return false;
}

bool ansible_configured(struct core *c, const struct guest *g)
{
    struct job j;

    return store_job_get(c->store, g->id, &j, NULL) == 1 && j.generation == g->generation &&
           j.state == JOB_DONE && outcome_is_good(j.outcome);
}

struct loading {
    struct run_host *list;
    int n, size;
};

static int load_host(const struct run_host *h, void *arg)
{
    struct loading *l = arg;

    if (l->n == l->size) {
        int size = l->size ? 2 * l->size : 16;
        struct run_host *list = reallocarray(l->list, (size_t)size, sizeof *list);
        if (!list)
            return -1;
        l->list = list;
        l->size = size;
    }
    l->list[l->n++] = *h;
    return 0;
}

int run_hosts_load(struct core *c, int64_t run, struct run_host **ret, int *ret_n, struct err *e)
{
    struct loading l = { 0 };

    err_set(e, ERR_INTERNAL, "out of memory");
    if (store_run_hosts(c->store, run, load_host, &l, e) < 0) {
        free(l.list);
        return -1;
    }
    *ret = l.list;
    *ret_n = l.n;
    return 0;
}

/* Old ones go, with their directories. */
void runs_prune(struct core *c)
{
    char dir[PATH_SIZE], name[24];
    int64_t id = 0, before = loop_now(c->loop).real_ms - c->config.runs_age;
    struct err e;
    int n = 0;

    snprintf(dir, sizeof dir, "%.4000s/" DIR_RUNS, c->config.state);
    auto_close int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; at >= 0 && i < PRUNE_A_TURN; i++) {
        if (core_write(c, false, &e) < 0 ||
            (n = store_run_forget(c->store, before, c->config.runs_kept, &id, &e)) <= 0)
            break;
        snprintf(name, sizeof name, "%lld", (long long)id);
        if (dir_remove(at, name, &e) < 0)
            log_warn("run %lld: %s", (long long)id, e.text);
    }
    if (n < 0)
        core_fault(c, "runs of Ansible: %s", e.text);
}
