#include "seeds/routes.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/utf8.h"

#define SEGMENTS_MAX 4

/* A span of the decoded target. */
struct span {
    const char *s;
    size_t len;
};

struct target {
    struct span seg[SEGMENTS_MAX]; /* of the path, empty ones left out */
    int n;
    bool too_many;
    struct span tag, token, file, uuid, serial, mac; /* of the query; .s NULL: not there */
};

static bool span_is(struct span sp, const char *word)
{
    return sp.len == strlen(word) && memcmp(sp.s, word, sp.len) == 0;
}

/* Doubled slashes come from a seed URL with and a client that adds its own: empty segments say
 * nothing. */
static void path_split(const char *path, struct target *t)
{
    while (*path) {
        size_t len = strcspn(path, "/");
        if (len && t->n < SEGMENTS_MAX)
            t->seg[t->n++] = (struct span){ path, len };
        else if (len)
            t->too_many = true;
        path += len + (path[len] == '/');
    }
}

/* Where a span ends with a document's name, cuts it off. Longest match is the only one: no name is
 * the end of another. */
static bool doc_cut(struct span *sp, enum seed_doc *ret)
{
    for (int d = 0; d < SEED_DOCS; d++) {
        const char *name = seed_doc_name((enum seed_doc)d);
        size_t len = strlen(name);
        if (sp->len >= len && memcmp(sp->s + sp->len - len, name, len) == 0) {
            sp->len -= len;
            *ret = (enum seed_doc)d;
            return true;
        }
    }
    return false;
}

/* "tag=…&token=…&f=…", decoded into `room`; other keys are ignored. */
static int query_split(const char *query, struct target *t, char *room, size_t size, struct err *e)
{
    const struct {
        const char *key;
        struct span *to;
    } keys[] = { { "tag=", &t->tag },   { "token=", &t->token },   { "f=", &t->file },
                 { "uuid=", &t->uuid }, { "serial=", &t->serial }, { "mac=", &t->mac } };

    for (const char *p = query; *p;) {
        size_t len = strcspn(p, "&");
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
            size_t k = strlen(keys[i].key);
            if (len < k || memcmp(p, keys[i].key, k) != 0 || keys[i].to->s)
                continue;
            int n = percent_decode(p + k, len - k, true, room, size, e);
            if (n < 0)
                return -1;
            *keys[i].to = (struct span){ room, (size_t)n };
            room += n + 1;
            size -= (size_t)n + 1;
        }
        p += len + (p[len] == '&');
    }
    return 0;
}

/* The name of the document: the path's last segment, glued to it ("web1meta-data"), or in the
 * query: under f, or glued to the last value ("?tag=web1meta-data": cloud-init appends it as it is
 * to a URL with a query). */
static bool doc_find(struct target *t, enum seed_doc *ret)
{
    if (t->n > 0 && doc_cut(&t->seg[t->n - 1], ret)) {
        if (t->seg[t->n - 1].len == 0)
            t->n--;
        return true;
    }
    if (t->n == 1 && span_is(t->seg[0], "seed"))
        t->n = 0;
    if (t->file.s)
        return doc_cut(&t->file, ret) && t->file.len == 0;
    if (t->token.s && doc_cut(&t->token, ret))
        return true;
    if (t->tag.s && doc_cut(&t->tag, ret))
        return true;
    return (t->mac.s && doc_cut(&t->mac, ret)) || (t->serial.s && doc_cut(&t->serial, ret)) ||
           (t->uuid.s && doc_cut(&t->uuid, ret));
}

static enum route_kind kind_find(struct target *t, struct route *r)
{
    static const struct {
        const char *word;
        enum route_kind kind;
    } posts[] = { { "phone-home", ROUTE_HOME }, { "report", ROUTE_REPORT } };

    if (t->too_many)
        return ROUTE_NONE;
    for (size_t i = 0; i < ARRAY_SIZE(posts); i++) {
        if (t->n > 0 && span_is(t->seg[t->n - 1], posts[i].word)) {
            t->n--;
            return posts[i].kind;
        }
    }
    if (doc_find(t, &r->doc))
        return ROUTE_SEED;
    return t->n == 0 && !t->tag.s && !t->token.s && !t->file.s && !t->uuid.s && !t->serial.s &&
                   !t->mac.s
               ? ROUTE_ROOT
               : ROUTE_NONE;
}

