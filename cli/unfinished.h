/* A file that is being written: who ends this program with Ctrl-C or a signal leaves none of it. */
#ifndef CLI_UNFINISHED_H
#define CLI_UNFINISHED_H

/* SIGHUP, SIGINT, SIGQUIT and SIGTERM remove it from now on, and end the program as ever. One at a
 * time; `dir` (AT_FDCWD) and `name` are the caller's and stay until unfinished_over(). */
void unfinished(int dir, const char *name);
void unfinished_over(void);

#endif
