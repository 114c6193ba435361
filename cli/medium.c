/* roost instance insert: an image into a CD-ROM drive. (eject is of several at once: operate.c.) */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/inline.h"
#include "cli/out.h"
#include "model/layout.h"

static int print_inserted(struct cli *c, const json_t *tree, struct err *e)
{
    bool live = json_is_true(json_object_get(tree, "live"));

    (void)c;
    (void)e;
    printf("%s: %s is in its CD-ROM drive%s\n", out_text(tree, "instance"), out_text(tree, "cdrom"),
           live ? "" : " from its next start on");
    return 0;
}

int run_instance_insert(struct cli *c, const struct args *a, struct err *e)
{
    bool force = args_option(a, "force") != NULL;
    auto_free char *path = path_instance(a->operand[0], "/insert");
    char dir[PATH_SIZE], file[PATH_SIZE];
    json_t *body, *answer;

    if (!path)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (!getcwd(dir, sizeof dir))
        return err_sys(e, "the working directory");
    if (medium_path(a->operand[1], dir, file, e) < 0)
        return -1;
    if (!(body = json_pack("{s:s, s:b}", "file", file, "force", force)))
        return err_set(e, ERR_INVALID, "%.200s: not UTF-8", file);
    answer = client_send(cli_client(c, e), "POST", path, body, e);
    json_decref(body);
    return out_tree(c, answer, print_inserted, e);
}
