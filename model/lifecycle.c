#include "model/lifecycle.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"

#define IN(p) (1u << PHASE_##p)

/* Sets of phases that the table and the predicates speak of. */
enum {
    DOWN = IN(DEFINED) | IN(STOPPED) | IN(FAILED),     /* no machine runs */
    COMING_UP = IN(STARTING) | IN(LAUNCHED),           /* one does, and has not spoken yet */
    WAY = COMING_UP | IN(SEEDED),                      /* one does, and is not home */
    HOME = IN(HOMED) | IN(CONFIGURED),                 /* one does, and is known */
    UP = COMING_UP | IN(SEEDED) | HOME | IN(STOPPING), /* one runs, or may */
};

/* The life of an instance. The first row that fits (phase, event) says the next phase; where none
 * does, the phase stays: reports do not send a homed guest back, a fetch of the seed by a guest
 * that is home changes nothing, a stop that was asked for ends in STOPPED or FAILED whatever is
 * still heard from the guest, and late words of a guest (front reports in batches) raise nobody
 * from the dead.
 *
 * A guest whose launcher is external has no launch events. It stands at DEFINED until it is first
 * heard: by its seed request, by a report, or by the phone-home where it read its seed from a
 * drive. */
static const struct {
    unsigned in;
    enum event_kind event;
    enum phase next;
} table[] = {
    /* Launch. The intent is committed before QEMU starts, so it says that one may run. */
    { DOWN | UP, EV_LAUNCHING, PHASE_STARTING },
    { DOWN | IN(STARTING), EV_LAUNCHED, PHASE_LAUNCHED },
    /* Not out of the running phases: "one runs already" is no failure of the one that runs. */
    { DOWN | IN(STARTING) | IN(STOPPING), EV_LAUNCH_FAILED, PHASE_FAILED },
    /* roost came back and a QEMU holds the instance's lock, whatever the record said. */
    { DOWN | IN(STARTING), EV_ADOPTED, PHASE_LAUNCHED },

    /* The way home. A seed may be asked for before word of the launch has come. */
    { IN(DEFINED) | COMING_UP, EV_SEED_SERVED, PHASE_SEEDED },
    /* Reports prove that the guest has its seed: one that kept it from an earlier boot
     * (manual_cache_clean) or read it from a drive asks for nothing. */
    { IN(DEFINED) | COMING_UP, EV_STAGE, PHASE_SEEDED },
    { IN(DEFINED) | COMING_UP, EV_MODULE_FAILED, PHASE_SEEDED },
    { IN(DEFINED) | COMING_UP, EV_FINISHED, PHASE_SEEDED },
    { IN(DEFINED) | COMING_UP | IN(SEEDED), EV_HOMED, PHASE_HOMED },
    { IN(DEFINED) | COMING_UP | IN(SEEDED), EV_HOMED_AGAIN, PHASE_HOMED },
    { IN(HOMED), EV_CONFIGURED, PHASE_CONFIGURED },
    { IN(CONFIGURED), EV_CONFIG_FAILED, PHASE_HOMED },

    /* A reboot from inside: on its way again, home with the post of its per-boot part. Firmware
     * that resets a machine before its system starts leaves it where it is. */
    { IN(SEEDED) | HOME, EV_RESTARTED, PHASE_LAUNCHED },

    /* The end. */
    { COMING_UP | IN(SEEDED) | HOME, EV_STOPPING, PHASE_STOPPING },
    { UP, EV_STOPPED, PHASE_STOPPED },
    { UP, EV_FAILED, PHASE_FAILED },

    /* A new generation begins at the beginning. */
    { DOWN | UP, EV_REBUILT, PHASE_DEFINED },
    /* And so does a fresh disk under the same one. */
    { DOWN | UP, EV_RESET, PHASE_DEFINED },
};

enum phase lifecycle_next(enum phase p, enum event_kind k)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (table[i].event == k && (table[i].in & 1u << p))
            return table[i].next;
    return p;
}

/* What each phase is called, what it waits for, and how long that usually takes (measured with a
 * Debian 12 guest and cloud-init; STOPPING: ACPI power-down over QMP), ms. */
static const struct {
    const char *name, *waits_for;
    int32_t usual_tcg, usual_kvm;
} phases[PHASES] = {
    [PHASE_DEFINED] = { .name = "defined" },
    [PHASE_STARTING] = { "starting", "no word from QEMU", 2000, 1000 },
    [PHASE_LAUNCHED] = { "launched", "no seed request", 40000, 12000 },
    [PHASE_SEEDED] = { "seeded", "no phone-home", 40000, 15000 },
    [PHASE_HOMED] = { .name = "homed" },
    [PHASE_CONFIGURED] = { .name = "configured" },
    [PHASE_STOPPING] = { "stopping", "still stopping", 8000, 4000 },
    [PHASE_STOPPED] = { .name = "stopped" },
    [PHASE_FAILED] = { .name = "failed" },
};

const char *phase_name(enum phase p)
{
    return (unsigned)p < PHASES ? phases[p].name : "unknown";
}

