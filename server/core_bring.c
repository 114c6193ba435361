/* Guests that come from another host. A child without rights reads the bundle into a directory of
 * no name; then what it needs here is looked for, and in one step the files get their places and
 * the record is written. */
#include "server/core_bring.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "server/core_emulator.h"
#include "server/core_errand.h"
#include "server/core_task.h"
#include "server/unbundle.h"

#define PROGRAM    "roost-unbundle"
#define MEMORY_MAX (1ull << 30)

/* ---- the end ---- */

static void moving_free(struct moving *m)
{
    m->c->moving = NULL;
    errand_free(m->errand);
    if (m->child)
        child_kill(m->child, SIGKILL, NULL);
    child_forget(m->child);
    if (m->from >= 0)
        close(m->from);
    for (int p = 0; p < BUNDLE_PARTS; p++)
        if (m->parts[p] >= 0)
            close(m->parts[p]);
    buf_done(&m->remarks);
    json_decref(m->notes);
    bundle_done(&m->bundle);
    json_decref(m->result);
    free(m);
}

/* Nothing of it stays. */
static void give_up(struct moving *m, const struct err *why)
{
    struct err e;

    bring_unstage(m->c);
    if (bring_note_end(m->c, &e) < 0)
        core_fault(m->c, "import: %s", e.text);
    task_end(m->task, why);
    moving_free(m);
}

static void take_back(struct moving *m, const struct err *why)
{
    bring_unplace(m);
    give_up(m, why);
}

void brings_free(struct core *c)
{
    if (!c->moving)
        return;
    task_leave(c->moving->task);
    moving_free(c->moving);
}

/* ---- step 4: it is all there; its place, and its record ---- */

static void recorded(bool committed, void *arg)
{
    struct moving *m = arg;
    struct err e = { .kind = ERR_IO,
                     .text = "the store could not be written; nothing was brought" };

    if (m->c->ending)
        return; /* brings_free() */
    if (!committed) {
        take_back(m, &e);
        return;
    }
    log_of(LOG_INFO_, m->bundle.instance.name.s, "brought from %s", m->bundle.host);
    if (m->notes)
        task_tell(m->task, steal_ptr(m->notes));
    task_end(m->task, NULL);
    moving_free(m);
}

static void settle(bool committed, void *arg)
{
    struct moving *m = arg;
    struct err e = { .kind = ERR_IO,
                     .text = "the store could not be written; nothing was brought" };

    if (m->c->ending)
        return; /* brings_free(), and the next core cleans */
    if (m->cancelled)
        err_set(&e, ERR_BUSY, "it was cancelled");
    if (!committed || m->cancelled || bring_check(m, &e) < 0 || bring_fits(m, &e) < 0)
        give_up(m, &e);
    else if (bring_place(m, &e) < 0 || bring_record(m, &e) < 0 ||
             core_after(m->c, recorded, m, &e) < 0)
        take_back(m, &e);
}

/* ---- step 3: what is it to stand on here, and is there room for it? ---- */

static void on_its_base(struct moving *m, const struct err *err)
{
    const char *image = m->brings_image ? m->image.s : "-";
    struct err e;

    if (!err && bring_note(m->c, m->bundle.instance.name.s, image, &e) == 0 &&
        core_after(m->c, settle, m, &e) == 0)
        return;
    give_up(m, err ? err : &e);
}

/* A machine that this host's QEMU has not is told: that can be changed here as well as there. */
static void remark(const char *text, void *arg)
{
    struct moving *m = arg;

    buf_printf(&m->remarks, "; %s", text);
}

static void look_at_machine(void *arg)
{
    struct moving *m = arg;
    const struct spec *s = &m->bundle.instance.spec;
    char why[EMULATOR_WHY];
    struct err e;

    if (m->c->ending)
        return; /* brings_free() */
    if (emulator_concerns(s) &&
        emulator_check(m->c, s, m->bundle.image.arch, remark, m, why, &e) < 0)
        buf_printf(&m->remarks, "; it will not start here before that is changed: %s", e.text);
    if (m->cancelled)
        err_set(&e, ERR_BUSY, "it was cancelled");
    else if (bring_disks(m, on_its_base, &e) == 0)
        return;
    give_up(m, &e);
}

static void settle_in(struct moving *m)
{
    unsigned archs;
    struct err e;

    task_progress(m->task, "checking", 0, 0);
    if (m->as.s[0])
        m->bundle.instance.name = m->as;
    if (bring_check(m, &e) < 0 || bring_find_network(m, &e) < 0 || bring_find_image(m, &e) < 0 ||
        bring_fits(m, &e) < 0) {
        give_up(m, &e);
        return;
    }
    bring_remark(m);
    archs = emulator_concerns(&m->bundle.instance.spec) ? 1u << m->bundle.image.arch : 0;
    if (emulators_ask(m->c, archs, look_at_machine, m, &e) < 0)
        give_up(m, &e);
}

