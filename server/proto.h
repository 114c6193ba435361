/* Messages between roostd, roost-core and roost-front (base/chan frames). One enum, one struct and
 * one encode/decode pair per message with a payload. A message that does not decode is a reason to
 * exit: the sibling is broken or taken over.
 *
 *   roostd -> both    CONFIG           every option as resolved by roostd (server/config)
 *                     PING
 *   roostd -> front   LISTEN, CORE_LINK        roostd -> core   FRONT_LINK, CONTROL, ACCEL,
 * LAUNCHED, QUIT                     QUIT             LAUNCH_FAILED, EXITED, ADOPTED, NOT_RUNNING
 *   both -> roostd    HELLO (build id), READY, PONG
 *   core -> roostd    LAUNCH, KILL, ADOPT, VMSH, NET_PLAN, NET_LOOK, NET_DO, NET_UNDO, NET_RELOAD, NET_RELEASE,
 *                     NET_CHECK, HOOK_RUN, MEDIUM_GET
 *   roostd -> core    FAULT, NET_STEP, NET_PLANNED, NET_DONE, NET_STATE, NET_FINDING, LEASE,
 *                     HOOK_DONE, MEDIUM
 *   roostd -> front   UNLISTEN
 *   front -> core     SEED_GET, HOME, REPORT, SERVED, TALLY
 *   core -> front     HELLO, SEED_REPLY, HOME_REPLY, INVALIDATE
 */
#ifndef SERVER_PROTO_H
#define SERVER_PROTO_H

#include "base/chan.h"
#include "model/peer.h"
#include "model/seedurl.h"
#include "model/verb.h"
#include "seeds/routes.h"

enum proto_type {
    P_HELLO = 1,     /* str build id, str role; first message on every channel, both ways */
    P_CONFIG,        /* config_encode() */
    P_READY,         /* str one line for the log ("3 guests, 2 home"), "" from front */
    P_QUIT,          /* finish what is under way, then exit 0 */
    P_LISTEN,        /* listen_msg + 1 fd: a listening socket for guests */
    P_CORE_LINK,     /* 1 fd: a fresh channel to core */
    P_FRONT_LINK,    /* 1 fd: a fresh channel to front */
    P_CONTROL,       /* 1 fd: the control API's listening Unix socket */
    P_SEED_ADDRESS,  /* str endpoint that front really listens on (the chosen port); before READY is
                        asked */
    P_ACCEL,         /* accel_report */
    P_UNLISTEN,      /* listen_msg: that one is gone */
    P_PING,          /* nothing: roostd asks whether the child still turns; answered by PONG */
    P_PONG,          /* nothing */
    P_FAULT,         /* str: something of roostd's that core is to put on record */
    P_LAUNCH = 32,   /* launch (request id) */
    P_KILL,          /* verb_ref: SIGKILL by pidfd */
    P_ADOPT,         /* verb_ref: is it running? answered by ADOPTED or NOT_RUNNING; then watched */
    P_VMSH,          /* launch: write vm.sh and its SMBIOS file; answered by DONE */
    P_REPROBE,       /* nothing: forget the cached verdict and probe again; answered by ACCEL */
    P_NET_PLAN,      /* net_up; answered by NET_STEP for each step, then NET_PLANNED, or by NET_DONE */
    P_NET_LOOK,      /* net_up; answered as NET_PLAN, but nothing of it is kept */
    P_NET_DO,        /* net_step, as planned; answered by NET_DONE */
    P_NET_UNDO,      /* net_step, from the ledger; answered by NET_DONE */
    P_NET_RELOAD,    /* net_ref: dnsmasq reads its reservations anew */
    P_NET_RELEASE,   /* net_lease: dnsmasq is to forget it */
    P_NET_CHECK,     /* net_check; answered by NET_FINDING for each, then NET_DONE */
    P_HOOK_RUN,      /* hook_run (request id); answered by HOOK_DONE */
    P_MEDIUM_GET,    /* medium_get; answered by MEDIUM */
    P_LAUNCHED = 48, /* launched (the request's id) */
    P_LAUNCH_FAILED, /* error_msg (the request's id) */
    P_DONE,          /* error_msg (the request's id), kind ERR_NONE when it went well */
    P_EXITED,        /* exited */
    P_ADOPTED,       /* launched (the request's id) */
    P_NOT_RUNNING,   /* verb_ref (the request's id) */
    P_NET_STEP,      /* net_step (the request's id) */
    P_NET_PLANNED,   /* net_state (the request's id): bridge; problem is a warning */
    P_NET_DONE,      /* error_msg (the request's id), its instance is the network's name */
    P_NET_STATE,     /* net_state: something changed by itself */
    P_LEASE,         /* net_lease */
    P_NET_FINDING,   /* net_finding (the request's id) */
    P_HOOK_DONE,     /* hook_done (the request's id) */
    P_MEDIUM,        /* error_msg (the request's id); kind ERR_NONE: + 1 fd, to be read */
    P_SEED_GET = 64, /* seed_get (request id) */
    P_SEED_REPLY,    /* seed_reply (the request's id) */
    P_HOME,          /* guest_post (request id) */
    P_HOME_REPLY,    /* status_reply (the request's id) */
    P_REPORT,        /* guest_post; no answer: a hint */
    P_SERVED,        /* served: documents that went out of front's own table */
    P_TALLY,         /* tally: requests that front answered by itself since the last one */
    P_INVALIDATE,    /* str tag: drop what is cached for it; "" everything */
};

