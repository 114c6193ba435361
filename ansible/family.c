#include "ansible/family.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"

#define ROUNDS  50 /* of killing what was started meanwhile */
#define GONE_MS 2000

struct member {
    pid_t pid, parent, session;
    bool ours;
};

struct members {
    struct member *v;
    size_t n, size;
};

/* ---- who there is ---- */

/* proc(5), /proc/PID/stat: the name in parentheses may hold anything, so from its last ')' on. A
 * zombie is no member: it has ended. */
static bool read_member(pid_t pid, struct member *ret)
{
    char path[64], text[1024], *s, state;
    int parent, session;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (n <= 0)
        return false;
    text[n] = '\0';
    if (!(s = strrchr(text, ')')) || sscanf(s, ") %c %d %*d %d", &state, &parent, &session) != 3 ||
        state == 'Z')
        return false;
    *ret = (struct member){ .pid = pid, .parent = parent, .session = session };
    return true;
}

static bool add(struct members *m, const struct member *one)
{
    if (m->n == m->size) {
        size_t size = m->size ? 2 * m->size : 256;
        struct member *v = reallocarray(m->v, size, sizeof(*v));
        if (!v)
            return false;
        m->v = v;
        m->size = size;
    }
    m->v[m->n++] = *one;
    return true;
}

static void list_all(struct members *m)
{
    DIR *dir = opendir("/proc");
    struct member one;
    uint64_t pid;

    for (const struct dirent *d; dir && (d = readdir(dir));)
        if (parse_u64(d->d_name, 1, INT32_MAX, &pid, NULL) == 0 && read_member((pid_t)pid, &one) &&
            !add(m, &one))
            break;
    if (dir)
        closedir(dir);
}

static int by_pid(const void *a, const void *b)
{
    const struct member *x = a, *y = b;

    return (x->pid > y->pid) - (x->pid < y->pid);
}

static bool is_ours(const struct members *m, pid_t pid)
{
    const struct member key = { .pid = pid }, *found;

    if (pid == getpid())
        return true;
    found = bsearch(&key, m->v, m->n, sizeof(key), by_pid);
    return found && found->ours;
}

/* A parent may come behind its child in the list: until nothing changes. */
static void mark_descendants(struct members *m)
{
    if (m->n > 0)
        qsort(m->v, m->n, sizeof(*m->v), by_pid);
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < m->n; i++)
            if (!m->v[i].ours && m->v[i].pid != getpid() && is_ours(m, m->v[i].parent))
                changed = m->v[i].ours = true;
    }
}

static void mark_session(struct members *m, pid_t session)
{
    for (size_t i = 0; i < m->n; i++)
        m->v[i].ours = m->v[i].session == session && m->v[i].pid != getpid();
}

/* Those that are left of the descendants, or of the session when it is not 0. */
static void find(struct members *m, pid_t session)
{
    *m = (struct members){ 0 };
    list_all(m);
    if (session)
        mark_session(m, session);
    else
        mark_descendants(m);
}

/* ---- ending them ---- */

/* Its pid can be another's by now only when whoever waits for it took it in between: then it is
 * neither ours nor in the session any more, which is looked at with the pidfd in hand. */
static int open_again(const struct member *m)
{
    struct member now;
    int fd = pidfd_open(m->pid, 0);

    if (fd >= 0 && (!read_member(m->pid, &now) || now.session != m->session)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void wait_gone(int pidfd, int64_t until_ms)
{
    struct pollfd p = { .fd = pidfd, .events = POLLIN };
    int64_t left = until_ms - clock_now().boot_ms;

    while (poll(&p, 1, left > 0 ? (int)left : 0) < 0 && errno == EINTR)
        left = until_ms - clock_now().boot_ms;
}

/* How many there were. All are signalled before any is waited for. */
static size_t end_round(pid_t session, int signo, int64_t wait_ms)
{
    struct members m;
    size_t n = 0;

    find(&m, session);
    int64_t until = clock_now().boot_ms + wait_ms;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < m.n; i++) {
            auto_close int fd = m.v[i].ours ? open_again(&m.v[i]) : -1;
            if (fd < 0)
                continue;
            if (pass == 0 && pidfd_send_signal(fd, signo, NULL, 0) == 0)
                n++;
            else if (pass == 1)
                wait_gone(fd, until);
        }
    free(m.v);
    return n;
}

int family_adopt(struct err *e)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L) < 0 ? err_sys(e, "subreaper") : 0;
}

void family_end(int64_t grace_ms)
{
    if (grace_ms > 0 && end_round(0, SIGTERM, grace_ms) == 0)
        return;
    for (int i = 0; i < ROUNDS && end_round(0, SIGKILL, GONE_MS) > 0; i++)
        ;
}

void family_end_session(pid_t session)
{
    for (int i = 0; i < ROUNDS && end_round(session, SIGKILL, GONE_MS) > 0; i++)
        ;
}
