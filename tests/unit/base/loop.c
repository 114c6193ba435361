#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"

struct fixture {
    struct loop *l;
    struct loop_fd *fd[2];
    struct loop_timer *timer[2];
    struct loop_hook *hook[3];
    int bell[2];
    int calls[3];
    int64_t seen[2];
    char order[32];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->l = loop_new(NULL);
    for (int i = 0; i < 2; i++)
        f->bell[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *state = f;
    return f->l ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        loop_fd_free(f->fd[i]);
        loop_timer_free(f->timer[i]);
        close(f->bell[i]);
    }
    for (int i = 0; i < 3; i++)
        loop_hook_free(f->hook[i]);
    loop_free(f->l);
    free(f);
    return 0;
}

static void turn(struct fixture *f, int ms)
{
    struct err e = { 0 };
    if (loop_turn(f->l, ms, &e) < 0)
        fail_msg("%s", e.text);
}

static void spend_ms(long ms)
{
    struct timespec ts = { .tv_nsec = ms * 1000000 };
    nanosleep(&ts, NULL);
}

static void count_fd(int fd, int what, void *arg)
{
    struct fixture *f = arg;
    assert_int_equal(what, LOOP_READ);
    f->calls[fd == f->bell[0] ? 0 : 1]++;
}

static void watch_is_level_triggered_and_pauses(void **state)
{
    struct fixture *f = *state;
    f->fd[0] = loop_fd_new(f->l, f->bell[0], LOOP_READ, count_fd, f, NULL);
    turn(f, 0);
    assert_int_equal(f->calls[0], 0);
    eventfd_write(f->bell[0], 1);
    turn(f, -1);
    turn(f, -1);
    assert_int_equal(f->calls[0], 2);
    loop_fd_want(f->fd[0], 0);
    turn(f, 0);
    assert_int_equal(f->calls[0], 2);
    loop_fd_want(f->fd[0], LOOP_READ);
    turn(f, -1);
    assert_int_equal(f->calls[0], 3);
}

static void what_epoll_refuses_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct err e = { 0 };
    assert_null(loop_fd_new(f->l, 9999, LOOP_READ, count_fd, f, &e));
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.text, "9999"));
}

static void free_both(int fd, int what, void *arg)
{
    (void)fd;
    (void)what;
    struct fixture *f = arg;
    f->calls[0]++;
    for (int i = 0; i < 2; i++) {
        loop_fd_free(f->fd[i]);
        f->fd[i] = NULL;
    }
}

static void watches_freed_in_a_callback_are_not_called(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        f->fd[i] = loop_fd_new(f->l, f->bell[i], LOOP_READ, free_both, f, NULL);
        eventfd_write(f->bell[i], 1);
    }
    turn(f, -1);
    turn(f, 0);
    assert_int_equal(f->calls[0], 1);
}

static void see_clock(int fd, int what, void *arg)
{
    (void)what;
    struct fixture *f = arg;
    f->seen[fd == f->bell[0] ? 0 : 1] = loop_now(f->l).boot_ms;
    spend_ms(20);
}

static void clock_is_read_once_per_turn(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        f->fd[i] = loop_fd_new(f->l, f->bell[i], LOOP_READ, see_clock, f, NULL);
        eventfd_write(f->bell[i], 1);
    }
    turn(f, -1);
    int64_t first = f->seen[0];
    assert_int_equal(f->seen[1], first);
    turn(f, -1);
    assert_true(f->seen[0] >= first + 40);
}

static void count_timer(void *arg)
{
    struct fixture *f = arg;
    f->calls[0]++;
    f->seen[0] = loop_now(f->l).boot_ms;
}

static void timer_runs_once_and_never_early(void **state)
{
    struct fixture *f = *state;
    f->timer[0] = loop_timer_new(f->l, count_timer, f, NULL);
    turn(f, 0);
    for (int ms = 1; ms <= 16; ms++) {
        int64_t from = loop_now(f->l).boot_ms;
        loop_timer_set(f->timer[0], ms);
        assert_true(loop_timer_armed(f->timer[0]));
        while (f->calls[0] < ms)
            turn(f, -1);
        assert_false(loop_timer_armed(f->timer[0]));
        assert_true(f->seen[0] >= from + ms);
    }
    loop_timer_set(f->timer[0], 0);
    loop_timer_set(f->timer[0], -1);
    assert_false(loop_timer_armed(f->timer[0]));
    turn(f, 10);
    assert_int_equal(f->calls[0], 16);
}

