/* The accelerator, on roostd's side: probed at the start, when somebody asks, and before a launch
 * when the device has come, gone or changed since. */
#include <unistd.h>

#include "base/log.h"
#include "model/layout.h"
#include "server/guests_priv.h"

#define KVM "/dev/kvm"

void guests_tell_accel(struct guests *g, uint32_t id)
{
    accel_report_encode(&g->accel, &g->out);
    g->send(P_ACCEL, id, &g->out, g->arg);
}

static void probe_done(const struct accel_report *r, void *arg)
{
    struct guests *g = arg;

    g->probe = NULL;
    g->accel = *r;
    g->probed = true;
    if (r->qemu_version[0])
        log_info("accelerator %s: %s; QEMU %s", accel_name(r->accel), r->reason, r->qemu_version);
    else
        log_warn("guests cannot be launched: %s", r->reason);
    guests_tell_accel(g, g->reprobe_id);
    g->reprobe_id = 0;
    guests_queue_drop(g, true);
}

int guests_probe(struct guests *g, struct err *e)
{
    struct probe_opts o = { .arch = arch_native(),
                            .qemu = config_qemu(g->config, arch_native()),
                            .kvm = KVM,
                            .state_dir = g->place->state,
                            .forced = g->config->accel != ACCEL_CHOICE_AUTO,
                            .force = g->config->accel == ACCEL_CHOICE_KVM ? ACCEL_KVM : ACCEL_TCG,
                            .limit_ms = g->config->probe_limit };

    static const struct accel_report unwanted = {
        .accel = ACCEL_TCG, .reason = "this roost launches no guests ([launch] enabled = no)"
    };

    if (!g->config->launch) { /* needs no QEMU, so none is looked for */
        g->accel = unwanted;
        g->probed = true;
        log_info("guests cannot be launched: %s", unwanted.reason);
        guests_tell_accel(g, g->reprobe_id);
        g->reprobe_id = 0;
        return 0;
    }
    g->probed = false;
    kvm_look(KVM, &g->kvm);
    g->probe = probe_start(g->loop, &o, probe_done, g, e);
    return g->probe || g->probed ? 0 : -1;
}

/* From the beginning, whatever is on record of it. On failure the old verdict stands. */
static bool probe_anew(struct guests *g)
{
    struct err why = { 0 };

    (void)unlinkat(g->place->state, FILE_ACCEL, 0);
    if (guests_probe(g, &why) == 0)
        return true;
    log_warn("probe of the accelerator: %s", why.text);
    g->probed = true;
    return false;
}

void guests_probe_moved(struct guests *g)
{
    struct kvm_sight now;

    if (!g->probed || !g->config->launch || g->config->accel != ACCEL_CHOICE_AUTO)
        return;
    kvm_look(KVM, &now);
    if (kvm_same(&now, &g->kvm))
        return;
    log_info("%s has come, gone or changed: it is probed anew", KVM);
    (void)probe_anew(g);
}

int guests_reprobe(struct guests *g, uint32_t id, struct msg_cur *c, struct err *e)
{
    if (msg_end(c, "reprobe", e) < 0)
        return -1;
    g->reprobe_id = id;
    if (g->probe)
        return 0; /* one runs: its verdict is the answer */
    if (!probe_anew(g)) {
        guests_tell_accel(g, id);
        g->reprobe_id = 0;
    }
    return 0;
}
