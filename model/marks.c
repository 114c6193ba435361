#include "model/marks.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/tag.h"

int serial_parse(const char *s, size_t len, struct serial *ret, struct err *e)
{
    while (len && s[0] == ' ')
        s++, len--;
    while (len && s[len - 1] == ' ')
        len--;
    if (len < 1 || len > SERIAL_MAX_LEN || !ascii_printable(s, len))
        return err_set(e, ERR_INVALID, "serial \"%.*s\": expected 1 to %d printable characters",
                       (int)(len > 80 ? 80 : len), s, SERIAL_MAX_LEN);
    if (tag_is_filler(s, len))
        return err_set(e, ERR_INVALID,
                       "serial \"%.*s\" is what firmware leaves in the field: it names no machine",
                       (int)len, s);
    memset(ret, 0, sizeof *ret);
    memcpy(ret->s, s, len);
    return 0;
}

bool mac_is_set(const struct mac *m)
{
    static const struct mac none;

    return memcmp(m->b, none.b, sizeof none.b) != 0;
}

bool marks_any(const struct marks *m)
{
    return m->uuid.s[0] || m->serial.s[0] || mac_is_set(&m->mac);
}

bool marks_equal(const struct marks *a, const struct marks *b)
{
    return !strcmp(a->uuid.s, b->uuid.s) && !strcmp(a->serial.s, b->serial.s) &&
           !memcmp(a->mac.b, b->mac.b, sizeof a->mac.b);
}

bool uuid_is_filler(const struct uuid *u)
{
    /* Of boards whose maker did not fill it in, as seen in dmidecode outputs. */
    static const char *const fillers[] = {
        "03000200-0400-0500-0006-000700080009",
        "00020003-0004-0005-0006-000700080009",
        "12345678-1234-5678-90ab-cddeefaabbcc",
        "fefefefe-fefe-fefe-fefe-fefefefefefe",
    };

    for (size_t i = 0; i < ARRAY_SIZE(fillers); i++)
        if (!strcmp(u->s, fillers[i]))
            return true;
    return false;
}

/* As text with an end, where it is not too long to be one. */
static bool ended(const char *s, size_t len, char *out, size_t size)
{
    if (len >= size || memchr(s, '\0', len))
        return false;
    memcpy(out, s, len);
    out[len] = '\0';
    return true;
}

void marks_read_uuid(struct marks *m, const char *s, size_t len)
{
    char text[UUID_TEXT];
    struct uuid u;

    if (ended(s, len, text, sizeof text) && !uuid_parse(text, &u, NULL) && !uuid_is_filler(&u))
        m->uuid = u;
}

void marks_read_serial(struct marks *m, const char *s, size_t len)
{
    struct serial serial;

    if (!serial_parse(s, len, &serial, NULL))
        m->serial = serial;
}

void marks_read_mac(struct marks *m, const char *s, size_t len)
{
    char text[MAC_TEXT];
    struct mac mac;

    if (ended(s, len, text, sizeof text) && !mac_parse(text, &mac, NULL))
        m->mac = mac;
}

void marks_with_tag(const struct marks *said, const char *tag, struct marks *ret)
{
    size_t len = strlen(tag);

    *ret = *said;
    if (!ret->uuid.s[0])
        marks_read_uuid(ret, tag, len);
    if (!mac_is_set(&ret->mac))
        marks_read_mac(ret, tag, len);
    if (!ret->serial.s[0])
        marks_read_serial(ret, tag, len);
}

const char *marks_format(const struct marks *m, char out[MARKS_TEXT])
{
    char mac[MAC_TEXT];
    size_t n = 0;

    out[0] = '\0';
    if (m->uuid.s[0])
        n += (size_t)snprintf(out, MARKS_TEXT, "uuid %s", m->uuid.s);
    if (m->serial.s[0])
        n += (size_t)snprintf(out + n, MARKS_TEXT - n, "%sserial %s", n ? ", " : "", m->serial.s);
    if (mac_is_set(&m->mac))
        snprintf(out + n, MARKS_TEXT - n, "%sMAC %s", n ? ", " : "", mac_format(&m->mac, mac));
    return out;
}
