/* What the guests of a run ask for, in which order, and the bytes of each request. */
#ifndef BENCH_SCRIPT_H
#define BENCH_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ask { ASK_NETWORK, ASK_META, ASK_USER, ASK_VENDOR, ASK_HOME, ASK_REPORT, ASKS };

/* Guest N has the tag and name PREFIX-N and the instance-id iid-PREFIX-N-GENERATION. With `group`
 * instances of one name, the next ones are of the next name: with 100 and the prefix g3, guest 101
 * is g4-1. */
struct script {
    enum ask *asks; /* of every guest */
    unsigned n;
    const char *prefix;
    uint64_t group;    /* 0: all have the prefix; else it ends in a number */
    const char *fixed; /* a tag that all use in their URLs (nginx serves files); NULL: their own */
    unsigned generation;
    char **keys; /* "pub_key_rsa=…&pub_key_ed25519=…", form-encoded; guest N posts row N % n_keys */
    size_t n_keys;
};

#define REQUEST_MAX 8192

/* GETs of the four seed files in cloud-init's order; a phone-home; reports, nine of ten before it.
 */
void script_make(struct script *s, bool seeds, bool home, unsigned reports);
/* One line each; exits with a message when the file cannot be read or has none. */
void script_keys(struct script *s, const char *path);
void script_done(struct script *s);
/* The request of step `i` of a guest; returns its length. */
size_t script_request(const struct script *s, uint64_t guest, unsigned i, char out[REQUEST_MAX]);
/* What the answer to that step must say; "" when it may say anything. */
void script_expect(const struct script *s, uint64_t guest, unsigned i, char out[128]);

#endif
