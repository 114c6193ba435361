/* Boot timelines: one bounded row per instance and boot. Boots count anew in every generation. */
#include "server/store_priv.h"

#include <stdlib.h>
#include <string.h>

int store_timeline_put(struct store *s, int64_t instance, uint32_t boot, const char *json,
                       struct err *e)
{
    if (strlen(json) > TIMELINE_MAX)
        return err_set(e, ERR_TOO_BIG, "a timeline has at most %d bytes", TIMELINE_MAX);
    int n = store_write(s, S_TIMELINE_PUT, e, "iit", instance, (int64_t)boot, json);
    if (n == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no instance number %lld", (long long)instance);
    if (n < 0 || store_write(s, S_TIMELINE_CUT, e, "i", instance) < 0)
        return -1;
    return 0;
}

int store_timeline_get(struct store *s, int64_t instance, uint32_t *ret_boot, char **ret_json,
                       struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_TIMELINE_GET, &st, e, "i", instance);
    if (n <= 0)
        return n < 0 ? -1
                     : err_set(e, ERR_NOT_FOUND, "instance %lld has no boot on record",
                               (long long)instance);
    uint32_t boot = (uint32_t)sqlite3_column_int64(st, 0);
    const char *text = (const char *)sqlite3_column_text(st, 1);
    char *json = text ? strdup(text) : NULL;
    store_reset(st);
    if (!json)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (ret_boot)
        *ret_boot = boot;
    *ret_json = json;
    return 0;
}
