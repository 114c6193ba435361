/* The account of roost's own in guests: a key pair made once, whose public half goes into each
 * guest's documents beside the operator's identities, so that Ansible runs without anybody's key.
 *
 * Whether a guest has it is decided when its generation begins (defined, rebuilt) and kept on
 * record with login and key, since cloud-init makes accounts on a generation's first boot alone.
 * Documents follow the record whatever the configuration says later; what logs in by it asks the
 * record, and that the key there is still roost's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "model/identity.h"
#include "model/keypair.h"
#include "seeds/userdata.h"
#include "server/core_priv.h"

#define KEY_MODE 0600

/* ---- the key ---- */

static int key_read(const char *path, const struct stat *st, char *ret, size_t size, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    struct hostkey key;
    int r;

    if (st->st_mode & 077)
        return err_set(e, ERR_DENIED,
                       "%.300s can be read by others (mode %04o), and ssh uses no such key: chmod "
                       "600 it",
                       path, st->st_mode & 07777);
    if (file_read(AT_FDCWD, path, KEYPAIR_FILE_MAX, &text, e) < 0)
        return -1;
    r = keypair_public(buf_str(&text), text.len, &key, e);
    if (text.data)
        explicit_bzero(text.data, text.len);
    if (r < 0)
        return err_wrap(e, "%.300s", path);
    hostkey_line(&key, ret, size);
    return 0;
}

static int key_make(const char *state, struct err *e)
{
    auto_close int dir = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_buf struct buf text = { .cap = KEYPAIR_FILE_MAX };
    int r;

    if (dir < 0)
        return err_sys(e, "state directory %s", state);
    r = keypair_make("roost", &text, e);
    if (r == 0)
        r = file_replace(dir, FILE_ACCOUNT_KEY, buf_str(&text), text.len, KEY_MODE, NULL, e);
    if (text.data)
        explicit_bzero(text.data, text.len);
    return r < 0 ? err_wrap(e, "key of the account for Ansible") : 0;
}

static int key_load(struct core *c, struct err *e)
{
    bool given = c->config.account_key[0];
    char path[PATH_SIZE + 64];
    struct stat st;
    int r;

    config_account_key(&c->config, path);
    r = stat(path, &st);
    if (r < 0 && errno == ENOENT && !given) {
        struct err why;
        /* A full disk is no reason to launch nothing; the next start tries again. */
        if (key_make(c->config.state, &why) < 0) {
            log_warn("%s: guests are defined without an account for Ansible", why.text);
            return 0;
        }
        r = stat(path, &st);
    }
    if (r < 0)
        err_sys(e, "%.300s", path);
    else
        r = key_read(path, &st, c->account_line, sizeof c->account_line, e);
    return r < 0 && given ? err_wrap(e, "[ansible] key") : r;
}

/* An operator's identity was there before roost's account had that name. */
static bool name_taken(struct core *c, const char *login)
{
    json_t *j = NULL;
    bool taken = store_def_get(c->store, DEF_IDENTITY, login, &j, NULL) == 0;

    json_decref(j);
    return taken;
}

/* The projections read it from the store, on a connection of their own. */
static int key_record(struct core *c, struct err *e)
{
    char was[sizeof c->account_line] = "";
    bool first = store_meta_get(c->store, META_ACCOUNT_KEY, was, sizeof was, NULL) < 0;

    if (!first && !strcmp(was, c->account_line))
        return 0;
    if (core_write(c, true, e) < 0 ||
        store_meta_set(c->store, META_ACCOUNT_KEY, c->account_line, e) < 0)
        return -1;
    return first ? 0 : wire_mark_all(c, e); /* nobody has the account before that first time */
}

int account_load(struct core *c, struct err *e)
{
    if (config_has_account(&c->config) && key_load(c, e) < 0)
        return -1;
    if (c->account_line[0] && name_taken(c, c->config.account))
        log_warn("identity %s has the name of roost's own account ([ansible] user): guests are "
                 "defined without that account; name the one or the other differently",
                 c->config.account);
    return key_record(c, e);
}

/* ---- guests ---- */

/* Machines of others may have booted long ago, and bootstrapper none offers no documents. */
static bool reaches(const struct spec *s)
{
    return s->launcher == LAUNCHER_ROOST && s->bootstrapper != BOOTSTRAPPER_NONE;
}

int account_give(struct core *c, int64_t id, const struct spec *s, struct err *e)
{
    struct account a;

    if (!c->account_line[0] || !reaches(s) || name_taken(c, c->config.account))
        return store_account_remove(c->store, id, e);
    snprintf(a.login, sizeof a.login, "%s", c->config.account);
    snprintf(a.key, sizeof a.key, "%s", c->account_line);
    return store_account_put(c->store, id, &a, e);
}

/* An identity of the guest's with that name, or user-data that has vendor-data not looked at. */
static bool is_against(const struct spec *s, const struct userdata_facts *facts, const char *login)
{
    for (int i = 0; i < s->n_identities; i++)
        if (!strcmp(s->identities[i].s, login))
            return true;
    return facts->vendor_off;
}

static int to_identity(const struct core *c, const struct account *a, struct identity *ret,
                       struct err *e)
{
    json_t *j = json_pack("{s:s, s:b, s:[s+]}", "gecos", "Ansible by roost", "sudo",
                          c->config.become, "public-keys", a->key, " roost");
    int r = j ? identity_from_json(a->login, j, ret, e) : err_set(e, ERR_INTERNAL, "out of memory");

    json_decref(j);
    return r;
}

int account_of(struct core *c, const struct instance *i, const struct userdata_facts *facts,
               struct identity *ret, struct err *e)
{
    struct account a;
    int n = store_account_get(c->store, i->id, &a, e);

    if (n <= 0)
        return n;
    if (is_against(&i->spec, facts, a.login))
        return store_account_remove(c->store, i->id, e);
    return to_identity(c, &a, ret, e) < 0 ? -1 : 1;
}

int account_in_use(struct core *c, int64_t id, const struct spec *s, struct account *ret,
                   struct err *e)
{
    int n;

    if (!c->account_line[0] || json_object_get(s->vars, "ansible_user"))
        return 0;
    n = store_account_get(c->store, id, ret, e);
    return n > 0 ? !strcmp(ret->key, c->account_line) : n;
}

int account_name_free(const struct core *c, const char *name, struct err *e)
{
    if (!c->account_line[0] || strcmp(name, c->config.account))
        return 0;
    return err_set(e, ERR_CONFLICT,
                   "identity %s: roost's own account in guests has that name; choose another one, "
                   "or another [ansible] user in roost.conf",
                   name);
}
