/* roost store restore: a state directory from a backup, while no roost runs on it. All is unpacked
 * and on disk under a name of its own before anything that is there is moved; what is there is put
 * aside, never deleted. A roost does not start on a directory in which this was interrupted; the
 * same command again finishes it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/archive.h"
#include "cli/commands.h"
#include "cli/out.h"

/* What a restore replaces, the store's logs with it: those of another store would spoil it. */
static const char *const replaced[] = { FILE_STORE,  FILE_STORE "-wal", FILE_STORE "-shm",
                                        FILE_SECRET, FILE_ACCOUNT_KEY,  FILE_SEED_PORT,
                                        FILE_RESTORED };
static const char *const brought[] = { FILE_SECRET, FILE_ACCOUNT_KEY, FILE_SEED_PORT, FILE_RESTORED,
                                       FILE_STORE };

struct restore {
    const char *state;
    int dir, lock;
    bool replace;
    char aside[64]; /* "": nothing was there */
};

static bool is_there(int dir, const char *name)
{
    struct stat st;

    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* --- what forbids it --- */

static int check_owner(const struct restore *r, struct err *e)
{
    const struct passwd *pw;
    struct stat st;

    if (fstat(r->dir, &st) < 0)
        return err_sys(e, "%s", r->state);
    if (st.st_uid == geteuid())
        return 0;
    pw = getpwuid(st.st_uid);
    return err_set(e, ERR_DENIED,
                   "%s belongs to uid %u (%s), not to uid %u who restores; nothing was changed: "
                   "restore as that user (sudo -u '#%u' roost store restore …), or elsewhere with "
                   "--state",
                   r->state, st.st_uid, pw ? pw->pw_name : "nobody we know", geteuid(), st.st_uid);
}

static int take_lock(struct restore *r, struct err *e)
{
    auto_buf struct buf pid = BUF_INIT;
    struct err why = { .kind = ERR_NONE };

    r->lock = lock_take(r->dir, FILE_LOCK, &why);
    if (r->lock >= 0)
        return 0;
    if (why.kind != ERR_BUSY)
        return err_set(e, why.kind, "%s: %s", r->state, why.text);
    file_read(r->dir, FILE_LOCK, 64, &pid, NULL);
    return err_set(e, ERR_CONFLICT,
                   "a roost runs on %s (pid %d); nothing was changed: end it first (systemctl stop "
                   "roost, or kill %d)",
                   r->state, atoi(buf_str(&pid)), atoi(buf_str(&pid)));
}

/* Their disks would be in use by a store that may not know them. */
static int check_guests(const struct restore *r, struct err *e)
{
    int fd = openat(r->dir, DIR_INSTANCES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *at;
    char running[256] = "";

    while (d && !*running && (at = readdir(d))) {
        auto_close int one =
            at->d_name[0] == '.' ? -1 : openat(fd, at->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (one >= 0 && lock_probe(one, FILE_LOCK_QEMU, NULL) == 1)
            snprintf(running, sizeof running, "%s", at->d_name);
    }
    if (d)
        closedir(d);
    return *running ? err_set(e, ERR_CONFLICT,
                              "guest %s of %s is running; nothing was changed: stop the guests "
                              "before roost (roost instance stop %s), then restore",
                              running, r->state, running)
                    : 0;
}

static int check_free(const struct restore *r, struct err *e)
{
    if (r->replace || !is_there(r->dir, FILE_STORE) || is_there(r->dir, DIR_RESTORE))
        return 0;
    return err_set(e, ERR_CONFLICT,
                   "%s holds a roost's store already; nothing was changed: --replace puts it aside "
                   "first, --state names another directory",
                   r->state);
}

/* --- the steps --- */

static int unpack(struct restore *r, const char *file, struct backup *ret, struct err *e)
{
    char text[700];

    if (dir_remove(r->dir, DIR_RESTORING, e) < 0 || dir_remove(r->dir, DIR_RESTORE, e) < 0)
        return -1;
    auto_close int into = dir_open_make(r->dir, DIR_RESTORING, 0700, e);
    if (into < 0 || archive_read(file, into, ret, e) < 0)
        return -1;
    int len = snprintf(text, sizeof text,
                       "restored from a backup that roost %s made at %s on %s; event numbers leap",
                       ret->version, ret->made, ret->host);
    if (file_replace(into, FILE_RESTORED, text, (size_t)len, 0600, NULL, e) < 0 ||
        dir_sync(into, e) < 0)
        return -1;
    if (renameat(r->dir, DIR_RESTORING, r->dir, DIR_RESTORE) < 0)
        return err_sys(e, "%s/%s", r->state, DIR_RESTORE);
    return dir_sync(r->dir, e);
}

static int make_aside(struct restore *r, struct err *e)
{
    for (int n = 1; n < 1000; n++) {
        snprintf(r->aside, sizeof r->aside, DIR_PUT_ASIDE "-%d", n);
        if (mkdirat(r->dir, r->aside, 0700) == 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    return err_sys(e, "%s/%s", r->state, r->aside);
}

static int put_aside(struct restore *r, struct err *e)
{
    auto_close int aside = -1;

    for (size_t i = 0; i < ARRAY_SIZE(replaced); i++) {
        if (!is_there(r->dir, replaced[i]))
            continue;
        if (aside < 0 &&
            (make_aside(r, e) < 0 ||
             (aside = openat(r->dir, r->aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0))
            return -1;
        if (renameat(r->dir, replaced[i], aside, replaced[i]) < 0)
            return err_sys(e, "%s/%s cannot be put aside", r->state, replaced[i]);
    }
    if (aside >= 0 && dir_sync(aside, e) < 0)
        return -1;
    return dir_sync(r->dir, e);
}

static int move_in(struct restore *r, struct err *e)
{
    auto_close int from = openat(r->dir, DIR_RESTORE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (size_t i = 0; from >= 0 && i < ARRAY_SIZE(brought); i++)
        if (is_there(from, brought[i]) && renameat(from, brought[i], r->dir, brought[i]) < 0)
            return err_sys(e, "%s/%s", r->state, brought[i]);
    if (from < 0 || dir_sync(r->dir, e) < 0)
        return err_sys(e, "%s/%s", r->state, DIR_RESTORE);
    if (unlinkat(r->dir, DIR_RESTORE, AT_REMOVEDIR) < 0)
        return err_sys(e, "%s/%s", r->state, DIR_RESTORE);
    return dir_sync(r->dir, e);
}

/* --- the command --- */

static int find_state(const struct cli *c, char ret[PATH_SIZE], struct err *e)
{
    const char *said = c->state ? c->state : getenv("ROOST_STATE");

    if (!said || !*said)
        return layout_default_state(geteuid() == 0, ret, e);
    if (snprintf(ret, PATH_SIZE, "%s", said) >= PATH_SIZE)
        return err_set(e, ERR_INVALID, "--state: the path is too long");
    return 0;
}

static int restore(struct restore *r, const char *file, struct backup *b, struct err *e)
{
    if (archive_read(file, -1, b, e) < 0) /* all of it, before anything is touched */
        return -1;
    if (dir_make_all(r->state, 0700, e) < 0)
        return -1;
    r->dir = open(r->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->dir < 0)
        return err_sys(e, "%s", r->state);
    if (check_owner(r, e) < 0 || take_lock(r, e) < 0 || check_guests(r, e) < 0 ||
        check_free(r, e) < 0)
        return -1;
    if (unpack(r, file, b, e) < 0) {
        dir_remove(r->dir, DIR_RESTORING, NULL);
        return -1;
    }
    return put_aside(r, e) < 0 ? -1 : move_in(r, e);
}

static int print_restored(struct cli *c, const json_t *tree, struct err *e)
{
    int64_t n = out_number(tree, "instances");

    (void)c;
    (void)e;
    printf("%s: %lld instance%s, as of %s\n", out_text(tree, "state"), (long long)n,
           n == 1 ? "" : "s", out_text(tree, "made"));
    if (*out_text(tree, "put-aside"))
        printf("what was there lies in %s/%s\n", out_text(tree, "state"),
               out_text(tree, "put-aside"));
    puts("images and disks are not part of a backup: bring them back before roost starts, see "
         "roost-restore(7)");
    return 0;
}

int run_store_restore(struct cli *c, const struct args *a, struct err *e)
{
    auto_free struct backup *b = calloc(1, sizeof *b);
    struct restore r = { .dir = -1, .lock = -1, .replace = args_option(a, "replace") != NULL };
    char state[PATH_SIZE];
    int rc;

    if (!b)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (find_state(c, state, e) < 0)
        return -1;
    r.state = state;
    rc = restore(&r, a->operand[0], b, e);
    if (r.lock >= 0)
        close(r.lock);
    if (r.dir >= 0)
        close(r.dir);
    if (rc < 0)
        return -1;
    return out_tree(c,
                    json_pack("{s:s, s:I, s:s, s:s, s:s}", "state", state, "instances",
                              (json_int_t)b->instances, "made", b->made, "host", b->host,
                              "put-aside", r.aside),
                    print_restored, e);
}
