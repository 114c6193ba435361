/* roost instance rename. */
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"

static int print_renamed(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c, (void)e;
    printf("%s is called %s\n", out_text(tree, "was"), out_text(tree, "name"));
    return 0;
}

int run_instance_rename(struct cli *c, const struct args *a, struct err *e)
{
    auto_free char *path = path_instance(a->operand[0], "/rename");
    json_t *body = json_pack("{s:s}", "to", a->operand[1]), *answer;
    struct client *client = cli_client(c, e);

    answer = client && body ? client_send(client, "POST", path, body, e) : NULL;
    json_decref(body);
    if (!answer)
        return -1;
    json_decref(answer);
    return out_tree(c, json_pack("{s:s, s:s}", "was", a->operand[0], "name", a->operand[1]),
                    print_renamed, e);
}
