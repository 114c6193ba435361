/* Messages about guests' requests: what front hands to core and back. */
#include <string.h>

#include "base/parse.h"
#include "base/utf8.h"
#include "server/proto.h"

#define CLAIMS (CLAIM_FILLER + 1)

static int wrong(const char *what, const char *field, struct err *e)
{
    return err_set(e, ERR_INVALID, "message %s: %s is out of its range", what, field);
}

/* --- who calls ----------------------------------------------------------------------------- */

static void peer_encode(const struct peer *p, struct buf *out)
{
    msg_put_u16(out, p->listener);
    msg_put_u8(out, p->ip.family);
    msg_put_bytes(out, p->ip.b, sizeof(p->ip.b));
    msg_put_u16(out, p->port);
}

static void peer_decode(struct msg_cur *c, struct peer *ret)
{
    size_t len;

    ret->listener = msg_get_u16(c);
    ret->ip.family = msg_get_u8(c);
    const void *b = msg_get_bytes(c, &len);
    ret->port = msg_get_u16(c);
    if ((ret->ip.family != 4 && ret->ip.family != 6) || len != sizeof(ret->ip.b))
        c->failed = true;
    else if (b)
        memcpy(ret->ip.b, b, len);
}

static void marks_encode(const struct marks *m, struct buf *out)
{
    bool any = marks_any(m);

    msg_put_u8(out, any);
    if (!any)
        return;
    msg_put_str(out, m->uuid.s);
    msg_put_str(out, m->serial.s);
    msg_put_bytes(out, m->mac.b, sizeof(m->mac.b));
}

/* Each of the form that it is compared in. */
static void marks_decode(struct msg_cur *c, struct marks *ret)
{
    struct marks m = { 0 }, again = { 0 };
    const void *mac;
    size_t len;

    if (!msg_get_bool(c))
        return;
    msg_get_str(c, m.uuid.s, sizeof(m.uuid.s));
    msg_get_str(c, m.serial.s, sizeof(m.serial.s));
    mac = msg_get_bytes(c, &len);
    if (mac && len == sizeof(m.mac.b))
        memcpy(m.mac.b, mac, len);
    else
        c->failed = true;
    marks_read_uuid(&again, m.uuid.s, strlen(m.uuid.s));
    marks_read_serial(&again, m.serial.s, strlen(m.serial.s));
    again.mac = m.mac;
    if (!marks_equal(&m, &again) || !marks_any(&m) || m.mac.b[0] & 1)
        c->failed = true;
    *ret = m;
}

static void caller_encode(const struct caller *w, struct buf *out)
{
    peer_encode(&w->peer, out);
    msg_put_u8(out, (uint8_t)w->claim);
    msg_put_str(out, w->tag.s);
    msg_put_str(out, w->claimed);
    marks_encode(&w->marks, out);
    msg_put_u8(out, w->has_token);
    msg_put_str(out, w->token.s);
    msg_put_str(out, w->agent);
}

static void caller_read(struct msg_cur *c, struct caller *w, uint8_t *ret_claim)
{
    peer_decode(c, &w->peer);
    *ret_claim = msg_get_u8(c);
    msg_get_str(c, w->tag.s, sizeof(w->tag.s));
    msg_get_str(c, w->claimed, sizeof(w->claimed));
    marks_decode(c, &w->marks);
    w->has_token = msg_get_bool(c);
    msg_get_str(c, w->token.s, sizeof(w->token.s));
    msg_get_str(c, w->agent, sizeof(w->agent));
}

/* 32 hex digits, or the dashes that routes.c puts where something was meant as a token. */
static bool token_ok(const struct token *t)
{
    return strlen(t->s) == TOKEN_LEN && strspn(t->s, "0123456789abcdef-") == TOKEN_LEN;
}

static bool is_clean(const char *s, size_t size)
{
    char masked[128];

    if (size > sizeof(masked))
        return false;
    if (ascii_printable(s, strlen(s)))
        return true;
    memcpy(masked, s, size);
    control_mask(masked);
    return strcmp(masked, s) == 0;
}

static int caller_check(struct caller *w, uint8_t claim, const char *what, struct err *e)
{
    struct tag tag;

    if (claim >= CLAIMS)
        return wrong(what, "claim", e);
    w->claim = (enum claim)claim;
    if (w->claim == CLAIM_TAG ? tag_parse(w->tag.s, strlen(w->tag.s), &tag, NULL) < 0
                              : w->tag.s[0] != '\0')
        return wrong(what, "tag", e);
    /* The token's text is never shown, not even a wrong one's. */
    if (w->has_token ? !token_ok(&w->token) : w->token.s[0] != '\0')
        return wrong(what, "token", e);
    if (!is_clean(w->claimed, sizeof(w->claimed)))
        return wrong(what, "claim as sent", e);
    return is_clean(w->agent, sizeof(w->agent)) ? 0 : wrong(what, "user agent", e);
}

