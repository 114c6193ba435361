/* roost instance export and import: a guest as a script, and on its way to another host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/unfinished.h"
#include "cli/task.h"

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

static int export_script(struct cli *c, const struct args *a, struct err *e)
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

/* --- bundles --- */

static int fill_bundle(struct cli *c, const char *path, int fd, const char *tmp, const char *file,
                       struct err *e)
{
    if (client_download(cli_client(c, e), path, fd, file, e) < 0)
        return -1;
    return fsync(fd) == 0 && rename(tmp, file) == 0 ? 0 : err_sys(e, "%s", file);
}

static int print_saved(struct cli *c, const json_t *tree, struct err *e)
{
    char size[24];

    (void)c, (void)e;
    printf("%s: guest %s, %s; whoever reads it reads its secrets\n", out_text(tree, "file"),
           out_text(tree, "name"), format_size((uint64_t)out_number(tree, "size"), size));
    return 0;
}

static int tell_saved(struct cli *c, const char *name, const char *file, struct err *e)
{
    struct stat st;

    if (stat(file, &st) < 0)
        return err_sys(e, "%s", file);
    return out_tree(c,
                    json_pack("{s:s, s:s, s:I}", "name", name, "file", file, "size",
                              (json_int_t)st.st_size),
                    print_saved, e);
}

/* Under another name until it is whole and on disk. */
static int save_bundle(struct cli *c, const char *path, const char *file, bool force, struct err *e)
{
    auto_free char *tmp = NULL;
    auto_close int fd = -1;
    struct stat st;
    int r;

    if (!force && lstat(file, &st) == 0)
        return err_set(e, ERR_CONFLICT, "%s is there already; --force replaces it", file);
    if (asprintf(&tmp, "%s.part", file) < 0)
        return err_set(e, ERR_INTERNAL, "out of memory");
    unlink(tmp);
    unfinished(AT_FDCWD, tmp); /* from before it is there */
    fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    r = fd < 0 ? err_sys(e, "%s", file) : fill_bundle(c, path, fd, tmp, file, e);
    if (fd >= 0 && r < 0)
        unlink(tmp);
    unfinished_over();
    return r;
}

static int export_bundle(struct cli *c, const struct args *a, const char *file, struct err *e)
{
    auto_free char *path = path_instance(
        a->operand[0], args_option(a, "no-image") ? "/bundle?no-image=true" : "/bundle");

    if (args_option(a, "for") || args_option(a, "file"))
        return err_set(e, ERR_INVALID,
                       "--bundle stands by itself: --for and --file are about a script");
    if (strcmp(file, "-") != 0)
        return save_bundle(c, path, file, args_option(a, "force") != NULL, e) < 0
                   ? -1
                   : tell_saved(c, a->operand[0], file, e);
    if (isatty(STDOUT_FILENO))
        return err_set(e, ERR_INVALID, "a bundle is nothing for a terminal: name a file");
    return client_download(cli_client(c, e), path, STDOUT_FILENO, "standard output", e);
}

int run_instance_export(struct cli *c, const struct args *a, struct err *e)
{
    const char *bundle = args_option(a, "bundle");

    if (bundle)
        return export_bundle(c, a, bundle, e);
    if (args_option(a, "no-image"))
        return err_set(e, ERR_INVALID, "--no-image is about a bundle: say --bundle FILE");
    return export_script(c, a, e);
}

static int print_task(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c;
    (void)e;
    printf("task %lld: %s of %s\n", (long long)json_integer_value(json_object_get(tree, "id")),
           out_text(tree, "kind"), out_text(tree, "what"));
    print_notes(tree);
    return 0;
}

/* Under which name it is here stands in the bundle, unless one was said (the task's object). */
static int print_imported(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c;
    (void)e;
    printf("%s is imported; roost instance list shows it\n", out_text(tree, "object"));
    print_notes(tree);
    return 0;
}

int run_instance_import(struct cli *c, const struct args *a, struct err *e)
{
    struct client *client = cli_client(c, e);
    auto_free char *file = realpath(a->operand[0], NULL);
    json_t *body, *task, *ended;

    if (!client)
        return -1;
    if (!file)
        return err_sys(e, "%s", a->operand[0]);
    body = json_pack("{s:s, s:s*, s:s*}", "file", file, "as", args_option(a, "as"), "network",
                     args_option(a, "network"));
    task = client_send(client, "POST", "/v1/import", body, e);
    json_decref(body);
    if (!task || args_option(a, "no-wait"))
        return out_tree(c, task, print_task, e);
    ended = task_follow(c, task, args_option(a, "quiet") != NULL, e);
    json_decref(task);
    return out_tree(c, ended, print_imported, e);
}
