#include "netcfg/doctor_read.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "netcfg/doctor_file.h"
#include "netcfg/doctor_port.h"

static bool exists(int root, const char *path)
{
    return faccessat(root, path, F_OK, 0) == 0;
}

/* A number alone in a file; -1: none. */
static int number(int root, const char *path)
{
    auto_fclose FILE *f = doctor_open(root, path);
    int value;

    return f && fscanf(f, "%9d", &value) == 1 ? value : -1;
}

/* The first line that begins with `start`, what is behind it to out. */
static bool line_after(int root, const char *path, const char *start, char out[64])
{
    auto_fclose FILE *f = doctor_open(root, path);
    const size_t len = strlen(start);
    char line[256];

    for (int i = 0; f && i < DOCTOR_LINES_MAX && fgets(line, sizeof line, f); i++)
        if (!strncmp(line, start, len)) {
            snprintf(out, 64, "%.63s", line + len);
            out[strcspn(out, "\n")] = '\0';
            return true;
        }
    return false;
}

/* proc_pid_status(5): CapEff in hex. */
static bool has_capabilities(int root)
{
    const uint64_t want = UINT64_C(1) << CAP_NET_ADMIN | UINT64_C(1) << CAP_NET_RAW |
                          UINT64_C(1) << CAP_NET_BIND_SERVICE;
    char hex[64];

    return line_after(root, "proc/self/status", "CapEff:", hex) &&
           (strtoull(hex, NULL, 16) & want) == want;
}

static bool tun_opens(int root)
{
    auto_close int fd = openat(root, "dev/net/tun", O_RDWR | O_CLOEXEC);

    return fd >= 0;
}

/* Where roostd looks for programs: PATH, and where administrators' programs are. */
static bool program(int root, const char *name)
{
    const char *path = getenv("PATH");
    char all[4096], file[4096 + 256], *rest = all, *dir;

    if (strchr(name, '/'))
        return *name == '/' && faccessat(root, name + strspn(name, "/"), X_OK, 0) == 0;
    snprintf(all, sizeof all, "%.3900s:/usr/local/sbin:/usr/sbin:/sbin", path ? path : "");
    while ((dir = strsep(&rest, ":"))) {
        if (*dir != '/')
            continue;
        snprintf(file, sizeof file, "%s/%.200s", dir + strspn(dir, "/"), name);
        if (faccessat(root, file, X_OK, 0) == 0)
            return true;
    }
    return false;
}

/* By its name: Debian's unit starts it with --nopid. */
static bool runs(int root, const char *name)
{
    const int proc = openat(root, "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = proc < 0 ? NULL : fdopendir(proc);
    const struct dirent *d;
    char path[32], comm[64];
    bool found = false;

    if (!dir) {
        if (proc >= 0)
            close(proc);
        return false;
    }
    for (int i = 0; !found && i < DOCTOR_PIDS_MAX && (d = readdir(dir)); i++) {
        snprintf(path, sizeof path, "%.10s/comm", d->d_name);
        found = isdigit((unsigned char)d->d_name[0]) && line_after(proc, path, "", comm) &&
                !strcmp(comm, name);
    }
    closedir(dir);
    return found;
}

/* ufw(8) has no process: its own switch says. */
static bool ufw_enabled(int root)
{
    char value[64];

    return line_after(root, "etc/ufw/ufw.conf", "ENABLED=", value) && !strcmp(value, "yes");
}

void doctor_read_below(int root, struct doctor_facts *ret)
{
    *ret = (struct doctor_facts){
        .tun = tun_opens(root),
        .admin = has_capabilities(root),
        .dnsmasq = program(root, "dnsmasq"),
        .iptables = program(root, "iptables-restore") && program(root, "iptables-save"),
        .firewalld = runs(root, "firewalld"),
        .ufw = ufw_enabled(root),
        .br_netfilter = number(root, "proc/sys/net/bridge/bridge-nf-call-iptables") == 1,
        .ip_forward = number(root, "proc/sys/net/ipv4/ip_forward"),
        .rp_filter_all = number(root, "proc/sys/net/ipv4/conf/all/rp_filter"),
        .resolved = exists(root, "run/systemd/resolve/stub-resolv.conf"),
    };
    ret->port53 = doctor_port_held(root, 53, true, ret->port53_owner);
    ret->port67 = doctor_port_held(root, 67, false, ret->port67_owner);
}

void doctor_read(struct doctor_facts *ret)
{
    auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    doctor_read_below(root, ret);
    /* Whose port it is cannot be seen of other users' processes without CAP_SYS_PTRACE. */
    if (ret->port67 && doctor_port_apart(67))
        ret->port67 = false;
}

bool doctor_program(const char *name)
{
    auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    return program(root, name);
}