static void free_timers(void *arg)
{
    struct fixture *f = arg;
    f->calls[0]++;
    for (int i = 0; i < 2; i++) {
        loop_timer_free(f->timer[i]);
        f->timer[i] = NULL;
    }
}

static void timers_freed_in_a_callback_are_not_called(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        f->timer[i] = loop_timer_new(f->l, free_timers, f, NULL);
        loop_timer_set(f->timer[i], 0);
    }
    turn(f, -1);
    turn(f, 0);
    assert_int_equal(f->calls[0], 1);
}

static void a_wait_ends_at_its_limit(void **state)
{
    struct fixture *f = *state;
    int64_t from = clock_now().boot_ms;
    turn(f, 30);
    int64_t took = clock_now().boot_ms - from;
    assert_true(took >= 20 && took < 5000);
}

static void on_signal(int signo, void *arg)
{
    struct fixture *f = arg;
    assert_int_equal(signo, SIGUSR1);
    f->calls[0]++;
    loop_stop(f->l);
}

static void signal_ends_the_run(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(loop_signal(f->l, SIGUSR1, on_signal, f, NULL), 0);
    kill(getpid(), SIGUSR1);
    assert_int_equal(loop_run(f->l, NULL), 0);
    assert_int_equal(f->calls[0], 1);
}

static void note(struct fixture *f, char c)
{
    f->order[strlen(f->order)] = c;
}
static void hook_a(void *arg)
{
    note(arg, 'a');
}
static void hook_b(void *arg)
{
    struct fixture *f = arg;
    note(f, 'b');
    if (f->calls[0]-- > 0)
        loop_hook_soon(f->hook[0]);
}
static void hook_c(void *arg)
{
    note(arg, 'c');
}

static void make_hooks(struct fixture *f, loop_hook_fn *b)
{
    f->hook[0] = loop_hook_new(f->l, hook_a, f, NULL);
    f->hook[1] = loop_hook_new(f->l, b, f, NULL);
    f->hook[2] = loop_hook_new(f->l, hook_c, f, NULL);
}

static void hooks_run_in_order_and_again_when_asked(void **state)
{
    struct fixture *f = *state;
    make_hooks(f, hook_b);
    turn(f, 0);
    assert_string_equal(f->order, "abc");
    f->calls[0] = 1;
    turn(f, 0);
    assert_string_equal(f->order, "abcabca");
    turn(f, 0);
    assert_string_equal(f->order, "abcabcabca");
}

static void hook_asked_for_outside_a_turn_keeps_it_from_waiting(void **state)
{
    struct fixture *f = *state;
    make_hooks(f, hook_b);
    loop_hook_soon(f->hook[2]);
    turn(f, -1);
    assert_string_equal(f->order, "abc");
}

static void hook_frees_all(void *arg)
{
    struct fixture *f = arg;
    note(f, 'x');
    for (int i = 0; i < 3; i++) {
        loop_hook_free(f->hook[i]);
        f->hook[i] = NULL;
    }
}

static void hooks_freed_in_a_hook_are_not_called(void **state)
{
    struct fixture *f = *state;
    make_hooks(f, hook_frees_all);
    turn(f, 0);
    turn(f, 0);
    assert_string_equal(f->order, "ax");
}

static void turn_inside(void *arg)
{
    struct fixture *f = arg;
    struct err e = { 0 };
    assert_int_equal(loop_turn(f->l, 0, &e), -1);
    assert_int_equal(e.kind, ERR_INTERNAL);
    f->calls[0]++;
}

static void a_turn_inside_a_turn_is_refused(void **state)
{
    struct fixture *f = *state;
    f->hook[0] = loop_hook_new(f->l, turn_inside, f, NULL);
    turn(f, 0);
    assert_int_equal(f->calls[0], 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(watch_is_level_triggered_and_pauses),
        T(what_epoll_refuses_is_an_error),
        T(watches_freed_in_a_callback_are_not_called),
        T(clock_is_read_once_per_turn),
        T(timer_runs_once_and_never_early),
        T(timers_freed_in_a_callback_are_not_called),
        T(a_wait_ends_at_its_limit),
        T(signal_ends_the_run),
        T(hooks_run_in_order_and_again_when_asked),
        T(hook_asked_for_outside_a_turn_keeps_it_from_waiting),
        T(hooks_freed_in_a_hook_are_not_called),
        T(a_turn_inside_a_turn_is_refused),
    };
    return cmocka_run_group_tests_name("base/loop", tests, NULL, NULL);
}
