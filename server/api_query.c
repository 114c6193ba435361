/* What a request says beside its path. */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/words.h"
#include "server/api_priv.h"

struct checking {
    const struct api_route *route;
    struct err *e;
    bool bad;
};

static enum MHD_Result check_one(void *arg, enum MHD_ValueKind kind, const char *word,
                                 const char *value)
{
    struct checking *c = arg;
    size_t n = 0;

    (void)kind;
    (void)value;
    for (; c->route->query[n]; n++)
        if (strcmp(c->route->query[n], word) == 0)
            return MHD_YES;
    const char *near = nearest_name(word, c->route->query, n);
    err_set(c->e, ERR_INVALID, "%s has no \"%.40s\"%s%s%s", c->route->path, word,
            near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    c->bad = true;
    return MHD_NO;
}

int api_query_check(const struct api_req *r, struct err *e)
{
    struct checking c = { .route = r->route, .e = e };

    MHD_get_connection_values(r->conn, MHD_GET_ARGUMENT_KIND, check_one, &c);
    return c.bad ? -1 : 0;
}

const char *api_query(const struct api_req *r, const char *word)
{
    return MHD_lookup_connection_value(r->conn, MHD_GET_ARGUMENT_KIND, word);
}

int api_query_number(const struct api_req *r, const char *word, uint64_t min, uint64_t max,
                     uint64_t none, uint64_t *ret, struct err *e)
{
    const char *s = api_query(r, word);

    if (!s) {
        *ret = none;
        return 0;
    }
    if (parse_u64(s, min, max, ret, e) < 0)
        return err_wrap(e, "%s", word);
    return 0;
}

int api_query_bool(const struct api_req *r, const char *word, bool *ret, struct err *e)
{
    const char *s = api_query(r, word);

    if (!s || strcmp(s, "0") == 0 || strcmp(s, "1") == 0) {
        *ret = s && *s == '1';
        return 0;
    }
    if (parse_bool(s, ret, e) < 0)
        return err_wrap(e, "%s", word);
    return 0;
}

json_t *api_body(const struct api_req *r, struct err *e)
{
    json_error_t why;
    json_t *tree;

    if (!r->body.len)
        return json_object();
    tree = json_loadb(r->body.data, r->body.len, JSON_REJECT_DUPLICATES, &why);
    if (!tree) {
        err_set(e, ERR_INVALID, "body, line %d column %d: %s; a JSON object is wanted", why.line,
                why.column, why.text);
        return NULL;
    }
    if (!json_is_object(tree)) {
        json_decref(tree);
        err_set(e, ERR_INVALID, "body: a JSON object is wanted");
        return NULL;
    }
    return tree;
}
