/* A run's directory: what Ansible reads in it is a snapshot of the record, made when the run
 * begins.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ansible/cfg.h"
#include "ansible/plugin.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_ansible.h"
#include "server/project.h"

#define FILE_LIMIT "limit"
#define FILE_CFG   "ansible.cfg"
#define FILE_TMP   "tmp"
#define CONTROL    "ssh"
#define TEXT_MAX   ((size_t)1 << 30)
#define CONNECT_S  15
#define TAGS_MAX   RUN_TAGS_MAX

struct prepared {
    char program[PATH_SIZE], playbook[PATH_SIZE], directory[PATH_SIZE], inventory[PATH_SIZE],
        own_inventory[PATH_SIZE], limit[PATH_SIZE], cfg[PATH_SIZE], plugins[PATH_SIZE],
        known_hosts[PATH_SIZE], control[PATH_SIZE], tmp[PATH_SIZE], helper[PATH_SIZE];
    char tags[RUN_TAGS_TEXT];
    const char *tag[TAGS_MAX + 1];
    const char *inventories[3];
};

void prepared_free(struct prepared *p)
{
    free(p);
}

static void path(char ret[PATH_SIZE], const char *dir, const char *name)
{
    snprintf(ret, PATH_SIZE, "%.3900s/%.180s", dir, name);
}

void run_dir(const struct config *c, int64_t run, char ret[PATH_SIZE])
{
    snprintf(ret, PATH_SIZE, "%.4000s/" DIR_RUNS "/%lld", c->state, (long long)run);
}

static bool is_file(const char *name)
{
    struct stat st;

    return stat(name, &st) == 0 && S_ISREG(st.st_mode);
}

/* roost-run lies beside roost-core, which was started by its path. */
static void helper_of(char ret[PATH_SIZE])
{
    const char *self = program_invocation_name, *slash = strrchr(self, '/');

    ret[0] = '\0';
    if (slash)
        snprintf(ret, PATH_SIZE, "%.*s/" RUNNER_PROGRAM, (int)(slash - self), self);
}

/* ---- which hosts it sees ---- */

struct sees {
    const struct active *a;
    const struct core *c;
    struct name *groups; /* sorted; those that its hosts' definitions need */
    size_t n, size;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->s, ((const struct name *)b)->s);
}

static bool is_own(const struct active *a, const char *name)
{
    struct run_host key = { 0 };

    snprintf(key.name.s, sizeof key.name.s, "%s", name);
    for (int lo = 0, hi = a->n; lo < hi;) {
        int mid = (lo + hi) / 2, is = strcmp(key.name.s, a->hosts[mid].name.s);
        if (is == 0)
            return true;
        *(is < 0 ? &hi : &lo) = is < 0 ? mid : mid + 1;
    }
    return false;
}

static bool sees_host(const struct store_host *h, void *arg)
{
    const struct sees *s = arg;
    const json_t *groups = json_object_get(h->spec, "groups"), *v;
    size_t i;

    if (is_own(s->a, h->guest->name.s))
        return true;
    json_array_foreach((json_t *)groups, i, v)
    {
        struct name key = { 0 };
        snprintf(key.s, sizeof key.s, "%s", json_string_value(v) ? json_string_value(v) : "");
        if (s->n && bsearch(&key, s->groups, s->n, sizeof key, compare_names))
            return true;
    }
    return false;
}

static int needs(struct sees *s, const struct name *list, int n)
{
    for (int i = 0; i < n; i++) {
        if (s->n == s->size) {
            size_t size = s->size ? 2 * s->size : 16;
            struct name *more = reallocarray(s->groups, size, sizeof *more);
            if (!more)
                return -1;
            s->groups = more;
            s->size = size;
        }
        s->groups[s->n++] = list[i];
    }
    return 0;
}

static int needs_of_group(struct sees *s, struct store *reader, const char *name)
{
    struct groupdef g;
    json_t *j = NULL;
    int r = 0;

    if (store_def_get(reader, DEF_GROUP, name, &j, NULL) == 0 &&
        groupdef_from_json(name, j, &g, NULL) == 0)
        r = needs(s, g.needs, g.n_needs);
    json_decref(j);
    return r;
}

