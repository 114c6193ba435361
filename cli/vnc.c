/* roost vnc: where a guest's display is. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"

static int print(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c, (void)e;
    puts(out_text(tree, "socket"));
    if (access(out_text(tree, "socket"), F_OK) < 0)
        fputs("it is there while the guest runs\n", stderr);
    else if (isatty(STDOUT_FILENO))
        fprintf(stderr,
                "for a viewer: remote-viewer vnc+unix://%s\n"
                "or, for one that knows TCP alone: socat TCP-LISTEN:5900,bind=127.0.0.1 "
                "UNIX-CONNECT:%s\n",
                out_text(tree, "socket"), out_text(tree, "socket"));
    return 0;
}

/* The socket in *row, or why there is none. */
static int find(const json_t *row, const char *name, const char **ret, struct err *e)
{
    *ret = out_text(json_object_get(row, "paths"), "vnc-socket");
    if (strcmp(out_text(row, "launcher"), "external") == 0)
        return err_set(e, ERR_CONFLICT,
                       "%s was not launched by roost (launcher: external): its screen is where it "
                       "runs, such as virt-viewer or the web page of Proxmox",
                       name);
    if (!**ret)
        return err_set(e, ERR_CONFLICT,
                       "%s has no VNC display: roost instance modify %s --display vnc gives it one "
                       "at its next start",
                       name, name);
    return 0;
}

int run_vnc(struct cli *c, const struct args *a, struct err *e)
{
    auto_free char *path = path_instance(a->operand[0], "");
    json_t *row = path ? client_get(cli_client(c, e), path, e) : NULL;
    const char *socket;
    int ret = row ? find(row, a->operand[0], &socket, e) : -1;

    if (ret == 0)
        ret =
            out_tree(c, json_pack("{s:s, s:s}", "name", a->operand[0], "socket", socket), print, e);
    json_decref(row);
    return ret;
}
