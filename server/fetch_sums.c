/* The list of checksums that stands beside an image. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "bootstrap/checksums.h"
#include "server/fetch_priv.h"

#define SUMS_MAX (1u << 20)

static size_t take_text(char *data, size_t size, size_t n, void *arg)
{
    struct buf *b = arg;

    buf_put(b, data, size * n);
    return b->failed ? 0 : size * n;
}

static int get_sums(struct fetch *f, struct buf *list, struct err *e)
{
    const char *url = f->job->sums;
    CURLcode rc = CURLE_OK;
    long status = 0;

    for (int attempt = 0; attempt < FETCH_ATTEMPTS_MAX; attempt++) {
        if (attempt)
            fetch_pause(attempt);
        buf_clear(list);
        fetch_request_init(f->curl, url, f->job->stall_ms, f->why);
        f->why[0] = '\0';
        curl_easy_setopt(f->curl, CURLOPT_WRITEFUNCTION, take_text);
        curl_easy_setopt(f->curl, CURLOPT_WRITEDATA, list);
        rc = curl_easy_perform(f->curl);
        curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
        if (list->failed)
            return err_set(e, ERR_TOO_BIG, "%.300s: a list of checksums over 1 MiB", url);
        if (!fetch_passes(rc, status))
            break;
    }
    return rc == CURLE_OK && status == 200 ? 0 : fetch_refused(url, rc, status, f->why, e);
}

/* The last segment of the path. */
static void file_of(const char *url, char *out, size_t size)
{
    size_t len = strcspn(url, "?#");
    const char *slash = memrchr(url, '/', len), *from = slash ? slash + 1 : url;

    snprintf(out, size, "%.*s", (int)(url + len - from), from);
    if (percent_decode(out, strlen(out), false, out, size, NULL) < 0)
        *out = '\0';
}

int fetch_find_sum(struct fetch *f, struct err *e)
{
    auto_buf struct buf list = { .cap = SUMS_MAX };
    char file[FETCH_URL_MAX + 1];

    f->want = f->job->want;
    if (!f->job->sums[0])
        return 0;
    fetch_say("step checksums");
    file_of(f->job->url, file, sizeof file);
    if (get_sums(f, &list, e) < 0)
        return -1;
    if (checksums_find(buf_str(&list), list.len, file, &f->want, e) < 0)
        return err_wrap(e, "%.300s", f->job->sums);
    return 0;
}
