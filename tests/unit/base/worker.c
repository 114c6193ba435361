#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

#include "base/worker.h"

struct fixture {
    struct loop *l;
    struct worker *w;
    pthread_t loop_thread;
    sem_t go;
    int ran, done;
    char order[16];
};
struct job {
    struct fixture *f;
    char name;
};

static struct fixture fix;

static int setup(void **state)
{
    memset(&fix, 0, sizeof(fix));
    fix.loop_thread = pthread_self();
    sem_init(&fix.go, 0, 0);
    fix.l = loop_new(NULL);
    fix.w = worker_new(fix.l, NULL);
    *state = &fix;
    return fix.w ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    worker_free(f->w);
    loop_free(f->l);
    sem_destroy(&f->go);
    return 0;
}

static void run(void *arg)
{
    struct job *j = arg;
    assert_false(pthread_equal(pthread_self(), j->f->loop_thread));
    sem_wait(&j->f->go);
    __atomic_add_fetch(&j->f->ran, 1, __ATOMIC_SEQ_CST);
}

static void done(void *arg)
{
    struct job *j = arg;
    assert_true(pthread_equal(pthread_self(), j->f->loop_thread));
    j->f->order[j->f->done++] = j->name;
}

static void jobs_run_in_order_beside_the_loop(void **state)
{
    struct fixture *f = *state;
    struct job jobs[] = { { f, 'a' }, { f, 'b' }, { f, 'c' } };
    for (int i = 0; i < 3; i++)
        assert_int_equal(worker_post(f->w, run, done, &jobs[i], NULL), 0);
    assert_int_equal(worker_pending(f->w), 3);
    loop_turn(f->l, 10, NULL);
    assert_int_equal(f->done, 0);
    for (int i = 0; i < 3; i++)
        sem_post(&f->go);
    while (worker_pending(f->w) > 0)
        assert_int_equal(loop_turn(f->l, -1, NULL), 0);
    assert_string_equal(f->order, "abc");
}

static void *let_go_later(void *arg)
{
    struct fixture *f = arg;
    usleep(50000);
    sem_post(&f->go);
    return NULL;
}

static void free_finishes_the_running_job_and_drops_the_rest(void **state)
{
    struct fixture *f = *state;
    struct job jobs[] = { { f, 'a' }, { f, 'b' }, { f, 'c' } };
    for (int i = 0; i < 3; i++)
        worker_post(f->w, run, done, &jobs[i], NULL);
    loop_turn(f->l, 20, NULL); /* the thread is in the first job by now, or drops that one too */
    pthread_t helper;
    pthread_create(&helper, NULL, let_go_later, f);
    worker_free(f->w);
    f->w = NULL;
    pthread_join(helper, NULL);
    assert_true(f->ran <= 1);
    assert_string_equal(f->order, "abc");
}

static void free_worker(void *arg)
{
    struct job *j = arg;
    done(j);
    struct worker *w = j->f->w;
    j->f->w = NULL;
    worker_free(w);
}

static void worker_freed_in_done(void **state)
{
    struct fixture *f = *state;
    struct job jobs[] = { { f, 'a' }, { f, 'b' } };
    sem_post(&f->go);
    worker_post(f->w, run, free_worker, &jobs[0], NULL);
    worker_post(f->w, run, done, &jobs[1], NULL);
    sem_post(&f->go);
    while (f->w)
        loop_turn(f->l, -1, NULL);
    assert_string_equal(f->order, "ab");
}

static struct err refusal;
static void post_late(void *arg)
{
    struct job *j = arg;
    done(j);
    assert_int_equal(worker_post(j->f->w, run, done, j, &refusal), -1);
}

static void post_while_ending_is_refused(void **state)
{
    struct fixture *f = *state;
    struct job jobs[] = { { f, 'a' }, { f, 'b' } };
    worker_post(f->w, run, done, &jobs[0], NULL);
    worker_post(f->w, run, post_late, &jobs[1], NULL);
    sem_post(&f->go);
    sem_post(&f->go);
    worker_free(f->w);
    f->w = NULL;
    assert_string_equal(f->order, "ab");
    assert_int_equal(refusal.kind, ERR_BUSY);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(jobs_run_in_order_beside_the_loop),
        T(free_finishes_the_running_job_and_drops_the_rest),
        T(worker_freed_in_done),
        T(post_while_ending_is_refused),
    };
    return cmocka_run_group_tests_name("base/worker", tests, NULL, NULL);
}
