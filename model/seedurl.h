/* The documents of a seed and the URLs under which a guest finds them and posts back.
 *   seed:        BASE/TAG/SEEDTOKEN/{meta-data,user-data,vendor-data,network-config}
 *   phone home:  BASE/TAG/POSTTOKEN/phone-home     reports: BASE/TAG/POSTTOKEN/report
 * BASE is "http://HOST:PORT" as the guest reaches it (advertised), without a trailing slash. */
#ifndef MODEL_SEEDURL_H
#define MODEL_SEEDURL_H

#include "base/buf.h"
#include "model/tag.h"
#include "model/token.h"

enum seed_doc { SEED_META, SEED_USER, SEED_VENDOR, SEED_NETWORK, SEED_DOCS };
const char *seed_doc_name(enum seed_doc d); /* "meta-data" … */

#define BASE_URL_MAX 255
/* "http://HOST:PORT" or "http://HOST"; https, a path, user info, spaces are refused. */
int base_url_parse(const char *s, char ret[BASE_URL_MAX + 1], struct err *e);

void seed_url(struct buf *out, const char *base, const struct tag *tag, const struct token *seed);
void phone_home_url(struct buf *out, const char *base, const struct tag *tag,
                    const struct token *post);
void report_url(struct buf *out, const char *base, const struct tag *tag, const struct token *post);
/* SMBIOS type 1 serial: "ds=nocloud-net;s=SEEDURL" (cloud-init's NoCloud datasource documentation;
 * `nocloud-net` because 22.4.2 with `nocloud` fetches everything and throws it away). */
void seed_serial(struct buf *out, const char *base, const struct tag *tag,
                 const struct token *seed);

#endif
