#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "bootstrap/platform.h"
#include "bootstrap/smbios.h"
#include "bootstrap/vmsh.h"
#include "server/drive_file.h"
#include "server/guests_priv.h"

enum where { IN_INSTANCE, IN_IMAGE, IN_CONFIG };

/* Each file of a guest: where it lies, how it is opened. The lock is not here, it comes first, nor the
 * disks. */
static const struct {
    enum qemu_file file;
    enum where where;
    const char *name;
    int flags;
} rows[] = {
    { QEMU_BASE, IN_IMAGE, FILE_IMAGE_DISK, O_RDONLY },
    { QEMU_KERNEL, IN_IMAGE, FILE_IMAGE_KERNEL, O_RDONLY },
    { QEMU_INITRD, IN_IMAGE, FILE_IMAGE_INITRD, O_RDONLY },
    { QEMU_SMBIOS, IN_INSTANCE, FILE_SMBIOS, O_RDONLY },
    { QEMU_SEED, IN_INSTANCE, FILE_SEED, O_RDONLY },
    { QEMU_CODE, IN_CONFIG, "firmware code", O_RDONLY },
    { QEMU_VARS, IN_INSTANCE, FILE_VARS, O_RDWR },
    { QEMU_CONSOLE, IN_INSTANCE, FILE_CONSOLE, O_WRONLY | O_CREAT | O_APPEND },
};

void guest_files_close(struct guest_files *f)
{
    for (int i = 0; i < QEMU_FILES; i++) {
        if (f->fd[i] >= 0)
            close(f->fd[i]);
        f->fd[i] = -1;
    }
    if (f->log >= 0)
        close(f->log);
    if (f->dir >= 0)
        close(f->dir);
    f->log = f->dir = -1;
}

int guest_dir(const struct guests *g, const struct name *instance, struct err *e)
{
    int fd = file_open_beneath(g->place->instances, instance->s, O_RDONLY | O_DIRECTORY, 0, e);

    return fd < 0 ? err_wrap(e, "%s", DIR_INSTANCES) : fd;
}

void guest_sockets_remove(const struct guests *g, const struct name *instance)
{
    static const char *const suffixes[] = { SUFFIX_QMP, SUFFIX_CONSOLE, SUFFIX_VNC };
    char path[PATH_SIZE];

    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        layout_socket(g->config->run, instance, suffixes[i], path);
        if (unlink(path) < 0 && errno != ENOENT)
            log_of(LOG_WARN_, instance->s, "%s: %s", path, strerror(errno));
    }
}

/* --- files that roostd writes -------------------------------------------------------------- */

static int write_smbios(int dir, const struct launch *l, struct err *e)
{
    auto_buf struct buf serial = BUF_INIT, blob = BUF_INIT;

    if (!l->seed) { /* nor one from before its definition changed: it holds a token */
        if (unlinkat(dir, FILE_SMBIOS, 0) < 0 && errno != ENOENT)
            return err_sys(e, "%s", FILE_SMBIOS);
        return 0;
    }
    seed_serial(&serial, l->base_url, &l->tag, &l->seed_token);
    if (buf_check(&serial, e) < 0 || smbios_type1(buf_str(&serial), &l->uuid, &blob, e) < 0 ||
        buf_check(&blob, e) < 0)
        return -1;
    return file_replace(dir, FILE_SMBIOS, blob.data, blob.len, 0600, NULL, e);
}

/* vm.sh must find QEMU whatever PATH its user has. */
static int find_binary(const char *name, enum arch a, char ret[PATH_MAX], struct err *e)
{
    const char *p = getenv("PATH"), *key = a == ARCH_ARM64 ? "qemu-arm64" : "qemu";
    struct stat st;

    if (name[0] == '/') {
        snprintf(ret, PATH_MAX, "%.*s", PATH_MAX - 1, name);
        return access(ret, X_OK) == 0 ? 0 : err_sys(e, "[launch] %s: %.300s", key, name);
    }
    for (p = p ? p : "/usr/local/bin:/usr/bin:/bin"; *p;) {
        int len = (int)strcspn(p, ":");
        int n = snprintf(ret, PATH_MAX, "%.*s/%s", len, p, name);
        if (*p == '/' && n < PATH_MAX && stat(ret, &st) == 0 && S_ISREG(st.st_mode) &&
            access(ret, X_OK) == 0)
            return 0;
        p += len + (p[len] == ':');
    }
    return err_set(e, ERR_NOT_FOUND,
                   "%.100s is not in PATH: install it (package %s), or name it in [launch] %s",
                   name, platform_of(a)->package, key);
}

