#include "server/front_table.h"

#include <microhttpd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/cleanup.h"
#include "base/encode.h"

#define SEAT_COST   1600 /* a seat and its four responses beside the documents, about */
#define BUCKETS_MIN 256
#define BUCKETS_MAX (1 << 16)

/* A document as a prepared response. Those of a fleet differ in little: user-data and
 * network-config are often the same for all. */
struct body {
    struct MHD_Response *response;
    unsigned refs;
    size_t len;
    char data[];
};

struct seat {
    struct front_key key;
    uint64_t hash;
    LIST_ENTRY(seat) by_key, by_tag;
    TAILQ_ENTRY(seat) by_age;
    struct body *doc[SEED_DOCS];
    size_t bytes; /* shared documents count for each */
    int64_t expires_ms;
    unsigned refs;
    bool in_table;
    uint8_t given; /* a bit for each document that went out */
};
TAILQ_HEAD(seats, seat);
LIST_HEAD(bucket, seat); /* empty as calloc() gives it: what nobody uses takes no memory */

struct front_table {
    size_t cap, bytes, n;
    size_t buckets;      /* a power of two */
    struct bucket *keys; /* by hash of the key */
    struct bucket *tags; /* by hash of the tag */
    struct seats age;    /* the oldest first */
    struct seat *newest; /* also when it has left; until the next sweep that finds nobody */
};

/* --- keys ---------------------------------------------------------------------------------- */

_Static_assert(sizeof(struct front_key) == 64 + 32 + 16 + 16 + 4, "keys are compared as bytes");

/* Callers with marks are kept under no tag: which instance they were taken for only core knows. */
static void marks_digest(const struct route *r, uint8_t out[16])
{
    struct {
        struct tag tag;
        struct marks marks;
    } all;
    uint8_t digest[SHA256_SIZE];

    memset(&all, 0, sizeof all);
    if (r->claim == CLAIM_TAG)
        strcpy(all.tag.s, r->tag.s);
    strcpy(all.marks.uuid.s, r->marks.uuid.s);
    strcpy(all.marks.serial.s, r->marks.serial.s);
    all.marks.mac = r->marks.mac;
    sha256(&all, sizeof all, digest);
    memcpy(out, digest, 16);
}

void front_key(const struct peer *p, const struct route *r, struct front_key *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->listener = p->listener;
    ret->family = p->ip.family;
    memcpy(ret->ip, p->ip.b, p->ip.family == 4 ? 4 : 16);
    ret->claim = (uint8_t)r->claim;
    if (marks_any(&r->marks))
        marks_digest(r, ret->marks);
    else if (r->claim == CLAIM_TAG)
        memcpy(ret->tag, r->tag.s, strlen(r->tag.s));
    if (r->has_token)
        memcpy(ret->token, r->token.s, TOKEN_LEN);
}

static uint64_t secret(void)
{
    static uint64_t s;

    while (!s)
        random_bytes(&s, sizeof(s));
    return s;
}

/* Multiply and fold: words of a secret start, well mixed; the table is small and capped. */
static uint64_t hash_bytes(const void *data, size_t len)
{
    uint64_t h = secret();
    const uint8_t *p = data;

    for (; len > 0; p += 4, len -= 4) {
        uint32_t w;
        memcpy(&w, p, sizeof(w));
        h = (h ^ w) * UINT64_C(0x9fb21c651e98df25);
        h ^= h >> 29;
    }
    return h ^ (h >> 32);
}
_Static_assert(sizeof(struct front_key) % 4 == 0 && TAG_MAX_LEN + 1 == 64, "hashed by words");

uint64_t front_key_hash(const struct front_key *k)
{
    return hash_bytes(k, sizeof(*k));
}

/* In constant time from the token on, which is a secret. */
static bool key_equal(const struct front_key *a, const struct front_key *b)
{
    return memcmp(a->tag, b->tag, sizeof(a->tag)) == 0 &&
           equal_secret(a->token, b->token, sizeof(*a) - offsetof(struct front_key, token));
}
_Static_assert(offsetof(struct front_key, tag) == 0 &&
                   offsetof(struct front_key, token) == TAG_MAX_LEN + 1,
               "the tag, and all the rest");

/* --- seats --------------------------------------------------------------------------------- */

static const char *const content_types[SEED_DOCS] = {
    [SEED_META] = "text/yaml",
    [SEED_USER] = "text/plain",
    [SEED_VENDOR] = "text/plain",
    [SEED_NETWORK] = "text/yaml",
};

static void body_unref(struct body *b)
{
    if (!b || --b->refs > 0)
        return;
    if (b->response)
        MHD_destroy_response(b->response);
    free(b);
}

/* A connection holds its seat until MHD is through with the response: no copy. */
static struct body *body_new(enum seed_doc d, const char *data, size_t len)
{
    struct body *b = malloc(sizeof(*b) + len);

    if (!b)
        return NULL;
    *b = (struct body){ .refs = 1, .len = len };
    if (len)
        memcpy(b->data, data, len);
    b->response = MHD_create_response_from_buffer(len, b->data, MHD_RESPMEM_PERSISTENT);
    if (b->response && MHD_add_response_header(b->response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                               content_types[d]) == MHD_YES)
        return b;
    body_unref(b);
    return NULL;
}

static struct body *body_like(struct body *b, const char *data, size_t len)
{
    if (b->len != len || (len && memcmp(b->data, data, len) != 0))
        return NULL;
    b->refs++;
    return b;
}

