/* Runs by hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/core_ansible.h"

#define HOSTS_MAX 100000

/* ---- asking ---- */

struct asking {
    struct core *c;
    struct run run;
    struct run_host *hosts;
    int n, size;
    json_t *left_out;
    const char *group; /* NULL: all */
    bool own;          /* every guest that has a playbook of its own is left out of the fleet's */
    struct err *e;
};

static int put(struct asking *k, const struct guest *g)
{
    if (k->n == k->size) {
        int size = k->size ? 2 * k->size : 16;
        struct run_host *hosts = reallocarray(k->hosts, (size_t)size, sizeof *hosts);
        if (!hosts || size > 2 * HOSTS_MAX)
            return err_set(k->e, ERR_INTERNAL, "out of memory");
        k->hosts = hosts;
        k->size = size;
    }
    k->hosts[k->n++] =
        (struct run_host){ .instance = g->id, .name = g->name, .generation = g->generation };
    return 0;
}

static bool has(const struct asking *k, const char *name)
{
    for (int i = 0; i < k->n; i++)
        if (!strcmp(k->hosts[i].name.s, name))
            return true;
    return false;
}

static int put_named(struct asking *k, const char *name, struct err *e)
{
    struct guest g;

    if (core_guest(k->c, name, &g, e) < 0)
        return -1;
    if (!phase_is_home(g.standing.phase))
        return err_set(e, ERR_CONFLICT, "instance %s is %s, not home: nothing can be run on it",
                       g.name.s, phase_name(g.standing.phase));
    return has(k, g.name.s) ? 0 : put(k, &g);
}

static bool in_group(struct asking *k, const struct guest *g)
{
    struct instance i = { 0 };
    bool is = !k->group;

    if (!is && store_instance_get(k->c->store, g->id, &i, NULL) == 0)
        for (int n = 0; n < i.spec.n_groups && !is; n++)
            is = !strcmp(i.spec.groups[n].s, k->group);
    instance_done(&i);
    return is;
}

static int put_if_there(const struct guest *g, void *arg)
{
    struct asking *k = arg;

    if (!in_group(k, g) || has(k, g->name.s))
        return 0;
    if (phase_is_home(g->standing.phase))
        return put(k, g);
    json_array_append_new(k->left_out, json_string(g->name.s));
    return 0;
}

static int choose(struct asking *k, const json_t *names, const char *group, struct err *e)
{
    struct name checked;
    const json_t *v;
    size_t i;

    json_array_foreach((json_t *)names, i,
                       v) if (put_named(k, json_string_value(v), e) < 0) return -1;
    if (group && group_parse(group, &checked, e) < 0)
        return -1;
    k->group = group;
    k->e = e;
    if ((group || !json_array_size(names)) && store_guests(k->c->store, put_if_there, k, e) < 0)
        return -1;
    if (k->n)
        return 0;
    if (group && !json_array_size(k->left_out))
        return err_set(e, ERR_NOT_FOUND, "no instance is in group %s", group);
    return err_set(e, ERR_CONFLICT, "nobody is home: there is nothing to run it on");
}

/* One guest's own playbook runs for it alone. */
static int choose_playbook(struct asking *k, const char *said, struct err *e)
{
    struct core *c = k->c;
    struct playbook p;
    char path[PATH_SIZE];
    bool own = false;

    snprintf(k->run.playbook, sizeof k->run.playbook, "%s", said ? said : PLAYBOOK_DEFAULT);
    if (said && playbook_parse(said, &p, e) < 0)
        return -1;
    if (!said && k->n == 1) {
        struct instance i = { 0 };
        if (store_instance_get(c->store, k->hosts[0].instance, &i, e) < 0)
            return -1;
        const char *name = core_playbook(c, k->hosts[0].name.s, &i.spec, &own);
        if (name)
            snprintf(k->run.playbook, sizeof k->run.playbook, "%s", name);
        if (own)
            k->run.own = k->hosts[0].name;
        instance_done(&i);
    }
    return core_playbook_look(&c->config, &k->run, path, e);
}

static int choose_tags(struct asking *k, const json_t *tags, struct err *e)
{
    char *out = k->run.tags, *end = out + sizeof k->run.tags;
    const json_t *v;
    size_t i;

    if (json_array_size(tags) > RUN_TAGS_MAX)
        return err_set(e, ERR_TOO_BIG, "at most %d tags", RUN_TAGS_MAX);
    json_array_foreach((json_t *)tags, i, v)
    {
        const char *tag = json_string_value(v);
        if (run_tag_check(tag ? tag : "", e) < 0)
            return -1;
        int n = snprintf(out, (size_t)(end - out), "%s%s", i ? "," : "", tag);
        if (n >= end - out)
            return err_set(e, ERR_TOO_BIG, "the tags are longer than %d bytes together",
                           RUN_TAGS_TEXT - 1);
        out += n;
    }
    return 0;
}

