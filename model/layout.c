#include "model/layout.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/encode.h"

#define ID_DIGITS 8

/* The longest name below RUN: "/NAME.qmp" (".con" is as long; control.sock is shorter). */
#define SOCKET_NAME_MAX (1 + NAME_MAX_LEN + sizeof(SUFFIX_QMP) - 1)
#define RUN_MAX         (sizeof(((struct sockaddr_un *)0)->sun_path) - 1 - SOCKET_NAME_MAX)
_Static_assert(sizeof(SUFFIX_CONSOLE) <= sizeof(SUFFIX_QMP), "RUN_MAX is for the longest suffix");
_Static_assert(sizeof(FILE_CONTROL) <= SOCKET_NAME_MAX, "RUN_MAX is for the longest name");

/* An environment variable that holds an absolute path; the XDG Base Directory Specification has
 * relative ones ignored. */
static const char *env_path(const char *name)
{
    const char *s = getenv(name);

    return s && s[0] == '/' ? s : NULL;
}

static int join(char ret[PATH_SIZE], const char *a, const char *b, struct err *e)
{
    int n = snprintf(ret, PATH_SIZE, "%s/%s", strcmp(a, "/") ? a : "", b);

    if (n < 0 || n >= PATH_SIZE)
        return err_set(e, ERR_TOO_BIG, "path %.80s…/%.80s has more than %d bytes", a, b,
                       PATH_SIZE - 1);
    return 0;
}

static int copy_path(char ret[PATH_SIZE], const char *path, struct err *e)
{
    size_t len = strlen(path);

    if (len >= PATH_SIZE)
        return err_set(e, ERR_TOO_BIG, "path %.80s… has more than %d bytes", path, PATH_SIZE - 1);
    memmove(ret, path, len + 1);
    return 0;
}

static int make_absolute(const char *path, char ret[PATH_SIZE], struct err *e)
{
    char cwd[PATH_SIZE];

    if (path[0] == '/')
        return copy_path(ret, path, e);
    if (!getcwd(cwd, sizeof cwd))
        return err_sys(e, "working directory, which \"%.80s\" starts from", path);
    return join(ret, cwd, path, e);
}

static int home_dir(char ret[PATH_SIZE], struct err *e)
{
    const char *home = env_path("HOME");
    char text[4096];
    struct passwd pw, *found = NULL;

    if (home)
        return copy_path(ret, home, e);
    if (getpwuid_r(getuid(), &pw, text, sizeof text, &found) || !found || found->pw_dir[0] != '/')
        return err_set(e, ERR_NOT_FOUND, "no home directory for uid %u: set HOME or ROOST_STATE",
                       getuid());
    return copy_path(ret, found->pw_dir, e);
}

int layout_default_state(bool system, char ret[PATH_SIZE], struct err *e)
{
    const char *state = getenv("ROOST_STATE"), *xdg = env_path("XDG_STATE_HOME");
    char home[PATH_SIZE];

    if (system)
        return copy_path(ret, "/var/lib/roost", e);
    if (state && *state)
        return make_absolute(state, ret, e);
    if (xdg)
        return join(ret, xdg, "roost", e);
    if (home_dir(home, e) < 0)
        return -1;
    return join(ret, home, ".local/state/roost", e);
}

/* Appends to a resolved path what of it does not exist yet. Without ".." nothing of that can lead
 * elsewhere later; "." and doubled slashes fall away as they would once it is there. */
static int append_missing(char path[PATH_SIZE], char *rest, struct err *e)
{
    char joined[PATH_SIZE], *save = NULL;

    for (char *part = strtok_r(rest, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
        if (!strcmp(part, "."))
            continue;
        if (!strcmp(part, ".."))
            return err_set(e, ERR_INVALID,
                           "state directory has \"..\" behind a directory that does not exist: "
                           "write it without");
        if (join(joined, path, part, e) < 0 || copy_path(path, joined, e) < 0)
            return -1;
    }
    return 0;
}

/* Absolute and free of symbolic links, the same text before and after the directory is made. */
static int resolve(const char *state, char ret[PATH_SIZE], struct err *e)
{
    char path[PATH_SIZE], head[PATH_SIZE], real[PATH_MAX];
    struct stat st;

    if (make_absolute(state, path, e) < 0)
        return -1;
    for (size_t len = strlen(path);; len--) {
        while (len > 1 && path[len] != '\0' && path[len] != '/')
            len--;
        memcpy(head, path, len);
        head[len] = '\0';
        if (realpath(head, real))
            return copy_path(ret, real, e) < 0 ? -1 : append_missing(ret, path + len, e);
        if (errno != ENOENT || len <= 1)
            return err_sys(e, "state directory %.200s", state);
        if (!lstat(head, &st))
            return err_set(e, ERR_INVALID,
                           "state directory %.200s: %.200s is a symbolic link that leads nowhere",
                           state, head);
    }
}

static bool is_own_dir(const char *path)
{
    struct stat st;

    return !lstat(path, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

/* The directory that all of a user's RUNs are in. Whoever makes /tmp/roost-UID must refuse one that
 * is not a directory of his own with mode 0700: anybody may have made it first. */
static int run_base(bool system, char ret[PATH_SIZE], struct err *e)
{
    const char *xdg = env_path("XDG_RUNTIME_DIR");
    char user[64];

    if (system)
        return copy_path(ret, "/run/roost", e);
    if (xdg)
        return join(ret, xdg, "roost", e);
    snprintf(user, sizeof user, "/run/user/%u", geteuid());
    if (is_own_dir(user))
        return join(ret, user, "roost", e);
    snprintf(user, sizeof user, "/tmp/roost-%u", geteuid());
    return copy_path(ret, user, e);
}

int layout_run_dir(bool system, const char *state, char ret[PATH_SIZE], struct err *e)
{
    char base[PATH_SIZE], real[PATH_SIZE], run[PATH_SIZE], id[2 * SHA256_SIZE + 1];
    uint8_t digest[SHA256_SIZE];

    if (resolve(state, real, e) < 0 || run_base(system, base, e) < 0)
        return -1;
    sha256(real, strlen(real), digest);
    hex_encode(digest, sizeof digest, id);
    id[ID_DIGITS] = '\0';
    if (join(run, base, id, e) < 0)
        return -1;
    if (strlen(run) > RUN_MAX)
        return err_set(e, ERR_INVALID,
                       "%.200s is too long for sockets below it (a socket's path has at most %zu "
                       "bytes): set XDG_RUNTIME_DIR to a directory of at most %zu bytes",
                       run, RUN_MAX + SOCKET_NAME_MAX,
                       RUN_MAX - (sizeof("/roost/") - 1) - ID_DIGITS);
    return copy_path(ret, run, e);
}

void layout_socket(const char *run, const struct name *n, const char *suffix, char ret[PATH_SIZE])
{
    snprintf(ret, PATH_SIZE, "%s/%s%s", run, n->s, suffix);
}
