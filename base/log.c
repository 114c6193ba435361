#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"

/* Below PIPE_BUF, so that the lines of several processes on one pipe never mix (pipe(7)). */
#define LINE_MAX_BYTES 2048

/* PIPE_BUF: what is gathered goes out whole lines at a time and mixes with nobody's either. */
#define GATHER_BYTES 4096

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* FORM_FIELDS: the journal itself, by its native protocol; FORM_JOURNAL: a stream to it. */
enum form { FORM_PLAIN, FORM_JOURNAL, FORM_FIELDS, FORM_COLOUR };

static const struct {
    const char *name;   /* as in --log-level */
    const char *shown;  /* padded, so that the columns stand */
    const char *colour; /* SGR parameters */
    char priority;      /* sd-daemon(3) */
} levels[] = {
    [LOG_ERROR_] = { "error", "ERROR", "31", '3' },
    [LOG_WARN_] = { "warn", "WARN ", "33", '4' },
    [LOG_INFO_] = { "info", "INFO ", "32", '6' },
    [LOG_DEBUG_] = { "debug", "DEBUG", "36", '7' },
};

static struct {
    const char *process;
    const char *topic;
    enum log_level level;
    enum form form;
    int journal;
} logger = { .level = LOG_INFO_, .journal = -1 };

/* Of one thread: a worker's lines go out one by one. */
static __thread struct {
    bool on;
    size_t len;
    char data[GATHER_BYTES];
} gathered;

/* systemd.exec(5), JOURNAL_STREAM: set for children too, so it counts only when it names the
 * device and inode of our own standard error. */
static bool is_journal(void)
{
    const char *want = getenv("JOURNAL_STREAM");
    struct stat st;
    char is[64];

    if (!want || fstat(STDERR_FILENO, &st) < 0)
        return false;
    snprintf(is, sizeof(is), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(is, want) == 0;
}

static bool is_colour(void)
{
    const char *no_color = getenv("NO_COLOR"); /* https://no-color.org */
    const char *term = getenv("TERM");

    return isatty(STDERR_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

void log_open(const char *process, enum log_level level)
{
    logger.process = process;
    logger.level = level;
    logger.form = is_journal() ? FORM_JOURNAL : is_colour() ? FORM_COLOUR : FORM_PLAIN;
    if (logger.form == FORM_JOURNAL)
        log_journal(JOURNAL_SOCKET);
}

void log_journal(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    strncat(un.sun_path, path, sizeof(un.sun_path) - 1);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
        close(fd);
        fd = -1;
    }
    if (fd < 0)
        return;
    if (logger.journal >= 0)
        close(logger.journal);
    logger.journal = fd;
    logger.form = FORM_FIELDS;
}

int log_level_parse(const char *s, enum log_level *ret, struct err *e)
{
    for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
        if (strcmp(levels[i].name, s) == 0) {
            *ret = (enum log_level)i;
            return 0;
        }
    }
    return err_set(e, ERR_INVALID, "\"%.64s\" is not a log level: error, warn, info or debug", s);
}

void log_topic(const char *topic)
{
    logger.topic = topic;
}

static bool is_wanted(enum log_level level, const char *topic)
{
    if (level > logger.level)
        return false;
    return level != LOG_DEBUG_ || !logger.topic || (topic && strcmp(topic, logger.topic) == 0);
}

/* Appends as much of a text as fits before `last`, and returns the new end. */
static char *put(char *out, const char *last, const char *text)
{
    size_t len = strlen(text), room = (size_t)(last - out);

    len = len < room ? len : room;
    memcpy(out, text, len);
    out[len] = '\0';
    return out + len;
}

/* What stands before the text; returns its end. */
static char *put_head(char *out, const char *last, enum log_level level)
{
    char stamp[25];
    const char *process = logger.process ? logger.process : program_invocation_short_name;

    clock_rfc3339(clock_now().real_ms, stamp);
    switch (logger.form) {
    case FORM_JOURNAL:
        snprintf(out, (size_t)(last - out), "<%c>", levels[level].priority);
        out += strlen(out);
        break;
    case FORM_FIELDS:
        break;
    case FORM_COLOUR:
        snprintf(out, (size_t)(last - out), "\033[2m%s\033[0m \033[%sm%s\033[0m ", stamp,
                 levels[level].colour, levels[level].shown);
        out += strlen(out);
        break;
    case FORM_PLAIN: /* without printf: a storm of guests writes thousands of lines a second */
        out = put(put(put(put(out, last, stamp), last, " "), last, levels[level].shown), last, " ");
        break;
    }
    return put(out, last, process);
}

/* Never waits: a log that nobody reads must not stop a server, so its lines are lost. */
static void write_all(const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        data += n;
        len -= (size_t)n;
    }
}

