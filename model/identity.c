#include "model/identity.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/words.h"

#define LOGIN_MAX           32 /* useradd(8), CAVEATS */
#define IDENTITY_GROUPS_MAX 32
#define FIELD_MAX           255
#define KEY_LINE_MAX        8192
#define SUDO_ALL            "ALL=(ALL) NOPASSWD:ALL"

/* useradd(8), CAVEATS: [a-z_][a-z0-9_-]*; groupadd has the same rule. */
static int login_parse(const char *s, const char *what, struct name *ret, struct err *e)
{
    size_t len = strlen(s);
    bool good = len >= 1 && len <= LOGIN_MAX && strchr("abcdefghijklmnopqrstuvwxyz_", s[0]) &&
                strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
    if (!good)
        return err_set(e, ERR_INVALID,
                       "\"%.64s\" is not %s: 1 to %d of a-z, 0-9, _ and -, a letter or _ first", s,
                       what, LOGIN_MAX);
    *ret = (struct name){ 0 };
    memcpy(ret->s, s, len);
    return 0;
}

int identity_name_parse(const char *s, struct name *ret, struct err *e)
{
    return login_parse(s, "a login name", ret, e);
}

static int group_name_parse(const char *s, struct name *ret, struct err *e)
{
    return login_parse(s, "a group of Unix", ret, e);
}

void identity_done(struct identity *i)
{
    for (int k = 0; k < i->n_public_keys; k++)
        free(i->public_keys[k]);
    free(i->public_keys);
    free(i->password_hash);
    free(i->gecos);
    free(i->shell);
    free(i->home);
    free(i->sudo);
    free(i->groups);
    *i = (struct identity){ 0 };
}

/* --- public keys --- */

static int key_line(const json_t *v, const struct spot *at, char **ret, struct err *e)
{
    const char *s;
    struct hostkey key;
    char comment[129], line[sizeof(key.algorithm) + sizeof(key.blob) + 1];
    if (value_text(v, KEY_LINE_MAX, at, &s, e) < 0)
        return -1;
    if (strstr(s, "PRIVATE KEY"))
        return spot_bad(at, e, "this is a private key: give the public one (the .pub file)");
    if (pubkey_parse(s, strlen(s), &key, comment, e) < 0)
        return spot_wrap(at, e);
    hostkey_line(&key, line, sizeof(line));
    if (asprintf(ret, "%s%s%s", line, *comment ? " " : "", comment) < 0)
        return spot_err(at, e, ERR_INTERNAL, "out of memory");
    return 0;
}

static bool has_key(const struct identity *i, const char *line)
{
    for (int k = 0; k < i->n_public_keys; k++)
        if (!strcmp(i->public_keys[k], line))
            return true;
    return false;
}

static int read_keys(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct identity *i = obj;
    if (value_list(v, IDENTITY_KEYS_MAX, at, e) < 0)
        return -1;
    i->public_keys = calloc(json_array_size(v) + 1, sizeof(*i->public_keys));
    if (!i->public_keys)
        return spot_err(at, e, ERR_INTERNAL, "out of memory");
    for (size_t k = 0; k < json_array_size(v); k++) {
        const struct spot item = spot_item(at, k);
        auto_free char *line = NULL;
        if (key_line(json_array_get(v, k), &item, &line, e) < 0)
            return -1;
        if (!has_key(i, line))
            i->public_keys[i->n_public_keys++] = steal_ptr(line);
    }
    return 0;
}

static json_t *emit_keys(const void *obj)
{
    const struct identity *i = obj;
    json_t *out = i->n_public_keys ? json_array() : NULL;
    for (int k = 0; out && k < i->n_public_keys; k++)
        json_array_append_new(out, json_string(i->public_keys[k]));
    return out;
}

/* --- password hash --- */

/* The methods of crypt(5) that are fit for new hashes; DES, MD5 and NT are not. */
static const char *const hash_methods[] = { "$y$",  "$gy$", "$7$", "$2a$",
                                            "$2b$", "$2y$", "$6$", "$5$" };

/* crypt(5), FORMAT OF HASHED PASSPHRASES: printable ASCII without blanks and any of `:;*!\`. */
static bool is_hash(const char *s)
{
    size_t len = strlen(s);
    if (len < 20 || !ascii_printable(s, len) || strpbrk(s, " :;*!\\"))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(hash_methods); i++) {
        size_t prefix = strlen(hash_methods[i]);
        if (!strncmp(s, hash_methods[i], prefix))
            return strrchr(s, '$') >= s + prefix;
    }
    return false;
}

static int read_hash(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct identity *i = obj;
    const char *s;
    if (!json_is_string(v))
        return spot_bad(at, e, "expected a string");
    if (value_text(v, 512, at, &s, e) < 0)
        return -1;
    if (!is_hash(s))
        return spot_bad(
            at, e, "not a password hash of crypt(5) such as $y$… or $6$…: `mkpasswd` makes one");
    return value_keep(&i->password_hash, s, at, e);
}

static json_t *emit_hash(const void *obj)
{
    const struct identity *i = obj;
    return i->password_hash ? json_string(i->password_hash) : NULL;
}

/* --- fields of passwd(5): no colon, nothing but one line --- */

static int passwd_field(const json_t *v, const struct spot *at, const char **ret, struct err *e)
{
    const char *s;
    if (value_text(v, FIELD_MAX, at, &s, e) < 0)
        return -1;
    for (const char *p = s; *p; p++)
        if (*p == ':' || (unsigned char)*p < 0x20 || *p == 0x7f)
            return spot_bad(at, e, "a colon or a control byte cannot stand here");
    *ret = s;
    return 0;
}

