/* roost-fetch(8) is nobody's command: roost-core runs it for each download. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/fetch.h"

static const char usage[] = "usage: roost-fetch [--version | --help]\n"
                            "Run by roost-core: downloads, unpacks and checks one image.\n";

int main(int argc, char **argv)
{
    struct fetch_job job;
    struct err e;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("roost-fetch %s\n", ROOST_VERSION);
        return 0;
    }
    if (argc > 1) {
        fputs(usage, strcmp(argv[1], "--help") == 0 ? stdout : stderr);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    if (fetch_job_read(STDIN_FILENO, &job, &e) < 0 || fetch_confine(&e) < 0) {
        dprintf(FETCH_SAY_FD, "error %s %s\n", err_kind_name(e.kind), e.text);
        return 1;
    }
    return fetch_run(&job) < 0 ? 1 : 0;
}
