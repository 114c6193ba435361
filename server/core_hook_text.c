/* What a hook is told, and what it said. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_hook.h"

#define HOOK_SCHEMA 1 /* raised when something in it changes its meaning or goes */

static json_t *stamp(int64_t real_ms)
{
    char text[25];

    return real_ms >= CLOCK_SET_MS ? json_string(clock_rfc3339(real_ms, text)) : json_null();
}

static json_t *event_of(const struct event *ev)
{
    return json_pack("{s:I, s:s, s:o, s:s, s:s}", "seq", (json_int_t)ev->seq, "kind",
                     event_kind_name(ev->kind), "time", stamp(ev->real_ms), "detail", ev->detail,
                     "actor", ev->actor);
}

/* As it stands now, which may be later than the event. One that is gone has its name alone. */
static json_t *instance_of(struct core *c, const struct event *ev)
{
    struct instance i = { 0 };
    struct guest g;
    json_t *j;

    if (!ev->instance.s[0])
        return json_null();
    if (store_guest_by_name(c->store, ev->instance.s, &g, NULL) < 0 ||
        store_instance_get(c->store, g.id, &i, NULL) < 0)
        return json_pack("{s:s, s:b}", "name", ev->instance.s, "removed", true);
    j = core_guest_json(c, &g, &i.spec);
    json_object_set_new(j, "removed", json_false());
    json_object_set(j, "vars", i.spec.vars);
    if (!i.spec.vars)
        json_object_set_new(j, "vars", json_object());
    instance_done(&i);
    return j;
}

static int append(const char *data, size_t len, void *arg)
{
    buf_put(arg, data, len);
    return 0;
}

static int dump(const json_t *j, struct buf *out, struct err *e)
{
    out->cap = HOOK_JSON_MAX;
    if (!j || json_dump_callback(j, append, out, JSON_COMPACT) < 0)
        return err_set(e, ERR_INTERNAL, "out of memory");
    buf_putc(out, '\n');
    return buf_check(out, e);
}

int core_hook_text(struct core *c, const struct hook *h, const struct event *ev, unsigned attempt,
                   struct buf *out, struct err *e)
{
    json_t *instance = instance_of(c, ev);
    json_t *j = json_pack("{s:i, s:s, s:i, s:o, s:O}", "schema", HOOK_SCHEMA, "hook", h->name.s,
                          "attempt", (int)attempt, "event", event_of(ev), "instance", instance);
    int r = dump(j, out, e);

    if (r < 0 && out->too_big) { /* host variables may be as large as anything */
        json_object_set_new(instance, "vars", json_null());
        buf_done(out);
        r = dump(j, out, e);
    }
    json_decref(j);
    json_decref(instance);
    return r;
}

/* ---- the log ---- */

void core_hook_log_path(const struct config *c, const struct hook *h, char ret[PATH_SIZE + 96])
{
    snprintf(ret, PATH_SIZE + 96, "%s/" DIR_HOOKS "/%s.log", c->state, h->name.s);
}

/* Put aside at its cap, so that two of them is all there ever is. */
static int open_log(struct core *c, const struct hook *h, struct err *e)
{
    char dir[PATH_SIZE + 16], name[96], old[112];
    struct stat st;

    snprintf(dir, sizeof dir, "%s/" DIR_HOOKS, c->config.state);
    snprintf(name, sizeof name, "%s.log", h->name.s);
    snprintf(old, sizeof old, "%s.1", name);
    if (dir_make_all(dir, 0700, e) < 0)
        return -1;
    auto_close int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return err_sys(e, "%s", dir);
    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > HOOK_LOG_CAP &&
        renameat(at, name, at, old) < 0)
        return err_sys(e, "%s/%s", dir, name);
    int fd = openat(at, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? err_sys(e, "%s/%s", dir, name) : fd;
}

static void put_output(struct buf *b, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (i == 0 || s[i - 1] == '\n')
            buf_puts(b, "    ");
        buf_putc(b, ((unsigned char)s[i] < ' ' && s[i] != '\n' && s[i] != '\t') || s[i] == 0x7f
                        ? '?'
                        : s[i]);
    }
    if (len && s[len - 1] != '\n')
        buf_putc(b, '\n');
}

void core_hook_log(struct core *c, const struct hook *h, const struct event *ev, unsigned attempt,
                   const struct hook_done *m)
{
    auto_buf struct buf b = BUF_INIT;
    char now[25];
    struct err e = { 0 };
    auto_close int fd = open_log(c, h, &e);

    buf_printf(&b, "%s event %lld %s%s%s, attempt %u: %s\n",
               clock_rfc3339(loop_now(c->loop).real_ms, now), (long long)ev->seq,
               event_kind_name(ev->kind), ev->instance.s[0] ? " of " : "", ev->instance.s, attempt,
               m->how);
    put_output(&b, m->output, m->len);
    if (fd < 0)
        log_warn("hook %s: log: %s", h->name.s, e.text);
    else if (buf_check(&b, NULL) == 0 && write(fd, b.data, b.len) < 0)
        log_warn("hook %s: log: %s", h->name.s, strerror(errno));
}
