/* The volume by which a guest reads its seed without a network (cloud-init documentation: NoCloud,
 * "Source 2: Drive with labeled filesystem"): ISO 9660 with Rock Ridge and Joliet, label CIDATA,
 * the documents as files in its root. The one corner that knows libisofs. */
#ifndef SEEDS_CIDATA_H
#define SEEDS_CIDATA_H

#include "base/buf.h"
#include "model/seedurl.h"

#define CIDATA_LABEL "CIDATA"

/* Appends the volume to *out: the same documents give the same bytes, wherever and whenever. An
 * empty document is an empty file. ERR_INTERNAL. */
int cidata_render(const struct buf docs[SEED_DOCS], struct buf *out, struct err *e);

#endif
