#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/chan.h"

struct head {
    uint32_t len;
    uint16_t type, n_fds;
    uint32_t id;
};

struct fixture {
    struct loop *l;
    struct chan *a, *b; /* b's end is the one that tests look at */
    int raw;            /* instead of a: a peer that does as it likes */
    unsigned got, turn_got;
    size_t bytes;
    uint32_t last_id;
    uint16_t last_type;
    bool in_order, content_ok;
    ino_t inodes[64]; /* of the descriptors that arrived, message by message */
    unsigned n_inodes;
    int kept;
    bool keep_fd, free_in_msg, pause_in_msg, free_in_gone;
    int gone;
    struct err err;
};

static uint8_t pattern(uint32_t id, size_t i)
{
    return (uint8_t)(id * 31 + i * 7 + (i >> 8));
}

static void *payload(uint32_t id, size_t len)
{
    uint8_t *p = malloc(len ? len : 1);
    for (size_t i = 0; i < len; i++)
        p[i] = pattern(id, i);
    return p;
}

static void on_msg(const struct chan_msg *m, void *arg)
{
    struct fixture *f = arg;
    const uint8_t *p = m->data;
    if (m->id != f->last_id + 1)
        f->in_order = false;
    for (size_t i = 0; i < m->len; i++)
        f->content_ok = f->content_ok && p[i] == pattern(m->id, i);
    f->last_id = m->id;
    f->last_type = m->type;
    f->got++;
    f->bytes += m->len;
    for (int i = 0; i < m->n_fds && f->n_inodes < 64; i++) {
        struct stat st;
        assert_int_equal(fstat(m->fds[i], &st), 0);
        assert_true(fcntl(m->fds[i], F_GETFD) & FD_CLOEXEC);
        f->inodes[f->n_inodes++] = st.st_ino;
    }
    if (f->keep_fd && m->n_fds > 0) {
        f->kept = m->fds[0];
        m->fds[0] = -1;
    }
    if (f->pause_in_msg)
        chan_pause(f->b, true);
    if (f->free_in_msg) {
        chan_free(f->b);
        f->b = NULL;
    }
}

static void on_gone(const struct err *err, void *arg)
{
    struct fixture *f = arg;
    f->gone++;
    if (err)
        f->err = *err;
    if (f->free_in_gone) {
        chan_free(f->b);
        f->b = NULL;
    }
}

static void peer_msg(const struct chan_msg *m, void *arg)
{
    (void)m;
    (void)arg;
}
static void peer_gone(const struct err *err, void *arg)
{
    (void)err;
    (void)arg;
}

static int count_fds(void)
{
    int n = 0;
    for (int i = 0; i < 1024; i++)
        n += fcntl(i, F_GETFD) >= 0;
    return n;
}
static int fds_before;

static int make(void **state, bool raw)
{
    struct fixture *f = calloc(1, sizeof(*f));
    fds_before = count_fds();
    int fds[2];
    f->raw = f->kept = -1;
    f->in_order = f->content_ok = true;
    f->l = loop_new(NULL);
    if (chan_pair(fds, NULL) < 0)
        return -1;
    f->b = chan_new(f->l, fds[1], on_msg, on_gone, f, NULL);
    if (raw)
        f->raw = fds[0];
    else
        f->a = chan_new(f->l, fds[0], peer_msg, peer_gone, f, NULL);
    *state = f;
    return f->b && (raw || f->a) ? 0 : -1;
}
static int setup(void **state)
{
    return make(state, false);
}
static int setup_raw(void **state)
{
    return make(state, true);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    chan_free(f->a);
    chan_free(f->b);
    if (f->raw >= 0)
        close(f->raw);
    if (f->kept >= 0)
        close(f->kept);
    loop_free(f->l);
    free(f);
    assert_int_equal(count_fds(), fds_before); /* no descriptor leaks on any path */
    return 0;
}

static void turn(struct fixture *f, int ms)
{
    unsigned before = f->got;
    struct err e = { 0 };
    if (loop_turn(f->l, ms, &e) < 0)
        fail_msg("%s", e.text);
    f->turn_got = f->got - before;
}

static void until(struct fixture *f, unsigned got)
{
    int64_t limit = clock_now().boot_ms + 10000;
    while (f->got < got && !f->gone && clock_now().boot_ms < limit)
        turn(f, 1000);
    assert_int_equal(f->got, got);
}

