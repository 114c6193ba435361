/* Scripts by which shells complete command lines of roost(1). */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include "base/buf.h"
#include "base/err.h"

/* "bash", "zsh" or "fish", from the command table; another one: ERR_INVALID. */
int completion_render(const char *shell, struct buf *out, struct err *e);

#endif
