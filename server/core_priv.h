/* The inside of roost-core: what its nouns (server/core_*.c) share. Not for anybody else. */
#ifndef SERVER_CORE_PRIV_H
#define SERVER_CORE_PRIV_H

#include <jansson.h>

#include "base/chan.h"
#include "base/worker.h"
#include "bootstrap/hostmem.h"
#include "server/config.h"
#include "server/core_ops.h"
#include "server/metrics.h"
#include "server/proto.h"
#include "server/store.h"
#include "server/wire.h"

struct machine; /* core_machine.c: a QEMU of ours that runs or is being started */
struct sight;   /* core_sight.c: what was lately heard from a guest */
struct sights;
struct unknown;  /* core_unknown.c: callers that nobody knows */
struct verdict;  /* core_verdict.c: deadlines of phases */
struct aside;    /* core_aside.h: a thread that reads the store beside the loop */
struct nets;     /* core_defs.c: networks by name, in memory */
struct groupdefs; /* core_group.c: likewise */
struct ansible;   /* core_ansible.h: jobs and runs */

/* An answer to front that waits for the commit of this turn. */
struct ack {
    uint32_t id;
    uint16_t status;
};

/* Something to call after the commit. */
struct after {
    struct after *next;
    void (*fn)(bool committed, void *arg);
    void *arg;
};

/* core_memory.c: the host's memory as it was seen lately. */
struct memory {
    int64_t looked_ms; /* CLOCK_BOOTTIME; 0: never */
    struct hostmem host;
    uint64_t untouched; /* bytes that guests were promised and have not taken */
};

/* So many a minute, whoever asks. */
struct ration {
    int64_t minute_ms; /* CLOCK_BOOTTIME */
    unsigned used;
};

/* What follows from facts and commits, wired in core.c alone: who writes an event or ends a turn
 * does not know who hears of it. */
struct core_follows {
    /* In the transaction of the event; *g has moved to its phase already, `moved` if it did. */
    int (*event)(struct core *c, const struct guest *g, enum event_kind k, bool moved,
                 struct err *e);
    void (*committed)(struct core *c);
    void (*not_committed)(struct core *c, const struct err *why);
};

struct core {
    struct loop *loop;
    const struct core_follows *follows;
    struct config config;
    struct chan *roostd, *front;
    void (*done)(void *);
    void *done_arg;
    bool configured, ready, quitting, gone;
    bool ending; /* core_free(): who is called back only lets go */
    bool failed; /* ended because of `why` */
    struct err why;

    struct store *store;
    struct worker *worker; /* projections, checkpoints */
    /* files of images: minutes, so not in front of those; made when needed */
    struct worker *copier;
    struct import *imports;    /* core_import.c: under way */
    struct task *tasks;        /* core_task.c: running ones */
    struct follower *task_followers;
    struct aside *surveyor; /* reads the whole fleet; made when needed */
    struct aside *keeper;   /* copies and checks the store; likewise */
    bool applying;             /* one apply at a time changes things */
    struct loop_hook *turn;
    struct loop_timer *lazy; /* commits what may wait */
    struct loop_timer *housekeeping;
    struct loop_timer *full_retry; /* while the disk is full */
    bool reading;                  /* a snapshot of this turn is open */
    unsigned commits;              /* since the last checkpoint */
    bool commit_due; /* something of this turn must be durable before it is answered */
    bool full;       /* the store cannot grow: phone-homes get 503 */
    struct ack *acks;
    size_t n_acks, acks_size;
    struct after *afters, **afters_end;

    uint8_t key[SECRET_KEY_SIZE], salt[16];
    struct hmac_key *tokens; /* made of the key */
    char account_line[HOSTKEY_B64_MAX + 64]; /* core_account.c: "ALGORITHM BASE64"; "" none */
    char base_url[BASE_URL_MAX + 1]; /* of user networks */
    struct endpoint seed_at;
    struct accel_report accel;
    bool accel_known;
    struct phase_limits limits;     /* of guests on that accelerator */
    struct phase_limits limits_tcg; /* of those of a foreign architecture */

