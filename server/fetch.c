#include "server/fetch.h"

#include <stdio.h>
#include <string.h>

#include "server/fetch_priv.h"

static int say_error(const struct err *e)
{
    fetch_say("error %s %s", err_kind_name(e->kind), e->text);
    return -1;
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
    return fetch_anew(f, e);
}

/* What an earlier one left may have been damaged by a power cut: then once more, all of it. */
static int whole(struct fetch *f, struct err *e)
{
    struct checksum found;
    bool doubtful;
    int r;

    do {
        if (fetch_download(f, e) < 0)
            return -1;
        doubtful = f->doubtful;
        fetch_tell(f, true);
        fetch_say("step checking");
        r = fetch_out_end(&f->out, &found, e) < 0 || check_sum(f, &found, e) < 0 ? -1 : 0;
        if (r < 0 && doubtful && fetch_anew(f, e) < 0)
            return -1;
    } while (r < 0 && doubtful);
    if (r == 0) {
        char text[CHECKSUM_TEXT];
        fetch_say("checksum %s", checksum_format(&found, text));
    }
    return r;
}

int fetch_run(const struct fetch_job *job)
{
    struct fetch f = { .job = job };
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };
    int r = -1;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) == 0 && (f.curl = curl_easy_init()) &&
        fetch_find_sum(&f, &e) == 0 && begin(&f, &e) == 0)
        r = whole(&f, &e);
    if (r == 0)
        fetch_say("done %llu", (unsigned long long)f.out.size);
    else
        say_error(&e);
    fetch_out_done(&f.out);
    curl_easy_cleanup(f.curl);
    return r;
}
