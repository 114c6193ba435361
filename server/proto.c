#include "server/proto.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "server/build_id.h"

static const char *const tally_names[TALLY_ROWS] = {
    [TALLY_NOT_FOUND] = "not-found",
    [TALLY_BAD_REQUEST] = "bad-request",
    [TALLY_TOO_BIG] = "too-big",
    [TALLY_METHOD] = "method",
    [TALLY_CORE_AWAY] = "core-away",
    [TALLY_DEADLINE] = "deadline",
    [TALLY_REPORT_DROPPED] = "report-dropped",
    [TALLY_CONNECTIONS_REFUSED] = "connections-refused",
};

const char *tally_row_name(enum tally_row r)
{
    return (unsigned)r < TALLY_ROWS ? tally_names[r] : NULL;
}

void tally_encode(const struct tally *m, struct buf *out)
{
    for (int i = 0; i < TALLY_ROWS; i++)
        msg_put_u64(out, m->count[i]);
}

int tally_decode(struct msg_cur *c, struct tally *ret, struct err *e)
{
    struct tally t;

    for (int i = 0; i < TALLY_ROWS; i++)
        t.count[i] = msg_get_u64(c);
    if (msg_end(c, "tally", e) < 0)
        return -1;
    *ret = t;
    return 0;
}

static void put_ip(struct buf *out, const struct ip *ip)
{
    msg_put_u8(out, ip->family);
    buf_put(out, ip->b, ip->family == 4 ? 4 : ip->family == 6 ? 16 : 0);
}

static void get_ip(struct msg_cur *c, struct ip *ret)
{
    size_t n;

    *ret = (struct ip){ .family = msg_get_u8(c) };
    n = ret->family == 4 ? 4 : ret->family == 6 ? 16 : 0;
    if (ret->family && !n)
        c->failed = true;
    for (size_t i = 0; i < n; i++)
        ret->b[i] = msg_get_u8(c);
}

void listen_msg_encode(const struct listen_msg *m, struct buf *out)
{
    msg_put_u16(out, m->listener);
    put_ip(out, &m->at.ip);
    msg_put_u16(out, m->at.port);
}

int listen_msg_decode(struct msg_cur *c, struct listen_msg *ret, struct err *e)
{
    struct listen_msg m;

    m.listener = msg_get_u16(c);
    get_ip(c, &m.at.ip);
    m.at.port = msg_get_u16(c);
    if (msg_end(c, "listen", e) < 0)
        return -1;
    if (!m.at.ip.family || !m.at.port)
        return err_set(e, ERR_INVALID, "message listen: no address");
    *ret = m;
    return 0;
}

/* Cut at the receiver's size, one line by the time it travels. */
static void put_line(struct buf *out, const char *s, size_t size)
{
    char line[512];

    snprintf(line, size < sizeof(line) ? size : sizeof(line), "%s", s);
    control_mask(line);
    msg_put_str(out, line);
}

static void get_line(struct msg_cur *c, char *ret, size_t size)
{
    char masked[512];

    msg_get_str(c, ret, size);
    snprintf(masked, sizeof(masked), "%s", ret);
    control_mask(masked);
    if (strcmp(masked, ret) != 0)
        c->failed = true;
}

void error_msg_encode(const struct error_msg *m, struct buf *out)
{
    msg_put_str(out, m->instance.s);
    msg_put_u64(out, m->launch_id);
    msg_put_u8(out, (uint8_t)m->kind);
    put_line(out, m->text, sizeof(m->text));
}

int error_msg_decode(struct msg_cur *c, struct error_msg *ret, struct err *e)
{
    struct error_msg m = { 0 };
    struct name again;
    uint8_t kind;

    msg_get_str(c, m.instance.s, sizeof(m.instance.s));
    m.launch_id = msg_get_u64(c);
    kind = msg_get_u8(c);
    get_line(c, m.text, sizeof(m.text));
    if (msg_end(c, "error", e) < 0)
        return -1;
    if (kind >= ERR_KINDS)
        return err_set(e, ERR_INVALID, "message error: kind %u is out of its range", kind);
    if (m.instance.s[0] && name_parse(m.instance.s, "instance name", &again, e) < 0)
        return err_wrap(e, "message error");
    m.kind = (enum err_kind)kind;
    *ret = m;
    return 0;
}

void hello_encode(const char *role, struct buf *out)
{
    msg_put_str(out, build_id);
    msg_put_str(out, role);
}

int hello_decode(struct msg_cur *c, const char *want_role, struct err *e)
{
    struct hello h;

    msg_get_str(c, h.build, sizeof(h.build));
    msg_get_str(c, h.role, sizeof(h.role));
    if (msg_end(c, "hello", e) < 0)
        return -1;
    if (strcmp(h.build, build_id) != 0)
        return err_set(e, ERR_CONFLICT,
                       "%s is of another build (%.12s) than this program (%.12s): install all "
                       "programs of one build, then start roostd again",
                       want_role, h.build, build_id);
    if (strcmp(h.role, want_role) != 0)
        return err_set(e, ERR_INVALID, "message hello: from %.16s, expected %s", h.role, want_role);
    return 0;
}

void text_encode(const char *s, struct buf *out)
{
    put_line(out, s, 512);
}

int text_decode(struct msg_cur *c, char *ret, size_t size, struct err *e)
{
    char text[512];

    get_line(c, text, sizeof(text));
    if (msg_end(c, "text", e) < 0)
        return -1;
    if (strlen(text) >= size)
        return err_set(e, ERR_INVALID, "message text: longer than %zu bytes", size - 1);
    memcpy(ret, text, strlen(text) + 1);
    return 0;
}

int proto_send(struct chan *c, enum proto_type t, uint32_t id, struct buf *b, const int *fds,
               int n_fds, struct err *e)
{
    int rc = buf_check(b, e);

    if (rc == 0)
        rc = chan_send(c, (uint16_t)t, id, b->data, b->len, fds, n_fds, e);
    buf_clear(b);
    return rc;
}
