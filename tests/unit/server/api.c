/* The control API over a real socket, with a core that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "server/api_priv.h"

/* --- the core that the API sees --- */

static struct {
    core_op_fn *done[200];
    void *arg[200];
    int ops;
    bool at_once;
    struct actor who;
    char name[64], format[32];
    bool force, dry_run;
    size_t instances; /* of the applied fleet */
    const json_t *tree;
    core_watch_fn *woken;
    void *watcher;
    int64_t after, limit_ms;
    int unwatched, events, last;
    bool slow; /* surveys */
    bool unsettled;
    core_text_fn *surveyed;
    void *survey_arg;
    void (*after_commit)(bool committed, void *arg);
    void *after_commit_arg;
} fake;

#define READ(fn)                                                                                   \
    json_t *fn(struct core *c, struct err *e)                                                      \
    {                                                                                              \
        (void)c;                                                                                   \
        (void)e;                                                                                   \
        return json_pack("{s:s}", "read", #fn);                                                    \
    }
READ(core_status)
READ(core_check)
READ(core_paths)
READ(core_unknown)
READ(core_networks)

json_t *core_network_show(struct core *c, const char *name, struct err *e)
{
    (void)c;
    (void)e;
    return json_pack("{s:s}", "network", name);
}

json_t *core_instance(struct core *c, const char *name, struct err *e)
{
    (void)c;
    err_set(e, ERR_NOT_FOUND, "no instance \"%s\"", name);
    return NULL;
}

json_t *core_console_tail(struct core *c, const char *name, unsigned lines, struct err *e)
{
    (void)c;
    (void)e;
    return json_pack("{s:s,s:i}", "name", name, "lines", (int)lines);
}

json_t *core_export(struct core *c, const char *name, const char *form, struct err *e)
{
    (void)c;
    (void)e;
    return json_pack("{s:s,s:s}", "exported", name, "for", form);
}

void core_import(struct core *c, const struct move_ask *ask, const struct actor *who,
                 core_op_fn *done, void *arg)
{
    json_t *j = json_pack("{s:s,s:s*}", "imported", ask->file, "as", ask->as);

    (void)c;
    (void)who;
    done(j, NULL, arg);
    json_decref(j);
}

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

json_t *core_definitions(struct core *c, const char *kind, struct err *e)
{
    (void)c;
    (void)e;
    return json_pack("[s]", kind);
}

void core_survey(struct core *c, enum survey_kind kind, const char *host, core_text_fn *done,
                 void *arg)
{
    struct buf b = BUF_INIT;

    (void)c;
    buf_printf(&b, "survey %d of %s\n", (int)kind, host ? host : "(all)");
    if (fake.slow) {
        fake.surveyed = done;
        fake.survey_arg = arg;
    } else {
        done(&b, NULL, arg);
    }
    buf_done(&b);
}

json_t *core_events(struct core *c, const char *name, int64_t after, int limit, bool newest,
                    struct err *e)
{
    json_t *list = json_array();

    (void)c;
    (void)name;
    (void)after;
    (void)newest;
    (void)e;
    for (int i = 0; i < fake.events && i < limit; i++)
        json_array_append_new(list, json_integer(i + 1));
    return json_pack("{s:o,s:i}", "events", list, "last", fake.last);
}

struct core_watch *core_watch(struct core *c, int64_t after, int64_t limit_ms, core_watch_fn *fn,
                              void *arg, struct err *e)
{
    (void)c;
    (void)e;
    fake.after = after;
    fake.limit_ms = limit_ms;
    fake.woken = fn;
    fake.watcher = arg;
    return (struct core_watch *)&fake;
}

bool core_settled(const struct core *c)
{
    (void)c;
    return !fake.unsettled;
}

struct core_watch *core_settle(struct core *c, core_watch_fn *fn, void *arg, struct err *e)
{
    return core_watch(c, -1, 0, fn, arg, e);
}

void core_unwatch(struct core_watch *w)
{
    fake.unwatched += w != NULL;
}

int core_when_recorded(struct core *c, void (*fn)(bool recorded, void *arg), void *arg,
                       struct err *e)
{
    (void)c;
    (void)e;
    fake.after_commit = fn;
    fake.after_commit_arg = arg;
    return 0;
}

static void op(const char *name, const struct actor *who, core_op_fn *done, void *arg)
{
    json_t *r;

    snprintf(fake.name, sizeof fake.name, "%s", name);
    fake.who = *who;
    if (!fake.at_once) {
        fake.done[fake.ops] = done;
        fake.arg[fake.ops++] = arg;
        return;
    }
    r = json_pack("{s:s}", "did", name);
    done(r, NULL, arg);
    json_decref(r);
}

#define NAME_OP(fn)                                                                                \
    void fn(struct core *c, const char *name, const struct actor *who, core_op_fn *done,           \
            void *arg)                                                                             \
    {                                                                                              \
        (void)c;                                                                                   \
        op(name, who, done, arg);                                                                  \
    }
NAME_OP(core_start)
NAME_OP(core_restart)
NAME_OP(core_rebuild)
NAME_OP(core_start_anyway)
NAME_OP(core_restart_anyway)
NAME_OP(core_rebuild_anyway)
NAME_OP(core_reset)
NAME_OP(core_reset_anyway)
NAME_OP(core_network_up)
NAME_OP(core_network_down)
NAME_OP(core_network_remove)

#define FORCE_OP(fn)                                                                               \
    void fn(struct core *c, const char *name, bool force, const struct actor *who,                 \
            core_op_fn *done, void *arg)                                                           \
    {                                                                                              \
        (void)c;                                                                                   \
        fake.force = force;                                                                        \
        op(name, who, done, arg);                                                                  \
    }
FORCE_OP(core_stop)
FORCE_OP(core_remove)

int core_remove_check(struct core *c, const char *name, bool force, struct err *e)
{
    (void)c;
    return force ? 0 : err_set(e, ERR_NOT_FOUND, "no instance \"%s\"", name);
}

FORCE_OP(core_destroy)
NAME_OP(core_trash_forget)
READ(core_trash)

void core_trash_restore(struct core *c, const char *which, const char *as, const struct actor *who,
                        core_op_fn *done, void *arg)
{
    (void)c, (void)as;
    op(which, who, done, arg);
}

void core_rename(struct core *c, const char *from, const char *to, const struct actor *who,
                 core_op_fn *done, void *arg)
{
    (void)c;
    snprintf(fake.format, sizeof fake.format, "%s", to);
    op(from, who, done, arg);
}

void core_network_check(struct core *c, const char *name, core_op_fn *done, void *arg)
{
    (void)c;
    op(name ? name : "all", &(struct actor){ "" }, done, arg);
}
void core_network_plan(struct core *c, const char *name, core_op_fn *done, void *arg)
{
    (void)c;
    op(name, &(struct actor){ "" }, done, arg);
}

void core_network_export(struct core *c, const char *name, const char *format, core_op_fn *done,
                         void *arg)
{
    (void)c;
    snprintf(fake.format, sizeof fake.format, "%s", format);
    op(name, &(struct actor){ "" }, done, arg);
}

void core_sync(struct core *c, const struct actor *who, core_op_fn *done, void *arg)
{
    (void)c;
    op("sync", who, done, arg);
}

void core_reprobe(struct core *c, core_op_fn *done, void *arg)
{
    (void)c;
    op("reprobe", &(struct actor){ "" }, done, arg);
}

void core_apply(struct core *c, const json_t *tree, bool dry_run, const struct actor *who,
                core_op_fn *done, void *arg)
{
    (void)c;
    fake.tree = tree;
    fake.dry_run = dry_run;
    fake.instances = json_object_size(json_object_get(tree, "instances"));
    op("apply", who, done, arg);
}

void core_create(struct core *c, const json_t *tree, bool dry_run, const struct actor *who,
                 core_op_fn *done, void *arg)
{
    (void)c, (void)tree, (void)dry_run;
    op("create", who, done, arg);
}

void core_adopt_caller(struct core *c, const char *caller, const char *name, const char *network,
                       const struct actor *who, core_op_fn *done, void *arg)
{
    (void)c, (void)name, (void)network;
    op(caller, who, done, arg);
}

int core_forget_caller(struct core *c, const char *caller, struct err *e)
{
    (void)c;
    return err_set(e, ERR_NOT_FOUND, "no caller %s", caller);
}

int core_seed_document(struct core *c, const char *name, const char *document, struct buf *ret,
                       struct err *e)
{
    (void)c;
    buf_printf(ret, "%s of %s", document, name);
    return buf_check(ret, e);
}

int core_seed_volume(struct core *c, const char *name, struct buf *ret, struct err *e)
{
    (void)c;
    buf_printf(ret, "volume of %s", name);
    return buf_check(ret, e);
}

void core_medium(struct core *c, const char *name, const char *iso, bool force,
                 const struct actor *who, core_op_fn *done, void *arg)
{
    json_t *j = json_pack("{s:s,s:s,s:b}", "name", name, "iso", iso, "force", force);

    (void)c;
    (void)who;
    done(j, NULL, arg);
    json_decref(j);
}

json_t *core_seed_explain(struct core *c, const char *name, const char *client, struct err *e)
{
    (void)c;
    (void)e;
    return json_pack("{s:s,s:s}", "name", name, "client", client);
}

json_t *core_seed_url(struct core *c, const char *name, const char *form, struct err *e)
{
    (void)c;
    (void)e;
    return json_pack("{s:s,s:s}", "name", name, "for", form);
}

/* --- the other end --- */

static struct loop *loop;
static struct api *api;
static struct sockaddr_un at;

static int set_up(void **state)
{
    struct err e;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    memset(&fake, 0, sizeof fake);
    at = (struct sockaddr_un){ .sun_family = AF_UNIX };
    /* An abstract address: nothing to clean up, and open to any uid. */
    snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "roost-api-test-%d", getpid());
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 64), 0);
    loop = loop_new(&e);
    bundle.timer = loop_timer_new(loop, bundle_there, NULL, &e);
    api = api_new(loop, NULL, fd, false, &e);
    if (!api)
        fail_msg("%s", e.text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_free(api);
    loop_timer_free(bundle.timer);
    loop_free(loop);
    return 0;
}