static void until_gone(struct fixture *f)
{
    int64_t limit = clock_now().boot_ms + 10000;
    while (!f->gone && clock_now().boot_ms < limit)
        turn(f, 1000);
    assert_int_equal(f->gone, 1);
}

static void send_len(struct fixture *f, uint32_t id, size_t len)
{
    void *p = payload(id, len);
    struct err e = { 0 };
    if (chan_send(f->a, 3, id, p, len, NULL, 0, &e) < 0)
        fail_msg("%s", e.text);
    free(p);
}

static void many_small_messages_of_a_turn_arrive_in_a_turn(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 1; i <= 1000; i++)
        send_len(f, i, i % 40);
    turn(f, -1); /* does not wait: something is queued */
    assert_int_equal(chan_queued(f->a), 0);
    turn(f, -1);
    assert_int_equal(f->turn_got, 1000);
    assert_true(f->in_order && f->content_ok);
    assert_int_equal(f->last_type, 3);
}

static size_t resident(void)
{
    size_t pages = 0, res = 0;
    FILE *s = fopen("/proc/self/statm", "re");
    if (fscanf(s, "%zu %zu", &pages, &res) != 2)
        res = 0;
    fclose(s);
    return res * (size_t)sysconf(_SC_PAGESIZE);
}

static void large_messages_pass_and_leave_no_memory_behind(void **state)
{
    struct fixture *f = *state;
    void *p = payload(1, CHAN_FRAME_MAX);
    size_t before = resident();
    for (uint32_t i = 1; i <= 3; i++) {
        *(uint8_t *)p = pattern(i, 0);
        for (size_t k = 0; k < CHAN_FRAME_MAX; k++)
            ((uint8_t *)p)[k] = pattern(i, k);
        assert_int_equal(chan_send(f->a, 3, i, p, CHAN_FRAME_MAX, NULL, 0, NULL), 0);
    }
    send_len(f, 4, 5);
    until(f, 4);
    assert_true(f->in_order && f->content_ok);
    assert_true(resident() < before + (2 << 20));
    int64_t limit = clock_now().boot_ms + 10000;
    while (resident() >= before + (512 << 10) && clock_now().boot_ms < limit)
        turn(f, 100);
    assert_true(resident() < before + (512 << 10));
    struct err e = { 0 };
    assert_int_equal(chan_send(f->a, 3, 5, p, CHAN_FRAME_MAX + 1, NULL, 0, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    free(p);
}

static void sizes_of_every_kind(void **state)
{
    struct fixture *f = *state;
    uint32_t id = 0;
    size_t sum = 0;
    srandom(1);
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < 20; i++) {
            size_t len = (size_t)random() % (i == 7 ? 300000 : i % 3 ? 50 : 9000);
            sum += len;
            send_len(f, ++id, len);
        }
        turn(f, 0);
    }
    until(f, id);
    assert_true(f->in_order && f->content_ok);
    assert_int_equal(f->bytes, sum);
}

