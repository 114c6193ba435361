#include "bootstrap/smbios.h"

#include <string.h>

#include "base/encode.h"
#include "base/parse.h"

enum {
    TYPE1_LENGTH = 27,    /* DSP0134 7.2, version 2.4 and later */
    TYPE1_HANDLE = 0x100, /* QEMU gives its own type 1 the same one */
    WAKEUP_POWER_SWITCH = 6,
};

static int check_value(const char *value, struct err *e)
{
    if (!ascii_printable(value, strlen(value)) || strchr(value, ' '))
        return err_set(e, ERR_INVALID,
                       "SMBIOS value \"%s\" holds a space or a byte that is no printable ASCII",
                       value);
    return 0;
}

int smbios_value(struct buf *out, const char *value, struct err *e)
{
    if (check_value(value, e) < 0)
        return -1;
    for (const char *p = value; *p; p++) {
        if (*p == ',')
            buf_putc(out, ',');
        buf_putc(out, *p);
    }
    return buf_check(out, e);
}

/* Section 7.2.1: time_low, time_mid and time_hi_and_version are little-endian, the rest as written.
 */
static int uuid_bytes(const struct uuid *uuid, uint8_t out[16], struct err *e)
{
    static const uint8_t place[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    char hex[32];
    uint8_t raw[16];
    size_t n = 0;
    for (const char *p = uuid->s; *p && n < sizeof(hex); p++) {
        if (*p != '-')
            hex[n++] = *p;
    }
    if (n != sizeof(hex) || hex_decode(hex, n, raw) < 0)
        return err_set(e, ERR_INVALID, "\"%s\" is no UUID", uuid->s);
    for (size_t i = 0; i < sizeof(raw); i++)
        out[place[i]] = raw[i];
    return 0;
}

int smbios_type1(const char *serial, const struct uuid *uuid, struct buf *out, struct err *e)
{
    uint8_t area[TYPE1_LENGTH] = {
        [0x00] = 1,
        [0x01] = TYPE1_LENGTH,
        [0x02] = TYPE1_HANDLE & 0xff,
        [0x03] = TYPE1_HANDLE >> 8,
        [0x04] = 1, /* manufacturer: first string */
        [0x05] = 2, /* product name */
        [0x07] = 3, /* serial number */
        [0x18] = WAKEUP_POWER_SWITCH,
    };
    if (!*serial) /* an empty string would end the structure */
        return err_set(e, ERR_INVALID, "an SMBIOS serial number has at least one character");
    if (check_value(serial, e) < 0 || uuid_bytes(uuid, area + 0x08, e) < 0)
        return -1;
    buf_put(out, area, sizeof(area));
    buf_put(out, "roost", sizeof("roost"));
    buf_put(out, "guest", sizeof("guest"));
    buf_put(out, serial, strlen(serial) + 1);
    buf_putc(out, '\0');
    return buf_check(out, e);
}
