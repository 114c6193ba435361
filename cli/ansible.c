/* roost ansible init. */
#include <stdio.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"

static int print_init(struct cli *c, const json_t *tree, struct err *e)
{
    const char *directory = out_text(tree, "directory");
    json_t *row;
    size_t i;

    (void)c;
    (void)e;
    json_array_foreach(json_object_get(tree, "files"), i, row)
        printf("%-9s  %s/%s\n", out_text(row, "is"), directory, out_text(row, "file"));
    return 0;
}

int run_ansible_init(struct cli *c, const struct args *a, struct err *e)
{
    const char *instance = args_option(a, "instance");
    json_t *body = instance ? json_pack("{s:s}", "instance", instance) : json_object(), *made;

    if (!body)
        return err_set(e, ERR_INVALID, "--instance: not UTF-8");
    made = client_send(cli_client(c, e), "POST", "/v1/ansible/init", body, e);
    json_decref(body);
    return out_tree(c, made, print_init, e);
}
