/* Its record: the guest with all that was known of it where it comes from. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/identity.h"
#include "server/core_bring.h"
#include "server/core_machine.h"
#include "server/core_network.h"

void bring_say(struct moving *m, const char *fmt, ...)
{
    char text[2 * DRIVE_FILE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_printf(&m->remarks, "; %s", text);
    if (!m->notes)
        m->notes = json_array();
    json_array_append_new(m->notes, json_string(text));
}

static int record_image(struct moving *m, struct err *e)
{
    json_t *j;
    int r;

    if (!m->brings_image)
        return 0;
    j = image_to_json(&m->bundle.image);
    json_object_set_new(j, "source", json_pack("{s:s}", "file", m->file));
    r = store_def_put(m->c->store, DEF_IMAGE, m->image.s, j, e);
    json_decref(j);
    return r;
}

static int record_identities(struct moving *m, struct err *e)
{
    const char *name;
    json_t *v;

    json_object_foreach(m->bundle.identities, name, v)
    {
        json_t *here = NULL;
        if (store_def_get(m->c->store, DEF_IDENTITY, name, &here, NULL) < 0) {
            if (account_name_free(m->c, name, e) < 0 ||
                store_def_put(m->c->store, DEF_IDENTITY, name, v, e) < 0)
                return -1;
        } else if (!json_equal(here, v)) {
            bring_say(m, "identity %s is another one here, which a rebuild would use",
                       name);
        }
        json_decref(here);
    }
    return 0;
}

static int record_keys(struct moving *m, struct guest *g, struct err *e)
{
    const struct bundle *b = &m->bundle;
    auto_free struct guest_keys *k = calloc(1, sizeof *k);

    if (!k)
        return err_set(e, ERR_INTERNAL, "out of memory");
    snprintf(k->iid, sizeof k->iid, "%s", g->iid);
    memcpy(k->has, b->has, sizeof k->has);
    memcpy(k->keys, b->keys, sizeof k->keys);
    g->standing.ever_home = b->ever_home;
    g->sealed = b->sealed;
    g->boots = b->boots;
    return b->ever_home ? store_keys_put(m->c->store, g->id, k, e) : 0;
}

static int record_guest(struct moving *m, struct guest *g, struct err *e)
{
    const struct bundle *b = &m->bundle;
    struct core *c = m->c;
    struct instance i = b->instance;

    if (store_instance_insert(c->store, &i, e) < 0 ||
        network_reserve(c, &i, i.spec.network.s, e) < 0 || core_nics_put(c, &i, e) < 0 ||
        store_guest_by_id(c->store, i.id, g, e) < 0 ||
        store_moved_put(c->store, g->id, g->iid, b->tokens, e) < 0 ||
        disk_brought(c, g->id, b->disk_size, g->generation, e) < 0 || record_keys(m, g, e) < 0)
        return -1;
    g->standing.phase = PHASE_STOPPED;
    if (core_event(c, g, EV_DEFINED, m->who.text, e, "%s, brought from %s by %s%s", g->iid, b->host,
                   m->file, buf_str(&m->remarks)) < 0)
        return -1;
    g->standing.phase = PHASE_STOPPED;
    return core_guest_save(c, g, e) < 0 ? -1 : core_render(c, g->id, e);
}

int bring_record(struct moving *m, struct err *e)
{
    struct core *c = m->c;
    struct guest g;

    if (core_write(c, true, e) < 0 || store_savepoint(c->store, e) < 0)
        return -1;
    if (record_image(m, e) < 0 || record_identities(m, e) < 0 || record_guest(m, &g, e) < 0 ||
        wire_mark_all(c, e) < 0 || bring_note_end(c, e) < 0) {
        store_rollback_to(c->store);
        return -1;
    }
    store_release(c->store);
    return 0;
}
