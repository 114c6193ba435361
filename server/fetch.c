#include "server/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "bootstrap/checksums.h"
#include "server/fetch_out.h"

#define REDIRECTS_MAX  5
#define CONNECT_MS     20000L
#define ATTEMPTS_MAX   5 /* one after the other that bring nothing */
#define BACKOFF_MS     200
#define BACKOFF_MAX_MS 5000
#define SUMS_MAX       (1u << 20)
#define PROGRESS_MS    200
#define AGENT          "roost/" ROOST_VERSION

/* One image's download, over as many requests as it takes. */
struct fetch {
    const struct fetch_job *job;
    CURL *curl;
    char why[CURL_ERROR_SIZE];
    struct checksum want;
    struct fetch_out out;
    char validator[512];
    uint64_t total;
    /* of the request that runs */
    bool asked_range, checked;
    long status;
    uint64_t range_from, range_total;
    char etag[256], modified[128];
    bool failed; /* for a reason that another attempt does not mend */
    struct err err;
    int64_t told_ms;
    uint64_t told_raw;
    bool told_packed;
    bool doubtful; /* it began with what an earlier roost-fetch left */
};

/* --- telling --- */

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    auto_buf struct buf b = BUF_INIT;
    char line[FETCH_LINE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof line - 1, fmt, ap);
    va_end(ap);
    control_mask(line);
    buf_printf(&b, "%s\n", line);
    /* Nobody hears any more: there is nobody to do it for. */
    if (write(FETCH_SAY_FD, buf_str(&b), b.len) < 0)
        _exit(1);
}

static int say_error(const struct err *e)
{
    say("error %s %s", err_kind_name(e->kind), e->text);
    return -1;
}

static void tell(struct fetch *f, bool now)
{
    int64_t at = clock_now().boot_ms;
    const char *packed = f->out.unpack ? unpack_name(f->out.unpack) : "";

    if (*packed && !f->told_packed) {
        say("packed %s", packed);
        f->told_packed = true;
    }
    if (!now && (at - f->told_ms < PROGRESS_MS || f->out.raw == f->told_raw))
        return;
    f->told_ms = at;
    f->told_raw = f->out.raw;
    say("progress %llu %llu", (unsigned long long)f->out.raw, (unsigned long long)f->total);
}

/* --- a request: what all have in common --- */

static void common(CURL *h, const char *url, int64_t stall_ms, char *why)
{
    bool secure = strncasecmp(url, "https:", 6) == 0;
    long seconds = (long)((stall_ms + 999) / 1000);

    curl_easy_reset(h);
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_USERAGENT, AGENT);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    /* What began with TLS does not go on without. */
    curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(h, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, seconds);
    curl_easy_setopt(h, CURLOPT_SERVER_RESPONSE_TIMEOUT, seconds);
}

static const char *reason(CURLcode rc, const char *why)
{
    return *why ? why : curl_easy_strerror(rc);
}

/* Another attempt may do it. */
static bool passes(CURLcode rc, long status)
{
    if (rc == CURLE_OK)
        return status == 408 || status == 429 || status >= 500;
    return rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST ||
           rc == CURLE_PARTIAL_FILE || rc == CURLE_OPERATION_TIMEDOUT || rc == CURLE_GOT_NOTHING ||
           rc == CURLE_SEND_ERROR || rc == CURLE_RECV_ERROR || rc == CURLE_HTTP2 ||
           rc == CURLE_HTTP2_STREAM;
}

static int refused(const char *url, CURLcode rc, long status, const char *why, struct err *e)
{
    if (rc == CURLE_TOO_MANY_REDIRECTS)
        return err_set(e, ERR_INVALID, "%.300s: more than %d redirects", url, REDIRECTS_MAX);
    if (rc == CURLE_UNSUPPORTED_PROTOCOL)
        return err_set(e, ERR_INVALID, "%.300s: it leads to what is neither https nor %s: %.100s",
                       url, "http", reason(rc, why));
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return err_set(e, ERR_TIMEOUT, "%.300s: the server stalls: %.100s", url, reason(rc, why));
    if (rc != CURLE_OK)
        return err_set(e, ERR_BUSY, "%.300s: %.150s", url, reason(rc, why));
    return err_set(e, status == 404 || status == 410 ? ERR_NOT_FOUND : ERR_BUSY,
                   "%.300s: the server answers with status %ld", url, status);
}

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

