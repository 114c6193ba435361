#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "server/proto.h"

static struct caller a_caller(void)
{
    struct caller w = { .claim = CLAIM_TAG, .has_token = true };

    w.peer.listener = 2;
    w.peer.port = 4711;
    ip_parse("192.0.2.7", &w.peer.ip, NULL);
    strcpy(w.tag.s, "web1");
    strcpy(w.claimed, "web1");
    strcpy(w.token.s, "0123456789abcdef0123456789abcdef");
    strcpy(w.agent, "Cloud-Init/22.4.2");
    marks_read_uuid(&w.marks, "4c4c4544-0042-3510-8031-b4c04f4e3732", 36);
    marks_read_serial(&w.marks, "CZC 1", 5);
    return w;
}

/* One row per message: builds a good one, and decodes anything. */
static void build_hook_run(struct buf *b)
{
    struct hook_run m = { .hook = { "mail" }, .json = "{}\n", .len = 3 };
    hook_run_encode(&m, b);
}
static int take_hook_run(struct msg_cur *c, struct err *e)
{
    struct hook_run m;
    if (hook_run_decode(c, &m, e) < 0)
        return -1;
    assert_true(m.hook.s[0] && m.len <= HOOK_JSON_MAX);
    return 0;
}

static void build_hook_done(struct buf *b)
{
    struct hook_done m = { .hook = { "mail" }, .ok = true, .how = "exit code 0" };
    m.output = "said\nthis\n";
    m.len = 10;
    hook_done_encode(&m, b);
}
static int take_hook_done(struct msg_cur *c, struct err *e)
{
    struct hook_done m;
    if (hook_done_decode(c, &m, e) < 0)
        return -1;
    assert_true(m.hook.s[0] && strlen(m.how) < sizeof(m.how) && m.len <= HOOK_OUTPUT_MAX);
    return 0;
}

static void build_seed_get(struct buf *b)
{
    struct seed_get m = { .caller = a_caller(), .doc = SEED_VENDOR, .head = true };
    seed_get_encode(&m, b);
}
static int take_seed_get(struct msg_cur *c, struct err *e)
{
    struct seed_get m;
    if (seed_get_decode(c, &m, e) < 0)
        return -1;
    assert_true((unsigned)m.doc < SEED_DOCS);
    assert_true(strlen(m.caller.agent) < sizeof(m.caller.agent));
    assert_true(m.caller.claim <= CLAIM_FILLER);
    return 0;
}

static void build_seed_reply(struct buf *b)
{
    struct seed_reply m = { .status = 200, .keep_ms = 30000 };
    for (int d = 0; d < SEED_DOCS; d++) {
        m.doc[d].data = "#cloud-config\n{}\n";
        m.doc[d].len = d == SEED_NETWORK ? 0 : 17;
    }
    seed_reply_encode(&m, b);
}
static int take_seed_reply(struct msg_cur *c, struct err *e)
{
    struct seed_reply m;
    size_t sum = 0;
    if (seed_reply_decode(c, &m, e) < 0)
        return -1;
    for (int d = 0; d < SEED_DOCS; d++) {
        for (size_t i = 0; i < m.doc[d].len; i++)
            sum += (unsigned char)m.doc[d].data[i];
    }
    assert_true(sum < SIZE_MAX);
    return 0;
}

static void build_post(struct buf *b)
{
    struct guest_post m = { .caller = a_caller(), .body = "a=b", .len = 3 };
    guest_post_encode(&m, b);
}
static int take_post(struct msg_cur *c, struct err *e)
{
    struct guest_post m;
    if (guest_post_decode(c, &m, e) < 0)
        return -1;
    assert_true(m.len <= 65536);
    return m.len && !memchr(m.body, 0xa5, m.len) ? 0 : 0;
}

static void build_status(struct buf *b)
{
    struct status_reply m = { .status = 503, .retry_after = 2 };
    status_reply_encode(&m, b);
}
static int take_status(struct msg_cur *c, struct err *e)
{
    struct status_reply m;
    return status_reply_decode(c, &m, e);
}

static void build_served(struct buf *b)
{
    struct served m = { .count = { 1, 2, 3, 4 } };
    served_encode(&m, b);
}
static int take_served(struct msg_cur *c, struct err *e)
{
    struct served m;
    return served_decode(c, &m, e);
}

