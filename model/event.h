/* Events: one dated fact about an instance (or about the appliance), numbered in order. */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/name.h"

enum event_kind {
    EV_DEFINED,       /* created by apply or by the API */
    EV_CHANGED,       /* its definition changed */
    EV_LAUNCHING,     /* the intent is on record, before QEMU is started */
    EV_LAUNCHED,      /* QEMU runs */
    EV_LAUNCH_FAILED, /* QEMU could not be started; detail says why */
    EV_ADOPTED,       /* found running at the start of roost */
    EV_SEED_SERVED,   /* the seed was handed out (first document of a boot) */
    EV_SEED_REFUSED,  /* somebody asked for it without the right */
    EV_STAGE,         /* a cloud-init stage began or ended: detail "modules-config SUCCESS" */
    EV_MODULE_FAILED, /* a cloud-init module ended with WARN or FAIL */
    EV_HOMED,         /* phone-home: keys and address are on record */
    EV_HOMED_AGAIN,   /* the same from a later boot of the same instance-id */
    EV_FINISHED,      /* cloud-init has truly ended (modules-final finish) */
    EV_KEY_MISMATCH,  /* other host keys under the same instance-id: old ones kept, alarm */
    EV_WRONG_ID,      /* a phone-home with another instance-id than this generation's */
    EV_ADDRESS,       /* address or forwarded port changed */
    EV_CONFIGURED,    /* an Ansible run ended well */
    EV_CONFIG_FAILED,
    EV_OVERDUE,   /* a phase is over its limit */
    EV_STOPPING,  /* somebody asked for a stop */
    EV_STOPPED,   /* ended: detail has the reason */
    EV_FAILED,    /* ended by itself in a way that is no shutdown: crash, panic, QEMU error */
    EV_RESTARTED, /* the guest rebooted itself (QMP RESET) */
    EV_REBUILT,   /* new generation, fresh disk */
    EV_REMOVED,
    EV_FAULT,         /* of the appliance itself: a reactor failed, the disk is full … */
    EV_LEASED,        /* roost's DHCP server gave it an address */
    EV_NETWORK_UP,    /* of the appliance: a network stands on the host */
    EV_NETWORK_DOWN,
    EV_NETWORK_FAULT, /* it cannot come up, or something of it went away */
    EV_SECOND_CLAIMANT, /* two machines claim one tag */
    EV_RUN_STARTED, /* of the appliance: Ansible runs */
    EV_RUN_ENDED,
    EV_RESET, /* fresh disk, the same generation */
    EV_FORWARDED,      /* ports of the host lead to it, or do no more: detail says which */
    EV_FORWARD_FAILED, /* a port of the host was not to be had */
    EV_KINDS
};

const char *event_kind_name(enum event_kind k); /* "seed-served" */
int event_kind_from_name(const char *name);     /* or -1 */
/* How it is logged: 'e', 'w', 'i', 'd'. */
char event_kind_level(enum event_kind k);

#define EVENT_DETAIL_MAX 400
struct event {
    int64_t seq; /* order */
    int64_t real_ms;
    struct name instance; /* empty: the appliance */
    enum event_kind kind;
    char detail[EVENT_DETAIL_MAX + 1]; /* one line, printable */
    char actor[64];                    /* "uid 1000 (roost)", "guest 127.0.0.1", "roost" */
};

/* Copies text into an event's detail: cut to size, control bytes and invalid UTF-8 become '?'. */
void event_text(struct event *ev, const char *text);
void event_detail(struct event *ev, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void event_vdetail(struct event *ev, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

#endif
