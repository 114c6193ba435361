/* roost inventory, known-hosts, ssh-config, sync: what is rendered from the store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"

static int print_text(struct cli *c, const json_t *tree, struct err *e)
{
    const char *text = out_text(tree, "text");

    (void)c;
    (void)e;
    fwrite(text, 1, strlen(text), stdout);
    return 0;
}

/* The text as it is, or {"text": …}: both forms of --output say the same for every command. */
static int run_text(struct cli *c, const char *path, struct err *e)
{
    auto_buf struct buf b = { .cap = (size_t)1 << 30 };
    json_t *tree;

    if (client_text(cli_client(c, e), path, &b, e) < 0)
        return -1;
    tree = json_pack("{s:s%}", "text", buf_str(&b), b.len);
    if (!tree)
        err_set(e, ERR_INTERNAL, "%s: not UTF-8", path);
    return out_tree(c, tree, print_text, e);
}

int run_inventory(struct cli *c, const struct args *a, struct err *e)
{
    (void)a;
    return run_text(c, "/v1/inventory", e);
}

int run_metrics(struct cli *c, const struct args *a, struct err *e)
{
    (void)a;
    return run_text(c, "/metrics", e);
}

int run_ssh_config(struct cli *c, const struct args *a, struct err *e)
{
    (void)a;
    return run_text(c, "/v1/ssh-config", e);
}

/* A host that is none of ours has no keys here, and that is no error: ssh's KnownHostsCommand asks
 * for whatever it is about to log in to, and gives up where the command fails. */
int run_known_hosts(struct cli *c, const struct args *a, struct err *e)
{
    auto_buf struct buf path = BUF_INIT;

    buf_puts(&path, "/v1/known-hosts");
    if (a->n) {
        buf_puts(&path, "?host=");
        buf_percent(&path, a->operand[0]);
    }
    return run_text(c, buf_str(&path), e);
}

static int print_sync(struct cli *c, const json_t *tree, struct err *e)
{
    int64_t n = out_number(tree, "changed");

    (void)c;
    (void)e;
    printf("%lld file%s changed\n", (long long)n, n == 1 ? "" : "s");
    return 0;
}

int run_sync(struct cli *c, const struct args *a, struct err *e)
{
    (void)a;
    return out_tree(c, client_send(cli_client(c, e), "POST", "/v1/sync", NULL, e), print_sync, e);
}
