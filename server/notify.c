#include "server/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"

int notify_send(const char *state, struct err *e)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    size_t len = path ? strlen(path) : 0;

    if (!len)
        return 0;
    if ((path[0] != '/' && path[0] != '@') || len >= sizeof(un.sun_path))
        return err_set(e, ERR_INVALID, "NOTIFY_SOCKET \"%.100s\" is not a socket's name", path);
    memcpy(un.sun_path, path, len);
    if (path[0] == '@')
        un.sun_path[0] = '\0'; /* abstract, see unix(7) */
    auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&un,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        return err_sys(e, "cannot tell the service manager");
    return 0;
}