static int backoff(int attempt)
{
    int ms = BACKOFF_MS << attempt;

    return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

/* --- the list of checksums --- */

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

    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        if (attempt)
            pause_ms(backoff(attempt));
        buf_clear(list);
        common(f->curl, url, f->job->stall_ms, f->why);
        f->why[0] = '\0';
        curl_easy_setopt(f->curl, CURLOPT_WRITEFUNCTION, take_text);
        curl_easy_setopt(f->curl, CURLOPT_WRITEDATA, list);
        rc = curl_easy_perform(f->curl);
        curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
        if (list->failed)
            return err_set(e, ERR_TOO_BIG, "%.300s: a list of checksums over 1 MiB", url);
        if (!passes(rc, status))
            break;
    }
    return rc == CURLE_OK && status == 200 ? 0 : refused(url, rc, status, f->why, e);
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

static int find_sum(struct fetch *f, struct err *e)
{
    auto_buf struct buf list = { .cap = SUMS_MAX };
    char file[FETCH_URL_MAX + 1];

    f->want = f->job->want;
    if (!f->job->sums[0])
        return 0;
    say("step checksums");
    file_of(f->job->url, file, sizeof file);
    if (get_sums(f, &list, e) < 0)
        return -1;
    if (checksums_find(buf_str(&list), list.len, file, &f->want, e) < 0)
        return err_wrap(e, "%.300s", f->job->sums);
    return 0;
}

/* --- the image --- */

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
    say("validator %s", f->validator);
}

static int anew(struct fetch *f, struct err *e)
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
        f->failed = anew(f, &f->err) < 0; /* the next attempt asks for all */
        return -1;
    }
    if (!goes_on && f->out.raw && anew(f, &f->err) < 0) {
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
    tell(f, false);
    return len;
}

/* libcurl calls it some times a second, also when nothing comes: what came last is told then. */
static int on_time(void *arg, curl_off_t total, curl_off_t now, curl_off_t up, curl_off_t up_now)
{
    (void)total, (void)now, (void)up, (void)up_now;
    tell(arg, false);
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
    common(f->curl, f->job->url, f->job->stall_ms, f->why);
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

static int download(struct fetch *f, struct err *e)
{
    int idle = 0;

    say("step downloading");
    for (;;) {
        uint64_t had = f->out.raw;
        CURLcode rc = request(f);
        if (f->failed) {
            *e = f->err;
            return -1;
        }
        if (is_whole(f, rc))
            return 0;
        if (rc == CURLE_OK && f->status == 416 && f->out.raw && anew(f, e) < 0)
            return -1;
        bool again = passes(rc, f->status) || f->status == 206 || f->status == 416;
        idle = f->out.raw > had ? 0 : idle + 1;
        if (!again || idle >= ATTEMPTS_MAX)
            return refused(f->job->url, f->status >= 400 ? CURLE_OK : rc, f->status, f->why, e);
        say("step again after: %.200s",
            f->status >= 400 ? "an error of the server" : reason(rc, f->why));
        pause_ms(backoff(idle));
    }
}

static int check_sum(const struct fetch *f, const struct checksum *found, struct err *e)
{
    char is[CHECKSUM_TEXT], should[CHECKSUM_TEXT];

    if (!*f->want.hex || strcmp(f->want.hex, found->hex) == 0)
        return 0;
    return err_set(e, ERR_INVALID, "checksum is %s, expected %s", checksum_format(found, is),
                   checksum_format(&f->want, should));
}

static int begin(struct fetch *f, struct err *e)
{
    if (f->job->offset) {
        snprintf(f->validator, sizeof f->validator, "%s", f->job->validator);
        if (fetch_out_resume(&f->out, FETCH_OUT_FD, f->want.digest, f->job->offset, e) == 0) {
            f->doubtful = true;
            return 0;
        }
    }
    return anew(f, e);
}

/* What an earlier one left may have been damaged by a power cut: then once more, all of it. */
static int whole(struct fetch *f, struct err *e)
{
    struct checksum found;
    bool doubtful;
    int r;

    do {
        if (download(f, e) < 0)
            return -1;
        doubtful = f->doubtful;
        tell(f, true);
        say("step checking");
        r = fetch_out_end(&f->out, &found, e) < 0 || check_sum(f, &found, e) < 0 ? -1 : 0;
        if (r < 0 && doubtful && anew(f, e) < 0)
            return -1;
    } while (r < 0 && doubtful);
    if (r == 0) {
        char text[CHECKSUM_TEXT];
        say("checksum %s", checksum_format(&found, text));
    }
    return r;
}

int fetch_run(const struct fetch_job *job)
{
    struct fetch f = { .job = job };
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };
    int r = -1;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) == 0 && (f.curl = curl_easy_init()) &&
        find_sum(&f, &e) == 0 && begin(&f, &e) == 0)
        r = whole(&f, &e);
    if (r == 0)
        say("done %llu", (unsigned long long)f.out.size);
    else
        say_error(&e);
    fetch_out_done(&f.out);
    curl_easy_cleanup(f.curl);
    return r;
}
