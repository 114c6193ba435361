#include "bootstrap/checksums.h"

#include <stdio.h>
#include <string.h>

#define LINE_SIZE 1024

static size_t hex_run(const char *s)
{
    return strspn(s, "0123456789abcdefABCDEF");
}

/* Digits of a digest that is known here, and nothing glued to them. */
static int read_hex(const char *s, struct checksum *ret)
{
    char text[CHECKSUM_TEXT];
    size_t n = hex_run(s);
    int d = digest_from_hex_len(n);

    if (d < 0 || (s[n] && s[n] != ' ' && s[n] != '\t'))
        return -1;
    snprintf(text, sizeof text, "%s:%.*s", digest_name((enum digest)d), (int)n, s);
    return checksum_parse(text, ret, NULL);
}

/* "./images/x.img" is x.img. */
static int is_file(const char *name, size_t len, const char *file)
{
    const char *slash = memrchr(name, '/', len);

    if (slash) {
        len -= (size_t)(slash + 1 - name);
        name = slash + 1;
    }
    return strlen(file) == len && memcmp(name, file, len) == 0;
}

/* "SHA512 (FILE) = HEX". */
static int bsd_line(const char *line, const char *file, struct checksum *ret)
{
    const char *open = strstr(line, " ("), *close = open ? strstr(open, ") = ") : NULL;

    return close && is_file(open + 2, (size_t)(close - open - 2), file) ? read_hex(close + 4, ret)
                                                                        : -1;
}

/* "HEX  FILE", "HEX *FILE". */
static int plain_line(const char *line, const char *file, struct checksum *ret)
{
    size_t n = hex_run(line), blanks = strspn(line + n, " \t");
    const char *name = line + n + blanks + (line[n + blanks] == '*');

    return n && blanks && is_file(name, strlen(name), file) ? read_hex(line, ret) : -1;
}

/* The next line, without blanks at its end; one that is too long is cut. 0: there is none. */
static int next_line(const char **at, const char *end, char line[LINE_SIZE])
{
    const char *from = *at, *nl = from < end ? memchr(from, '\n', (size_t)(end - from)) : NULL;
    size_t n;

    if (from >= end)
        return 0;
    n = (size_t)((nl ? nl : end) - from);
    *at = from + n + 1;
    if (n >= LINE_SIZE)
        n = LINE_SIZE - 1;
    while (n && memchr(" \t\r", from[n - 1], 3))
        n--;
    memcpy(line, from, n);
    line[n] = '\0';
    return 1;
}

int checksums_find(const char *list, size_t len, const char *file, struct checksum *ret,
                   struct err *e)
{
    const char *at = list, *end = list + len;
    struct checksum best = { .hex = "" }, c, alone = { .hex = "" };
    char line[LINE_SIZE];
    int lines = 0;

    while (next_line(&at, end, line)) {
        lines += *line != '\0';
        if (lines == 1 && *line && read_hex(line, &c) == 0 && !line[hex_run(line)])
            alone = c;
        if ((bsd_line(line, file, &c) == 0 || plain_line(line, file, &c) == 0) &&
            (!*best.hex || c.digest > best.digest))
            best = c;
    }
    if (!*best.hex && lines == 1)
        best = alone;
    if (!*best.hex)
        return err_set(e, ERR_NOT_FOUND,
                       "the list of checksums has no SHA-256 or SHA-512 of %.200s", file);
    *ret = best;
    return 0;
}
