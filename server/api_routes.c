#include "server/api_routes.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/api_priv.h"

/* clang-format off */
static const struct api_route routes[] = {
    { "GET", "/v1/status", { NULL }, 0, api_get_status },
    { "GET", "/metrics", { NULL }, 0, api_get_metrics },
    { "GET", "/v1/check", { NULL }, 0, api_get_check },
    { "GET", "/v1/check/networks", { NULL }, 0, api_get_networks_check },
    { "GET", "/v1/paths", { NULL }, 0, api_get_paths },
    { "GET", "/v1/instances", { NULL }, 0, api_get_instances },
    { "GET", "/v1/instances/{name}", { NULL }, 0, api_get_instance },
    { "GET", "/v1/instances/{name}/console", { "lines" }, 0, api_get_console },
    { "GET", "/v1/instances/{name}/console/attach", { "watch" }, 0, api_get_attach },
    { "GET", "/v1/instances/{name}/export", { "for" }, 0, api_get_export },
    { "GET", "/v1/instances/{name}/bundle", { "no-image" }, 0, api_get_bundle },
    { "POST", "/v1/import", { NULL }, API_BODY_MAX, api_post_import },
    { "GET", "/v1/events", { "instance", "after", "limit", "newest", "wait" }, 0, api_get_events },
    { "GET", "/v1/instances/{name}/seed", { "document" }, 0, api_get_seed },
    { "GET", "/v1/instances/{name}/seed-explain", { "client" }, 0, api_get_seed_explain },
    { "GET", "/v1/instances/{name}/seed-url", { "for" }, 0, api_get_seed_url },
    { "GET", "/v1/instances/{name}/seed-volume", { NULL }, 0, api_get_seed_volume },
    { "GET", "/v1/seed-url", { "for" }, 0, api_get_seed_url },
    { "GET", "/v1/unknown", { NULL }, 0, api_get_unknown },
    { "POST", "/v1/unknown/{name}/adopt", { NULL }, API_BODY_MAX, api_post_adopt },
    { "DELETE", "/v1/unknown/{name}", { NULL }, 0, api_delete_unknown },
    { "GET", "/v1/networks", { NULL }, 0, api_get_networks },
    { "GET", "/v1/networks/{name}", { NULL }, 0, api_get_network },
    { "GET", "/v1/networks/{name}/check", { NULL }, 0, api_get_network_check },
    { "GET", "/v1/networks/{name}/plan", { NULL }, 0, api_get_network_plan },
    { "GET", "/v1/networks/{name}/export", { "format" }, 0, api_get_network_export },
    { "POST", "/v1/networks/{name}/up", { NULL }, API_BODY_MAX, api_post_network_up },
    { "POST", "/v1/networks/{name}/down", { NULL }, API_BODY_MAX, api_post_network_down },
    { "DELETE", "/v1/networks/{name}", { NULL }, 0, api_delete_network },
    { "GET", "/v1/identities", { NULL }, 0, api_get_identities },
    { "POST", "/v1/identities", { NULL }, API_IDENTITY_MAX, api_post_identity },
    { "GET", "/v1/identities/{name}", { NULL }, 0, api_get_identity },
    { "PATCH", "/v1/identities/{name}", { NULL }, API_IDENTITY_MAX, api_patch_identity },
    { "DELETE", "/v1/identities/{name}", { NULL }, 0, api_delete_identity },
    { "GET", "/v1/images", { NULL }, 0, api_get_images },
    { "GET", "/v1/groups", { NULL }, 0, api_get_groups },
    { "POST", "/v1/images", { NULL }, API_BODY_MAX, api_post_image },
    { "GET", "/v1/images/{name}", { NULL }, 0, api_get_image },
    { "POST", "/v1/images/{name}/verify", { NULL }, API_BODY_MAX, api_post_image_verify },
    { "DELETE", "/v1/images/{name}", { NULL }, 0, api_delete_image },
    { "POST", "/v1/image-gc", { NULL }, API_BODY_MAX, api_post_image_gc },
    { "GET", "/v1/catalogue", { NULL }, 0, api_get_catalogue },
    { "GET", "/v1/tasks", { NULL }, 0, api_get_tasks },
    { "GET", "/v1/tasks/{name}", { "seen", "wait" }, 0, api_get_task },
    { "POST", "/v1/tasks/{name}/cancel", { NULL }, API_BODY_MAX, api_post_task_cancel },
    { "GET", "/v1/inventory", { NULL }, 0, api_get_inventory },
    { "GET", "/v1/known-hosts", { "host" }, 0, api_get_known_hosts },
    { "GET", "/v1/ssh-config", { NULL }, 0, api_get_ssh_config },
    { "GET", "/v1/openapi", { NULL }, 0, api_get_openapi },
    { "GET", "/v1/store/backup", { NULL }, 0, api_get_backup },
    { "POST", "/v1/store/check", { NULL }, API_BODY_MAX, api_post_store_check },
    { "POST", "/v1/ansible/init", { NULL }, API_BODY_MAX, api_post_ansible_init },
    { "POST", "/v1/apply", { NULL }, API_APPLY_MAX, api_post_apply },
    { "POST", "/v1/instances/{name}/start", { NULL }, API_BODY_MAX, api_post_start },
    { "POST", "/v1/instances/{name}/stop", { NULL }, API_BODY_MAX, api_post_stop },
    { "POST", "/v1/instances/{name}/restart", { NULL }, API_BODY_MAX, api_post_restart },
    { "POST", "/v1/instances/{name}/rebuild", { NULL }, API_BODY_MAX, api_post_rebuild },
    { "POST", "/v1/instances/{name}/reset", { NULL }, API_BODY_MAX, api_post_reset },
    { "POST", "/v1/instances/{name}/rename", { NULL }, API_BODY_MAX, api_post_rename },
    { "DELETE", "/v1/instances/{name}", { "force", "destroy-disks", "dry-run" }, 0, api_delete_instance },
    { "GET", "/v1/trash", { NULL }, 0, api_get_trash },
    { "POST", "/v1/trash/{name}/restore", { NULL }, API_BODY_MAX, api_post_trash_restore },
    { "DELETE", "/v1/trash/{name}", { NULL }, 0, api_delete_trash },
    { "POST", "/v1/instances/{name}/eject", { NULL }, API_BODY_MAX, api_post_eject },
    { "POST", "/v1/instances/{name}/insert", { NULL }, API_BODY_MAX, api_post_insert },
    { "GET", "/v1/runs", { "instance", "limit" }, 0, api_get_runs },
    { "POST", "/v1/runs", { NULL }, API_APPLY_MAX, api_post_run },
    { "GET", "/v1/runs/{name}", { NULL }, 0, api_get_run },
    { "GET", "/v1/runs/{name}/log", { "from" }, 0, api_get_run_log },
    { "POST", "/v1/runs/{name}/cancel", { NULL }, API_BODY_MAX, api_post_run_cancel },
    { "POST", "/v1/sync", { NULL }, API_BODY_MAX, api_post_sync },
    { "POST", "/v1/reprobe", { NULL }, API_BODY_MAX, api_post_reprobe },
};
/* clang-format on */

