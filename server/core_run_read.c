/* What is told of runs. */
#include <fcntl.h>

#include "ansible/runlog.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "server/core_ansible.h"

#define LOG_PART (256u << 10)

static json_t *stamp(int64_t real_ms)
{
    char text[25];

    return real_ms ? json_string(clock_rfc3339(real_ms, text)) : json_null();
}

static json_t *run_json(const struct core *c, const struct run *r)
{
    int64_t end = r->ended_ms ? r->ended_ms : loop_now(c->loop).real_ms;
    json_t *j = json_pack("{s:I, s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:i, s:s}", "id",
                          (json_int_t)r->id, "state", job_state_name(r->state), "how", r->how,
                          "playbook", r->playbook, "own", r->own.s, "by-hand", r->by_hand, "check",
                          r->check, "tags", r->tags, "hosts", (int)r->hosts, "reason", r->reason);

    json_object_set_new(j, "actor", json_string(r->actor));
    json_object_set_new(j, "asked", stamp(r->asked_ms));
    json_object_set_new(j, "started", stamp(r->started_ms));
    json_object_set_new(j, "ended", stamp(r->ended_ms));
    json_object_set_new(j, "took-ms", json_integer(r->started_ms ? end - r->started_ms : 0));
    json_object_set_new(j, "interruptions", json_integer(r->interruptions));
    return j;
}

struct listing {
    struct core *c;
    json_t *list;
};

static int list_run(const struct run *r, void *arg)
{
    struct listing *l = arg;

    return json_array_append_new(l->list, run_json(l->c, r));
}

json_t *core_runs(struct core *c, const char *instance, int limit, struct err *e)
{
    struct listing l = { c, json_array() };
    struct guest g = { .id = 0 };

    if ((!instance || core_guest(c, instance, &g, e) == 0) &&
        store_runs(c->store, g.id, limit, list_run, &l, e) == 0)
        return l.list;
    json_decref(l.list);
    return NULL;
}

static int list_host(const struct run_host *h, void *arg)
{
    return json_array_append_new(
        arg, json_pack("{s:s, s:i, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:I}", "name", h->name.s,
                       "generation", (int)h->generation, "outcome", h->outcome, "task", h->task,
                       "message", h->message, "ok", (int)h->ok, "changed", (int)h->changed,
                       "failed", (int)h->failed, "skipped", (int)h->skipped, "duration-ms",
                       (json_int_t)h->duration_ms));
}

int run_find(struct core *c, const char *id, struct run *ret, struct err *e)
{
    uint64_t number;

    if (parse_u64(id, 1, INT64_MAX, &number, NULL) < 0)
        return err_set(e, ERR_INVALID, "\"%.40s\" is no number of a run; see: roost runs", id);
    return store_run_get(c->store, (int64_t)number, ret, e);
}

json_t *core_run(struct core *c, const char *id, struct err *e)
{
    json_t *j, *hosts;
    char dir[PATH_SIZE];
    struct run r;

    if (run_find(c, id, &r, e) < 0)
        return NULL;
    hosts = json_array();
    if (store_run_hosts(c->store, r.id, list_host, hosts, e) < 0) {
        json_decref(hosts);
        return NULL;
    }
    j = run_json(c, &r);
    json_object_set_new(j, "of", hosts);
    run_dir(&c->config, r.id, dir);
    json_object_set_new(j, "directory", json_string(dir));
    return j;
}

/* JSON holds UTF-8 only; what else a task printed becomes '?'. */
static void mask_utf8(char *s, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t n = utf8_next(s + at, len - at, NULL);
        if (!n || !s[at])
            s[at] = '?';
        at += n ? n : 1;
    }
}

json_t *core_run_log(struct core *c, const char *id, uint64_t from, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    char dir[PATH_SIZE];
    uint64_t next = from;
    struct run r;

    if (run_find(c, id, &r, e) < 0)
        return NULL;
    run_dir(&c->config, r.id, dir);
    auto_close int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at >= 0 && runlog_read(at, from, LOG_PART, &text, &next, e) < 0)
        return NULL;
    if (text.len)
        mask_utf8(text.data, text.len);
    return json_pack("{s:s%, s:I, s:s}", "text", buf_str(&text), text.len, "next", (json_int_t)next,
                     "state", job_state_name(r.state));
}
