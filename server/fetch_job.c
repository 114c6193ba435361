/* What roost-fetch is to do, and what it may do. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "server/fetch.h"

#define NOBODY 65534

/* --- the job --- */

static int set_text(char *to, size_t size, const char *value, struct err *e)
{
    if (strlen(value) >= size)
        return err_set(e, ERR_TOO_BIG, "over %zu bytes", size - 1);
    memcpy(to, value, strlen(value) + 1);
    return 0;
}

static int set_word(struct fetch_job *job, const char *word, const char *value, struct err *e)
{
    uint64_t n;

    if (strcmp(word, "url") == 0)
        return set_text(job->url, sizeof job->url, value, e);
    if (strcmp(word, "sums") == 0)
        return set_text(job->sums, sizeof job->sums, value, e);
    if (strcmp(word, "validator") == 0)
        return set_text(job->validator, sizeof job->validator, value, e);
    if (strcmp(word, "checksum") == 0)
        return checksum_parse(value, &job->want, e);
    if (strcmp(word, "offset") == 0)
        return parse_u64(value, 0, INT64_MAX, &job->offset, e);
    if (strcmp(word, "stall") != 0)
        return err_set(e, ERR_INVALID, "unknown word");
    if (parse_u64(value, 1, 86400000, &n, e) < 0)
        return -1;
    job->stall_ms = (int64_t)n;
    return 0;
}

static int read_all(int fd, struct buf *b, struct err *e)
{
    char chunk[4096];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof chunk)) > 0)
        buf_put(b, chunk, (size_t)n);
    return n < 0 ? err_sys(e, "standard input") : buf_check(b, e);
}

int fetch_job_read(int fd, struct fetch_job *ret, struct err *e)
{
    auto_buf struct buf b = { .cap = 4 * FETCH_LINE_MAX };
    struct fetch_job job = { .stall_ms = 30000 };
    char *save = NULL;

    if (read_all(fd, &b, e) < 0)
        return -1;
    for (char *line = b.data ? strtok_r(b.data, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save)) {
        char *value = strchr(line, ' ');
        if (!value)
            return err_set(e, ERR_INVALID, "\"%.40s\": expected WORD VALUE", line);
        *value++ = '\0';
        if (set_word(&job, line, value, e) < 0)
            return err_wrap(e, "%.40s", line);
    }
    if (!job.url[0])
        return err_set(e, ERR_INVALID, "no url");
    *ret = job;
    return 0;
}

/* --- its rights --- */

/* What resolving names, TLS and loading them need. All else that has a path is out of reach; what
 * is open stays open (landlock(7)). */
static const char *const readable[] = { "/usr", "/lib", "/lib64", "/etc", "/run", "/dev" };

static void allow(int rules, const char *path)
{
    auto_close int fd = open(path, O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr a = {
        .allowed_access =
            LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE,
        .parent_fd = fd,
    };

    if (fd >= 0)
        (void)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &a, 0);
}

/* The first version's rights: those that every kernel with Landlock knows. */
#define ALL_RIGHTS ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

static int close_paths(struct err *e)
{
    struct landlock_ruleset_attr attr = { .handled_access_fs = ALL_RIGHTS };
    auto_close int rules =
        (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);

    if (rules < 0) /* a kernel without it: then as core, but for the rest below */
        return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : err_sys(e, "landlock");
    for (size_t i = 0; i < ARRAY_SIZE(readable); i++)
        allow(rules, readable[i]);
    return syscall(SYS_landlock_restrict_self, rules, 0) < 0 ? err_sys(e, "landlock") : 0;
}

/* All of them; what is not there is never gained, since nothing is run from here on. */
static int drop_capabilities(struct err *e)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

    return syscall(SYS_capset, &head, none) < 0 ? err_sys(e, "cannot give up capabilities") : 0;
}

/* Where root runs roost by hand. A root without capabilities, as core is one by then, cannot become
 * somebody else, and needs not. */
static int become_nobody(struct err *e)
{
    if (geteuid() != 0)
        return 0;
    if (setgroups(0, NULL) < 0)
        return errno == EPERM ? 0 : err_sys(e, "cannot give up root's groups");
    if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
        return err_sys(e, "cannot give up root's rights");
    return 0;
}

int fetch_confine(struct err *e)
{
    signal(SIGXFSZ, SIG_IGN); /* EFBIG is told instead */
    signal(SIGPIPE, SIG_IGN);
    if (become_nobody(e) < 0 || drop_capabilities(e) < 0)
        return -1;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_sys(e, "prctl");
    return close_paths(e);
}
