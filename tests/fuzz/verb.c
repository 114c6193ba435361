/* Verbs and what roostd answers: byte 0 says which decoder, the rest is the message. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/verb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* There is one encoding of a value, so what was decoded is encoded to the same bytes. */
#define ROUND(type)                                                                                \
    do {                                                                                           \
        struct type value;                                                                         \
        if (!type##_decode(&c, &value, NULL))                                                      \
            type##_encode(&value, &b);                                                             \
        else                                                                                       \
            return 0;                                                                              \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_buf struct buf b = BUF_INIT;

    if (!size)
        return 0;
    struct msg_cur c = msg_cur(data + 1, size - 1);
    switch (data[0]) {
    case 'l':
        ROUND(launch);
        break;
    case 'v':
        ROUND(verb_ref);
        break;
    case 'm':
        ROUND(medium_get);
        break;
    case 'd':
        ROUND(launched);
        break;
    case 'x':
        ROUND(exited);
        break;
    case 'a':
        ROUND(accel_report);
        break;
    default:
        return 0;
    }
    if (buf_check(&b, NULL) || b.len != size - 1 || memcmp(b.data, data + 1, b.len))
        abort();
    return 0;
}
