/* Cleanup attributes for straight-line functions: the resource goes when its variable does,
 * unless it was handed on with steal_ptr() or steal_fd(). */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_freep(void *p)
{
    free(*(void **)p);
}
static inline void cleanup_closep(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
static inline void cleanup_fclosep(FILE **f)
{
    if (*f)
        fclose(*f);
}
#define auto_free   __attribute__((cleanup(cleanup_freep)))
#define auto_close  __attribute__((cleanup(cleanup_closep)))
#define auto_fclose __attribute__((cleanup(cleanup_fclosep)))

/* Take the value out of a variable under cleanup. */
#define steal_ptr(p)                                                                               \
    __extension__({                                                                                \
        __typeof__(p) stolen_ = (p);                                                               \
        (p) = NULL;                                                                                \
        stolen_;                                                                                   \
    })
static inline int steal_fd(int *fd)
{
    int was = *fd;
    *fd = -1;
    return was;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
