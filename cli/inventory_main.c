/* roost-inventory(1): the dynamic inventory of Ansible ("Developing dynamic inventory"). It prints
 * what roost keeps in its state directory, so it needs no running roost, and a fleet of any size
 * costs reading one file. */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "model/layout.h"

#define INVENTORY_MAX (1u << 30)

static const char usage[] =
    "usage: roost-inventory [--state DIR] --list | --host NAME\n"
    "       roost-inventory --version | --help\n"
    "The fleet as JSON for Ansible: ansible-playbook -i /path/of/roost-inventory site.yaml\n"
    "The state directory is --state, or ROOST_STATE, or the default of roostd's mode.\n";

struct asked {
    const char *state, *host;
    bool list;
};

static int parse(int argc, char **argv, struct asked *ret, struct err *e)
{
    *ret = (struct asked){ 0 };
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--list"))
            ret->list = true;
        else if (!strcmp(argv[i], "--host") && i + 1 < argc)
            ret->host = argv[++i];
        else if (!strcmp(argv[i], "--state") && i + 1 < argc)
            ret->state = argv[++i];
        else
            return err_set(e, ERR_INVALID, "\"%s\": see roost-inventory --help", argv[i]);
    if (ret->list == !!ret->host)
        return err_set(e, ERR_INVALID, "either --list or --host NAME: see roost-inventory --help");
    return 0;
}

static int file_of(const char *state, char ret[PATH_SIZE], struct err *e)
{
    int n = snprintf(ret, PATH_SIZE, "%s/%s/%s", state, DIR_GENERATED, FILE_DYNAMIC);

    return n < PATH_SIZE ? 0 : err_set(e, ERR_TOO_BIG, "the state directory's path is too long");
}

/* As roost(1) finds the socket: the state directory that was named, else the default of the mode,
 * for root the system's, else that of the other mode if something is there. */
static int find_file(const char *state, char ret[PATH_SIZE], struct err *e)
{
    bool system = geteuid() == 0;
    char dir[PATH_SIZE], other[PATH_SIZE];

    if (!state)
        state = getenv("ROOST_STATE");
    if (state && *state)
        return file_of(state, ret, e);
    if (layout_default_state(system, dir, e) < 0 || file_of(dir, ret, e) < 0)
        return -1;
    if (access(ret, F_OK) < 0 && layout_default_state(!system, dir, NULL) == 0 &&
        file_of(dir, other, NULL) == 0 && access(other, F_OK) == 0)
        memcpy(ret, other, PATH_SIZE);
    return 0;
}

static int print_host(const struct buf *text, const char *host, struct err *e)
{
    json_error_t why;
    json_t *tree = json_loadb(buf_str(text), text->len, 0, &why);
    const json_t *all = json_object_get(json_object_get(tree, "_meta"), "hostvars");
    const json_t *vars = json_object_get(all, host);
    auto_free char *out = vars ? json_dumps(vars, JSON_INDENT(2)) : NULL;
    int r = 0;

    if (!tree)
        r = err_set(e, ERR_INTERNAL, "the inventory is no JSON: %s", why.text);
    else if (!vars)
        r = err_set(e, ERR_NOT_FOUND, "no instance \"%.80s\" was ever home", host);
    else if (!out || puts(out) < 0)
        r = err_set(e, ERR_IO, "cannot write");
    json_decref(tree);
    return r;
}

static int run(const struct asked *a, struct err *e)
{
    auto_buf struct buf text = { .cap = INVENTORY_MAX };
    char path[PATH_SIZE];

    if (find_file(a->state, path, e) < 0)
        return -1;
    if (file_read(AT_FDCWD, path, INVENTORY_MAX, &text, e) < 0)
        return err_wrap(e, "no inventory there: is roostd's state directory another one (--state, "
                           "ROOST_STATE), or has it not run yet?");
    if (a->host)
        return print_host(&text, a->host, e);
    if (fwrite(buf_str(&text), 1, text.len, stdout) != text.len)
        return err_sys(e, "cannot write");
    return 0;
}

int main(int argc, char **argv)
{
    struct asked a;
    struct err e = { 0 };

    if (argc == 2 && !strcmp(argv[1], "--version")) {
        printf("roost-inventory %s\n", ROOST_VERSION);
        return 0;
    }
    if (argc == 2 && !strcmp(argv[1], "--help")) {
        fputs(usage, stdout);
        return 0;
    }
    if (parse(argc, argv, &a, &e) == 0 && run(&a, &e) == 0 && fflush(stdout) == 0)
        return 0;
    fprintf(stderr, "roost-inventory: %s\n", e.kind ? e.text : "cannot write");
    return err_exit_code(e.kind ? e.kind : ERR_IO);
}
