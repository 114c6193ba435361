#include "ansible/run.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ansible/cfg.h"
#include "ansible/plugin.h"
#include "ansible/sshpath.h"
#include "base/cleanup.h"

#define TAG_MAX       64
#define VERBOSITY_MAX 4

/* ---- checks ---- */

int run_tag_check(const char *tag, struct err *e)
{
    static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-";
    size_t len = strlen(tag);

    if (len == 0 || len > TAG_MAX || tag[0] == '-' || strspn(tag, ok) != len)
        return err_set(e, ERR_INVALID,
                       "tag \"%.80s\": at most %d of letters, digits, '_', '.', ':' and '-', which "
                       "does not come first",
                       tag, TAG_MAX);
    return 0;
}

static bool said(const char *s)
{
    return s && *s;
}

static int check_paths(const struct ansible_run *r, struct err *e)
{
    const char *const paths[] = { r->playbook, r->limit,       r->cfg, r->plugins,
                                  r->ssh_key,  r->known_hosts, r->tmp, r->control_dir };

    if (!said(r->playbook) || !said(r->plugins) || !said(r->known_hosts) || !r->inventories)
        return err_set(e, ERR_INTERNAL,
                       "a run without playbook, inventory, plugins or known_hosts");
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        if (said(paths[i]) && cfg_path_check(paths[i], e) < 0)
            return -1;
    for (const char *const *i = r->inventories; *i; i++)
        if (cfg_path_check(*i, e) < 0)
            return -1;
    if (said(r->control_dir) && strlen(r->control_dir) > RUN_CONTROL_MAX)
        return err_set(e, ERR_TOO_BIG,
                       "%.200s is too long for ssh's sockets below it: at most %d bytes",
                       r->control_dir, RUN_CONTROL_MAX);
    return 0;
}

static int check_numbers(const struct ansible_run *r, struct err *e)
{
    if (r->forks > RUN_FORKS_MAX)
        return err_set(e, ERR_INVALID, "%u forks, at most %d are allowed", r->forks, RUN_FORKS_MAX);
    if (r->verbosity > VERBOSITY_MAX)
        return err_set(e, ERR_INVALID, "verbosity %u, at most %d is of use", r->verbosity,
                       VERBOSITY_MAX);
    return 0;
}

/* ---- arguments ---- */

static int add_tags(struct argv *a, const char *option, const char *const *tags, struct err *e)
{
    auto_buf struct buf list = BUF_INIT;
    int n = 0;

    for (; tags && tags[n]; n++) {
        if (n == RUN_TAGS_MAX)
            return err_set(e, ERR_TOO_BIG, "more than %d tags", RUN_TAGS_MAX);
        if (run_tag_check(tags[n], e) < 0)
            return -1;
        buf_printf(&list, "%s%s", n ? "," : "", tags[n]);
    }
    if (n > 0) {
        argv_add(a, option);
        argv_add(a, buf_str(&list));
    }
    return buf_check(&list, e);
}

static void add_switches(struct argv *a, const struct ansible_run *r)
{
    static const char *const loud[] = { "-v", "-vv", "-vvv", "-vvvv" };

    if (r->syntax_check)
        argv_add(a, "--syntax-check");
    if (r->check)
        argv_add(a, "--check");
    if (r->diff)
        argv_add(a, "--diff");
    if (r->verbosity)
        argv_add(a, loud[r->verbosity - 1]);
    if (r->forks) {
        argv_add(a, "--forks");
        argv_addf(a, "%u", r->forks);
    }
}

int ansible_argv_render(const struct ansible_run *r, struct argv *a, struct err *e)
{
    if (check_paths(r, e) < 0 || check_numbers(r, e) < 0)
        return -1;
    argv_add(a, said(r->program) ? r->program : "ansible-playbook");
    for (const char *const *i = r->inventories; *i; i++) {
        argv_add(a, "--inventory");
        argv_add(a, *i);
    }
    if (said(r->limit)) {
        argv_add(a, "--limit");
        argv_addf(a, "@%s", r->limit);
    }
    if (add_tags(a, "--tags", r->tags, e) < 0 || add_tags(a, "--skip-tags", r->skip_tags, e) < 0)
        return -1;
    add_switches(a, r);
    for (const char *const *x = r->extra; x && *x; x++)
        argv_add(a, *x);
    argv_add(a, r->playbook);
    return a->failed ? err_set(e, ERR_INTERNAL, "out of memory") : 0;
}

