#include "bootstrap/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/spawn.h"
#include "base/utf8.h"
#include "bootstrap/platform.h"
#include "bootstrap/probe_boot.h"
#include "bootstrap/verdict.h"
#include "model/layout.h"

enum {
    IMAGE_FD = 10,      /* the guest code's number inside QEMU */
    VERDICT_MAX = 8192, /* bytes of the cache file */
    LIMIT_DEFAULT_MS = 5000,
    LOAD_FACTOR = 4, /* --version: from a cold disk, beside all else that starts with the host */
};

struct probe {
    struct loop *loop;
    struct loop_timer *later; /* an answer that needs no child comes from the loop all the same */
    struct child *child;
    char *qemu, *kvm;
    enum arch arch;
    int state_dir;
    bool forced;
    int64_t limit_ms;
    struct circumstances now;
    struct accel_report report;
    probe_done_fn *done;
    void *arg;
};

static void probe_free(struct probe *p)
{
    loop_timer_free(p->later);
    free(p->qemu);
    free(p->kvm);
    free(p);
}

void probe_cancel(struct probe *p)
{
    if (!p)
        return;
    if (p->child) {
        (void)child_kill(p->child, SIGKILL, NULL);
        child_forget(p->child);
    }
    probe_free(p);
}

static void finish(struct probe *p)
{
    const struct accel_report r = p->report;
    probe_done_fn *done = p->done;
    void *arg = p->arg;
    probe_free(p);
    done(&r, arg);
}

static void verdict(struct probe *p, enum accel accel, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void verdict(struct probe *p, enum accel accel, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->report.reason, sizeof(p->report.reason), fmt, ap);
    va_end(ap);
    control_mask(p->report.reason);
    p->report.accel = accel;
}

/* A verdict that cannot be kept costs the next start some seconds, no more. */
static void keep(struct probe *p)
{
    auto_buf struct buf b = BUF_INIT;
    if (p->state_dir < 0)
        return;
    verdict_render(&p->report, &p->now, &b);
    if (buf_check(&b, NULL) == 0)
        (void)file_replace(p->state_dir, FILE_ACCEL, b.data, b.len, 0644, NULL, NULL);
}

static bool recall(struct probe *p)
{
    auto_buf struct buf b = BUF_INIT;
    return p->state_dir >= 0 && p->now.boot_id[0] &&
           file_read(p->state_dir, FILE_ACCEL, VERDICT_MAX, &b, NULL) == 0 &&
           verdict_parse(buf_str(&b), &p->now, &p->report) == 0;
}

/* --- the device ------------------------------------------------------------------------------ */

/* Does the CPU offer virtualization at all (Intel VMX, AMD SVM)? Unknown counts as yes. */
static bool cpu_offers(void)
{
    auto_fclose FILE *f = fopen("/proc/cpuinfo", "re");
    auto_free char *line = NULL;
    size_t size = 0;
    if (!f)
        return true;
    while (getline(&line, &size, f) > 0) {
        if (strncmp(line, "flags", 5) == 0)
            return strstr(line, " vmx") || strstr(line, " svm");
    }
    return true;
}

/* Arm's KVM is no module: it comes with the kernel, where that was started at the level of
 * hypervisors (Documentation/arm64/booting.rst). */
static const char *why_absent(enum arch a)
{
    if (a == ARCH_ARM64)
        return "the kernel has no KVM, or was not started at EL2 (a boot loader's doing, or a "
               "virtual machine without nesting)";
    return cpu_offers() ? "the kvm module is not loaded (modprobe kvm_intel or kvm_amd)"
                        : "the CPU offers no virtualization (off in the BIOS, or a virtual machine "
                          "without nesting)";
}

