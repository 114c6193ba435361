/* How far the configuration of a guest that is home has come: what `roost wait --for configured`
 * goes by, so that it need not wait for what will not happen. */
#include <string.h>

#include "server/core_ansible.h"
#include "server/core_survey.h"

#define COMES_BY_MS 10000 /* until a guest's homecoming has been seen, with time to spare */

static int is_open(const struct run *r, void *arg)
{
    bool *ret = arg;

    *ret = r->state != JOB_DONE && !r->check;
    return 0;
}

/* Its newest run is under way, or was asked for by hand and waits for its turn. */
static bool is_under_way(const struct view *v, int64_t id)
{
    bool open = false;

    store_runs(v->store, id, 1, is_open, &open, NULL);
    return open;
}

/* What its job came to, in words of the API. */
static const char *word_of(const struct job *j)
{
    if (j->state != JOB_DONE)
        return j->state == JOB_RUNNING ? "running" : "pending";
    if (strcmp(j->outcome, "nothing") == 0 || strcmp(j->outcome, "manual") == 0)
        return j->outcome;
    return "failed"; /* or well, and a later run by hand was not: else it would be configured */
}

json_t *configuration_json(const struct view *v, const struct guest *g)
{
    struct job j = { .instance = 0 };
    bool known;

    if (g->standing.phase == PHASE_CONFIGURED)
        return json_string("configured");
    if (g->standing.phase != PHASE_HOMED)
        return json_null();
    known = store_job_get(v->store, g->id, &j, NULL) == 1 && j.generation == g->generation;
    if (is_under_way(v, g->id))
        return json_string("running");
    if (!v->config->ansible)
        return json_string("off");
    if (known)
        return json_string(word_of(&j));
    if (!v->playbooks && !config_playbook_own(v->config, g->name.s))
        return json_string("nothing");
    if (v->behind || v->now_ms - g->standing.since_ms < COMES_BY_MS)
        return json_string("pending");
    return json_string("late");
}
