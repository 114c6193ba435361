/* apply --prune: what the file does not have is taken away: instances, and then the networks,
 * identities and images that nobody needs any more. Only what was shown and agreed to goes, each by
 * the request that its own remove command makes, so whoever is in use stays and says so. */
#include "cli/prune.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/out.h"
#include "model/lifecycle.h"

#define NAMES_SHOWN 8

/* In the order in which they go. */
static const struct kind {
    const char *object, *list;
    char *(*path)(const char *name, const char *rest);
} kinds[] = {
    { "instance", "/v1/instances", path_instance },
    { "network", "/v1/networks", path_network },
    { "identity", "/v1/identities", path_identity },
    { "image", "/v1/images", path_image },
};

/* Networks that roost itself defines (roost.conf, [network] defaults). */
static bool is_roosts_own(const struct kind *k, const char *name)
{
    static const char *const own[] = { "user", "host-only", "shared", "bridged" };

    for (size_t i = 0; i < ARRAY_SIZE(own); i++)
        if (strcmp(k->object, "network") == 0 && strcmp(own[i], name) == 0)
            return true;
    return false;
}

static bool runs(const json_t *row)
{
    int phase = phase_from_name(out_text(row, "phase"));

    return strcmp(out_text(row, "launcher"), "roost") == 0 && phase >= 0 &&
           phase_is_running((enum phase)phase);
}

static const char *class_of(const struct kind *k, const json_t *row, bool destroy)
{
    if (strcmp(k->object, "instance") != 0)
        return "";
    return runs(row) ? "running" : destroy ? "for good" : "into the trash";
}

/* Names that the plan has, as an object of objects. */
static json_t *named(const json_t *plan)
{
    json_t *all = json_object(), *row, *names;
    size_t i;

    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
        json_object_set_new(all, kinds[k].object, json_object());
    json_array_foreach(plan, i, row) if ((names = json_object_get(all, out_text(row, "object"))))
        json_object_set_new(names, out_text(row, "name"), json_true());
    return all;
}

static int add_kind(struct cli *c, const struct kind *k, const json_t *keep, bool destroy,
                    json_t *rows, struct err *e)
{
    json_t *list = client_get(cli_client(c, e), k->list, e), *row;
    size_t i;

    if (!list)
        return -1;
    json_array_foreach(list, i, row)
    {
        const char *name = out_text(row, "name");
        if (!json_object_get(keep, name) && !is_roosts_own(k, name))
            json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:[]}", "object", k->object,
                                                  "name", name, "action", "remove", "class",
                                                  class_of(k, row, destroy), "fields"));
    }
    json_decref(list);
    return 0;
}

json_t *prune_plan(struct cli *c, const json_t *plan, bool destroy, struct err *e)
{
    json_t *keep = named(plan), *rows = json_array();
    int r = 0;

    for (size_t k = 0; r == 0 && k < ARRAY_SIZE(kinds); k++)
        r = add_kind(c, &kinds[k], json_object_get(keep, kinds[k].object), destroy, rows, e);
    json_decref(keep);
    if (r == 0)
        return rows;
    json_decref(rows);
    return NULL;
}

/* --- before anything is done --- */

static size_t count(const json_t *rows, const char *object)
{
    json_t *row;
    size_t i, n = 0;

    json_array_foreach(rows, i, row) n += strcmp(out_text(row, "object"), object) == 0;
    return n;
}

static int nobody_runs(const json_t *rows, struct err *e)
{
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row) if (strcmp(out_text(row, "class"), "running") == 0)
        return err_set(e, ERR_CONFLICT,
                       "instance %s is running and not in the file: stop it first, or put it there",
                       out_text(row, "name"));
    return 0;
}

/* Where there is no trash, to remove is to destroy. */
static int disks_survive(struct cli *c, size_t n, struct err *e)
{
    json_t *status = client_get(cli_client(c, e), "/v1/status", e);
    bool kept;

    if (!status)
        return -1;
    kept = out_number(json_object_get(status, "trash"), "keep-ms") > 0;
    json_decref(status);
    return kept ? 0
                : err_set(e, ERR_DENIED,
                          "apply --prune would delete the disks of %zu instance%s for good, since "
                          "there is no trash ([instances] trash-keep): say --destroy-disks too",
                          n, n == 1 ? "" : "s");
}

static int ask(const json_t *rows, struct err *e)
{
    char line[16];
    json_t *row;
    size_t i;

    fprintf(stderr, "This is going to remove %zu that the file does not have:",
            json_array_size(rows));
    json_array_foreach(rows, i, row)
    {
        if (i == NAMES_SHOWN)
            break;
        fprintf(stderr, " %s %s%s", out_text(row, "object"), out_text(row, "name"),
                i + 1 < json_array_size(rows) ? "," : "");
    }
    fprintf(stderr, "%s\nGo on? [y/N] ", json_array_size(rows) > NAMES_SHOWN ? " …" : "");
    fflush(stderr);
    if (fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y'))
        return 0;
    return err_set(e, ERR_DENIED, "nothing was done");
}

int prune_confirm(struct cli *c, const struct args *a, const json_t *rows, struct err *e)
{
    size_t n = json_array_size(rows), instances = count(rows, "instance");

    if (nobody_runs(rows, e) < 0 ||
        (instances && !args_option(a, "destroy-disks") && disks_survive(c, instances, e) < 0))
        return -1;
    if (!n || args_option(a, "yes"))
        return 0;
    if (strcmp(args_option(a, "file"), "-") != 0 && isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
        return ask(rows, e);
    return err_set(e, ERR_DENIED,
                   "apply --prune would remove %zu that the file does not have (--dry-run shows "
                   "them): say --yes too",
                   n);
}

/* --- doing it --- */

static int remove_one(struct cli *c, const struct kind *k, const char *name, bool destroy,
                      struct err *e)
{
    bool disks = destroy && k->path == path_instance;
    auto_free char *path = k->path(name, disks ? "?destroy-disks=1" : "");
    json_t *answer = client_send(cli_client(c, e), "DELETE", path, NULL, e);

    json_decref(answer);
    return answer ? 0 : -1;
}

/* A definition that somebody still needs stays; anything else that fails is told as a failure. */
static void told(const struct kind *k, const char *name, json_t *row, const struct err *why,
                 struct err *first)
{
    bool kept = why->kind == ERR_CONFLICT && k->path != path_instance;

    json_object_set_new(row, "action", json_string(kept ? "keep" : "failed"));
    json_object_set_new(row, "why", json_string(why->text));
    fprintf(stderr, "%s: %s %s: %s\n", kept ? "kept" : "roost", k->object, name, why->text);
    if (!kept && first->kind == ERR_NONE)
        *first = *why;
}

int prune_do(struct cli *c, json_t *rows, bool destroy, struct err *e)
{
    struct err first = { .kind = ERR_NONE }, why;
    json_t *row;
    size_t i;

    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
        json_array_foreach(rows, i, row)
        {
            const char *name = out_text(row, "name");
            if (strcmp(out_text(row, "object"), kinds[k].object) == 0 &&
                remove_one(c, &kinds[k], name, destroy, &why) < 0)
                told(&kinds[k], name, row, &why, &first);
        }
    if (first.kind == ERR_NONE)
        return 0;
    return err_set(e, first.kind, "not all of what the file does not have could be removed");
}
