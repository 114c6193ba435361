/* Console logs: capped and rotated while QEMU appends to them, and their last lines for people. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_machine.h"

#define TAIL_BYTES 65536
#define LINES_MAX  1000
#define KEEP_BYTES (256 * 1024) /* of a log that is rotated */

static int open_log(const struct core *c, const char *name, const char *file, int flags)
{
    char path[PATH_SIZE + 192];

    snprintf(path, sizeof path, "%s/%s/%s/%s", c->config.state, DIR_INSTANCES, name, file);
    return open(path, flags | O_CLOEXEC | O_NOFOLLOW);
}

/* The last `max` bytes of a file into b. */
static void read_tail(int fd, off_t max, struct buf *b)
{
    struct stat st;
    char chunk[8192];
    off_t at;
    ssize_t n;

    if (fstat(fd, &st) < 0)
        return;
    at = st.st_size > max ? st.st_size - max : 0;
    while ((n = pread(fd, chunk, sizeof chunk, at)) > 0) {
        buf_put(b, chunk, n);
        at += n;
    }
}

/* QEMU has the log open for appending, so that cutting it to nothing is all that is needed (it goes
 * on at the new end); the last part is kept beside it. */
static void rotate(struct core *c, const struct machine *m, int fd)
{
    char path[PATH_SIZE + 128];
    auto_buf struct buf b = BUF_INIT;
    auto_close int dir = -1;
    struct err e;

    read_tail(fd, KEEP_BYTES, &b);
    snprintf(path, sizeof path, "%s/%s/%s", c->config.state, DIR_INSTANCES, m->name.s);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || file_replace(dir, FILE_CONSOLE ".1", b.data, b.len, 0600, NULL, &e) < 0)
        log_of(LOG_WARN_, m->name.s, "console log could not be kept: %s",
               dir < 0 ? strerror(errno) : e.text);
    if (ftruncate(fd, 0) < 0)
        log_of(LOG_WARN_, m->name.s, "console log could not be cut: %s", strerror(errno));
}

void machines_tick(struct core *c)
{
    struct stat st;

    for (struct machine *m = c->machines; m; m = m->next) {
        auto_close int fd = open_log(c, m->name.s, FILE_CONSOLE, O_RDWR);
        if (fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size > c->config.console_cap)
            rotate(c, m, fd);
    }
}

/* What a terminal would show of it: escape sequences and control bytes out. */
static size_t clean(char *s, size_t len)
{
    size_t to = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char ch = s[i];
        if (ch == 0x1b) {
            if (i + 1 < len && s[i + 1] == '[') /* CSI: ECMA-48 section 5.4 */
                for (i += 2; i < len && !(s[i] >= 0x40 && s[i] <= 0x7e); i++)
                    ;
            else
                i++;
        } else if (ch == '\n' || ch == '\t' || (ch >= 0x20 && ch < 0x7f)) {
            s[to++] = ch;
        } else if (ch >= 0x80) {
            s[to++] = '?';
        }
    }
    return to;
}

static json_t *last_lines(char *s, size_t len, unsigned lines)
{
    json_t *list = json_array();
    const char *end = s + len, *at;

    while (end > s && end[-1] == '\n')
        end--;
    for (at = end; at > s; at--)
        if (at[-1] == '\n' && lines-- <= 1)
            break;
    while (at < end) {
        const char *nl = memchr(at, '\n', end - at);
        const char *stop = nl ? nl : end;
        json_array_append_new(list, json_stringn(at, stop - at));
        at = stop + 1;
    }
    return list;
}

json_t *core_console_tail(struct core *c, const char *name, unsigned lines, struct err *e)
{
    static const char *const files[] = { FILE_CONSOLE ".1", FILE_CONSOLE };
    auto_buf struct buf b = BUF_INIT;
    struct guest g;

    if (core_guest(c, name, &g, e) < 0)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        auto_close int fd = open_log(c, g.name.s, files[i], O_RDONLY);
        if (fd >= 0)
            read_tail(fd, TAIL_BYTES, &b);
    }
    if (!b.len)
        return json_pack("{s:[]}", "lines");
    b.len = clean(b.data, b.len);
    return json_pack("{s:o}", "lines",
                     last_lines(b.data, b.len, lines && lines < LINES_MAX ? lines : LINES_MAX));
}