    struct api *api;
    int control_fd; /* until the API is up */
    struct nets *nets;
    struct groupdefs *groups;
    struct ansible *ansible;
    struct core_hooks *hooks; /* core_hook.h; NULL: none are configured */
    struct plan_ask *plan_asks; /* core_network_plan.c: plans that were asked for */
    struct netlink *netlink;    /* core_claim.c: who is behind an address; opened when needed */
    struct net_doctor *doctors; /* core_network_check.c: checks that were asked for */
    struct netrun *netruns;   /* core_network.c: networks that are or were up */
    struct hostfiles *hostfiles; /* core_hosts.c: reservations as dnsmasq reads them */
    struct autostart *autostart; /* core_autostart.c: who starts with the host; NULL: all did */
    struct machine *machines; /* list */
    unsigned n_scans;         /* core_keyscan.c: children at work */
    struct medium *mediums;   /* core_medium.c: CD-ROMs that are being changed */
    size_t n_machines;
    struct memory memory;
    struct emulators *emulators; /* core_emulator.c: what QEMU can do; made when needed */
    struct moving *moving; /* core_bring.c: a guest on its way in; NULL: none */
    struct tty *ttys; /* core_tty.c: serial lines that somebody watches */
    unsigned n_viewers;
    unsigned adopting; /* answers still to come before READY */
    struct sights *sights;
    struct unknown *unknown;
    struct verdict *verdict;
    struct wire *wire;
    struct core_watch *watches;
    unsigned n_watches;
    unsigned ticks;    /* seconds of housekeeping */
    int64_t pruned_at; /* last event when old ones were last dropped */
    bool prune_more;
    int64_t last_fault_ms;
    char last_fault[EVENT_DETAIL_MAX + 1];
    char told[256];       /* roostd's last FAULT: for status */
    int64_t told_boot_ms; /* when */
    struct ration refusals, strangers; /* events and log lines that anybody can cause */
    struct tally tally;
    uint64_t refused, homed, seeds; /* since the start, for status */
    struct metrics metrics;
    int64_t began_boot_ms;
    int64_t grants;                 /* adopted callers that are not home yet */
    struct reprobe *reprobes;       /* who waits for a new verdict of the probe */
};

/* --- core_turn.c: the turn --- */
/* What reads a lot: one snapshot until the turn's end, instead of a lock for each statement. */
void core_read_turn(struct core *c);
/* Every writer calls this first. durable: the turn's end commits; else within a second. */
int core_write(struct core *c, bool durable, struct err *e);
/* fn after this turn's commit; makes it durable. -1 only without memory. */
int core_after(struct core *c, void (*fn)(bool committed, void *arg), void *arg, struct err *e);
/* Queues a status for front's request, sent after the commit (503 when that fails). */
void core_ack(struct core *c, uint32_t id, uint16_t status);
/* The commit and the answers, now: at the end of a turn. */
void core_turn_end(struct core *c);
void core_turn_free(struct core *c);
/* The front that asked is gone. */
void core_forget_acks(struct core *c);
/* Something of the appliance itself went wrong: event, log. Repeats within a minute are only
 * counted. */
