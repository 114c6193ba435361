/* roost instance start, stop, restart, rebuild, remove, network up, down, remove, identity remove:
 * of several at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/operate.h"
#include "cli/select.h"
#include "cli/wait.h"

struct operation {
    const char *method, *rest, *done;
    bool by_query;                                     /* options go there; else into the body */
    char *(*path)(const char *name, const char *rest); /* NULL: path_instance */
    const char *destroys; /* "delete the disks of": it is asked for; NULL: nothing */
    const char *begun;    /* done, where --no-wait was said; NULL: it cannot be */
};

/* The verbs that begin something which takes its time. */
static const struct operation op_start = { "POST", "/start", "started", false, NULL, NULL,
                                           "is being started" };
static const struct operation op_stop = { "POST", "/stop", "stopped", false, NULL, NULL,
                                          "is being stopped" };
static const struct operation op_restart = { "POST", "/restart", "restarted", false, NULL, NULL,
                                             "is being restarted" };
static const struct operation op_rebuild = { "POST",
                                             "/rebuild",
                                             "rebuilt",
                                             false,
                                             NULL,
                                             "throw away the disks of",
                                             "is being rebuilt" };

static const struct operation op_reset = { "POST",
                                           "/reset",
                                           "reset",
                                           false,
                                           NULL,
                                           "throw away the root disks of",
                                           "is being reset" };

static const struct operation op_remove = { "DELETE", "", "removed", true, NULL,
                                            "put into the trash", NULL };
static const struct operation op_destroy = { "DELETE",
                                             "",
                                             "removed for good",
                                             true,
                                             NULL,
                                             "forget, and delete the disks of,",
                                             NULL };

static const char *done_of(const struct operation *op, const struct args *a)
{
    if (op->by_query && args_option(a, "dry-run"))
        return "would be removed; nothing was changed (--dry-run)";
    return op->begun && args_option(a, "no-wait") ? op->begun : op->done;
}

static json_t *results(const struct operation *op, const struct call *calls, const struct args *a)
{
    json_t *list = json_array();

    for (int i = 0; i < a->n; i++) {
        const struct call *k = &calls[i];
        json_t *row = json_pack("{s:s, s:b}", "name", a->operand[i], "ok", k->result != NULL);
        if (k->result) {
            json_object_set_new(row, "did", json_string(done_of(op, a)));
            json_object_set(row, "result", k->result);
        } else {
            json_object_set_new(row, "error",
                                json_pack("{s:s, s:s}", "kind", err_kind_name(k->err.kind),
                                          "message", k->err.text));
        }
        json_array_append_new(list, row);
    }
    return list;
}

static int print_done(struct cli *c, const json_t *tree, struct err *e)
{
    size_t i;
    json_t *row;

    (void)c;
    (void)e;
    json_array_foreach(tree, i, row) if (json_is_true(json_object_get(row, "ok")))
        printf("%s %s\n", out_text(row, "name"), out_text(row, "did"));
    return 0;
}

/* The first failure decides the exit code; each is told, and of several the sum at the end. */
static int report(struct cli *c, const struct operation *op, const struct call *calls,
                  const struct args *a, struct err *e)
{
    const struct call *bad = NULL;
    int failed = 0;

    /* What is waited for is told by the wait: one tree on standard output. */
    if (c->output != OUTPUT_TABLE && op->begun && args_option(a, "wait"))
        ;
    else if (out_tree(c, results(op, calls, a), print_done, e) < 0)
        return -1;
    for (int i = 0; i < a->n; i++) {
        if (calls[i].result)
            continue;
        failed++;
        if (a->n > 1)
            fprintf(stderr, "roost: %s\n", calls[i].err.text);
        if (!bad)
            bad = &calls[i];
    }
    if (!bad)
        return 0;
    *e = bad->err;
    return a->n == 1 ? -1
                     : err_set(e, bad->err.kind, "%d of %d %s, %d failed", a->n - failed, a->n,
                               done_of(op, a), failed);
}

