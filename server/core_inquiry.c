/* Guests that report nothing, or no more, are asked over SSH whether cloud-init has ended: their
 * host key strictly checked against the record, as a run would do it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ansible/host.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/spawn.h"
#include "server/core_ansible.h"

#define SSH_FAILED   255 /* ssh(1), EXIT STATUS */
#define NO_SUCH      127 /* a shell's: there is no cloud-init */
#define DIR_ASKED    "asked"
#define TEXT_MAX     (8u << 10)
#define CONNECT_TEXT "10"

struct inquiry {
    struct inquiry *next;
    struct core *c;
    int64_t instance;
    struct name name;
    struct child *child;
    inquiry_fn *done;
};

static void inquiry_free(struct inquiry *p)
{
    struct inquiry **at;

    for (at = &p->c->ansible->inquiries; *at != p; at = &(*at)->next)
        ;
    *at = p->next;
    p->c->ansible->n_inquiries--;
    free(p);
}

/* ---- what the answer says ---- */

static bool has(const struct buf *b, const char *word)
{
    return strstr(buf_str(b), word) != NULL;
}

static enum answered judge(const struct spawn_exit *x, const char **why)
{
    int code = WIFEXITED(x->status) ? WEXITSTATUS(x->status) : -1;

    *why = "it has not answered in time";
    if (x->timed_out || code < 0)
        return ANSWERED_NOT_YET;
    *why = "another host key";
    if (code == SSH_FAILED && (has(x->err, "Host key verification failed") ||
                               has(x->err, "REMOTE HOST IDENTIFICATION HAS CHANGED")))
        return ANSWERED_KEY;
    /* The key was right, else it would not have come so far. */
    *why = "its sshd answers with the recorded key, and lets roost not in";
    if (code == SSH_FAILED && has(x->err, "Permission denied"))
        return ANSWERED_READY;
    *why = "nobody answers";
    if (code == SSH_FAILED)
        return ANSWERED_AWAY;
    *why = "it has no cloud-init";
    if (code == NO_SUCH)
        return ANSWERED_READY;
    *why = "cloud-init is at work";
    if (has(x->out, "status: running") || has(x->out, "status: not"))
        return ANSWERED_NOT_YET;
    *why = "cloud-init has ended";
    return ANSWERED_READY;
}

static void ended(const struct spawn_exit *x, void *arg)
{
    struct inquiry p = *(struct inquiry *)arg;
    const char *why;
    enum answered is = judge(x, &why);

    inquiry_free(arg);
    p.done(p.c, p.instance, is, why);
}

/* ---- asking ---- */

/* Its recorded keys in a file of their own: the common one may be written a little later. */
static int put_keys(struct core *c, const struct guest *g, char ret[PATH_SIZE], struct err *e)
{
    auto_free struct guest_keys *k = calloc(1, sizeof *k);
    auto_buf struct buf text = BUF_INIT;
    char line[HOSTKEY_B64_MAX + 64];

    if (!k)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (store_keys_get(c->store, g->id, k, e) < 0)
        return -1;
    for (int t = 0; t < HOSTKEY_TYPES; t++)
        if (k->has[t]) {
            hostkey_line(&k->keys[t], line, sizeof line);
            buf_printf(&text, "%s %s\n", g->name.s, line);
        }
    snprintf(ret, PATH_SIZE, "%.4000s/" DIR_RUNS "/" DIR_ASKED, c->config.state);
    if (dir_make_all(ret, 0700, e) < 0)
        return -1;
    auto_close int dir = open(ret, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_sys(e, "%s", ret);
    snprintf(ret, PATH_SIZE, "%.3900s/" DIR_RUNS "/" DIR_ASKED "/%s", c->config.state, g->name.s);
    return file_replace(dir, g->name.s, buf_str(&text), text.len, 0600, NULL, e);
}

static void build(struct core *c, const struct guest *g, const struct spec *s, const char *keys,
                  struct argv *a)
{
    static const char *const fixed[] = { "BatchMode=yes",         "StrictHostKeyChecking=yes",
                                         "CheckHostIP=no",        "GlobalKnownHostsFile=/dev/null",
                                         "UpdateHostKeys=no",     "ConnectTimeout=" CONNECT_TEXT,
                                         "ServerAliveInterval=15" };
    const struct host h = { .ssh = g->address, .vars = s->vars };
    struct endpoint at = g->address;
    char ip[IP_TEXT], user[64], key[PATH_SIZE + 64];
    struct account account;

    host_endpoint(&h, &at);
    core_login(c->store, s, user);
    snprintf(key, sizeof key, "%s", c->config.ssh_key);
    argv_add(a, "ssh");
    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
        argv_add(a, "-o");
        argv_add(a, fixed[i]);
    }
    argv_add(a, "-o");
    argv_addf(a, "HostKeyAlias=%s", g->name.s);
    argv_add(a, "-o");
    argv_addf(a, "UserKnownHostsFile=\"%s\"", keys);
    argv_add(a, "-p");
    argv_addf(a, "%u", at.port);
    if (account_in_use(c, g->id, s, &account, NULL) > 0) {
        config_account_key(&c->config, key);
        snprintf(user, sizeof user, "%s", account.login);
    }
    if (key[0]) {
        argv_add(a, "-i");
        argv_add(a, key);
    }
    if (user[0]) {
        argv_add(a, "-l");
        argv_add(a, user);
    }
    argv_add(a, "--");
    argv_add(a, ip_format(&at.ip, ip));
    argv_add(a, "cloud-init status --wait");
}

static bool under_way(const struct core *c, int64_t id)
{
    for (const struct inquiry *p = c->ansible->inquiries; p; p = p->next)
        if (p->instance == id)
            return true;
    return false;
}

static int start(struct inquiry *p, const struct guest *g, const struct spec *s, struct err *e)
{
    auto_argv struct argv a = ARGV_INIT;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    char keys[PATH_SIZE];

    if (put_keys(p->c, g, keys, e) < 0)
        return -1;
    build(p->c, g, s, keys, &a);
    o.capture = true;
    o.capture_cap = TEXT_MAX;
    o.own_session = true;
    o.limit_ms = INQUIRY_LIMIT_MS;
    p->child = child_spawn(p->c->loop, &a, &o, ended, p, e);
    return p->child ? 0 : -1;
}

bool inquiry_start(struct core *c, const struct guest *g, const struct spec *s, inquiry_fn *done)
{
    struct inquiry *p;
    struct err e;

    if (c->ansible->n_inquiries >= INQUIRIES_MAX || under_way(c, g->id) || !g->address.port)
        return false;
    if (!(p = calloc(1, sizeof *p)))
        return false;
    *p = (struct inquiry){
        .next = c->ansible->inquiries, .c = c, .instance = g->id, .name = g->name, .done = done
    };
    c->ansible->inquiries = p;
    c->ansible->n_inquiries++;
    if (start(p, g, s, &e) == 0)
        return true;
    log_warn("%s cannot be asked whether cloud-init has ended: %s", g->name.s, e.text);
    inquiry_free(p);
    return false;
}

void inquiries_free(struct core *c)
{
    while (c->ansible->inquiries) {
        struct inquiry *p = c->ansible->inquiries;
        child_kill(p->child, SIGTERM, NULL);
        child_forget(p->child);
        inquiry_free(p);
    }
}
