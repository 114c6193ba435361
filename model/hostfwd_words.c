/* Forwards of an instance as words; apart from their values, since roostd reads no JSON. */
#include <stdlib.h>
#include <string.h>

#include "model/hostfwd.h"
#include "model/words.h"

static int compare(const void *a, const void *b)
{
    const struct hostfwd *x = a, *y = b;
    int order = (x->transport > y->transport) - (x->transport < y->transport);
    if (!order)
        order = ip_compare(&x->at.ip, &y->at.ip);
    return order ? order : (x->at.port > y->at.port) - (x->at.port < y->at.port);
}

static int unlike(const struct hostfwd *list, int n, const struct spot *at, struct err *e)
{
    char a[HOSTFWD_TEXT], b[HOSTFWD_TEXT];
    for (int i = 0; i < n; i++)
        if (hostfwd_clashes(&list[i], &list[n]))
            return spot_bad(at, e, "\"%s\" and \"%s\" want the same port of the host",
                            hostfwd_format(&list[i], a), hostfwd_format(&list[n], b));
    return 0;
}

int value_hostfwds(const json_t *v, const struct spot *at, struct hostfwd ret[HOSTFWDS_MAX],
                   int *ret_n, struct err *e)
{
    struct hostfwd list[HOSTFWDS_MAX] = { 0 };
    const char *s;
    json_t *one;
    size_t i;
    if (value_list(v, HOSTFWDS_MAX, at, e) < 0)
        return -1;
    json_array_foreach((json_t *)(uintptr_t)v, i, one)
    {
        const struct spot here = spot_item(at, i);
        if (value_ascii(one, 256, &here, &s, e) < 0)
            return -1;
        if (hostfwd_parse(s, &list[i], e) < 0)
            return spot_wrap(&here, e);
        if (unlike(list, (int)i, &here, e) < 0)
            return -1;
    }
    *ret_n = (int)json_array_size(v);
    qsort(list, (size_t)*ret_n, sizeof list[0], compare);
    memcpy(ret, list, sizeof list);
    return 0;
}

json_t *hostfwds_emit(const struct hostfwd *list, int n)
{
    char text[HOSTFWD_TEXT];
    json_t *out = n ? json_array() : NULL;
    for (int i = 0; out && i < n; i++)
        json_array_append_new(out, json_string(hostfwd_format(&list[i], text)));
    return out;
}
