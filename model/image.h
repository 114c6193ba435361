/* A base image: what an instance's disk starts from. */
#ifndef MODEL_IMAGE_H
#define MODEL_IMAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "model/name.h"

enum disk_format { DISK_NONE, DISK_QCOW2, DISK_RAW, DISK_FORMATS };
enum firmware { FIRMWARE_BIOS, FIRMWARE_UEFI, FIRMWARES };
enum arch { ARCH_AMD64, ARCH_ARM64, ARCHES };
const char *disk_format_name(enum disk_format f);
int disk_format_from_name(const char *s);
const char *firmware_name(enum firmware f);
int firmware_from_name(const char *s);
const char *arch_name(enum arch a);
int arch_from_name(const char *s);
enum arch arch_native(void); /* of this machine */

#define CMDLINE_MAX 1023
struct image {
    struct name name;
    enum arch arch;
    enum firmware firmware;        /* default of its instances */
    enum disk_format format;       /* by content; DISK_NONE: kernel and initrd only */
    uint64_t virtual_size;         /* bytes; 0 without a disk */
    uint32_t min_cpus;             /* 0: none */
    uint64_t min_memory, min_disk; /* bytes, 0: none */
    bool has_kernel, has_initrd;   /* direct kernel boot */
    char cmdline[CMDLINE_MAX + 1]; /* kernel command line, printable ASCII */
    char default_user[33];         /* whom `roost ssh` uses without an identity; "" unknown */
    char sha256[65];               /* of the disk file as imported; "" without a disk */
};

/* Where the parts come from, as the fleet file says; absolute paths by the time they reach roost.
 */
struct image_source {
    char *file, *kernel, *initrd; /* NULL: none */
    char *url;                    /* in place of file */
    char *sums;                   /* URL of a list that has its checksum */
    char *predefined;             /* its name in the catalogue that url and more come from */
    struct checksum checksum;     /* that `file` must have; none: unchecked */
};
void image_source_done(struct image_source *s);
/* {file, url, predefined, kernel, initrd, checksum}, what there is of them. New reference. */
json_t *image_source_to_json(const struct image_source *s);
/* Fleet form: {file or url or predefined, kernel, initrd, cmdline, checksum: "sha256:…", "sha512:…"
 * or, of a url, where a list of checksums is, arch, firmware, default-user, min-cpus, min-memory,
 * min-disk}. There is a file, a url, a predefined name (which somebody else finds a url to), a
 * kernel or several; initrd and cmdline need a kernel, checksum a file or url. arch is this
 * machine's unless said, firmware bios, on arm64 uefi (it has no other). format, virtual_size and
 * sha256 of *ret are for whoever opens the files. Messages begin with "/images/NAME/…". */
int image_from_json(const char *name, const json_t *j, struct image *ret, struct image_source *src,
                    struct err *e);
/* The record of an image, canonical and without the name; what its files tell (format,
 * virtual-size, sha256) included. New reference. image_from_record() reads it back; a `source`
 * beside it is left alone. */
json_t *image_to_json(const struct image *i);
int image_from_record(const char *name, const json_t *j, struct image *ret, struct err *e);

/* image_from_json() for a caller who knows where j stands (model/spot.h). */
struct spot;
int image_read(const char *name, const json_t *j, const struct spot *at, struct image *ret,
               struct image_source *src, struct err *e);

#endif
