/* What a child keeps of its parent's capabilities (capabilities(7)). System calls only: this runs
 * between vfork and exec, where libcap-ng, which keeps its state in memory, has no business. */
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/spawn_exec.h"

static int set(uint64_t keep, bool inherit)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, &head, data) < 0)
        return -1;
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].permitted &= (uint32_t)(keep >> (32 * i));
        data[i].effective = data[i].permitted;
        data[i].inheritable = inherit ? data[i].permitted : 0;
    }
    return (int)syscall(SYS_capset, &head, data);
}

/* Root's programs get at exec what root has; those of others only what is ambient. EPERM: it is
 * not there to be kept. */
static void raise_ambient(uint64_t keep)
{
    for (unsigned long cap = 0; cap < 64 && keep >> cap; cap++)
        if (keep >> cap & 1)
            (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
}

int spawn_keep_caps(uint64_t keep)
{
    const bool root = geteuid() == 0;

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || set(keep, !root) < 0)
        return -1;
    if (!root)
        raise_ambient(keep);
    return 0;
}
