#include "cli/password.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PASSWORD_SIZE (CRYPT_MAX_PASSPHRASE_SIZE + 1)

int password_hash(const char *password, char **ret, struct err *e)
{
    struct crypt_data *work;
    char *setting;
    int r = -1;

    if (!*password)
        return err_set(e, ERR_INVALID, "an empty password lets everybody in");
    for (const char *p = password; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return err_set(e, ERR_INVALID, "a password cannot have control bytes");
    setting = crypt_gensalt_ra("$y$", 0, NULL, 0);
    work = calloc(1, sizeof *work);
    if (!setting || !work)
        err_set(e, ERR_INTERNAL, "the system's libcrypt makes no yescrypt salt");
    else if (!crypt_rn(password, setting, work, sizeof *work) || !(*ret = strdup(work->output)))
        err_set(e, ERR_INTERNAL, "the system's libcrypt makes no yescrypt hash");
    else
        r = 0;
    if (work)
        explicit_bzero(work, sizeof *work);
    free(work);
    free(setting);
    return r;
}

/* Up to the line's end, which is dropped. Bytewise: what follows is not ours. */
static int read_line(int fd, char out[PASSWORD_SIZE], struct err *e)
{
    size_t n = 0;
    ssize_t got;
    char c;

    while ((got = read(fd, &c, 1)) == 1 && c != '\n') {
        if (n + 1 == PASSWORD_SIZE)
            return err_set(e, ERR_TOO_BIG, "the password is longer than %d bytes",
                           CRYPT_MAX_PASSPHRASE_SIZE);
        if (!c)
            return err_set(e, ERR_INVALID, "a password cannot have control bytes");
        out[n++] = c;
    }
    if (got < 0)
        return err_sys(e, "the password");
    if (n && out[n - 1] == '\r')
        n--;
    out[n] = '\0';
    if (!n && got == 0)
        return err_set(e, ERR_INVALID, "no password came: standard input is empty");
    return 0;
}

static int say(int tty, const char *text)
{
    return write(tty, text, strlen(text)) < 0 ? -1 : 0;
}

/* Without echo; signals wait, so that none leaves the terminal mute. */
static int prompt(int tty, const char *text, const char *whose, char out[PASSWORD_SIZE],
                  struct err *e)
{
    struct termios was, mute;
    sigset_t all, before;
    int r;

    if (tcgetattr(tty, &was) < 0)
        return err_sys(e, "terminal");
    sigemptyset(&all);
    sigaddset(&all, SIGINT);
    sigaddset(&all, SIGTERM);
    sigaddset(&all, SIGTSTP);
    sigaddset(&all, SIGHUP);
    sigprocmask(SIG_BLOCK, &all, &before);
    mute = was;
    mute.c_lflag = (mute.c_lflag & ~(tcflag_t)ECHO) | ICANON | ISIG;
    tcsetattr(tty, TCSAFLUSH, &mute);
    say(tty, text);
    say(tty, whose);
    say(tty, ": ");
    r = read_line(tty, out, e);
    tcsetattr(tty, TCSAFLUSH, &was);
    say(tty, "\n");
    sigprocmask(SIG_SETMASK, &before, NULL);
    return r;
}

static int ask_twice(const char *whose, char out[PASSWORD_SIZE], struct err *e)
{
    char again[PASSWORD_SIZE];
    auto_close int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    int r;

    if (tty < 0)
        return err_sys(e, "/dev/tty");
    r = prompt(tty, "password of ", whose, out, e);
    if (r == 0)
        r = prompt(tty, "once more, of ", whose, again, e);
    if (r == 0 && strcmp(out, again) != 0)
        r = err_set(e, ERR_INVALID, "the two passwords differ; nothing was changed");
    explicit_bzero(again, sizeof again);
    return r;
}

int password_ask(const char *whose, char **ret_hash, struct err *e)
{
    char password[PASSWORD_SIZE] = "";
    int r =
        isatty(STDIN_FILENO) ? ask_twice(whose, password, e) : read_line(STDIN_FILENO, password, e);

    if (r == 0)
        r = password_hash(password, ret_hash, e);
    explicit_bzero(password, sizeof password);
    return r;
}
