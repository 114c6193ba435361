#include "server/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "server/build_id.h"

int child_confine(struct err *e)
{
    umask(022); /* modes are said where files are made; dnsmasq's user reads some of them */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_sys(e, "cannot give up new privileges");
    /* Also keeps other processes of the same user from tracing it. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_sys(e, "cannot become undumpable");
    return 0;
}

void child_files(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
}

static bool is_channel(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* roostd tells by environment, since a child logs before it has the configuration. */
static void log_begin(const char *name)
{
    enum log_level level = LOG_INFO_;
    const char *want = getenv(CHILD_ENV_LEVEL);

    if (want)
        (void)log_level_parse(want, &level, NULL);
    log_open(name, level);
    log_topic(getenv(CHILD_ENV_TOPIC));
}

bool child_begin(int argc, char **argv, const char *name, int *ret_code)
{
    struct err e = { 0 };

    *ret_code = 0;
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("%s %s (%.12s)\n", name, ROOST_VERSION, build_id);
        return false;
    }
    log_begin(name);
    *ret_code = err_exit_code(ERR_INVALID);
    if (argc > 1 || !is_channel(CHILD_CHANNEL_FD)) {
        fprintf(stderr, "%s is started by roostd, see roostd(8); by hand only %s --version\n", name,
                name);
        return false;
    }
    /* ^C in a terminal reaches the whole group; roostd decides, and says so over the channel. */
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (child_confine(&e) == 0 && fd_cloexec(CHILD_CHANNEL_FD, true, &e) == 0)
        return true;
    log_error("%s", e.text);
    *ret_code = err_exit_code(e.kind);
    return false;
}
