/* Words of an instance: by what it is known, and where it is found. */
#include <string.h>

#include "model/instance_word.h"

READER(tag)
{
    const char *s;
    if (value_text(v, 256, at, &s, e) < 0)
        return -1;
    if (tag_is_filler(s, strlen(s)))
        return spot_bad(at, e,
                        "\"%.64s\" is what firmware leaves in the field: it names no machine", s);
    return tag_parse(s, strlen(s), &((struct spec *)obj)->tag, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(tag)
{
    const struct spec *s = obj;
    return *s->tag.s ? json_string(s->tag.s) : NULL;
}

READER(uuid)
{
    const char *s;
    if (value_text(v, 256, at, &s, e) < 0)
        return -1;
    return uuid_parse(s, &((struct spec *)obj)->uuid, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(uuid)
{
    const struct spec *s = obj;
    return *s->uuid.s ? json_string(s->uuid.s) : NULL;
}

READER(serial)
{
    const char *s;
    if (value_ascii(v, 256, at, &s, e) < 0)
        return -1;
    return serial_parse(s, strlen(s), &((struct spec *)obj)->serial, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(serial)
{
    const struct spec *s = obj;
    return *s->serial.s ? json_string(s->serial.s) : NULL;
}

READER(mac)
{
    struct spec *s = obj;
    const char *text;
    if (value_text(v, 256, at, &text, e) < 0)
        return -1;
    if (mac_parse(text, &s->mac, e) < 0)
        return spot_wrap(at, e);
    s->mac_set = true;
    return 0;
}

EMITTER(mac)
{
    const struct spec *s = obj;
    char text[MAC_TEXT];
    return s->mac_set ? json_string(mac_format(&s->mac, text)) : NULL;
}

READER(address)
{
    const char *s;
    if (value_text(v, 256, at, &s, e) < 0)
        return -1;
    return ip_parse(s, &((struct spec *)obj)->address, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(address)
{
    const struct spec *s = obj;
    char text[IP_TEXT];
    return s->address.family ? json_string(ip_format(&s->address, text)) : NULL;
}

READER(nics)
{
    struct spec *s = obj;
    return value_nics(v, at, s->nics, &s->n_nics, e);
}

EMITTER(nics)
{
    const struct spec *s = obj;
    return nics_emit(s->nics, s->n_nics);
}

READER(forwards)
{
    struct spec *s = obj;
    return value_hostfwds(v, at, s->forwards, &s->n_forwards, e);
}

EMITTER(forwards)
{
    const struct spec *s = obj;
    return hostfwds_emit(s->forwards, s->n_forwards);
}

READER(domain)
{
    struct spec *s = obj;
    const char *text;
    if (value_text(v, DOMAIN_MAX_LEN, at, &text, e) < 0)
        return -1;
    if (!*text) {
        s->domain[0] = '\0';
        return 0;
    }
    return domain_parse(text, s->domain, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(domain)
{
    const struct spec *s = obj;
    return *s->domain ? json_string(s->domain) : NULL;
}
