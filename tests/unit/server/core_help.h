/* What the tests of roost-core share: a core in this process, between a fake roostd and a fake
 * front that speak server/proto.h, on a state directory of its own. Driven turn by turn, nothing
 * sleeps. */
#ifndef CORE_HELP_H
#define CORE_HELP_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/file.h"
#include "seeds/homecoming.h"
#include "server/core_machine.h"

#define must(call)                                                                                 \
    do {                                                                                           \
        struct err must_e = { 0 };                                                                 \
        struct err *e = &must_e;                                                                   \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, must_e.text);                                                \
    } while (0)

#define KEY_A       "AAAAC3NzaC1lZDI1NTE5AAAAIF%2FfaN16kTI69df7rgOyD2DPOUJZddMqdKL9emwpXXZJ"
#define KEY_B       "AAAAC3NzaC1lZDI1NTE5AAAAIF%2FfaN16kTI69df7rgOyD2DPOUJZddMqdKL9emwpXXZK"
#define REPLIES_MAX 1024
#define TURNS_MAX   400

/* How one operation of core's ended. */
struct answer {
    int calls;
    struct err err; /* kind ERR_NONE: well */
    json_t *result;
};

static struct rig {
    char dir[64];
    struct loop *loop;
    struct core *core;
    struct chan *roostd, *front;
    bool ready, over;
    uint32_t last_id;
    /* What came. */
    uint16_t status[REPLIES_MAX]; /* by request's id, 0: no answer yet */
    unsigned replies, invalidated;
    struct seed_reply seed; /* the last one; its documents are gone */
    char vendor[4096], user[4096];
    struct launch launch;
    unsigned launches, kills, asked;
    struct answer answer;
    /* How the fake roostd behaves. */
    bool launch_fails, silent, silent_kill;
    uint64_t runs; /* ADOPT finds this launch; 0: nothing */
    void (*on_reply)(void);
} rig;

/* ---- turns ---- */

static inline void turn(void)
{
    must(loop_turn(rig.loop, 100, e));
}

