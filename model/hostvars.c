#include "model/hostvars.h"

#include <string.h>

#include "base/cleanup.h"
#include "model/words.h"

#define HOSTVAR_NAME_MAX 128

/* Connection variables (Ansible: "How to build your inventory") that are the operator's to say. Not
 * among them: ansible_host, ansible_connection and the ssh arguments, which roost writes so that a
 * host is reached where its keys were recorded, and passwords, which the inventory would show. */
static const char *const allowed_ansible[] = {
    "ansible_become",
    "ansible_become_method",
    "ansible_become_user",
    "ansible_port",
    "ansible_python_interpreter",
    "ansible_shell_executable",
    "ansible_shell_type",
    "ansible_user",
};

/* Ansible: "Special variables"; a host variable of such a name is ignored or breaks the run. */
static const char *const magic[] = {
    "environment",
    "group_names",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "omit",
    "play_hosts",
    "playbook_dir",
    "role_name",
    "role_path",
    "vars",
};

/* Ansible: "Creating valid variable names" (no Python keywords). */
static const char *const python_keywords[] = {
    "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
    "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
    "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
    "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield",
};

static bool among(const char *s, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(names[i], s))
            return true;
    return false;
}

static int check_name(const char *s, const struct spot *at, struct err *e)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char rest[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    size_t len = strlen(s);
    if (len == 0 || len > HOSTVAR_NAME_MAX || !strchr(first, s[0]) || strspn(s, rest) != len)
        return spot_bad(at, e,
                        "\"%.64s\" is not a name of an Ansible variable: letters, digits and _, no "
                        "digit first, at most %d",
                        s, HOSTVAR_NAME_MAX);
    if (among(s, python_keywords, ARRAY_SIZE(python_keywords)) ||
        among(s, magic, ARRAY_SIZE(magic)))
        return spot_bad(at, e, "\"%s\" is reserved by Ansible: take another name", s);
    if (!strncmp(s, "ansible_", 8) && !among(s, allowed_ansible, ARRAY_SIZE(allowed_ansible)))
        return spot_bad(at, e,
                        "\"%.64s\" is not for a host's vars: roost writes how a host is reached; "
                        "ansible_user, _port, _python_interpreter, _become, _become_method, "
                        "_become_user, _shell_type and _shell_executable may be set",
                        s);
    return 0;
}

static int check_size(const json_t *vars, const struct spot *at, struct err *e)
{
    if (json_object_size(vars) > HOSTVARS_MAX)
        return spot_err(at, e, ERR_TOO_BIG, "%zu variables, at most %d are allowed",
                        json_object_size(vars), HOSTVARS_MAX);
    size_t text = json_dumpb(vars, NULL, 0, JSON_COMPACT);
    if (text > HOSTVARS_TEXT_MAX)
        return spot_err(at, e, ERR_TOO_BIG, "%zu bytes of variables, at most %u are allowed", text,
                        HOSTVARS_TEXT_MAX);
    return 0;
}

/* The variables of `under` with those of j over them; shares the values. */
static json_t *merged(const json_t *under, const json_t *j, const struct spot *at, struct err *e)
{
    const char *key;
    json_t *value, *all = under ? json_copy((json_t *)(uintptr_t)under) : json_object();
    json_object_foreach((json_t *)(uintptr_t)j, key, value)
    {
        const struct spot here = spot_key(at, key);
        int bad = check_name(key, &here, e);
        if (!bad && json_object_set(all, key, value) < 0)
            bad = spot_err(&here, e, ERR_INTERNAL, "out of memory");
        if (bad) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

json_t *hostvars_merge(const json_t *under, const json_t *j, const struct spot *at, struct err *e)
{
    if (value_object(j, at, e) < 0)
        return NULL;
    json_t *all = merged(under, j, at, e);
    if (!all)
        return NULL;
    /* Sorting comes first: it is what bounds the depth that the rest may walk. */
    json_t *out = value_sorted(all);
    json_decref(all);
    if (!out) {
        spot_bad(at, e, "values nested deeper than 32 levels, or a text with a NUL byte");
        return NULL;
    }
    if (check_size(out, at, e) < 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}
