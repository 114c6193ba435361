/* What a machine says of itself beside its tag: SMBIOS system UUID and serial number (DSP0134 7.2),
 * the MAC of a card. By these a guest is known that somebody else launches and whose tag is
 * firmware's filler. A claim of the machine's own, like its tag. */
#ifndef MODEL_MARKS_H
#define MODEL_MARKS_H

#include <stddef.h>

#include "model/addr.h"

#define SERIAL_MAX_LEN 63
struct serial {
    char s[SERIAL_MAX_LEN + 1]; /* 1 to 63 printable ASCII, compared byte for byte; "" none */
};
/* Blanks at both ends are left out. What firmware leaves in the field: ERR_INVALID. */
int serial_parse(const char *s, size_t len, struct serial *ret, struct err *e);

/* Each may be missing: an empty text, a MAC of zeros. */
struct marks {
    struct uuid uuid;
    struct serial serial;
    struct mac mac;
};
bool marks_any(const struct marks *m);
bool marks_equal(const struct marks *a, const struct marks *b);
bool mac_is_set(const struct mac *m);
/* Boards that share one: it names none of them. */
bool uuid_is_filler(const struct uuid *u);

/* Each reads its own kind from what a machine sent and leaves *m alone where that is nothing of the
 * kind; never an error: what is no mark is no claim. */
void marks_read_uuid(struct marks *m, const char *s, size_t len);
void marks_read_serial(struct marks *m, const char *s, size_t len);
void marks_read_mac(struct marks *m, const char *s, size_t len);

/* What was said, and the tag read as a mark where none of that kind was: "/__dmi.system-uuid__/" asks
 * by a uuid, which has the form of a tag; so has a MAC with hyphens, and many a serial. */
void marks_with_tag(const struct marks *said, const char *tag, struct marks *ret);

/* "uuid 4c4c…, serial ABC, MAC 52:54:…"; "" none. */
#define MARKS_TEXT 192
const char *marks_format(const struct marks *m, char out[MARKS_TEXT]);

#endif