static int write_vmsh(const struct guests *g, int dir, const struct launch *l, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    char binary[PATH_MAX];
    const char *code = guest_firmware_code(g, l);

    if (find_binary(config_qemu(g->config, l->arch), l->arch, binary, e) < 0 ||
        vmsh_render(l, binary, *code ? code : NULL, NULL, &text, e) < 0 || buf_check(&text, e) < 0)
        return -1;
    return file_replace(dir, FILE_VM_SH, text.data, text.len, 0700, NULL, e);
}

int guest_files_write(const struct guests *g, int dir, const struct launch *l, struct err *e)
{
    return write_smbios(dir, l, e) < 0 || write_vmsh(g, dir, l, e) < 0 ? -1 : 0;
}

/* --- files that QEMU gets ------------------------------------------------------------------ */

static int open_row(const struct guests *g, const struct launch *l, int dir, int image, size_t i,
                    struct err *e)
{
    int fd;

    switch (rows[i].where) {
    case IN_INSTANCE:
        return file_open_beneath(dir, rows[i].name, rows[i].flags, 0600, e);
    case IN_IMAGE:
        fd = file_open_beneath(image, rows[i].name, rows[i].flags, 0, e);
        return fd < 0 ? err_wrap(e, "image") : fd;
    case IN_CONFIG:
        return guest_firmware_open(g, l, e);
    }
    return -1;
}

static int open_rows(const struct guests *g, const struct launch *l, struct guest_files *f,
                     struct err *e)
{
    auto_close int image = -1;

    if (l->image.s[0])
        image = file_open_beneath(g->place->images, l->image.s, O_RDONLY | O_DIRECTORY, 0, e);
    if (l->image.s[0] && image < 0)
        return err_wrap(e, "%s", DIR_IMAGES);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (!qemu_needs(l, rows[i].file))
            continue;
        f->fd[rows[i].file] = open_row(g, l, f->dir, image, i, e);
        if (f->fd[rows[i].file] < 0)
            return -1;
    }
    if (!qemu_needs(l, QEMU_CDROM))
        return 0;
    f->fd[QEMU_CDROM] = guest_medium_open(g, l->media.iso, e);
    return f->fd[QEMU_CDROM] < 0 ? -1 : 0;
}

/* Where it lies, below the instance's directory. */
static int open_own(const struct launch *l, int dir, enum qemu_file f, struct err *e)
{
    const struct drive *d = qemu_drive(l, f);
    const char *serial = d == &l->root ? "" : d->serial;
    char name[DRIVE_NAME_SIZE];

    if (qemu_is_bottom(f))
        drive_name(serial, name);
    else
        drive_top_name(serial, name);
    return file_open_beneath(dir, name, qemu_writes(l, f) ? O_RDWR : O_RDONLY, 0, e);
}

/* Locked as long as QEMU has it open, whatever becomes of roost: QEMU's own locks (fcntl(2), F_OFD_SETLK)
 * keep other QEMUs away, this one who knows flock(2), and says who was first before QEMU starts. */
