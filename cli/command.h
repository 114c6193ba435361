/* The commands: rows of one table, from which parsing, help, errors and the manual are made. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct cli;

struct option {
    const char *name; /* "timeout", said as --timeout */
    char letter;      /* 'f' for -f; 0: none */
    const char
        *value; /* what stands behind it, "FILE"; NULL: a switch; "FILE…": may be said again */
    const char *help;
};

#define ARGS_OPTIONS_MAX 48
#define ARGS_SAID_MAX    32 /* of options that may be said again, all together */
struct said {
    const struct option *option;
    const char *value;
};
struct args {
    const struct command *command;
    char **operand;
    int n;
    const char *value[ARGS_OPTIONS_MAX]; /* by the command's options; NULL: not said, "" of a
                                            switch; of one that was said again the last */
    struct said said[ARGS_SAID_MAX];     /* those that may be, in order */
    int n_said;
};

enum {
    COMMAND_READ = 1, /* changes nothing */
    COMMAND_RAW = 2,  /* hands a terminal or a stream over: no --output */
    COMMAND_TAIL = 4, /* from the first operand on nothing is an option */
    COMMAND_MANY = 8, /* names may be patterns (cli/select.h) */
};

struct command {
    const char *words;            /* "instance list" */
    const char *args;             /* operands, "NAME…" in the manual's form; "" none */
    int min, max;                 /* of them; max -1: any number */
    const struct option *options; /* up to a row without a name; NULL: none */
    unsigned flags;
    const char *help; /* one sentence without a full stop */
    /* 0 or an exit code; -1 with e */
    int (*run)(struct cli *c, const struct args *a, struct err *e);
};

const struct command *commands(size_t *ret_n);
const struct option *global_options(void);
bool option_needed(const struct option *o); /* it has to be said */

/* --- command_find.c --- */
/* The command that the line begins with, and of how many words it is; NULL: none. */
const struct command *command_find(char *const *argv, int argc, int *ret_words);
/* The words of the line up to which there are commands, "network forward"; their number. */
#define COMMAND_GROUP 64
int command_group(char *const *argv, int argc, char ret[COMMAND_GROUP]);
/* Of a line that begins with none: ERR_INVALID, with what was meant, perhaps. */
int command_unknown(char *const *argv, int argc, struct err *e);

/* --- args_value.c --- */
/* By its name of `len` bytes, or its letter; NULL: it is not of these, which may be NULL. */
const struct option *option_named(const struct option *o, const char *name, size_t len);
const struct option *option_lettered(const struct option *o, char letter);
/* Does the operand stand for many (cli/select.h)? */
bool operand_is_pattern(const char *s);
/* Value of an option, NULL when it was not said. */
const char *args_option(const struct args *a, const char *name);
/* All values of one that may be said again, in order; their number. */
int args_list(const struct args *a, const char *name, const char *ret[ARGS_SAID_MAX]);
/* --timeout and the like. */
int args_duration(const struct args *a, const char *name, int64_t none, int64_t *ret,
                  struct err *e);
int args_number(const struct args *a, const char *name, uint64_t min, uint64_t max, uint64_t none,
                uint64_t *ret, struct err *e);
/* One that is a word of a definition, whose reader knows what is allowed and says so: a JSON number
 * where it reads as one, else the text as it is. NULL: it is not UTF-8. */
json_t *args_whole(const struct args *a, const char *name);

/* --- args.c --- */
/* Reads a command line (argv without the program) into *c and *ret; operands are moved to the front
 * of argv. ERR_INVALID with what was meant, perhaps. --help and --version become the commands help
 * and version. */
int args_parse(struct cli *c, int argc, char **argv, struct args *ret, struct err *e);

/* --- command_usage.c --- */
/* "instance list [--all]" as it is typed, without the program. */
struct buf;
void command_usage(const struct command *k, struct buf *out);
/* The same on a line: of more than a few options "[OPTION…]", and those that have to be there. */
void command_synopsis(const struct command *k, struct buf *out);

#endif
