/* doctor_read() below any directory, so that tests can make a host up. */
#ifndef NETCFG_DOCTOR_READ_H
#define NETCFG_DOCTOR_READ_H

#include "netcfg/doctor.h"

/* `root` stands for "/". */
void doctor_read_below(int root, struct doctor_facts *ret);

#endif
