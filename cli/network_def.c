#include "cli/network_def.h"

#include "base/cleanup.h"
#include "cli/client.h"
#include "model/network_field.h"

int network_def_read(const char *name, const json_t *row, struct network *ret, struct err *e)
{
    json_t *words = json_object(), *v;
    int r;

    for (size_t i = 0; i < network_words.n; i++) {
        const char *word = words_at(&network_words, i)->name;
        if ((v = json_object_get(row, word)))
            json_object_set(words, word, v);
    }
    r = network_from_json(name, words, ret, e);
    json_decref(words);
    return r < 0 ? err_wrap(e, "what roost told of network %s", name) : 0;
}

int network_def_get(struct cli *c, const char *name, struct network *ret, struct err *e)
{
    auto_free char *path = path_network(name, "");
    struct client *client = cli_client(c, e);
    json_t *row = client && path ? client_get(client, path, e) : NULL;
    int r = row ? network_def_read(name, row, ret, e) : -1;

    json_decref(row);
    return r;
}

json_t *network_def_apply(struct cli *c, const struct network *n, bool dry_run, struct err *e)
{
    struct client *client = cli_client(c, e);
    json_t *body = json_pack("{s:{s:{s:o}}, s:b}", "fleet", "networks", n->name.s,
                             network_to_json(n), "dry-run", dry_run);
    json_t *answer = client ? client_send(client, "POST", "/v1/apply", body, e) : NULL;

    json_decref(body);
    return answer;
}
