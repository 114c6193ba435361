/* Messages about hooks: core asks roostd to run one, roostd tells what became of it. */
#include <string.h>

#include "model/verb_field.h"
#include "server/proto.h"

void hook_run_encode(const struct hook_run *m, struct buf *out)
{
    msg_put_str(out, m->hook.s);
    msg_put_bytes(out, m->json, m->len);
}

int hook_run_decode(struct msg_cur *c, struct hook_run *ret, struct err *e)
{
    struct hook_run m = { 0 };

    msg_get_str(c, m.hook.s, sizeof(m.hook.s));
    m.json = msg_get_bytes(c, &m.len);
    if (msg_end(c, "hook-run", e) < 0 || verb_check_name(&m.hook, "hook-run", e) < 0)
        return -1;
    if (m.len > HOOK_JSON_MAX)
        return verb_wrong("hook-run", "json", e);
    *ret = m;
    return 0;
}

void hook_done_encode(const struct hook_done *m, struct buf *out)
{
    msg_put_str(out, m->hook.s);
    msg_put_u8(out, m->ok);
    verb_put_text(out, m->how, sizeof(m->how));
    msg_put_bytes(out, m->output, m->len);
}

int hook_done_decode(struct msg_cur *c, struct hook_done *ret, struct err *e)
{
    struct hook_done m = { 0 };

    msg_get_str(c, m.hook.s, sizeof(m.hook.s));
    m.ok = msg_get_bool(c);
    verb_get_line(c, m.how, sizeof(m.how));
    m.output = msg_get_bytes(c, &m.len);
    if (msg_end(c, "hook-done", e) < 0 || verb_check_name(&m.hook, "hook-done", e) < 0)
        return -1;
    if (m.len > HOOK_OUTPUT_MAX)
        return verb_wrong("hook-done", "output", e);
    *ret = m;
    return 0;
}
