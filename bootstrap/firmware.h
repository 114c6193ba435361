/* Firmware files as distributions name them. */
#ifndef BOOTSTRAP_FIRMWARE_H
#define BOOTSTRAP_FIRMWARE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Is it a build of OVMF that wants SMM, so that only it can write the variables (Secure Boot)? By
 * its name, which all distributions give alike (OVMF_CODE_4M.secboot.fd, ovmf-x86_64-smm-code.bin),
 * with links followed (Debian's OVMF_CODE_4M.ms.fd is one). NULL: no. */
bool firmware_is_secure(const char *path);
/* Its first bytes: a qcow2 file is refused, since QEMU is told that it is raw. */
int firmware_check_head(const void *head, size_t len, const char *path, struct err *e);

#endif
