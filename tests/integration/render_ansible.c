/* For tests, the ansible room as a program:
 *   render_ansible HOSTS OUTDIR
 *       writes inventory.yaml, known_hosts and ssh_config of the hosts in a file as
 *       tests/unit/ansible/rows.h describes it (YAML or JSON) */
#include "unit/ansible/rows.h"

static int render(const char *hosts, const char *dir, struct err *e)
{
    struct buf out[3] = { { .cap = 1u << 30 }, { .cap = 1u << 30 }, { .cap = 1u << 30 } };
    struct rows rows = { 0 };
    auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? err_sys(e, "%s", dir) : rows_load(hosts, &rows, e);

    if (r == 0)
        r = rows_render(&rows, out, e);
    for (int i = 0; i < 3; i++) {
        if (r == 0)
            r = file_replace(fd, golden_files[i], buf_str(&out[i]), out[i].len, 0644, NULL, e);
        buf_done(&out[i]);
    }
    json_decref(rows.tree);
    return r;
}

int main(int argc, char **argv)
{
    struct err e;

    if (argc != 3) {
        fprintf(stderr, "usage: render_ansible HOSTS OUTDIR\n");
        return 2;
    }
    if (render(argv[1], argv[2], &e) < 0) {
        fprintf(stderr, "render_ansible: %s\n", e.text);
        return 1;
    }
    return 0;
}
