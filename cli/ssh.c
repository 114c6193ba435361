/* roost ssh and roost cp: ssh(1) and scp(1) with the host keys that the guest phoned home. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/ssh_way.h"
#include "model/name.h"

static int execute(const struct argv *v, struct err *e)
{
    if (v->failed)
        return err_set(e, ERR_INTERNAL, "out of memory");
    execvp(v->v[0], v->v);
    return err_sys(e, "cannot run %s", v->v[0]);
}

int run_ssh(struct cli *c, const struct args *a, struct err *e)
{
    auto_argv struct argv v = ARGV_INIT;
    struct ssh_way way;

    argv_add(&v, "ssh");
    if (ssh_way(c, a, a->operand[0], &v, &way, e) < 0)
        return -1;
    argv_add(&v, "-p");
    argv_add(&v, way.port);
    argv_add(&v, "--");
    argv_add(&v, way.host);
    for (int i = 1; i < a->n; i++)
        argv_add(&v, a->operand[i]);
    return execute(&v, e);
}

/* --- cp --- */

/* NAME:PATH as scp(1) tells it from a file: a colon before any slash. */
static const char *colon_of(const char *s)
{
    size_t len = strcspn(s, ":/");

    return s[len] == ':' ? s + len : NULL;
}

static int guest_of(const char *s, struct name *ret, struct err *e)
{
    const char *colon = colon_of(s);
    struct err why;
    char name[NAME_MAX_LEN + 2];

    snprintf(name, sizeof name, "%.*s", (int)(colon - s), s);
    if (name_parse(name, "instance name", ret, &why) == 0)
        return 0;
    return err_set(e, ERR_INVALID, "%s: %s; a file with a colon in its name is said as ./%s", s,
                   why.text, s);
}

/* The one guest that is meant; which operands are there, and which here, has to be one way. */
static int guest_among(const struct args *a, struct name *ret, struct err *e)
{
    const char *target = a->operand[a->n - 1];
    bool to_guest = colon_of(target) != NULL;
    struct name other;

    for (int i = 0; i < a->n - 1; i++) {
        const char *s = a->operand[i];
        if (to_guest && colon_of(s))
            return err_set(e, ERR_INVALID,
                           "%s and %s: not from guest to guest; copy it here, then there", s,
                           target);
        if (!to_guest && !colon_of(s))
            return err_set(e, ERR_INVALID, "%s and %s are both here; say which guest's: NAME:PATH",
                           s, target);
        if (!to_guest && guest_of(s, &other, e) < 0)
            return -1;
        if (!to_guest && i && strcmp(other.s, ret->s) != 0)
            return err_set(e, ERR_INVALID, "%s and %s: from one guest at a time", a->operand[0], s);
        if (!to_guest)
            *ret = other;
    }
    return to_guest ? guest_of(target, ret, e) : 0;
}

static void add_operand(struct argv *v, const struct ssh_way *way, const char *s)
{
    const char *colon = colon_of(s);

    if (!colon)
        argv_add(v, s);
    else
        argv_addf(v, "%s%s%s%s", way->ip6 ? "[" : "", way->host, way->ip6 ? "]" : "", colon);
}

int run_cp(struct cli *c, const struct args *a, struct err *e)
{
    auto_argv struct argv v = ARGV_INIT;
    struct ssh_way way;
    struct name guest;

    argv_add(&v, "scp");
    if (guest_among(a, &guest, e) < 0 || ssh_way(c, a, guest.s, &v, &way, e) < 0)
        return -1;
    if (args_option(a, "recursive"))
        argv_add(&v, "-r");
    if (args_option(a, "preserve"))
        argv_add(&v, "-p");
    argv_add(&v, "-P");
    argv_add(&v, way.port);
    argv_add(&v, "--");
    for (int i = 0; i < a->n; i++)
        add_operand(&v, &way, a->operand[i]);
    return execute(&v, e);
}
