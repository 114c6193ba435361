#include "model/spec.h"

#include <stdlib.h>
#include <string.h>

void spec_init(struct spec *s, const struct spec_defaults *d)
{
    *s = (struct spec){
        .launcher = LAUNCHER_ROOST,
        .bootstrapper = BOOTSTRAPPER_NET,
        .network = d->network,
        .cpus = d->cpus,
        .memory = d->memory,
        .disk = d->disk,
        .autostart_order = AUTOSTART_ORDER,
    };
}

void spec_drop_disks(struct spec *s)
{
    free(s->root);
    free(s->drives);
    s->root = s->drives = NULL;
    s->n_drives = 0;
    s->disk = 0;
}

void spec_done(struct spec *s)
{
    spec_drop_disks(s);
    free(s->user_data);
    free(s->vendor_data);
    json_decref(s->vars);
    s->user_data = s->vendor_data = NULL;
    s->user_data_len = s->vendor_data_len = 0;
    s->vars = NULL;
}

/* NULL: no memory, or there is nothing. */
static void *copy_of(const void *from, size_t len, size_t room)
{
    char *to = from ? calloc(1, room) : NULL;
    return to ? memcpy(to, from, len) : NULL;
}

int spec_copy(struct spec *to, const struct spec *from, struct err *e)
{
    size_t drives = (size_t)from->n_drives * sizeof(*from->drives);
    struct spec s = *from;
    s.user_data = copy_of(from->user_data, from->user_data_len, from->user_data_len + 1);
    s.vendor_data = copy_of(from->vendor_data, from->vendor_data_len, from->vendor_data_len + 1);
    s.root = copy_of(from->root, sizeof(*s.root), sizeof(*s.root));
    s.drives = copy_of(from->drives, drives, drives);
    if (!s.user_data != !from->user_data || !s.vendor_data != !from->vendor_data ||
        !s.root != !from->root || !s.drives != !from->drives) {
        free(s.user_data);
        free(s.vendor_data);
        free(s.root);
        free(s.drives);
        return err_set(e, ERR_INTERNAL, "out of memory");
    }
    *to = s;
    json_incref(to->vars);
    return 0;
}

void spec_root(const struct spec *s, struct drive *ret)
{
    *ret = s->root ? *s->root : (struct drive){ .size = 0 };
    ret->size = s->disk;
}

int spec_set_root(struct spec *s, const struct drive *d, struct err *e)
{
    struct drive *root = NULL;
    if (!drive_is_plain(d) && !(root = copy_of(d, sizeof(*d), sizeof(*d))))
        return err_set(e, ERR_INTERNAL, "out of memory");
    free(s->root);
    s->root = root;
    s->disk = d->size;
    return 0;
}
