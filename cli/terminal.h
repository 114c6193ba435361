/* The person's terminal in raw mode, and back again whatever ends the program. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <poll.h>
#include <stdbool.h>

#include "base/err.h"

/* Is standard input one? Takes it into raw mode; signals that end or suspend a program are only
 * noticed from here on. Without a terminal only the latter. */
int terminal_enter(bool raw, struct err *e);
/* As it was; also twice, and without terminal_enter(). */
void terminal_leave(void);
/* A descriptor of standard output or error whose writes never wait, if that is a terminal: one that
 * nobody reads must not keep the program from hearing a signal or a key. Else as it is. */
int terminal_patient(int fd);
/* poll(2) that a noticed signal ends: -1 and ERR_BUSY when the program is to end by it
 * (terminal_end()). One that suspends it does so in here, with the terminal as it was meanwhile. */
int terminal_poll(struct pollfd *p, int n, int timeout_ms, struct err *e);
/* Ends the program by the signal that was noticed, so that its parent sees which; returns when
 * there was none. */
void terminal_end(void);

#endif