void kvm_look(const char *kvm, struct kvm_sight *ret)
{
    auto_close int fd = open(kvm, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    *ret = (struct kvm_sight){ .error = fd < 0 ? errno : 0 };
    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    ret->dev = st.st_dev;
    ret->rdev = st.st_rdev;
    ret->ino = st.st_ino;
}

bool kvm_same(const struct kvm_sight *a, const struct kvm_sight *b)
{
    return a->error == b->error && a->dev == b->dev && a->rdev == b->rdev && a->ino == b->ino;
}

/* Why the device cannot even be opened; false when it can. */
static bool device_fails(struct probe *p)
{
    auto_close int fd = open(p->kvm, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        verdict(p, ACCEL_TCG, "no %s: %s", p->kvm, why_absent(p->arch));
    else if (fd < 0 && (errno == ENODEV || errno == ENXIO)) /* a node that udev made beforehand */
        verdict(p, ACCEL_TCG, "no KVM behind %s: %s", p->kvm, why_absent(p->arch));
    else if (fd < 0 && errno == EPERM) /* of root too: by the list of a cgroup */
        verdict(p, ACCEL_TCG, "%s is not among the devices of this service or container (DeviceAllow=)", p->kvm);
    else if (fd < 0 && errno == EACCES)
        verdict(p, ACCEL_TCG, "no right to open %s: add this user to the group kvm", p->kvm);
    else if (fd < 0)
        verdict(p, ACCEL_TCG, "cannot open %s: %s", p->kvm, strerror(errno));
    else if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
        verdict(p, ACCEL_TCG, "%s opens, but is no KVM of version %d", p->kvm, KVM_API_VERSION);
    else
        return false;
    return true;
}

/* --- the run --------------------------------------------------------------------------------- */

static int boot_image(const struct probe_boot *b, struct err *e)
{
    auto_close int fd = memfd_create("roost-probe", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, b->image) < 0 ||
        pwrite(fd, b->code, b->size, 0) != (ssize_t)b->size)
        return err_sys(e, "cannot make the probe's image");
    return steal_fd(&fd);
}

/* The last line of what it said, without its own name in front. */
static const char *last_line(const struct buf *text, char *out, size_t size)
{
    const char *s = buf_str(text);
    size_t len = strlen(s);
    while (len > 0 && s[len - 1] == '\n')
        len--;
    size_t start = len;
    while (start > 0 && s[start - 1] != '\n')
        start--;
    snprintf(out, size, "%.*s", (int)(len - start), s + start);
    return out;
}

static bool ran(const struct probe_boot *b, const struct spawn_exit *x)
{
    return WIFEXITED(x->status) && WEXITSTATUS(x->status) == b->status &&
           (!b->said || strcmp(buf_str(x->out), b->said) == 0);
}

static void run_done(const struct spawn_exit *x, void *arg)
{
    struct probe *p = arg;
    char how[64];
    char said[120];
    p->child = NULL;
    if (x->timed_out)
        verdict(p, ACCEL_TCG, "%s opens, but a guest on it hung", p->kvm);
    else if (ran(probe_boot_of(p->arch), x))
        verdict(p, ACCEL_KVM, "KVM runs guest code");
    else
        verdict(p, ACCEL_TCG, "%s opens, but a guest on it failed: QEMU %s%s%s", p->kvm,
                child_status_text(x->status, false, how), x->err->len ? ": " : "",
                last_line(x->err, said, sizeof(said)));
    keep(p);
    finish(p);
}

static int run(struct probe *p, struct err *e)
{
    auto_argv struct argv a = ARGV_INIT;
    auto_close int image = boot_image(probe_boot_of(p->arch), e);
    if (image < 0)
        return -1;
    struct spawn_fd fds[] = { { .from = image, .to = IMAGE_FD } };
    struct spawn_opts o = SPAWN_OPTS_INIT;
    o.fds = fds;
    o.n_fds = 1;
    o.capture = true;
    o.own_session = true;
    o.limit_caps = true; /* to none */
    o.limit_ms = p->limit_ms;
    argv_add(&a, p->qemu);
    argv_add(&a, "-add-fd");
    argv_addf(&a, "fd=%d,set=1", IMAGE_FD);
    probe_boot_args(p->arch, ACCEL_KVM, "/dev/fdset/1", &a);
    p->child = child_spawn(p->loop, &a, &o, run_done, p, e);
    return p->child ? 0 : -1;
}

static void choose(struct probe *p)
{
    struct err e = { 0 };
    if (p->forced) {
        verdict(p, p->report.accel, "%s by configuration", accel_name(p->report.accel));
    } else if (device_fails(p)) {
        p->now.limit_ms = 0;
        keep(p);
    } else if (!recall(p)) {
        if (run(p, &e) == 0)
            return;
        verdict(p, ACCEL_TCG, "the KVM probe did not start: %.150s", e.text);
    }
    finish(p);
}

/* --- QEMU's version -------------------------------------------------------------------------- */

/* "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)" */
static bool version_read(const char *text, char out[64])
{
    static const char mark[] = "QEMU emulator version ";
    size_t len = strcspn(text, "\n");
    if (strncmp(text, mark, sizeof(mark) - 1) != 0)
        return false;
    len -= sizeof(mark) - 1;
    snprintf(out, 64, "%.*s", len < 63 ? (int)len : 63, text + sizeof(mark) - 1);
    control_mask(out);
    return out[0] != '\0';
}

static void version_done(const struct spawn_exit *x, void *arg)
{
    struct probe *p = arg;
    char how[64];
    p->child = NULL;
    if (!x->timed_out && x->status == 0 && version_read(buf_str(x->out), p->now.qemu_version)) {
        memcpy(p->report.qemu_version, p->now.qemu_version, sizeof(p->now.qemu_version));
        choose(p);
        return;
    }
    verdict(p, ACCEL_TCG, "%s is no working QEMU: `--version` %s", p->qemu,
            child_status_text(x->status, x->timed_out, how));
    finish(p);
}

static int ask_version(struct probe *p, struct err *e)
{
    auto_argv struct argv a = ARGV_INIT;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    o.capture = true;
    o.own_session = true;
    o.limit_caps = true; /* to none */
    o.limit_ms = p->limit_ms * LOAD_FACTOR;
    argv_add(&a, p->qemu);
    argv_add(&a, "--version");
    p->child = child_spawn(p->loop, &a, &o, version_done, p, e);
    return p->child ? 0 : -1;
}

/* --- the start ------------------------------------------------------------------------------- */

static void later_cb(void *arg)
{
    finish(arg);
}

struct probe *probe_start(struct loop *l, const struct probe_opts *o, probe_done_fn *done,
                          void *arg, struct err *e)
{
    struct err why = { 0 };
    struct probe *p = calloc(1, sizeof(*p));
    if (!p) {
        err_sys(e, "accelerator probe");
        return NULL;
    }
    p->loop = l;
    p->arch = o->arch;
    p->state_dir = o->state_dir;
    p->forced = o->forced;
    p->report.accel = o->forced ? o->force : ACCEL_TCG;
    p->limit_ms = o->limit_ms > 0 ? o->limit_ms : LIMIT_DEFAULT_MS;
    p->done = done;
    p->arg = arg;
    p->qemu = strdup(o->qemu);
    p->kvm = strdup(o->kvm);
    p->later = loop_timer_new(l, later_cb, p, e);
    if (!p->qemu || !p->kvm || !p->later) {
        if (p->later)
            err_set(e, ERR_INTERNAL, "accelerator probe: out of memory");
        probe_free(p);
        return NULL;
    }
    p->now.limit_ms = p->limit_ms;
    snprintf(p->now.boot_id, sizeof(p->now.boot_id), "%s", clock_boot_id());
    binary_look(p->qemu, &p->now.qemu);
    if (ask_version(p, &why) < 0) {
        verdict(p, p->report.accel, "QEMU is missing: %.150s (apt-get install %s)",
                why.text, platform_of(p->arch)->package);
        loop_timer_set(p->later, 0);
    }
    return p;
}
