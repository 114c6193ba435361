/* Front's table of documents: what core gave for one caller, for the other requests of the same
 * boot. Keyed by listener, peer address and the whole claim, token included, so that it can only
 * repeat what core said to the very same caller. Capped in bytes, the oldest goes first; nothing
 * outlives its time. Whoever was given all four documents has booted, and leaves at once: in a storm
 * the next guest's come to lie in the same memory, which the processor still has at hand. */
#ifndef SERVER_FRONT_TABLE_H
#define SERVER_FRONT_TABLE_H

#include "server/proto.h"

struct MHD_Response;
struct front_table;

/* All bytes count, there is no padding. */
struct front_key {
    char tag[TAG_MAX_LEN + 1]; /* empty also where there are marks: it is in their digest */
    char token[TOKEN_LEN];
    uint8_t marks[16]; /* first half of their SHA-256 with the tag's; zeros: there are none */
    uint8_t ip[16];
    uint16_t listener;
    uint8_t family;
    uint8_t claim;
};
void front_key(const struct peer *p, const struct route *r, struct front_key *ret);
/* Keyed by a secret of this process, so that nobody can aim at one bucket. */
uint64_t front_key_hash(const struct front_key *k);

/* The four documents for one key as prepared responses. Counted references: a request that waits to
 * be resumed holds one, the table another. */
struct seat;
/* Documents equal to those of `like` (NULL is fine) are shared with it. NULL: no memory. */
struct seat *seat_new(const struct front_key *k, const struct seed_reply *m,
                      const struct seat *like);
struct seat *seat_ref(struct seat *s);
void seat_unref(struct seat *s); /* NULL is fine */
struct MHD_Response *seat_response(struct seat *s, enum seed_doc d);

/* cap: bytes of documents with their bookkeeping. */
struct front_table *front_table_new(size_t cap);
void front_table_free(struct front_table *t); /* NULL is fine */
/* Borrowed until the next call; NULL: not there, or over its time. */
struct seat *front_table_get(struct front_table *t, const struct front_key *k, int64_t now_ms);
/* The last one that was put, borrowed: also when it has left already. NULL: none of late. */
struct seat *front_table_newest(const struct front_table *t);
/* Takes its own reference, in place of what was there for the key. Larger than the cap: not kept.
 */
void front_table_put(struct front_table *t, struct seat *s, int64_t expires_ms);
/* A document goes out: the seat may leave with it, so that the caller needs a reference. */
void front_table_given(struct front_table *t, struct seat *s, enum seed_doc d);
/* Drops what was kept for a tag and for callers without one (their tag is not known here); "": all.
 */
void front_table_drop(struct front_table *t, const char *tag);
void front_table_sweep(struct front_table *t, int64_t now_ms);
size_t front_table_bytes(const struct front_table *t);
size_t front_table_seats(const struct front_table *t);

#endif
