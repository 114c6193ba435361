#include "tests/bench/reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void reply_begin(struct reply *r)
{
    r->n_kept = r->body = r->left = 0;
    r->status = 0;
    r->close = false;
}

/* The value of a header, NULL when there is none. */
static const char *header(const struct reply *r, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = strstr(r->kept, "\r\n"); line && line < r->kept + r->body - 4;
         line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
            return line + 3 + len + strspn(line + 3 + len, " ");
    }
    return NULL;
}

static bool head_read(struct reply *r, const char *end)
{
    r->body = (size_t)(end - r->kept) + 4;
    if (strncmp(r->kept, "HTTP/1.1 ", 9) != 0)
        return false;
    r->status = atoi(r->kept + 9);
    const char *length = header(r, "Content-Length"), *connection = header(r, "Connection");
    r->close = connection && strncasecmp(connection, "close", 5) == 0;
    if (length)
        r->left = strtoul(length, NULL, 10);
    return length && r->status >= 200;
}

static enum reply_state body_read(struct reply *r, size_t len)
{
    if (len > r->left)
        return REPLY_BAD;
    r->left -= len;
    return r->left ? REPLY_MORE : REPLY_DONE;
}

enum reply_state reply_take(struct reply *r, const char *data, size_t len)
{
    size_t had = r->n_kept, room = REPLY_KEEP - had, n = len < room ? len : room;

    memcpy(r->kept + had, data, n);
    r->n_kept += n;
    r->kept[r->n_kept] = '\0';
    if (r->body)
        return body_read(r, len);
    const char *end = strstr(r->kept, "\r\n\r\n");
    if (!end)
        return r->n_kept < REPLY_KEEP ? REPLY_MORE : REPLY_BAD;
    return head_read(r, end) ? body_read(r, had + len - r->body) : REPLY_BAD;
}

bool reply_says(const struct reply *r, const char *word)
{
    return r->body && strstr(r->kept + r->body, word);
}
