/* Guests on their way out: as a script. */
#include "base/cleanup.h"
#include "server/api_priv.h"

int api_get_export(struct api_req *r, struct err *e)
{
    const char *form = api_query(r, "for");
    json_t *tree = core_export(r->api->core, r->name, form ? form : "linux", e);

    if (!tree)
        return -1;
    api_answer_json(r, MHD_HTTP_OK, tree);
    json_decref(tree);
    return 0;
}
