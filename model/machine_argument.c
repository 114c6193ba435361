/* Words for QEMU's command line that an operator adds. */
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/machine.h"

const char *machine_argument(const struct machine_def *m, unsigned i)
{
    const char *s = m->arguments;

    while (i--)
        s += strlen(s) + 1;
    return s;
}

int machine_argument_add(struct machine_def *m, const char *word, struct err *e)
{
    size_t used = (size_t)(machine_argument(m, m->n_arguments) - m->arguments), len = strlen(word);

    if (!len || !ascii_printable(word, len))
        return err_set(e, ERR_INVALID, "\"%.40s\": an argument is printable ASCII, and not nothing",
                       word);
    if (m->n_arguments == MACHINE_ARGUMENTS_MAX || used + len + 1 >= sizeof m->arguments)
        return err_set(e, ERR_INVALID, "more than %d arguments, or %d bytes of them",
                       MACHINE_ARGUMENTS_MAX, MACHINE_ARGUMENTS_LEN - 1);
    memcpy(m->arguments + used, word, len + 1);
    m->n_arguments++;
    return 0;
}

#define HOLD    "by it roost would lose its hold of the guest"
#define WORD(w) "roost has a word of its own for it: " w

/* Options of QEMU 7.2 (qemu(1)) that are roost's own. */
static const struct {
    const char *option, *why;
} kept[] = {
    { "S", "the guest would wait for somebody to start it" },
    { "M", WORD("machine") },
    { "accel", "roost chooses the accelerator" },
    { "action", HOLD },
    { "add-fd", "its descriptors are roost's" },
    { "append", WORD("the image's cmdline") },
    { "bios", WORD("firmware-code") },
    { "chroot", HOLD },
    { "cpu", WORD("cpu") },
    { "curses", WORD("display") },
    { "daemonize", HOLD },
    { "display", WORD("display") },
    { "enable-kvm", "roost chooses the accelerator" },
    { "h", "QEMU would print a text and end" },
    { "help", "QEMU would print a text and end" },
    { "incoming", HOLD },
    { "initrd", WORD("the image's initrd") },
    { "k", WORD("keymap") },
    { "kernel", WORD("the image's kernel") },
    { "loadvm", HOLD },
    { "m", WORD("memory") },
    { "machine", WORD("machine") },
    { "mon", HOLD },
    { "monitor", HOLD },
    { "name", "it is the instance's" },
    { "no-reboot", HOLD },
    { "no-shutdown", HOLD },
    { "nographic", WORD("display") },
    { "pflash", WORD("firmware-code") },
    { "pidfile", HOLD },
    { "preconfig", HOLD },
    { "qmp", HOLD },
    { "qmp-pretty", HOLD },
    { "readconfig", "its options could be any: say them as arguments" },
    { "run-with", HOLD },
    { "runas", "[launch] run-as of roost.conf says it" },
    { "sandbox", "the sandbox is what holds a guest that breaks out" },
    { "sdl", WORD("display") },
    { "smbios", "by it the guest knows its tag and its seed" },
    { "smp", WORD("cpus") },
    { "uuid", WORD("uuid") },
    { "version", "QEMU would print a text and end" },
    { "vnc", WORD("display") },
    { "writeconfig", "it would write a file wherever it is told to" },
};

static const char *why_kept(const char *option)
{
    option += option[1] == '-' ? 2 : 1; /* QEMU takes both */
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        if (strcmp(option, kept[i].option) == 0)
            return kept[i].why;
    return NULL;
}

int machine_arguments_check(const struct machine_def *m, struct err *e)
{
    bool value_fits = false;

    for (unsigned i = 0; i < m->n_arguments; i++) {
        const char *word = machine_argument(m, i);
        const char *why;
        if (word[0] != '-') {
            if (!value_fits)
                return err_set(e, ERR_INVALID,
                               "qemu-arguments: \"%.80s\": expected an option (-device), then its "
                               "value as a word of its own",
                               word);
            value_fits = false;
            continue;
        }
        if ((why = why_kept(word)))
            return err_set(e, ERR_INVALID, "qemu-arguments: %.80s is refused: %s", word, why);
        value_fits = true;
    }
    return 0;
}
