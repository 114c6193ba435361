/* iptables: what stands there is read (iptables-save), then changed in one transaction
 * (iptables-restore --noflush). One run at a time, since both hold the kernel's tables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/nets_priv.h"
#include "server/powers.h"

#define LIMIT_MS  15000
#define SAVE_MAX  (16u << 20)
#define LOCK_WAIT "5" /* s, for another program's xtables lock */

static void run_next(struct nets *n);

static void job_free(struct rules_job *j)
{
    TAILQ_REMOVE(&j->nets->rules, j, order);
    free(j->arg);
    free(j);
}

static void job_end(struct rules_job *j, const struct err *err)
{
    struct nets *n = j->nets;

    n->iptables = NULL;
    if (j->look)
        j->look(n, NULL, j->arg);
    else
        nets_answer(n, j->id, &j->network, err);
    job_free(j);
    run_next(n);
}

static void failed(const struct spawn_exit *x, const char *program, struct err *e)
{
    char text[64];

    err_set(e, ERR_INTERNAL, "%s: %s: %.300s", program,
            child_status_text(x->status, x->timed_out, text), buf_str((struct buf *)x->err));
}

static void restored(const struct spawn_exit *x, void *arg)
{
    struct rules_job *j = arg;
    struct err e = { 0 };

    if (x->status != 0 || x->timed_out)
        failed(x, "iptables-restore", &e);
    job_end(j, e.kind == ERR_NONE ? NULL : &e);
}

/* What was applied also lies as a file. */
static int keep_file(struct rules_job *j, const struct buf *text, struct err *e)
{
    struct net *t = net_find(j->nets, &j->network);

    if (!t)
        return 0;
    if (!j->down)
        return file_replace(t->dir, FILE_RULES, text->data, text->len, 0644, NULL, e);
    if (unlinkat(t->dir, FILE_RULES, 0) < 0 && errno != ENOENT)
        return err_sys(e, "%s", FILE_RULES);
    return 0;
}

static int text_fd(const struct buf *text, struct err *e)
{
    auto_close int fd = memfd_create("rules", MFD_CLOEXEC);

    if (fd < 0 || write(fd, text->data, text->len) != (ssize_t)text->len ||
        lseek(fd, 0, SEEK_SET) < 0)
        return err_sys(e, "rules for iptables-restore");
    return steal_fd(&fd);
}

static int restore(struct rules_job *j, const struct buf *text, struct err *e)
{
    struct spawn_opts o = SPAWN_OPTS_INIT;
    auto_argv struct argv a = ARGV_INIT;
    auto_close int in = text_fd(text, e);

    if (in < 0)
        return -1;
    o.in = in;
    o.capture = true;
    o.limit_ms = LIMIT_MS;
    o.limit_caps = true;
    o.caps = POWERS_IPTABLES;
    argv_addf(&a, "%s-restore", j->nets->o.config->iptables);
    argv_add(&a, "--noflush");
    argv_add(&a, "--wait");
    argv_add(&a, LOCK_WAIT);
    j->nets->iptables = child_spawn(j->nets->loop, &a, &o, restored, j, e);
    return j->nets->iptables ? 0 : -1;
}

/* Is no other network of ours there? Then the common chains go too. */
static bool is_last(const char *bridge, const struct firewall_hooks *have)
{
    for (int i = 0; i < have->n_seen; i++)
        if (strcmp(have->seen[i].bridge, bridge) != 0)
            return false;
    return true;
}

static int change(struct rules_job *j, const struct buf *save, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    struct firewall_hooks have;

    firewall_hooks_read(save->data, save->len, &have);
    if (j->down)
        firewall_render_down(j->bridge, is_last(j->bridge, &have), save->data, save->len, &text);
    else
        firewall_render_up(&j->wall, &have, &text);
    if (buf_check(&text, e) < 0 || keep_file(j, &text, e) < 0)
        return -1;
    if (text.len)
        return restore(j, &text, e);
    job_end(j, NULL);
    return 0;
}