void core_fault(struct core *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- core_open.c: the start --- */
int core_open(struct core *c, struct err *e);
int core_api_start(struct core *c,
                   struct err *e); /* when both are there: the socket and the store */
int core_say_ready(struct core *c, struct err *e); /* once, when nothing is asked for any more */

/* --- core_msg.c --- */
void core_roostd_message(const struct chan_msg *m, void *arg);
void core_roostd_gone(const struct err *err, void *arg);

/* --- core_guest.c: facts about guests --- */
/* Adds the event, moves g->standing by the lifecycle, wakes reactors, sets the phase's deadline,
 * logs. In memory of *g; core_guest_save() writes the row. core_write() was called before. */
int core_event(struct core *c, struct guest *g, enum event_kind k, const char *actor, struct err *e,
               const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* The same with the detail as it is: in a storm printf is felt. */
int core_event_text(struct core *c, struct guest *g, enum event_kind k, const char *actor,
                    const char *text, struct err *e);
int core_guest_save(struct core *c, const struct guest *g, struct err *e);
/* An event of the appliance itself. core_write() was called before. */
int core_appliance(struct core *c, enum event_kind k, const char *actor, struct err *e,
                   const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Whom ssh logs in as; "" not known. */
void core_login(struct store *store, const struct spec *s, char ret[64]);
/* Event and save in one, for a guest by id; the write is durable. Errors become faults. */
void core_note(struct core *c, int64_t id, enum event_kind k, const char *actor, const char *fmt,
               ...) __attribute__((format(printf, 5, 6)));
int core_guest(struct core *c, const char *name, struct guest *ret,
               struct err *e); /* with a helpful message */
/* What a guest runs on, or would: KVM runs none of a foreign architecture. */
enum accel core_accel(struct core *c, int64_t id);
const struct phase_limits *core_limits(struct core *c, int64_t id);
int64_t core_usual(struct core *c, enum phase p);
/* What an address event and row change need: sets g->address, event when it differs. */
int core_address(struct core *c, struct guest *g, const struct endpoint *at, const char *who,
                 struct err *e);
/* Is it found where its requests come from? Not so behind a user network of roost's own, where the
 * launch finds out its forward. */
bool core_peer_is_address(const struct core *c, const struct guest *g);
#define SSH_PORT 22

/* --- core_grant.c: adopted callers --- */
int grants_load(struct core *c, struct err *e);
int grant_give(struct core *c, int64_t id, const struct ip *ip, struct err *e);
int grant_end(struct core *c, const struct guest *g, struct err *e); /* it is home */
bool grant_holds(struct core *c, const struct guest *g, const struct caller *who);
/* 1: the one who was adopted from there, 0 none, -1. */
int grant_find(struct core *c, const struct caller *who, struct guest *ret, struct err *e);

/* --- core_claim.c: who is it, and may he? --- */
enum claim_verdict {
    CLAIM_OK,
    CLAIM_UNKNOWN, /* no such tag: hold */
    CLAIM_REFUSED, /* wrong or missing token, or not this guest's address */
    CLAIM_SECOND,  /* its tag, but the marks of another machine */
    CLAIM_ERROR,
};
enum claim_verdict core_claim(struct core *c, const struct caller *who, enum token_purpose purpose,
                              struct guest *ret, struct err *e);
void core_token(const struct core *c, enum token_purpose p, const struct guest *g,
                struct token *ret);

/* The token that the guest itself knows: of a guest that came from another host the one from there. */
int core_token_known(struct core *c, enum token_purpose p, const struct guest *g,
                     struct token *ret);
/* Is it the one from there? */
bool core_token_moved(struct core *c, enum token_purpose p, const struct guest *g,
                      const struct token *t);

/* --- core_seed.c, core_home.c, core_report.c: what guests send --- */
void core_seed_get(struct core *c, uint32_t id, const struct seed_get *m);
void core_served(struct core *c, const struct served *m);
void core_home(struct core *c, uint32_t id, const struct guest_post *m);
/* The host keys that its sshd showed when it was asked: 0 home by them, 1 others are on record, which
 * is an alarm. */
struct homecoming;
int core_home_asked(struct core *c, struct guest *g, const struct homecoming *h, struct err *e);
void core_report(struct core *c, const struct guest_post *m);
/* Renders and stores an instance's documents; inside a transaction. */
int core_render(struct core *c, int64_t id, struct err *e);
/* As they are served, rendered if they were not; the texts are valid until the next ones are read. */
int core_seed_docs(struct core *c, const struct guest *g, struct seed_docs *ret, struct err *e);
/* Into empty buffers, which are to be released whatever comes of it. For a volume: what lies on it,
 * which under drive-network is little more than the network-config. */
enum seed_for { SEED_FOR_HTTP, SEED_FOR_VOLUME };
int core_seed_render(struct core *c, const struct instance *i, const struct guest *g,
                     enum seed_for how, struct buf docs[SEED_DOCS], struct err *e);
void core_invalidate(struct core *c, const char *tag);
/* User-data as the operator wrote it, looked at: refusals at apply. */
void core_agent(const struct caller *who, char out[96]); /* "guest 127.0.0.1" */

/* --- core_account.c: the account of roost's own in guests, which Ansible logs in as --- */
/* At the start: the key pair, made once unless one is given. */
int account_load(struct core *c, struct err *e);
/* A generation of the guest begins: on record whether its documents will have the account. */
int account_give(struct core *c, int64_t id, const struct spec *s, struct err *e);
/* 1: the guest's documents have it, as *ret (identity_done()); 0 they do not; -1. Where what the
 * operator wants stands against it, it is off the record from now on. */
struct userdata_facts;
int account_of(struct core *c, const struct instance *i, const struct userdata_facts *facts,
               struct identity *ret, struct err *e);
/* Whether runs log in by it now: 1 (*ret is filled), 0, -1. */
int account_in_use(struct core *c, int64_t id, const struct spec *s, struct account *ret,
                   struct err *e);
/* An operator's identity of that name is new: ERR_CONFLICT where roost's account has it. */
int account_name_free(const struct core *c, const char *name, struct err *e);

/* --- core_sight.c --- */
int sights_new(struct core *c, struct err *e);
void sights_free(struct core *c);
struct sight *sight_find(struct core *c, const char *tag);
struct sight *sight_open(struct core *c,
                         const struct guest *g);  /* makes it; may drop the stalest */
void sight_drop(struct core *c, const char *tag); /* flushed first */
/* When the guest was last heard, real time; 0: not lately. */
int64_t sight_heard(const struct core *c, const char *tag);
bool sight_allow(struct sight *s, struct instant now, unsigned per_minute);
/* At most one event of a kind a minute for each guest, and a ration for all of them. */
bool sight_alarm_due(struct core *c, const struct guest *g, enum event_kind k);
bool ration_take(struct ration *r, int64_t now_boot_ms, unsigned per_minute);
const char *sight_tag(const struct sight *s);
/* A post token that was compared with the right one; later ones are compared with it. */
void sight_token_proved(struct sight *s, const struct token *t);
bool sight_token_ok(const struct sight *s, const struct token *t);
/* Somebody speaks for it by its claim alone: was that another one lately? From where goes to `was`. */
bool sight_claimed(struct sight *s, const struct caller *who, char was[IP_TEXT]);
struct report;
void sight_add(struct sight *s, struct instant now, const struct report *r);
void sights_flush(struct core *c, bool all); /* writes timelines that changed; lazy */
void sight_flush(struct core *c, const char *tag);
void sights_expire(struct core *c); /* drops those that nothing was heard from for minutes */
void sight_boot(struct core *c, const struct guest *g); /* a new boot begins: a fresh timeline */

/* --- core_unknown.c --- */
int unknown_new(struct core *c, struct err *e);
void unknown_free(struct core *c);
void unknown_seen(struct core *c, const struct caller *who, const char *why);
void unknown_forget(struct core *c, const struct instance *i); /* it is known now */
json_t *unknown_json(const struct core *c);
size_t unknown_count(const struct core *c);
/* What one of them sent. */
struct stranger {
    char id[9]; /* by which people name it; random, so that a new list reuses none */
    char claimed[64];
    struct tag tag; /* when what it claimed is one */
    struct marks marks;
    struct ip ip;
};
int unknown_get(struct core *c, const char *id, struct stranger *ret, struct err *e);
int unknown_drop(struct core *c, const char *id, struct err *e);

/* --- core_verdict.c --- */
int verdict_new(struct core *c, struct err *e);
void verdict_free(struct core *c);
void verdict_set(struct core *c, const struct guest *g); /* after each change of phase */
/* At the start, from the store. new_boot: the host has booted since, and CLOCK_BOOTTIME began anew.
 */
int verdict_load(struct core *c, bool new_boot, struct err *e);

/* --- core_move.c --- */
/* FROM_DIR/FROM becomes TO_DIR/TO, below the state directory: goes on record with what makes it
 * necessary. ERR_CONFLICT: something is there. */
int move_record(struct core *c, const char *from_dir, const char *from, const char *to_dir,
                const char *to, struct err *e);
/* After the commit: all that are on record. One that fails stays there. */
int moves_carry_out(struct core *c, struct err *e);
void moves_redo(struct core *c); /* at the start, before anybody asks what runs */
/* ERR_BUSY: the directory of that instance is not where it belongs yet. */
int move_not_pending(struct core *c, const char *instance, struct err *e);

/* --- core_identify.c: who an instance is --- */
/* Its instance-id: of its name and the first generation from *generation on that no renamed instance
 * has. */
int core_iid(struct core *c, const char *name, uint32_t *generation, char ret[IID_MAX + 1],
             struct err *e);
/* The tag of a new one that was told none: its name, or NAME.2 and on where a renamed instance has
 * that. ERR_CONFLICT: it was given to another one. */
int core_tag(struct core *c, const char *name, struct tag *ret, struct err *e);

/* --- core_trash_op.c --- */
/* {"instances", "bytes", "keep-ms"}. */
json_t *trash_json(struct core *c);
void trash_tick(struct core *c); /* once a second: forgets what was kept long enough */

/* --- core_memory.c --- */
/* May the guest have that many bytes beside those that run? ERR_CONFLICT with the numbers. */
int memory_check(struct core *c, const struct guest *g, uint64_t wants, struct err *e);
/* One is being started that will take them. */
void memory_taken(struct core *c, uint64_t bytes);
/* {"total", "available", "guests": what they were promised, "limit"}, bytes; null: not known. */
json_t *memory_json(struct core *c);

/* --- core_machine.c, core_launch.c, core_stop.c: QEMUs --- */
struct machine *machine_find(struct core *c, int64_t id);
struct machine *machine_by_token(struct core *c, const struct token *t);
int64_t machine_id(const struct machine *m);
void machines_free(struct core *c);
int machines_adopt(struct core *c, struct err *e);
void machine_launched(struct core *c, uint32_t id, const struct launched *m);
void machine_launch_failed(struct core *c, const struct error_msg *m);
void machine_exited(struct core *c, const struct exited *m);
void machine_adopted(struct core *c, const struct launched *m);
void machine_not_running(struct core *c, const struct verb_ref *m);
/* Does a guest of ours run on that network? The first one's name. */
bool machines_on(struct core *c, const char *network, struct name *ret);
void machines_tick(struct core *c); /* once a second: console logs */
int machine_launch_values(struct core *c, const struct guest *g, struct launch *ret, struct err *e);
/* core_volume.c: what seed.iso is to be before a launch; a guest without one has none lying about. */
int volume_put(struct core *c, const struct guest *g, struct err *e);
/* --- core_autostart.c: guests that start with the host, in order and so many at once --- */
/* Once core is ready. new_boot: the host has booted since; else what was not done goes on. */
void autostart_begin(struct core *c, bool new_boot);
/* Once a second, and when something changed: the next ones. */
void autostart_go_on(struct core *c);
/* A network has come up or has not: who waited for it starts, or is told. */
void autostart_network(struct core *c, const char *network, bool up);
void autostart_renamed(struct core *c, const char *from, const struct name *to);
/* Somebody was faster, or it is removed. */
void autostart_forget(struct core *c, const char *name);
/* Somebody stops one that waits for its turn: it is not started any more. 1: so it is, 0: it waits
 * for none. */
int autostart_call_off(struct core *c, struct guest *g, const char *actor, struct err *e);
void autostart_free(struct core *c);
/* Where guests of a network find roost: as it says, else the host on its bridge, else as on user
 * networks. */
void core_base_url(const struct core *c, const struct network *n, char ret[BASE_URL_MAX + 1]);
bool core_finds_roost(const struct core *c, const struct network *n); /* do guests of it? */

/* --- core_defs.c: networks, identities, images --- */
int networks_load(struct core *c, struct err *e);
void networks_free(struct core *c);
const struct network *core_network(const struct core *c, const char *name); /* NULL: none */
/* fn returning non-zero ends it (and that value is returned). */
int core_networks_each(struct core *c, int (*fn)(const struct network *n, void *arg), void *arg);
int core_network_put(struct core *c, const struct network *n, struct err *e);
int core_network_drop(struct core *c, const char *name, struct err *e);
int networks_reload(struct core *c, struct err *e); /* memory follows the record */
int core_image(struct core *c, const char *name, struct image *ret, struct err *e);
bool core_has_image(struct core *c, const char *name);

/* --- core_metrics.c --- */
/* An event of a guest that has moved from phase `was` already. */
void core_metrics_event(struct core *c, const struct guest *g, enum event_kind k, enum phase was,
                        int64_t now_boot_ms);

/* --- core_backup.c --- */
/* Before anything is opened: ERR_CONFLICT when a restore was interrupted. */
int core_restore_pending(const struct core *c, struct err *e);
/* At the start: what a killed copy left goes, and a restore is put on record. */
int core_restored(struct core *c, struct err *e);

/* --- core_catalogue.c: words of an image, of a fleet, with what is predefined filled in --- */
/* New references; NULL with e where there is no such predefined image. */
json_t *core_image_words(struct core *c, const json_t *words, const char *name, struct err *e);
json_t *core_fleet_words(struct core *c, const json_t *tree, struct err *e);

/* --- core_emulator.c --- */
/* Whoever waits is called with c->ending set. */
void emulators_free(struct core *c);

/* --- core_full.c: a full disk --- */
int reserve_make(struct core *c, struct err *e); /* no room: c->full, and it is tried again */
void core_disk_full(struct core *c, const struct err *why);

/* --- core_read.c, core_status.c --- */
/* A row of the list of instances. New reference. */
json_t *core_guest_json(struct core *c, const struct guest *g, const struct spec *s);
/* The NOTE column. */
void core_guest_note(struct core *c, const struct guest *g, char *out, size_t size);
void core_reprobed(struct core *c);
void reprobes_free(struct core *c);

/* --- core_watch.c --- */
void watches_wake(struct core *c);
void watches_free(struct core *c);

#endif