void ansible_limit_render(const struct name *hosts, int n, struct buf *out)
{
    for (int i = 0; i < n; i++)
        buf_printf(out, "%s\n", hosts[i].s);
}

/* ---- environment ---- */

/* What a person's Ansible, ssh and the tools that a playbook runs on this host look for. */
static bool is_kept(const char *variable)
{
    static const char *const keep[] = {
        "PATH",          "HOME",
        "USER",          "LOGNAME",
        "SHELL",         "TZ",
        "TMPDIR",        "VIRTUAL_ENV",
        "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR",
        "SSL_CERT_FILE", "SSL_CERT_DIR",
        "http_proxy",    "https_proxy",
        "no_proxy",
    };
    size_t len = strcspn(variable, "=");

    for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
        if (strlen(keep[i]) == len && !strncasecmp(variable, keep[i], len))
            return true;
    return false;
}

static void add_options(struct buf *out, const struct ansible_run *r)
{
    buf_puts(out, "-C");
    if (said(r->control_dir))
        buf_puts(out, " -o ControlMaster=auto -o ControlPersist=60s");
    else
        buf_puts(out, " -o ControlMaster=no -o ControlPath=none");
    sshpath_strict(out, r->known_hosts);
    /* A guest that dies in the middle is noticed within a minute. */
    buf_puts(out, " -o ServerAliveInterval=15 -o ServerAliveCountMax=3");
}

static void add_unless_empty(struct argv *env, const char *name, const char *value)
{
    if (said(value))
        argv_addf(env, "%s=%s", name, value);
}

static void add_seconds(struct argv *env, const char *name, int64_t s)
{
    if (s > 0)
        argv_addf(env, "%s=%lld", name, (long long)s);
}

int ansible_env_render(const struct ansible_run *r, const char *const *from, int outcome_fd,
                       struct argv *env, struct err *e)
{
    auto_buf struct buf options = BUF_INIT;

    if (check_paths(r, e) < 0)
        return -1;
    for (; from && *from; from++)
        if (is_kept(*from))
            argv_add(env, *from);
    argv_add(env, "LC_ALL=C.UTF-8"); /* always there; Ansible refuses what is not UTF-8 */
    argv_addf(env, PLUGIN_FD_ENV "=%d", outcome_fd);
    add_options(&options, r);
    argv_addf(env, "ANSIBLE_SSH_ARGS=%s", buf_str(&options));
    argv_add(env, "ANSIBLE_HOST_KEY_CHECKING=True");
    argv_addf(env, "ANSIBLE_CALLBACK_PLUGINS=%s", r->plugins);
    argv_add(env, "ANSIBLE_RETRY_FILES_ENABLED=False");
    argv_add(env, "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=True");
    argv_add(env, "ANSIBLE_NOCOLOR=1");
    argv_add(env, "PYTHONUNBUFFERED=1"); /* whoever follows the log sees a task when it is done */
    add_unless_empty(env, "ANSIBLE_CONFIG", r->cfg);
    add_unless_empty(env, "ANSIBLE_PRIVATE_KEY_FILE", r->ssh_key);
    add_unless_empty(env, "ANSIBLE_SSH_CONTROL_PATH_DIR", r->control_dir);
    add_unless_empty(env, "ANSIBLE_LOCAL_TEMP", r->tmp);
    add_seconds(env, "ANSIBLE_TIMEOUT", r->connect_s);
    add_seconds(env, "ANSIBLE_TASK_TIMEOUT", (r->task_ms + 999) / 1000);
    if (buf_check(&options, e) < 0)
        return -1;
    return env->failed ? err_set(e, ERR_INTERNAL, "out of memory") : 0;
}
