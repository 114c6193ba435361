#include "cli/hostvar.h"

#include <string.h>

/* NAME=TEXT, or NAME:=JSON for what is no text: 1.10 as a number would be 1.1. */
static int var_add(json_t *vars, const char *said, struct err *e)
{
    size_t n = strcspn(said, "=");
    bool typed = said[n] && n > 0 && said[n - 1] == ':';
    size_t len = typed ? n - 1 : n;
    const char *value = said + n + 1;
    json_t *v;

    if (!said[n] || len == 0)
        return err_set(e, ERR_INVALID, "--var %.80s: expected NAME=VALUE, or NAME:=JSON", said);
    if (!(v = typed ? json_loads(value, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL)
                    : json_string(value)))
        return err_set(e, ERR_INVALID, "--var %.80s: behind %s is no %s", said, typed ? ":=" : "=",
                       typed ? "JSON (a text has double quotes: NAME:=\"x\")" : "UTF-8");
    if (json_object_setn_new(vars, said, len, v) < 0)
        return err_set(e, ERR_INVALID, "--var %.80s: not UTF-8", said);
    return 0;
}

json_t *hostvars_said(const struct args *a, const char *option, struct err *e)
{
    const char *said[ARGS_SAID_MAX];
    int n = args_list(a, option, said);
    json_t *all = json_object();

    for (int i = 0; i < n; i++)
        if (var_add(all, said[i], e) < 0) {
            json_decref(all);
            return NULL;
        }
    return all;
}
