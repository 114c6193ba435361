/* What `roost metrics` shows: the counters, and what can be told without looking at the fleet. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_autostart.h"

void core_metrics_event(struct core *c, const struct guest *g, enum event_kind k, enum phase was,
                        int64_t now_boot_ms)
{
    static const int ways[EV_KINDS] = { [EV_SEED_SERVED] = 1 + WAY_SEEDED,
                                        [EV_HOMED] = 1 + WAY_HOMED,
                                        [EV_CONFIGURED] = 1 + WAY_CONFIGURED };
    const struct standing *s = &g->standing;

    c->metrics.events[k]++;
    if (ways[k] && s->phase != was && s->way_boot_ms > 0 && now_boot_ms >= s->way_boot_ms)
        histogram_add(&c->metrics.way[ways[k] - 1], &ladder_way, now_boot_ms - s->way_boot_ms);
}

static void put_fleet(struct core *c, struct buf *out, const uint64_t n[PHASES], uint64_t overdue)
{
    metrics_family(out, "roost_instances", "gauge", NULL, "Instances on record, by state.");
    for (int p = 0; p < PHASES; p++)
        metrics_sample(out, "roost_instances", "state", phase_name(p), (double)n[p]);
    metrics_family(out, "roost_instances_overdue", "gauge", NULL,
                   "Guests that are over the limit of their phase.");
    metrics_sample(out, "roost_instances_overdue", NULL, NULL, (double)overdue);
    metrics_family(out, "roost_machines", "gauge", NULL, "QEMUs of this roost that run or start.");
    metrics_sample(out, "roost_machines", NULL, NULL, (double)c->n_machines);
    metrics_family(out, "roost_unknown_callers", "gauge", NULL,
                   "Callers whose tag nobody knows (as roost unknown list shows them).");
    metrics_sample(out, "roost_unknown_callers", NULL, NULL, (double)unknown_count(c));
}

static void put_requests(const struct core *c, struct buf *out)
{
    static const char name[] = "roost_requests_total";

    metrics_family(out, "roost_requests", "counter", NULL,
                   "Requests of guests, by what became of them.");
    metrics_sample(out, name, "outcome", "seed-served", (double)c->seeds);
    metrics_sample(out, name, "outcome", "phone-home-recorded", (double)c->homed);
    metrics_sample(out, name, "outcome", "refused", (double)c->refused);
    for (int i = 0; i < TALLY_ROWS; i++)
        metrics_sample(out, name, "outcome", tally_row_name((enum tally_row)i),
                       (double)c->tally.count[i]);
    metrics_family(out, "roost_events", "counter", NULL,
                   "Events of guests, by kind, and faults of roost.");
    for (int k = 0; k < EV_KINDS; k++)
        metrics_sample(out, "roost_events_total", "kind", event_kind_name((enum event_kind)k),
                       (double)c->metrics.events[k]);
}

static void put_times(const struct core *c, struct buf *out)
{
    static const char *const ways[WAYS] = { "seeded", "homed", "configured" };

    metrics_family(out, "roost_way_seconds", "histogram", "seconds",
                   "From the launch of a guest (or its first request) to a state.");
    for (int w = 0; w < WAYS; w++)
        metrics_histogram(out, "roost_way_seconds", "to", ways[w], &c->metrics.way[w], &ladder_way);
    metrics_family(out, "roost_commit_seconds", "histogram", "seconds",
                   "Commits of the store: how long a phone-home waits for the disk.");
    metrics_histogram(out, "roost_commit_seconds", NULL, NULL, &c->metrics.commit, &ladder_commit);
    metrics_family(out, "roost_commit_failures", "counter", NULL, "Commits that failed.");
    metrics_sample(out, "roost_commit_failures_total", NULL, NULL,
                   (double)c->metrics.commits_failed);
}

static void put_queues(const struct core *c, unsigned api_waiting, struct buf *out)
{
    const struct {
        const char *name;
        double n;
    } queues[] = {
        { "answers", (double)c->n_acks },
        { "control-requests", api_waiting },
        { "followers", c->n_watches },
        { "projections", c->worker ? worker_pending(c->worker) : 0 },
        { "image-files", c->copier ? worker_pending(c->copier) : 0 },
        { "autostart", (double)autostart_waiting(c) },
    };

    metrics_family(out, "roost_queue_length", "gauge", NULL, "What waits, by where.");
    for (size_t i = 0; i < ARRAY_SIZE(queues); i++)
        metrics_sample(out, "roost_queue_length", "queue", queues[i].name, queues[i].n);
    metrics_family(out, "roost_channel_queued_bytes", "gauge", "bytes",
                   "Messages to the other processes that are not yet read.");
    metrics_sample(out, "roost_channel_queued_bytes", "to", "front",
                   c->front ? (double)chan_queued(c->front) : 0);
    metrics_sample(out, "roost_channel_queued_bytes", "to", "roostd",
                   c->roostd ? (double)chan_queued(c->roostd) : 0);
}

static double size_of(const struct core *c, const char *file)
{
    char path[PATH_SIZE + 32];
    struct stat st;

    snprintf(path, sizeof path, "%s/%s", c->config.state, file);
    return stat(path, &st) == 0 ? (double)st.st_size : 0;
}

static void put_disk(const struct core *c, struct buf *out)
{
    struct statvfs fs;

    metrics_family(out, "roost_store_bytes", "gauge", "bytes", "The store on disk.");
    metrics_sample(out, "roost_store_bytes", "part", "database", size_of(c, FILE_STORE));
    metrics_sample(out, "roost_store_bytes", "part", "log", size_of(c, FILE_STORE "-wal"));
    if (statvfs(c->config.state, &fs) == 0) {
        metrics_family(out, "roost_state_free_bytes", "gauge", "bytes",
                       "Room left where the state directory is.");
        metrics_sample(out, "roost_state_free_bytes", NULL, NULL,
                       (double)fs.f_bavail * (double)fs.f_frsize);
    }
    metrics_family(out, "roost_disk_full", "gauge", NULL,
                   "1 while phone-homes are refused because the disk is full.");
    metrics_sample(out, "roost_disk_full", NULL, NULL, c->full);
    metrics_family(out, "roost_files_failing", "gauge", NULL,
                   "1 while inventory, known_hosts or ssh_config cannot be written.");
    metrics_sample(out, "roost_files_failing", NULL, NULL, wire_fault(c)[0] != '\0');
}

static double open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    double n = -3; /* ".", ".." and its own */

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

