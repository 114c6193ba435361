/* A download that runs, between the files of roost-fetch. Not for anybody else. */
#ifndef SERVER_FETCH_PRIV_H
#define SERVER_FETCH_PRIV_H

#include <curl/curl.h>

#include "server/fetch_out.h"

#define FETCH_ATTEMPTS_MAX 5 /* one after the other that bring nothing */

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

/* --- fetch_say.c --- */
/* A line of FETCH_SAY_FD. Ends the process where nobody hears any more. */
void fetch_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* How far it is; not more often than people can read, unless it is to be said now. */
void fetch_tell(struct fetch *f, bool now);

/* --- fetch_request.c: what all requests have in common --- */
/* why: CURL_ERROR_SIZE bytes. */
void fetch_request_init(CURL *h, const char *url, int64_t stall_ms, char *why);
const char *fetch_reason(CURLcode rc, const char *why);
/* Another attempt may do it. */
bool fetch_passes(CURLcode rc, long status);
/* -1, with what people should know of it. */
int fetch_refused(const char *url, CURLcode rc, long status, const char *why, struct err *e);
/* Before the attempt of that number, from 1. */
void fetch_pause(int attempt);

/* --- fetch_sums.c --- */
/* What the file has to be: the job's checksum, or the one in its list. */
int fetch_find_sum(struct fetch *f, struct err *e);

/* --- fetch_download.c --- */
/* From the beginning, into an empty file. */
int fetch_anew(struct fetch *f, struct err *e);
/* Over as many requests as it takes, behind what is there already. */
int fetch_download(struct fetch *f, struct err *e);

#endif
