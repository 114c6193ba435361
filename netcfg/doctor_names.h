/* doctor_told() below any directory, so that tests can make a host up. */
#ifndef NETCFG_DOCTOR_NAMES_H
#define NETCFG_DOCTOR_NAMES_H

#include <stdbool.h>

bool doctor_told_below(int root, const char *domain, int link); /* `root` stands for "/" */

#endif
