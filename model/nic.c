#include "model/nic.h"

#include <string.h>

#include "model/words.h"

static int read_network(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    return value_name(v, "network name", at, &((struct nic *)obj)->network, e);
}
static json_t *emit_network(const void *obj)
{
    return json_string(((const struct nic *)obj)->network.s);
}

static int read_mac(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct nic *n = obj;
    const char *s;
    if (value_text(v, 256, at, &s, e) < 0)
        return -1;
    if (mac_parse(s, &n->mac, e) < 0)
        return spot_wrap(at, e);
    n->mac_set = true;
    return 0;
}
static json_t *emit_mac(const void *obj)
{
    const struct nic *n = obj;
    char text[MAC_TEXT];
    return n->mac_set ? json_string(mac_format(&n->mac, text)) : NULL;
}

static int read_address(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    const char *s;
    if (value_text(v, 256, at, &s, e) < 0)
        return -1;
    return ip_parse(s, &((struct nic *)obj)->address, e) < 0 ? spot_wrap(at, e) : 0;
}
static json_t *emit_address(const void *obj)
{
    const struct nic *n = obj;
    char text[IP_TEXT];
    return n->address.family ? json_string(ip_format(&n->address, text)) : NULL;
}

static const struct word rows[] = {
    { "address", read_address, emit_address },
    { "mac", read_mac, emit_mac },
    { "network", read_network, emit_network },
};
static const struct words nic_words = WORDS("nic", rows);

static int unlike(const struct nic *nics, int n, const struct spot *at, struct err *e)
{
    const struct nic *new_ = &nics[n];
    for (int i = 0; i < n; i++) {
        if (!strcmp(nics[i].network.s, new_->network.s))
            return spot_bad(at, e, "network %s is there twice: a guest has one card on a network",
                            new_->network.s);
        if (nics[i].mac_set && new_->mac_set && !memcmp(&nics[i].mac, &new_->mac, sizeof new_->mac))
            return spot_bad(at, e, "the MAC is that of another card");
    }
    return 0;
}

int value_nics(const json_t *v, const struct spot *at, struct nic ret[NICS_OTHER], int *ret_n,
               struct err *e)
{
    struct nic nics[NICS_OTHER] = { 0 };
    json_t *one;
    size_t i;
    if (value_list(v, NICS_OTHER, at, e) < 0)
        return -1;
    json_array_foreach((json_t *)(uintptr_t)v, i, one)
    {
        const struct spot here = spot_item(at, i);
        if (words_read(&nic_words, &nics[i], one, &here, e) < 0)
            return -1;
        if (!nics[i].network.s[0])
            return spot_bad(&here, e, "network is missing: the name of one");
        if (unlike(nics, (int)i, &here, e) < 0)
            return -1;
    }
    memcpy(ret, nics, sizeof nics);
    *ret_n = (int)json_array_size(v);
    return 0;
}

json_t *nics_emit(const struct nic *nics, int n)
{
    json_t *list = n ? json_array() : NULL;
    for (int i = 0; list && i < n; i++)
        json_array_append_new(list, words_emit(&nic_words, &nics[i]));
    return list;
}
