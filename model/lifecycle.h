/* The life of an instance: its phase follows from events by one table; each phase has a limit. */
#ifndef MODEL_LIFECYCLE_H
#define MODEL_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/event.h"

enum phase {
    PHASE_DEFINED,    /* never started */
    PHASE_STARTING,   /* intent on record, QEMU not yet seen */
    PHASE_LAUNCHED,   /* QEMU runs, no sign from the guest yet: waits for a seed request */
    PHASE_SEEDED,     /* has its seed; cloud-init works; waits for the phone-home */
    PHASE_HOMED,      /* keys and address on record */
    PHASE_CONFIGURED, /* and Ansible done */
    PHASE_STOPPING,
    PHASE_STOPPED,
    PHASE_FAILED,
    PHASES
};

const char *phase_name(enum phase p);
int phase_from_name(const char *name); /* or -1 */

/* The phase after an event: the table's row for (phase, kind), else the phase as it was. */
enum phase lifecycle_next(enum phase p, enum event_kind k);

/* What a phase waits for, in words for people: "no seed request", "no phone-home", "still
 * stopping"; NULL for phases that wait for nothing. */
const char *phase_waits_for(enum phase p);
/* A QEMU (or foreign machine) runs or may run: STARTING counts, since its intent is on record. */
bool phase_is_running(enum phase p);
bool phase_is_home(enum phase p);
/* Started or heard, and not home yet. */
bool phase_is_on_the_way(enum phase p);

/* Limits in ms, 0: none. From configuration; under TCG the configured factor applies. */
struct phase_limits {
    int64_t ms[PHASES];
};
/* Of the whole way home, however often a guest begins it anew: those of its phases together; 0 when
 * one of them has none. */
int64_t phase_limit_of_way(const struct phase_limits *l);
/* The usual time of a phase before anything was measured here, ms (from real guests: launched to
 * seed 40 s under TCG, 12 s with KVM; seed to home 40 s and 15 s). */
int64_t phase_usual_default(enum phase p, bool tcg);

/* How an instance stands; kept beside it in the store. */
struct standing {
    enum phase phase;
    bool overdue;
    bool ever_home;        /* under this generation */
    int64_t since_ms;      /* real time of the last change of phase */
    int64_t sign_ms;       /* real time of the last sign of life from the guest; 0 none */
    int64_t since_boot_ms; /* CLOCK_BOOTTIME of the last change of phase, valid under boot_id */
    /* The way home, while it is on it: since when, by CLOCK_BOOTTIME (0 not known), and how often
     * it began anew. */
    int64_t way_boot_ms;
    uint32_t way_restarts;
    char last_sign[96]; /* "seed-served", "modules-config SUCCESS" */
    char note[200];     /* why it failed or stopped, what went wrong on its way; "" nothing */
};

/* Keeps way_*; for an event of kind k that leads to `next`, before s->phase becomes that. */
void standing_way(struct standing *s, enum event_kind k, enum phase next, int64_t now_boot_ms);
/* When the guest becomes overdue: by the limit of its phase or of the whole way, CLOCK_BOOTTIME;
 * INT64_MAX never. */
int64_t standing_deadline(const struct standing *s, const struct phase_limits *l);
/* Is it over the limit of the whole way, whatever phase it is in? */
bool standing_way_over(const struct standing *s, const struct phase_limits *l, int64_t now_boot_ms);

/* The NOTE column. A phase that waits: "no seed request for 12s, usual 40s"; once overdue or over
 * its usual time "no seed request for 4m12s, usual 40s; see: roost console web1" (overdue, and
 * heard since the phase began: "; last sign STAGE 3m ago" before the "see"), a recorded note at its
 * end; before it all "restarted 5 times on its way home, ". Any other phase: that note, "" for a
 * guest that is fine. Without a console here (somebody else launched it): "see: roost events
 * web1". usual_ms 0: not known. */
void standing_note(const struct standing *s, const char *name, bool console,
                   int64_t now_real_ms, int64_t usual_ms, char *out, size_t size);

#endif