static int dial(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void say(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return; /* refused already */
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
        loop_turn(loop, 0, NULL);
    }
}

static bool is_whole(const struct buf *b)
{
    const char *head = buf_str(b), *end = strstr(head, "\r\n\r\n"),
               *length = strcasestr(head, "content-length: ");

    return end && (!length || length > end ||
                   b->len >= (size_t)(end + 4 - head) + strtoul(length + 16, NULL, 10));
}

/* Whole answers only; an answer that never comes fails the test. */
static void hear(int fd, struct buf *b)
{
    char chunk[65536];

    buf_clear(b);
    for (int turns = 0; turns < 3000 && !is_whole(b); turns++) {
        loop_turn(loop, 1, NULL);
        ssize_t n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (n > 0)
            buf_put(b, chunk, (size_t)n);
        else if (n == 0)
            break;
    }
    assert_true(is_whole(b));
}

static void request(int fd, const char *line, const char *body)
{
    char text[2048];
    int n = snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
                     line, strlen(body), body);

    say(fd, text, (size_t)n);
}

static unsigned status_of(const struct buf *b)
{
    return b->len > 12 ? (unsigned)strtoul(b->data + 9, NULL, 10) : 0;
}

/* One request on a connection of its own. */
static unsigned ask(const char *line, const char *body, struct buf *b)
{
    auto_close int fd = dial();

    request(fd, line, body);
    hear(fd, b);
    return status_of(b);
}

