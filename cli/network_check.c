/* roost network check: what would keep guests offline. */
#include <string.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"

static int print_checks(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "NETWORK", "CHECK", "RESULT", "DETAIL", "MEND", NULL };
    struct table *t = table_new(c, columns, true);
    size_t i;
    json_t *row;

    json_array_foreach(json_object_get(tree, "checks"), i, row)
    {
        const char *level = out_text(row, "level"), *network = out_text(row, "network");
        const char *cells[] = { *network ? network : "-", out_text(row, "name"), level,
                                out_text(row, "detail"), out_text(row, "mend") };
        table_row(t, tint_of_level(level), cells);
    }
    return table_print(t, e);
}

/* Exit code 1 when something has to be mended, in every form of output. */
int run_network_check(struct cli *c, const struct args *a, struct err *e)
{
    auto_free char *of = a->n ? path_network(a->operand[0], "/check") : NULL;
    json_t *tree = client_get(cli_client(c, e), of ? of : "/v1/check/networks", e), *row;
    bool bad = false;
    size_t i;

    json_array_foreach(json_object_get(tree, "checks"), i, row) bad =
        bad || strcmp(out_text(row, "level"), "error") == 0;
    return out_tree(c, tree, print_checks, e) < 0 ? -1 : bad;
}
