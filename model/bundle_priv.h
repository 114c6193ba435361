/* Bundles, between their files: bundle.c reads and writes who the guest is, bundle_file.c what
 * files come with it, both by bundle_value.c. */
#ifndef MODEL_BUNDLE_PRIV_H
#define MODEL_BUNDLE_PRIV_H

#include "model/bundle.h"

/* ERR_INVALID, -1. */
int bundle_damaged(struct err *e, const char *what);
/* Members of an object. */
int bundle_text(const json_t *o, const char *key, char *ret, size_t size, struct err *e);
int bundle_number(const json_t *o, const char *key, uint64_t max, uint64_t *ret, struct err *e);

/* The member "files"; reading comes after instance and image, whose files they are. */
json_t *bundle_files_json(const struct bundle *b);
int bundle_files_read(const json_t *list, int format, struct bundle *b, struct err *e);

#endif