static void turns(int n)
{
    while (n-- > 0)
        loop_turn(loop, 1, NULL);
}

/* --- tests --- */

static void test_import(void **state)
{
    auto_buf struct buf b = BUF_INIT;

    (void)state;
    assert_int_equal(ask("POST /v1/import", "{\"file\":\"/b\",\"as\":\"web2\"}", &b), 200);
    assert_non_null(strstr(b.data, "{\"imported\":\"/b\",\"as\":\"web2\"}"));
    assert_int_equal(ask("POST /v1/import", "{\"file\":\"/b\"}", &b), 200);
    assert_int_equal(ask("POST /v1/import", "{\"as\":\"web2\"}", &b), 400);
    assert_int_equal(ask("POST /v1/import", "{\"file\":\"/b\",\"wheels\":4}", &b), 400);
}

/* What is no upgrade, or is of nobody's console. */
static void test_attach(void **state)
{
    static const char upgrade[] = "GET /v1/instances/web1/console/attach?watch=true HTTP/1.1\r\nHost: x\r\n"
                                  "Connection: Upgrade\r\nUpgrade: roost-console\r\n\r\n";
    auto_buf struct buf b = BUF_INIT, c = BUF_INIT;
    auto_close int fd = -1;

    (void)state;
    assert_int_equal(ask("GET /v1/instances/web1/console/attach", "", &b), 400);
    assert_non_null(strstr(b.data, "Upgrade: roost-console"));
    fd = dial();
    say(fd, upgrade, sizeof upgrade - 1);
    hear(fd, &c);
    assert_int_equal(status_of(&c), 409);
    assert_non_null(strstr(c.data, "web1 is stopped, and would only be watched"));
}