/* Those that were begun, until they are home; what failed before is told as well. */
static int wait_home(struct cli *c, const struct call *calls, const struct args *a, int r,
                     struct err *e)
{
    auto_free char **names = calloc((size_t)a->n + 1, sizeof *names);
    struct err first = *e;
    int n = 0;

    for (int i = 0; names && i < a->n; i++)
        if (calls[i].result)
            names[n++] = a->operand[i];
    if (n == 0)
        return r;
    if (wait_for(c, a, names, n, PHASE_HOMED, e) < 0)
        r = r < 0 ? (fprintf(stderr, "roost: %s\n", first.text), -1) : -1;
    else if (r < 0)
        *e = first;
    return r;
}

/* The body of a verb that has one. New reference; NULL: none. */
static json_t *body_of(const struct operation *op, const struct args *a)
{
    json_t *body = json_object();

    if (args_option(a, "force") && !op->by_query)
        json_object_set_new(body, "force", json_true());
    if (op->begun && args_option(a, "no-wait"))
        json_object_set_new(body, "wait", json_false());
    if (json_object_size(body))
        return body;
    json_decref(body);
    return NULL;
}

/* What stands behind the name in the path. */
static void rest_of(const struct operation *op, const struct args *a, struct buf *ret)
{
    static const char *const options[] = { "force", "destroy-disks", "dry-run" };
    char mark = '?';

    buf_puts(ret, op->rest);
    for (size_t i = 0; op->by_query && i < ARRAY_SIZE(options); i++)
        if (args_option(a, options[i])) {
            buf_printf(ret, "%c%s=1", mark, options[i]);
            mark = '&';
        }
}

static int operate_on(struct cli *c, const struct args *a, const struct operation *op, struct err *e)
{
    auto_free struct call *calls = calloc((size_t)a->n + 1, sizeof *calls);
    auto_buf struct buf rest = BUF_INIT;
    json_t *body = body_of(op, a);
    char *(*path)(const char *, const char *) = op->path ? op->path : path_instance;
    struct client *client = cli_client(c, e);
    int ret = -1;

    if (client && !calls)
        err_set(e, ERR_INTERNAL, "out of memory");
    rest_of(op, a, &rest);
    if (client && calls) {
        for (int i = 0; i < a->n; i++) {
            calls[i].method = op->method;
            calls[i].path = path(a->operand[i], buf_str(&rest));
            calls[i].body = body;
        }
        if (client_many(client, calls, a->n, e) == 0)
            ret = report(c, op, calls, a, e);
        if (op->begun && args_option(a, "wait"))
            ret = wait_home(c, calls, a, ret, e);
        client_calls_done(calls, a->n);
    }
    json_decref(body);
    return ret;
}

static int operate(struct cli *c, const struct args *a, const struct operation *op, struct err *e)
{
    struct args chosen = *a;
    struct selection s;
    int r = 0;

    if (args_option(a, "wait") && args_option(a, "no-wait"))
        return err_set(e, ERR_INVALID, "%s: --wait and --no-wait cannot both be meant",
                       a->command->words);
    if (!(a->command->flags & COMMAND_MANY))
        return operate_on(c, a, op, e);
    if (select_instances(c, a, &s, e) < 0)
        return -1;
    if (op->destroys && !args_option(a, "dry-run"))
        r = select_confirm(&s, a, op->destroys, e);
    chosen.operand = s.name;
    chosen.n = s.n;
    if (r == 0)
        r = operate_on(c, &chosen, op, e);
    selection_done(&s);
    return r;
}

int start_named(struct cli *c, const struct args *a, char **names, int n, struct err *e)
{
    struct args those = *a;

    those.operand = names;
    those.n = n;
    return operate_on(c, &those, &op_start, e);
}

