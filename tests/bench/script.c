#include "tests/bench/script.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define NAME_SIZE 96

static const struct {
    const char *file, *type; /* type: it is a POST; "" is one without Content-Type */
} kinds[ASKS] = {
    [ASK_NETWORK] = { "network-config", NULL },
    [ASK_META] = { "meta-data", NULL },
    [ASK_USER] = { "user-data", NULL },
    [ASK_VENDOR] = { "vendor-data", NULL },
    [ASK_HOME] = { "phone-home", "Content-Type: application/x-www-form-urlencoded\r\n" },
    [ASK_REPORT] = { "report", "" },
};

static void add(struct script *s, enum ask what, unsigned times)
{
    while (times-- > 0)
        s->asks[s->n++] = what;
}

void script_make(struct script *s, bool seeds, bool home, unsigned reports)
{
    unsigned early = reports - reports / 10;

    s->asks = calloc(5 + (size_t)reports, sizeof(*s->asks));
    if (!s->asks)
        err(1, "script");
    for (enum ask a = ASK_NETWORK; seeds && a <= ASK_VENDOR; a++)
        add(s, a, 1);
    add(s, ASK_REPORT, early);
    add(s, ASK_HOME, home);
    add(s, ASK_REPORT, reports - early);
}

void script_keys(struct script *s, const char *path)
{
    auto_fclose FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;

    if (!f)
        err(1, "%s", path);
    while (getline(&line, &size, f) > 1) {
        line[strcspn(line, "\n")] = '\0';
        if (strlen(line) > REQUEST_MAX - 2048)
            errx(1, "%s: a line beyond %d bytes", path, REQUEST_MAX - 2048);
        s->keys = reallocarray(s->keys, s->n_keys + 1, sizeof(*s->keys));
        if (!s->keys || !(s->keys[s->n_keys++] = strdup(line)))
            err(1, "%s", path);
    }
    free(line);
    if (!s->n_keys)
        errx(1, "%s: no keys", path);
}

void script_done(struct script *s)
{
    for (size_t i = 0; i < s->n_keys; i++)
        free(s->keys[i]);
    free(s->keys);
    free(s->asks);
}

static void guest_name(const struct script *s, uint64_t guest, char out[NAME_SIZE])
{
    size_t len = strcspn(s->prefix, "0123456789");
    uint64_t after = s->group ? (guest - 1) / s->group : 0;

    if (after == 0)
        snprintf(out, NAME_SIZE, "%s-%lu", s->prefix, guest);
    else
        snprintf(out, NAME_SIZE, "%.*s%lu-%lu", (int)len, s->prefix,
                 strtoul(s->prefix + len, NULL, 10) + after, guest - after * s->group);
}

static int home_body(const struct script *s, uint64_t guest, char *out, size_t size)
{
    char name[NAME_SIZE];

    guest_name(s, guest, name);
    return snprintf(out, size, "%s&instance_id=iid-%s-%u&hostname=%s&fqdn=%s.bench",
                    s->keys[guest % s->n_keys], name, s->generation, name, name);
}

/* One of a boot's hundred, as cloudinit.reporting writes it; every 25th ends a stage. */
static int report_body(unsigned i, char *out, size_t size)
{
    static const char *const stages[] = { "init-network", "modules-config", "modules-final" };
    static const char *const modules[] = { "users-groups", "ssh",    "locale", "timezone",
                                           "write-files",  "runcmd", "ntp",    "final-message" };
    const char *stage = stages[i / 25 % 3], *module = modules[i % 8];
    bool ends = i % 25 == 24;

    return snprintf(out, size,
                    "{\"name\": \"%s%s%s\", \"description\": \"config-%s ran successfully\", "
                    "\"event_type\": \"finish\", \"origin\": \"cloudinit\", "
                    "\"timestamp\": 1767225600.%03u, \"result\": \"SUCCESS\"}",
                    stage, ends ? "" : "/config-", ends ? "" : module, module, i % 1000);
}

size_t script_request(const struct script *s, uint64_t guest, unsigned i, char out[REQUEST_MAX])
{
    enum ask what = s->asks[i];
    bool post = kinds[what].type;
    char body[REQUEST_MAX - 1024], tag[NAME_SIZE], length[48] = "";
    int len = 0;

    if (what == ASK_HOME)
        len = home_body(s, guest, body, sizeof(body));
    else if (what == ASK_REPORT)
        len = report_body(i, body, sizeof(body));
    guest_name(s, guest, tag);
    if (post)
        snprintf(length, sizeof(length), "Content-Length: %d\r\n", len);
    int n = snprintf(out, REQUEST_MAX,
                     "%s /%s/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Cloud-Init/25.1.4\r\n"
                     "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n"
                     "%s%s\r\n%.*s",
                     post ? "POST" : "GET", s->fixed ? s->fixed : tag, kinds[what].file,
                     post ? kinds[what].type : "", length, len, body);
    if (n >= REQUEST_MAX)
        errx(1, "a request beyond %d bytes", REQUEST_MAX);
    return (size_t)n;
}

void script_expect(const struct script *s, uint64_t guest, unsigned i, char out[128])
{
    char name[NAME_SIZE];

    out[0] = '\0';
    if (s->fixed || s->asks[i] != ASK_META)
        return;
    guest_name(s, guest, name);
    snprintf(out, 128, "iid-%s-%u", name, s->generation);
}
