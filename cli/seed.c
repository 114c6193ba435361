/* roost seed show, explain, export: what a guest gets, and how it asks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/unfinished.h"
#include "model/seedurl.h"
#include "model/words.h"

#define DOCUMENT_MAX ((size_t)1 << 24)

static int get(struct cli *c, const char *name, const char *document, struct buf *ret,
               struct err *e)
{
    char rest[64];
    auto_free char *path = NULL;

    snprintf(rest, sizeof rest, "/seed?document=%s", document);
    path = path_instance(name, rest);
    ret->cap = DOCUMENT_MAX;
    return path ? client_text(cli_client(c, e), path, ret, e)
                : err_set(e, ERR_INTERNAL, "out of memory");
}

static int check_document(const char *document, struct err *e)
{
    const char *names[SEED_DOCS], *near;

    for (int d = 0; d < SEED_DOCS; d++) {
        names[d] = seed_doc_name((enum seed_doc)d);
        if (strcmp(names[d], document) == 0)
            return 0;
    }
    near = nearest_name(document, names, SEED_DOCS);
    return err_set(e, ERR_INVALID,
                   "\"%.40s\" is none of meta-data, user-data, vendor-data, network-config%s%s%s",
                   document, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

/* One as it is, so that it can be compared or piped; several each under its name. */
static int put(struct cli *c, const struct buf *docs, const char *only, struct err *e)
{
    json_t *tree;

    if (c->output != OUTPUT_TABLE) {
        tree = json_object();
        for (int d = 0; d < SEED_DOCS; d++)
            if (!only || strcmp(only, seed_doc_name((enum seed_doc)d)) == 0)
                json_object_set_new(tree, seed_doc_name((enum seed_doc)d),
                                    bytes_emit(docs[d].data ? docs[d].data : "", docs[d].len));
        return out_tree(c, tree, NULL, e);
    }
    for (int d = 0; d < SEED_DOCS; d++) {
        if (only && strcmp(only, seed_doc_name((enum seed_doc)d)) != 0)
            continue;
        if (!only)
            printf("%s==> %s <==\n", d ? "\n" : "", seed_doc_name((enum seed_doc)d));
        if (docs[d].len)
            fwrite(docs[d].data, 1, docs[d].len, stdout);
    }
    return out_flush(e);
}

int run_seed_show(struct cli *c, const struct args *a, struct err *e)
{
    const char *only = a->n > 1 ? a->operand[1] : NULL;
    struct buf docs[SEED_DOCS] = { BUF_INIT };
    int r = only ? check_document(only, e) : 0;

    for (int d = 0; d < SEED_DOCS && r == 0; d++)
        if (!only || strcmp(only, seed_doc_name((enum seed_doc)d)) == 0)
            r = get(c, a->operand[0], seed_doc_name((enum seed_doc)d), &docs[d], e);
    if (r == 0)
        r = put(c, docs, only, e);
    for (int d = 0; d < SEED_DOCS; d++)
        buf_done(&docs[d]);
    return r;
}

/* --- explain --- */

static int print_explained(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "", "", "", "", NULL };
    struct table *t = table_new(c, columns, false);
    size_t i;
    json_t *row;

    json_array_foreach(json_object_get(tree, "requests"), i, row)
    {
        char n[24];
        snprintf(n, sizeof n, "%zu", i + 1);
        const char *cells[] = { n, out_text(row, "method"), out_text(row, "url"),
                                out_text(row, "note") };
        table_row(t, TINT_NONE, cells);
    }
    if (table_print(t, e) < 0)
        return -1;
    json_array_foreach(json_object_get(tree, "warnings"), i, row)
        printf("%swarning: %s\n", i ? "" : "\n", json_string_value(row));
    return 0;
}

int run_seed_explain(struct cli *c, const struct args *a, struct err *e)
{
    const char *as = args_option(a, "as");
    auto_free char *path = NULL;
    char rest[64];

    if (!as)
        as = "cloud-init/25.1";
    if (strlen(as) > 30 ||
        strspn(as, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                   "-./") != strlen(as))
        return err_set(e, ERR_INVALID, "--as: \"%.40s\": expected such as cloud-init/22.4", as);
    snprintf(rest, sizeof rest, "/seed-explain?client=%s", as);
    if (!(path = path_instance(a->operand[0], rest)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    return out_tree(c, client_get(cli_client(c, e), path, e), print_explained, e);
}

/* --- export --- */

static int print_exported(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c;
    (void)e;
    printf("%s: the seed of %s, %lld bytes; whoever reads it reads its secrets\n",
           out_text(tree, "file"), out_text(tree, "instance"),
           (long long)out_number(tree, "bytes"));
    return 0;
}

static int fetch_volume(struct cli *c, const char *name, const char *file, int fd,
                        struct stat *ret, struct err *e)
{
    auto_free char *path = path_instance(name, "/seed-volume");

    if (!path)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (client_download(cli_client(c, e), path, fd, file, e) < 0)
        return -1;
    return fsync(fd) < 0 || fstat(fd, ret) < 0 ? err_sys(e, "%s", file) : 0;
}

int run_seed_export(struct cli *c, const struct args *a, struct err *e)
{
    const char *file = args_option(a, "cidata"), *name = a->operand[0];
    struct stat st;
    int r;

    if (!file)
        return err_set(e, ERR_INVALID, "say where to: --cidata FILE");
    auto_close int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST)
        return err_set(e, ERR_CONFLICT,
                       "%s is there already: remove it, or choose another name", file);
    if (fd < 0)
        return err_sys(e, "%s", file);
    unfinished(AT_FDCWD, file);
    r = fetch_volume(c, name, file, fd, &st, e);
    if (r < 0)
        unlink(file);
    unfinished_over();
    if (r < 0)
        return -1;
    return out_tree(c,
                    json_pack("{s:s, s:s, s:I}", "instance", name, "file", file, "bytes",
                              (json_int_t)st.st_size),
                    print_exported, e);
}
