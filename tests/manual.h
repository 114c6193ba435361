/* Parts of manuals that are made from tables of the programs, between marks:
 *     .\" BEGIN NAME …
 *     .\" END NAME
 * REGEN=1 writes them; otherwise they have to be what the table gives. */
#ifndef TESTS_MANUAL_H
#define TESTS_MANUAL_H

#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

/* mdoc(7) text: nothing at the start of a line or with a backslash is taken for a request. */
static inline void manual_text(struct buf *out, const char *s)
{
    if (*s == '.' || *s == '\'')
        buf_puts(out, "\\&");
    for (; *s; s++) {
        if (strncmp(s, "…", strlen("…")) == 0) {
            buf_puts(out, "...");
            s += strlen("…") - 1;
        } else if (*s == '\\') {
            buf_puts(out, "\\e");
        } else {
            buf_putc(out, *s);
        }
    }
}

static inline void manual_check(const char *dir, const char *file, const char *name,
                                const char *want)
{
    struct buf text = BUF_INIT, fresh = BUF_INIT;
    struct err e = { .kind = ERR_NONE };
    char begin[80], end[80];
    int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(dirfd >= 0);
    if (file_read(dirfd, file, 1 << 20, &text, &e) < 0)
        fail_msg("%s", e.text);
    snprintf(begin, sizeof begin, ".\\\" BEGIN %s", name);
    snprintf(end, sizeof end, ".\\\" END %s\n", name);
    const char *from = strstr(text.data, begin), *to = strstr(text.data, end);
    if (!from || !to || to < from)
        fail_msg("%s/%s: no part %s", dir, file, name);
    from = strchr(from, '\n') + 1;
    buf_put(&fresh, text.data, (size_t)(from - text.data));
    buf_puts(&fresh, want);
    buf_puts(&fresh, to);
    if (getenv("REGEN"))
        assert_int_equal(file_replace(dirfd, file, fresh.data, fresh.len, 0644, NULL, &e), 0);
    else if (strcmp(text.data, fresh.data) != 0)
        fail_msg("%s/%s: part %s is not what the table says; REGEN=1 writes it", dir, file, name);
    buf_done(&text);
    buf_done(&fresh);
    close(dirfd);
}

#endif
