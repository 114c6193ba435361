/* Whether roostd's children still turn: each is asked now and then, and one that has not answered for
 * [process] hang-limit is ended; the supervisor starts it anew. Counted are questions and not time, so
 * that a host that slept, or a roostd that was stopped itself, ends nobody. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "server/supervise_priv.h"

#define BEATS 4 /* questions within the limit: a hang is noticed at most a quarter of it late */

/* Its state by /proc/PID/stat, proc(5), in words; what it hangs in is not known without a debugger. */
static const char *doing(const struct kid *k)
{
    static const struct {
        char state;
        const char *words;
    } table[] = {
        { 'R', "it is busy" },
        { 'S', "it waits for something" },
        { 'D', "it waits for a disk" },
        { 'T', "it is stopped by a signal" },
        { 't', "a debugger holds it" },
    };
    char path[48], text[128];
    int pid = k->s->o.ops->pid(k->role, k->s->o.ops->arg);

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    auto_close int fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = '\0';
    const char *end = strrchr(text, ')'); /* the name before it may hold anything */
    for (size_t i = 0; end && end[1] && i < ARRAY_SIZE(table); i++)
        if (table[i].state == end[2])
            return table[i].words;
    return "what it does is not known";
}

static void hung(struct kid *k)
{
    struct supervisor *s = k->s;

    snprintf(s->fault, sizeof s->fault,
             "%s did not answer for %" PRId64 " s (%s) and was ended, see [process] hang-limit",
             role_program(k->role), s->o.config->hang_limit / 1000, doing(k));
    log_error("%s", s->fault);
    s->o.ops->kill(k->role, s->o.ops->arg); /* also one that is stopped */
    if (k->role != ROLE_CORE)
        pulse_tell(s);
}

static void beat(void *arg)
{
    struct kid *k = arg;

    if (!k->chan || k->s->quitting)
        return;
    if (k->unanswered >= BEATS) {
        hung(k);
        return;
    }
    k->unanswered++;
    (void)proto_send(k->chan, P_PING, 0, &k->s->out, NULL, 0, NULL);
    loop_timer_set(k->pulse, k->s->o.config->hang_limit / BEATS + 1);
}

void pulse_begin(struct kid *k)
{
    k->unanswered = 0;
    if (k->s->o.config->hang_limit)
        loop_timer_set(k->pulse, 0);
}

void pulse_end(struct kid *k)
{
    loop_timer_set(k->pulse, -1);
}

int pulse_init(struct kid *k, struct err *e)
{
    k->pulse = loop_timer_new(k->s->loop, beat, k, e);
    return k->pulse ? 0 : -1;
}

void pulse_answered(struct kid *k)
{
    k->unanswered = 0;
}

void pulse_tell(struct supervisor *s)
{
    struct kid *core = &s->kids[ROLE_CORE];

    if (!s->fault[0] || !core->chan || !core->ready)
        return;
    text_encode(s->fault, &s->out);
    if (proto_send(core->chan, P_FAULT, 0, &s->out, NULL, 0, NULL) == 0)
        s->fault[0] = '\0';
}
