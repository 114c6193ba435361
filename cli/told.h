/* What is wrong with a definition, told in the words of the command line that it came from. */
#ifndef CLI_TOLD_H
#define CLI_TOLD_H

#include "base/err.h"

/* The option behind a place in the fleet form: "memory", "disk/bus"; NULL: there is none. */
typedef const char *told_option_fn(const char *place);

/* e is about `kind` NAME: "/instances/web1/memory: …" and "instance web1: memory: …" (also of
 * web1-2, one of several) become "COMMAND: --memory: …", any other "COMMAND: …"; and where it says
 * what to say, "say display: vnc" becomes "say --display vnc". -1. */
int told(const char *command, const char *kind, const char *name, told_option_fn *option,
         struct err *e);

#endif
