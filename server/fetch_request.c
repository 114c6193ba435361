#include <poll.h>
#include <strings.h>

#include "server/fetch_priv.h"

#define REDIRECTS_MAX  5
#define CONNECT_MS     20000L
#define BACKOFF_MS     200
#define BACKOFF_MAX_MS 5000
#define AGENT          "roost/" ROOST_VERSION

void fetch_request_init(CURL *h, const char *url, int64_t stall_ms, char *why)
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

const char *fetch_reason(CURLcode rc, const char *why)
{
    return *why ? why : curl_easy_strerror(rc);
}

/* Another attempt may do it. */
bool fetch_passes(CURLcode rc, long status)
{
    if (rc == CURLE_OK)
        return status == 408 || status == 429 || status >= 500;
    return rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST ||
           rc == CURLE_PARTIAL_FILE || rc == CURLE_OPERATION_TIMEDOUT || rc == CURLE_GOT_NOTHING ||
           rc == CURLE_SEND_ERROR || rc == CURLE_RECV_ERROR || rc == CURLE_HTTP2 ||
           rc == CURLE_HTTP2_STREAM;
}

int fetch_refused(const char *url, CURLcode rc, long status, const char *why, struct err *e)
{
    if (rc == CURLE_TOO_MANY_REDIRECTS)
        return err_set(e, ERR_INVALID, "%.300s: more than %d redirects", url, REDIRECTS_MAX);
    if (rc == CURLE_UNSUPPORTED_PROTOCOL)
        return err_set(e, ERR_INVALID, "%.300s: it leads to what is neither https nor %s: %.100s",
                       url, "http", fetch_reason(rc, why));
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return err_set(e, ERR_TIMEOUT, "%.300s: the server stalls: %.100s", url,
                       fetch_reason(rc, why));
    if (rc != CURLE_OK)
        return err_set(e, ERR_BUSY, "%.300s: %.150s", url, fetch_reason(rc, why));
    return err_set(e, status == 404 || status == 410 ? ERR_NOT_FOUND : ERR_BUSY,
                   "%.300s: the server answers with status %ld", url, status);
}

void fetch_pause(int attempt)
{
    int ms = BACKOFF_MS << attempt;

    poll(NULL, 0, ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS);
}