/* proc(5): the second number of /proc/self/statm. */
static double resident_bytes(void)
{
    auto_buf struct buf text = BUF_INIT;
    unsigned long pages = 0;

    if (file_read(AT_FDCWD, "/proc/self/statm", 256, &text, NULL) == 0)
        sscanf(buf_str(&text), "%*u %lu", &pages);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void put_process(const struct core *c, struct buf *out)
{
    struct instant now = loop_now(c->loop);
    struct rlimit files;

    metrics_family(out, "roost_build", "gauge", NULL, "Always 1; the version is its label.");
    metrics_sample(out, "roost_build", "version", ROOST_VERSION, 1);
    metrics_family(out, "process_start_time_seconds", "gauge", "seconds",
                   "When roost-core was ready, by the clock of now.");
    metrics_sample(out, "process_start_time_seconds", NULL, NULL,
                   (double)(now.real_ms - (now.boot_ms - c->began_boot_ms)) / 1000);
    metrics_family(out, "process_resident_memory_bytes", "gauge", "bytes", "Of roost-core.");
    metrics_sample(out, "process_resident_memory_bytes", NULL, NULL, resident_bytes());
    metrics_family(out, "process_open_fds", "gauge", NULL, "Of roost-core.");
    metrics_sample(out, "process_open_fds", NULL, NULL, open_files());
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        metrics_family(out, "process_max_fds", "gauge", NULL, "Of roost-core.");
        metrics_sample(out, "process_max_fds", NULL, NULL, (double)files.rlim_cur);
    }
}

int core_metrics(struct core *c, unsigned api_waiting, struct buf *out, struct err *e)
{
    uint64_t n[PHASES], overdue;

    if (store_counts(c->store, n, &overdue, e) < 0)
        return -1;
    put_fleet(c, out, n, overdue);
    put_requests(c, out);
    put_times(c, out);
    put_queues(c, api_waiting, out);
    put_disk(c, out);
    put_process(c, out);
    buf_puts(out, "# EOF\n");
    return buf_check(out, e);
}
