#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/client.h"

/* https://no-color.org: "when present and not an empty string". */
static bool wants_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

int cli_main(int argc, char **argv)
{
    struct cli c = { .colour = wants_colour() };
    struct args a;
    struct err e = { .kind = ERR_NONE };
    int ret;

    setlocale(LC_CTYPE, "");
    ret = args_parse(&c, argc - 1, argv + 1, &a, &e);
    if (ret == 0)
        ret = a.command->run(&c, &a, &e);
    if (ret < 0) {
        fflush(stdout);
        fprintf(stderr, "roost: %s\n", e.text);
        ret = err_exit_code(e.kind);
    }
    client_free(c.client);
    return ret;
}
