#include "base/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>

#include "base/cleanup.h"

struct job {
    worker_fn *run, *done;
    void *arg;
    STAILQ_ENTRY(job) next;
};
STAILQ_HEAD(job_list, job);

struct worker {
    pthread_t thread;
    pthread_mutex_t lock; /* guards the three below */
    struct job_list queued, finished;
    bool quit;
    pthread_cond_t more;
    /* of the loop's thread: */
    struct loop_fd *watch;
    int bell; /* eventfd: counts jobs that finished */
    int pending;
    bool ringing; /* inside bell_cb(): it destroys what a done() freed */
};

static struct job *take(struct job_list *list)
{
    struct job *j = STAILQ_FIRST(list);
    if (j)
        STAILQ_REMOVE_HEAD(list, next);
    return j;
}

static struct job *take_queued(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->quit && STAILQ_EMPTY(&w->queued))
        pthread_cond_wait(&w->more, &w->lock);
    struct job *j = w->quit ? NULL : take(&w->queued);
    pthread_mutex_unlock(&w->lock);
    return j;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct job *j;
    while ((j = take_queued(w))) {
        j->run(j->arg);
        pthread_mutex_lock(&w->lock);
        STAILQ_INSERT_TAIL(&w->finished, j, next);
        pthread_mutex_unlock(&w->lock);
        eventfd_write(w->bell, 1);
    }
    return NULL;
}

static void job_done(struct worker *w, struct job *j)
{
    struct job job = *j;
    free(j);
    w->pending--;
    if (job.done)
        job.done(job.arg);
}

static void worker_destroy(struct worker *w)
{
    loop_fd_free(w->watch);
    if (w->bell >= 0)
        close(w->bell);
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

/* As many as the bell counted: those that finish meanwhile belong to the next turn. */
static void bell_cb(int fd, int what, void *arg)
{
    (void)what;
    struct worker *w = arg;
    eventfd_t n;
    if (eventfd_read(fd, &n) < 0)
        return;
    w->ringing = true;
    for (; n > 0 && !w->quit; n--) {
        pthread_mutex_lock(&w->lock);
        struct job *j = take(&w->finished);
        pthread_mutex_unlock(&w->lock);
        job_done(w, j);
    }
    w->ringing = false;
    if (w->quit)
        worker_destroy(w);
}

/* Signals are the loop's: the thread blocks them all. */
static int thread_start(struct worker *w)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&w->thread, NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = rc;
    return rc == 0 ? 0 : -1;
}

struct worker *worker_new(struct loop *l, struct err *e)
{
    struct worker *w = calloc(1, sizeof(*w));
    if (!w) {
        err_sys(e, "worker");
        return NULL;
    }
    STAILQ_INIT(&w->queued);
    STAILQ_INIT(&w->finished);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    w->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->bell < 0)
        err_sys(e, "worker");
    else
        w->watch = loop_fd_new(l, w->bell, LOOP_READ, bell_cb, w, e);
    if (w->watch && thread_start(w) == 0)
        return w;
    if (w->watch)
        err_sys(e, "cannot start the worker thread");
    worker_destroy(w);
    return NULL;
}

int worker_post(struct worker *w, worker_fn *run, worker_fn *done, void *arg, struct err *e)
{
    struct job *j = malloc(sizeof(*j));
    if (!j)
        return err_sys(e, "worker");
    *j = (struct job){ .run = run, .done = done, .arg = arg };
    pthread_mutex_lock(&w->lock);
    bool quit = w->quit;
    if (!quit)
        STAILQ_INSERT_TAIL(&w->queued, j, next);
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    if (quit) {
        free(j);
        return err_set(e, ERR_BUSY, "the worker is ending");
    }
    w->pending++;
    return 0;
}

int worker_pending(const struct worker *w)
{
    return w->pending;
}

void worker_free(struct worker *w)
{
    if (!w || w->quit)
        return;
    pthread_mutex_lock(&w->lock);
    w->quit = true;
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    STAILQ_CONCAT(&w->finished, &w->queued);
    struct job *j;
    while ((j = take(&w->finished)))
        job_done(w, j);
    if (!w->ringing)
        worker_destroy(w);
}
