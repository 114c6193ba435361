/* QMP's lines, as they come: byte 0 says how many bytes come at a time. However they are cut, the
 * same lines are read. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap/qmp_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int line(const char *text, size_t len, void *arg, struct err *e)
{
    struct qmp_line l;
    if (qmp_line_parse(text, len, &l, e) < 0)
        return -1;
    if ((l.kind == QMP_EVENT || l.kind == QMP_ERROR) && !l.name)
        abort();
    if (l.kind == QMP_RETURN && !l.data)
        abort();
    qmp_line_done(&l);
    ++*(int *)arg;
    return 0;
}

static int read_all(const uint8_t *data, size_t size, size_t step)
{
    auto_buf struct buf in = BUF_INIT;
    int n = 0;
    for (size_t at = 0; at < size; at += step) {
        buf_put(&in, data + at, step < size - at ? step : size - at);
        if (qmp_lines(&in, line, &n, NULL) < 0)
            break;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (read_all(data + 1, size - 1, data[0] + 1u) != read_all(data + 1, size - 1, size))
        abort();
    return 0;
}
