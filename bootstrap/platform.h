/* What differs between the machines that guests of each architecture get. */
#ifndef BOOTSTRAP_PLATFORM_H
#define BOOTSTRAP_PLATFORM_H

#include <stdbool.h>

#include "model/image.h"

struct platform {
    const char *package, *firmware_package; /* Debian's, for messages */
    const char *machine, *machine_options;  /* -machine's value: the type unless said, options */
    const char *tcg_cpu; /* -cpu's where it is emulated; under KVM it is "host" */
    const char *pvpanic; /* the device that tells of a kernel's panic */
    const char *uname;   /* `uname -m` of a host that runs it under KVM */
    unsigned cpus_max;
    bool has_bios; /* boots without UEFI too */
};
const struct platform *platform_of(enum arch a);

#endif
