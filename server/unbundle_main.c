/* roost-unbundle(8) is nobody's command: roost-core runs it for each import of a guest. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/fetch.h"
#include "server/unbundle.h"

static const char usage[] = "usage: roost-unbundle [--version | --help]\n"
                            "Run by roost-core: reads and checks one bundle.\n";

int main(int argc, char **argv)
{
    struct err e;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("roost-unbundle %s\n", ROOST_VERSION);
        return 0;
    }
    if (argc > 1) {
        fputs(usage, strcmp(argv[1], "--help") == 0 ? stdout : stderr);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    if (fetch_confine(&e) < 0) {
        dprintf(UNBUNDLE_SAY_FD, "error %s %s\n", err_kind_name(e.kind), e.text);
        return 1;
    }
    return unbundle_run(STDIN_FILENO) < 0 ? 1 : 0;
}
