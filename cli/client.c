#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define REPLY_MAX   ((size_t)1 << 30)
#define AT_ONCE_MAX 32

struct client {
    char *socket;
    CURL *curl;
    struct curl_slist *headers;
    bool for_output;
};

/* One request on its way. */
struct transfer {
    CURL *curl;
    char *body;
    struct buf reply;
    char why[CURL_ERROR_SIZE];
};

struct client *client_new(const char *socket, struct err *e)
{
    struct client *c = calloc(1, sizeof *c);

    if (!c || curl_global_init(CURL_GLOBAL_NOTHING) != 0 || !(c->curl = curl_easy_init()) ||
        !(c->socket = strdup(socket))) {
        err_set(e, ERR_INTERNAL, "out of memory");
        client_free(c);
        return NULL;
    }
    /* Without it libcurl waits a second for "100 Continue" before it sends a large fleet. */
    c->headers = curl_slist_append(NULL, "Expect:");
    c->headers = curl_slist_append(c->headers, "Content-Type: application/json");
    return c;
}

void client_free(struct client *c)
{
    if (!c)
        return;
    if (c->curl)
        curl_easy_cleanup(c->curl);
    curl_slist_free_all(c->headers);
    free(c->socket);
    free(c);
}

static size_t take(char *data, size_t size, size_t n, void *arg)
{
    struct buf *b = arg;

    buf_put(b, data, size * n);
    return b->failed ? 0 : size * n;
}

/* Of libcurl's progress, about once a second while nothing comes. */
static int is_read(void *arg, curl_off_t a, curl_off_t b, curl_off_t x, curl_off_t y)
{
    struct pollfd p = { .fd = STDOUT_FILENO };

    (void)arg, (void)a, (void)b, (void)x, (void)y;
    if (poll(&p, 1, 0) <= 0 || !(p.revents & POLLERR))
        return 0;
    raise(SIGPIPE);
    return 1; /* whoever started it has SIGPIPE ignored */
}

void client_for_output(struct client *c)
{
    c->for_output = true;
}

static int prepare(struct client *c, struct transfer *t, const char *method, const char *path,
                   const json_t *body, struct err *e)
{
    auto_buf struct buf url = BUF_INIT;
    CURL *h = t->curl;

    if (!path)
        return err_set(e, ERR_INTERNAL, "out of memory");
    buf_printf(&url, "http://localhost%s", path);
    if (body && !(t->body = json_dumps(body, JSON_COMPACT)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    t->reply.cap = REPLY_MAX;
    curl_easy_reset(h);
    curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, c->socket);
    curl_easy_setopt(h, CURLOPT_PROXY, "");
    curl_easy_setopt(h, CURLOPT_URL, buf_str(&url));
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, c->headers);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, t->why);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, &t->reply);
    if (c->for_output) {
        curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, is_read);
    }
    if (t->body || strcmp(method, "POST") == 0) {
        curl_easy_setopt(h, CURLOPT_POST, 1L);
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(t->body ? strlen(t->body) : 0));
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, t->body ? t->body : "");
    }
    if (strcmp(method, "GET") != 0)
        curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, method);
    return 0;
}

int client_unreachable(const char *socket, int os, struct err *e)
{
    if (os == EACCES || os == EPERM)
        return err_set(e, ERR_DENIED,
                       "no right to use %s: be its owner, root, or (as a system service) in group "
                       "roost",
                       socket);
    return err_set(e, ERR_BUSY,
                   "roost is not running: nobody listens on %s; start roostd, or say which roost "
                   "with --state or --socket",
                   socket);
}

static int no_answer(const struct client *c, const struct transfer *t, CURLcode rc, struct err *e)
{
    long os = 0;

    curl_easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &os);
    if (rc == CURLE_ABORTED_BY_CALLBACK)
        return err_set(e, ERR_IO, "nobody reads the standard output any more");
    if (rc != CURLE_COULDNT_CONNECT)
        return err_set(e, ERR_BUSY, "the connection to roost broke: %s",
                       t->why[0] ? t->why : curl_easy_strerror(rc));
    return client_unreachable(c->socket, (int)os, e);
}

int client_refusal(const char *body, size_t len, long status, struct err *e)
{
    json_t *tree = json_loadb(body, len, 0, NULL);
    const json_t *error = json_object_get(tree, "error");
    const char *kind = json_string_value(json_object_get(error, "kind")),
               *message = json_string_value(json_object_get(error, "message"));
    int known = kind ? err_kind_from_name(kind) : -1;

    if (known > 0 && message)
        err_set(e, (enum err_kind)known, "%s", message);
    else
        err_set(e, ERR_INTERNAL, "roost answered with status %ld and no reason", status);
    json_decref(tree);
    return -1;
}

static int finish(const struct client *c, const struct transfer *t, CURLcode rc, struct err *e)
{
    long status = 0;

    if (rc != CURLE_OK)
        return no_answer(c, t, rc, e);
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    return status == 200 ? 0 : client_refusal(buf_str(&t->reply), t->reply.len, status, e);
}

static json_t *parse(const struct transfer *t, struct err *e)
{
    json_error_t why;
    json_t *tree = json_loadb(buf_str(&t->reply), t->reply.len, JSON_DECODE_ANY, &why);

    if (!tree)
        err_set(e, ERR_INTERNAL, "roost's answer is no JSON: %s", why.text);
    return tree;
}

