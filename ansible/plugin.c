#include "ansible/plugin.h"

#include "base/file.h"

__asm__(".pushsection .rodata\n"
        "plugin_text: .incbin \"ansible/roost_outcome.py\"\n"
        "plugin_end: .byte 0\n"
        ".global plugin_text, plugin_end\n"
        ".popsection\n");
extern const char plugin_text[], plugin_end[];

int plugin_write(int dirfd, bool *ret_changed, struct err *e)
{
    return file_replace(dirfd, PLUGIN_FILE, plugin_text, (size_t)(plugin_end - plugin_text), 0644,
                        ret_changed, e);
}
