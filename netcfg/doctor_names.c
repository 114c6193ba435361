/* Whom systemd-resolved asks for a domain: its configuration (resolved.conf(5)), and what it keeps
 * of each link that somebody told it about (resolvectl(1)). */
#include "netcfg/doctor_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netcfg/doctor_file.h"
#include "netcfg/doctor_read.h"

#define FILES_MAX 256

/* A word of the list, as routing domain ("~lab.test") or as one to search in. */
static bool has_word(const char *list, const char *domain)
{
    static const char spaces[] = " \t\n\"";
    size_t len;

    for (const char *w = list + strspn(list, spaces); *w; w += len + strspn(w + len, spaces)) {
        const char *name = w + (*w == '~');
        len = strcspn(w, spaces);
        if (strlen(domain) == len - (*w == '~') && !strncasecmp(name, domain, strlen(domain)))
            return true;
    }
    return false;
}

/* resolved.conf says Domains=, the file of a link DOMAINS=. */
static bool file_has(int dir, const char *path, const char *domain)
{
    static const char key[] = "Domains=";
    auto_fclose FILE *f = doctor_open(dir, path);
    char line[4096];

    for (int i = 0; f && i < DOCTOR_LINES_MAX && fgets(line, sizeof line, f); i++)
        if (!strncasecmp(line, key, strlen(key)) && has_word(line + strlen(key), domain))
            return true;
    return false;
}

static bool dir_has(int root, const char *path, const char *domain)
{
    const int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *d;
    bool has = false;

    if (!dir) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    for (int i = 0; !has && i < FILES_MAX && (d = readdir(dir)); i++) {
        const char *end = strrchr(d->d_name, '.');
        has = end && !strcmp(end, ".conf") && file_has(fd, d->d_name, domain);
    }
    closedir(dir);
    return has;
}

bool doctor_told_below(int root, const char *domain, int link)
{
    static const char *const dirs[] = { "etc/systemd/resolved.conf.d",
                                        "run/systemd/resolved.conf.d",
                                        "usr/lib/systemd/resolved.conf.d" };
    char path[64];

    snprintf(path, sizeof path, "run/systemd/resolve/netif/%d", link);
    if (link > 0 && file_has(root, path, domain))
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
        if (dir_has(root, dirs[i], domain))
            return true;
    return file_has(root, "etc/systemd/resolved.conf", domain);
}

bool doctor_told(const char *domain, int link)
{
    auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    return doctor_told_below(root, domain, link);
}
