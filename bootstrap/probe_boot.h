/* The guest code of the KVM probe, a disk of PROBE_BOOT_DISK bytes that begins with this. */
#ifndef BOOTSTRAP_PROBE_BOOT_H
#define BOOTSTRAP_PROBE_BOOT_H

#include <stddef.h>
#include <stdint.h>

#define PROBE_BOOT_EXIT 33      /* isa-debug-exit: (0x10 << 1) | 1 */
#define PROBE_BOOT_DISK 1048576 /* SeaBIOS needs at least a cylinder to make a geometry of */
extern const uint8_t probe_boot[];
extern const size_t probe_boot_size;

#endif
