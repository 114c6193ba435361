/* The control API's routes: one table of method, path, query words and handler. Includes no HTTP
 * library. */
#ifndef SERVER_API_ROUTES_H
#define SERVER_API_ROUTES_H

#include <stddef.h>

#include "base/err.h"
#include "model/name.h"

#define API_BODY_MAX  (64u << 10)
#define API_IDENTITY_MAX (1u << 20) /* 64 keys of 16 KiB */
#define API_APPLY_MAX (64u << 20) /* a fleet of 10,000 instances with its files */

struct api_req;
/* Answers, or starts what will answer; -1: e becomes the answer. */
typedef int api_fn(struct api_req *r, struct err *e);

#define API_QUERY_MAX 6
struct api_route {
    const char *method, *path;        /* one segment may be "{name}" */
    const char *query[API_QUERY_MAX]; /* words that may stand behind `?`; NULL-terminated */
    size_t body_max;                  /* bytes of a request body, 0: none is wanted */
    api_fn *run;
};

const struct api_route *api_routes(size_t *ret_n);

/* The row for a request (HEAD counts as GET) and its {name} ("" when the row has none). A path that
 * no row has: ERR_NOT_FOUND; one that has other methods: ERR_INVALID, and *ret_allow (of allow_size
 * bytes, else "") lists them as in an Allow header. */
int api_route_find(const char *method, const char *path, const struct api_route **ret,
                   char ret_name[NAME_MAX_LEN + 1], char *ret_allow, size_t allow_size,
                   struct err *e);

#endif