static void test_reads(void **state)
{
    auto_buf struct buf b = BUF_INIT;

    (void)state;
    assert_int_equal(ask("GET /v1/status", "", &b), 200);
    assert_non_null(strstr(b.data, "{\"read\":\"core_status\"}\n"));
    assert_non_null(strstr(b.data, "Content-Type: application/json\r\n"));
    assert_int_equal(ask("GET /v1/instances/web1/console?lines=7", "", &b), 200);
    assert_non_null(strstr(b.data, "{\"name\":\"web1\",\"lines\":7}"));
    assert_int_equal(ask("GET /v1/instances/web1/export?for=mac", "", &b), 200);
    assert_non_null(strstr(b.data, "{\"exported\":\"web1\",\"for\":\"mac\"}"));
    assert_int_equal(ask("GET /v1/instances/web1/export", "", &b), 200);
    assert_non_null(strstr(b.data, "\"for\":\"linux\"}"));
    assert_int_equal(ask("GET /v1/networks", "", &b), 200);
    assert_non_null(strstr(b.data, "{\"read\":\"core_networks\"}"));
    assert_int_equal(ask("GET /v1/identities", "", &b), 200);
    assert_non_null(strstr(b.data, "[\"identities\"]"));
    assert_int_equal(ask("GET /v1/networks/lab", "", &b), 200);
    assert_non_null(strstr(b.data, "{\"network\":\"lab\"}"));
    assert_int_equal(ask("GET /v1/known-hosts?host=web1", "", &b), 200);
    assert_non_null(strstr(b.data, "\r\n\r\nsurvey 2 of web1\n"));
    assert_int_equal(ask("GET /v1/known-hosts", "", &b), 200);
    assert_non_null(strstr(b.data, "\r\n\r\nsurvey 2 of (all)\n"));
    assert_int_equal(ask("GET /v1/inventory", "", &b), 200);
    assert_non_null(strstr(b.data, "Content-Type: text/yaml\r\n"));
    assert_int_equal(ask("GET /v1/ssh-config", "", &b), 200);
    assert_non_null(strstr(b.data, "\r\n\r\nsurvey 3 of (all)\n"));
    assert_int_equal(ask("GET /v1/instances", "", &b), 200);
    assert_non_null(strstr(b.data, "Content-Type: application/json\r\n"));
    assert_int_equal(ask("GET /v1/openapi", "", &b), 200);
    assert_non_null(strstr(b.data, "\r\n\r\nopenapi: 3.1.0\n"));
}