static ino_t inode(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

/* Every message with descriptors among others, large and small, gets its own and no others. */
static void descriptors_stay_with_their_message(void **state)
{
    struct fixture *f = *state;
    int fds[12];
    for (int i = 0; i < 12; i += 2)
        assert_int_equal(pipe2(fds + i, O_CLOEXEC), 0);
    ino_t want[64];
    unsigned n = 0;
    uint32_t id = 0;
    for (int i = 0; i < 12; i += 2) {
        send_len(f, ++id, 17);
        size_t len = i % 4 ? 400000 : 3; /* more than the socket takes at once */
        int k = i / 2 % 3 + 1;
        void *p = payload(++id, len);
        int give[3] = { fds[i], fds[(i + 2) % 12], fds[(i + 4) % 12] };
        assert_int_equal(chan_send(f->a, 3, id, p, len, give, k, NULL), 0);
        for (int j = 0; j < k; j++)
            want[n++] = inode(give[j]);
        free(p);
        send_len(f, ++id, 70000);
    }
    until(f, id);
    assert_true(f->in_order && f->content_ok);
    assert_int_equal(f->n_inodes, n);
    assert_memory_equal(f->inodes, want, n * sizeof(*want));
    for (int i = 0; i < 12; i++)
        close(fds[i]);
}

static void a_taken_descriptor_stays_open(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    f->keep_fd = true;
    void *p = payload(1, 4);
    assert_int_equal(chan_send(f->a, 3, 1, p, 4, fds, 2, NULL), 0);
    free(p);
    close(fds[0]);
    close(fds[1]); /* the queue holds copies of its own */
    until(f, 1);
    assert_true(fcntl(f->kept, F_GETFD) >= 0);
}

static void too_many_descriptors_are_refused(void **state)
{
    struct fixture *f = *state;
    int fds[CHAN_FDS_MAX + 1] = { 0 };
    struct err e = { 0 };
    assert_int_equal(chan_send(f->a, 3, 1, NULL, 0, fds, CHAN_FDS_MAX + 1, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    for (int i = 0; i < CHAN_FD_FRAMES_MAX; i++)
        assert_int_equal(chan_send(f->a, 3, 1, NULL, 0, fds, 1, NULL), 0);
    assert_int_equal(chan_send(f->a, 3, 1, NULL, 0, fds, 1, &e), -1);
    assert_int_equal(e.kind, ERR_BUSY);
    int bad = 9999;
    chan_free(f->a);
    f->a = NULL;
    until_gone(f);
    assert_int_equal(chan_send(f->b, 3, 1, NULL, 0, &bad, 1, &e), -1);
    assert_int_equal(e.kind, ERR_IO);
}

static void a_peer_that_does_not_read_is_busy(void **state)
{
    struct fixture *f = *state;
    struct err e = { 0 };
    chan_pause(f->b, true);
    chan_max_queued(f->a, 1 << 20);
    uint32_t id = 0;
    int rc = 0;
    char text[10000];
    while (rc == 0 && id < 1000) {
        id++;
        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = (char)pattern(id, i);
        rc = chan_send(f->a, 3, id, text, sizeof(text), NULL, 0, &e);
        turn(f, 0);
    }
    assert_int_equal(rc, -1);
    assert_int_equal(e.kind, ERR_BUSY);
    assert_true(chan_queued(f->a) > (1 << 20) - 20000);
    chan_pause(f->b, false);
    until(f, id - 1);
    turn(f, 0);
    assert_int_equal(chan_queued(f->a), 0);
    assert_true(f->in_order && f->content_ok);
}

static void pause_inside_a_message_holds_the_next(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 1; i <= 3; i++)
        send_len(f, i, 8);
    f->pause_in_msg = true;
    turn(f, -1);
    turn(f, -1);
    turn(f, 0);
    assert_int_equal(f->got, 1);
    chan_pause(f->b, false);
    turn(f, -1);
    assert_int_equal(f->got, 2);
    f->pause_in_msg = false;
    chan_pause(f->b, false);
    turn(f, -1);
    assert_int_equal(f->got, 3);
    assert_true(f->in_order);
}

/* 64 KiB of whole frames wait in the buffer at the resumption, and more in the socket. */
static void pause_with_a_full_buffer_loses_nothing(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 1; i <= 4096; i++)
        send_len(f, i, 20); /* 32 bytes each with the header: 64 KiB hold a whole number of them */
    f->pause_in_msg = true;
    turn(f, -1);
    turn(f, -1);
    assert_int_equal(f->got, 1);
    f->pause_in_msg = false;
    chan_pause(f->b, false);
    until(f, 4096);
    assert_true(f->in_order && f->content_ok);
    assert_int_equal(f->gone, 0);
}

static void the_last_words_arrive_before_the_end(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 1; i <= 100; i++)
        send_len(f, i, 100);
    chan_flush(f->a, 1000);
    chan_free(f->a);
    f->a = NULL;
    /* A failing write must not hide what the peer wrote before its end. */
    assert_int_equal(chan_send(f->b, 1, 1, "x", 1, NULL, 0, NULL), 0);
    f->free_in_gone = true;
    until_gone(f);
    assert_int_equal(f->got, 100);
    assert_int_equal(f->err.kind, ERR_NONE);
}

static void the_end_of_a_paused_channel_shows_in_writing(void **state)
{
    struct fixture *f = *state;
    chan_pause(f->b, true);
    chan_free(f->a);
    f->a = NULL;
    turn(f, 0);
    assert_int_equal(f->gone, 0);
    assert_int_equal(chan_send(f->b, 1, 1, "x", 1, NULL, 0, NULL), 0);
    until_gone(f);
    struct err e = { 0 };
    assert_int_equal(chan_send(f->b, 1, 1, "x", 1, NULL, 0, &e), -1);
    assert_int_equal(e.kind, ERR_IO);
}

