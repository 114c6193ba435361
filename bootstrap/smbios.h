/* SMBIOS (DMTF DSP0134) values and structures for guests. */
#ifndef BOOTSTRAP_SMBIOS_H
#define BOOTSTRAP_SMBIOS_H

#include "base/buf.h"
#include "model/addr.h"

/* A value inside a `-smbios` option: refuses spaces and control bytes (a space ends the value in a
 * seed URL), doubles commas (QEMU's option parser). */
int smbios_value(struct buf *out, const char *value, struct err *e);

/* A type 1 (System Information) structure as `-smbios file=` reads it: header, formatted area of
 * version 2.4+ (27 bytes: manufacturer "roost", product "guest", serial, UUID in the mixed-endian
 * form of section 7.2.1, wake-up type power switch), strings, double NUL. It holds the seed token:
 * to be kept 0600. */
int smbios_type1(const char *serial, const struct uuid *uuid, struct buf *out, struct err *e);

#endif