/* Who asks for the fleet waits alone; one who goes away meanwhile is not missed. */
static void test_survey_takes_its_time(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    struct buf text = BUF_INIT;
    struct err stopping;
    int fd = dial();

    (void)state;
    fake.slow = true;
    request(fd, "GET /v1/instances", "");
    turns(5);
    assert_non_null(fake.surveyed);
    assert_int_equal(ask("GET /v1/status", "", &b), 200);
    buf_puts(&text, "[]\n");
    fake.surveyed(&text, NULL, fake.survey_arg);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
    assert_non_null(strstr(b.data, "\r\n\r\n[]\n"));
    request(fd, "GET /v1/inventory", "");
    turns(5);
    err_set(&stopping, ERR_BUSY, "roost is stopping");
    fake.surveyed(NULL, &stopping, fake.survey_arg);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 503);
    fake.surveyed = NULL;
    request(fd, "GET /v1/instances", "");
    turns(5);
    close(fd);
    turns(5);
    buf_puts(&text, "[]\n");
    fake.surveyed(&text, NULL, fake.survey_arg);
    turns(5);
    buf_done(&text);
    assert_int_equal(ask("GET /v1/status", "", &b), 200);
}

static void test_connection_is_kept(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();

    (void)state;
    for (int i = 0; i < 3; i++) {
        request(fd, i == 1 ? "GET /v1/nothing" : "GET /v1/paths", "");
        hear(fd, &b);
        assert_int_equal(status_of(&b), i == 1 ? 404 : 200);
        assert_null(strcasestr(b.data, "connection: close"));
    }
}

static void test_refusals(void **state)
{
    auto_buf struct buf b = BUF_INIT;

    (void)state;
    assert_int_equal(ask("GET /v1/instances/web1", "", &b), 404);
    assert_non_null(strstr(b.data, "{\"error\":{\"kind\":\"not-found\",\"message\":\"no instance "
                                   "\\\"web1\\\"\"}}"));
    assert_int_equal(ask("PUT /v1/instances/web1", "", &b), 405);
    assert_non_null(strstr(b.data, "Allow: GET, DELETE\r\n"));
    assert_int_equal(ask("GET /v1/events?limt=3", "", &b), 400);
    assert_non_null(strstr(b.data, "did you mean \\\"limit\\\"?"));
    assert_int_equal(ask("GET /v1/events?limit=0", "", &b), 400);
    assert_int_equal(ask("GET /v1/events?wait=61", "", &b), 400);
    assert_int_equal(ask("GET /v1/events?newest=1&wait=1", "", &b), 400);
    assert_int_equal(ask("POST /v1/instances/web1/start", "{\"force\":\"yes\"}", &b), 400);
    assert_int_equal(ask("POST /v1/instances/web1/start", "{\"now\":true}", &b), 400);
    assert_int_equal(ask("POST /v1/instances/web1/restart", "{\"wait\":1}", &b), 400);
    assert_int_equal(ask("POST /v1/instances/web1/stop", "{\"force\":1}", &b), 400);
    assert_int_equal(ask("POST /v1/instances/web1/stop", "{\"force\":true,\"force\":true}", &b),
                     400);
    assert_int_equal(ask("POST /v1/apply", "{\"fleet\":{},\"dryrun\":true}", &b), 400);
    assert_int_equal(ask("POST /v1/apply", "[]", &b), 400);
    assert_int_equal(ask("POST /v1/apply", "{", &b), 400);
    assert_int_equal(ask("DELETE /v1/instances/web1?force=maybe", "", &b), 400);
    assert_int_equal(fake.ops, 0);
}