static void freed_inside_a_message(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    f->free_in_msg = true;
    for (uint32_t i = 1; i <= 3; i++)
        assert_int_equal(chan_send(f->a, 3, i, NULL, 0, fds, 2, NULL), 0);
    close(fds[0]);
    close(fds[1]);
    turn(f, -1);
    turn(f, -1);
    turn(f, 0);
    assert_int_equal(f->got, 1);
    assert_int_equal(f->gone, 0);
}

/* Both ends, without a turn of the loop between. */
static void poll_sends_and_delivers_at_once(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 1; i <= 10; i++)
        send_len(f, i, 100);
    chan_poll(f->b);
    assert_int_equal(f->got, 0);
    chan_poll(f->a);
    chan_poll(f->b);
    assert_int_equal(f->got, 10);
    assert_int_equal(chan_queued(f->a), 0);
    assert_true(f->in_order && f->content_ok);
    send_len(f, 11, 100);
    chan_poll(f->a);
    f->free_in_msg = true;
    chan_poll(f->b);
    assert_int_equal(f->got, 11);
}

static void flush_gives_up_in_time(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 1; i <= 4; i++)
        send_len(f, i, 300000);
    int64_t from = clock_now().boot_ms;
    chan_flush(f->a, 100);
    int64_t took = clock_now().boot_ms - from;
    assert_true(took >= 90 && took < 5000);
    assert_true(chan_queued(f->a) > 0);
    until(f, 4);
    assert_true(f->in_order && f->content_ok);
}

static void hook_sends(void *arg)
{
    struct fixture *f = arg;
    if (f->last_id == 0 && chan_queued(f->a) == 0)
        send_len(f, 1, 10);
}

static void what_a_hook_sends_leaves_in_the_same_turn(void **state)
{
    struct fixture *f = *state;
    struct loop_hook *h = loop_hook_new(f->l, hook_sends, f, NULL); /* behind the channels' own */
    turn(f, 0);
    assert_int_equal(chan_queued(f->a), 0);
    turn(f, -1);
    assert_int_equal(f->got, 1);
    loop_hook_free(h);
}

static void ids_are_fresh_and_never_zero(void **state)
{
    struct fixture *f = *state;
    uint32_t one = chan_next_id(f->a);
    assert_true(one != 0 && chan_next_id(f->a) != one);
}

/* --- a peer that does as it likes ---------------------------------------------------------- */

static void raw_send(struct fixture *f, const void *data, size_t len, const int *fds, int n)
{
    union {
        char room[CMSG_SPACE(16 * sizeof(int))];
        struct cmsghdr align;
    } control = { 0 };
    struct iovec iov = { (void *)(uintptr_t)data, len };
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
    if (n > 0) {
        struct cmsghdr *c = &control.align;
        h.msg_control = &control;
        h.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
        memcpy(CMSG_DATA(c), fds, (size_t)n * sizeof(int));
    }
    assert_int_equal(sendmsg(f->raw, &h, MSG_NOSIGNAL), len);
}

static size_t frame(uint8_t *out, uint32_t id, uint16_t n_fds, uint32_t len)
{
    struct head h = { .len = len, .type = 3, .n_fds = n_fds, .id = id };
    memcpy(out, &h, sizeof(h));
    for (uint32_t i = 0; i < len; i++)
        out[sizeof(h) + i] = pattern(id, i);
    return sizeof(h) + len;
}

static void frames_split_at_every_byte(void **state)
{
    struct fixture *f = *state;
    uint8_t data[3 * 32];
    uint32_t id = 0;
    int fd = 0;
    for (size_t cut = 1; cut < 60; cut++) {
        /* One without, one with a descriptor; its bytes and what is in front never share a send. */
        size_t first = frame(data, ++id, 0, 18);
        size_t second = frame(data + first, ++id, 1, 18);
        for (size_t at = 0, step; at < first + second; at += step) {
            size_t end = at < first ? first : first + second;
            step = at + cut < end ? cut : end - at;
            raw_send(f, data + at, step, &fd, at == first);
            if (cut % 2)
                turn(f, 0);
        }
        until(f, id);
        assert_int_equal(f->n_inodes, 1);
        f->n_inodes = 0;
    }
    assert_true(f->in_order && f->content_ok);
}

static void refused(struct fixture *f, const char *word)
{
    until_gone(f);
    assert_int_equal(f->err.kind, ERR_INVALID);
    if (!strstr(f->err.text, word))
        fail_msg("\"%s\" does not say \"%s\"", f->err.text, word);
    turn(f, 10);
    assert_int_equal(f->gone, 1);
}

