#include "server/hooks.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/spawn.h"

#define PATH_OF_HOOKS "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct running_hook {
    struct hooks *all;
    const struct hook *hook;
    struct child *child;
    uint32_t id; /* of the request that it answers; 0: of a core that is gone */
    /* What another core asked for meanwhile. */
    uint32_t next_id;
    struct buf next;
};

struct hooks {
    struct loop *loop;
    const struct config *config;
    hooks_send_fn *send;
    void *arg;
    struct buf out;
    struct running_hook list[HOOKS_MAX];
    int n;
};

static void answer(struct running_hook *r, uint32_t id, bool ok, const char *how,
                   const struct buf *output)
{
    struct hook_done m = { .hook = r->hook->name, .ok = ok };

    snprintf(m.how, sizeof m.how, "%s", how);
    m.output = output ? buf_str(output) : "";
    m.len = output ? output->len : 0;
    hook_done_encode(&m, &r->all->out);
    r->all->send(P_HOOK_DONE, id, &r->all->out, r->all->arg);
}

/* ---- the start ---- */

static int json_fd(const char *json, size_t len, struct err *e)
{
    auto_close int fd = memfd_create("hook", MFD_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return err_sys(e, "memfd_create");
    for (size_t at = 0; at < len; at += (size_t)n)
        if ((n = write(fd, json + at, len - at)) < 0)
            return err_sys(e, "memfd");
    if (lseek(fd, 0, SEEK_SET) < 0)
        return err_sys(e, "memfd");
    return steal_fd(&fd);
}

static void add_words(struct argv *a, const char *command)
{
    for (size_t len; *(command += strspn(command, " \t")); command += len) {
        len = strcspn(command, " \t");
        argv_addf(a, "%.*s", (int)len, command);
    }
}

/* Its user's home, where it has one: programs look there for what they are told to do. */
static const char *home_of(const struct hook *h, const struct spawn_user *u)
{
    const char *own = getenv("HOME");

    return h->user[0] ? u->home : own ? own : "/";
}

/* Both outputs in the order in which they were written, as far as one pipe tells it. */
static int start(struct running_hook *r, const char *json, size_t len, child_done_fn *done,
                 struct err *e)
{
    char home[600], name[NAME_MAX_LEN + 16], control[PATH_SIZE + 32];
    const char *const env[] = { PATH_OF_HOOKS, "LANG=C.UTF-8", home, name, control, NULL };
    struct spawn_opts o = SPAWN_OPTS_INIT;
    auto_argv struct argv a = ARGV_INIT;
    auto_close int in = -1;
    struct spawn_user user = { 0 };

    if (r->hook->user[0] && spawn_user_find(r->hook->user, &user, e) < 0)
        return -1;
    if ((in = json_fd(json, len, e)) < 0)
        return -1;
    snprintf(home, sizeof home, "HOME=%s", home_of(r->hook, &user));
    snprintf(name, sizeof name, "ROOST_HOOK=%s", r->hook->name.s);
    snprintf(control, sizeof control, "ROOST_CONTROL=%s", r->all->config->control);
    add_words(&a, r->hook->command);
    o.env = env;
    o.in = in;
    o.capture = true;
    o.capture_cap = HOOK_OUTPUT_MAX / 2;
    o.own_session = true;
    o.limit_ms = r->hook->limit;
    o.limit_caps = true; /* none */
    o.user = r->hook->user[0] && r->all->config->mode == MODE_SYSTEM ? &user : NULL;
    r->child = child_spawn(r->all->loop, &a, &o, done, r, e);
    return r->child ? 0 : -1;
}

static void begin(struct running_hook *r, uint32_t id, const char *json, size_t len);

/* ---- the end ---- */

static void ended(const struct spawn_exit *x, void *arg)
{
    struct running_hook *r = arg;
    auto_buf struct buf output = BUF_INIT, next = r->next;
    uint32_t id = r->id, next_id = r->next_id;
    char how[64];

    r->child = NULL;
    r->next = BUF_INIT;
    r->id = r->next_id = 0;
    buf_put(&output, buf_str(x->out), x->out->len);
    buf_put(&output, buf_str(x->err), x->err->len);
    child_status_text(x->status, x->timed_out, how);
    if (id)
        answer(r, id, x->status == 0 && !x->timed_out, how, &output);
    if (next_id)
        begin(r, next_id, buf_str(&next), next.len);
}

static void begin(struct running_hook *r, uint32_t id, const char *json, size_t len)
{
    struct err e = { 0 };

    r->id = id;
    if (start(r, json, len, ended, &e) == 0)
        return;
    r->id = 0;
    answer(r, id, false, e.text, NULL);
}

/* ---- verbs ---- */

int hooks_run(struct hooks *h, uint32_t id, struct msg_cur *c, struct err *e)
{
    struct running_hook *r = NULL;
    struct hook_run m;

    if (hook_run_decode(c, &m, e) < 0)
        return -1;
    for (int i = 0; h && i < h->n; i++)
        if (!strcmp(h->list[i].hook->name.s, m.hook.s))
            r = &h->list[i];
    if (!r || !id)
        return err_set(e, ERR_INVALID, "message hook-run: there is no hook %s", m.hook.s);
    if (!r->child) {
        begin(r, id, m.json, m.len);
        return 0;
    }
    r->next_id = id;
    buf_clear(&r->next);
    buf_put(&r->next, m.json, m.len);
    return buf_check(&r->next, e);
}

void hooks_core_gone(struct hooks *h)
{
    for (int i = 0; h && i < h->n; i++)
        h->list[i].id = h->list[i].next_id = 0;
}

/* ---- life ---- */

struct hooks *hooks_new(struct loop *l, const struct config *c, hooks_send_fn *send, void *arg,
                        struct err *e)
{
    struct hooks *h = c->n_hooks ? calloc(1, sizeof *h) : NULL;
    struct err why;

    if (!h) {
        if (c->n_hooks)
            err_set(e, ERR_INTERNAL, "no memory");
        return NULL;
    }
    *h = (struct hooks){ .loop = l, .config = c, .send = send, .arg = arg, .n = c->n_hooks };
    for (int i = 0; i < h->n; i++) {
        h->list[i] = (struct running_hook){ .all = h, .hook = &c->hooks[i] };
        if (hook_check_program(&c->hooks[i], &why) < 0)
            log_warn("%s", why.text);
    }
    return h;
}

void hooks_free(struct hooks *h)
{
    if (!h)
        return;
    for (int i = 0; i < h->n; i++) {
        struct running_hook *r = &h->list[i];
        if (r->child) /* its session is a group of its own; nobody would hold it to its limit */
            kill(-child_pid(r->child), SIGKILL);
        child_forget(r->child);
        buf_done(&r->next);
    }
    buf_done(&h->out);
    free(h);
}
