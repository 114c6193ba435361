/* roost console: a guest's serial line on this terminal. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "model/lifecycle.h"

#define LEAVE     0x1d /* Ctrl-] */
#define LINES_MAX 1000
#define LINES     20
#define LINES_LOG 100

static struct termios before;

static int terminal_raw(struct err *e)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return err_sys(e, "terminal");
    raw = before;
    cfmakeraw(&raw);
    return tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) < 0 ? err_sys(e, "terminal") : 0;
}

static void terminal_restore(void)
{
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
}

static int write_all(int fd, const char *data, size_t len, struct err *e)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return err_sys(e, "console");
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

/* 1 the guest's side has ended, 0 more may come. */
static int from_guest(int fd, struct err *e)
{
    char data[4096];
    ssize_t n = read(fd, data, sizeof data);

    if (n < 0)
        return errno == EINTR ? 0 : errno == ECONNRESET ? 1 : err_sys(e, "console");
    if (n == 0)
        return 1;
    return write_all(STDOUT_FILENO, data, (size_t)n, e);
}

/* 1 the person leaves, 2 there is no more input, 0 more may come. */
static int to_guest(int fd, bool terminal, struct err *e)
{
    char data[1024], *leave;
    ssize_t n = read(STDIN_FILENO, data, sizeof data);

    if (n < 0)
        return errno == EINTR ? 0 : err_sys(e, "standard input");
    if (n == 0)
        return 2;
    leave = terminal ? memchr(data, LEAVE, (size_t)n) : NULL;
    if (write_all(fd, data, leave ? (size_t)(leave - data) : (size_t)n, e) < 0)
        return -1;
    return leave != NULL;
}

/* Until the person leaves or the guest ends; the end of a pipe on standard input ends only that. */
static int copy(int fd, bool terminal, struct err *e)
{
    struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
                           { .fd = STDIN_FILENO, .events = POLLIN } };
    int ret = 0;

    while (ret == 0) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return err_sys(e, "console");
        if (p[0].revents)
            ret = from_guest(fd, e);
        if (ret == 0 && p[1].revents && (ret = to_guest(fd, terminal, e)) == 2) {
            p[1].fd = -1;
            ret = 0;
        }
        p[0].revents = p[1].revents = 0;
    }
    return ret < 0 ? -1 : 0;
}

static int dial(const char *path, struct err *e)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (snprintf(at.sun_path, sizeof at.sun_path, "%s", path) >= (int)sizeof at.sun_path)
        return err_set(e, ERR_INTERNAL, "console: the path of %s is too long", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
        return err_sys(e, "cannot attach to %s", path);
    return steal_fd(&fd);
}

static int print_lines(struct cli *c, const json_t *tree, struct err *e)
{
    size_t i;
    json_t *line;

    (void)c;
    (void)e;
    json_array_foreach(json_object_get(tree, "lines"), i, line)
        puts(json_string_value(line) ? json_string_value(line) : "");
    return 0;
}

static json_t *last_lines(struct cli *c, const struct args *a, uint64_t none, struct err *e)
{
    char rest[48];
    uint64_t lines;

    if (args_number(a, "lines", 1, LINES_MAX, none, &lines, e) < 0)
        return NULL;
    snprintf(rest, sizeof rest, "/console?lines=%u", (unsigned)lines);
    auto_free char *path = path_instance(a->operand[0], rest);
    return client_get(cli_client(c, e), path, e);
}

/* The socket of a guest that runs. */
static int attach(struct cli *c, const char *name, struct err *e)
{
    auto_free char *path = path_instance(name, "");
    json_t *row = client_get(c->client, path, e);
    int phase, fd;

    if (!row)
        return -1;
    phase = phase_from_name(out_text(row, "phase"));
    if (strcmp(out_text(row, "launcher"), "roost") != 0)
        fd = err_set(e, ERR_CONFLICT,
                     "%s was not launched by roost (launcher: external): its console is where it "
                     "runs, such as virsh console or qm terminal",
                     name);
    else if (phase >= 0 && !phase_is_running((enum phase)phase))
        fd = err_set(
            e, ERR_CONFLICT,
            "%s is %s, there is nothing to attach to; roost console --log %s shows its last "
            "lines",
            name, out_text(row, "phase"), name);
    else
        fd = dial(out_text(json_object_get(row, "paths"), "console-socket"), e);
    json_decref(row);
    return fd;
}

int run_console(struct cli *c, const struct args *a, struct err *e)
{
    bool log = args_option(a, "log") != NULL, terminal = isatty(STDIN_FILENO);
    json_t *lines;
    int ret;

    if (!log && c->output != OUTPUT_TABLE)
        return err_set(e, ERR_INVALID, "console: --output goes with --log only");
    lines = last_lines(c, a, log ? LINES_LOG : LINES, e);
    if (log)
        return out_tree(c, lines, print_lines, e);
    auto_close int fd = lines ? attach(c, a->operand[0], e) : -1;
    if (fd < 0) {
        json_decref(lines);
        return -1;
    }
    if (out_tree(c, lines, print_lines, e) < 0 || (terminal && terminal_raw(e) < 0))
        return -1;
    if (terminal)
        fprintf(stderr, "[attached to %s; Ctrl-] leaves]\r\n", a->operand[0]);
    ret = copy(fd, terminal, e);
    if (terminal) {
        terminal_restore();
        fputc('\n', stderr);
    }
    return ret;
}
