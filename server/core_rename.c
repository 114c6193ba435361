/* rename: another name, and the same instance. Tag, uuid, MAC, instance-id and addresses are who it
 * is and stay; its directory, the names in generated files and in DNS, and published ports that lead
 * to it follow. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_ansible.h"
#include "server/core_machine.h"
#include "server/core_network.h"

struct renaming {
    struct core *c;
    struct name to;
    core_op_fn *done;
    void *arg;
};

/* ---- may it be? ---- */

/* Its QEMU may have been started by hand (vm.sh), or be one that nobody adopted. */
static int is_held(struct core *c, const char *name, struct err *e)
{
    char path[PATH_SIZE + 128];
    auto_close int dir = -1;

    snprintf(path, sizeof path, "%s/%s/%s", c->config.state, DIR_INSTANCES, name);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? 0 : lock_probe(dir, FILE_LOCK_QEMU, e);
}

static int must_be_down(struct core *c, const struct guest *g, struct err *e)
{
    int held = 0;

    if (!c->ready)
        return err_set(e, ERR_BUSY, "roost is just looking which guests run; try again");
    if (!machine_find(c, g->id) && (held = is_held(c, g->name.s, e)) < 0)
        return -1;
    if (machine_find(c, g->id) || held)
        return err_set(e, ERR_CONFLICT,
                       "instance %s is running, and its QEMU's files and sockets have its name: "
                       "stop it first",
                       g->name.s);
    if (c->ansible && active_of(c, g->id))
        return err_set(e, ERR_CONFLICT, "instance %s: Ansible is at work on it; wait for its end",
                       g->name.s);
    return 0;
}

static int check(struct core *c, const char *from, const char *to, struct guest *g,
                 struct name *ret, struct err *e)
{
    struct guest other;

    if (core_guest(c, from, g, e) < 0 || name_parse(to, "instance name", ret, e) < 0)
        return -1;
    if (strcmp(g->name.s, ret->s) == 0)
        return err_set(e, ERR_INVALID, "instance %s is called that already", ret->s);
    if (store_guest_by_name(c->store, ret->s, &other, e) == 0)
        return err_set(e, ERR_CONFLICT, "there is an instance %s already", ret->s);
    if (e->kind != ERR_NOT_FOUND || must_be_down(c, g, e) < 0 ||
        move_not_pending(c, g->name.s, e) < 0 || move_not_pending(c, ret->s, e) < 0)
        return -1;
    return 0;
}

/* ---- what has its name ---- */

struct leading {
    struct core *c;
    const struct name *from, *to;
    struct network *changed; /* copies: the list is not to change under its own walk */
    int n;
};

static int leads(const struct network *n, void *arg)
{
    struct leading *l = arg;
    bool hit = false;

    for (int i = 0; i < n->n_forwards; i++)
        hit |= strcmp(n->forwards[i].instance.s, l->from->s) == 0;
    if (!hit)
        return 0;
    struct network *list = reallocarray(l->changed, (size_t)l->n + 1, sizeof *list);
    if (!list)
        return -1;
    l->changed = list;
    list[l->n] = *n;
    for (int i = 0; i < n->n_forwards; i++)
        if (strcmp(n->forwards[i].instance.s, l->from->s) == 0)
            list[l->n].forwards[i].instance = *l->to;
    l->n++;
    return 0;
}

/* Published ports lead to it under its new name. */
static int forwards_follow(struct core *c, const struct name *from, const struct name *to,
                           struct err *e)
{
    struct leading l = { c, from, to, NULL, 0 };
    int r = 0;

    if (core_networks_each(c, leads, &l) < 0)
        r = err_set(e, ERR_INTERNAL, "out of memory");
    for (int i = 0; r == 0 && i < l.n; i++)
        r = core_network_put(c, &l.changed[i], e);
    free(l.changed);
    return r;
}

/* Networks in memory are as they are on record. */
static void memory_again(struct core *c)
{
    struct err e;

    if (networks_reload(c, &e) < 0)
        core_fault(c, "networks could not be read again: %s", e.text);
}

static int write_all(struct core *c, struct guest *g, const struct name *to, const char *actor,
                     struct err *e)
{
    const struct name from = g->name;

    if (core_write(c, true, e) < 0 || store_savepoint(c->store, e) < 0)
        return -1;
    if (move_record(c, DIR_INSTANCES, from.s, DIR_INSTANCES, to->s, e) < 0 ||
        store_guest_rename(c->store, g->id, to->s, e) < 0 ||
        store_guest_by_id(c->store, g->id, g, e) < 0 ||
        core_event(c, g, EV_CHANGED, actor, e, "renamed from %s", from.s) < 0 ||
        core_guest_save(c, g, e) < 0 || forwards_follow(c, &from, to, e) < 0 ||
        network_reservation_renamed(c, g, e) < 0 || core_nics_renamed(c, g, e) < 0 || core_render(c, g->id, e) < 0 ||
        wire_mark_all(c, e) < 0) {
        store_rollback_to(c->store);
        memory_again(c);
        return -1;
    }
    store_release(c->store);
    return 0;
}

/* ---- after the commit ---- */

static void renamed(bool committed, void *arg)
{
    struct renaming *r = arg;
    struct err e = { .kind = ERR_IO, .text = "the store could not be written: nothing was renamed" };

    if (!committed && !r->c->ending)
        memory_again(r->c);
    if (committed && moves_carry_out(r->c, &e) < 0)
        committed = false;
    if (committed && !r->c->ending)
        network_forwards_follow(r->c, &r->to);
    r->done(NULL, committed ? NULL : &e, r->arg);
    free(r);
}

void core_rename(struct core *c, const char *from, const char *to, const struct actor *who,
                 core_op_fn *done, void *arg)
{
    struct renaming *r = calloc(1, sizeof *r);
    struct guest g;
    struct name name;
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    if (r && check(c, from, to, &g, &name, &e) == 0 &&
        write_all(c, &g, &name, who->text, &e) == 0) {
        *r = (struct renaming){ c, name, done, arg };
        core_invalidate(c, g.tag.s);
        autostart_renamed(c, from, &name);
        if (core_after(c, renamed, r, &e) == 0)
            return;
    }
    free(r);
    done(NULL, &e, arg);
}