static void build_tally(struct buf *b)
{
    struct tally m = { .count = { 1, 2, 3, 4, 5, 6, 7, 8 } };
    tally_encode(&m, b);
}
static int take_tally(struct msg_cur *c, struct err *e)
{
    struct tally m;
    return tally_decode(c, &m, e);
}

static void build_listen(struct buf *b)
{
    struct listen_msg m = { .listener = 1 };
    endpoint_parse("[2001:db8::1]:10200", &m.at, NULL);
    listen_msg_encode(&m, b);
}
static int take_listen(struct msg_cur *c, struct err *e)
{
    struct listen_msg m;
    return listen_msg_decode(c, &m, e);
}

static void build_error(struct buf *b)
{
    struct error_msg m = { .launch_id = 7, .kind = ERR_CONFLICT, .text = "already running" };
    strcpy(m.instance.s, "web1");
    error_msg_encode(&m, b);
}
static int take_error(struct msg_cur *c, struct err *e)
{
    struct error_msg m;
    return error_msg_decode(c, &m, e);
}

static void build_hello(struct buf *b)
{
    hello_encode("core", b);
}
static int take_hello(struct msg_cur *c, struct err *e)
{
    return hello_decode(c, "core", e);
}

static void build_text(struct buf *b)
{
    text_encode("3 guests, 2 home", b);
}
static int take_text(struct msg_cur *c, struct err *e)
{
    char text[64];
    return text_decode(c, text, sizeof(text), e);
}

static const struct {
    void (*build)(struct buf *b);
    int (*take)(struct msg_cur *c, struct err *e);
} messages[] = {
    { build_seed_get, take_seed_get }, { build_seed_reply, take_seed_reply },
    { build_post, take_post },         { build_status, take_status },
    { build_served, take_served },     { build_tally, take_tally },
    { build_listen, take_listen },     { build_error, take_error },
    { build_hello, take_hello },       { build_text, take_text },
    { build_hook_run, take_hook_run }, { build_hook_done, take_hook_done },
};

static int take(size_t i, const void *data, size_t len, struct err *e)
{
    struct msg_cur c = msg_cur(data, len);
    return messages[i].take(&c, e);
}

static void test_all_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
        auto_buf struct buf b = BUF_INIT;
        struct err e = { 0 };
        messages[i].build(&b);
        assert_int_equal(buf_check(&b, NULL), 0);
        if (take(i, b.data, b.len, &e) < 0)
            fail_msg("message %zu: %s", i, e.text);
    }
}

/* Neither cut short nor with anything left over. */
static void test_length_is_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
        auto_buf struct buf b = BUF_INIT;
        struct err e;
        messages[i].build(&b);
        for (size_t len = 0; len < b.len; len++)
            assert_int_equal(take(i, b.data, len, &e), -1);
        buf_putc(&b, '\0');
        assert_int_equal(take(i, b.data, b.len, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
    }
}

/* Random damage is refused or decodes to something in range, and no byte outside is read (each
 * message lies in memory of exactly its size, for the sanitizers). */
static void test_damage(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u; /* xorshift64 */

    for (int round = 0; round < 30000; round++) {
        size_t i = (size_t)round % ARRAY_SIZE(messages);
        auto_buf struct buf b = BUF_INIT;
        struct err e;
        messages[i].build(&b);
        size_t len = b.len;
        for (int k = round % 7; k >= 0; k--) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            b.data[x % b.len] = (char)(x >> 32);
            if (x % 11 == 0)
                len = (x >> 8) % (b.len + 1);
        }
        auto_free char *exact = malloc(len ? len : 1);
        memcpy(exact, b.data, len);
        if (take(i, exact, len, &e) < 0)
            assert_int_not_equal(e.kind, ERR_NONE);
    }
}

static void test_values(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    struct seed_get in = { .caller = a_caller(), .doc = SEED_NETWORK }, out;

    memset(in.caller.token.s, '-', TOKEN_LEN); /* "meant as a token", see seeds/routes.c */
    seed_get_encode(&in, &b);
    struct msg_cur c = msg_cur(b.data, b.len);
    assert_int_equal(seed_get_decode(&c, &out, NULL), 0);
    assert_int_equal(out.doc, SEED_NETWORK);
    assert_false(out.head);
    assert_string_equal(out.caller.tag.s, "web1");
    assert_string_equal(out.caller.token.s, in.caller.token.s);
    assert_true(ip_equal(&out.caller.peer.ip, &in.caller.peer.ip));
    assert_int_equal(out.caller.peer.port, 4711);
}

