#include "seeds/homescript.h"

/* Why a script installs itself: cloud-init (seen with 22.4.2) stores a text/x-shellscript-per-boot
 * part of vendor-data in /var/lib/cloud/scripts/vendor/per-boot (script_path in
 * stages.Init._default_vendordata_handlers), where nothing runs it. A text/x-shellscript part is
 * run once per instance by cc_scripts_vendor, which comes before cc_scripts_per_boot in the final
 * stage. */
static const char head[] =
    "#!/bin/sh\n"
    "# Tells roost that this guest is home, on every boot, until roost has answered in that boot.\n"
    "# cloud-init runs it once as a vendor script; it then puts itself among the scripts that run\n"
    "# on every boot. Remove /var/lib/cloud/scripts/per-boot/roost-home to be rid of it.\n";

static const char paths[] = "ssh=/etc/ssh\n"
                            "cloud=/var/lib/cloud\n"
                            "run=/run\n";

static const char install[] =
    "\n"
    "self=$cloud/scripts/per-boot/roost-home\n"
    "umask 077\n"
    "if [ \"$0\" != \"$self\" ]; then\n"
    "    mkdir -p \"${self%/*}\" && cp \"$0\" \"$self.new\" && chmod 700 \"$self.new\" &&\n"
    "        mv -f \"$self.new\" \"$self\"\n"
    "fi\n"
    "# In an instance's first boot cloud-init comes by here twice; once is enough.\n"
    "mkdir \"$run/roost-home\" 2>/dev/null || exit 0\n";

/* The form of cc_phone_home, every byte percent-encoded: od and sed are everywhere, and nothing
 * that a key file may hold can break out of its field. */
static const char form[] =
    "\n"
    "encode() {\n"
    "    od -An -v -tx1 | sed 's/[^0-9a-f]//g; s/../%&/g' | tr -d '\\n'\n"
    "}\n"
    "\n"
    "key() {\n"
    "    if [ -s \"$ssh/ssh_host_$1_key.pub\" ]; then\n"
    "        encode <\"$ssh/ssh_host_$1_key.pub\"\n"
    "    else\n"
    "        printf N/A | encode\n"
    "    fi\n"
    "}\n"
    "\n"
    "form() {\n"
    "    for type in rsa ecdsa ed25519; do\n"
    "        printf 'pub_key_%s=%s&' \"$type\" \"$(key \"$type\")\"\n"
    "    done\n"
    "    printf 'instance_id=%s&' \"$(tr -d '\\n' <\"$cloud/data/instance-id\" | encode)\"\n"
    "    printf 'hostname=%s&fqdn=%s' \"$(printf %s \"$hostname\" | encode)\" \\\n"
    "        \"$(printf %s \"$fqdn\" | encode)\"\n"
    "}\n";

/* The URL holds a token: it never stands in an argument vector, which every user may read. A
 * redirect is no answer of roost's (following one turns the POST into a GET). */
static const char post[] =
    "\n"
    "post_python() {\n"
    "    url=$url body=$1 python3 -c '\n"
    "import os, urllib.request as r\n"
    "class Stay(r.HTTPRedirectHandler):\n"
    "    def redirect_request(self, *args):\n"
    "        return None\n"
    "q = r.Request(os.environ[\"url\"], os.environ[\"body\"].encode())\n"
    "q.add_header(\"User-Agent\", \"roost-home\")\n"
    "r.build_opener(Stay).open(q, timeout=20)\n"
    "'\n"
    "}\n"
    "\n"
    "post_curl() {\n"
    "    code=$(printf 'url = \"%s\"\\ndata = \"%s\"\\n' \"$url\" \"$1\" |\n"
    "        curl -s -m 20 -A roost-home -o /dev/null -w '%{http_code}' -K -)\n"
    "    case $code in 2[0-9][0-9]) return 0 ;; *) return 1 ;; esac\n"
    "}\n"
    "\n"
    "post() {\n"
    "    if command -v python3 >/dev/null; then\n"
    "        post_python \"$1\"\n"
    "    else\n"
    "        post_curl \"$1\"\n"
    "    fi\n"
    "}\n";

/* Home means that cloud-init is done, as with cc_phone_home: its last module leaves boot-finished.
 * A guest that never gets there is heard after half an hour all the same. */
static const char loop[] =
    "\n"
    "(\n"
    "    n=0\n"
    "    while [ ! -e \"$cloud/instance/boot-finished\" ] && [ \"$n\" -lt 600 ]; do\n"
    "        sleep 3\n"
    "        n=$((n + 1))\n"
    "    done\n"
    "    n=0\n"
    "    while [ \"$n\" -lt \"$tries\" ] && ! post \"$(form)\"; do\n"
    "        sleep 3\n"
    "        n=$((n + 1))\n"
    "    done\n"
    ") </dev/null >/dev/null 2>&1 &\n";

static void assign(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%s=", name);
    buf_shell(out, value);
    buf_putc(out, '\n');
}

int homescript_render(const struct seed_input *in, struct buf *out, struct err *e)
{
    auto_buf struct buf url = BUF_INIT;
    char fqdn[FQDN_SIZE];

    phone_home_url(&url, in->base_url, &in->instance->tag, &in->post);
    if (buf_check(&url, e) < 0)
        return -1;
    seed_fqdn(in, fqdn);
    buf_puts(out, head);
    assign(out, "url", buf_str(&url));
    buf_printf(out, "tries=%u\n", in->phone_home_tries);
    assign(out, "hostname", in->instance->name.s);
    assign(out, "fqdn", fqdn);
    buf_puts(out, paths);
    buf_puts(out, install);
    buf_puts(out, form);
    buf_puts(out, post);
    buf_puts(out, loop);
    return buf_check(out, e);
}
