#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/client.h"

static bool is_there(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

static int control_of(bool system, const char *state, char ret[PATH_SIZE], struct err *e)
{
    char run[PATH_SIZE];
    int n;

    if (layout_run_dir(system, state, run, e) < 0)
        return -1;
    n = snprintf(ret, PATH_SIZE, "%s/%s", run, FILE_CONTROL);
    return n < PATH_SIZE ? 0 : err_set(e, ERR_INVALID, "%.100s…: too long for a socket", run);
}

static int default_of(bool system, char ret[PATH_SIZE], struct err *e)
{
    char state[PATH_SIZE];

    return layout_default_state(system, state, e) < 0 ? -1 : control_of(system, state, ret, e);
}

/* A state directory alone does not say the mode: whichever socket is there, the caller's own first.
 */
static int of_state(const char *state, char ret[PATH_SIZE], struct err *e)
{
    char other[PATH_SIZE];

    if (control_of(false, state, ret, e) < 0)
        return -1;
    if (!is_there(ret) && control_of(true, state, other, NULL) == 0 && is_there(other))
        memcpy(ret, other, PATH_SIZE);
    return 0;
}

int socket_find(const char *socket, const char *state, char ret[PATH_SIZE], struct err *e)
{
    char other[PATH_SIZE];
    bool root = geteuid() == 0;

    if (!socket && !state)
        socket = getenv("ROOST_SOCKET");
    if (!state)
        state = getenv("ROOST_STATE");
    if (socket && *socket) {
        if (snprintf(ret, PATH_SIZE, "%s", socket) >= PATH_SIZE)
            return err_set(e, ERR_INVALID, "--socket: the path is too long");
        return 0;
    }
    if (state && *state)
        return of_state(state, ret, e);
    if (default_of(root, ret, e) < 0)
        return -1;
    if (!is_there(ret) && default_of(!root, other, NULL) == 0 && is_there(other))
        memcpy(ret, other, PATH_SIZE);
    return 0;
}

struct client *cli_client(struct cli *c, struct err *e)
{
    if (!c->client && socket_find(c->socket, c->state, c->path, e) == 0)
        c->client = client_new(c->path, e);
    return c->client;
}