struct seat *seat_new(const struct front_key *k, const struct seed_reply *m,
                      const struct seat *like)
{
    struct seat *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->key = *k;
    s->hash = front_key_hash(k);
    s->refs = 1;
    s->bytes = SEAT_COST;
    for (int d = 0; d < SEED_DOCS; d++) {
        const char *data = m->doc[d].data;
        size_t len = m->doc[d].len;
        s->doc[d] = like ? body_like(like->doc[d], data, len) : NULL;
        if (!s->doc[d])
            s->doc[d] = body_new((enum seed_doc)d, data, len);
        if (!s->doc[d]) {
            seat_unref(s);
            return NULL;
        }
        s->bytes += len;
    }
    return s;
}

struct seat *seat_ref(struct seat *s)
{
    s->refs++;
    return s;
}

void seat_unref(struct seat *s)
{
    if (!s || --s->refs > 0)
        return;
    for (int d = 0; d < SEED_DOCS; d++)
        body_unref(s->doc[d]);
    free(s);
}

struct MHD_Response *seat_response(struct seat *s, enum seed_doc d)
{
    return s->doc[d]->response;
}

/* --- the table ----------------------------------------------------------------------------- */

static size_t buckets_for(size_t cap)
{
    size_t n = BUCKETS_MIN;

    while (n < cap / (2 * SEAT_COST) && n < BUCKETS_MAX)
        n *= 2;
    return n;
}

struct front_table *front_table_new(size_t cap)
{
    struct front_table *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->cap = cap;
    t->buckets = buckets_for(cap);
    t->keys = calloc(2 * t->buckets, sizeof(*t->keys));
    if (!t->keys) {
        free(t);
        return NULL;
    }
    t->tags = t->keys + t->buckets;
    TAILQ_INIT(&t->age);
    return t;
}

static struct bucket *key_bucket(const struct front_table *t, uint64_t hash)
{
    return &t->keys[hash & (t->buckets - 1)];
}

/* `tag` has 64 bytes, zeros behind the text. */
static struct bucket *tag_bucket(const struct front_table *t, const char *tag)
{
    return &t->tags[hash_bytes(tag, TAG_MAX_LEN + 1) & (t->buckets - 1)];
}

static void drop(struct front_table *t, struct seat *s)
{
    LIST_REMOVE(s, by_key);
    LIST_REMOVE(s, by_tag);
    TAILQ_REMOVE(&t->age, s, by_age);
    s->in_table = false;
    t->bytes -= s->bytes;
    t->n--;
    seat_unref(s);
}

static void forget_newest(struct front_table *t)
{
    seat_unref(t->newest);
    t->newest = NULL;
}

void front_table_free(struct front_table *t)
{
    if (!t)
        return;
    front_table_drop(t, "");
    free(t->keys);
    free(t);
}

static struct seat *find(const struct front_table *t, const struct front_key *k, uint64_t hash)
{
    struct seat *s;

    LIST_FOREACH(s, key_bucket(t, hash), by_key)
    {
        if (s->hash == hash && key_equal(&s->key, k))
            return s;
    }
    return NULL;
}

struct seat *front_table_get(struct front_table *t, const struct front_key *k, int64_t now_ms)
{
    struct seat *s = find(t, k, front_key_hash(k));

    if (s && s->expires_ms <= now_ms) {
        drop(t, s);
        return NULL;
    }
    return s;
}

struct seat *front_table_newest(const struct front_table *t)
{
    return t->newest;
}

void front_table_put(struct front_table *t, struct seat *s, int64_t expires_ms)
{
    struct seat *old = find(t, &s->key, s->hash);

    if (old)
        drop(t, old);
    if (s->bytes > t->cap || s->in_table)
        return;
    while (t->bytes + s->bytes > t->cap)
        drop(t, TAILQ_FIRST(&t->age));
    s->expires_ms = expires_ms;
    s->in_table = true;
    seat_ref(s);
    seat_unref(t->newest);
    t->newest = seat_ref(s);
    LIST_INSERT_HEAD(key_bucket(t, s->hash), s, by_key);
    LIST_INSERT_HEAD(tag_bucket(t, s->key.tag), s, by_tag);
    TAILQ_INSERT_TAIL(&t->age, s, by_age);
    t->bytes += s->bytes;
    t->n++;
}

void front_table_given(struct front_table *t, struct seat *s, enum seed_doc d)
{
    s->given |= (uint8_t)(1u << d);
    if (s->in_table && s->given == (1u << SEED_DOCS) - 1)
        drop(t, s);
}

static void drop_tag(struct front_table *t, const char tag[TAG_MAX_LEN + 1])
{
    struct seat *next;

    for (struct seat *s = LIST_FIRST(tag_bucket(t, tag)); s; s = next) {
        next = LIST_NEXT(s, by_tag);
        if (memcmp(s->key.tag, tag, TAG_MAX_LEN + 1) == 0)
            drop(t, s);
    }
}

void front_table_drop(struct front_table *t, const char *tag)
{
    char padded[TAG_MAX_LEN + 1] = "";

    forget_newest(t);
    while (!*tag && !TAILQ_EMPTY(&t->age))
        drop(t, TAILQ_FIRST(&t->age));
    drop_tag(t, padded);
    if (!*tag || strlen(tag) > TAG_MAX_LEN)
        return;
    memcpy(padded, tag, strlen(tag));
    drop_tag(t, padded);
}

/* Seats are kept about equally long, so that the oldest end first; one that ends before an older
 * one is noticed when it is asked for, or when that one goes. */
void front_table_sweep(struct front_table *t, int64_t now_ms)
{
    while (!TAILQ_EMPTY(&t->age) && TAILQ_FIRST(&t->age)->expires_ms <= now_ms)
        drop(t, TAILQ_FIRST(&t->age));
    if (TAILQ_EMPTY(&t->age))
        forget_newest(t);
}

size_t front_table_bytes(const struct front_table *t)
{
    return t->bytes;
}

size_t front_table_seats(const struct front_table *t)
{
    return t->n;
}
