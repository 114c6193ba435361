/* Ansible's documents, by the control API. */
#include "server/api_priv.h"

int api_post_ansible_init(struct api_req *r, struct err *e)
{
    json_t *body = api_body(r, e), *made;
    const char *instance = NULL;
    json_error_t why;

    if (!body)
        return -1;
    if (json_unpack_ex(body, &why, JSON_STRICT, "{s?s}", "instance", &instance)) {
        json_decref(body);
        return err_set(e, ERR_INVALID,
                       "body: %s; {\"instance\": NAME} or nothing, for the fleet, is wanted",
                       why.text);
    }
    made = core_ansible_init(r->api->core, instance, e);
    json_decref(body);
    if (!made)
        return -1;
    api_answer_json(r, MHD_HTTP_OK, made);
    json_decref(made);
    return 0;
}