/* ---- step 2: what the child tells ---- */

static void on_progress(uint64_t bytes, uint64_t total, void *arg)
{
    struct moving *m = arg;

    task_progress(m->task, "reading", bytes, total);
}

static int on_bundle(char *value, void *arg)
{
    struct moving *m = arg;
    json_t *j = json_loads(value, JSON_REJECT_DUPLICATES, NULL);
    int r = j ? bundle_from_json(j, &m->bundle, NULL) : -1;

    json_decref(j);
    return r < 0 ? -1 : ERRAND_LAST;
}

static void unbundled(const struct err *err, void *arg)
{
    struct moving *m = arg;

    m->errand = NULL;
    if (err) {
        struct err e = *err;
        err_wrap(&e, "%.300s", m->file);
        give_up(m, &e);
        return;
    }
    settle_in(m);
}

/* ---- step 1: begin ---- */

static int start(struct moving *m, struct err *e)
{
    static const struct errand_word words[] = { { "bundle", on_bundle } };
    static const struct errand_kind kind = {
        .program = PROGRAM,
        .say_fd = UNBUNDLE_SAY_FD,
        .line_max = UNBUNDLE_LINE_MAX,
        .max_memory = MEMORY_MAX,
        .max_file_size = BUNDLE_FILE_MAX,
        .words = words,
        .n_words = ARRAY_SIZE(words),
        .progress = on_progress,
        .done = unbundled,
    };
    struct spawn_fd fds[BUNDLE_PARTS];

    for (int i = 0; i < BUNDLE_PARTS; i++)
        fds[i] = (struct spawn_fd){ m->parts[i], UNBUNDLE_PART_FD + i };
    m->errand = errand_begin(m->c->loop, &kind, m->from, fds, BUNDLE_PARTS, m, e);
    return m->errand ? 0 : -1;
}

static void begun(bool committed, void *arg)
{
    struct moving *m = arg;
    struct err e = { .kind = ERR_IO, .text = "the store could not be written; nothing was begun" };

    if (!committed) {
        m->done(NULL, &e, m->arg);
        task_leave(m->task);
        moving_free(m);
        return;
    }
    m->done(m->result, NULL, m->arg);
    task_progress(m->task, "reading", 0, 0);
    if (bring_stage(m, &e) < 0 || start(m, &e) < 0)
        give_up(m, &e);
}

static void cancel(struct task *t, void *arg)
{
    struct moving *m = arg;

    (void)t;
    m->cancelled = true;
    if (m->errand)
        errand_cancel(m->errand);
    if (m->child)
        child_kill(m->child, SIGKILL, NULL);
}

static int open_file(struct moving *m, const char *file, struct err *e)
{
    struct stat st;

    if (file[0] != '/' || strlen(file) >= sizeof m->file)
        return err_set(e, ERR_INVALID, "body: \"file\" is no absolute path");
    snprintf(m->file, sizeof m->file, "%s", file);
    m->from = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (m->from < 0 || fstat(m->from, &st) < 0)
        return err_sys(e, "%s", file);
    return S_ISREG(st.st_mode) ? 0 : err_set(e, ERR_INVALID, "%s is no regular file", file);
}

static int begin(struct moving *m, const struct move_ask *ask, struct err *e)
{
    const char *slash = strrchr(ask->file, '/');
    struct task_new n = { .kind = "import",
                          .object = ask->as ? ask->as
                                    : slash ? slash + 1
                                            : ask->file,
                          .what = ask->file,
                          .who = &m->who,
                          .cancel = cancel,
                          .arg = m };

    if ((ask->as && instance_name_parse(ask->as, &m->as, e) < 0) ||
        (ask->network && name_parse(ask->network, "network name", &m->network, e) < 0) ||
        open_file(m, ask->file, e) < 0)
        return -1;
    if (m->network.s[0] && !core_network(m->c, m->network.s))
        return err_set(e, ERR_NOT_FOUND,
                       "there is no network \"%s\"; roost network list shows them", m->network.s);
    if (bring_note(m->c, "-", "-", e) < 0 || !(m->task = task_begin(m->c, &n, e)))
        return -1;
    m->result = task_view(m->task);
    if (core_after(m->c, begun, m, e) == 0)
        return 0;
    task_leave(m->task);
    return -1;
}

void core_import(struct core *c, const struct move_ask *ask, const struct actor *who,
                 core_op_fn *done, void *arg)
{
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };
    struct moving *m = c->moving ? NULL : calloc(1, sizeof *m);

    if (c->moving)
        err_set(&e, ERR_BUSY, "a guest is being brought in already; roost task list");
    if (m) {
        *m = (struct moving){ .c = c, .who = *who, .from = -1, .done = done, .arg = arg };
        for (int p = 0; p < BUNDLE_PARTS; p++)
            m->parts[p] = -1;
        c->moving = m;
        if (begin(m, ask, &e) == 0)
            return;
        moving_free(m);
    }
    done(NULL, &e, arg);
}
