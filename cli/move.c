/* roost instance export: a guest as a script. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"

static void print_notes(const json_t *tree)
{
    size_t i;
    json_t *note;

    json_array_foreach(json_object_get(tree, "notes"), i, note)
        fprintf(stderr, "note: %s\n", json_string_value(note));
}

static int print_script(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c;
    (void)e;
    print_notes(tree);
    fputs(out_text(tree, "text"), stdout);
    return 0;
}

/* Nothing is there after a failure, and never a half of it. */
static int save_script(const json_t *tree, const char *file, bool force, struct err *e)
{
    const char *text = out_text(tree, "text");
    auto_close int fd =
        open(file, O_WRONLY | O_CREAT | O_CLOEXEC | (force ? O_TRUNC : O_EXCL), 0755);
    size_t len = strlen(text);

    if (fd < 0 && errno == EEXIST)
        return err_set(e, ERR_CONFLICT, "%s is there already; --force replaces it", file);
    if (fd < 0)
        return err_sys(e, "%s", file);
    if (write(fd, text, len) != (ssize_t)len || fchmod(fd, 0755) < 0 || fsync(fd) < 0) {
        err_sys(e, "%s", file);
        unlink(file);
        return -1;
    }
    print_notes(tree);
    return 0;
}

int run_instance_export(struct cli *c, const struct args *a, struct err *e)
{
    const char *form = args_option(a, "for"), *file = args_option(a, "file");
    auto_buf struct buf rest = BUF_INIT;
    json_t *tree;
    int ret;

    buf_puts(&rest, "/export?for=");
    buf_percent(&rest, form ? form : "linux");
    auto_free char *path = path_instance(a->operand[0], buf_str(&rest));
    tree = client_get(cli_client(c, e), path, e);
    if (!file || strcmp(file, "-") == 0)
        return out_tree(c, tree, print_script, e);
    ret = tree ? save_script(tree, file, args_option(a, "force") != NULL, e) : -1;
    json_decref(tree);
    return ret;
}
