#include "model/media.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/verb_field.h"

static const char *const boots[BOOTS] = {
    [BOOT_DISK] = "disk",
    [BOOT_CDROM] = "cdrom",
    [BOOT_NETWORK] = "network",
};

const char *boot_name(enum boot b)
{
    return (unsigned)b < BOOTS ? boots[b] : "unknown";
}

int media_file_check(const char *s, struct err *e)
{
    static const char *const parts[] = { "/../", "/./", "//" };
    size_t len = strlen(s);

    if (s[0] != '/')
        return err_set(e, ERR_INVALID, "\"%.200s\" is no absolute path", s);
    if (len > MEDIA_FILE_MAX)
        return err_set(e, ERR_INVALID, "\"%.80s…\" has %zu bytes, a path may have %d", s, len,
                       MEDIA_FILE_MAX);
    if (!ascii_printable(s, len))
        return err_set(e, ERR_INVALID, "a path may hold printable ASCII only");
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (strstr(s, parts[i]))
            return err_set(e, ERR_INVALID,
                           "\"%.200s\": write the path without \"..\", \".\" and doubled slashes",
                           s);
    if (s[len - 1] == '/' || !strcmp(s + len - (len < 3 ? len : 3), "/.."))
        return err_set(e, ERR_INVALID, "\"%.200s\" is no file's name", s);
    return 0;
}

int media_check(const struct media *m, struct err *e)
{
    if (m->boot == BOOT_CDROM && !m->cdrom)
        return err_set(e, ERR_INVALID,
                       "it has no CD-ROM drive to boot from: say cdrom, a file or empty");
    if (m->iso[0] && !m->cdrom)
        return err_set(e, ERR_INVALID, "a medium without a drive");
    return m->iso[0] ? media_file_check(m->iso, e) : 0;
}

void media_put(struct buf *b, const struct media *m)
{
    msg_put_u8(b, m->cdrom);
    msg_put_str(b, m->iso);
    verb_put_enum(b, m->boot);
}

void media_get(struct msg_cur *c, struct media *ret)
{
    struct media m = { .cdrom = false };

    m.cdrom = msg_get_bool(c);
    msg_get_str(c, m.iso, sizeof m.iso);
    m.boot = (enum boot)verb_get_enum(c, BOOTS);
    if (media_check(&m, NULL) < 0)
        c->failed = true;
    *ret = m;
}
