/* The inside of roost-front, shared by server/front*.c. */
#ifndef SERVER_FRONT_PRIV_H
#define SERVER_FRONT_PRIV_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/queue.h>

#include "server/config.h"
#include "server/front.h"
#include "server/front_table.h"
#include "server/proto.h"

#define FRONT_BODY_MAX   65536       /* of a post */
#define FRONT_BODY_DROP  (1u << 20)  /* what is read and dropped of a larger one */
#define FRONT_BODIES_MAX (32u << 20) /* of all posts that are being read */
#define FRONT_QUEUE_MAX  (32u << 20) /* bytes on their way to core */
#define FRONT_HINTS_MAX  (1u << 20)  /* from there on reports are dropped */
#define FRONT_LISTENERS  256         /* one for user networks, one for each bridge */
#define FRONT_ARRIVALS   4096        /* accepted, not yet with MHD */

/* --- front_answer.c: what front says by itself, or for core in words of its own --- */
enum answer {
    ANSWER_ROOT,
    ANSWER_HOME,
    ANSWER_REPORT,
    ANSWER_NOT_FOUND,
    ANSWER_BAD_REQUEST,
    ANSWER_URI_TOO_LONG,
    ANSWER_TOO_BIG,
    ANSWER_USE_GET,
    ANSWER_USE_POST,
    ANSWER_DENIED,
    ANSWER_CONFLICT,
    ANSWER_TOO_MANY,
    ANSWER_ERROR,
    ANSWER_HOLD,      /* core: come again later */
    ANSWER_CORE_AWAY, /* front by itself */
    ANSWER_DEADLINE,
    ANSWER_FULL, /* too much at once */
    ANSWERS
};
struct answers;
struct answers *answers_new(void);
void answers_free(struct answers *a); /* NULL is fine */
/* Borrowed; *ret_status is the HTTP status. retry_after 0: the row's own. NULL: no memory. */
struct MHD_Response *answer_get(struct answers *a, enum answer which, unsigned retry_after,
                                unsigned *ret_status);
/* The row for a status of core's. */
enum answer answer_of_status(unsigned status);
/* The tally row that it counts for, or -1. */
int answer_tally(enum answer which);

/* --- front_http.c: connections --- */
enum step {
    STEP_IDLE,   /* between requests */
    STEP_HEAD,   /* the request line was read */
    STEP_BODY,   /* the rest comes */
    STEP_WAIT,   /* core was asked */
    STEP_ANSWER, /* an answer is there */
    STEP_QUEUED, /* with MHD */
};

/* A connection that MHD has not been given yet. */
struct arrival {
    int fd;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } from;
    socklen_t len;
};

struct listener {
    struct front *front;
    uint16_t number;
    int fd;         /* MHD's; -1 once quiesced */
    unsigned limit; /* connections */
    struct MHD_Daemon *mhd;
    struct loop_fd *watch;
    bool run;        /* MHD has something to do in this turn */
    bool told;       /* its descriptor told of something, perhaps of new connections */
    bool moved;      /* a request went on in this run */
    unsigned n_held; /* conns with `held` */
    struct arrival *arrivals;
    unsigned n_arrivals;
    unsigned n_conns;
    bool gone; /* roostd's word; ends when its last connection does */
};

struct ask;

/* One HTTP connection and the request that is on it. */
struct conn {
    struct listener *listener;
    struct MHD_Connection *mhd;
    int fd;
    struct peer peer;
    TAILQ_ENTRY(conn) order; /* of front.conns */
    int64_t since_ms;        /* of the last request's end, or of the connection's start */
    bool linger;             /* answered before all was read */
    bool fresh;              /* has not asked for anything yet */

    enum step step;
    bool head;    /* method HEAD */
    bool refused; /* `answer` is decided, the body is dropped */
    bool asked;   /* core saw this very request: nothing to report as served */
    struct route route;
    char *body;
    size_t body_len, body_size, dropped;
    bool held;       /* waits among MHD's ready connections, not suspended */
    struct ask *ask; /* STEP_WAIT */
    int64_t deadline_ms;
    TAILQ_ENTRY(conn) wait;   /* of front.waiting */
    TAILQ_ENTRY(conn) mate;   /* of ask.conns */
    TAILQ_ENTRY(conn) resume; /* of front.resumed: answered while suspended */
    struct seat *seat;        /* STEP_ANSWER: a document, else: */
    enum answer answer;
    unsigned retry_after;
};
TAILQ_HEAD(conns, conn);

