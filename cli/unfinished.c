#include "cli/unfinished.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "base/cleanup.h"

static const int ending[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
static struct sigaction before[ARRAY_SIZE(ending)];
static int at_dir; /* these two for the handler */
static const char *volatile at;

static void remove_it(int signal)
{
    if (at)
        unlinkat(at_dir, at, 0);
    raise(signal); /* SA_RESETHAND: its default, once this returns */
}

void unfinished(int dir, const char *name)
{
    const struct sigaction by = { .sa_handler = remove_it, .sa_flags = SA_RESETHAND };

    at_dir = dir;
    at = name;
    for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
        if (sigaction(ending[i], NULL, &before[i]) == 0 && before[i].sa_handler == SIG_DFL)
            sigaction(ending[i], &by, NULL); /* one that is ignored stays so: nohup */
}

void unfinished_over(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
        if (before[i].sa_handler == SIG_DFL)
            sigaction(ending[i], &before[i], NULL);
    at = NULL;
}
