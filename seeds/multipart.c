#include "seeds/multipart.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "model/instance.h"
#include "seeds/gunzip.h"
#include "seeds/mime.h"

/* At column 0 nothing of ours can look like it: YAML lines begin with a key, a dash and a blank or
 * a blank, the script is fixed but for quoted values of one line. */
#define BOUNDARY "==roost=="

static void put_base64(struct buf *out, const char *data, size_t len)
{
    enum { STEP = 57 }; /* bytes for a line of 76 (RFC 2045 section 6.8) */
    char line[4 * STEP / 3 + 4];

    for (size_t at = 0; at < len; at += STEP) {
        size_t n = len - at < STEP ? len - at : STEP;
        base64_encode((const uint8_t *)data + at, n, line);
        buf_printf(out, "%s\n", line);
    }
}

static bool is_ascii(const struct buf *b)
{
    for (size_t i = 0; i < b->len; i++) {
        if ((unsigned char)b->data[i] > 0x7e)
            return false;
    }
    return true;
}

void multipart_begin(struct buf *out)
{
    buf_puts(out, "Content-Type: multipart/mixed; boundary=\"" BOUNDARY "\"\n"
                  "MIME-Version: 1.0\n\n");
}

/* Python's email parser damages 8bit text that comes as a string, which is how cloud-init calls it:
 * what is not ASCII travels as base64. */
void multipart_put(struct buf *out, const char *type, const char *name, const struct buf *body)
{
    bool ascii = is_ascii(body);

    buf_printf(out,
               "--" BOUNDARY "\n"
               "Content-Type: %s; charset=\"utf-8\"\n"
               "Content-Transfer-Encoding: %s\n"
               "Content-Disposition: attachment; filename=\"%s\"\n\n",
               type, ascii ? "7bit" : "base64", name);
    if (ascii)
        buf_put(out, body->data, body->len);
    else
        put_base64(out, body->data, body->len);
}

static int part_attach(const struct mime_part *p, void *arg, struct err *e)
{
    static const char *const fields[] = { "Content-Type", "Content-Disposition", "Merge-Type",
                                          "X-Merge-Type", "Launch-Index" };
    struct buf *out = arg;

    buf_puts(out, "--" BOUNDARY "\nContent-Transfer-Encoding: base64\n");
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        auto_buf struct buf value = BUF_INIT;
        if (mime_field(p, fields[i], &value) && buf_check(&value, e) == 0)
            buf_printf(out, "%s: %s\n", fields[i], buf_str(&value));
    }
    buf_putc(out, '\n');
    put_base64(out, p->data, p->len);
    return buf_check(out, e);
}

/* Without a type: cloud-init looks at how it begins, as it does with a document that is alone. */
static int plain_attach(struct buf *out, const char *data, size_t len, struct err *e)
{
    static const char head[] = "Content-Type: text/plain\n"
                               "Content-Disposition: attachment; filename=\"vendor-data\"\n";
    const struct mime_part p = {
        .data = data, .len = len, .head = head, .head_len = sizeof head - 1
    };

    return part_attach(&p, out, e);
}

static int unpacked_attach(struct buf *out, const char *data, size_t len, struct err *e)
{
    int rc;

    if (gzip_is(data, len) || !mime_is(data, len))
        return plain_attach(out, data, len, e);
    rc = mime_walk(data, len, part_attach, out, e);
    return rc > 0 ? err_set(e, ERR_INVALID, "a MIME document that cannot be taken apart") : rc;
}

int multipart_attach(struct buf *out, const char *data, size_t len, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;

    if (!gzip_is(data, len))
        return unpacked_attach(out, data, len, e);
    if (gunzip(data, len, USER_DATA_MAX, &text, e) < 0)
        return -1;
    return unpacked_attach(out, buf_str(&text), text.len, e);
}

void multipart_end(struct buf *out)
{
    buf_puts(out, "--" BOUNDARY "--\n");
}