static void refuse_get(void (*spoil)(struct seed_get *))
{
    auto_buf struct buf b = BUF_INIT;
    struct seed_get m = { .caller = a_caller() };
    struct err e = { 0 };

    spoil(&m);
    seed_get_encode(&m, &b);
    assert_int_equal(take(0, b.data, b.len, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_null(strstr(e.text, "0123456789"));
}
static void spoil_tag(struct seed_get *m)
{
    strcpy(m->caller.tag.s, "a/b");
}
static void spoil_no_tag(struct seed_get *m)
{
    m->caller.tag.s[0] = '\0';
}
static void spoil_claim(struct seed_get *m)
{
    m->caller.claim = CLAIM_PLACEHOLDER; /* and yet a tag */
}
static void spoil_token(struct seed_get *m)
{
    m->caller.token.s[31] = '\0';
}
static void spoil_no_token(struct seed_get *m)
{
    m->caller.has_token = false;
}
static void spoil_agent(struct seed_get *m)
{
    strcpy(m->caller.agent, "a\nb");
}
static void spoil_serial(struct seed_get *m)
{
    strcpy(m->caller.marks.serial.s, "None");
}
static void spoil_uuid(struct seed_get *m)
{
    m->caller.marks.uuid.s[0] = 'x';
}
static void spoil_mac(struct seed_get *m)
{
    m->caller.marks.mac.b[0] = 1;
}
static void spoil_claimed(struct seed_get *m)
{
    strcpy(m->caller.claimed, "\033[2J");
}
static void spoil_peer(struct seed_get *m)
{
    m->caller.peer.ip.family = 0;
}
static void spoil_doc(struct seed_get *m)
{
    m->doc = SEED_DOCS;
}

static void test_refused(void **state)
{
    (void)state;
    void (*const spoils[])(struct seed_get *) = { spoil_tag,     spoil_no_tag,   spoil_claim,
                                                  spoil_token,   spoil_no_token, spoil_agent,
                                                  spoil_claimed, spoil_peer,     spoil_doc,
                                                  spoil_serial,  spoil_uuid,     spoil_mac };
    for (size_t i = 0; i < ARRAY_SIZE(spoils); i++)
        refuse_get(spoils[i]);
}

static void test_bounds(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    auto_free char *body = calloc(1, 65537);
    struct guest_post m = { .caller = a_caller(), .body = body, .len = 65537 };
    struct seed_reply r = { .status = 503, .keep_ms = 30001 };
    struct err e;

    guest_post_encode(&m, &b);
    assert_int_equal(take(2, b.data, b.len, &e), -1);
    buf_clear(&b);
    seed_reply_encode(&r, &b);
    assert_int_equal(take(1, b.data, b.len, &e), -1);
    buf_clear(&b);
    r = (struct seed_reply){ .status = 302 };
    seed_reply_encode(&r, &b);
    assert_int_equal(take(1, b.data, b.len, &e), -1);
}

static void test_other_build(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    struct err e = { 0 };

    hello_encode("core", &b);
    b.data[4] ^= 1; /* the first digit of the build id */
    assert_int_equal(take(8, b.data, b.len, &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    buf_clear(&b);
    hello_encode("front", &b);
    assert_int_equal(take(8, b.data, b.len, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
}

/* Texts are cut and cleaned by the sender, so that an error message never ends a channel. */
static void test_texts(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    struct error_msg m = { .kind = ERR_IO }, got;
    char text[512];

    memset(m.text, 'x', sizeof(m.text) - 1);
    m.text[3] = '\n';
    error_msg_encode(&m, &b);
    struct msg_cur c = msg_cur(b.data, b.len);
    assert_int_equal(error_msg_decode(&c, &got, NULL), 0);
    assert_int_equal(strlen(got.text), 511);
    assert_int_equal(got.text[3], '?');
    buf_clear(&b);
    text_encode("a\033b", &b);
    c = msg_cur(b.data, b.len);
    assert_int_equal(text_decode(&c, text, sizeof(text), NULL), 0);
    assert_string_equal(text, "a?b");
    for (int i = 0; i < TALLY_ROWS; i++)
        assert_non_null(tally_row_name((enum tally_row)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_decode),  cmocka_unit_test(test_length_is_exact),
        cmocka_unit_test(test_damage),      cmocka_unit_test(test_values),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_other_build), cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
