/* roost console: a guest's serial line on this terminal. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/terminal.h"
#include "cli/upgrade.h"

#define LINES_MAX 1000
#define LINES     20
#define LINES_LOG 100
#define TYPED_MAX 65536 /* what waits for the guest */
#define PART      4096  /* of standard output at once: what a pipe takes that polls as writable */
#define AGAIN_MS  500   /* between attempts to attach again … */
#define AGAIN_MAX 60    /* … and how many */

#define ESCAPE_NONE    (-1)
#define ESCAPE_DEFAULT 0x1d /* Ctrl-] */

struct console {
    struct cli *cli;
    const char *name;
    bool terminal, watch;
    int escape;
    int in;           /* standard input; -1: it has ended */
    int out, err;     /* standard output and error, patient ones */
    int fd;           /* the guest's line; -1: it is lost */
    struct buf shown; /* from the guest, not on standard output yet */
    struct buf typed;
    bool left; /* the person did */
};

/* --- the escape key --- */

/* "^]", "^A" … "^_", "none". */
static int escape_parse(const char *s, int *ret, struct err *e)
{
    if (strcmp(s, "none") == 0)
        *ret = ESCAPE_NONE;
    else if (s[0] == '^' && s[1] >= '@' && s[1] <= '_' && !s[2])
        *ret = s[1] - '@';
    else if (s[0] == '^' && s[1] >= 'a' && s[1] <= 'z' && !s[2])
        *ret = s[1] - 'a' + 1;
    else
        return err_set(e, ERR_INVALID,
                       "%s: no key to leave by: ^A to ^Z, ^[ ^\\ ^] ^^ ^_ or ^@ (Ctrl and that "
                       "key), or none",
                       s);
    return 0;
}

static int escape_of(const struct args *a, int *ret, struct err *e)
{
    const char *said = args_option(a, "escape"), *set = getenv("ROOST_CONSOLE_ESCAPE");

    *ret = ESCAPE_DEFAULT;
    if (said)
        return escape_parse(said, ret, e) < 0 ? err_wrap(e, "--escape") : 0;
    if (set && *set && escape_parse(set, ret, e) < 0)
        return err_wrap(e, "ROOST_CONSOLE_ESCAPE");
    return 0;
}

/* --- bytes to and fro --- */

/* A line about the guest between its own: of a terminal in raw mode. */
static void say(const struct console *k, const char *text)
{
    dprintf(k->err, "%s[%s: %s]%s\n", k->terminal ? "\r\n" : "", k->name, text,
            k->terminal ? "\r" : "");
}

