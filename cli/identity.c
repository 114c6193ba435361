/* roost identity create, list, show, modify. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/inline.h"
#include "cli/out.h"
#include "cli/password.h"
#include "model/identity.h"
#include "model/words.h"

/* Options and the words of the fleet file that they are. */
static const struct {
    const char *option, *word;
    bool list;
} table[] = {
    { "public-key", "public-keys", true },
    { "gecos", "gecos", false },
    { "home", "home", false },
    { "shell", "shell", false },
    { "group", "groups", true },
    { "sudo", "sudo", false },
    { "password", "password-hash", false },
};

static json_t *texts(const struct args *a, const char *option)
{
    const char *said[ARGS_SAID_MAX];
    int n = args_list(a, option, said);
    json_t *l = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(l, json_string(said[i]));
    return l;
}

static json_t *sudo_of(const char *s)
{
    if (strcmp(s, "yes") == 0 || strcmp(s, "no") == 0)
        return json_boolean(*s == 'y');
    return json_string(s);
}

static int set_password(json_t *words, const char *name, struct err *e)
{
    auto_free char *hash = NULL;

    if (password_ask(name, &hash, e) < 0)
        return err_wrap(e, "--password");
    json_object_set_new(words, "password-hash", json_string(hash));
    return 0;
}

static int set_words(const struct args *a, json_t *words, struct err *e)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *s = args_option(a, table[i].option);
        json_t *v;
        if (!s || strcmp(table[i].option, "password") == 0)
            continue;
        v = table[i].list                          ? texts(a, table[i].option)
            : strcmp(table[i].option, "sudo") == 0 ? sudo_of(s)
                                                   : json_string(s);
        if (!v || json_object_set_new(words, table[i].word, v))
            return err_set(e, ERR_INVALID, "--%s: not UTF-8", table[i].option);
    }
    return 0;
}

/* "/identities/ops/home: …" is about what was said as --home. */
static int in_options(const struct args *a, struct err *e)
{
    char at[NAME_MAX_LEN + 16];
    int len = snprintf(at, sizeof at, "/identities/%s", a->operand[0]);
    const struct err whole = *e;
    const char *colon = strstr(whole.text, ": "), *word = whole.text + len;

    if (strncmp(whole.text, at, (size_t)len) != 0 || !colon)
        return -1;
    word += *word == '/';
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        size_t n = strlen(table[i].word);
        if (strncmp(table[i].word, word, n) == 0 && strchr("/:", word[n]))
            return err_set(e, whole.kind, "%s: --%s: %s", a->command->words, table[i].option,
                           colon + 2);
    }
    return err_set(e, whole.kind, "%s: %s", a->command->words, colon + 2);
}

/* Key files become key lines; then all of it is checked here, where it is known what was typed. */
static int check(const struct args *a, json_t *words, struct err *e)
{
    const char *name = a->operand[0];
    json_t *tree = json_pack("{s:{s:O}}", "identities", name, words);
    auto_free char *here = getcwd(NULL, 0);
    struct identity id;
    int r;

    if (!here)
        r = err_sys(e, "current directory");
    else if ((r = fleet_inline(tree, NULL, NULL, here, e)) == 0 &&
             (r = identity_from_json(name, words, &id, e)) == 0)
        identity_done(&id);
    json_decref(tree);
    return r < 0 ? in_options(a, e) : 0;
}

/* All that was said, checked. The password is asked for last: nobody types it for nothing. */
static json_t *words_of(const struct args *a, struct err *e)
{
    json_t *words = json_object();

    if (set_words(a, words, e) == 0 && check(a, words, e) == 0 &&
        (!args_option(a, "password") || set_password(words, a->operand[0], e) == 0))
        return words;
    json_decref(words);
    return NULL;
}

/* --- create --- */

static int print_created(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c;
    (void)e;
    print_warnings(tree);
    printf("identity %s is defined\n", out_text(tree, "name"));
    return 0;
}

static int check_useful(const json_t *words, const char *name, struct err *e)
{
    if (json_object_get(words, "public-keys") || json_object_get(words, "password-hash"))
        return 0;
    return err_set(e, ERR_INVALID,
                   "identity create: nobody could log in as %s: say --public-key FILE, --password, "
                   "or both",
                   name);
}

int run_identity_create(struct cli *c, const struct args *a, struct err *e)
{
    struct client *client;
    json_t *words = words_of(a, e), *result = NULL;

    if (!words)
        return -1;
    if (check_useful(words, a->operand[0], e) == 0 && (client = cli_client(c, e))) {
        json_object_set_new(words, "name", json_string(a->operand[0]));
        result = client_send(client, "POST", "/v1/identities", words, e);
    }
    json_decref(words);
    return out_tree(c, result, print_created, e);
}

/* --- modify --- */