/* --- seeds --------------------------------------------------------------------------------- */

void seed_get_encode(const struct seed_get *m, struct buf *out)
{
    caller_encode(&m->caller, out);
    msg_put_u8(out, (uint8_t)m->doc);
    msg_put_u8(out, m->head);
}

int seed_get_decode(struct msg_cur *c, struct seed_get *ret, struct err *e)
{
    struct seed_get m = { 0 };
    uint8_t claim, doc;

    caller_read(c, &m.caller, &claim);
    doc = msg_get_u8(c);
    m.head = msg_get_bool(c);
    if (msg_end(c, "seed-get", e) < 0 || caller_check(&m.caller, claim, "seed-get", e) < 0)
        return -1;
    if (doc >= SEED_DOCS)
        return wrong("seed-get", "document", e);
    m.doc = (enum seed_doc)doc;
    *ret = m;
    return 0;
}

static bool is_status(uint16_t status, const uint16_t *known, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (known[i] == status)
            return true;
    }
    return false;
}

void seed_reply_encode(const struct seed_reply *m, struct buf *out)
{
    msg_put_u16(out, m->status);
    msg_put_u16(out, m->retry_after);
    msg_put_u32(out, m->keep_ms);
    for (int d = 0; d < SEED_DOCS && m->status == 200; d++)
        msg_put_bytes(out, m->doc[d].data, m->doc[d].len);
}

int seed_reply_decode(struct msg_cur *c, struct seed_reply *ret, struct err *e)
{
    static const uint16_t known[] = { 200, 403, 500, 503 };
    struct seed_reply m = { 0 };

    m.status = msg_get_u16(c);
    m.retry_after = msg_get_u16(c);
    m.keep_ms = msg_get_u32(c);
    for (int d = 0; d < SEED_DOCS && m.status == 200; d++)
        m.doc[d].data = msg_get_bytes(c, &m.doc[d].len);
    if (msg_end(c, "seed-reply", e) < 0)
        return -1;
    if (!is_status(m.status, known, sizeof(known) / sizeof(known[0])))
        return wrong("seed-reply", "status", e);
    if (m.keep_ms > 30000)
        return wrong("seed-reply", "time to keep it", e);
    *ret = m;
    return 0;
}

void served_encode(const struct served *m, struct buf *out)
{
    for (int d = 0; d < SEED_DOCS; d++)
        msg_put_u32(out, m->count[d]);
}

int served_decode(struct msg_cur *c, struct served *ret, struct err *e)
{
    struct served m;

    for (int d = 0; d < SEED_DOCS; d++)
        m.count[d] = msg_get_u32(c);
    if (msg_end(c, "served", e) < 0)
        return -1;
    *ret = m;
    return 0;
}

/* --- posts --------------------------------------------------------------------------------- */

#define GUEST_POST_MAX 65536

void guest_post_encode(const struct guest_post *m, struct buf *out)
{
    caller_encode(&m->caller, out);
    msg_put_bytes(out, m->body, m->len);
}

int guest_post_decode(struct msg_cur *c, struct guest_post *ret, struct err *e)
{
    struct guest_post m = { 0 };
    uint8_t claim;

    caller_read(c, &m.caller, &claim);
    m.body = msg_get_bytes(c, &m.len);
    if (msg_end(c, "guest-post", e) < 0 || caller_check(&m.caller, claim, "guest-post", e) < 0)
        return -1;
    if (m.len > GUEST_POST_MAX)
        return wrong("guest-post", "body", e);
    *ret = m;
    return 0;
}

void status_reply_encode(const struct status_reply *m, struct buf *out)
{
    msg_put_u16(out, m->status);
    msg_put_u16(out, m->retry_after);
}

int status_reply_decode(struct msg_cur *c, struct status_reply *ret, struct err *e)
{
    static const uint16_t known[] = { 200, 400, 403, 409, 413, 429, 500, 503 };
    struct status_reply m;

    m.status = msg_get_u16(c);
    m.retry_after = msg_get_u16(c);
    if (msg_end(c, "status-reply", e) < 0)
        return -1;
    if (!is_status(m.status, known, sizeof(known) / sizeof(known[0])))
        return wrong("status-reply", "status", e);
    *ret = m;
    return 0;
}
