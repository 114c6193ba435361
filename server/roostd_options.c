#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/child.h"
#include "server/config_table.h"
#include "server/roostd.h"

enum { OPT_CHECK = 256, OPT_PRINT, OPT_DEFAULTS, OPT_LEVEL, OPT_DEBUG, OPT_SINGLE, OPT_LIBEXEC };

static const struct option longs[] = {
    { "config", required_argument, NULL, 'c' },
    { "option", required_argument, NULL, 'o' },
    { "check-config", no_argument, NULL, OPT_CHECK },
    { "print-config", no_argument, NULL, OPT_PRINT },
    { "print-defaults", no_argument, NULL, OPT_DEFAULTS },
    { "log-level", required_argument, NULL, OPT_LEVEL },
    { "debug", required_argument, NULL, OPT_DEBUG },
    { "single", no_argument, NULL, OPT_SINGLE },
    { "libexec", required_argument, NULL, OPT_LIBEXEC },
    { "version", no_argument, NULL, 'V' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* One pass over the command line: what decides where the file is, then what stands above the file.
 */
struct words {
    const char *file, *level;
    const char *set[256];
    int n_set;
};

static int take_word(struct roostd *d, struct words *w, int opt, char *const *argv, struct err *e)
{
    switch (opt) {
    case 'c':
        w->file = optarg;
        return 0;
    case 'o':
        if (w->n_set == (int)(sizeof(w->set) / sizeof(w->set[0])))
            return err_set(e, ERR_INVALID, "more than %d options -o", w->n_set);
        w->set[w->n_set++] = optarg;
        return 0;
    case OPT_LEVEL:
        w->level = optarg;
        return 0;
    case OPT_DEBUG:
        w->level = "debug";
        return setenv(CHILD_ENV_TOPIC, optarg, 1) < 0 ? err_sys(e, "--debug") : 0;
    case OPT_LIBEXEC:
        if (snprintf(d->libexec, sizeof(d->libexec), "%s", optarg) >= (int)sizeof(d->libexec))
            return err_set(e, ERR_INVALID, "--libexec: path too long");
        return 0;
    case 'V':
        d->version = true;
        return 0;
    case 'h':
        d->help = true;
        return 0;
    case OPT_CHECK:
        d->check = true;
        return 0;
    case OPT_PRINT:
        d->print_config = true;
        return 0;
    case OPT_DEFAULTS:
        d->print_defaults = true;
        return 0;
    case OPT_SINGLE:
        d->single = true;
        return 0;
    case ':':
        return err_set(e, ERR_INVALID, "%s needs a value; see roostd --help", argv[optind - 1]);
    default:
        return err_set(e, ERR_INVALID, "%s: no such option; see roostd --help", argv[optind - 1]);
    }
}

/* --config, else this user's file, or the system's for a service; "" when there is none. */
static void find_file(const struct words *w, const struct config *c, char ret[PATH_SIZE])
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    ret[0] = '\0';
    if (w->file)
        snprintf(ret, PATH_SIZE, "%s", w->file);
    else if (c->mode == MODE_SYSTEM)
        snprintf(ret, PATH_SIZE, "/etc/roost/roost.conf");
    else if (xdg && xdg[0] == '/')
        snprintf(ret, PATH_SIZE, "%s/roost/roost.conf", xdg);
    else if (home && home[0] == '/')
        snprintf(ret, PATH_SIZE, "%s/.config/roost/roost.conf", home);
    if (!w->file && ret[0] && access(ret, F_OK) < 0)
        ret[0] = '\0';
}

static int set_all(struct config *c, const struct words *w, struct err *e)
{
    const struct config_origin origin = { FROM_OPTION, 0 };

    for (int i = 0; i < w->n_set; i++) {
        if (config_set(c, w->set[i], e) < 0)
            return -1;
    }
    if (!w->level)
        return 0;
    return config_put(c, config_row("roost", "log-level"), w->level, origin, e) < 0
               ? err_wrap(e, "--log-level")
               : 0;
}

static int read_config(struct config *c, const struct words *w, struct err *e)
{
    char file[PATH_SIZE];

    /* The mode, which -o can tell, decides where the file is; so the options are set twice. */
    if (config_defaults(c, e) < 0 || set_all(c, w, e) < 0)
        return -1;
    find_file(w, c, file);
    if (file[0] &&
        (config_defaults(c, e) < 0 || config_read_file(c, file, e) < 0 || set_all(c, w, e) < 0))
        return -1;
    return config_finish(c, e);
}

/* A service starts without them, and says so: they may come later. */
static int check_programs(const struct config *c, struct err *e)
{
    for (int i = 0; i < c->n_hooks; i++)
        if (hook_check_program(&c->hooks[i], e) < 0)
            return -1;
    return 0;
}

/* As built: beside this program. As installed: PREFIX/lib/roost, this one being PREFIX/sbin/roostd.
 */
static int find_libexec(char ret[PATH_SIZE], struct err *e)
{
    char self[PATH_SIZE], installed[PATH_SIZE];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 32);

    if (n < 0)
        return err_sys(e, "cannot find this program's directory: give --libexec");
    self[n] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(self, '/');
        if (slash)
            *slash = '\0';
        if (up == 0)
            memcpy(ret, self, sizeof(self));
    }
    if (snprintf(installed, sizeof(installed), "%.4000s/lib/roost/roost-core", self) > 0 &&
        access(installed, X_OK) == 0) {
        *strrchr(installed, '/') = '\0';
        memcpy(ret, installed, sizeof(installed));
    }
    return 0;
}

int roostd_options(int argc, char **argv, struct roostd *ret, struct err *e)
{
    struct words w = { 0 };
    int opt;

    *ret = (struct roostd){ .argv = argv };
    opterr = 0;
    optind = 0;
    while ((opt = getopt_long(argc, argv, ":c:o:Vh", longs, NULL)) != -1) {
        if (take_word(ret, &w, opt, argv, e) < 0)
            return -1;
    }
    if (optind < argc)
        return err_set(e, ERR_INVALID, "%.100s: roostd takes options only; see roostd --help",
                       argv[optind]);
    if (ret->version || ret->help || ret->print_defaults)
        return 0;
    if (!ret->libexec[0] && find_libexec(ret->libexec, e) < 0)
        return -1;
    if (read_config(&ret->config, &w, e) < 0)
        return -1;
    return ret->check ? check_programs(&ret->config, e) : 0;
}
