#include "ansible/init.h"

#include <string.h>

#include "ansible/cfg.h"

__asm__(".pushsection .rodata\n"
        "init_site_text: .incbin \"ansible/site.yaml\"\n"
        "init_site_end: .byte 0\n"
        ".global init_site_text, init_site_end\n"
        ".popsection\n");
extern const char init_site_text[], init_site_end[];

static int put_site(const struct init_what *w, struct buf *out, struct err *e)
{
    (void)w;
    (void)e;
    buf_put(out, init_site_text, (size_t)(init_site_end - init_site_text));
    return 0;
}

static void put_cfg_banner(struct buf *out)
{
    buf_puts(out, "# Written once by \"roost ansible init\" and yours from then on. Host keys are\n"
                  "# checked against those that guests brought home; roost's own runs do so\n"
                  "# whatever stands here.\n");
}

static int put_fleet_cfg(const struct init_what *w, struct buf *out, struct err *e)
{
    const struct ansible_cfg c = { .inventory = w->inventory,
                                   .known_hosts = w->known_hosts,
                                   .ssh_key = w->ssh_key,
                                   .plugins = "",
                                   .remote_user = "",
                                   .become = true };

    put_cfg_banner(out);
    return ansible_cfg_render(&c, out, e);
}

/* Where the guest is and which keys it has is in its ssh_config. */
static int put_instance_cfg(const struct init_what *w, struct buf *out, struct err *e)
{
    auto_buf struct buf inventory = BUF_INIT;
    struct ansible_cfg c = {
        .known_hosts = "", .ssh_key = "", .plugins = "", .remote_user = "", .become = true
    };

    buf_printf(&inventory, "%s/" INIT_INVENTORY, w->directory);
    c.inventory = buf_str(&inventory);
    put_cfg_banner(out);
    return ansible_cfg_render(&c, out, e);
}

static int put_program(const struct init_what *w, struct buf *out, struct err *e)
{
    (void)e;
    buf_puts(out,
             "#!/bin/sh\n"
             "# The fleet as a dynamic inventory: ansible-playbook -i roost-inventory site.yaml\n"
             "exec ");
    buf_shell(out, w->program);
    buf_puts(out, " --state ");
    buf_shell(out, w->state);
    buf_puts(out, " \"$@\"\n");
    return 0;
}

static int put_inventory(const struct init_what *w, struct buf *out, struct err *e)
{
    auto_buf struct buf arguments = BUF_INIT;

    if (cfg_path_check(w->ssh_config, e) < 0)
        return -1;
    buf_puts(&arguments, "-F ");
    buf_shell(&arguments, w->ssh_config);
    buf_printf(
        out,
        "# %s alone. Written once by \"roost ansible init\" and yours from then on: variables\n"
        "# may stand here. Where it is reached and which host keys it has, ssh reads from a\n"
        "# file that roost keeps right, so neither has to stand here. By hand:\n"
        "#   ansible-playbook -i inventory.yaml deploy.yaml\n"
        "all:\n  hosts:\n    \"%s\":\n"
        "      ansible_host_key_checking: true\n"
        "      ansible_ssh_common_args: ",
        w->instance, w->instance);
    buf_json(out, buf_str(&arguments), arguments.len);
    buf_putc(out, '\n');
    return buf_check(&arguments, e);
}

static int put_deploy(const struct init_what *w, struct buf *out, struct err *e)
{
    (void)e;
    buf_printf(
        out,
        "# What runs for %s when it comes home, in place of the fleet's playbook. Written once\n"
        "# by \"roost ansible init\" and yours from then on; roles/ may lie beside it. By hand:\n"
        "#   ansible-playbook -i inventory.yaml deploy.yaml\n"
        "- name: What %s gets\n"
        "  hosts: \"%s\"\n"
        "  become: true\n"
        "  tasks:\n"
        "    - name: It answers, and becoming root works\n"
        "      ansible.builtin.ping:\n",
        w->instance, w->instance, w->instance);
    return 0;
}

static const struct doc {
    const char *file;
    mode_t mode;
    int (*put)(const struct init_what *w, struct buf *out, struct err *e);
} docs_of[][INIT_DOCS] = {
    [INIT_FLEET] = { { INIT_SITE, 0644, put_site },
                     { INIT_CFG, 0644, put_fleet_cfg },
                     { INIT_PROGRAM, 0755, put_program } },
    [INIT_INSTANCE] = { { INIT_INVENTORY, 0644, put_inventory },
                        { INIT_CFG, 0644, put_instance_cfg },
                        { INIT_DEPLOY, 0644, put_deploy } },
};

int init_render(const struct init_what *w, struct init_doc docs[INIT_DOCS], struct err *e)
{
    const struct doc *of = docs_of[w->for_];
    int r = 0;

    for (int i = 0; i < INIT_DOCS; i++)
        docs[i] = (struct init_doc){ .file = of[i].file, .mode = of[i].mode };
    for (int i = 0; i < INIT_DOCS && r == 0; i++)
        if (of[i].put(w, &docs[i].text, e) < 0 || buf_check(&docs[i].text, e) < 0)
            r = err_wrap(e, "%s", of[i].file);
    for (int i = 0; i < INIT_DOCS && r < 0; i++)
        buf_done(&docs[i].text);
    return r;
}
