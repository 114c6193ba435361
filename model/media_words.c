/* Apart from media.c, which roostd links: it holds no JSON. */
#include <stdio.h>
#include <string.h>

#include "model/media.h"
#include "model/words.h"

int media_read_cdrom(struct media *m, const json_t *v, const struct spot *at, struct err *e)
{
    const char *s;

    if (value_text(v, MEDIA_FILE_MAX + 1, at, &s, e) < 0)
        return -1;
    bool none = !strcmp(s, "none"), empty = !strcmp(s, "empty");
    if (!none && !empty && s[0] != '/')
        return spot_bad(at, e,
                        "\"%.80s\": the absolute path of an ISO image, empty (a drive without a "
                        "medium) or none is wanted",
                        s);
    if (!none && !empty && media_file_check(s, e) < 0)
        return spot_wrap(at, e);
    m->cdrom = !none;
    snprintf(m->iso, sizeof m->iso, "%s", none || empty ? "" : s);
    return 0;
}

int media_read_boot(struct media *m, const json_t *v, const struct spot *at, struct err *e)
{
    int boot;

    if (value_kind(v, BOOTS, boot_name, at, &boot, e) < 0)
        return -1;
    m->boot = (enum boot)boot;
    return 0;
}

json_t *media_emit_cdrom(const struct media *m)
{
    return m->cdrom ? json_string(m->iso[0] ? m->iso : "empty") : NULL;
}

json_t *media_emit_boot(const struct media *m)
{
    return m->boot != BOOT_DISK ? json_string(boot_name(m->boot)) : NULL;
}
