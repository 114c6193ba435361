#include "seeds/paste.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define BASE  "http://10.0.0.1:10200"
#define TOKEN "0123456789abcdef0123456789abcdef"
#define UUID  "4c4c4544-0042-3510-8031-b4c04f4e3732"
#define URL   BASE "/web1/" TOKEN "/"
#define ANY   BASE "/seed?tag=__dmi.chassis-asset-tag__&uuid=__dmi.system-uuid__"

static const struct tag tag = { "web1" };
static const struct token token = { TOKEN };
static const struct uuid uuid = { UUID };
static const struct paste_input one = { BASE, &tag, &token, &uuid, "iid-web1-1" },
                                any = { .base_url = BASE };

static void same(enum paste_form f, const struct paste_input *in, const char *want)
{
    auto_buf struct buf b = BUF_INIT;
    struct err e;

    assert_int_equal(paste_render(f, in, &b, &e), 0);
    assert_string_equal(buf_str(&b), want);
}

static void test_one(void **state)
{
    (void)state;
    same(PASTE_QEMU, &one,
         "-smbios 'type=1,uuid=" UUID ",serial=ds=nocloud-net;s=" URL
         "' -smbios type=3,asset=web1\n");
    same(PASTE_KERNEL, &one, "ds=nocloud-net;s=" URL "\n");
    same(PASTE_CIDATA, &one, "instance-id: iid-web1-1\nseedfrom: " URL "\n");
    same(PASTE_LIBVIRT, &one,
         "<!-- into <os> -->\n<smbios mode='sysinfo'/>\n<!-- into <domain> -->\n"
         "<sysinfo type='smbios'>\n  <system>\n    <entry name='serial'>ds=nocloud-net;s=" URL
         "</entry>\n  </system>\n  <chassis>\n    <entry name='asset'>web1</entry>\n  </chassis>\n"
         "</sysinfo>\n");
    /* printf %s 'ds=nocloud-net;s=…' | base64 -w0 */
    same(PASTE_PROXMOX, &one,
         "qm set VMID --smbios1 base64=1,uuid=" UUID
         ",serial=ZHM9bm9jbG91ZC1uZXQ7cz1odHRwOi8vMTAuMC4wLjE6MTAyMDAvd2ViMS8wMTIzNDU2Nzg5YWJjZGVm"
         "MDEyMzQ1Njc4OWFiY2RlZi8=\n");
}

/* Of any machine: it says itself who it is, without a token. */
static void test_any(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    struct err e;

    same(PASTE_QEMU, &any, "-smbios 'type=1,serial=ds=nocloud-net;s=" ANY "&f='\n");
    same(PASTE_KERNEL, &any, "ds=nocloud-net;s=" ANY "&serial=__dmi.system-serial-number__&f=\n");
    assert_int_equal(paste_render(PASTE_LIBVIRT, &any, &b, &e), 0);
    assert_non_null(strstr(buf_str(&b), "tag=__dmi.chassis-asset-tag__&amp;uuid="));
    assert_null(strstr(buf_str(&b), "<chassis>"));
    assert_int_equal(paste_render(PASTE_CIDATA, &any, &b, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
}

static void test_names(void **state)
{
    (void)state;
    for (int f = 0; f < PASTE_FORMS; f++) {
        assert_int_equal(paste_form_from_name(paste_form_name(f)), f);
        assert_non_null(paste_notes(f)[0]);
    }
    assert_int_equal(paste_form_from_name("xen"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_any),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
