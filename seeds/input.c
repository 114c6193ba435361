#include "seeds/input.h"

#include <stdio.h>

void seed_fqdn(const struct seed_input *in, char out[FQDN_SIZE])
{
    const char *domain = in->instance->spec.domain;

    if (!domain[0] && in->network)
        domain = in->network->domain;
    snprintf(out, FQDN_SIZE, "%s%s%s", in->instance->name.s, domain[0] ? "." : "", domain);
}