static int print_modified(struct cli *c, const json_t *tree, struct err *e)
{
    int64_t n = out_number(tree, "instances");

    (void)c;
    (void)e;
    print_warnings(tree);
    printf("identity %s is changed", out_text(tree, "name"));
    if (n)
        printf("; guests that have booted keep the account that they made: roost instance rebuild "
               "makes it anew");
    putchar('\n');
    return 0;
}

/* What is taken back to its default, by its option's name. */
static int unset(const struct args *a, json_t *words, struct err *e)
{
    const char *said[ARGS_SAID_MAX], *names[ARRAY_SIZE(table)];
    int n = args_list(a, "unset", said);

    for (size_t k = 0; k < ARRAY_SIZE(table); k++)
        names[k] = table[k].option;
    for (int i = 0; i < n; i++) {
        size_t k = 0;
        while (k < ARRAY_SIZE(table) && strcmp(said[i], table[k].option) != 0 &&
               strcmp(said[i], table[k].word) != 0)
            k++;
        const char *near = nearest_name(said[i], names, ARRAY_SIZE(table));
        if (k == ARRAY_SIZE(table))
            return err_set(
                e, ERR_INVALID,
                "identity modify: --unset: \"%.40s\" is none of public-key, gecos, home, "
                "shell, group, sudo, password%s%s%s",
                said[i], near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        if (json_object_get(words, table[k].word))
            return err_set(e, ERR_INVALID,
                           "identity modify: --%s and --unset %s contradict each "
                           "other",
                           table[k].option, said[i]);
        json_object_set_new(words, table[k].word, json_null());
    }
    return 0;
}

/* Keys that are said come to those that are there. */
static json_t *change_of(const struct args *a, struct err *e)
{
    json_t *set = words_of(a, e), *keys, *body;

    if (!set)
        return NULL;
    if (unset(a, set, e) < 0) {
        json_decref(set);
        return NULL;
    }
    keys = json_object_get(set, "public-keys");
    body = json_pack("{s:o, s:o}", "set", set, "remove-public-keys", texts(a, "remove-key"));
    if (json_is_array(keys)) {
        json_object_set(body, "add-public-keys", keys);
        json_object_del(set, "public-keys");
    }
    if (json_object_size(set) || json_is_array(json_object_get(body, "add-public-keys")) ||
        args_option(a, "remove-key"))
        return body;
    json_decref(body);
    err_set(e, ERR_INVALID, "identity modify: say what to change; roost help identity modify");
    return NULL;
}

int run_identity_modify(struct cli *c, const struct args *a, struct err *e)
{
    json_t *body = change_of(a, e), *result = NULL;
    auto_free char *path = path_identity(a->operand[0], "");
    struct client *client;

    if (body && (client = cli_client(c, e)))
        result = client_send(client, "PATCH", path, body, e);
    json_decref(body);
    return out_tree(c, result, print_modified, e);
}

/* --- show --- */

static int print_keys(struct cli *c, const json_t *keys, struct err *e)
{
    static const char *const columns[] = { "KEY", "BITS", "FINGERPRINT", "COMMENT", "NOTE", NULL };
    struct table *t;
    size_t i;
    json_t *k;

    if (!json_array_size(keys))
        return 0;
    putchar('\n');
    t = table_new(c, columns, true);
    json_array_foreach(keys, i, k)
    {
        const char *weak = out_text(k, "weakness");
        char bits[24];
        snprintf(bits, sizeof bits, "%lld", (long long)out_number(k, "bits"));
        const char *cells[] = { out_text(k, "type"), bits, out_text(k, "fingerprint"),
                                out_text(k, "comment"), *weak ? "weak" : "" };
        table_row(t, *weak ? TINT_WARN : TINT_NONE, cells);
    }
    return table_print(t, e);
}

static int print_show(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "", "", NULL };
    static const char *const keys[] = { "name", "gecos", "home", "shell", "sudo" };
    auto_buf struct buf groups = BUF_INIT;
    struct table *t = table_new(c, columns, false);
    bool set = json_object_get(tree, "password-hash") != NULL;
    char uses[24];

    print_warnings(tree);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *cells[] = { keys[i], out_text(tree, keys[i]) };
        if (*cells[1])
            table_row(t, TINT_NONE, cells);
    }
    out_list(json_object_get(tree, "groups"), &groups);
    snprintf(uses, sizeof uses, "%lld", (long long)out_number(tree, "instances"));
    if (groups.len)
        table_row(t, TINT_NONE, (const char *[]){ "groups", buf_str(&groups) });
    table_row(t, TINT_NONE, (const char *[]){ "password", set ? "set" : "none" });
    table_row(t, TINT_NONE, (const char *[]){ "instances", uses });
    if (table_print(t, e) < 0)
        return -1;
    return print_keys(c, json_object_get(tree, "keys"), e);
}

int run_identity_show(struct cli *c, const struct args *a, struct err *e)
{
    auto_free char *path = path_identity(a->operand[0], "");

    return out_tree(c, client_get(cli_client(c, e), path, e), print_show, e);
}
