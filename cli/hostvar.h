/* Host variables as a command line says them. */
#ifndef CLI_HOSTVAR_H
#define CLI_HOSTVAR_H

#include <jansson.h>

#include "cli/command.h"

/* All NAME=TEXT and NAME:=JSON of an option as one object, the last of a name for it; a new
 * reference. NULL: one has neither form. Names and sizes are the fleet's to check
 * (model/hostvars.h). */
json_t *hostvars_said(const struct args *a, const char *option, struct err *e);

#endif
