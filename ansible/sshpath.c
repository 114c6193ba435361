#include "ansible/sshpath.h"

#include <string.h>

#include "base/utf8.h"

int sshpath_check(const char *path, struct err *e)
{
    bool control = false;

    for (const char *s = path; *s; s++)
        control |= (unsigned char)*s < 0x20 || *s == 0x7f;
    if (control || strstr(path, "${") || !utf8_valid(path, strlen(path)))
        return err_set(e, ERR_INVALID,
                       "path \"%.200s\": ssh and Ansible cannot be told of one that holds \"${\", "
                       "control characters or bytes that are not UTF-8",
                       path);
    return 0;
}

void sshpath_quoted(struct buf *out, const char *path)
{
    for (; *path; path++) {
        if (*path == '%')
            buf_putc(out, '%');
        if (*path == '"' || *path == '\\')
            buf_putc(out, '\\');
        buf_putc(out, *path);
    }
}

void sshpath_word(struct buf *out, const char *path)
{
    static const char bare[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+@:,-";

    if (*path && !path[strspn(path, bare)]) {
        buf_puts(out, path);
        return;
    }
    buf_putc(out, '"');
    sshpath_quoted(out, path);
    buf_putc(out, '"');
}

void sshpath_option(struct buf *out, const char *option, const char *path)
{
    auto_buf struct buf word = BUF_INIT;

    buf_puts(&word, option);
    buf_putc(&word, '=');
    sshpath_word(&word, path);
    buf_puts(out, " -o ");
    buf_shell(out, buf_str(&word));
    out->failed |= word.failed;
}

void sshpath_strict(struct buf *out, const char *known_hosts)
{
    sshpath_option(out, "UserKnownHostsFile", known_hosts);
    /* Names are never used again by another guest, addresses are. */
    buf_puts(out, " -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes"
                  " -o CheckHostIP=no");
}