static void transfer_done(struct transfer *t)
{
    free(t->body);
    buf_done(&t->reply);
}

static int call(struct client *c, struct transfer *t, const char *method, const char *path,
                const json_t *body, struct err *e)
{
    t->curl = c->curl;
    if (prepare(c, t, method, path, body, e) < 0)
        return -1;
    return finish(c, t, curl_easy_perform(c->curl), e);
}

json_t *client_send(struct client *c, const char *method, const char *path, const json_t *body,
                    struct err *e)
{
    struct transfer t = { 0 };
    json_t *tree = c && call(c, &t, method, path, body, e) == 0 ? parse(&t, e) : NULL;

    transfer_done(&t);
    return tree;
}

json_t *client_get(struct client *c, const char *path, struct err *e)
{
    return client_send(c, "GET", path, NULL, e);
}

int client_text(struct client *c, const char *path, struct buf *ret, struct err *e)
{
    struct transfer t = { 0 };
    int bad = c ? call(c, &t, "GET", path, NULL, e) : -1;

    if (!bad)
        buf_put(ret, buf_str(&t.reply), t.reply.len);
    transfer_done(&t);
    return bad || buf_check(ret, e) < 0 ? -1 : 0;
}

struct download {
    struct transfer t;
    int fd, os; /* os: errno of a write that failed */
};

/* Only what was asked for: an error's words are kept to be shown. */
static size_t save(char *data, size_t size, size_t n, void *arg)
{
    struct download *d = arg;
    size_t len = size * n, done = 0;
    long status = 0;

    curl_easy_getinfo(d->t.curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        return take(data, size, n, &d->t.reply);
    while (done < len) {
        ssize_t w = write(d->fd, data + done, len - done);
        if (w < 0 && errno != EINTR) {
            d->os = errno;
            return 0;
        }
        done += w > 0 ? (size_t)w : 0;
    }
    return len;
}

int client_download(struct client *c, const char *path, int fd, const char *file, struct err *e)
{
    struct download d = { .fd = fd };
    int bad = -1;

    if (!c)
        return -1;
    d.t.curl = c->curl;
    if (prepare(c, &d.t, "GET", path, NULL, e) == 0) {
        curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, save);
        curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &d);
        bad = finish(c, &d.t, curl_easy_perform(c->curl), e);
    }
    transfer_done(&d.t);
    if (d.os) {
        errno = d.os;
        return err_sys(e, "%s", file);
    }
    return bad;
}

/* --- several at once --- */

static int begin_call(struct client *c, CURLM *multi, struct transfer *t, struct call *k)
{
    if (!(t->curl = curl_easy_init()))
        return err_set(&k->err, ERR_INTERNAL, "out of memory");
    if (prepare(c, t, k->method, k->path, k->body, &k->err) < 0)
        return -1;
    curl_easy_setopt(t->curl, CURLOPT_PRIVATE, (char *)k);
    curl_multi_add_handle(multi, t->curl);
    return 0;
}

static void end_calls(struct client *c, CURLM *multi, struct transfer *t, const struct call *calls,
                      int *running)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(multi, &left))) {
        struct call *k;
        struct transfer *done;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&k);
        done = &t[k - calls];
        if (finish(c, done, m->data.result, &k->err) == 0)
            k->result = parse(done, &k->err);
        curl_multi_remove_handle(multi, done->curl);
        curl_easy_cleanup(done->curl);
        transfer_done(done);
        *done = (struct transfer){ 0 };
        --*running;
    }
}

int client_many(struct client *c, struct call *calls, int n, struct err *e)
{
    auto_free struct transfer *t = calloc((size_t)n + 1, sizeof *t);
    CURLM *multi = c ? curl_multi_init() : NULL;
    int next = 0, running = 0, active;

    if (!c)
        return -1;
    if (!t || !multi)
        return err_set(e, ERR_INTERNAL, "out of memory");
    while (next < n || running) {
        for (; next < n && running < AT_ONCE_MAX; next++) {
            if (begin_call(c, multi, &t[next], &calls[next]) == 0)
                running++;
            else
                transfer_done(&t[next]);
        }
        curl_multi_perform(multi, &active);
        end_calls(c, multi, t, calls, &running);
        if (running)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    curl_multi_cleanup(multi);
    return 0;
}

void client_calls_done(struct call *calls, int n)
{
    for (int i = 0; i < n; i++) {
        free(calls[i].path);
        json_decref(calls[i].result);
    }
}

static char *path_of(const char *kind, const char *name, const char *rest)
{
    auto_buf struct buf b = BUF_INIT;

    buf_printf(&b, "/v1/%s/", kind);
    buf_percent(&b, name);
    buf_puts(&b, rest);
    return buf_steal(&b);
}

char *path_instance(const char *name, const char *rest)
{
    return path_of("instances", name, rest);
}

char *path_network(const char *name, const char *rest)
{
    return path_of("networks", name, rest);
}

char *path_run(const char *id, const char *rest)
{
    return path_of("runs", id, rest);
}

char *path_identity(const char *name, const char *rest)
{
    return path_of("identities", name, rest);
}

char *path_image(const char *name, const char *rest)
{
    return path_of("images", name, rest);
}

char *path_trash(const char *which, const char *rest)
{
    return path_of("trash", which, rest);
}

char *path_task(const char *id, const char *rest)
{
    return path_of("tasks", id, rest);
}
