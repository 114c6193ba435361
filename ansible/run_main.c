/* roost-run: stands between roost and one ansible-playbook (ansible/runner.h). Started by
 * roost-core; nobody calls it by hand. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ansible/keeper.h"
#include "base/file.h"
#include "base/parse.h"

static const char usage[] =
    "usage: roost-run DIRECTORY WORK-DIRECTORY LIMIT-MS LOG-BYTES LOCK-FD -- COMMAND…\n"
    "       roost-run --version | --help\n"
    "Started by roost-core: runs COMMAND, keeps its log and its outcome in DIRECTORY, ends it and\n"
    "all that it started after LIMIT-MS (0: never) and writes down how it ended.\n";

#define OPERANDS 6 /* "--" among them */

static int parse(int argc, char **argv, struct keeper_opts *o, struct err *e)
{
    uint64_t limit, lock;

    if (argc < OPERANDS + 2 || strcmp(argv[OPERANDS], "--") != 0)
        return err_set(e, ERR_INVALID, "see roost-run --help");
    if (parse_u64(argv[3], 0, INT64_MAX, &limit, e) < 0 ||
        parse_u64(argv[4], 0, INT64_MAX, &o->log_max, e) < 0 ||
        parse_u64(argv[5], 3, 1023, &lock, e) < 0)
        return -1;
    o->directory = argv[1];
    o->work = argv[2];
    o->limit_ms = (int64_t)limit;
    o->lock_fd = (int)lock;
    return fd_cloexec(o->lock_fd, true, e);
}

int main(int argc, char **argv)
{
    auto_argv struct argv command = ARGV_INIT;
    struct keeper_opts o;
    struct err e = { 0 };

    if (argc == 2 && !strcmp(argv[1], "--version")) {
        printf("roost-run %s\n", ROOST_VERSION);
        return 0;
    }
    if (argc == 2 && !strcmp(argv[1], "--help")) {
        fputs(usage, stdout);
        return 0;
    }
    if (parse(argc, argv, &o, &e) == 0) {
        for (int i = OPERANDS + 1; i < argc; i++)
            argv_add(&command, argv[i]);
        if (keeper_run(&o, &command, &e) == 0)
            return 0;
    }
    fprintf(stderr, "roost-run: %s\n", e.text);
    return err_exit_code(e.kind);
}
