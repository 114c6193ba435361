/* What an operator pastes where somebody else launches a guest, so that it finds its seed: one form
 * per launcher. Pure. */
#ifndef SEEDS_PASTE_H
#define SEEDS_PASTE_H

#include "base/buf.h"
#include "model/addr.h"
#include "model/seedurl.h"

enum paste_form {
    PASTE_QEMU,    /* -smbios arguments */
    PASTE_LIBVIRT, /* <os> and <sysinfo> of the domain's XML */
    PASTE_PROXMOX, /* qm set, its strings in base64 */
    PASTE_KERNEL,  /* a word for the kernel's command line */
    PASTE_CIDATA,  /* meta-data of a small volume that leads to the rest (`seedfrom`) */
    PASTE_FORMS
};
const char *paste_form_name(enum paste_form f); /* "qemu" */
int paste_form_from_name(const char *s);        /* or -1 */

struct paste_input {
    const char *base_url;
    const struct tag *tag;     /* NULL: of any machine, which says itself who it is */
    const struct token *token; /* TOKEN_SEED; NULL with tag NULL */
    const struct uuid *uuid;   /* that it is to have; NULL: whatever it has */
    const char *iid;           /* PASTE_CIDATA */
};

/* The text ends in a newline. Without a tag the URL has cloud-init's placeholders for asset tag,
 * uuid and, where the serial is not what carries it, serial (cloud-init documentation: NoCloud,
 * "DMI specific kernel command line"; 23.1 and later); PASTE_CIDATA wants a tag then: ERR_INVALID.
 */
int paste_render(enum paste_form f, const struct paste_input *in, struct buf *out, struct err *e);
/* What to know about it, one sentence a row; NULL at the end. */
const char *const *paste_notes(enum paste_form f);

#endif
