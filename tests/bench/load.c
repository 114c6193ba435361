/* Load driver: plays guests against a server of seeds and prints what came of it. Its own CPU is
 * printed too: it must not be what is measured. */
#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "tests/bench/guests.h"

static const struct mode {
    const char *name;
    bool seeds, home, keep;
    bool at_once; /* as many clients as guests */
    const char *help;
} modes[] = {
    { "keep", true, false, true, false, "four seed GETs a guest over kept connections" },
    { "files", true, false, false, false, "the same, a connection for each file" },
    { "home", false, true, true, false, "phone-homes over kept connections" },
    { "storm", true, true, false, true, "all at once: four GETs, a phone-home, reports" },
};

/* Values of the numeric options, by name. */
enum { PORT, CLIENTS, FIRST, GUESTS, GROUP, GENERATION, REPORTS, SOURCES, LIMIT, TRIES, NUMBERS };
static struct {
    const char *name;
    uint64_t min, max, value;
} numbers[NUMBERS] = {
    [PORT] = { "port", 1, 65535, 10200 },    [CLIENTS] = { "clients", 1, 100000, 64 },
    [FIRST] = { "first", 0, UINT32_MAX, 1 }, [GUESTS] = { "guests", 1, UINT32_MAX, 1000 },
    [GROUP] = { "group", 0, UINT32_MAX, 0 }, [GENERATION] = { "generation", 1, UINT32_MAX, 1 },
    [REPORTS] = { "reports", 0, 1000, 0 },   [SOURCES] = { "sources", 0, 65536, 0 },
    [LIMIT] = { "limit", 1, 3600, 120 },     [TRIES] = { "tries", 1, 1000000, 100 },
};
enum { PREFIX = NUMBERS, FIXED, KEYS, OPTIONS };

static void usage(void)
{
    fprintf(stderr,
            "usage: load [--port N] [--clients N] [--guests N] [--first N] [--prefix NAME] "
            "[--group N]\n            [--generation N] [--fixed TAG] [--keys FILE] [--reports N] "
            "[--sources N] [--limit SECONDS] [--tries N] MODE\n");
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
        fprintf(stderr, "  %-6s %s\n", modes[i].name, modes[i].help);
    exit(2);
}

static void number(int which, const char *text)
{
    struct err e = { 0 };

    if (parse_u64(text, numbers[which].min, numbers[which].max, &numbers[which].value, &e) < 0)
        errx(2, "--%s %s: %s", numbers[which].name, text, e.text);
}

static void options(int argc, char **argv, struct script *s)
{
    struct option all[OPTIONS + 1] = { [PREFIX] = { "prefix", required_argument, NULL, PREFIX },
                                       [FIXED] = { "fixed", required_argument, NULL, FIXED },
                                       [KEYS] = { "keys", required_argument, NULL, KEYS } };
    int o;

    for (int i = 0; i < NUMBERS; i++)
        all[i] = (struct option){ numbers[i].name, required_argument, NULL, i };
    while ((o = getopt_long(argc, argv, "", all, NULL)) != -1) {
        if (o >= 0 && o < NUMBERS)
            number(o, optarg);
        else if (o == PREFIX)
            s->prefix = optarg;
        else if (o == FIXED)
            s->fixed = optarg;
        else if (o == KEYS)
            script_keys(s, optarg);
        else
            usage();
    }
}

static const struct mode *mode_named(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_SIZE(modes); i++) {
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    }
    usage();
    return NULL;
}

/* User and system time of this process, seconds. */
static double cpu(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void print(const struct mode *m, const struct outcome *o, double driver)
{
    double n = o->n ? (double)o->n : 1;

    printf("{\"mode\": \"%s\", \"requests\": %zu, \"seconds\": %.3f, \"per_second\": %.0f, "
           "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, \"busy\": %lu, \"errors\": %lu, "
           "\"wrong\": %lu, \"through\": %lu, \"lost\": %lu, \"driver_us\": %.2f}\n",
           m->name, o->n, o->seconds, n / o->seconds, outcome_quantile(o, 0.5),
           outcome_quantile(o, 0.99), outcome_quantile(o, 1), o->busy, o->errors, o->wrong,
           o->through, o->lost, driver * 1e6 / n);
}

static void descriptors(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

int main(int argc, char **argv)
{
    struct script s = { .prefix = "g" };
    struct outcome o;

    options(argc, argv, &s);
    const struct mode *m = mode_named(argv[optind]);
    if (m->home && !s.n_keys)
        errx(2, "%s needs --keys", m->name);
    s.group = numbers[GROUP].value;
    s.generation = (unsigned)numbers[GENERATION].value;
    script_make(&s, m->seeds, m->home, (unsigned)numbers[REPORTS].value);
    uint64_t n = numbers[GUESTS].value, clients = m->at_once ? n : numbers[CLIENTS].value;
    struct run r = { .script = &s,
                     .port = (uint16_t)numbers[PORT].value,
                     .sources = (unsigned)numbers[SOURCES].value,
                     .clients = (unsigned)(clients < n ? clients : n),
                     .first = numbers[FIRST].value,
                     .n = n,
                     .keep = m->keep,
                     .limit_ms = (int64_t)numbers[LIMIT].value * 1000,
                     .tries_max = (unsigned)numbers[TRIES].value };
    descriptors();
    double before = cpu();
    guests_play(&r, &o);
    print(m, &o, cpu() - before);
    free(o.took_us);
    script_done(&s);
    return o.lost || o.wrong ? 1 : 0;
}
