/* roost store backup, check. */
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/archive.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/unfinished.h"

static json_t *backup_tree(const char *file, const struct backup *b)
{
    uint64_t bytes = 0;

    for (int i = 0; i < b->n_files; i++)
        bytes += b->files[i].size;
    return json_pack("{s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:i}", "file", file, "bytes",
                     (json_int_t)bytes, "instances", (json_int_t)b->instances, "made", b->made,
                     "host", b->host, "state", b->state, "roost", b->version, "schema", b->schema);
}

static int print_backup(struct cli *c, const json_t *tree, struct err *e)
{
    int64_t n = out_number(tree, "instances");

    (void)c;
    (void)e;
    printf("%s: %lld instance%s, made %s on %s by roost %s; checked\n", out_text(tree, "file"),
           (long long)n, n == 1 ? "" : "s", out_text(tree, "made"), out_text(tree, "host"),
           out_text(tree, "roost"));
    return 0;
}

/* --- backup --- */

/* The directory and the last part of a path. */
static int split(const char *path, int *ret_dir, char name[256], struct err *e)
{
    auto_free char *a = strdup(path), *b = strdup(path);

    if (!a || !b)
        return err_set(e, ERR_INTERNAL, "out of memory");
    const char *dir = dirname(a), *base = basename(b);
    if (strlen(base) > 240 || !strcmp(base, ".") || !strcmp(base, "..") || !strcmp(base, "/") ||
        path[strlen(path) - 1] == '/')
        return err_set(e, ERR_INVALID, "%s: a file's name is wanted", path);
    snprintf(name, 256, "%s", base);
    *ret_dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_dir < 0 ? err_sys(e, "%s", dir) : 0;
}

/* `tmp` in dir becomes a whole backup, on disk. */
static int fetch(struct cli *c, int dir, const char *tmp, struct backup *ret, struct err *e)
{
    char path[64 + 300];
    auto_close int fd =
        openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return err_sys(e, "%s cannot be made", tmp);
    if (client_download(cli_client(c, e), "/v1/store/backup", fd, "it cannot be written", e) < 0)
        return -1;
    if (fsync(fd) < 0)
        return err_sys(e, "it cannot be written");
    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir, tmp);
    return archive_read(path, -1, ret, e);
}

int run_store_backup(struct cli *c, const struct args *a, struct err *e)
{
    const char *path = a->operand[0];
    auto_free struct backup *b = calloc(1, sizeof *b);
    auto_close int dir = -1;
    char name[256], tmp[300];
    struct stat st;
    int r;

    if (!b)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (split(path, &dir, name, e) < 0)
        return -1;
    if (fstatat(dir, name, &st, 0) == 0 && !S_ISREG(st.st_mode))
        return err_set(e, ERR_CONFLICT, "%s is there and is no plain file", path);
    snprintf(tmp, sizeof tmp, ".%s.%d.tmp", name, (int)getpid());
    unfinished(dir, tmp);
    r = fetch(c, dir, tmp, b, e);
    if (r < 0)
        unlinkat(dir, tmp, 0);
    unfinished_over();
    if (r < 0)
        return err_wrap(e, "%s", path);
    if (renameat(dir, tmp, dir, name) < 0 || fsync(dir) < 0) {
        err_sys(e, "%s", path);
        unlinkat(dir, tmp, 0);
        return -1;
    }
    return out_tree(c, backup_tree(path, b), print_backup, e);
}

/* --- check --- */

static int print_check(struct cli *c, const json_t *tree, struct err *e)
{
    int64_t n = out_number(tree, "instances");

    (void)c;
    (void)e;
    printf("the store is sound: %lld instance%s, %lld bytes\n", (long long)n, n == 1 ? "" : "s",
           (long long)out_number(tree, "bytes"));
    return 0;
}

int run_store_check(struct cli *c, const struct args *a, struct err *e)
{
    auto_free struct backup *b = calloc(1, sizeof *b);

    if (!a->n)
        return out_tree(c, client_send(cli_client(c, e), "POST", "/v1/store/check", NULL, e),
                        print_check, e);
    if (!b)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (archive_read(a->operand[0], -1, b, e) < 0)
        return -1;
    return out_tree(c, backup_tree(a->operand[0], b), print_backup, e);
}