static void from_guest(struct console *k)
{
    char data[PART];
    ssize_t n = recv(k->fd, data, sizeof data, MSG_DONTWAIT);

    if (n > 0)
        buf_put(&k->shown, data, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        close(steal_fd(&k->fd));
}

static int show(struct console *k, struct err *e)
{
    ssize_t n = write(k->out, k->shown.data, k->shown.len < PART ? k->shown.len : PART);

    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : err_sys(e, "standard output");
    buf_consume(&k->shown, (size_t)n);
    return 0;
}

/* What does not fit is lost, as on a line where nobody listens; the key to leave by works always.
 */
static void type(struct console *k, const char *data, size_t len)
{
    if (k->watch || k->fd < 0)
        return;
    if (k->typed.len + len <= TYPED_MAX)
        buf_put(&k->typed, data, len);
    else
        (void)!write(k->err, "\a", 1);
}

static int from_person(struct console *k, struct err *e)
{
    char data[1024];
    const char *leave;
    ssize_t n = read(k->in, data, sizeof data);

    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : err_sys(e, "standard input");
    if (n == 0) /* of a pipe this ends nothing; a terminal's is gone */
        k->in = -1;
    leave = k->terminal && k->escape >= 0 ? memchr(data, k->escape, (size_t)n) : NULL;
    k->left = leave || (n == 0 && k->terminal);
    type(k, data, leave ? (size_t)(leave - data) : (size_t)n);
    return 0;
}

static void to_guest(struct console *k)
{
    ssize_t n = send(k->fd, k->typed.data, k->typed.len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n > 0)
        buf_consume(&k->typed, (size_t)n);
    else if (n < 0 && errno != EAGAIN && errno != EINTR) /* its end comes by reading */
        buf_clear(&k->typed);
}

static int turn(struct console *k, int timeout_ms, struct err *e)
{
    bool hears = k->terminal || k->typed.len < TYPED_MAX / 2;
    struct pollfd p[3] = {
        { .fd = k->fd, .events = (k->shown.len ? 0 : POLLIN) | (k->typed.len ? POLLOUT : 0) },
        { .fd = hears ? k->in : -1, .events = POLLIN },
        { .fd = k->shown.len ? k->out : -1, .events = POLLOUT },
    };

    if (terminal_poll(p, 3, timeout_ms, e) < 0)
        return -1;
    if (p[1].revents && from_person(k, e) < 0)
        return -1;
    if (k->typed.len && k->fd >= 0 && (k->left || p[0].revents & POLLOUT))
        to_guest(k);
    if (p[2].revents && show(k, e) < 0)
        return -1;
    if (p[0].revents & ~POLLOUT && !k->shown.len)
        from_guest(k);
    return 0;
}

/* Until the person leaves or the line is lost. */
static int copy(struct console *k, struct err *e)
{
    while (!k->left && (k->fd >= 0 || k->shown.len))
        if (turn(k, -1, e) < 0)
            return -1;
    return 0;
}

/* --- attaching --- */

static int attach(struct console *k, unsigned *ret_others, struct err *e)
{
    auto_free char *path =
        path_instance(k->name, k->watch ? "/console/attach?watch=true" : "/console/attach");
    struct upgrade u;

    if (upgrade_open(k->cli->path, path, "roost-console", &u, e) < 0)
        return -1;
    k->fd = u.fd;
    *ret_others = u.others;
    buf_put(&k->shown, buf_str(&u.rest), u.rest.len);
    buf_done(&u.rest);
    return 0;
}

/* The line is lost: the guest has ended, or roost has (and comes back perhaps, as after an
 * upgrade). 1: it is there again, 0 the guest has ended. */
static int attach_again(struct console *k, struct err *e)
{
    unsigned others;

    for (int i = 0; i < AGAIN_MAX && !k->left; i++) {
        if (attach(k, &others, e) == 0) {
            say(k, "attached again");
            return 1;
        }
        if (e->kind != ERR_BUSY) {
            say(k, "its console has ended");
            return 0;
        }
        if (i == 1)
            say(k, "the connection is lost, trying again");
        if (turn(k, AGAIN_MS, e) < 0)
            return -1;
    }
    return k->left ? 0 : -1;
}

static int stay(struct console *k, struct err *e)
{
    int more;

    do {
        if (copy(k, e) < 0)
            return -1;
        more = k->left ? 0 : attach_again(k, e);
    } while (more > 0);
    return more;
}

static void greet(const struct console *k, unsigned others)
{
    char key[32] = "nothing but a signal leaves", also[32] = "";

    if (!k->terminal)
        return;
    if (k->escape >= 0)
        snprintf(key, sizeof key, "Ctrl-%c leaves", k->escape + '@');
    if (others)
        snprintf(also, sizeof also, "; %u more %s here", others, others == 1 ? "is" : "are");
    dprintf(k->err, "[%s %s; %s%s]\r\n", k->watch ? "watching" : "attached to", k->name, key, also);
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

static int run_log(struct cli *c, const struct args *a, struct err *e)
{
    return out_tree(c, last_lines(c, a, LINES_LOG, e), print_lines, e);
}

int run_console(struct cli *c, const struct args *a, struct err *e)
{
    struct console k = { .cli = c,
                         .name = a->operand[0],
                         .terminal = isatty(STDIN_FILENO),
                         .watch = args_option(a, "watch") != NULL,
                         .in = STDIN_FILENO,
                         .fd = -1 };
    unsigned others = 0;
    json_t *lines;
    int ret;

    if (args_option(a, "log"))
        return run_log(c, a, e);
    if (c->output != OUTPUT_TABLE)
        return err_set(e, ERR_INVALID, "console: --output goes with --log only");
    if (escape_of(a, &k.escape, e) < 0 || !(lines = last_lines(c, a, LINES, e)))
        return -1;
    if (attach(&k, &others, e) < 0) {
        json_decref(lines);
        return -1;
    }
    ret = out_tree(c, lines, print_lines, e);
    k.out = terminal_patient(STDOUT_FILENO);
    k.err = terminal_patient(STDERR_FILENO);
    if (ret == 0 && (ret = terminal_enter(k.terminal, e)) == 0) {
        greet(&k, others);
        ret = stay(&k, e);
        terminal_leave();
        terminal_end();
        if (k.terminal)
            dprintf(k.err, "\n");
    }
    if (k.fd >= 0)
        close(k.fd);
    buf_done(&k.shown);
    buf_done(&k.typed);
    return ret;
}
