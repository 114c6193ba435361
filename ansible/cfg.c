#include "ansible/cfg.h"

#include <string.h>

#include "ansible/sshpath.h"

#define FORKS     10
#define CONNECT_S 15

int cfg_path_check(const char *path, struct err *e)
{
    if (sshpath_check(path, e) < 0)
        return -1;
    if (path[0] != '/')
        return err_set(e, ERR_INVALID, "path \"%.200s\" is not absolute", path);
    if (strstr(path, " ;") || strpbrk(path, "$:,") || strstr(path, "{{") || strstr(path, "{%") ||
        strstr(path, "{#"))
        return err_set(e, ERR_INVALID,
                       "path \"%.200s\": Ansible cannot be told of one that holds ':', ',', '$', "
                       "\" ;\" or \"{{\"",
                       path);
    return 0;
}

/* Ansible looks for "~" and variables in paths; there are none in an absolute one that passed. */
static int put_path(struct buf *out, const char *option, const char *path, struct err *e)
{
    if (!*path)
        return 0;
    if (cfg_path_check(path, e) < 0)
        return err_wrap(e, "%s", option);
    buf_printf(out, "%s = %s\n", option, path);
    return 0;
}

static int put_user(struct buf *out, const char *user, struct err *e)
{
    static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-";

    if (!*user)
        return 0;
    if (user[0] == '-' || strspn(user, ok) != strlen(user))
        return err_set(e, ERR_INVALID, "remote_user \"%.80s\" is no login", user);
    buf_printf(out, "remote_user = %s\n", user);
    return 0;
}

static int put_defaults(const struct ansible_cfg *c, struct buf *out, struct err *e)
{
    buf_puts(out, "[defaults]\n");
    if (put_path(out, "inventory", c->inventory, e) < 0 ||
        put_path(out, "private_key_file", c->ssh_key, e) < 0 ||
        put_path(out, "callback_plugins", c->plugins, e) < 0 ||
        put_user(out, c->remote_user, e) < 0)
        return -1;
    buf_printf(out,
               "host_key_checking = True\n"
               "retry_files_enabled = False\n"
               "interpreter_python = auto_silent\n"
               "forks = %u\n"
               "timeout = %u\n\n",
               c->forks ? c->forks : FORKS, c->connect_s ? c->connect_s : CONNECT_S);
    return 0;
}

static int put_ssh(const struct ansible_cfg *c, struct buf *out, struct err *e)
{
    buf_puts(out, "[ssh_connection]\n"
                  "pipelining = True\n"
                  "ssh_args = -C -o ControlMaster=auto -o ControlPersist=60s");
    if (*c->known_hosts) {
        if (cfg_path_check(c->known_hosts, e) < 0)
            return err_wrap(e, "known_hosts");
        sshpath_strict(out, c->known_hosts);
    }
    buf_putc(out, '\n');
    return 0;
}

int ansible_cfg_render(const struct ansible_cfg *c, struct buf *out, struct err *e)
{
    if (put_defaults(c, out, e) < 0)
        return -1;
    if (c->become)
        buf_puts(out, "[privilege_escalation]\nbecome = True\n\n");
    if (put_ssh(c, out, e) < 0)
        return -1;
    return buf_check(out, e);
}