struct front {
    struct loop *loop;
    struct chan *roostd, *core;
    void (*done)(void *);
    void *done_arg;
    bool over, failed, said_hello, configured, listening, ready, quitting, core_hello;
    struct config config;

    struct listener *listeners[FRONT_LISTENERS];
    int n_listeners;
    struct loop_hook *turn;   /* runs MHD */
    struct loop_timer *tick;  /* once a second while there is something */
    struct loop_timer *again; /* MHD wants to run again */
    struct loop_timer *quit;
    int64_t quit_ms;
    struct conns conns;   /* by progress, the longest without first */
    struct conns resumed; /* answered, to be resumed at the end of this turn */
    unsigned n_conns, n_requests;
    unsigned n_fresh; /* conns with `fresh` */
    size_t bodies;    /* bytes of bodies held */

    struct answers *answers;
    struct front_table *table;
    struct drain *drain;
    struct asks *asks;
    struct tally tally;
    bool tallied;
    int64_t tally_ms;    /* when it was sent last */
    struct served given; /* from the table, since core was told */
    bool any_given;
    uint64_t served; /* requests answered */
    unsigned since_poll; /* requests since core was heard */
    struct buf out;      /* messages are built here */
};

int listener_add(struct front *f, const struct listen_msg *m, int fd, struct err *e); /* takes fd */
/* Its network went down: no new connections, and the end when there are no more old ones. */
void listener_remove(struct front *f, uint16_t number);
void listeners_sweep(struct front *f);
void listeners_quiesce(struct front *f);
void listeners_free(struct front *f);
void conn_not_fresh(struct conn *c);
void conns_sweep(struct front *f); /* ends those whose request takes too long */

/* --- front_run.c: when MHD runs --- */
/* Takes in who waits at the sockets; any time. */
void listeners_accept(struct front *f);
void listener_admit(struct listener *l); /* hands them to MHD */
unsigned listeners_arrivals(const struct front *f);
/* At the end of a turn: resumes what was answered, runs MHD where it has to. */
void listeners_run(struct front *f);
void listeners_look(struct front *f); /* front.again */
/* A request that core was asked for waits, until conn_answered(). */
void conn_wait(struct conn *c);
void conn_answered(struct conn *c);
void conn_visit(struct conn *c); /* MHD calls for one that is held */
void conn_release(struct conn *c);

/* --- front_request.c: from request line to answer --- */
void request_begin(struct conn *c, const char *uri);
enum MHD_Result request_step(struct conn *c, const char *method, const char *data, size_t *len);
void request_end(struct conn *c);
/* Answers a request that waits (STEP_WAIT). */
void request_answer(struct conn *c, enum answer a, unsigned retry_after);
void request_document(struct conn *c, struct seat *s);

/* --- front_ask.c: what core was asked and has not answered yet --- */
struct asks *asks_new(struct front *f, struct err *e);
void asks_free(struct asks *a); /* NULL is fine; nobody waits any more */
/* 0: `c` waits now. -1: core cannot be asked, *ret_why says what to answer. */
int ask_seed(struct conn *c, enum answer *ret_why);
int ask_home(struct conn *c, enum answer *ret_why);
void ask_report(struct conn *c);
void ask_seed_reply(struct front *f, uint32_t id, const struct seed_reply *m);
void ask_home_reply(struct front *f, uint32_t id, const struct status_reply *m);
/* The client of a request that waits is gone. */
void ask_leave(struct conn *c);
/* Since when a request waits. */
int64_t ask_waits_ms(const struct conn *c);
/* Core is gone: everybody who waits is told so. */
void asks_lost(struct front *f);
size_t asks_waiting(const struct front *f);

/* --- front_drain.c: connections that end before the client has finished sending --- */
struct drain *drain_new(struct loop *l);
void drain_free(struct drain *g); /* NULL is fine */
/* Duplicates the socket, whose owner closes it now: what still comes is read and dropped for a
 * while, since closing over unread bytes makes the kernel send a reset, which takes the answer from
 * the client. */
void drain_add(struct drain *g, int fd);
void drain_sweep(struct drain *g, int64_t now_ms);
bool drain_any(const struct drain *g);

/* --- front.c --- */
void front_tally(struct front *f, enum tally_row r);
/* After each request: MHD serves all that are ready in one turn, thousands in a storm; core neither
 * waits for its end nor do its answers. */
void front_poll(struct front *f);
void front_tick_soon(struct front *f); /* something needs the tick */
/* A sibling broke the protocol: log, end. */
void front_fail(struct front *f, const struct err *e);

#endif