static int read_path(char **field, const json_t *v, const struct spot *at, struct err *e)
{
    const char *s;
    if (passwd_field(v, at, &s, e) < 0)
        return -1;
    if (s[0] != '/' || !ascii_printable(s, strlen(s)) || strchr(s, ' '))
        return spot_bad(at, e, "\"%s\" is not an absolute path without blanks", s);
    return value_keep(field, s, at, e);
}

static int read_gecos(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct identity *i = obj;
    const char *s;
    if (passwd_field(v, at, &s, e) < 0)
        return -1;
    return value_keep(&i->gecos, s, at, e);
}

static int read_shell(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    return read_path(&((struct identity *)obj)->shell, v, at, e);
}

static int read_home(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    return read_path(&((struct identity *)obj)->home, v, at, e);
}

static json_t *emit_gecos(const void *obj)
{
    const struct identity *i = obj;
    return i->gecos ? json_string(i->gecos) : NULL;
}

static json_t *emit_shell(const void *obj)
{
    const struct identity *i = obj;
    return i->shell ? json_string(i->shell) : NULL;
}

static json_t *emit_home(const void *obj)
{
    const struct identity *i = obj;
    return i->home ? json_string(i->home) : NULL;
}

/* --- rights --- */

static int read_sudo(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct identity *i = obj;
    const char *s;
    if (json_is_boolean(v)) {
        free(i->sudo);
        i->sudo = NULL;
        return json_is_true(v) ? value_keep(&i->sudo, SUDO_ALL, at, e) : 0;
    }
    if (!json_is_string(v))
        return spot_bad(at, e, "expected true, false or a rule such as \"" SUDO_ALL "\"");
    if (value_ascii(v, FIELD_MAX, at, &s, e) < 0)
        return -1;
    /* sudoers(5): a user specification is HOSTS = COMMANDS; cloud-init writes it after the login.
     */
    if (!strchr(s, '=') || strchr(s, '#'))
        return spot_bad(at, e, "\"%s\" is not a rule of sudoers(5) such as \"" SUDO_ALL "\"", s);
    return value_keep(&i->sudo, s, at, e);
}

static json_t *emit_sudo(const void *obj)
{
    const struct identity *i = obj;
    return i->sudo ? json_string(i->sudo) : NULL;
}

static int read_groups(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct identity *i = obj;
    i->groups = calloc(IDENTITY_GROUPS_MAX, sizeof(*i->groups));
    if (!i->groups)
        return spot_err(at, e, ERR_INTERNAL, "out of memory");
    return value_names(v, group_name_parse, IDENTITY_GROUPS_MAX, at, i->groups, &i->n_groups, e);
}

static json_t *emit_groups(const void *obj)
{
    const struct identity *i = obj;
    return names_emit(i->groups, i->n_groups);
}

static const struct word identity_rows[] = {
    { "gecos", read_gecos, emit_gecos },     { "groups", read_groups, emit_groups },
    { "home", read_home, emit_home },        { "password-hash", read_hash, emit_hash },
    { "public-keys", read_keys, emit_keys }, { "shell", read_shell, emit_shell },
    { "sudo", read_sudo, emit_sudo },
};
static const struct words identity_words = WORDS("identity", identity_rows);

int identity_read(const char *name, const json_t *j, const struct spot *at, struct identity *ret,
                  struct err *e)
{
    struct identity i = { 0 };
    if (identity_name_parse(name, &i.name, e) < 0)
        return spot_wrap(at, e);
    if (words_read(&identity_words, &i, j, at, e) < 0) {
        identity_done(&i);
        return -1;
    }
    *ret = i;
    return 0;
}

int identity_from_json(const char *name, const json_t *j, struct identity *ret, struct err *e)
{
    const struct spot root = spot_root(""), identities = spot_key(&root, "identities"),
                      at = spot_key(&identities, name);
    return identity_read(name, j, &at, ret, e);
}

json_t *identity_to_json(const struct identity *i)
{
    return words_emit(&identity_words, i);
}

/* --- what is told of it --- */

const char *identity_weak_key(const struct identity *i, int k, char out[320])
{
    struct hostkey key;
    char comment[129];

    if (pubkey_parse(i->public_keys[k], strlen(i->public_keys[k]), &key, comment, NULL) < 0 ||
        !hostkey_weakness(&key))
        return NULL;
    snprintf(out, 320, "public key %d%s%s%s %s", k + 1, *comment ? " (" : "", comment,
             *comment ? ")" : "", hostkey_weakness(&key));
    return out;
}

static json_t *key_view(const char *line)
{
    struct hostkey key;
    char comment[129], fingerprint[64];
    json_t *o;

    if (pubkey_parse(line, strlen(line), &key, comment, NULL) < 0)
        return json_object();
    hostkey_fingerprint(&key, fingerprint);
    o = json_pack("{s:s, s:i, s:s, s:s}", "type", key.algorithm, "bits", (int)hostkey_bits(&key),
                  "fingerprint", fingerprint, "comment", comment);
    if (hostkey_weakness(&key))
        json_object_set_new(o, "weakness", json_string(hostkey_weakness(&key)));
    return o;
}

json_t *identity_view(const struct identity *i)
{
    json_t *o = identity_to_json(i), *keys = json_array();

    if (i->password_hash)
        json_object_set_new(o, "password-hash", json_string("(set)"));
    for (int k = 0; k < i->n_public_keys; k++)
        json_array_append_new(keys, key_view(i->public_keys[k]));
    json_object_set_new(o, "keys", keys);
    return o;
}
