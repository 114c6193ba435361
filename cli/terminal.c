#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"

static const int ending[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

static struct termios before, raw;
static bool is_raw;
static sigset_t outside; /* the mask as it was: signals come in ppoll(2) alone */
static volatile sig_atomic_t ended_by, suspended, continued;

static void notice(int signo)
{
    if (signo == SIGTSTP)
        suspended = 1;
    else if (signo == SIGCONT)
        continued = 1;
    else
        ended_by = signo;
}

static void hear_signals(void)
{
    struct sigaction action = { .sa_handler = notice };
    sigset_t mask;

    sigemptyset(&mask);
    for (size_t i = 0; i < ARRAY_SIZE(ending); i++) {
        struct sigaction was;
        sigaction(ending[i], NULL, &was);
        if (was.sa_handler == SIG_IGN) /* nohup(1), or a shell's background job */
            continue;
        sigaction(ending[i], &action, NULL);
        sigaddset(&mask, ending[i]);
    }
    sigaction(SIGTSTP, &action, NULL);
    sigaction(SIGCONT, &action, NULL);
    sigaddset(&mask, SIGTSTP);
    sigaddset(&mask, SIGCONT);
    signal(SIGPIPE, SIG_IGN); /* a write says EPIPE, and the way out leads by terminal_leave() */
    sigprocmask(SIG_BLOCK, &mask, &outside);
}

int terminal_enter(bool want_raw, struct err *e)
{
    hear_signals();
    if (!want_raw)
        return 0;
    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return err_sys(e, "terminal");
    raw = before;
    cfmakeraw(&raw);
    is_raw = true;
    return tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0 ? err_sys(e, "terminal") : 0;
}

/* A description of its own: O_NONBLOCK is the description's, which the shell shares. */
int terminal_patient(int fd)
{
    char path[32];
    int own = -1;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (isatty(fd))
        own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return own >= 0 ? own : fd;
}

/* SIGTTOU would stop a program in the background that sets the terminal. */
static void set(const struct termios *to)
{
    sigset_t mask, was;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTTOU);
    sigprocmask(SIG_BLOCK, &mask, &was);
    tcsetattr(STDIN_FILENO, TCSANOW, to);
    sigprocmask(SIG_SETMASK, &was, NULL);
}

void terminal_leave(void)
{
    if (is_raw)
        set(&before);
    is_raw = false;
}

/* SIGSTOP cannot be blocked, so it stops here whatever the mask says. */
static void suspend(void)
{
    if (is_raw)
        set(&before);
    raise(SIGSTOP);
    suspended = 0;
    continued = 1;
}

int terminal_poll(struct pollfd *p, int n, int timeout_ms, struct err *e)
{
    struct timespec limit = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
    int ready = ppoll(p, (nfds_t)n, timeout_ms < 0 ? NULL : &limit, &outside);

    if (ready < 0 && errno != EINTR)
        return err_sys(e, "poll");
    if (ready < 0)
        for (int i = 0; i < n; i++)
            p[i].revents = 0;
    if (suspended)
        suspend();
    if (continued && is_raw) /* who stopped it may have changed the terminal */
        set(&raw);
    continued = 0;
    return ended_by ? err_set(e, ERR_BUSY, "ended by a signal: %s", strsignal(ended_by)) : 0;
}

void terminal_end(void)
{
    if (!ended_by)
        return;
    terminal_leave();
    signal(ended_by, SIG_DFL);
    sigprocmask(SIG_SETMASK, &outside, NULL);
    raise(ended_by);
}
