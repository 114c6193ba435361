#include "ansible/hostvar.h"

#include <stdlib.h>
#include <string.h>

#include "ansible/sshpath.h"
#include "base/cleanup.h"

struct hostvars {
    struct buf arguments; /* ssh's, behind the alias */
    struct buf ssh_key;   /* as Ansible wants it, empty: none */
};

/* What roost says about a host, whatever its vars say. */
static const char *const own[] = {
    "ansible_host",
    "ansible_host_key_checking",
    "ansible_ssh_common_args",
    "ansible_ssh_private_key_file",
    "roost_image",
    "roost_network",
    "roost_scenario",
    "roost_state",
};

/* ---- what holds for all hosts ---- */

static int set_defaults(struct hostvars *s, const struct host_defaults *d, struct err *e)
{
    if (sshpath_check(d->known_hosts, e) < 0 || sshpath_check(d->ssh_key, e) < 0)
        return -1;
    if (*d->known_hosts)
        sshpath_option(&s->arguments, "UserKnownHostsFile", d->known_hosts);
    /* Names are never used again by another guest, addresses are. */
    buf_puts(&s->arguments, " -o StrictHostKeyChecking=yes -o CheckHostIP=no");
    if (*d->ssh_key)
        buf_puts(&s->arguments, " -o IdentitiesOnly=yes");
    sshpath_quoted(&s->ssh_key, d->ssh_key); /* Ansible puts it into IdentityFile="…" */
    return buf_check(&s->arguments, e) < 0 ? -1 : buf_check(&s->ssh_key, e);
}

struct hostvars *hostvars_new(const struct host_defaults *d, struct err *e)
{
    struct hostvars *s = calloc(1, sizeof(*s));

    if (!s) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    if (set_defaults(s, d, e) < 0) {
        hostvars_free(s);
        return NULL;
    }
    return s;
}

void hostvars_free(struct hostvars *s)
{
    if (!s)
        return;
    buf_done(&s->arguments);
    buf_done(&s->ssh_key);
    free(s);
}

/* ---- roost's ---- */

struct walk {
    const struct host *h;
    hostvar_fn *fn;
    void *arg;
};

static int say(const struct walk *w, const char *name, const char *text, struct err *e)
{
    const struct hostvar v = { .name = name, .kind = HOSTVAR_TEXT, .text = text };

    return *text ? w->fn(&v, w->arg, e) : 0;
}

static bool they_say(const struct walk *w, const char *name)
{
    return json_object_get(w->h->vars, name);
}

static int walk_where(const struct walk *w, struct err *e)
{
    const struct hostvar port = { "ansible_port", HOSTVAR_NUMBER, "", w->h->ssh.port };
    char ip[IP_TEXT];

    if (!host_is_found(w->h))
        return 0;
    if (say(w, "ansible_host", ip_format(&w->h->ssh.ip, ip), e) < 0)
        return -1;
    return they_say(w, port.name) ? 0 : w->fn(&port, w->arg, e);
}

/* The operator's word for the login stands for the key to it too. */
static bool by_account(const struct walk *w)
{
    const struct host *h = w->h;

    return h->account && *h->account && h->account_key && !they_say(w, "ansible_user");
}

static int walk_account(const struct walk *w, struct err *e)
{
    auto_buf struct buf key = BUF_INIT;

    if (sshpath_check(w->h->account_key, e) < 0)
        return -1;
    sshpath_quoted(&key, w->h->account_key);
    return buf_check(&key, e) < 0 ? -1 : say(w, "ansible_ssh_private_key_file", buf_str(&key), e);
}

static int walk_how(const struct hostvars *s, const struct walk *w, struct err *e)
{
    /* An ansible.cfg that turns checking off would come before the arguments below. */
    const struct hostvar checking = { "ansible_host_key_checking", HOSTVAR_TRUE, "", 0 };
    auto_buf struct buf arguments = BUF_INIT;
    bool own_account = by_account(w);

    buf_cat(&arguments, "-o HostKeyAlias=", w->h->name.s, buf_str(&s->arguments), NULL);
    if (own_account && !s->ssh_key.len)
        buf_puts(&arguments, " -o IdentitiesOnly=yes");
    if (buf_check(&arguments, e) < 0)
        return -1;
    if (!they_say(w, "ansible_user") &&
        say(w, "ansible_user", own_account ? w->h->account : w->h->user, e) < 0)
        return -1;
    if (w->fn(&checking, w->arg, e) < 0 ||
        say(w, "ansible_ssh_common_args", buf_str(&arguments), e) < 0)
        return -1;
    return own_account ? walk_account(w, e)
                       : say(w, "ansible_ssh_private_key_file", buf_str(&s->ssh_key), e);
}

static int walk_what(const struct walk *w, struct err *e)
{
    if (say(w, "roost_image", w->h->image, e) < 0 || say(w, "roost_network", w->h->network, e) < 0)
        return -1;
    if (w->h->scenario && say(w, "roost_scenario", w->h->scenario, e) < 0)
        return -1;
    return say(w, "roost_state", w->h->state, e);
}

int hostvars_walk(const struct hostvars *s, const struct host *h, hostvar_fn *fn, void *arg,
                  struct err *e)
{
    const struct walk w = { h, fn, arg };

    if (walk_where(&w, e) < 0 || walk_how(s, &w, e) < 0)
        return -1;
    return walk_what(&w, e);
}

bool hostvar_may_be_template(const char *text)
{
    return strpbrk(text, "{#");
}

/* ---- the operator's ---- */

json_t *hostvars_theirs(const struct host *h, void (*left_out)(const char *name, void *arg),
                        void *arg)
{
    if (json_object_size(h->vars) == 0) /* of none too */
        return json_object();
    json_t *theirs = json_copy((json_t *)(uintptr_t)h->vars);

    for (size_t i = 0; theirs && i < ARRAY_SIZE(own); i++)
        if (json_object_del(theirs, own[i]) == 0 && left_out)
            left_out(own[i], arg);
    return theirs;
}
