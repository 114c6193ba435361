/* The script that phones home on every boot, a part of vendor-data. */
#ifndef SEEDS_HOMESCRIPT_H
#define SEEDS_HOMESCRIPT_H

#include "base/buf.h"
#include "seeds/input.h"

int homescript_render(const struct seed_input *in, struct buf *out, struct err *e);

#endif
