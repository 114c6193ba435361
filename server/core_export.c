/* A guest as a script: the same QEMU by hand, here (bootstrap/vmsh.h) or on a Mac
 * (bootstrap/macsh.h). */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "bootstrap/macsh.h"
#include "bootstrap/vmsh.h"
#include "server/core_machine.h"

struct exporting {
    struct core *c;
    const struct guest *g;
    struct launch l;
    const struct network *network;
    char directory[PATH_SIZE + 128];
    json_t *notes;
};

static void note(struct exporting *x, const char *text)
{
    json_array_append_new(x->notes, json_string(text));
}

static int for_linux(struct exporting *x, struct buf *out, struct err *e)
{
    const struct config *f = &x->c->config;
    const char *code = config_firmware_code(f, x->l.arch);

    note(x,
         "it works on this host and needs no roost; roost does not see a guest that it runs, but "
         "will not start it meanwhile");
    return vmsh_render(&x->l, config_qemu(f, x->l.arch), *code ? code : NULL, x->directory, out, e);
}

static int for_mac(struct exporting *x, struct buf *out, struct err *e)
{
    note(x, "it needs the files that its head names, beside it");
    if (x->l.tap)
        note(x, "macOS gives addresses on its networks by itself: one that is reserved here is not "
                "kept there");
    return macsh_render(&x->l, x->network, x->c->config.state, out, e);
}

static const struct {
    const char *name;
    int (*render)(struct exporting *x, struct buf *out, struct err *e);
} forms[] = { { "linux", for_linux }, { "mac", for_mac } };

static int prepare(struct exporting *x, struct err *e)
{
    char path[PATH_SIZE + 192];
    struct stat st;

    snprintf(x->directory, sizeof x->directory, "%s/%s/%s", x->c->config.state, DIR_INSTANCES,
             x->g->name.s);
    if (x->g->launcher != LAUNCHER_ROOST)
        return err_set(e, ERR_CONFLICT,
                       "%s was not launched by roost (launcher: external): it has no vm.sh",
                       x->g->name.s);
    if (machine_launch_values(x->c, x->g, &x->l, e) < 0)
        return -1;
    x->network = core_network(x->c, x->l.network.s);
    if (!x->network)
        return err_set(e, ERR_NOT_FOUND, "network %s is not defined", x->l.network.s);
    snprintf(path, sizeof path, "%s/" FILE_DISK, x->directory);
    if (x->l.image_format != DISK_NONE && stat(path, &st) < 0)
        note(x, "it has no disk yet: its first start under roost makes it");
    return 0;
}

json_t *core_export(struct core *c, const char *name, const char *form, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    json_t *notes = json_array();
    struct guest g;
    size_t i = 0;

    struct exporting x = { .c = c, .g = &g, .notes = notes };
    while (i < ARRAY_SIZE(forms) && strcmp(forms[i].name, form) != 0)
        i++;
    if (i == ARRAY_SIZE(forms))
        err_set(e, ERR_INVALID, "\"%.40s\" is none of linux, mac", form);
    else if (core_guest(c, name, &g, e) == 0 && prepare(&x, e) == 0 &&
             forms[i].render(&x, &text, e) == 0 && buf_check(&text, e) == 0)
        return json_pack("{s:s, s:s, s:o}", "for", form, "text", buf_str(&text), "notes", notes);
    json_decref(notes);
    return NULL;
}