int run_start(struct cli *c, const struct args *a, struct err *e)
{
    return operate(c, a, &op_start, e);
}

/* By the states in which a QEMU of ours is there, or soon will be. */
static bool is_running(const json_t *row)
{
    static const char *const states[] = { "starting",   "launched", "seeded", "homed",
                                          "configured", "stopping", "overdue", "queued" };

    if (strcmp(out_text(row, "launcher"), "roost") != 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(states); i++)
        if (strcmp(out_text(row, "state"), states[i]) == 0)
            return true;
    return false;
}

/* As the host ends: what does not run, or is not ours to stop, is no failure. */
static int stop_running(struct cli *c, const struct args *a, const struct operation *op,
                        struct err *e)
{
    json_t *list = client_get(cli_client(c, e), "/v1/instances", e), *row;
    auto_free char **names = list ? calloc(json_array_size(list) + 1, sizeof *names) : NULL;
    struct args all = *a;
    size_t i;
    int ret;

    if (!list || !names) {
        json_decref(list);
        return list ? err_set(e, ERR_INTERNAL, "out of memory") : -1;
    }
    all.n = 0;
    all.operand = names;
    json_array_foreach(list, i, row) if (is_running(row))
        names[all.n++] = (char *)(uintptr_t)out_text(row, "name");
    ret = operate_on(c, &all, op, e);
    json_decref(list);
    return ret;
}

int run_stop(struct cli *c, const struct args *a, struct err *e)
{
    if (args_option(a, "all") && !a->n && !args_option(a, "group") && !args_option(a, "state"))
        return stop_running(c, a, &op_stop, e);
    return operate(c, a, &op_stop, e);
}

int run_restart(struct cli *c, const struct args *a, struct err *e)
{
    return operate(c, a, &op_restart, e);
}

int run_reset(struct cli *c, const struct args *a, struct err *e)
{
    return operate(c, a, &op_reset, e);
}

int run_rebuild(struct cli *c, const struct args *a, struct err *e)
{
    return operate(c, a, &op_rebuild, e);
}

int run_eject(struct cli *c, const struct args *a, struct err *e)
{
    return operate(c, a, &(struct operation){ "POST", "/eject", "has an empty CD-ROM drive", false,
                                              NULL, NULL, NULL }, e);
}

int run_remove(struct cli *c, const struct args *a, struct err *e)
{
    return operate(c, a, args_option(a, "destroy-disks") ? &op_destroy : &op_remove, e);
}

int run_network_up(struct cli *c, const struct args *a, struct err *e)
{
    return operate(c, a, &(struct operation){ "POST", "/up", "is up", false, path_network, NULL, NULL }, e);
}

int run_network_down(struct cli *c, const struct args *a, struct err *e)
{
    return operate(c, a, &(struct operation){ "POST", "/down", "is down", false, path_network, NULL, NULL }, e);
}

int run_network_remove(struct cli *c, const struct args *a, struct err *e)
{
    return operate(c, a, &(struct operation){ "DELETE", "", "removed", false, path_network, NULL, NULL }, e);
}

int run_identity_remove(struct cli *c, const struct args *a, struct err *e)
{
    return operate(c, a, &(struct operation){ "DELETE", "", "removed", false, path_identity, NULL, NULL }, e);
}

int run_image_verify(struct cli *c, const struct args *a, struct err *e)
{
    return operate(c, a, &(struct operation){ "POST", "/verify", "is what was made", false, path_image, NULL, NULL },
                   e);
}

int run_image_remove(struct cli *c, const struct args *a, struct err *e)
{
    return operate(c, a, &(struct operation){ "DELETE", "", "removed", false, path_image, NULL, NULL }, e);
}

int run_task_cancel(struct cli *c, const struct args *a, struct err *e)
{
    return operate(c, a, &(struct operation){ "POST", "/cancel", "is being cancelled", false, path_task, NULL, NULL },
                   e);
}