static int can_run(struct core *c, struct err *e)
{
    char path[PATH_SIZE];

    if (!c->config.ansible || !c->ansible)
        return err_set(e, ERR_CONFLICT, "Ansible is switched off: [ansible] enabled = no");
    runs_program(c, path);
    if (path[0])
        return 0;
    return err_set(e, ERR_NOT_FOUND,
                   "%.200s is not on this host: install ansible-core, or say where it is in "
                   "[ansible] program",
                   c->config.playbook);
}

static int read_ask(struct asking *k, const struct run_ask *ask, struct err *e)
{
    k->run.by_hand = true;
    k->run.check = ask->check;
    k->run.state = JOB_PENDING;
    k->run.asked_ms = loop_now(k->c->loop).real_ms;
    if (can_run(k->c, e) < 0 || choose(k, ask->names, ask->group, e) < 0 ||
        choose_playbook(k, ask->playbook, e) < 0)
        return -1;
    return choose_tags(k, ask->tags, e);
}

struct answering {
    json_t *result;
    struct core *c;
    core_op_fn *done;
    void *arg;
};

static void answer(bool committed, void *arg)
{
    struct answering *a = arg;
    const struct err lost = { .kind = ERR_IO,
                              .text = "the store could not be written; nothing will be run" };

    if (!a->c->ending)
        ansible_soon(a->c, 0);
    a->done(committed ? a->result : NULL, committed ? NULL : &lost, a->arg);
    json_decref(a->result);
    free(a);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct run_host *)a)->name.s, ((const struct run_host *)b)->name.s);
}

static int record_ask(struct asking *k, core_op_fn *done, void *arg, struct err *e)
{
    struct core *c = k->c;
    struct answering *a = calloc(1, sizeof *a);
    json_t *names = json_array();

    qsort(k->hosts, (size_t)k->n, sizeof *k->hosts, compare);
    for (int i = 0; i < k->n; i++)
        json_array_append_new(names, json_string(k->hosts[i].name.s));
    if (!a || core_write(c, true, e) < 0 || store_savepoint(c->store, e) < 0)
        goto fail;
    if (run_add(c, &k->run, k->hosts, k->n, e) < 0) {
        store_rollback_to(c->store);
        goto fail;
    }
    *a = (struct answering){ json_pack("{s:I, s:o, s:O}", "id", (json_int_t)k->run.id, "hosts",
                                       names, "left-out", k->left_out),
                             c, done, arg };
    if (core_after(c, answer, a, e) == 0) {
        store_release(c->store);
        return 0;
    }
    store_rollback_to(c->store);
    json_decref(a->result);
    names = NULL;
fail:
    json_decref(names);
    free(a);
    return e->kind == ERR_NONE ? err_set(e, ERR_INTERNAL, "out of memory") : -1;
}

void core_run_begin(struct core *c, const struct run_ask *ask, const struct actor *who,
                    core_op_fn *done, void *arg)
{
    struct asking k = { .c = c, .left_out = json_array() };
    struct err e = { 0 };

    snprintf(k.run.actor, sizeof k.run.actor, "%s", who->text);
    if (read_ask(&k, ask, &e) < 0 || record_ask(&k, done, arg, &e) < 0)
        done(NULL, &e, arg);
    free(k.hosts);
    json_decref(k.left_out);
}

/* ---- cancelling ---- */

static int cancel_waiting(struct core *c, struct run *r, const struct actor *who, struct err *e)
{
    r->state = JOB_DONE;
    r->ended_ms = loop_now(c->loop).real_ms;
    snprintf(r->how, sizeof r->how, "%s", runner_how_name(RUNNER_CANCELLED));
    snprintf(r->reason, sizeof r->reason, "cancelled by %.60s before it began", who->text);
    if (core_write(c, true, e) < 0 || store_run_put(c->store, r, e) < 0)
        return -1;
    return core_appliance(c, EV_RUN_ENDED, who->text, e, "run %lld: %s", (long long)r->id,
                          r->reason);
}

void core_run_cancel(struct core *c, const char *id, const struct actor *who, core_op_fn *done,
                     void *arg)
{
    struct active *a;
    struct err e = { 0 };
    struct run r;

    if (run_find(c, id, &r, &e) < 0) {
        done(NULL, &e, arg);
        return;
    }
    if ((a = active_by_id(c, r.id)))
        run_cancel(a, who->text);
    else if (r.state == JOB_PENDING)
        cancel_waiting(c, &r, who, &e);
    else
        err_set(&e, ERR_CONFLICT, "run %s has ended already (%s)", id, r.how);
    done(NULL, e.kind == ERR_NONE ? NULL : &e, arg);
}
