#include "base/pages.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t round_up(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) / page * page;
}

int pages_resize(struct pages *m, size_t size)
{
    size = round_up(size);
    if (size == m->size)
        return 0;
    if (size == 0) {
        munmap(m->p, m->size);
        *m = (struct pages){ 0 };
        return 0;
    }
    void *p = m->p ? mremap(m->p, m->size, size, MREMAP_MAYMOVE)
                   : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return -1;
    *m = (struct pages){ .p = p, .size = size };
    return 0;
}
