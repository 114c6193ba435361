#include "bootstrap/usernet.h"

#include <stdio.h>
#include <string.h>

static const struct ip loopback = { .family = 4, .b = { 127, 0, 0, 1 } };

/* "Hub -1 (net0):" is about those that follow. */
static bool row_head(const char *row, unsigned *ret_card)
{
    char end = '\0';
    return sscanf(row, "Hub %*d (net%3u%c", ret_card, &end) == 2 && end == ')';
}

static bool read_ports(unsigned at, unsigned to, struct hostfwd *ret)
{
    if (at < 1 || at > UINT16_MAX || to < 1 || to > UINT16_MAX)
        return false;
    ret->at.port = (uint16_t)at;
    ret->port = (uint16_t)to;
    return true;
}

/* A row of slirp's table (slirp_connection_info), where "*" is every address:
 *   "  TCP[HOST_FORWARD]  12       127.0.0.1 37021       10.0.2.15    22     0     0"
 * protocol and state, descriptor, source address and port, destination address and port, queues. */
static bool row_forward(const char *row, struct hostfwd *ret)
{
    char what[24], source[64], dest[64];
    unsigned fd, at, to;
    if (sscanf(row, " %23s %9u %63s %5u %63s %5u", what, &fd, source, &at, dest, &to) != 6)
        return false;
    *ret = (struct hostfwd){ .at.ip.family = 4 };
    if (!strcmp(what, "UDP[HOST_FORWARD]"))
        ret->transport = TRANSPORT_UDP;
    else if (strcmp(what, "TCP[HOST_FORWARD]") != 0)
        return false;
    if (strcmp(source, "*") != 0 && (ip_parse(source, &ret->at.ip, NULL) < 0 || ret->at.ip.family != 4))
        return false;
    return read_ports(at, to, ret);
}

static void read_row(const char *row, struct usernet *u, int *card)
{
    struct hostfwd f;
    unsigned n;
    if (!strncmp(row, "Hub ", 4) && !row_head(row, &n)) {
        *card = -1; /* one that is not roost's */
    } else if (row_head(row, &n)) {
        *card = (int)n;
        if (u->card < 0 || *card < u->card) {
            u->card = *card;
            u->n = 0;
        }
    } else if (*card >= 0 && *card == u->card && u->n < USERNET_ROWS && row_forward(row, &f)) {
        u->rows[u->n++] = f;
    }
}

void usernet_read(const char *text, struct usernet *ret)
{
    char row[256];
    int card = -1;
    *ret = (struct usernet){ .card = -1 };
    while (*text) {
        size_t len = strcspn(text, "\r\n");
        if (len < sizeof row) {
            memcpy(row, text, len);
            row[len] = '\0';
            read_row(row, ret, &card);
        }
        text += len;
        text += strspn(text, "\r\n");
    }
}

static bool is_published(const struct hostfwd *f, const struct hostfwd *list, int n)
{
    for (int i = 0; i < n; i++)
        if (hostfwd_equal(&list[i], f))
            return true;
    return false;
}

unsigned usernet_own(const struct usernet *u, unsigned guest_port, unsigned recorded,
                     const struct hostfwd *published, int n)
{
    unsigned found = 0;
    for (int i = 0; i < u->n; i++) {
        const struct hostfwd *f = &u->rows[i];
        if (f->transport != TRANSPORT_TCP || f->port != guest_port || !ip_equal(&f->at.ip, &loopback))
            continue;
        if (f->at.port == recorded)
            return recorded;
        if (!found && !is_published(f, published, n))
            found = f->at.port;
    }
    return found;
}

bool usernet_has(const struct usernet *u, const struct hostfwd *f)
{
    return is_published(f, u->rows, u->n);
}
