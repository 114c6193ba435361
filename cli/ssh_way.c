#include "cli/ssh_way.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/spawn.h"
#include "cli/client.h"
#include "cli/out.h"

#define KNOWN_HOSTS_MAX (256u << 20)

/* "127.0.0.1:40022", "[fd00::1]:22" */
static int split(const char *address, struct ssh_way *ret)
{
    const char *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : 0;

    ret->ip6 = len > 2 && address[0] == '[' && address[len - 1] == ']';
    if (ret->ip6) {
        address++;
        len -= 2;
    }
    if (!len || len >= sizeof ret->host)
        return -1;
    memcpy(ret->host, address, len);
    ret->host[len] = '\0';
    snprintf(ret->port, sizeof ret->port, "%s", colon + 1);
    return 0;
}

/* Are all of `lines`' keys in the file? Lines of the two have the same form, so whole lines are
 * compared. */
static bool has_lines(const char *file, const char *lines)
{
    auto_buf struct buf b = BUF_INIT;
    auto_free char *copy = strdup(lines);
    char *save = NULL;

    if (!copy || file_read(AT_FDCWD, file, KNOWN_HOSTS_MAX, &b, NULL) < 0)
        return false;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (*line != '#' && !strstr(buf_str(&b), line))
            return false;
    return true;
}

static bool has_keys(const char *text)
{
    for (const char *s = text; s && *s; s = strchr(s, '\n'), s = s ? s + 1 : NULL)
        if (*s != '#' && *s != '\n')
            return true;
    return false;
}

/* The generated known_hosts, with this guest in it: it is written a moment after a phone-home, so
 * that somebody in a hurry asks for it. */
static int known_hosts(struct cli *c, const char *name, char ret[PATH_SIZE], struct err *e)
{
    auto_buf struct buf lines = BUF_INIT, path = BUF_INIT;
    json_t *paths = client_get(c->client, "/v1/paths", e), *synced;

    if (!paths)
        return -1;
    snprintf(ret, PATH_SIZE, "%s", out_text(paths, "known-hosts"));
    json_decref(paths);
    buf_puts(&path, "/v1/known-hosts?host=");
    buf_percent(&path, name);
    if (client_text(c->client, buf_str(&path), &lines, e) < 0)
        return -1;
    if (!has_keys(buf_str(&lines)))
        return err_set(
            e, ERR_CONFLICT,
            "%s has no host keys on record: it has not phoned home yet; see roost wait %s", name,
            name);
    if (has_lines(ret, buf_str(&lines)))
        return 0;
    if (!(synced = client_send(c->client, "POST", "/v1/sync", NULL, e)))
        return -1;
    json_decref(synced);
    return 0;
}

/* ssh_config(5) takes several files, apart by blanks, and expands % in them. */
static void add_file_option(struct argv *v, const char *word, const char *file)
{
    auto_buf struct buf b = BUF_INIT;

    buf_printf(&b, "%s=\"", word);
    for (const char *s = file; *s; s++) {
        if (*s == '%')
            buf_putc(&b, '%');
        if (*s == '"' || *s == '\\')
            buf_putc(&b, '\\');
        buf_putc(&b, *s);
    }
    buf_putc(&b, '"');
    argv_add(v, "-o");
    argv_add(v, buf_str(&b));
}

/* roost.conf's key ([projections] ssh-key), as the generated ssh_config has it for this host; ""
 * none. */
static void configured_key(struct cli *c, const char *name, struct buf *ret)
{
    auto_buf struct buf text = { .cap = (size_t)1 << 30 };
    auto_free char *head = NULL;
    char *line, *save = NULL;
    bool inside = false;

    if (client_text(c->client, "/v1/ssh-config", &text, NULL) < 0 ||
        asprintf(&head, "Host %s", name) < 0)
        return;
    for (line = text.data ? strtok_r(text.data, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save)) {
        line += strspn(line, " \t");
        if (strncmp(line, "Host ", 5) == 0)
            inside = strcmp(line, head) == 0;
        else if (inside && strncmp(line, "IdentityFile ", 13) == 0)
            buf_puts(ret, line + 13);
    }
}

static void add_identity(struct cli *c, const struct args *a, const char *name, struct argv *v)
{
    auto_buf struct buf key = BUF_INIT;
    const char *said = args_option(a, "identity");

    if (said) {
        argv_add(v, "-o");
        argv_add(v, "IdentitiesOnly=yes");
        argv_add(v, "-i");
        argv_add(v, said);
        return;
    }
    configured_key(c, name, &key);
    if (key.len) {
        argv_add(v, "-o");
        argv_addf(v, "IdentityFile=%s", buf_str(&key));
    }
}

static int add_options(struct cli *c, const struct args *a, const char *name, const json_t *row,
                       struct argv *v, struct err *e)
{
    static const char *const strict[] = { "GlobalKnownHostsFile=/dev/null",
                                          "StrictHostKeyChecking=yes", "CheckHostIP=no",
                                          "UpdateHostKeys=no" };
    const char *user = args_option(a, "login");
    char file[PATH_SIZE];

    if (known_hosts(c, name, file, e) < 0)
        return -1;
    argv_add(v, "-o");
    argv_addf(v, "HostKeyAlias=%s", name);
    add_file_option(v, "UserKnownHostsFile", file);
    for (size_t i = 0; i < ARRAY_SIZE(strict); i++) {
        argv_add(v, "-o");
        argv_add(v, strict[i]);
    }
    add_identity(c, a, name, v);
    if (!user)
        user = out_text(row, "user");
    if (*user) {
        argv_add(v, "-o");
        argv_addf(v, "User=%s", user);
    }
    return v->failed ? err_set(e, ERR_INTERNAL, "out of memory") : 0;
}

int ssh_way(struct cli *c, const struct args *a, const char *name, struct argv *v,
            struct ssh_way *ret, struct err *e)
{
    auto_free char *path = path_instance(name, "");
    json_t *row = client_get(cli_client(c, e), path, e);
    int bad = -1;

    if (row && split(out_text(row, "address"), ret) < 0)
        err_set(e, ERR_CONFLICT, "%s has no address yet: it is %s", name, out_text(row, "state"));
    else if (row)
        bad = add_options(c, a, name, row, v, e);
    json_decref(row);
    return bad;
}
