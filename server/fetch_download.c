/* The image itself: one request after another, each from where the last one was cut off. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "base/utf8.h"
#include "server/fetch_priv.h"

static void header_value(const char *line, size_t len, const char *name, char *out, size_t size)
{
    size_t n = strlen(name);

    if (len <= n || strncasecmp(line, name, n) != 0)
        return;
    line += n;
    len -= n;
    while (len && (*line == ' ' || *line == '\t'))
        line++, len--;
    while (len && strchr("\r\n \t", line[len - 1]))
        len--;
    if (len < size && ascii_printable(line, len))
        snprintf(out, size, "%.*s", (int)len, line);
}

static void read_range(struct fetch *f, const char *line, size_t len)
{
    char text[128] = "";
    unsigned long long from, to, total;

    header_value(line, len, "Content-Range:", text, sizeof text);
    if (sscanf(text, "bytes %llu-%llu/%llu", &from, &to, &total) == 3) {
        f->range_from = from;
        f->range_total = total;
    }
}

/* A redirect's headers come first: each answer begins with its status line. */
static size_t take_header(char *line, size_t size, size_t n, void *arg)
{
    struct fetch *f = arg;
    size_t len = size * n;

    if (len > 5 && strncmp(line, "HTTP/", 5) == 0) {
        f->etag[0] = f->modified[0] = '\0';
        f->range_from = UINT64_MAX;
        f->range_total = 0;
    }
    header_value(line, len, "ETag:", f->etag, sizeof f->etag);
    header_value(line, len, "Last-Modified:", f->modified, sizeof f->modified);
    read_range(f, line, len);
    return len;
}

/* RFC 9110 section 13.1.5: If-Range takes no weak validator. */
static void new_validator(struct fetch *f)
{
    const char *v = f->etag[0] && strncmp(f->etag, "W/", 2) != 0 ? f->etag : f->modified;

    snprintf(f->validator, sizeof f->validator, "%s", v);
    fetch_say("validator %s", f->validator);
}

int fetch_anew(struct fetch *f, struct err *e)
{
    f->told_packed = false;
    f->doubtful = false;
    f->total = 0;
    return fetch_out_begin(&f->out, FETCH_OUT_FD, f->want.digest, e);
}

/* The first bytes of a body: does it go on where it was cut off? A server that ignores the range,
 * has another version by now, or answers with another part than was asked for: from the beginning.
 */
static int check_answer(struct fetch *f)
{
    curl_off_t length = -1;
    bool goes_on;

    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &f->status);
    curl_easy_getinfo(f->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (f->status != 200 && f->status != 206)
        return -1; /* its body is nobody's image */
    goes_on = f->status == 206 && f->asked_range && f->range_from == f->out.raw;
    if (f->status == 206 && !goes_on) {
        f->failed = fetch_anew(f, &f->err) < 0; /* the next attempt asks for all */
        return -1;
    }
    if (!goes_on && f->out.raw && fetch_anew(f, &f->err) < 0) {
        f->failed = true;
        return -1;
    }
    f->total = goes_on ? f->range_total : length > 0 ? (uint64_t)length : 0;
    if (!goes_on)
        new_validator(f);
    return 0;
}

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
    struct fetch *f = arg;
    size_t len = size * n;

    if (!f->checked && check_answer(f) < 0)
        return 0;
    f->checked = true;
    if (fetch_out_take(&f->out, data, len, &f->err) < 0) {
        f->failed = true;
        return 0;
    }
    fetch_tell(f, false);
    return len;
}

/* libcurl calls it some times a second, also when nothing comes: what came last is told then. */
static int on_time(void *arg, curl_off_t total, curl_off_t now, curl_off_t up, curl_off_t up_now)
{
    (void)total, (void)now, (void)up, (void)up_now;
    fetch_tell(arg, false);
    return 0;
}

static CURLcode request(struct fetch *f)
{
    struct curl_slist *headers = NULL;
    char line[640];
    CURLcode rc;

    f->asked_range = f->out.raw > 0 && (f->validator[0] || *f->want.hex);
    f->checked = false;
    f->status = 0;
    f->why[0] = '\0';
    fetch_request_init(f->curl, f->job->url, f->job->stall_ms, f->why);
    if (f->asked_range) {
        snprintf(line, sizeof line, "Range: bytes=%llu-", (unsigned long long)f->out.raw);
        headers = curl_slist_append(headers, line);
        snprintf(line, sizeof line, "If-Range: %s", f->validator);
        if (f->validator[0])
            headers = curl_slist_append(headers, line);
    }
    curl_easy_setopt(f->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(f->curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(f->curl, CURLOPT_HEADERDATA, f);
    curl_easy_setopt(f->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(f->curl, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(f->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(f->curl, CURLOPT_XFERINFOFUNCTION, on_time);
    curl_easy_setopt(f->curl, CURLOPT_XFERINFODATA, f);
    rc = curl_easy_perform(f->curl);
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &f->status);
    curl_slist_free_all(headers);
    return rc;
}

/* It is there as far as the server knows: 200 or 206 to the end, or nothing behind what there is
 * (RFC 9110 section 15.5.17). */
static bool is_whole(const struct fetch *f, CURLcode rc)
{
    if (rc != CURLE_OK)
        return false;
    return f->status == 200 || (f->status == 206 && f->checked);
}

int fetch_download(struct fetch *f, struct err *e)
{
    int idle = 0;

    fetch_say("step downloading");
    for (;;) {
        uint64_t had = f->out.raw;
        CURLcode rc = request(f);
        if (f->failed) {
            *e = f->err;
            return -1;
        }
        if (is_whole(f, rc))
            return 0;
        if (rc == CURLE_OK && f->status == 416 && f->out.raw && fetch_anew(f, e) < 0)
            return -1;
        bool again = fetch_passes(rc, f->status) || f->status == 206 || f->status == 416;
        idle = f->out.raw > had ? 0 : idle + 1;
        if (!again || idle >= FETCH_ATTEMPTS_MAX)
            return fetch_refused(f->job->url, f->status >= 400 ? CURLE_OK : rc, f->status, f->why,
                                 e);
        fetch_say("step again after: %.200s",
                  f->status >= 400 ? "an error of the server" : fetch_reason(rc, f->why));
        fetch_pause(idle);
    }
}