static void test_operation_waits_for_core(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();
    char chunk[16];

    (void)state;
    request(fd, "POST /v1/instances/web1/stop", "{\"force\":true}");
    turns(20);
    assert_int_equal(fake.ops, 1);
    assert_true(fake.force);
    assert_string_equal(fake.name, "web1");
    char uid[32];
    snprintf(uid, sizeof uid, "uid %u (", getuid());
    assert_non_null(strstr(fake.who.text, uid));
    assert_true(recv(fd, chunk, sizeof chunk, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    fake.done[0](NULL, NULL, fake.arg[0]);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
    assert_non_null(strstr(b.data, "\r\n\r\n{}\n"));
    /* and the connection serves on */
    request(fd, "GET /v1/status", "");
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
}

static void test_operation_fails(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();
    struct err e;

    (void)state;
    request(fd, "DELETE /v1/instances/web1?force=1", "");
    turns(20);
    assert_int_equal(fake.ops, 1);
    assert_true(fake.force);
    err_set(&e, ERR_CONFLICT, "it runs");
    fake.done[0](NULL, &e, fake.arg[0]);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 409);
    assert_non_null(strstr(b.data, "\"conflict\""));
}

/* Answered when it has begun and that is on record; how it ends is nobody's business then. */
static void test_operation_that_is_not_waited_for(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();
    struct err refused;

    (void)state;
    request(fd, "POST /v1/instances/web1/start", "{\"wait\":false}");
    turns(20);
    assert_int_equal(fake.ops, 1);
    fake.after_commit(true, fake.after_commit_arg);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
    assert_non_null(strstr(b.data, "{\"begun\":true}"));
    fake.done[0](NULL, NULL, fake.arg[0]); /* later */

    err_set(&refused, ERR_CONFLICT, "it runs already");
    request(fd, "POST /v1/instances/web1/restart", "{\"wait\":false,\"force\":true}");
    turns(20);
    fake.done[1](NULL, &refused, fake.arg[1]); /* at once */
    fake.after_commit(true, fake.after_commit_arg);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 409);
    assert_non_null(strstr(b.data, "it runs already"));

    request(fd, "POST /v1/instances/web1/stop", "{\"wait\":false}");
    turns(20);
    fake.after_commit(false, fake.after_commit_arg);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 500);
    fake.done[2](NULL, NULL, fake.arg[2]);
}

static void test_operation_answered_at_once(void **state)
{
    auto_buf struct buf b = BUF_INIT;

    (void)state;
    fake.at_once = true;
    assert_int_equal(ask("POST /v1/sync", "", &b), 200);
    assert_non_null(strstr(b.data, "{\"did\":\"sync\"}"));
    assert_int_equal(ask("POST /v1/reprobe", "{}", &b), 200);
}

static void test_networks(void **state)
{
    auto_buf struct buf b = BUF_INIT;

    (void)state;
    fake.at_once = true;
    assert_int_equal(ask("POST /v1/networks/lab/up", "", &b), 200);
    assert_non_null(strstr(b.data, "{\"did\":\"lab\"}"));
    assert_int_equal(ask("POST /v1/networks/lab/down", "{\"force\":true}", &b), 400);
    assert_int_equal(ask("DELETE /v1/networks/dmz", "", &b), 200);
    assert_string_equal(fake.name, "dmz");
    assert_int_equal(ask("GET /v1/networks/lab/plan", "", &b), 200);
    assert_non_null(strstr(b.data, "{\"did\":\"lab\"}"));
}

/* The text of an export goes out as it is. */
static void test_an_export_is_text(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();
    json_t *text = json_pack("{s:s}", "text", "link add rb-lab\n");
    struct err e;

    (void)state;
    request(fd, "GET /v1/networks/lab/export?format=ip", "");
    turns(20);
    assert_string_equal(fake.format, "ip");
    fake.done[0](text, NULL, fake.arg[0]);
    json_decref(text);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
    assert_non_null(strstr(b.data, "Content-Type: text/plain; charset=utf-8\r\n"));
    assert_non_null(strstr(b.data, "\r\n\r\nlink add rb-lab\n"));
    request(fd, "GET /v1/networks/lab/export", "");
    turns(20);
    assert_string_equal(fake.format, "");
    err_set(&e, ERR_INVALID, "no such format");
    fake.done[1](NULL, &e, fake.arg[1]);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 400);
}

