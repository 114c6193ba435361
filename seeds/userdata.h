/* Reads the operator's user-data, which goes to the guest as it is, and the operator's vendor-data,
 * which roost's own carries, to know what they do to roost's part, and to say at apply what roost
 * cannot mend. */
#ifndef SEEDS_USERDATA_H
#define SEEDS_USERDATA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum userdata_form {
    USERDATA_NONE,   /* absent or empty */
    USERDATA_CONFIG, /* #cloud-config */
    USERDATA_SCRIPT, /* #! */
    USERDATA_MIME,   /* multi-part */
    USERDATA_JINJA,  /* ## template: jinja */
    USERDATA_GZIP,
    USERDATA_OTHER,   /* another handler's header (#include, #cloud-boothook, …) */
    USERDATA_UNMARKED /* no header that cloud-init knows: it is ignored by it; a warning */
};
const char *userdata_form_name(enum userdata_form f);

struct userdata_facts {
    const char *document; /* "user-data" or "vendor-data" */
    enum userdata_form form;
    /* could not be looked into (gzip that is damaged or too large, include, YAML anchors) or not
     * wholly (jinja: only top-level keys that stand in the text): users and phone_home are possible
     */
    bool opaque;
    bool has_users;      /* a users: list of its own */
    bool has_phone_home; /* a phone_home of its own, or possibly one (opaque) */
    bool vendor_off;     /* vendor_data: {enabled: false}: the guest will not phone home */
    char warning[256];   /* what roost cannot mend but accepts; "" none */
};

/* 0, or -1 with ERR_INVALID for what is refused at apply: `users` as string or dict, a broken YAML
 * document behind #cloud-config (with its line), more than 1 MiB. What is gzipped is unpacked once;
 * beyond 1 MiB of text it is opaque. Parts of a MIME multi-part (7bit, 8bit, base64; one level) are
 * looked into, other forms of it are opaque. */
int userdata_inspect(const char *data, size_t len, struct userdata_facts *ret, struct err *e);
/* The same for vendor-data. Refused as well: what roost cannot take apart to carry it (gzip that is
 * damaged or over 1 MiB of text, forms of MIME that mime_walk() does not understand), and the key
 * vendor_data, which is about it and would take roost's part away on later boots. */
int vendordata_inspect(const char *data, size_t len, struct userdata_facts *ret, struct err *e);
/* What both together say to roost's part: has_users and has_phone_home of either. */
void userdata_join(struct userdata_facts *user, const struct userdata_facts *vendor);

#endif