/* The groups that its hosts' runs have to see. */
static int sees_needs(struct sees *s, struct store *reader, struct err *e)
{
    for (int i = 0; i < s->a->n; i++) {
        struct instance it = { 0 };
        int r = 0;
        if (store_instance_get(reader, s->a->hosts[i].instance, &it, NULL) == 0)
            r = needs(s, it.spec.needs, it.spec.n_needs);
        for (int k = 0; r == 0 && k < it.spec.n_groups; k++)
            r = needs_of_group(s, reader, it.spec.groups[k].s);
        instance_done(&it);
        if (r < 0)
            return err_set(e, ERR_INTERNAL, "out of memory");
    }
    if (s->n)
        qsort(s->groups, s->n, sizeof *s->groups, compare_names);
    return 0;
}

static int save(int dir, const char *name, struct buf *text, struct err *e)
{
    int r = buf_check(text, e);

    if (r == 0)
        r = file_replace(dir, name, buf_str(text), text->len, 0600, NULL, e);
    buf_done(text);
    return r < 0 ? err_wrap(e, "%s", name) : 0;
}

static int put_hosts(struct active *a, int dir, struct store *reader, const struct config *config,
                     struct err *e)
{
    struct buf inventory = { .cap = TEXT_MAX }, known = { .cap = TEXT_MAX };
    struct sees s = { .a = a };
    uint64_t by[PHASES], overdue, all = 0;
    int r = store_counts(reader, by, &overdue, e);

    for (int p = 0; r == 0 && p < PHASES; p++)
        all += by[p];
    if (r == 0 && all > config->whole_inventory)
        r = sees_needs(&s, reader, e);
    if (r == 0)
        r = project_run(reader, config, a->prepared->known_hosts,
                        all > config->whole_inventory ? sees_host : NULL, &s, &inventory, &known,
                        e);
    free(s.groups);
    if (r == 0)
        r = save(dir, FILE_INVENTORY, &inventory, e);
    if (r == 0)
        r = save(dir, FILE_KNOWN_HOSTS, &known, e);
    buf_done(&inventory);
    buf_done(&known);
    return r;
}

static int put_limit(const struct active *a, int dir, struct err *e)
{
    auto_free struct name *names = calloc((size_t)a->n + 1, sizeof *names);
    struct buf text = { .cap = TEXT_MAX };

    if (!names)
        return err_set(e, ERR_INTERNAL, "out of memory");
    for (int i = 0; i < a->n; i++)
        names[i] = a->hosts[i].name;
    ansible_limit_render(names, a->n, &text);
    return save(dir, FILE_LIMIT, &text, e);
}

/* The operator's ansible.cfg beside the playbook, else one of roost's. */
static int put_cfg(struct active *a, int dir, const struct config *config, struct err *e)
{
    struct prepared *p = a->prepared;
    const struct ansible_cfg cfg = { .inventory = p->inventory,
                                     .known_hosts = p->known_hosts,
                                     .ssh_key = config->ssh_key,
                                     .plugins = p->plugins,
                                     .remote_user = "",
                                     .forks = config->forks,
                                     .connect_s = CONNECT_S,
                                     .become = config->become };
    struct buf text = BUF_INIT;

    path(p->cfg, p->directory, FILE_CFG);
    if (is_file(p->cfg))
        return 0;
    path(p->cfg, a->dir, FILE_CFG);
    return ansible_cfg_render(&cfg, &text, e) < 0 ? -1 : save(dir, FILE_CFG, &text, e);
}

/* ---- the directory ---- */

static int make_dirs(struct active *a, const struct config *config, int *ret, struct err *e)
{
    char name[24];

    snprintf(name, sizeof name, "%lld", (long long)a->run.id);
    auto_close int state = open(config->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state < 0)
        return err_sys(e, "%s", config->state);
    auto_close int plugins = dir_open_make(state, DIR_PLUGINS, 0755, e);
    auto_close int runs = plugins < 0 ? -1 : dir_open_make(state, DIR_RUNS, 0700, e);
    if (runs < 0 || plugin_write(plugins, NULL, e) < 0)
        return -1;
    auto_close int dir = dir_open_make(runs, name, 0700, e);
    auto_close int tmp = dir < 0 ? -1 : dir_open_make(dir, FILE_TMP, 0700, e);
    if (tmp < 0)
        return -1;
    *ret = steal_fd(&dir);
    return 0;
}

