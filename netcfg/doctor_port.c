/* Who holds a port: proc_pid_net(5)'s socket tables, then the processes' descriptors. */
#include "netcfg/doctor_port.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "netcfg/doctor_file.h"

/* "  1: 00000000:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 4711":
 * the local address, the peer's, the state; the inode is the tenth word. */
bool doctor_socket_line(const char *line, unsigned port, unsigned long *ret_inode)
{
    enum { LISTEN = 0x0a, UNCONNECTED = 0x07 }; /* TCP_LISTEN; TCP_CLOSE, of UDP: no peer */
    char address[40];
    unsigned at, state;
    unsigned long inode;

    if (sscanf(line, " %*u: %39[0-9A-Fa-f]:%4x %*[0-9A-Fa-f]:%*4x %2x %*s %*s %*s %*s %*s %20lu",
               address, &at, &state, &inode) != 4)
        return false;
    if (at != port || (state != LISTEN && state != UNCONNECTED) ||
        strspn(address, "0") != strlen(address))
        return false;
    *ret_inode = inode;
    return true;
}

static bool table_holds(int root, const char *path, unsigned port, unsigned long *ret_inode)
{
    auto_fclose FILE *f = doctor_open(root, path);
    char line[512];

    for (int i = 0; f && i < DOCTOR_LINES_MAX && fgets(line, sizeof line, f); i++)
        if (doctor_socket_line(line, port, ret_inode))
            return true;
    return false;
}

static bool process_has(int proc, const char *pid, const char *link)
{
    char path[64], target[64];
    int fd;

    snprintf(path, sizeof path, "%.10s/fd", pid);
    fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    const struct dirent *d;
    bool has = false;
    for (int i = 0; !has && i < DOCTOR_FDS_MAX && (d = readdir(dir)); i++) {
        const ssize_t n = readlinkat(fd, d->d_name, target, sizeof target - 1);
        if (n > 0) {
            target[n] = '\0';
            has = !strcmp(target, link);
        }
    }
    closedir(dir);
    return has;
}

static void program_name(int proc, const char *pid, char owner[32])
{
    char path[64];

    snprintf(path, sizeof path, "%.10s/comm", pid);
    auto_fclose FILE *f = doctor_open(proc, path);
    if (!f || !fgets(owner, 32, f))
        owner[0] = '\0';
    owner[strcspn(owner, "\n")] = '\0';
    control_mask(owner);
}

static void socket_owner(int root, unsigned long inode, char owner[32])
{
    const int proc = openat(root, "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = proc < 0 ? NULL : fdopendir(proc);
    const struct dirent *d;
    char link[40];

    if (!dir) {
        if (proc >= 0)
            close(proc);
        return;
    }
    snprintf(link, sizeof link, "socket:[%lu]", inode);
    for (int i = 0; i < DOCTOR_PIDS_MAX && (d = readdir(dir)); i++) {
        if (!isdigit((unsigned char)d->d_name[0]) || !process_has(proc, d->d_name, link))
            continue;
        program_name(proc, d->d_name, owner);
        break;
    }
    closedir(dir);
}

bool doctor_port_apart(unsigned port)
{
    auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

    return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof "lo") == 0 &&
           bind(fd, (const struct sockaddr *)&at, sizeof at) == 0;
}

bool doctor_port_held(int root, unsigned port, bool tcp_too, char owner[32])
{
    static const char *const tables[] = { "proc/net/udp", "proc/net/udp6", "proc/net/tcp",
                                          "proc/net/tcp6" };
    const size_t n = tcp_too ? 4 : 2;
    unsigned long inode;

    owner[0] = '\0';
    for (size_t i = 0; i < n; i++)
        if (table_holds(root, tables[i], port, &inode)) {
            socket_owner(root, inode, owner);
            return true;
        }
    return false;
}