/* What names the caller in every guest request. */
struct caller {
    struct peer peer;
    enum claim claim;
    struct tag tag;   /* CLAIM_TAG */
    char claimed[64]; /* as sent, for the list of unknown callers */
    struct marks marks;
    bool has_token;
    struct token token;
    char agent[80]; /* User-Agent, printable, cut */
};

struct seed_get {
    struct caller caller;
    enum seed_doc doc;
    bool head;
};
void seed_get_encode(const struct seed_get *m, struct buf *out);
int seed_get_decode(struct msg_cur *c, struct seed_get *ret, struct err *e);

/* Status 200 carries all four documents; anything else none. */
struct seed_reply {
    uint16_t status;      /* 200, 403, 503 (hold: Retry-After), 500 */
    uint16_t retry_after; /* seconds, 0 none */
    uint32_t keep_ms;     /* how long front may answer from its table, at most 30000 */
    struct {
        const char *data; /* points into the message when decoded */
        size_t len;
    } doc[SEED_DOCS];
};
void seed_reply_encode(const struct seed_reply *m, struct buf *out);
int seed_reply_decode(struct msg_cur *c, struct seed_reply *ret, struct err *e);

/* A phone-home or a report, not parsed by front. */
struct guest_post {
    struct caller caller;
    const char *body; /* at most 65536 bytes; points into the message when decoded */
    size_t len;
};
void guest_post_encode(const struct guest_post *m, struct buf *out);
int guest_post_decode(struct msg_cur *c, struct guest_post *ret, struct err *e);

struct status_reply {
    uint16_t status; /* 200 after the flush; 400, 403, 409, 413, 429, 500, 503 */
    uint16_t retry_after;
};
void status_reply_encode(const struct status_reply *m, struct buf *out);
int status_reply_decode(struct msg_cur *c, struct status_reply *ret, struct err *e);

/* What went out of front's table since the last one, by document. */
struct served {
    uint32_t count[SEED_DOCS];
};
void served_encode(const struct served *m, struct buf *out);
int served_decode(struct msg_cur *c, struct served *ret, struct err *e);

/* Answers that never reached core, by reason, since the last tally. */
enum tally_row {
    TALLY_NOT_FOUND,
    TALLY_BAD_REQUEST,
    TALLY_TOO_BIG,
    TALLY_METHOD,
    TALLY_CORE_AWAY, /* 503 by itself */
    TALLY_DEADLINE,  /* core did not answer within a second */
    TALLY_REPORT_DROPPED,
    TALLY_CONNECTIONS_REFUSED,
    TALLY_ROWS
};
const char *tally_row_name(enum tally_row r);
struct tally {
    uint64_t count[TALLY_ROWS];
};
void tally_encode(const struct tally *m, struct buf *out);
int tally_decode(struct msg_cur *c, struct tally *ret, struct err *e);

struct listen_msg {
    uint16_t listener;
    struct endpoint at;
};
void listen_msg_encode(const struct listen_msg *m, struct buf *out);
int listen_msg_decode(struct msg_cur *c, struct listen_msg *ret, struct err *e);

struct error_msg {
    struct name instance;
    uint64_t launch_id;
    enum err_kind kind;
    char text[512];
};
void error_msg_encode(const struct error_msg *m, struct buf *out);
int error_msg_decode(struct msg_cur *c, struct error_msg *ret, struct err *e);

/* One run of a hook of roost.conf: the program is roostd's to know, core names the section. */
#define HOOK_JSON_MAX   (1u << 20)
#define HOOK_OUTPUT_MAX (32u << 10)
struct hook_run {
    struct name hook;
    const char *json; /* points into the message when decoded */
    size_t len;
};
void hook_run_encode(const struct hook_run *m, struct buf *out);
int hook_run_decode(struct msg_cur *c, struct hook_run *ret, struct err *e);

struct hook_done {
    struct name hook;
    bool ok;
    char how[256]; /* "exit code 1", "timed out", why it could not be started */
    const char *output; /* what it wrote, cut; any bytes; points into the message when decoded */
    size_t len;
};
void hook_done_encode(const struct hook_done *m, struct buf *out);
int hook_done_decode(struct msg_cur *c, struct hook_done *ret, struct err *e);

struct hello {
    char build[65]; /* build id: sha256 of what was built, the same for the three programs of one
                       build */
    char role[16];
};
void hello_encode(const char *role, struct buf *out);
/* Another build id: ERR_CONFLICT. */
int hello_decode(struct msg_cur *c, const char *want_role, struct err *e);

/* One string payload. */
void text_encode(const char *s, struct buf *out);
int text_decode(struct msg_cur *c, char *ret, size_t size, struct err *e);

/* Sends a payload built in `b` and clears it; the fds stay the caller's. */
int proto_send(struct chan *c, enum proto_type t, uint32_t id, struct buf *b, const int *fds,
               int n_fds, struct err *e);

#endif
