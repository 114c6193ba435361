/* The inside of server/guests*.c. */
#ifndef SERVER_GUESTS_PRIV_H
#define SERVER_GUESTS_PRIV_H

#include <sys/queue.h>

#include "base/spawn.h"
#include "bootstrap/probe.h"
#include "bootstrap/qemu.h"
#include "server/guests.h"

/* A QEMU that runs. */
struct running {
    struct guests *guests;
    TAILQ_ENTRY(running) order;
    struct name instance;
    uint64_t launch_id;
    pid_t pid;
    enum accel accel;
    struct child *child; /* started by this roostd, or: */
    int pidfd;           /* adopted; -1 */
    struct loop_fd *watch;
    int log; /* qemu.log, read and write; -1 */
};

/* A launch that waits for the probe. */
struct queued {
    TAILQ_ENTRY(queued) order;
    uint32_t id;
    struct launch launch;
};

struct guests {
    struct loop *loop;
    const struct config *config;
    const struct place *place;
    struct nets *nets;
    guests_send_fn *send;
    guests_send_fd_fn *send_fd;
    void *arg;
    TAILQ_HEAD(, running) running;
    unsigned n_running;
    TAILQ_HEAD(, queued) queued;
    unsigned n_queued;
    struct probe *probe;
    bool probed;
    struct kvm_sight kvm; /* as it was when the probe began */
    struct accel_report accel;
    uint32_t reprobe_id;     /* whose answer the verdict is; 0: nobody's */
    struct loop_timer *tick; /* caps logs */
    struct buf out;
};

/* --- guests.c: the list of those that run --- */
struct running *running_find(const struct guests *g, const struct name *instance); /* or NULL */
struct running *running_new(struct guests *g, const struct name *instance, uint64_t launch_id);
void running_free(struct running *r); /* the QEMU itself is left alone */
/* LAUNCHED or ADOPTED. */
void running_send(struct guests *g, enum proto_type t, uint32_t id, const struct running *r);
/* It has ended: tells core, frees r. */
void running_ended(struct running *r, bool known, int status);
/* Those that waited for the probe: launched, or forgotten. */
void guests_queue_drop(struct guests *g, bool run);

/* --- guests_accel.c --- */
int guests_probe(struct guests *g, struct err *e);
/* Before a launch: begins another probe where the device is not the one that was probed. */
void guests_probe_moved(struct guests *g);
void guests_tell_accel(struct guests *g, uint32_t id); /* the verdict, to core */

/* --- guests_files.c: what a launch opens and writes --- */
struct guest_files {
    int dir;            /* the instance's */
    int fd[QEMU_FILES]; /* -1: not needed */
    int log;
};
#define GUEST_FILES_INIT ((struct guest_files){ -1, { [0 ... QEMU_FILES - 1] = -1 }, -1 })
void guest_files_close(struct guest_files *f);
/* Takes the instance's lock (ERR_CONFLICT: it runs already), writes smbios.bin and vm.sh, opens all
 * files below the state directory. On failure nothing is held. */
int guest_files_open(const struct guests *g, const struct launch *l, struct guest_files *ret,
                     struct err *e);
/* Sockets of a QEMU that has ended: one that is killed, or fails late, leaves them. */
void guest_sockets_remove(const struct guests *g, const struct name *instance);
/* smbios.bin and vm.sh alone. */
int guest_files_write(const struct guests *g, int dir, const struct launch *l, struct err *e);
int guest_dir(const struct guests *g, const struct name *instance, struct err *e);
/* FILE_PID. */
int guest_pid_write(int dir, pid_t pid, uint64_t launch_id, struct err *e);
int guest_pid_read(int dir, pid_t *ret_pid, uint64_t *ret_start, uint64_t *ret_launch_id,
                   struct err *e);
/* The last bytes of a log as printable text. */
void guest_log_tail(int log, char *ret, size_t size);

/* --- guests_firmware.c --- */
/* Its own, or roost.conf's; "" none. */
const char *guest_firmware_code(const struct guests *g, const struct launch *l);
/* Its UEFI code, read-only: a descriptor, or -1. */
int guest_firmware_open(const struct guests *g, const struct launch *l, struct err *e);
/* Its variables begin as the template, and are there from then on. */
int guest_variables_make(const struct guests *g, int dir, const struct launch *l, struct err *e);

/* --- guests_media.c --- */
/* An image for a CD-ROM drive, opened to be read where that is allowed; or -1. */
int guest_medium_open(const struct guests *g, const char *iso, struct err *e);
/* --- guests_machine.c --- */
/* Does root allow what it asks of this host, and is that there? Core has asked the first; what it
 * says does not count. */
int guest_machine_check(const struct guests *g, const struct launch *l, struct err *e);
struct guest_env {
    char text[4][PATH_SIZE];
    const char *v[8];
};
/* QEMU's environment; of a guest with a window also where roostd's own screen is. */
void guest_env_make(struct guest_env *ret, bool window);

/* --- guests_find.c --- */
/* The process that holds the instance's lock, which is known to be held: who has that file open, or,
 * since a QEMU that has become another user lets nobody look (ptrace(2)), whose user and words are
 * those of this instance's QEMU. Other than this process; 0 none. */
pid_t guest_find_holder(const struct guests *g, const struct name *n, int dir, struct err *e);
bool guest_is_holder(const struct guests *g, const struct name *n, int dir,
                     pid_t pid); /* false of a zombie */
enum accel guest_accel_of(pid_t pid);

#endif