static void test_client_goes_away(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    int fd = dial();

    (void)state;
    request(fd, "POST /v1/instances/web1/start", "");
    turns(20);
    assert_int_equal(fake.ops, 1);
    close(fd);
    turns(5);
    fake.done[0](NULL, NULL, fake.arg[0]);
    turns(20);
    assert_int_equal(ask("GET /v1/status", "", &b), 200);
}

static void test_waiting_is_capped(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    int fds[API_PARKED_MAX];

    (void)state;
    for (int i = 0; i < API_PARKED_MAX; i++) {
        fds[i] = dial();
        request(fds[i], "POST /v1/instances/web1/start", "");
        turns(2);
    }
    turns(20);
    assert_int_equal(fake.ops, API_PARKED_MAX);
    assert_int_equal(ask("POST /v1/instances/web1/start", "", &b), 503);
    assert_non_null(strstr(b.data, "Retry-After: 1\r\n"));
    assert_int_equal(ask("GET /v1/status", "", &b), 200);
    for (int i = 0; i < API_PARKED_MAX; i++)
        fake.done[i](NULL, NULL, fake.arg[i]);
    for (int i = 0; i < API_PARKED_MAX; i++) {
        hear(fds[i], &b);
        assert_int_equal(status_of(&b), 200);
        close(fds[i]);
    }
}

static void test_apply(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();

    (void)state;
    request(fd, "POST /v1/apply",
            "{\"fleet\":{\"instances\":{\"a\":{},\"b\":{}}},\"dry-run\":true}");
    turns(20);
    assert_int_equal(fake.ops, 1);
    assert_true(fake.dry_run);
    assert_int_equal(fake.instances, 2);
    /* what core borrowed is still there */
    assert_int_equal(json_object_size(json_object_get(fake.tree, "instances")), 2);
    fake.done[0](NULL, NULL, fake.arg[0]);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
}

static void test_apply_is_large(void **state)
{
    auto_buf struct buf text = { .cap = 32 << 20 }, b = BUF_INIT;
    auto_buf struct buf head = BUF_INIT;
    auto_close int fd = dial();

    (void)state;
    fake.at_once = true;
    buf_puts(&text, "{\"fleet\":{\"instances\":{");
    for (int i = 0; i < 10000; i++)
        buf_printf(&text, "%s\"web-%d\":{\"user-data\":\"%01000d\"}", i ? "," : "", i, 0);
    buf_puts(&text, "}}}");
    buf_printf(&head, "POST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
               text.len);
    say(fd, head.data, head.len);
    say(fd, text.data, text.len);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
    assert_int_equal(fake.instances, 10000);
}

static void test_too_large(void **state)
{
    auto_buf struct buf b = BUF_INIT, chunk = BUF_INIT;
    auto_close int announced = dial(), chunked = dial();
    static const char head[] = "POST /v1/apply HTTP/1.1\r\nHost: x\r\n"
                               "Content-Length: 67108865\r\n\r\n",
                      other[] = "POST /v1/sync HTTP/1.1\r\nHost: x\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n";

    (void)state;
    say(announced, head, sizeof head - 1);
    hear(announced, &b);
    assert_int_equal(status_of(&b), 413);
    say(chunked, other, sizeof other - 1);
    buf_printf(&chunk, "11000\r\n%069632d\r\n0\r\n\r\n", 0);
    say(chunked, chunk.data, chunk.len);
    hear(chunked, &b);
    assert_int_equal(status_of(&b), 413);
    assert_int_equal(fake.ops, 0);
}

static void test_follower(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();

    (void)state;
    fake.last = 41;
    request(fd, "GET /v1/events?after=41&wait=60", "");
    turns(20);
    assert_non_null(fake.woken);
    assert_int_equal(fake.after, 41);
    assert_in_range(fake.limit_ms, 59000, 60000);
    /* an event of somebody else: it waits on, behind that one */
    core_watch_fn *woken = fake.woken;
    fake.woken = NULL;
    fake.last = 42;
    woken(fake.watcher);
    turns(5);
    assert_non_null(fake.woken);
    assert_int_equal(fake.after, 42);
    fake.last = 43;
    fake.events = 1;
    fake.woken(fake.watcher);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
    assert_non_null(strstr(b.data, "{\"events\":[1],\"last\":43}"));
}