static void looked(struct rules_job *j, const struct buf *save)
{
    struct nets *n = j->nets;
    struct firewall_hooks have;

    firewall_hooks_read(save->data, save->len, &have);
    j->look(n, &have, j->arg);
    job_free(j);
    run_next(n);
}

static void saved(const struct spawn_exit *x, void *arg)
{
    struct rules_job *j = arg;
    struct err e = { 0 };

    j->nets->iptables = NULL;
    if (x->status != 0 || x->timed_out)
        failed(x, "iptables-save", &e);
    if (e.kind == ERR_NONE && j->look)
        looked(j, x->out);
    else if (e.kind != ERR_NONE || change(j, x->out, &e) < 0)
        job_end(j, &e);
}

static int save(struct rules_job *j, struct err *e)
{
    struct spawn_opts o = SPAWN_OPTS_INIT;
    auto_argv struct argv a = ARGV_INIT;

    o.capture = true;
    o.capture_cap = SAVE_MAX;
    o.limit_ms = LIMIT_MS;
    o.limit_caps = true;
    o.caps = POWERS_IPTABLES;
    argv_addf(&a, "%s-save", j->nets->o.config->iptables);
    j->nets->iptables = child_spawn(j->nets->loop, &a, &o, saved, j, e);
    if (j->nets->iptables)
        return 0;
    if (e->kind == ERR_NOT_FOUND)
        err_set(e, ERR_NOT_FOUND,
                "there is no %s-save: install it (package iptables), or name it "
                "in [network] iptables",
                j->nets->o.config->iptables);
    return -1;
}

static void run_next(struct nets *n)
{
    struct rules_job *j;
    struct err e = { 0 };

    while (!n->iptables && (j = TAILQ_FIRST(&n->rules))) {
        if (save(j, &e) == 0)
            return;
        if (j->look)
            j->look(n, NULL, j->arg);
        else
            nets_answer(n, j->id, &j->network, &e);
        job_free(j);
    }
}

static struct rules_job *job_new(struct nets *n, const struct name *network, uint32_t id)
{
    struct rules_job *j = calloc(1, sizeof(*j));
    struct err e = { 0 };

    if (!j) {
        err_set(&e, ERR_INTERNAL, "no memory");
        if (network)
            nets_answer(n, id, network, &e);
        return NULL;
    }
    j->nets = n;
    j->id = id;
    if (network)
        j->network = *network;
    TAILQ_INSERT_TAIL(&n->rules, j, order);
    return j;
}

void rules_up(struct net *t, uint32_t id)
{
    struct rules_job *j = job_new(t->nets, &t->name, id);
    struct net *other;

    if (!j)
        return;
    j->wall = (struct firewall_net){ .network = &t->up.network,
                                     .bridge = t->plan.bridge,
                                     .seed_port = t->up.seed_port };
    memcpy(j->wall.forward_to, t->up.forward_to, sizeof(j->wall.forward_to));
    for (int i = 0; i < t->up.n_allow_up; i++) {
        other = net_find(t->nets, &t->up.allow_up[i]);
        if (other && other->planned)
            j->wall.allow[j->wall.n_allow++] = other->plan.bridge;
    }
    run_next(t->nets);
}

void rules_down(struct nets *n, const struct name *network, const char *bridge, uint32_t id)
{
    struct rules_job *j = job_new(n, network, id);

    if (!j)
        return;
    j->down = true;
    memcpy(j->bridge, bridge, sizeof(j->bridge));
    run_next(n);
}

int rules_look(struct nets *n, rules_look_fn *fn, void *arg, struct err *e)
{
    struct rules_job *j = job_new(n, NULL, 0);

    if (!j) {
        free(arg);
        return err_set(e, ERR_INTERNAL, "no memory");
    }
    j->look = fn;
    j->arg = arg;
    run_next(n);
    return 0;
}

void rules_free(struct nets *n)
{
    child_forget(n->iptables);
    while (!TAILQ_EMPTY(&n->rules))
        job_free(TAILQ_FIRST(&n->rules));
}
