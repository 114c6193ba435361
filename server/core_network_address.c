/* The host's own address on a bridged network, which guests are told when its definition says
 * nothing. roostd tells it when the network comes up; it is kept, since documents are rendered at
 * any time, and all of them anew when it is another one. */
#include <stdio.h>

#include "base/cleanup.h"
#include "server/core_network.h"

#define KEY_SIZE (NAME_MAX_LEN + 32)

static void key_of(const char *network, char ret[KEY_SIZE])
{
    snprintf(ret, KEY_SIZE, "network-address %s", network);
}

bool network_address(const struct core *c, const struct network *n, struct ip *ret)
{
    char key[KEY_SIZE], text[IP_TEXT] = "";

    if (n->host.family) {
        *ret = n->host;
        return true;
    }
    key_of(n->name.s, key);
    return store_meta_get(c->store, key, text, sizeof text, NULL) == 0 &&
           ip_parse(text, ret, NULL) == 0;
}

int network_address_forget(struct core *c, const char *name, struct err *e)
{
    char key[KEY_SIZE];

    key_of(name, key);
    return store_meta_remove(c->store, key, e);
}

static int keep(struct core *c, const struct network *n, const struct ip *now, struct err *e)
{
    char key[KEY_SIZE], text[IP_TEXT];

    key_of(n->name.s, key);
    if (core_write(c, false, e) < 0 || store_meta_set(c->store, key, ip_format(now, text), e) < 0 ||
        store_seed_stale_all(c->store, e) < 0)
        return -1;
    core_invalidate(c, "");
    return 0;
}

void network_address_told(struct core *c, const char *name, const struct ip *now)
{
    const struct network *n = core_network(c, name);
    struct ip was = { 0 };
    struct err e;

    if (!n || !now->family || (network_address(c, n, &was) && ip_equal(&was, now)))
        return;
    if (keep(c, n, now, &e) < 0)
        core_fault(c, "network %s: the host's address there is not kept: %s", name, e.text);
}
