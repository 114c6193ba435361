/* What every command of roost(1) works with. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "cli/command.h"
#include "model/layout.h"

enum output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_CSV, OUTPUT_NAME };

struct client;
struct cli {
    enum output output;
    bool colour;                /* stdout is a terminal and NO_COLOR is not set */
    const char *socket, *state; /* --socket, --state; NULL: not said */
    char path[PATH_SIZE];       /* of the control socket, once found */
    struct client *client;      /* opened by the first call */
};

/* program.c: the whole of it; returns its exit code. */
int cli_main(int argc, char **argv);

/* The client, connected lazily; NULL with e where no socket can be found. */
struct client *cli_client(struct cli *c, struct err *e);

/* Finds the control socket: --socket, --state, ROOST_SOCKET, ROOST_STATE, else the default of the
 * mode (for root the system's if it is there, else the rootless one). */
int socket_find(const char *socket, const char *state, char ret[PATH_SIZE], struct err *e);

#endif
