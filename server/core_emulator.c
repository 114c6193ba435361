#include "server/core_emulator.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "bootstrap/binary.h"
#include "bootstrap/platform.h"

#define LIMIT_MS 20000 /* of one question: from a cold disk, on a busy host */
#define KEPT_MAX (1u << 20)

struct waiter {
    struct waiter *next;
    unsigned archs;
    void (*fn)(void *arg);
    void *arg;
};

/* The QEMU of one architecture. */
struct known {
    struct core *c;
    enum arch arch;
    struct binary binary; /* that `is` is of */
    int64_t modules_ns;   /* and its modules */
    struct emulator *is;  /* NULL: nothing is known, by `why` */
    char why[EMULATOR_WHY];
    struct child *child; /* it is being asked; the next four are of that */
    struct emulator *fresh;
    struct binary asked;
    int64_t asked_modules_ns;
    unsigned question;
};

struct emulators {
    struct known of[ARCHES];
    struct waiter *waiters; /* in order */
    struct loop_timer *wake;
};

/* ---- who waits ---- */

static bool at_work(const struct core *c, unsigned archs)
{
    for (int a = 0; a < ARCHES; a++)
        if (archs & 1u << a && c->emulators->of[a].child)
            return true;
    return false;
}

/* The first who has not to wait any more; false: there is none. */
static bool call_one(struct core *c)
{
    for (struct waiter **at = &c->emulators->waiters; *at; at = &(*at)->next) {
        struct waiter *w = *at;
        if (!c->ending && at_work(c, w->archs))
            continue;
        *at = w->next;
        w->fn(w->arg);
        free(w);
        return true;
    }
    return false;
}

/* One a turn, since each changes what the next one finds, from its commit on. */
static void wake(void *arg)
{
    struct core *c = arg;

    if (call_one(c))
        loop_timer_set(c->emulators->wake, 0);
}

static struct emulators *emulators_new(struct core *c, struct err *e)
{
    struct emulators *m = calloc(1, sizeof *m);

    if (!m) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    for (int a = 0; a < ARCHES; a++)
        m->of[a] = (struct known){ .c = c, .arch = (enum arch)a };
    if (!(m->wake = loop_timer_new(c->loop, wake, c, e)))
        free(steal_ptr(m));
    return m;
}

static struct known *known_of(struct core *c, enum arch a, struct err *e)
{
    if (!c->emulators && !(c->emulators = emulators_new(c, e)))
        return NULL;
    return &c->emulators->of[a];
}

/* ---- what is kept ---- */

