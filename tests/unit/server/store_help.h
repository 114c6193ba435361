/* What the store's unit tests share: a state directory of their own and guests in it. */
#ifndef STORE_HELP_H
#define STORE_HELP_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/store_priv.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/roost-store.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    auto_close int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir_remove(tmp, dir + strlen("/tmp/"), NULL);
}
#define WITH_DIR(t) cmocka_unit_test_setup_teardown(t, make_dir, remove_dir)

#define must(call)                                                                                 \
    do {                                                                                           \
        struct err must_e = { 0 };                                                                 \
        struct err *e = &must_e;                                                                   \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, must_e.text);                                                \
    } while (0)

static inline struct store *open_store(void)
{
    struct store *s = NULL;
    must(store_open(dir, &s, e));
    return s;
}

static inline const char *in_dir(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

/* An instance whose four names hang on n. */
static inline struct instance instance_of(const char *name, unsigned n)
{
    struct spec_defaults none = { .cpus = 1, .memory = 1 << 30 };
    struct instance i = { .generation = 1, .epoch = 1, .mac = { { 0x52, 0x54, 0 } } };
    snprintf(i.name.s, sizeof(i.name.s), "%s", name);
    snprintf(i.tag.s, sizeof(i.tag.s), "T-%s", name);
    instance_iid(name, 1, i.iid);
    snprintf(i.uuid.s, sizeof(i.uuid.s), "4c4c4544-0042-8510-8031-%012x", n);
    memcpy(i.mac.b + 3, &n, 3);
    spec_init(&i.spec, &none);
    snprintf(i.spec.network.s, sizeof(i.spec.network.s), "user");
    snprintf(i.spec.image.s, sizeof(i.spec.image.s), "trixie");
    return i;
}

static inline int64_t add(struct store *s, const char *name, unsigned n)
{
    struct instance i = instance_of(name, n);
    must(store_instance_insert(s, &i, e));
    instance_done(&i);
    return i.id;
}

#endif