int phase_from_name(const char *name)
{
    for (int p = 0; p < PHASES; p++)
        if (!strcmp(phases[p].name, name))
            return p;
    return -1;
}

const char *phase_waits_for(enum phase p)
{
    return (unsigned)p < PHASES ? phases[p].waits_for : NULL;
}

bool phase_is_running(enum phase p)
{
    return (unsigned)p < PHASES && (UP & 1u << p);
}

bool phase_is_home(enum phase p)
{
    return (unsigned)p < PHASES && (HOME & 1u << p);
}

bool phase_is_on_the_way(enum phase p)
{
    return (unsigned)p < PHASES && (WAY & 1u << p);
}

int64_t phase_limit_of_way(const struct phase_limits *l)
{
    int64_t sum = 0;

    for (int p = 0; p < PHASES; p++) {
        if (!phase_is_on_the_way((enum phase)p))
            continue;
        if (l->ms[p] <= 0)
            return 0;
        sum += l->ms[p];
    }
    return sum;
}

/* ---- how an instance stands ---- */

/* Each phase begins anew with a restart, and a guest that restarts for ever would never be late. */
void standing_way(struct standing *s, enum event_kind k, enum phase next, int64_t now_boot_ms)
{
    bool begun = phase_is_on_the_way(s->phase) && s->way_boot_ms;

    if (!phase_is_on_the_way(next))
        return;
    if (!begun) {
        s->way_boot_ms = now_boot_ms;
        s->way_restarts = 0;
    } else if (k == EV_RESTARTED || k == EV_LAUNCHING) {
        s->way_restarts++;
    }
}

static int64_t way_deadline(const struct standing *s, const struct phase_limits *l)
{
    int64_t limit = phase_limit_of_way(l);

    if (!phase_is_on_the_way(s->phase) || !s->way_boot_ms || limit <= 0)
        return INT64_MAX;
    return s->way_boot_ms + limit;
}

bool standing_way_over(const struct standing *s, const struct phase_limits *l, int64_t now_boot_ms)
{
    return way_deadline(s, l) <= now_boot_ms;
}

int64_t standing_deadline(const struct standing *s, const struct phase_limits *l)
{
    int64_t limit = l->ms[s->phase], way = way_deadline(s, l);
    int64_t phase = limit > 0 ? s->since_boot_ms + limit : INT64_MAX;

    return phase < way ? phase : way;
}

int64_t phase_usual_default(enum phase p, bool tcg)
{
    if ((unsigned)p >= PHASES)
        return 0;
    return tcg ? phases[p].usual_tcg : phases[p].usual_kvm;
}

/* A guest that was home keeps its seed and asks for none when it boots again. */
static const char *missing(const struct standing *s)
{
    if (s->phase == PHASE_LAUNCHED && s->ever_home)
        return "not home again";
    return phase_waits_for(s->phase);
}

/* "; last sign modules-config SUCCESS 3m2s ago" when the guest was heard in this very phase. */
static void last_sign(const struct standing *s, int64_t now_real_ms, char *out, size_t size)
{
    char ago[24];

    out[0] = '\0';
    if (!s->overdue || !s->last_sign[0] || s->sign_ms <= s->since_ms)
        return;
    snprintf(out, size, "; last sign %s %s ago", s->last_sign,
             format_duration(now_real_ms > s->sign_ms ? now_real_ms - s->sign_ms : 0, ago));
}

/* One restart is a kernel that was updated; a second one, or one that is late, is told. */
static void restarts(const struct standing *s, char *out, size_t size)
{
    out[0] = '\0';
    if (!phase_is_on_the_way(s->phase) || s->way_restarts < (s->overdue ? 1 : 2))
        return;
    if (s->way_restarts == 1)
        snprintf(out, size, "restarted on its way home, ");
    else
        snprintf(out, size, "restarted %u times on its way home, ", s->way_restarts);
}

void standing_note(const struct standing *s, const char *name, bool console,
                   int64_t now_real_ms, int64_t usual_ms, char *out, size_t size)
{
    /* The wall clock may have been set back since. */
    int64_t waited = now_real_ms > s->since_ms ? now_real_ms - s->since_ms : 0;
    char took[24], usual[24], usually[40] = "", sign[160], see[96] = "", again[48];

    if (!phase_waits_for(s->phase)) {
        snprintf(out, size, "%s", s->note);
        return;
    }
    if (usual_ms > 0)
        snprintf(usually, sizeof usually, ", usual %s", format_duration(usual_ms, usual));
    last_sign(s, now_real_ms, sign, sizeof sign);
    /* Only who has waited longer than usual has a reason to look there. */
    if (s->overdue || waited > usual_ms || s->way_restarts > 1)
        snprintf(see, sizeof see, "; see: roost %s %s",
                 console ? "console" : "events", name);
    restarts(s, again, sizeof again);
    snprintf(out, size, "%s%s for %s%s%s%s%s%s", again, missing(s), format_duration(waited, took),
             usually, sign, see, s->note[0] ? "; " : "", s->note);
}