void log_flush(void)
{
    size_t len = gathered.len;
    int errno_kept = errno;

    gathered.len = 0;
    write_all(gathered.data, len);
    errno = errno_kept;
}

void log_gather(void)
{
    static bool at_exit;

    gathered.on = true;
    if (!at_exit)
        at_exit = atexit(log_flush) == 0;
}

static void put_line(enum log_level level, const char *line, size_t len)
{
    if (!gathered.on) {
        write_all(line, len);
        return;
    }
    if (gathered.len + len > sizeof(gathered.data))
        log_flush();
    memcpy(gathered.data + gathered.len, line, len);
    gathered.len += len;
    if (level == LOG_ERROR_)
        log_flush();
}

/* One datagram a line (systemd.journal-fields(7); systemd's "Native Journal Protocol"). Values are
 * one line each, so that none can pose as another field. */
static void send_fields(enum log_level level, const char *instance, const char *topic,
                        const char *text)
{
    char out[LINE_MAX_BYTES + 512];
    const char *process = logger.process ? logger.process : program_invocation_short_name;
    int n =
        snprintf(out, sizeof(out),
                 "PRIORITY=%c\nSYSLOG_IDENTIFIER=%.32s\n%s%.64s%s%s%.64s%sMESSAGE=%s%.64s%s%s\n",
                 levels[level].priority, process, instance ? "ROOST_INSTANCE=" : "",
                 instance ? instance : "", instance ? "\n" : "", topic ? "ROOST_TOPIC=" : "",
                 topic ? topic : "", topic ? "\n" : "", instance ? "[" : "",
                 instance ? instance : "", instance ? "] " : "", text);

    if (n > 0 && (size_t)n < sizeof(out))
        (void)send(logger.journal, out, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* What stands before the text, of at most half of the line; returns its end. */
static char *begin_line(char line[LINE_MAX_BYTES], enum log_level level, const char *instance)
{
    char *head = put_head(line, line + LINE_MAX_BYTES / 2, level), *end = head;
    const char *last = head + LINE_MAX_BYTES / 4 - 1;

    if (instance) {
        end = put(put(put(head, last, " ["), last, instance), last, "]");
        control_mask(head);
    }
    return put(end, end + 1, " ");
}

static void end_line(enum log_level level, char line[LINE_MAX_BYTES], char *text)
{
    size_t len;

    control_mask(text);
    len = (size_t)(text - line) + strlen(text);
    line[len++] = '\n';
    put_line(level, line, len);
}

void log_line(enum log_level level, const char *instance, const char *topic, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES], *text = line;
    int errno_kept = errno;
    va_list ap;

    if (!is_wanted(level, topic))
        return;
    if (logger.form != FORM_FIELDS)
        text = begin_line(line, level, instance);
    va_start(ap, fmt);
    errno = errno_kept; /* for %m */
    vsnprintf(text, (size_t)(line + sizeof line - 1 - text), fmt, ap);
    va_end(ap);
    if (logger.form != FORM_FIELDS) {
        end_line(level, line, text);
    } else {
        control_mask(text);
        send_fields(level, instance, topic, text);
    }
    errno = errno_kept;
}

void log_text(enum log_level level, const char *instance, const char *what, const char *more)
{
    char line[LINE_MAX_BYTES];

    if (logger.form == FORM_FIELDS) {
        log_line(level, instance, NULL, "%s%s%s", what, *more ? ": " : "", more);
    } else if (is_wanted(level, NULL)) {
        const char *last = line + sizeof line - 2;
        char *text = begin_line(line, level, instance);
        char *end = put(text, last, what);
        if (*more)
            put(put(end, last, ": "), last, more);
        end_line(level, line, text);
    }
}