static int open_state(const struct core *c)
{
    return open(c->config.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void file_of(const struct known *k, char out[64])
{
    snprintf(out, 64, "%s%s", FILE_EMULATOR, arch_name(k->arch));
}

/* What cannot be kept is asked for again by the next core. */
static void keep(const struct known *k)
{
    auto_close int dir = open_state(k->c);
    json_t *j =
        json_pack("{s:s, s:I, s:I, s:I, s:o}", "path", k->binary.path, "size",
                  (json_int_t)k->binary.size, "mtime-ns", (json_int_t)k->binary.mtime_ns,
                  "modules-ns", (json_int_t)k->modules_ns, "knows", emulator_to_json(k->is));
    auto_free char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    char name[64];

    file_of(k, name);
    if (text && dir >= 0)
        (void)file_replace(dir, name, text, strlen(text), 0644, NULL, NULL);
    json_decref(j);
}

static bool recall(struct known *k, const struct binary *now, int64_t modules_now)
{
    auto_close int dir = open_state(k->c);
    auto_buf struct buf b = BUF_INIT;
    json_t *j = NULL;
    json_int_t size, mtime_ns, modules_ns;
    const char *path;
    const json_t *knows;
    char name[64];

    file_of(k, name);
    if (dir >= 0 && file_read(dir, name, KEPT_MAX, &b, NULL) == 0)
        j = json_loadb(buf_str(&b), b.len, JSON_REJECT_DUPLICATES, NULL);
    if (j &&
        json_unpack(j, "{s:s, s:I, s:I, s:I, s:o}", "path", &path, "size", &size, "mtime-ns",
                    &mtime_ns, "modules-ns", &modules_ns, "knows", &knows) == 0 &&
        strcmp(path, now->path) == 0 && (uint64_t)size == now->size && mtime_ns == now->mtime_ns &&
        modules_ns == modules_now)
        k->is = emulator_from_json(knows, k->arch);
    json_decref(j);
    return k->is != NULL;
}

/* ---- asking ---- */

static void forget(struct known *k)
{
    emulator_free(steal_ptr(k->is));
}

static void end(struct known *k, const char *why)
{
    forget(k);
    if (why) {
        snprintf(k->why, sizeof k->why, "%.100s: %.150s", k->asked.path, why);
        log_warn("what QEMU can do is not known: %s", k->why);
        emulator_free(steal_ptr(k->fresh));
        return;
    }
    k->is = steal_ptr(k->fresh);
    k->binary = k->asked;
    k->modules_ns = k->asked_modules_ns;
    keep(k);
}

static int ask(struct known *k, struct err *e);

static int heard(struct known *k, const struct spawn_exit *x, struct err *e)
{
    char status[64];

    /* Its list of displays counts also when it ends as after an error. */
    if (x->timed_out || !WIFEXITED(x->status) || (k->question == 0 && x->status != 0))
        return err_set(e, ERR_IO, "%s: %.120s", child_status_text(x->status, x->timed_out, status),
                       buf_str(x->err));
    return emulator_answer(k->fresh, k->question, buf_str(x->out), x->out->len, e);
}

static void answered(const struct spawn_exit *x, void *arg)
{
    struct known *k = arg;
    struct err e;

    k->child = NULL;
    if (heard(k, x, &e) < 0)
        end(k, e.text);
    else if (++k->question == EMULATOR_QUESTIONS)
        end(k, NULL);
    else if (ask(k, &e) == 0)
        return;
    else
        end(k, e.text);
    loop_timer_set(k->c->emulators->wake, 0);
}

static int ask(struct known *k, struct err *e)
{
    auto_close int in = memfd_create("questions", MFD_CLOEXEC);
    auto_argv struct argv a = ARGV_INIT;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    const char *text;

    emulator_question(k->fresh, k->question, k->asked.path, &a, &text);
    if (in < 0 || pwrite(in, text, strlen(text), 0) != (ssize_t)strlen(text))
        return err_sys(e, "memfd_create");
    o.in = in;
    o.capture = true;
    o.capture_cap = EMULATOR_ANSWER;
    o.own_session = true;
    o.limit_caps = true; /* to none */
    o.limit_ms = LIMIT_MS;
    k->child = child_spawn(k->c->loop, &a, &o, answered, k, e);
    return k->child ? 0 : -1;
}

/* A binary that is another than before is asked; one that is not there has nothing to say. */
static void look(struct known *k)
{
    struct core *c = k->c;
    const char *program = config_qemu(&c->config, k->arch);
    int64_t modules_ns;
    struct binary now;
    struct err e;

    if (k->child)
        return;
    binary_look(program, &now);
    modules_ns = binary_modules_ns();
    if (k->is && binary_same(&k->binary, &now) && k->modules_ns == modules_ns)
        return;
    forget(k);
    if (!c->config.launch) {
        snprintf(k->why, sizeof k->why, "this roost launches no guests");
    } else if (!now.size) {
        snprintf(k->why, sizeof k->why, "%.150s is missing (apt install %s)", program,
                 platform_of(k->arch)->package);
    } else if (recall(k, &now, modules_ns)) {
        k->binary = now;
        k->modules_ns = modules_ns;
    } else {
        k->asked = now;
        k->asked_modules_ns = modules_ns;
        k->question = 0;
        if (!(k->fresh = emulator_new(k->arch, &e)) || ask(k, &e) < 0)
            end(k, e.text);
    }
}

int emulators_ask(struct core *c, unsigned archs, void (*fn)(void *arg), void *arg, struct err *e)
{
    struct waiter *w, **at;

    for (int a = 0; a < ARCHES; a++) {
        struct known *k = archs & 1u << a ? known_of(c, (enum arch)a, e) : NULL;
        if (!k && archs & 1u << a)
            return -1;
        if (k)
            look(k);
    }
    if (!archs || !at_work(c, archs)) {
        fn(arg);
        return 0;
    }
    if (!(w = calloc(1, sizeof *w)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    *w = (struct waiter){ .archs = archs, .fn = fn, .arg = arg };
    for (at = &c->emulators->waiters; *at;)
        at = &(*at)->next;
    *at = w;
    return 0;
}

void emulators_free(struct core *c)
{
    if (!c->emulators)
        return;
    for (int a = 0; a < ARCHES; a++) {
        struct known *k = &c->emulators->of[a];
        if (k->child)
            (void)child_kill(k->child, SIGKILL, NULL);
        child_forget(steal_ptr(k->child));
        emulator_free(k->fresh);
        forget(k);
    }
    while (call_one(c))
        ;
    loop_timer_free(c->emulators->wake);
    free(steal_ptr(c->emulators));
}

/* ---- what follows ---- */

bool emulator_concerns(const struct spec *s)
{
    const struct machine_def *m = &s->machine;
    bool bus = s->root && s->root->bus != DRIVE_VIRTIO;

    for (int i = 0; i < s->n_drives; i++)
        bus |= s->drives[i].bus != DRIVE_VIRTIO;
    return s->launcher == LAUNCHER_ROOST &&
           (bus || m->cpu[0] || m->type[0] || m->display != DISPLAY_HEADLESS || m->n_devices ||
            m->n_arguments);
}

/* As much of the launch as is judged. */
static void fill(const struct spec *s, enum arch a, struct launch *l)
{
    l->arch = a;
    l->cpus = s->cpus;
    l->machine = s->machine;
    l->image_format = DISK_QCOW2;
    spec_root(s, &l->root);
    l->n_drives = (uint32_t)s->n_drives;
    for (uint32_t i = 0; i < l->n_drives; i++)
        l->drives[i] = s->drives[i];
    /* Formats of files are found out at the launch; here any will do. */
    l->root.format = DISK_RAW;
    for (uint32_t i = 0; i < l->n_drives; i++)
        l->drives[i].format = DISK_RAW;
}

/* KVM may be there by the time it is started. */
static void remark_of_host(struct core *c, const struct launch *l,
                           void (*remark)(const char *text, void *arg), void *arg)
{
    bool foreign = l->arch != arch_native();
    char text[400];

    if (strcspn(l->machine.cpu, ",") != 4 || strncmp(l->machine.cpu, "host", 4) != 0 ||
        (!foreign && (!c->accel_known || c->accel.accel == ACCEL_KVM)))
        return;
    snprintf(text, sizeof text, "cpu: host needs KVM, without which it does not start (%s)",
             foreign ? "the guest is of another architecture than this host" : c->accel.reason);
    remark(text, arg);
}

int emulator_check(struct core *c, const struct spec *s, enum arch a,
                   void (*remark)(const char *text, void *arg), void *arg, char why[EMULATOR_WHY],
                   struct err *e)
{
    auto_free struct launch *l = calloc(1, sizeof *l);
    struct known *k = known_of(c, a, e);

    if (!l)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (!k)
        return -1;
    if (!k->is) {
        snprintf(why, EMULATOR_WHY, "%s", k->why[0] ? k->why : "it was not asked");
        return 1;
    }
    fill(s, a, l);
    if (emulator_judge(k->is, l, e) < 0)
        return -1;
    emulator_remarks(k->is, l, remark, arg);
    remark_of_host(c, l, remark, arg);
    return 0;
}
