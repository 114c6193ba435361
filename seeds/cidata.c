#include "seeds/cidata.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#define LIBISOFS_WITHOUT_LIBBURN 1
#include <libisofs/libisofs.h> /* wants the ones above */

#include "base/err.h"

/* Of every file and of the volume: the first moment that FAT, and with it everybody, can say. */
#define FIXED_TIME ((time_t)315532800) /* 1980-01-01T00:00:00Z */
#define SECTOR     2048

static int check(int code, const char *what, struct err *e)
{
    return code < 0 ? err_set(e, ERR_INTERNAL, "seed volume: %s: %s", what, iso_error_to_msg(code))
                    : 0;
}

/* libisofs is set up once; what it says on stderr comes back as codes. */
static int setup(struct err *e)
{
    static bool done;
    time_t now = FIXED_TIME;

    if (!done && check(iso_init(), "libisofs", e) < 0)
        return -1;
    done = true;
    iso_set_msgs_severities((char *)"NEVER", (char *)"NEVER", (char *)"");
    return check(iso_nowtime(&now, 1), "clock", e);
}

static int add_file(IsoImage *image, const char *name, const struct buf *doc, struct err *e)
{
    unsigned char *copy = malloc(doc->len + 1); /* the stream's from then on */
    IsoStream *stream = NULL;
    IsoFile *file = NULL;

    if (!copy)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (doc->len)
        memcpy(copy, doc->data, doc->len);
    if (check(iso_memory_stream_new(copy, doc->len, &stream), name, e) < 0) {
        free(copy);
        return -1;
    }
    if (check(iso_tree_add_new_file(iso_image_get_root(image), name, stream, &file), name, e) < 0) {
        iso_stream_unref(stream);
        return -1;
    }
    /* Secrets are in it: whoever mounts it in the guest is root, and so is whoever reads it. */
    iso_node_set_permissions(ISO_NODE(file), 0400);
    iso_node_set_mtime(ISO_NODE(file), FIXED_TIME);
    iso_node_set_atime(ISO_NODE(file), FIXED_TIME);
    iso_node_set_ctime(ISO_NODE(file), FIXED_TIME);
    return 0;
}

static int fill(IsoImage *image, const struct buf docs[SEED_DOCS], struct err *e)
{
    /* Else libisofs puts its version there. */
    iso_image_set_volset_id(image, CIDATA_LABEL);
    iso_image_set_publisher_id(image, "");
    iso_image_set_data_preparer_id(image, "");
    iso_image_set_system_id(image, "");
    iso_image_set_application_id(image, "ROOST");
    for (int d = 0; d < SEED_DOCS; d++)
        if (add_file(image, seed_doc_name((enum seed_doc)d), &docs[d], e) < 0)
            return -1;
    return 0;
}

static int options(IsoWriteOpts **ret, struct err *e)
{
    IsoWriteOpts *o;

    if (check(iso_write_opts_new(&o, 0), "options", e) < 0)
        return -1;
    iso_write_opts_set_iso_level(o, 3);
    iso_write_opts_set_rockridge(o, 1);
    iso_write_opts_set_joliet(o, 1);
    iso_write_opts_set_always_gmt(o, 1); /* else the host's time zone stands beside each time */
    iso_write_opts_set_replace_timestamps(o, 2);
    iso_write_opts_set_default_timestamp(o, FIXED_TIME);
    iso_write_opts_set_pvd_times(o, FIXED_TIME, FIXED_TIME, 0, 0, (char *)"1980010100000000");
    *ret = o;
    return 0;
}

/* Reads to the end even when memory is short: the writer is a thread of libisofs, which waits. */
static int drain(struct burn_source *source, struct buf *out, struct err *e)
{
    unsigned char sector[SECTOR];
    int n;

    while ((n = source->read_xt(source, sector, SECTOR)) > 0)
        buf_put(out, (const char *)sector, (size_t)n);
    if (n < 0)
        return err_set(e, ERR_INTERNAL, "seed volume: libisofs gave up on it");
    return buf_check(out, e);
}

static int produce(IsoImage *image, struct buf *out, struct err *e)
{
    struct burn_source *source = NULL;
    IsoWriteOpts *o;

    if (options(&o, e) < 0)
        return -1;
    int r = check(iso_image_create_burn_source(image, o, &source), "image", e);
    iso_write_opts_free(o);
    if (r < 0)
        return -1;
    r = drain(source, out, e);
    source->free_data(source);
    free(source);
    return r;
}

int cidata_render(const struct buf docs[SEED_DOCS], struct buf *out, struct err *e)
{
    IsoImage *image = NULL;

    if (setup(e) < 0 || check(iso_image_new(CIDATA_LABEL, &image), "image", e) < 0)
        return -1;
    int r = fill(image, docs, e) < 0 ? -1 : produce(image, out, e);
    iso_image_unref(image);
    return r;
}