static int open_file(const struct guests *g, const struct drive *d, bool writes, struct err *e)
{
    struct stat st;
    auto_close int fd = drive_file_open(g->config, d->file, writes, &st, e);

    if (fd < 0)
        return -1;
    if (S_ISBLK(st.st_mode) != d->device)
        return err_set(e, ERR_CONFLICT, "%.200s is not what it was a moment ago", d->file);
    if (flock(fd, (writes ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0)
        return steal_fd(&fd);
    return errno == EWOULDBLOCK
               ? err_set(e, ERR_CONFLICT, "%.200s is in use by another guest or program", d->file)
               : err_sys(e, "%.200s", d->file);
}

static int open_disk(const struct guests *g, const struct launch *l, int dir, enum qemu_file f,
                     struct err *e)
{
    const struct drive *d = qemu_drive(l, f);

    return d->file[0] && qemu_is_bottom(f) ? open_file(g, d, qemu_writes(l, f), e)
                                           : open_own(l, dir, f, e);
}

static int open_disks(const struct guests *g, const struct launch *l, struct guest_files *f,
                      struct err *e)
{
    for (int i = 0; i < QEMU_FILES; i++) {
        if (!qemu_drive(l, (enum qemu_file)i) || !qemu_needs(l, (enum qemu_file)i))
            continue;
        f->fd[i] = open_disk(g, l, f->dir, (enum qemu_file)i, e);
        if (f->fd[i] < 0)
            return -1;
    }
    return 0;
}

static int take_lock(struct guest_files *f, struct err *e)
{
    f->fd[QEMU_LOCK] = lock_take(f->dir, FILE_LOCK_QEMU, e);
    if (f->fd[QEMU_LOCK] >= 0)
        return 0;
    if (e && e->kind == ERR_BUSY)
        return err_set(e, ERR_CONFLICT, "already running");
    return -1;
}

static int open_all(const struct guests *g, const struct launch *l, struct guest_files *f,
                    struct err *e)
{
    f->dir = guest_dir(g, &l->instance, e);
    if (f->dir < 0 || take_lock(f, e) < 0 || guest_files_write(g, f->dir, l, e) < 0)
        return -1;
    if (qemu_needs(l, QEMU_VARS) && guest_variables_make(g, f->dir, l, e) < 0)
        return -1;
    if (open_rows(g, l, f, e) < 0 || open_disks(g, l, f, e) < 0)
        return -1;
    f->log =
        file_open_beneath(f->dir, FILE_QEMU_LOG, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600, e);
    return f->log < 0 ? -1 : 0;
}

int guest_files_open(const struct guests *g, const struct launch *l, struct guest_files *ret,
                     struct err *e)
{
    struct guest_files f = GUEST_FILES_INIT;

    if (open_all(g, l, &f, e) < 0) {
        guest_files_close(&f);
        return -1;
    }
    *ret = f;
    return 0;
}

/* --- pid file, log ------------------------------------------------------------------------- */

int guest_pid_write(int dir, pid_t pid, uint64_t launch_id, struct err *e)
{
    char text[80];
    uint64_t start;

    if (proc_start_time(pid, &start, e) < 0)
        return -1;
    int len =
        snprintf(text, sizeof(text), "%d %" PRIu64 " %" PRIu64 "\n", (int)pid, start, launch_id);
    return file_replace(dir, FILE_PID, text, (size_t)len, 0600, NULL, e);
}

int guest_pid_read(int dir, pid_t *ret_pid, uint64_t *ret_start, uint64_t *ret_launch_id,
                   struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    uint64_t v[3];
    char *save = NULL;

    if (file_read(dir, FILE_PID, 128, &text, e) < 0)
        return -1;
    if (!text.len || text.data[text.len - 1] != '\n')
        return err_set(e, ERR_INVALID, "%s: cut short", FILE_PID);
    text.data[--text.len] = '\0';
    for (int i = 0; i < 3; i++) {
        const char *word = strtok_r(i ? NULL : text.data, " ", &save);
        if (parse_u64(word ? word : "", i == 0, i ? UINT64_MAX : INT_MAX, &v[i], e) < 0)
            return err_wrap(e, "%s", FILE_PID);
    }
    *ret_pid = (pid_t)v[0];
    *ret_start = v[1];
    *ret_launch_id = v[2];
    return 0;
}

void guest_log_tail(int log, char *ret, size_t size)
{
    struct stat st;
    off_t at;

    ret[0] = '\0';
    if (log < 0 || fstat(log, &st) < 0)
        return;
    at = st.st_size > (off_t)size - 1 ? st.st_size - (off_t)size + 1 : 0;
    ssize_t n = pread(log, ret, size - 1, at);
    if (n < 0)
        n = 0;
    while (n > 0 && ret[n - 1] == '\n')
        n--;
    ret[n] = '\0';
}