const struct api_route *api_routes(size_t *ret_n)
{
    *ret_n = ARRAY_SIZE(routes);
    return routes;
}

/* Does a path have the pattern's form? Its segment at "{name}" is copied; one that is too long for
 * any name fits nothing. */
static bool fits(const char *pattern, const char *path, char name[NAME_MAX_LEN + 1])
{
    const char *hole = strstr(pattern, "{name}");
    size_t head = hole ? (size_t)(hole - pattern) : 0, len;

    name[0] = '\0';
    if (!hole)
        return strcmp(pattern, path) == 0;
    if (strncmp(pattern, path, head) != 0)
        return false;
    len = strcspn(path + head, "/");
    if (len == 0 || len > NAME_MAX_LEN || strcmp(path + head + len, hole + strlen("{name}")) != 0)
        return false;
    memcpy(name, path + head, len);
    name[len] = '\0';
    return true;
}

static void allow(char *out, size_t size, const char *method)
{
    size_t len = strlen(out);

    snprintf(out + len, size - len, "%s%s", len ? ", " : "", method);
}

int api_route_find(const char *method, const char *path, const struct api_route **ret,
                   char ret_name[NAME_MAX_LEN + 1], char *ret_allow, size_t allow_size,
                   struct err *e)
{
    char name[NAME_MAX_LEN + 1];

    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    ret_allow[0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        if (!fits(routes[i].path, path, name))
            continue;
        if (strcmp(routes[i].method, method) == 0) {
            memcpy(ret_name, name, sizeof name);
            ret_allow[0] = '\0';
            *ret = &routes[i];
            return 0;
        }
        allow(ret_allow, allow_size, routes[i].method);
    }
    if (ret_allow[0])
        return err_set(e, ERR_INVALID, "%s cannot be done to %s, but %s can", method, path,
                       ret_allow);
    return err_set(e, ERR_NOT_FOUND, "the control API has no %.120s; see /v1/openapi", path);
}