#define until(condition)                                                                           \
    do {                                                                                           \
        for (int turns_ = 0; !(condition); turns_++) {                                             \
            if (turns_ == TURNS_MAX)                                                               \
                fail_msg("it does not come about: %s", #condition);                                \
            turn();                                                                                \
        }                                                                                          \
    } while (0)

/* Whatever is under way in core's queues has been heard. */
static inline void settle(void)
{
    for (int i = 0; i < 6; i++)
        must(loop_turn(rig.loop, 0, e));
}

/* ---- the fake roostd ---- */

static inline void tell(enum proto_type t, uint32_t id, struct buf *b)
{
    must(proto_send(rig.roostd, t, id, b, NULL, 0, e));
}

static inline void tell_launched(enum proto_type t, const char *name, uint64_t launch_id)
{
    auto_buf struct buf b = BUF_INIT;
    struct launched v = { .launch_id = launch_id, .pid = 4711, .accel = ACCEL_TCG };

    snprintf(v.instance.s, sizeof v.instance.s, "%s", name);
    launched_encode(&v, &b);
    tell(t, 1, &b);
}

static inline void tell_exited(const char *name, uint64_t launch_id, bool known, int status)
{
    auto_buf struct buf b = BUF_INIT;
    struct exited v = { .launch_id = launch_id, .status_known = known, .status = status };

    snprintf(v.instance.s, sizeof v.instance.s, "%s", name);
    exited_encode(&v, &b);
    tell(P_EXITED, 0, &b);
}

static inline void rig_launch(struct msg_cur *cur)
{
    auto_buf struct buf b = BUF_INIT;

    must(launch_decode(cur, &rig.launch, e));
    rig.launches++;
    if (rig.silent)
        return;
    if (!rig.launch_fails) {
        tell_launched(P_LAUNCHED, rig.launch.instance.s, rig.launch.launch_id);
        return;
    }
    struct error_msg v = { .instance = rig.launch.instance,
                           .launch_id = rig.launch.launch_id,
                           .kind = ERR_IO,
                           .text = "no room for its memory" };
    error_msg_encode(&v, &b);
    tell(P_LAUNCH_FAILED, 1, &b);
}

static inline void rig_verb(const struct chan_msg *m, struct msg_cur *cur)
{
    auto_buf struct buf b = BUF_INIT;
    struct verb_ref v;

    must(verb_ref_decode(cur, &v, e));
    if (m->type == P_KILL) {
        rig.kills++;
        if (rig.silent_kill)
            return;
        tell_exited(v.instance.s, v.launch_id, true, 9);
    } else if (rig.runs) {
        rig.asked++;
        tell_launched(P_ADOPTED, v.instance.s, rig.runs);
    } else {
        rig.asked++;
        verb_ref_encode(&v, &b);
        tell(P_NOT_RUNNING, m->id, &b);
    }
}

static inline void from_core_to_roostd(const struct chan_msg *m, void *arg)
{
    struct msg_cur cur = msg_cur(m->data, m->len);

    (void)arg;
    if (m->type == P_READY)
        rig.ready = true;
    else if (m->type == P_LAUNCH)
        rig_launch(&cur);
    else if (m->type == P_KILL || m->type == P_ADOPT)
        rig_verb(m, &cur);
}

/* ---- the fake front ---- */

static inline void from_core_to_front(const struct chan_msg *m, void *arg)
{
    struct msg_cur cur = msg_cur(m->data, m->len);
    struct status_reply s;

    (void)arg;
    if (m->type == P_INVALIDATE)
        rig.invalidated++;
    if (m->type == P_HOME_REPLY) {
        must(status_reply_decode(&cur, &s, e));
        rig.status[m->id % REPLIES_MAX] = s.status;
    } else if (m->type == P_SEED_REPLY) {
        must(seed_reply_decode(&cur, &rig.seed, e));
        rig.status[m->id % REPLIES_MAX] = rig.seed.status;
        if (rig.seed.status == 200) {
            snprintf(rig.vendor, sizeof rig.vendor, "%.*s", (int)rig.seed.doc[SEED_VENDOR].len,
                     rig.seed.doc[SEED_VENDOR].data);
            snprintf(rig.user, sizeof rig.user, "%.*s", (int)rig.seed.doc[SEED_USER].len,
                     rig.seed.doc[SEED_USER].data);
        }
    } else {
        return;
    }
    rig.replies++;
    if (rig.on_reply)
        rig.on_reply();
}

static inline void gone(const struct err *err, void *arg)
{
    (void)err, (void)arg;
}

static inline void core_done(void *arg)
{
    (void)arg;
    rig.over = true;
}

/* ---- up and down ---- */

static inline void send_fd(enum proto_type t, int fd)
{
    auto_buf struct buf b = BUF_INIT;

    must(proto_send(rig.roostd, t, 0, &b, &fd, 1, e));
}

static inline void connect_front(void)
{
    auto_buf struct buf b = BUF_INIT;
    int pair[2];

    chan_free(rig.front);
    must(chan_pair(pair, e));
    send_fd(P_FRONT_LINK, pair[1]);
    close(pair[1]);
    rig.front = chan_new(rig.loop, pair[0], from_core_to_front, gone, NULL, NULL);
    assert_non_null(rig.front);
    hello_encode("front", &b);
    must(proto_send(rig.front, P_HELLO, 0, &b, NULL, 0, e));
}

static inline void introduce(void)
{
    auto_buf struct buf b = BUF_INIT;
    struct config *c = calloc(1, sizeof *c);
    struct accel_report a = { .accel = ACCEL_TCG, .reason = "no KVM", .qemu_version = "7.2" };
    char state[80];

    must(config_defaults(c, e));
    snprintf(state, sizeof state, "roost.state=%s", rig.dir);
    must(config_set(c, state, e));
    must(config_finish(c, e));
    hello_encode("roostd", &b);
    tell(P_HELLO, 0, &b);
    config_encode(c, &b);
    tell(P_CONFIG, 0, &b);
    accel_report_encode(&a, &b);
    tell(P_ACCEL, 0, &b);
    free(c);
    text_encode("127.0.0.1:10200", &b);
    tell(P_SEED_ADDRESS, 0, &b);
}

static inline void core_up(void)
{
    int pair[2];

    rig.ready = rig.over = false;
    rig.loop = loop_new(NULL);
    must(chan_pair(pair, e));
    rig.roostd = chan_new(rig.loop, pair[0], from_core_to_roostd, gone, NULL, NULL);
    rig.core = core_new(rig.loop, pair[1], core_done, NULL, NULL);
    assert_non_null(rig.core);
    introduce();
    connect_front();
    until(rig.ready);
}

static inline void core_down(void)
{
    core_free(rig.core);
    chan_free(rig.front);
    chan_free(rig.roostd);
    loop_free(rig.loop);
    rig.core = NULL;
    rig.front = rig.roostd = NULL;
    rig.loop = NULL;
}

static inline void quit_core(void)
{
    auto_buf struct buf b = BUF_INIT;

    tell(P_QUIT, 0, &b);
    until(rig.over);
    core_down();
}

static int rig_up(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    log_open("test", LOG_ERROR_);
    snprintf(rig.dir, sizeof rig.dir, "/tmp/roost-core.XXXXXX");
    if (!mkdtemp(rig.dir))
        return -1;
    setenv("XDG_RUNTIME_DIR", rig.dir, 1);
    core_up();
    return 0;
}

static int rig_down(void **state)
{
    auto_close int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    if (rig.core)
        core_down();
    json_decref(rig.answer.result);
    return dir_remove(tmp, rig.dir + strlen("/tmp/"), NULL);
}
#define WITH_CORE(t) cmocka_unit_test_setup_teardown(t, rig_up, rig_down)

/* ---- operations ---- */

static const struct actor tester = { "tester" };

static inline void answered(const json_t *result, const struct err *err, void *arg)
{
    struct answer *a = arg;

    a->calls++;
    a->err = err ? *err : (struct err){ 0 };
    json_decref(a->result);
    a->result = result ? json_deep_copy(result) : NULL;
}

/* Runs an operation to its end and gives its error's kind. */
#define operate(call)                                                                              \
    __extension__({                                                                                \
        rig.answer.calls = 0;                                                                      \
        (call);                                                                                    \
        until(rig.answer.calls);                                                                   \
        assert_int_equal(rig.answer.calls, 1);                                                     \
        rig.answer.err.kind;                                                                       \
    })

static inline enum err_kind apply_text(const char *text)
{
    json_t *tree = json_loads(text, 0, NULL);
    enum err_kind k;

    assert_non_null(tree);
    k = operate(core_apply(rig.core, tree, false, &tester, answered, &rig.answer));
    json_decref(tree);
    return k;
}

/* A kernel that nobody will boot: an image without a disk needs no qemu-img. */
static inline const char *fleet(const char *instances)
{
    static char text[65536];
    char kernel[96];
    auto_close int fd = -1;

    snprintf(kernel, sizeof kernel, "%s/vmlinuz", rig.dir);
    fd = open(kernel, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    if (lseek(fd, 0, SEEK_END) == 0)
        assert_int_equal(write(fd, "kernel", 6), 6);
    snprintf(text, sizeof text, "{\"images\": {\"k\": {\"kernel\": \"%s\"}}, \"instances\": {%s}}",
             kernel, instances);
    return text;
}

static inline void define(const char *instances)
{
    if (apply_text(fleet(instances)) != ERR_NONE)
        fail_msg("apply: %s", rig.answer.err.text);
}

static inline struct guest guest(const char *name)
{
    struct guest g;

    must(store_guest_by_name(rig.core->store, name, &g, e));
    return g;
}

static inline enum phase phase(const char *name)
{
    return guest(name).standing.phase;
}

/* ---- requests of guests ---- */

static inline struct caller caller_of(const char *name, enum token_purpose p)
{
    struct guest g = guest(name);
    struct caller c = {
        .claim = CLAIM_TAG, .tag = g.tag, .has_token = true, .agent = "Cloud-Init/25.1"
    };

    must(ip_parse("127.0.0.1", &c.peer.ip, e));
    snprintf(c.claimed, sizeof c.claimed, "%s", g.tag.s);
    core_token(rig.core, p, &g, &c.token);
    return c;
}

static inline uint32_t post(enum proto_type t, const struct caller *who, const char *body)
{
    auto_buf struct buf b = BUF_INIT;
    struct guest_post m = { .caller = *who, .body = body, .len = strlen(body) };

    guest_post_encode(&m, &b);
    must(proto_send(rig.front, t, ++rig.last_id, &b, NULL, 0, e));
    rig.status[rig.last_id % REPLIES_MAX] = 0;
    return rig.last_id;
}

static inline uint32_t post_home(const char *name, const char *iid, const char *key)
{
    struct caller who = caller_of(name, TOKEN_POST);
    char body[512];

    snprintf(body, sizeof body,
             "pub_key_ed25519=ssh-ed25519+%s+root%%40x%%0A&instance_id=%s&hostname=%s", key, iid,
             name);
    return post(P_HOME, &who, body);
}

static inline uint16_t status_of(uint32_t id)
{
    until(rig.status[id % REPLIES_MAX]);
    return rig.status[id % REPLIES_MAX];
}

static inline uint16_t home(const char *name, const char *iid, const char *key)
{
    return status_of(post_home(name, iid, key));
}

static inline uint16_t get_seed(const struct caller *who)
{
    auto_buf struct buf b = BUF_INIT;
    struct seed_get m = { .caller = *who, .doc = SEED_META };

    seed_get_encode(&m, &b);
    must(proto_send(rig.front, P_SEED_GET, ++rig.last_id, &b, NULL, 0, e));
    rig.status[rig.last_id % REPLIES_MAX] = 0;
    return status_of(rig.last_id);
}

/* ---- events ---- */

struct event_count {
    enum event_kind kind;
    unsigned n;
    char detail[EVENT_DETAIL_MAX + 1];
};

static inline int count_event(const struct event *ev, void *arg)
{
    struct event_count *n = arg;

    if (ev->kind != n->kind)
        return 0;
    n->n++;
    snprintf(n->detail, sizeof n->detail, "%s", ev->detail);
    return 0;
}

static inline struct event_count events(const char *name, enum event_kind k)
{
    struct event_count n = { .kind = k };

    must(store_events(rig.core->store, name ? guest(name).id : 0, 0, 100000, false, count_event, &n,
                      e));
    return n;
}

#endif
