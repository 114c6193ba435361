/* Who is at the other end of a control connection (unix(7), SO_PEERCRED and SO_PEERGROUPS). */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "server/api_priv.h"

#define API_GROUP  "roost"
#define GROUPS_MAX 65536 /* NGROUPS_MAX of the kernel */

static bool group_id(gid_t *ret)
{
    char text[8192];
    struct group g, *found = NULL;

    if (getgrnam_r(API_GROUP, &g, text, sizeof text, &found) != 0 || !found)
        return false;
    *ret = g.gr_gid;
    return true;
}

/* The groups that the peer had when it connected, as the kernel has them: not what /etc/group says
 * now. */
static bool in_group(int fd, const struct ucred *peer)
{
    auto_free gid_t *groups = NULL;
    socklen_t len = GROUPS_MAX * sizeof *groups;
    gid_t wanted;

    if (!group_id(&wanted))
        return false;
    if (peer->gid == wanted)
        return true;
    groups = malloc(len);
    if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
        return false;
    for (size_t i = 0; i < len / sizeof *groups; i++)
        if (groups[i] == wanted)
            return true;
    return false;
}

static void actor(uid_t uid, struct actor *ret)
{
    char text[4096];
    struct passwd pw, *found = NULL;

    if (getpwuid_r(uid, &pw, text, sizeof text, &found) == 0 && found)
        snprintf(ret->text, sizeof ret->text, "uid %u (%.40s)", uid, found->pw_name);
    else
        snprintf(ret->text, sizeof ret->text, "uid %u", uid);
    control_mask(ret->text);
}

int api_peer(int fd, bool system_mode, struct actor *ret, struct err *e)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return err_sys(e, "cannot tell who is asking");
    if (peer.uid != 0 && system_mode && !in_group(fd, &peer))
        return err_set(e, ERR_DENIED,
                       "uid %u may not control this roost: root and members of group " API_GROUP
                       " may (a new membership counts from the next login)",
                       peer.uid);
    if (peer.uid != 0 && !system_mode && peer.uid != geteuid())
        return err_set(e, ERR_DENIED, "uid %u may not control this roost: it belongs to uid %u",
                       peer.uid, geteuid());
    actor(peer.uid, ret);
    return 0;
}

int api_peer_owner(const struct api_req *r, const char *what, struct err *e)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer;
    socklen_t len = sizeof peer;

    if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return err_sys(e, "cannot tell who is asking");
    if (peer.uid != 0 && peer.uid != geteuid())
        return err_set(e, ERR_DENIED, "uid %u may not have %s: it is for root", peer.uid, what);
    return 0;
}