static void an_oversized_message_breaks_the_channel(void **state)
{
    struct fixture *f = *state;
    struct head h = { .len = CHAN_FRAME_MAX + 1, .type = 1 };
    raw_send(f, &h, sizeof(h), NULL, 0);
    refused(f, "size limit");
    assert_int_equal(f->got, 0);
}

static void more_descriptors_than_allowed_break_the_channel(void **state)
{
    struct fixture *f = *state;
    uint8_t data[64];
    const int fds[9] = { 0 };
    size_t n = frame(data, 1, 9, 4);
    raw_send(f, data, n, fds, 9);
    refused(f, "more descriptors");
}

static void descriptors_that_were_not_announced(void **state)
{
    struct fixture *f = *state;
    uint8_t data[64];
    const int fds[2] = { 0 };
    f->free_in_gone = true;
    size_t n = frame(data, 1, 0, 4);
    raw_send(f, data, n, fds, 1);
    refused(f, "descriptors");
}

static void announced_descriptors_that_are_missing(void **state)
{
    struct fixture *f = *state;
    uint8_t data[64];
    const int fds[2] = { 0 };
    size_t n = frame(data, 1, 2, 4);
    raw_send(f, data, n, fds, 1);
    refused(f, "other descriptors");
    assert_int_equal(f->got, 0);
}

/* The next message announces what the one before brought: it must not get it. */
static void descriptors_in_the_middle_of_a_message_are_nobodys(void **state)
{
    struct fixture *f = *state;
    uint8_t data[128];
    const int fds[1] = { 0 };
    size_t first = frame(data, 1, 0, 20);
    size_t second = frame(data + first, 2, 1, 20);
    raw_send(f, data, 14, NULL, 0);
    turn(f, 0);
    raw_send(f, data + 14, first - 14, fds, 1);
    turn(f, 0);
    if (!f->gone)
        raw_send(f, data + first, second, NULL, 0);
    refused(f, "descriptors");
    assert_int_equal(f->n_inodes, 0);
}

/* Descriptors come with a message's first byte or not at all: these came with a later one. */
static void late_descriptors_are_not_the_announced_ones(void **state)
{
    struct fixture *f = *state;
    uint8_t data[64];
    const int fds[1] = { 0 };
    size_t n = frame(data, 1, 1, 20);
    raw_send(f, data, 6, NULL, 0);
    turn(f, 0);
    raw_send(f, data + 6, n - 6, fds, 1);
    refused(f, "other descriptors");
    assert_int_equal(f->got, 0);
}

static void an_end_inside_a_message_is_an_end(void **state)
{
    struct fixture *f = *state;
    uint8_t data[64];
    frame(data, 1, 0, 20);
    raw_send(f, data, 20, NULL, 0);
    shutdown(f->raw, SHUT_WR);
    until_gone(f);
    assert_int_equal(f->err.kind, ERR_NONE);
    assert_int_equal(f->got, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define R(name) cmocka_unit_test_setup_teardown(name, setup_raw, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(many_small_messages_of_a_turn_arrive_in_a_turn),
        T(large_messages_pass_and_leave_no_memory_behind),
        T(sizes_of_every_kind),
        T(descriptors_stay_with_their_message),
        T(a_taken_descriptor_stays_open),
        T(too_many_descriptors_are_refused),
        T(a_peer_that_does_not_read_is_busy),
        T(pause_inside_a_message_holds_the_next),
        T(pause_with_a_full_buffer_loses_nothing),
        T(the_last_words_arrive_before_the_end),
        T(the_end_of_a_paused_channel_shows_in_writing),
        T(freed_inside_a_message),
        T(poll_sends_and_delivers_at_once),
        T(flush_gives_up_in_time),
        T(what_a_hook_sends_leaves_in_the_same_turn),
        T(ids_are_fresh_and_never_zero),
        R(frames_split_at_every_byte),
        R(an_oversized_message_breaks_the_channel),
        R(more_descriptors_than_allowed_break_the_channel),
        R(descriptors_that_were_not_announced),
        R(announced_descriptors_that_are_missing),
        R(descriptors_in_the_middle_of_a_message_are_nobodys),
        R(late_descriptors_are_not_the_announced_ones),
        R(an_end_inside_a_message_is_an_end),
    };
    return cmocka_run_group_tests_name("base/chan", tests, NULL, NULL);
}
