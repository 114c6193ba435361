/* What no reader of one section can see: networks beside each other, instances on networks. */
#ifndef MODEL_FLEET_CHECK_H
#define MODEL_FLEET_CHECK_H

#include "model/fleet.h"
#include "model/spot.h"

/* Over a fleet whose sections are read; `root` is where its tree stands. */
int fleet_check(const struct fleet *f, const struct spot *root, struct err *e);

#endif