static int set_tags(struct prepared *p, const char *tags)
{
    char *save_ = NULL;
    int n = 0;

    snprintf(p->tags, sizeof p->tags, "%s", tags);
    for (char *t = strtok_r(p->tags, ",", &save_); t && n < TAGS_MAX;
         t = strtok_r(NULL, ",", &save_))
        p->tag[n++] = t;
    return n;
}

static void set_paths(struct active *a, const struct config *config)
{
    struct prepared *p = a->prepared;
    char *slash;

    core_playbook_path(config, &a->run, p->playbook);
    snprintf(p->directory, PATH_SIZE, "%s", p->playbook);
    if ((slash = strrchr(p->directory, '/')))
        *slash = '\0';
    path(p->inventory, a->dir, FILE_INVENTORY);
    path(p->own_inventory, p->directory, FILE_INVENTORY);
    path(p->limit, a->dir, FILE_LIMIT);
    path(p->known_hosts, a->dir, FILE_KNOWN_HOSTS);
    path(p->tmp, a->dir, FILE_TMP);
    path(p->plugins, config->state, DIR_PLUGINS);
    path(p->control, config->run, CONTROL);
    if (strlen(p->control) > RUN_CONTROL_MAX)
        p->control[0] = '\0';
    helper_of(p->helper);
    set_tags(p, a->run.tags);
    /* What the operator wrote of the guest in its own directory holds, but for how it is reached.
     */
    p->inventories[0] =
        a->run.own.s[0] && is_file(p->own_inventory) ? p->own_inventory : p->inventory;
    p->inventories[1] = p->inventories[0] == p->inventory ? NULL : p->inventory;
}

static int make_control(struct prepared *p, struct err *e)
{
    return p->control[0] ? dir_make_all(p->control, 0700, e) : 0;
}

int run_prepare(struct active *a, struct store *reader, const struct config *config, struct err *e)
{
    auto_close int dir = -1;

    if (!(a->prepared = calloc(1, sizeof *a->prepared)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    set_paths(a, config);
    runs_program(a->c, a->prepared->program);
    if (!a->prepared->program[0])
        return err_set(e, ERR_NOT_FOUND, "%.200s is not on this host: install ansible-core",
                       config->playbook);
    if (core_playbook_look(config, &a->run, a->prepared->playbook, e) < 0)
        return -1;
    if (make_dirs(a, config, &dir, e) < 0 || make_control(a->prepared, e) < 0 ||
        put_hosts(a, dir, reader, config, e) < 0 || put_limit(a, dir, e) < 0 ||
        put_cfg(a, dir, config, e) < 0)
        return -1;
    return 0;
}

int run_start(struct active *a, runner_done_fn *done, struct err *e)
{
    const struct config *config = &a->c->config;
    const struct prepared *p = a->prepared;
    const struct ansible_run r = {
        .program = p->program,
        .playbook = p->playbook,
        .directory = p->directory,
        .inventories = p->inventories,
        .limit = p->limit,
        .cfg = p->cfg,
        .plugins = p->plugins,
        .known_hosts = p->known_hosts,
        .ssh_key = config->ssh_key,
        .control_dir = p->control,
        .tmp = p->tmp,
        .tags = p->tag[0] ? p->tag : NULL,
        .check = a->run.check,
        .forks = config->forks,
        .connect_s = CONNECT_S,
        .task_ms = config->task_limit,
    };
    const struct runner_opts o = { .helper = p->helper,
                                   .directory = a->dir,
                                   .limit_ms = config->run_limit,
                                   .log_max = config->run_log_cap };

    a->runner = runner_start(a->c->loop, &r, &o, done, a, e);
    return a->runner ? 0 : -1;
}

/* ---- its program ---- */

/* execvp(3)'s search, without running it. */
void runs_program(struct core *c, char ret[PATH_SIZE])
{
    const char *name = c->config.playbook, *path = getenv("PATH");

    ret[0] = '\0';
    if (*name == '/') {
        if (access(name, X_OK) == 0)
            snprintf(ret, PATH_SIZE, "%s", name);
        return;
    }
    for (path = path ? path : "/usr/bin:/bin"; *path; path += *path == ':') {
        size_t len = strcspn(path, ":");
        char at[PATH_SIZE];
        snprintf(at, sizeof at, "%.*s/%.1000s", (int)(len < 3000 ? len : 3000), path, name);
        path += len;
        if (len && access(at, X_OK) == 0) {
            snprintf(ret, PATH_SIZE, "%s", at);
            return;
        }
    }
}
