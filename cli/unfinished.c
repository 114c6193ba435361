#include "cli/unfinished.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static const int ending[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
static struct sigaction before[ARRAY_SIZE(ending)];
static int at_dir; /* these three for the handler */
static const char *volatile at;
static const char *volatile last_words;

static void end(int signal)
{
    if (at)
        unlinkat(at_dir, at, 0);
    if (last_words && write(STDERR_FILENO, last_words, strlen(last_words)) < 0)
        last_words = NULL; /* nobody reads them */
    raise(signal);         /* SA_RESETHAND: its default, once this returns */
}

static void mind(void)
{
    const struct sigaction by = { .sa_handler = end, .sa_flags = SA_RESETHAND };

    for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
        if (sigaction(ending[i], NULL, &before[i]) == 0 && before[i].sa_handler == SIG_DFL)
            sigaction(ending[i], &by, NULL); /* one that is ignored stays so: nohup */
}

void unfinished(int dir, const char *name)
{
    at_dir = dir;
    at = name;
    mind();
}

void unfinished_elsewhere(const char *text)
{
    last_words = text;
    mind();
}

void unfinished_over(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
        if (before[i].sa_handler == SIG_DFL)
            sigaction(ending[i], &before[i], NULL);
    at = last_words = NULL;
}
