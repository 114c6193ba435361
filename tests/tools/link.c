/* Links and taps by lines on standard input, one answer line each ("ok …" or "KIND: why"):
 *   remember STEP       what undoing it must know
 *   do STEP [| UNDO]    carries the step out, marked "roost test"
 *   undo STEP [| UNDO]
 *   tap NAME MAC BRIDGE opens one; it lives until `close NAME` or the end
 *   close NAME
 *   link NAME           "ok MAC MTU MASTER" */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netcfg/link.h"

static const char alias[] = "roost test";

enum { TAPS_MAX = 256 };
static struct {
    char name[IFNAME_SIZE];
    int fd;
} taps[TAPS_MAX];
static int n_taps;

static int step(struct netlink *n, const char *verb, char *line, struct buf *out, struct err *e)
{
    char *undo = strstr(line, " | ");
    struct step s;

    if (undo) {
        *undo = '\0';
        undo += 3;
    }
    if (step_parse(line, &s, e) < 0)
        return -1;
    if (strcmp(verb, "remember") == 0)
        return link_remember(n, &s, out, e);
    return strcmp(verb, "do") == 0 ? link_do(n, &s, alias, undo ? undo : "", e)
                                   : link_undo(n, &s, alias, undo ? undo : "", e);
}

static int open_tap(struct netlink *n, char *line, struct err *e)
{
    char *save = NULL;
    const char *name = strtok_r(line, " ", &save), *mac_text = strtok_r(NULL, " ", &save),
               *bridge = strtok_r(NULL, " ", &save);
    struct mac mac;

    if (!bridge || n_taps == TAPS_MAX || strlen(name) >= IFNAME_SIZE)
        return err_set(e, ERR_INVALID, "tap NAME MAC BRIDGE");
    if (mac_parse(mac_text, &mac, e) < 0)
        return -1;
    int fd = tap_open(n, name, &mac, bridge, alias, 0, e);
    if (fd < 0)
        return -1;
    snprintf(taps[n_taps].name, IFNAME_SIZE, "%s", name);
    taps[n_taps++].fd = fd;
    return 0;
}

static int close_tap(const char *name, struct err *e)
{
    for (int i = 0; i < n_taps; i++) {
        if (strcmp(taps[i].name, name) != 0)
            continue;
        close(taps[i].fd);
        taps[i] = taps[--n_taps];
        return 0;
    }
    return err_set(e, ERR_NOT_FOUND, "no tap %s", name);
}

static int show(struct netlink *n, const char *name, struct buf *out, struct err *e)
{
    struct facts f;
    char mac[MAC_TEXT];

    if (link_facts(n, &f, e) < 0)
        return -1;
    const struct fact_link *l = facts_link(&f, name);
    if (l)
        buf_printf(out, "%s %u %s", mac_format(&l->mac, mac), l->mtu, l->master);
    facts_done(&f);
    return l ? 0 : err_set(e, ERR_NOT_FOUND, "no link %s", name);
}

static int run(struct netlink *n, char *line, struct buf *out, struct err *e)
{
    char *rest = strchr(line, ' ');

    if (!rest)
        return err_set(e, ERR_INVALID, "VERB REST");
    *rest++ = '\0';
    if (strcmp(line, "tap") == 0)
        return open_tap(n, rest, e);
    if (strcmp(line, "close") == 0)
        return close_tap(rest, e);
    if (strcmp(line, "link") == 0)
        return show(n, rest, out, e);
    return step(n, line, rest, out, e);
}

int main(void)
{
    static char line[65536];
    struct err e;
    struct netlink *n = netlink_open(&e);

    if (!n) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    while (fgets(line, sizeof(line), stdin)) {
        auto_buf struct buf out = BUF_INIT;
        line[strcspn(line, "\n")] = '\0';
        if (run(n, line, &out, &e) < 0)
            printf("%s: %s\n", err_kind_name(e.kind), e.text);
        else
            printf("ok %s\n", buf_str(&out));
        fflush(stdout);
    }
    netlink_close(n);
    return 0;
}
