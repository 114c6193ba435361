/* The stream of outcome lines: whatever comes, states are settled and texts are one line. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ansible/outcome.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct name hosts[] = { { "web1" }, { "db1" } };
    struct outcomes *o = outcomes_new(hosts, 2, NULL);

    outcomes_put(o, data, size / 2);
    outcomes_put(o, data + size / 2, size - size / 2);
    outcomes_finish(o);
    for (int i = 0; i < outcomes_count(o); i++) {
        const struct outcome_host *h = outcomes_get(o, i);
        if (strpbrk(h->task, "\n\x1b") || strpbrk(h->message, "\n\x1b") || h->duration_ms < 0 ||
            !utf8_valid(h->message, strlen(h->message)) ||
            outcome_from_name(outcome_name(h->state)) < 0)
            abort();
    }
    outcomes_free(o);
    return 0;
}
