/* The first step of an import whose file comes from elsewhere. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "server/core_fetch.h"
#include "server/core_image.h"
#include "server/core_import.h"

static void fetch_progress(const char *what, uint64_t bytes, uint64_t total, void *arg)
{
    struct import *m = arg;

    if (m->task)
        task_progress(m->task, what, bytes, total);
}

static void fetch_note(const char *word, const char *value, void *arg)
{
    struct import *m = arg;

    if (strcmp(word, "packed") == 0)
        m->packed = strcmp(value, "no") != 0;
    if (m->task && task_job(m->task))
        task_note(m->task, word, json_string(value));
}

static void fetched(const struct checksum *sum, const struct err *err, void *arg)
{
    struct import *m = arg;
    struct err e;

    m->fetch = NULL;
    close(steal_fd(&m->to));
    if (err) {
        e = *err;
        import_refuse(m, &e);
        return;
    }
    /* What was not unpacked is digested once more, as it lies there. */
    if (m->packed)
        m->want = (struct checksum){ .hex = "" };
    else if (!*m->want.hex)
        m->want = *sum;
    import_step(m, "checking");
    if (import_copy(m, &e) < 0)
        import_refuse(m, &e);
}

/* How much of the file an earlier core's roost-fetch has left, as it came: 0 where that is not so.
 */
static uint64_t left_there(const struct import *m)
{
    const json_t *job = m->task ? task_job(m->task) : NULL;
    const char *packed = json_string_value(json_object_get(job, "packed"));
    char path[IMPORT_PATH];
    struct stat st;

    import_path(m, FILE_SOURCE, path);
    if (!packed || strcmp(packed, "no") != 0 || stat(path, &st) < 0)
        return 0;
    return (uint64_t)st.st_size;
}

int import_fetch(struct import *m, const struct image_source *src, struct err *e)
{
    static const struct fetch_events events = { fetch_progress, fetch_note, fetched };
    const json_t *job = m->task ? task_job(m->task) : NULL;
    const char *validator = json_string_value(json_object_get(job, "validator"));
    uint64_t there = left_there(m);
    char path[IMPORT_PATH];

    m->disk = true;
    import_path(m, FILE_SOURCE, path);
    if ((!there && import_stage(m, e) < 0) || !core_copier(m->c, e))
        return -1;
    m->to = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (m->to < 0)
        return err_sys(e, "%s", path);
    m->fetch = fetch_begin(m->c, src, m->to, there, validator, &events, m, e);
    return m->fetch ? 0 : -1;
}
