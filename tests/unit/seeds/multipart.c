#include "seeds/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "seeds/mime.h"

#define MIME_HEAD "Content-Type: multipart/mixed; boundary=b\nMIME-Version: 1.0\n\n"

/* "TYPE|NAME|DATA;" for each part. */
static int collect(const struct mime_part *p, void *arg, struct err *e)
{
    struct buf *b = arg;

    (void)e;
    buf_printf(b, "%s|", p->type);
    mime_field(p, "content-disposition", b);
    buf_printf(b, "|%.*s;", (int)p->len, p->data);
    return 0;
}

static void test_attached(void **state)
{
    static const struct {
        const char *text, *parts;
    } cases[] = {
        { "#!/bin/sh\n", "text/plain|attachment; filename=\"vendor-data\"|#!/bin/sh\n;" },
        { "a\n--==roost==--\nb\r\n",
          "text/plain|attachment; filename=\"vendor-data\"|a\n--==roost==--\nb\r\n;" },
        { MIME_HEAD "--b\nContent-Type: text/x-shellscript; name=a\n"
                    "Content-Disposition: attachment;\n\tfilename=\"\xc3\xbc\"\n\n#!\n"
                    "--b\n\n--==roost==\n--b--\n",
          "text/x-shellscript|attachment;  filename=\"__\"|#!\n;text/plain||--==roost==\n;" },
        { MIME_HEAD "--b\nContent-Type: text/plain\r--==roost==--\r\n\nx\n--b--\n",
          "text/plain||x\n;" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_buf struct buf out = BUF_INIT, own = BUF_INIT, got = BUF_INIT, want = BUF_INIT;
        buf_puts(&own, "own\n");
        multipart_begin(&out);
        assert_int_equal(multipart_attach(&out, cases[i].text, strlen(cases[i].text), NULL), 0);
        multipart_put(&out, "text/cloud-config", "roost.yaml", &own);
        multipart_end(&out);
        assert_true(mime_is(buf_str(&out), out.len));
        assert_int_equal(mime_walk(buf_str(&out), out.len, collect, &got, NULL), 0);
        buf_printf(&want, "%stext/cloud-config|attachment; filename=\"roost.yaml\"|own\n;",
                   cases[i].parts);
        assert_string_equal(buf_str(&got), buf_str(&want));
    }
}

/* Not ours to send on: vendordata_inspect() refuses them before. */
static void test_not_attached(void **state)
{
    static const char *const bad[] = { MIME_HEAD "--b\n\nx\n", "\x1f\x8b\x08 damaged" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        auto_buf struct buf out = BUF_INIT;
        struct err e = { 0 };
        assert_int_equal(multipart_attach(&out, bad[i], strlen(bad[i]), &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attached),
        cmocka_unit_test(test_not_attached),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
