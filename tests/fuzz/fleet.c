/* A fleet file from YAML to checked values; what was accepted must read back as it was emitted. */
#include <stdlib.h>

#include "model/fleet.h"

static void read_back(const struct spec *s, const struct spec_defaults *d)
{
    struct spec again;
    json_t *j = spec_to_json(s), *j2;
    spec_init(&again, d);
    if (spec_read(&again, j, "", NULL) < 0)
        abort();
    j2 = spec_to_json(&again);
    if (!json_equal(j, j2))
        abort();
    json_decref(j);
    json_decref(j2);
    spec_done(&again);
}

static void network_read_back(const struct network *n)
{
    struct network again;
    json_t *j = network_to_json(n), *j2;
    if (network_from_json(n->name.s, j, &again, NULL) < 0)
        abort();
    j2 = network_to_json(&again);
    if (!json_equal(j, j2))
        abort();
    json_decref(j);
    json_decref(j2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct spec_defaults d = { .cpus = 1, .memory = 1u << 30, .network = { "user" } };
    struct yaml_map *map = NULL;
    json_t *tree = NULL;
    struct fleet f;
    struct err e;
    if (yaml_read((const char *)data, size, "fleet.yaml", &tree, &map, &e) == 0 &&
        fleet_parse(tree, "fleet.yaml", map, &d, &f, &e) == 0) {
        for (int i = 0; i < f.n_instances && i < 8; i++)
            read_back(&f.instances[i].spec, &d);
        for (int i = 0; i < f.n_networks && i < 8; i++)
            network_read_back(&f.networks[i]);
        fleet_done(&f);
    }
    json_decref(tree);
    yaml_map_free(map);
    return 0;
}
