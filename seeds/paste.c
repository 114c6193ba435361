#include "seeds/paste.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/encode.h"

/* nocloud-net and a slash at the end: the one form that works everywhere (DESIGN section 5). `f=`
 * is last since clients append the document's name to a URL with a query. */
static void put_url(const struct paste_input *in, bool with_serial, struct buf *out)
{
    if (in->tag)
        seed_url(out, in->base_url, in->tag, in->token);
    else
        buf_printf(out, "%s/seed?tag=__dmi.chassis-asset-tag__&uuid=__dmi.system-uuid__%s&f=",
                   in->base_url, with_serial ? "&serial=__dmi.system-serial-number__" : "");
}

static void put_serial(const struct paste_input *in, bool with_serial, struct buf *out)
{
    buf_puts(out, "ds=nocloud-net;s=");
    put_url(in, with_serial, out);
}

/* One argument vector's part, quoted for a shell: the semicolon would end the command. Tags, tokens
 * and URLs hold neither quotes nor commas. */
static int qemu(const struct paste_input *in, struct buf *out, struct err *e)
{
    (void)e;
    buf_puts(out, "-smbios 'type=1,");
    if (in->uuid)
        buf_printf(out, "uuid=%s,", in->uuid->s);
    buf_puts(out, "serial=");
    put_serial(in, false, out);
    buf_puts(out, "'");
    if (in->tag)
        buf_printf(out, " -smbios type=3,asset=%s", in->tag->s);
    buf_putc(out, '\n');
    return 0;
}

static void put_xml(const char *s, struct buf *out)
{
    for (; *s; s++)
        if (*s == '&')
            buf_puts(out, "&amp;");
        else
            buf_putc(out, *s);
}

static int libvirt(const struct paste_input *in, struct buf *out, struct err *e)
{
    auto_buf struct buf serial = BUF_INIT;

    put_serial(in, false, &serial);
    if (buf_check(&serial, e) < 0)
        return -1;
    buf_puts(out, "<!-- into <os> -->\n"
                  "<smbios mode='sysinfo'/>\n"
                  "<!-- into <domain> -->\n"
                  "<sysinfo type='smbios'>\n"
                  "  <system>\n"
                  "    <entry name='serial'>");
    put_xml(buf_str(&serial), out);
    buf_puts(out, "</entry>\n"
                  "  </system>\n");
    if (in->tag)
        buf_printf(out,
                   "  <chassis>\n"
                   "    <entry name='asset'>%s</entry>\n"
                   "  </chassis>\n",
                   in->tag->s);
    buf_puts(out, "</sysinfo>\n");
    return 0;
}

/* qm(1): with base64=1 all strings of smbios1 are; uuid is none. */
static int proxmox(const struct paste_input *in, struct buf *out, struct err *e)
{
    auto_buf struct buf serial = BUF_INIT;
    auto_free char *text = NULL;

    put_serial(in, false, &serial);
    if (buf_check(&serial, e) < 0)
        return -1;
    if (!(text = malloc(4 * ((serial.len + 2) / 3) + 1)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    base64_encode((const uint8_t *)buf_str(&serial), serial.len, text);
    buf_puts(out, "qm set VMID --smbios1 base64=1,");
    if (in->uuid)
        buf_printf(out, "uuid=%s,", in->uuid->s);
    buf_printf(out, "serial=%s\n", text);
    return 0;
}

static int kernel(const struct paste_input *in, struct buf *out, struct err *e)
{
    (void)e;
    put_serial(in, true, out);
    buf_putc(out, '\n');
    return 0;
}

/* `seedfrom` of a volume's meta-data (cloudinit/sources/DataSourceNoCloud.py). */
static int cidata(const struct paste_input *in, struct buf *out, struct err *e)
{
    if (!in->tag)
        return err_set(e, ERR_INVALID, "a volume is for one guest: say which");
    buf_printf(out, "instance-id: %s\nseedfrom: ", in->iid);
    put_url(in, false, out);
    buf_putc(out, '\n');
    return 0;
}

static const char *const token_in_argv[] = {
    "whoever lists that host's processes reads the URL, and with it the seed",
    NULL,
};
static const char *const xml_notes[] = {
    "whoever may read the domain's XML reads the URL, and with it the seed",
    NULL,
};
static const char *const proxmox_notes[] = {
    "VMID is the machine's number; smbios1 is replaced as a whole, its uuid included",
    NULL,
};
static const char *const kernel_notes[] = {
    "quote it in a boot loader's configuration: the semicolon ends a command in GRUB",
    "every user inside the guest can read the kernel's command line, and with it the seed",
    NULL,
};
static const char *const cidata_notes[] = {
    "this is the file meta-data of a volume with the label cidata; user-data beside it may be "
    "empty",
    NULL,
};

static const struct {
    const char *name;
    int (*render)(const struct paste_input *in, struct buf *out, struct err *e);
    const char *const *notes;
} forms[PASTE_FORMS] = {
    [PASTE_QEMU] = { "qemu", qemu, token_in_argv },
    [PASTE_LIBVIRT] = { "libvirt", libvirt, xml_notes },
    [PASTE_PROXMOX] = { "proxmox", proxmox, proxmox_notes },
    [PASTE_KERNEL] = { "kernel", kernel, kernel_notes },
    [PASTE_CIDATA] = { "cidata", cidata, cidata_notes },
};

const char *paste_form_name(enum paste_form f)
{
    return (unsigned)f < PASTE_FORMS ? forms[f].name : "unknown";
}

int paste_form_from_name(const char *s)
{
    for (int f = 0; f < PASTE_FORMS; f++)
        if (!strcmp(forms[f].name, s))
            return f;
    return -1;
}

int paste_render(enum paste_form f, const struct paste_input *in, struct buf *out, struct err *e)
{
    return forms[f].render(in, out, e) < 0 ? -1 : buf_check(out, e);
}

const char *const *paste_notes(enum paste_form f)
{
    return forms[f].notes;
}
