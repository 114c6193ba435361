/* What is in the middle of something: who ends this program with Ctrl-C or a signal leaves nothing of
 * it, or is told of it. */
#ifndef CLI_UNFINISHED_H
#define CLI_UNFINISHED_H

/* A file that is being written: SIGHUP, SIGINT, SIGQUIT and SIGTERM remove it from now on, and end the
 * program as ever. One at a time; `dir` (AT_FDCWD) and `name` are the caller's and stay until
 * unfinished_over(). */
void unfinished(int dir, const char *name);

/* Work that goes on without this program: these signals write `text` to standard error. One at a time,
 * and not beside a file; `text` is the caller's and stays until unfinished_over(). */
void unfinished_elsewhere(const char *text);

void unfinished_over(void);

#endif
