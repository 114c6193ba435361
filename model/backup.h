/* Backups: a tar archive whose first member, MANIFEST, says what the others are. */
#ifndef MODEL_BACKUP_H
#define MODEL_BACKUP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/encode.h"
#include "base/err.h"
#include "base/tar.h"

#define BACKUP_FORMAT       1
#define BACKUP_MANIFEST     "MANIFEST"
#define BACKUP_MANIFEST_MAX (64u << 10)
#define BACKUP_FILES_MAX    16

struct backup_file {
    char name[TAR_NAME_MAX + 1];
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
};

struct backup {
    char version[32];   /* of the roost that made it */
    int schema;         /* of its store */
    char made[32];      /* RFC 3339 */
    char host[256];     /* where */
    char state[4096];   /* its state directory */
    uint64_t instances; /* on record */
    struct backup_file files[BACKUP_FILES_MAX];
    int n_files;
};

/* The files that a backup holds, in their order: names below the state directory. */
struct backup_kind {
    const char *name;
    bool needed;   /* a backup without it is none */
    bool restored; /* else it is there to be read by people */
    uint64_t max;  /* bytes */
};
const struct backup_kind *backup_kinds(int *ret_n);
const struct backup_kind *backup_kind(const char *name); /* NULL: none */

/* New reference, NULL without memory. */
json_t *backup_json(const struct backup *b);
/* Checks all of it: another format or a newer schema than `schema` is ERR_CONFLICT with what to do,
 * a file that is unknown, twice, too large or missing ERR_INVALID. */
int backup_parse(const char *text, size_t len, int schema, struct backup *ret, struct err *e);

#endif
