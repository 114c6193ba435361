/* roost check: QEMU of another architecture and UEFI firmware are missed where an image is for
 * them. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bootstrap/platform.h"
#include "server/core_check.h"

/* The image that asks for it; "" none does. */
struct wants {
    struct name foreign[ARCHES], uefi[ARCHES];
};

static int look(const char *name, const json_t *j, void *arg)
{
    struct wants *w = arg;
    struct image i;

    if (image_from_record(name, j, &i, NULL) < 0)
        return 0;
    if (i.arch != arch_native())
        w->foreign[i.arch] = i.name;
    if (i.firmware == FIRMWARE_UEFI)
        w->uefi[i.arch] = i.name;
    return 0;
}

static void check_emulator(struct core *c, json_t *list, enum arch a, const struct name *image)
{
    const char *program = config_qemu(&c->config, a);
    char name[32], text[PATH_SIZE + 160], mend[64];
    bool there = check_in_path(program);

    snprintf(name, sizeof name, "qemu-%s", arch_name(a));
    if (there)
        snprintf(text, sizeof text, "%s: emulated, this host is no %s", program, arch_name(a));
    else
        snprintf(text, sizeof text, "%s is missing; image %s is for %s", program, image->s,
                 arch_name(a));
    snprintf(mend, sizeof mend, "apt install %s", platform_of(a)->package);
    check_row(list, name, there ? "ok" : "error", text, there ? "" : mend);
}

static void check_firmware(struct core *c, json_t *list, enum arch a, const struct name *image)
{
    const char *const files[] = { config_firmware_code(&c->config, a),
                                  config_firmware_vars(&c->config, a) };
    char name[32], text[PATH_SIZE + 160], mend[64];

    snprintf(name, sizeof name, "uefi-%s", arch_name(a));
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        if (files[i][0] && access(files[i], R_OK) == 0)
            continue;
        snprintf(text, sizeof text, "%s is missing; image %s boots by UEFI",
                 files[i][0] ? files[i] : "[launch] firmware-code", image->s);
        snprintf(mend, sizeof mend, "apt install %s", platform_of(a)->firmware_package);
        check_row(list, name, "error", text, mend);
        return;
    }
    check_row(list, name, "ok", files[0], "");
}

void check_machines(struct core *c, json_t *list)
{
    struct wants w = { 0 };

    (void)store_defs(c->store, DEF_IMAGE, look, &w, NULL);
    for (int a = 0; a < ARCHES; a++) {
        if (w.foreign[a].s[0])
            check_emulator(c, list, (enum arch)a, &w.foreign[a]);
        if (w.uefi[a].s[0])
            check_firmware(c, list, (enum arch)a, &w.uefi[a]);
    }
}
