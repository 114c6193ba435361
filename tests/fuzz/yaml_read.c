/* The reader of fleet files. What it accepts, the writer writes, and it is read back as the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_buf struct buf out = BUF_INIT;
    struct yaml_map *map = NULL;
    json_t *tree = NULL;
    json_t *back = NULL;
    struct err e;

    if (yaml_read((const char *)data, size, "f", &tree, &map, &e) < 0)
        return 0;
    if (yaml_map_line(map, "/a/b~1c/0", NULL) < 1)
        abort();
    if (yaml_write(tree, &out, &e) < 0 ||
        yaml_read(buf_str(&out), out.len, "f", &back, NULL, &e) < 0 || !json_equal(tree, back))
        abort();
    json_decref(tree);
    json_decref(back);
    yaml_map_free(map);
    return 0;
}
