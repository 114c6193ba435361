/* Files of the host that the doctor looks into. */
#ifndef NETCFG_DOCTOR_FILE_H
#define NETCFG_DOCTOR_FILE_H

#include <stdio.h>

#define DOCTOR_LINES_MAX 65536 /* of /proc/net/udp and so on */
#define DOCTOR_PIDS_MAX  32768
#define DOCTOR_FDS_MAX   4096 /* of a process */

/* For reading; NULL: it does not open. */
FILE *doctor_open(int root, const char *path);

#endif
