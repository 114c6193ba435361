/* What QEMU prints of what it can do: byte 0 says in answer to which question. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "bootstrap/emulator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct emulator *m = emulator_new(ARCH_AMD64, NULL), *again;
    struct launch l = { .cpus = 1, .machine = { .cpu = "max,avx2=on", .type = "pc-q35-7.2" } };
    json_t *j;

    if (size && m &&
        emulator_answer(m, data[0] % EMULATOR_QUESTIONS, (const char *)data + 1, size - 1, NULL) ==
            0) {
        (void)emulator_judge(m, &l, NULL);
        j = emulator_to_json(m);
        again = emulator_from_json(j, ARCH_AMD64);
        if (emulator_version(m)[0] && !again)
            abort();
        emulator_free(again);
        json_decref(j);
    }
    emulator_free(m);
    return 0;
}
