/* Groups that the fleet file says something of (few, so in memory, by name), and what follows for
 * an instance: what Ansible runs for it, and when. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "server/core_ansible.h"

struct groupdefs {
    size_t n, size;
    struct groupdef *list; /* sorted */
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct groupdef *)a)->name.s, ((const struct groupdef *)b)->name.s);
}

const struct groupdef *core_group(const struct core *c, const char *name)
{
    struct groupdef key = { 0 };

    snprintf(key.name.s, sizeof key.name.s, "%s", name);
    return c->groups && c->groups->n
               ? bsearch(&key, c->groups->list, c->groups->n, sizeof key, compare)
               : NULL;
}

static int keep(struct core *c, const struct groupdef *g, struct err *e)
{
    struct groupdefs *all = c->groups;
    struct groupdef *at = (struct groupdef *)core_group(c, g->name.s);

    if (at) {
        *at = *g;
        return 0;
    }
    if (all->n == all->size) {
        size_t size = all->size ? 2 * all->size : 8;
        struct groupdef *list = reallocarray(all->list, size, sizeof *list);
        if (!list)
            return err_set(e, ERR_INTERNAL, "out of memory");
        all->list = list;
        all->size = size;
    }
    for (at = all->list + all->n; at > all->list && compare(at - 1, g) > 0; at--)
        *at = at[-1];
    *at = *g;
    all->n++;
    return 0;
}

int core_group_put(struct core *c, const struct groupdef *g, struct err *e)
{
    json_t *j = groupdef_to_json(g);
    int r = j ? store_def_put(c->store, DEF_GROUP, g->name.s, j, e)
              : err_set(e, ERR_INTERNAL, "out of memory");

    json_decref(j);
    return r < 0 ? -1 : keep(c, g, e);
}

struct loading {
    struct core *c;
    struct err *e;
};

static int load(const char *name, const json_t *j, void *arg)
{
    struct loading *l = arg;
    struct groupdef g;

    return groupdef_from_json(name, j, &g, l->e) < 0 ? -1 : keep(l->c, &g, l->e);
}

int groups_load(struct core *c, struct err *e)
{
    struct loading l = { c, e };

    groups_unload(c);
    if (!(c->groups = calloc(1, sizeof *c->groups)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    return store_defs(c->store, DEF_GROUP, load, &l, e) < 0 ? -1 : 0;
}

void groups_unload(struct core *c)
{
    if (!c->groups)
        return;
    free(c->groups->list);
    free(c->groups);
    c->groups = NULL;
}

/* ---- what follows for an instance ---- */

/* The more careful one holds, where groups differ. */
static enum trigger later(enum trigger a, enum trigger b)
{
    static const int order[TRIGGERS] = {
        [TRIGGER_HOMED] = 0, [TRIGGER_FINAL] = 1, [TRIGGER_MANUAL] = 2
    };

    return order[a] >= order[b] ? a : b;
}

enum trigger core_trigger(const struct core *c, const struct spec *s)
{
    const struct network *n = core_network(c, s->network.s);
    enum trigger t = n && n->trigger_set ? n->trigger : c->config.trigger;
    bool said = false;

    for (int i = 0; i < s->n_groups; i++) {
        const struct groupdef *g = core_group(c, s->groups[i].s);
        if (!g || !g->trigger_set)
            continue;
        t = said ? later(t, g->trigger) : g->trigger;
        said = true;
    }
    return t;
}

static bool is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static void own_playbook(const struct config *c, const char *name, char ret[PATH_SIZE])
{
    snprintf(ret, PATH_SIZE, "%.3900s/" DIR_INSTANCES "/%s/" PLAYBOOK_OWN, c->state, name);
}

void core_playbooks_dir(const struct config *c, char ret[PATH_SIZE])
{
    if (c->playbooks[0])
        snprintf(ret, PATH_SIZE, "%s", c->playbooks);
    else
        snprintf(ret, PATH_SIZE, "%.4000s/" DIR_ANSIBLE, c->state);
}

void core_playbook_path(const struct config *c, const struct run *r, char ret[PATH_SIZE])
{
    char dir[PATH_SIZE];

    if (r->own.s[0]) {
        own_playbook(c, r->own.s, ret);
    } else if (r->playbook[0] == '/') {
        snprintf(ret, PATH_SIZE, "%s", r->playbook);
    } else {
        core_playbooks_dir(c, dir);
        snprintf(ret, PATH_SIZE, "%.3800s/%s", dir, r->playbook);
    }
}

int core_playbook_look(const struct config *c, const struct run *r, char ret[PATH_SIZE],
                       struct err *e)
{
    auto_close int fd = -1;
    struct stat st;

    core_playbook_path(c, r, ret);
    if (stat(ret, &st) < 0 && (errno == ENOENT || errno == ENOTDIR))
        return err_set(e, ERR_NOT_FOUND,
                       "playbook: there is no %.300s; write one there (roost ansible init makes a "
                       "first site.yaml), or name another",
                       ret);
    if (stat(ret, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(e, ERR_INVALID, "playbook: %.300s is no file; name one", ret);
    if ((fd = open(ret, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
        return err_set(e, ERR_DENIED, "playbook: roost cannot read %.300s: %s", ret,
                       strerror(errno));
    return 0;
}

static bool has_default(const struct config *c)
{
    const struct run r = { .playbook = PLAYBOOK_DEFAULT };
    char path[PATH_SIZE];

    core_playbook_path(c, &r, path);
    return is_file(path);
}

bool config_playbook_own(const struct config *c, const char *name)
{
    char own[PATH_SIZE];

    own_playbook(c, name, own);
    return is_file(own);
}

int core_instances_dir(const struct core *c)
{
    char path[PATH_SIZE];
    struct stat st;
    int fd;

    snprintf(path, sizeof path, "%.4000s/" DIR_INSTANCES, c->config.state);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_nlink != 2) /* btrfs and others do not count */
        return fd;
    close(
        fd); /* no link but its own two: nobody has a directory, as in a fleet of external guests */
    return -1;
}

bool core_playbook_own_at(int instances, const struct name *instance)
{
    char own[sizeof instance->s + sizeof "/" PLAYBOOK_OWN];
    struct stat st;

    stpcpy(stpcpy(own, instance->s), "/" PLAYBOOK_OWN);
    return instances >= 0 && fstatat(instances, own, &st, 0) == 0 && S_ISREG(st.st_mode);
}

bool core_playbooks_any(const struct core *c)
{
    for (size_t i = 0; i < c->groups->n; i++)
        if (c->groups->list[i].playbook.s[0])
            return true;
    return c->ansible->named || has_default(&c->config);
}

int core_playbook_named(struct core *c, struct err *e)
{
    if (c->ansible->named)
        return 0;
    if (store_meta_set(c->store, META_PLAYBOOKS, "named", e) < 0)
        return -1;
    c->ansible->named = true;
    return 0;
}

const char *core_playbook(const struct core *c, const char *name, const struct spec *s,
                          bool *ret_own)
{
    if ((*ret_own = config_playbook_own(&c->config, name)))
        return PLAYBOOK_OWN;
    if (s->playbook.s[0])
        return s->playbook.s;
    for (int i = 0; i < s->n_groups; i++) {
        const struct groupdef *g = core_group(c, s->groups[i].s);
        if (g && g->playbook.s[0])
            return g->playbook.s;
    }
    return has_default(&c->config) ? PLAYBOOK_DEFAULT : NULL;
}