/* What a crash could take back is shown to nobody yet. */
static void test_events_after_the_commit(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();

    (void)state;
    fake.unsettled = true;
    fake.events = 1;
    fake.last = 7;
    request(fd, "GET /v1/events?after=5", "");
    turns(20);
    assert_int_equal(recv(fd, b.data, 0, MSG_DONTWAIT | MSG_PEEK), -1);
    assert_non_null(fake.woken);
    fake.unsettled = false;
    fake.woken(fake.watcher);
    hear(fd, &b);
    assert_non_null(strstr(b.data, "{\"events\":[1],\"last\":7}"));
}

static void test_follower_does_not_wait(void **state)
{
    auto_buf struct buf b = BUF_INIT;

    (void)state;
    assert_int_equal(ask("GET /v1/events?after=5", "", &b), 200);
    assert_non_null(strstr(b.data, "{\"events\":[],\"last\":0}"));
    fake.events = 2;
    assert_int_equal(ask("GET /v1/events?after=5&wait=60", "", &b), 200);
    assert_null(fake.woken);
}

/* Whoever waits is told; what core says afterwards finds nobody. */
static void test_stop_while_some_wait(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int op_fd = dial(), follower = dial();
    char chunk[4096] = "";

    (void)state;
    request(op_fd, "POST /v1/instances/web1/start", "");
    request(follower, "GET /v1/events?wait=60", "");
    turns(20);
    assert_int_equal(fake.ops, 1);
    assert_non_null(fake.woken);
    api_free(api);
    api = NULL;
    assert_int_equal(fake.unwatched, 1);
    assert_true(recv(op_fd, chunk, sizeof chunk - 1, MSG_DONTWAIT) > 0);
    assert_non_null(strstr(chunk, "503"));
    assert_non_null(strstr(chunk, "roost is stopping"));
    assert_true(recv(follower, chunk, sizeof chunk - 1, MSG_DONTWAIT) > 0);
    fake.done[0](NULL, NULL, fake.arg[0]);
}

static void child_asks_as(uid_t uid, const char *expect)
{
    char answer[4096] = "";
    static const char text[] = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
    int fd;

    if (setgid(uid) || setuid(uid))
        _exit(2);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) || write(fd, text, sizeof text - 1) < 0 ||
        read(fd, answer, sizeof answer - 1) <= 0)
        _exit(3);
    _exit(strstr(answer, expect) ? 0 : 4);
}

static void test_strangers_are_refused(void **state)
{
    int status = 0;
    pid_t pid;

    (void)state;
    if (getuid() != 0)
        skip(); /* nobody else can be played */
    for (int i = 0; i < 2; i++) {
        uid_t uid = i ? 0 : 65534;
        if ((pid = fork()) == 0)
            child_asks_as(uid, uid ? "\"denied\"" : "core_status");
        while (waitpid(pid, &status, WNOHANG) == 0)
            loop_turn(loop, 1, NULL);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_import),
        T(test_attach),
        T(test_reads),
        T(test_survey_takes_its_time),
        T(test_connection_is_kept),
        T(test_refusals),
        T(test_operation_waits_for_core),
        T(test_operation_fails),
        T(test_operation_that_is_not_waited_for),
        T(test_operation_answered_at_once),
        T(test_networks),
        T(test_an_export_is_text),
        T(test_client_goes_away),
        T(test_waiting_is_capped),
        T(test_apply),
        T(test_apply_is_large),
        T(test_too_large),
        T(test_follower),
        T(test_follower_does_not_wait),
        T(test_events_after_the_commit),
        T(test_stop_while_some_wait),
        T(test_strangers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
