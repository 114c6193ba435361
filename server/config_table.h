/* The table of options: the one place that knows section, key, type, range, default and meaning of
 * each. Part of server/config.c. */
#ifndef SERVER_CONFIG_TABLE_H
#define SERVER_CONFIG_TABLE_H

#include "server/config.h"

enum config_from { FROM_DEFAULT, FROM_FILE, FROM_OPTION };

struct config_row;

/* How a kind of value is read from text into the struct's field and written back. */
struct config_type {
    int (*read)(const struct config_row *r, const char *s, void *field, struct err *e);
    void (*print)(const struct config_row *r, const void *field, struct buf *out);
};

struct config_row {
    const char *section, *key;
    const struct config_type *type;
    size_t offset, size;        /* of the field in struct config */
    const char *def;            /* as text; NULL: depends on the mode, see config_defaults() */
    uint64_t min, max;          /* numbers, sizes, durations in ms */
    const char *const *choices; /* enums: names in the order of their values, NULL-terminated */
    const char *help;           /* one line */
};

/* Rows, sorted by section in the order in which they are printed. */
const struct config_row *config_rows(size_t *ret_n);
/* NULL: no such option. */
const struct config_row *config_row(const char *section, const char *key);
/* Index of a row in the table and in config.origin. */
size_t config_index(const struct config_row *r);
/* "[seed] listen = TEXT" into *c; the message is "[section] key: what, what would be right". */
int config_put(struct config *c, const struct config_row *r, const char *text,
               struct config_origin origin, struct err *e);
void config_value(const struct config *c, const struct config_row *r, struct buf *out);
/* Complains about an option that is not there, naming those that are. */
int config_unknown(const char *section, const char *key, struct err *e);

extern const struct config_type config_type_mode, config_type_choice, config_type_bool,
    config_type_number, config_type_size, config_type_duration, config_type_path,
    config_type_program, config_type_endpoint, config_type_url, config_type_name, config_type_user,
    config_type_cidr, config_type_paths, config_type_words;

#endif
