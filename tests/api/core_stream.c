/* What of the core is a stream: consoles, of which there is none, and bundles. */
#include "tests/api/rig.h"

json_t *core_console_tail(struct core *c, const char *name, unsigned lines, struct err *e)
{
    (void)c;
    (void)e;
    return json_pack("{s:s,s:i}", "name", name, "lines", (int)lines);
}

struct viewer *core_view(struct core *c, const char *name, bool silent, const struct actor *who,
                         struct err *e)
{
    (void)c;
    (void)who;
    err_set(e, ERR_CONFLICT, "%s is stopped%s", name, silent ? ", and would only be watched" : "");
    return NULL;
}

unsigned viewer_others(const struct viewer *v)
{
    (void)v;
    return 0;
}

int viewer_begin(struct viewer *v, int fd, const void *data, size_t len, viewer_gone_fn *gone,
                 void *arg, struct err *e)
{
    (void)v;
    (void)fd;
    (void)data;
    (void)len;
    (void)gone;
    (void)arg;
    return err_set(e, ERR_INTERNAL, "no console here");
}

void viewer_free(struct viewer *v)
{
    (void)v;
}

/* --- bundles --- */

/* Ten bytes, one at a time, each to be waited for; then the end, or with no image a failure. */
static struct {
    int left;
    bool broken, there;
    struct loop_timer *timer;
    void (*readable)(void *arg);
    void *arg;
} bundle;

struct bundle_stream *core_bundle(struct core *c, const char *name, bool image, struct err *e)
{
    (void)c;
    (void)e;
    (void)name;
    bundle.left = 10;
    bundle.broken = !image;
    bundle.there = false;
    return (struct bundle_stream *)&bundle;
}

ssize_t bundle_stream_read(struct bundle_stream *s, char *out, size_t max)
{
    (void)s;
    (void)max;
    if (!bundle.there)
        return BUNDLE_NOT_YET;
    bundle.there = false;
    if (bundle.left == 0)
        return bundle.broken ? -1 : 0;
    *out = (char)('0' + --bundle.left);
    return 1;
}

static void bundle_there(void *arg)
{
    (void)arg;
    bundle.there = true;
    bundle.readable(bundle.arg);
}

struct loop_timer *fake_bundle_timer(struct loop *l)
{
    return bundle.timer = loop_timer_new(l, bundle_there, NULL, NULL);
}

void bundle_stream_wait(struct bundle_stream *s, void (*fn)(void *arg), void *arg)
{
    (void)s;
    bundle.readable = fn;
    bundle.arg = arg;
    loop_timer_set(bundle.timer, 1);
}

void bundle_stream_free(struct bundle_stream *s)
{
    (void)s;
}
