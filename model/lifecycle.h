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

/* Limits in ms, 0: none. From configuration; under TCG the configured factor applies. */
struct phase_limits {
    int64_t ms[PHASES];
};
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
    char last_sign[96];    /* "seed-served", "modules-config SUCCESS" */
    char note[200];        /* why it failed or stopped, what went wrong on its way; "" nothing */
};

/* The NOTE column. A phase that waits: "no seed request for 12s, usual 40s"; once overdue or over
 * its usual time "no seed request for 4m12s, usual 40s; see: roost console web1" (overdue, and
 * heard since the phase began: "; last sign STAGE 3m ago" before the "see"), a recorded note at its
 * end. Any other phase: that note, "" for a guest that is fine. usual_ms 0: not known. */
void standing_note(const struct standing *s, const char *name, int64_t now_real_ms,
                   int64_t usual_ms, char *out, size_t size);

#endif
