/* What a guest asks for, from the request line alone. Pure; runs in roost-front on hostile bytes.
 *
 * All the forms that real clients produce are understood (DESIGN section 5): BASE/TAG/TOKEN/doc,
 * BASE/TAG/doc, doubled slashes, the missing slash ("/TAG/TOKENmeta-data", "/web1meta-data"), the
 * unexpanded placeholder ("/__dmi.chassis-asset-tag__meta-data",
 * "/__dmi.chassis-asset-tag__/TOKEN/…"), a file name in the query
 * ("/seed?tag=TAG&token=TOKEN&f=meta-data"), percent-encoding (decoded once). The query may say more of
 * the machine: uuid=, serial=, mac=. */
#ifndef SEEDS_ROUTES_H
#define SEEDS_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "model/marks.h"
#include "model/seedurl.h"
#include "model/tag.h"
#include "model/token.h"

enum route_kind {
    ROUTE_NONE,   /* not one of roost's paths: 404 */
    ROUTE_SEED,   /* GET, HEAD of a document */
    ROUTE_HOME,   /* POST phone-home (both slash forms) */
    ROUTE_REPORT, /* POST report */
    ROUTE_ROOT,   /* GET / : says what this is */
    ROUTE_KINDS
};

enum claim {
    CLAIM_NONE,        /* no tag in the path: token or address must tell */
    CLAIM_TAG,         /* `tag` is valid */
    CLAIM_PLACEHOLDER, /* __dmi.…__ as a client sent it that does not expand it */
    CLAIM_FILLER,      /* firmware's filler or something that is no tag at all; see `claimed` */
};

struct route {
    enum route_kind kind;
    enum seed_doc doc; /* ROUTE_SEED */
    enum claim claim;
    struct tag tag;   /* CLAIM_TAG */
    char claimed[64]; /* the claim as sent, decoded, cut, printable: for the list of unknown callers
                       */
    struct marks marks; /* what else the machine says of itself; placeholders that its client did
                           not expand are no marks */
    bool has_token; /* one was given; a malformed one becomes 32 '-', which equal no token: 403, no
                       fallback */
    struct token token;
};

#define ROUTE_TARGET_MAX 2048
/* `path` is the request target before '?', undecoded; `query` what follows it, or NULL.
 * 0, or -1 with ERR_INVALID (bad escape, not UTF-8 …) or ERR_TOO_BIG. Something that is merely not
 * ours is ROUTE_NONE with 0. */
int route_parse(const char *path, const char *query, struct route *ret, struct err *e);

#endif
