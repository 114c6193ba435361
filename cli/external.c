/* roost unknown list, adopt, forget; seed url: guests that others launch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"

static int print_unknown(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "CALLER", "TAG",   "UUID",   "PEER", "CLIENT",
                                           "LAST",   "COUNT", "ADVICE", NULL };
    struct table *t;
    size_t i;
    json_t *row;

    if (!json_array_size(tree)) {
        puts("no unknown callers");
        return 0;
    }
    t = table_new(c, columns, true);
    json_array_foreach(tree, i, row)
    {
        char last[40], count[24];
        snprintf(count, sizeof count, "%lld", (long long)out_number(row, "count"));
        const char *cells[] = { out_text(row, "caller"),
                                out_text(row, "tag"),
                                out_text(row, "uuid"),
                                out_text(row, "peer"),
                                out_text(row, "user-agent"),
                                when_ago(out_text(row, "last"), last),
                                count,
                                out_text(row, "advice") };
        table_row(t, TINT_NONE, cells);
    }
    return table_print(t, e);
}

int run_unknown_list(struct cli *c, const struct args *a, struct err *e)
{
    (void)a;
    return out_tree(c, client_get(cli_client(c, e), "/v1/unknown", e), print_unknown, e);
}

/* --- one of them, by whatever names it alone --- */

static bool is_meant(const json_t *row, const char *caller)
{
    static const char *const words[] = { "caller", "tag", "uuid", "serial", "mac", "peer" };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(out_text(row, words[i]), caller) == 0)
            return true;
    return false;
}

static int find(const json_t *list, const char *caller, char ret[16], struct err *e)
{
    auto_buf struct buf others = BUF_INIT;
    const json_t *found = NULL;
    size_t i, n = 0;
    json_t *row;

    json_array_foreach(list, i, row)
    {
        if (!is_meant(row, caller))
            continue;
        buf_printf(&others, "%s%s", n++ ? ", " : "", out_text(row, "caller"));
        found = row;
    }
    if (!n)
        return err_set(e, ERR_NOT_FOUND, "no unknown caller is \"%.80s\": see roost unknown list",
                       caller);
    if (n > 1)
        return err_set(e, ERR_CONFLICT, "\"%.80s\" may be %zu callers: say which of %s", caller, n,
                       buf_str(&others));
    snprintf(ret, 16, "%s", out_text(found, "caller"));
    return 0;
}

static int find_caller(struct cli *c, const char *caller, char ret[16], struct err *e)
{
    json_t *list = client_get(cli_client(c, e), "/v1/unknown", e);
    int r = list ? find(list, caller, ret, e) : -1;

    json_decref(list);
    return r;
}

static int print_adopted(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c;
    (void)e;
    print_warnings(tree);
    printf("%s is adopted: it gets its seed when it asks again; roost wait %s --for homed\n",
           out_text(json_array_get(json_object_get(tree, "plan"), 0), "name"),
           out_text(json_array_get(json_object_get(tree, "plan"), 0), "name"));
    return 0;
}

int run_adopt(struct cli *c, const struct args *a, struct err *e)
{
    const char *as = args_option(a, "as"), *network = args_option(a, "network");
    char caller[16], path[64];
    json_t *body, *answer;

    if (!as)
        return err_set(e, ERR_INVALID, "unknown adopt: say --as NAME");
    if (find_caller(c, a->operand[0], caller, e) < 0)
        return -1;
    if (!(body = json_pack("{s:s, s:s*}", "as", as, "network", network)))
        return err_set(e, ERR_INVALID, "unknown adopt: a name is not UTF-8");
    snprintf(path, sizeof path, "/v1/unknown/%s/adopt", caller);
    answer = client_send(cli_client(c, e), "POST", path, body, e);
    json_decref(body);
    return out_tree(c, answer, print_adopted, e);
}

static int print_forgotten(struct cli *c, const json_t *tree, struct err *e)
{
    size_t i;
    json_t *row;

    (void)c;
    (void)e;
    json_array_foreach(tree, i, row) printf("%s forgotten\n", json_string_value(row));
    return 0;
}

int run_forget(struct cli *c, const struct args *a, struct err *e)
{
    json_t *done = json_array(), *answer;
    char caller[16], path[64];

    for (int i = 0; i < a->n; i++) {
        answer = NULL;
        if (find_caller(c, a->operand[i], caller, e) == 0) {
            snprintf(path, sizeof path, "/v1/unknown/%s", caller);
            answer = client_send(cli_client(c, e), "DELETE", path, NULL, e);
        }
        if (!answer) {
            json_decref(done);
            return -1;
        }
        json_decref(answer);
        json_array_append_new(done, json_string(a->operand[i]));
    }
    return out_tree(c, done, print_forgotten, e);
}

/* --- what leads a guest here --- */

/* The text alone is pasted: what there is to know about it goes elsewhere. */
static int print_paste(struct cli *c, const json_t *tree, struct err *e)
{
    size_t i;
    json_t *note;

    (void)c;
    (void)e;
    fputs(out_text(tree, "text"), stdout);
    json_array_foreach(json_object_get(tree, "notes"), i, note)
        fprintf(stderr, "roost: note: %s\n", json_string_value(note));
    return 0;
}

int run_seed_url(struct cli *c, const struct args *a, struct err *e)
{
    const char *form = args_option(a, "for");
    auto_free char *path = NULL;
    char rest[64];

    if (!form)
        return err_set(e, ERR_INVALID,
                       "seed url: say --for qemu, libvirt, proxmox, kernel or cidata");
    if (strlen(form) > 16 || strspn(form, "abcdefghijklmnopqrstuvwxyz") != strlen(form))
        return err_set(e, ERR_INVALID,
                       "--for: \"%.40s\" is none of qemu, libvirt, proxmox, kernel, cidata", form);
    snprintf(rest, sizeof rest, "/seed-url?for=%s", form);
    if (a->n)
        path = path_instance(a->operand[0], rest);
    else if (asprintf(&path, "/v1%s", rest) < 0)
        path = NULL;
    if (!path)
        return err_set(e, ERR_INTERNAL, "out of memory");
    return out_tree(c, client_get(cli_client(c, e), path, e), print_paste, e);
}
