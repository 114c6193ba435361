/* Whatever comes to the DHCP client's port. */
#include <stdint.h>
#include <stdlib.h>

#include "netcfg/dhcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ip server = { 0 };
    int rc = dhcp_offer_parse(data, size, 0x01020304, &server);

    if (rc < 0 || rc > 1 || (rc == 1) != (server.family == 4))
        abort();
    return 0;
}
