/* Devices of the host that a guest is given. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "model/machine.h"

/* Hexadecimal digits at *s, from `min` to `max` of them; moves on. */
static bool hex(const char **s, int min, int max, unsigned *ret)
{
    int n = 0;

    for (*ret = 0; n < max && isxdigit((unsigned char)**s); n++, (*s)++)
        *ret =
            *ret * 16 + (unsigned)(isdigit((unsigned char)**s) ? **s - '0' : (**s | 32) - 'a' + 10);
    return n >= min;
}

static bool sign(const char **s, char want)
{
    return **s == want && (*s)++;
}

/* lspci(8)'s form: [DDDD:]BB:DD.F */
static bool pci(const char *s, char ret[DEVICE_TEXT])
{
    unsigned domain = 0, bus, slot, function;
    const char *p = s;

    if (strlen(s) > 7 && !(hex(&p, 4, 4, &domain) && sign(&p, ':')))
        return false;
    if (!hex(&p, 2, 2, &bus) || !sign(&p, ':') || !hex(&p, 2, 2, &slot) || slot > 31 ||
        !sign(&p, '.') || !hex(&p, 1, 1, &function) || function > 7 || *p)
        return false;
    snprintf(ret, DEVICE_TEXT, "pci:%04x:%02x:%02x.%x", domain & 0xffff, bus & 0xff, slot & 0x1f,
             function & 7);
    return true;
}

/* lsusb(8)'s ID: VVVV:PPPP */
static bool usb_id(const char *s, char ret[DEVICE_TEXT])
{
    unsigned vendor, product;
    const char *p = s;

    if (!hex(&p, 4, 4, &vendor) || !sign(&p, ':') || !hex(&p, 4, 4, &product) || *p)
        return false;
    snprintf(ret, DEVICE_TEXT, "usb:%04x:%04x", vendor & 0xffff, product & 0xffff);
    return true;
}

/* The name in /sys/bus/usb/devices: BUS-PORT[.PORT…] (at most 7 tiers). */
static bool usb_port(const char *s, char ret[DEVICE_TEXT])
{
    size_t bus = strspn(s, "0123456789"), at = bus + 1;

    if (!bus || bus > 3 || s[0] == '0' || s[bus] != '-' || strlen(s) > 24)
        return false;
    for (;;) {
        size_t n = strspn(s + at, "0123456789");
        if (!n || n > 3 || s[at] == '0')
            return false;
        at += n;
        if (!s[at])
            break;
        if (s[at++] != '.')
            return false;
    }
    snprintf(ret, DEVICE_TEXT, "usb:%.24s", s);
    return true;
}

int device_parse(const char *s, char ret[DEVICE_TEXT], struct err *e)
{
    char text[DEVICE_TEXT];
    bool fine = (!strncmp(s, "pci:", 4) && pci(s + 4, text)) ||
                (!strncmp(s, "usb:", 4) && (usb_id(s + 4, text) || usb_port(s + 4, text)));

    if (!fine)
        return err_set(e, ERR_INVALID,
                       "\"%.60s\" is no device of the host: expected pci:0000:3b:00.0 (as lspci -D "
                       "lists it), usb:046d:c52b (as lsusb does) or usb:1-2.3 (bus and ports)",
                       s);
    strcpy(ret, text);
    return 0;
}
