/* Whom ssh and Ansible log in as. */
#include <stdio.h>
#include <string.h>

#include "server/core_priv.h"

static void image_user(struct store *s, const char *name, char out[64])
{
    struct image image;
    json_t *j;

    out[0] = '\0';
    if (store_def_get(s, DEF_IMAGE, name, &j, NULL) < 0)
        return;
    if (image_from_record(name, j, &image, NULL) == 0)
        snprintf(out, 64, "%s", image.default_user);
    json_decref(j);
}

/* Whom ssh logs in as: the first identity, else the image's user. */
void core_login(struct store *store, const struct spec *s, char out[64])
{
    const json_t *user = json_object_get(s->vars, "ansible_user");

    if (json_is_string(user))
        snprintf(out, 64, "%s", json_string_value(user));
    else if (s->n_identities)
        snprintf(out, 64, "%s", s->identities[0].s);
    else if (s->image.s[0])
        image_user(store, s->image.s, out);
    else
        out[0] = '\0';
}