/* "__dmi.NAME__" (cloud-init documentation: NoCloud, "DMI-specific kernel command line"): 23.1 and
 * later put the value in its place, older ones ask for it as it is. */
static bool is_placeholder(struct span sp)
{
    static const char head[] = "__dmi.";
    size_t h = sizeof head - 1;

    return sp.len > h + 2 && memcmp(sp.s, head, h) == 0 && memcmp(sp.s + sp.len - 2, "__", 2) == 0;
}

static void claim_set(struct span sp, struct route *r)
{
    size_t len = sp.len < sizeof r->claimed ? sp.len : sizeof r->claimed - 1;

    memcpy(r->claimed, sp.s, len);
    r->claimed[len] = '\0';
    control_mask(r->claimed);
    if (is_placeholder(sp))
        r->claim = CLAIM_PLACEHOLDER;
    else if (tag_is_filler(sp.s, sp.len) || tag_parse(sp.s, sp.len, &r->tag, NULL) < 0)
        r->claim = CLAIM_FILLER;
    else
        r->claim = CLAIM_TAG;
}

static void token_set(struct span sp, struct route *r)
{
    r->has_token = true;
    if (token_parse(sp.s, sp.len, &r->token) == 0)
        return;
    /* It was meant as a token, so it must be refused as a wrong one and never fall back to the
     * tag's or the address's word. No hex digit is '-': it equals none. */
    memset(r->token.s, '-', TOKEN_LEN);
    r->token.s[TOKEN_LEN] = '\0';
}

/* What is no tag may be a serial with blanks in it, or a MAC with colons. */
static void marks_set(const struct target *t, const struct route *r, struct marks *m)
{
    size_t len = strlen(r->claimed);

    if (r->claim == CLAIM_FILLER && len < sizeof r->claimed - 1 &&
        ascii_printable(r->claimed, len)) {
        marks_read_mac(m, r->claimed, len);
        if (!mac_is_set(&m->mac))
            marks_read_serial(m, r->claimed, len);
    }
    if (t->uuid.s)
        marks_read_uuid(m, t->uuid.s, t->uuid.len);
    if (t->serial.s && !is_placeholder(t->serial))
        marks_read_serial(m, t->serial.s, t->serial.len);
    if (t->mac.s)
        marks_read_mac(m, t->mac.s, t->mac.len);
}

static void route_fill(struct target *t, struct route *r)
{
    r->kind = kind_find(t, r);
    if (t->n > 2)
        r->kind = ROUTE_NONE;
    if (r->kind == ROUTE_NONE || r->kind == ROUTE_ROOT)
        return;
    if (t->n > 0)
        claim_set(t->seg[0], r);
    else if (t->tag.s)
        claim_set(t->tag, r);
    if (t->n > 1)
        token_set(t->seg[1], r);
    else if (t->token.s)
        token_set(t->token, r);
    marks_set(t, r, &r->marks);
}

/* RFC 9112 section 3.2.2: a server takes the absolute form too; the authority says nothing here. */
static const char *origin_form(const char *path)
{
    static const char scheme[] = "http://";

    if (strncmp(path, scheme, sizeof scheme - 1) != 0)
        return path;
    path += sizeof scheme - 1;
    path += strcspn(path, "/");
    return *path ? path : "/";
}

int route_parse(const char *path, const char *query, struct route *ret, struct err *e)
{
    char room[2 * ROUTE_TARGET_MAX + 8];
    struct target t = { 0 };
    struct route r = { 0 };
    size_t path_len = strnlen(path, ROUTE_TARGET_MAX + 1);
    size_t query_len = query ? strnlen(query, ROUTE_TARGET_MAX + 1) : 0;

    if (path_len + query_len > ROUTE_TARGET_MAX)
        return err_set(e, ERR_TOO_BIG, "request target is longer than %d bytes", ROUTE_TARGET_MAX);
    path = origin_form(path);
    if (path[0] != '/')
        return err_set(e, ERR_INVALID, "request target does not begin with a slash");
    int n = percent_decode(path, strlen(path), false, room, sizeof room, e);
    if (n < 0)
        return err_wrap(e, "path");
    char *rest = room + n + 1;
    if (query && query_split(query, &t, rest, sizeof room - (size_t)n - 1, e) < 0)
        return err_wrap(e, "query");
    if (!utf8_valid(room, (size_t)n))
        return err_set(e, ERR_INVALID, "path is not UTF-8");
    path_split(room, &t);
    route_fill(&t, &r);
    *ret = r;
    return 0;
}
