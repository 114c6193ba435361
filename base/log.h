/* The log: one line per fact. To a terminal in colours; to anything else
 * "<rfc3339> LEVEL process [instance] text"; under systemd (JOURNAL_STREAM) to its journal, with the
 * fields PRIORITY, SYSLOG_IDENTIFIER, ROOST_INSTANCE and ROOST_TOPIC. Control bytes of whatever is logged become `?`: a guest cannot forge a line.
 * Secrets never come here. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_ERROR_, LOG_WARN_, LOG_INFO_, LOG_DEBUG_ };

/* `process` ("roostd") must outlive the log. Output goes to descriptor 2. */
void log_open(const char *process, enum log_level level);
/* From now on datagrams to the journal's socket at that path, if somebody is there: log_open() does
 * so by itself. */
void log_journal(const char *path);
int log_level_parse(const char *s, enum log_level *ret, struct err *e);
/* Debug lines only of one topic (a source file's noun), NULL: all. */
void log_topic(const char *topic);

/* From here on this thread's lines are gathered and go out together: at log_flush(), which each
 * turn of a loop ends with, when 4 KiB are full, with an ERROR, at exit. A storm of guests writes
 * thousands of lines a second, and a write for each costs more than the line. */
void log_gather(void);
void log_flush(void);

void log_line(enum log_level level, const char *instance, const char *topic, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The same of words as they are: a storm of guests writes thousands of lines a second, in which
 * printf is felt. instance NULL: none; where `more` is not empty, ": " and it follow `what`. */
void log_text(enum log_level level, const char *instance, const char *what, const char *more);

#define log_error(...)           log_line(LOG_ERROR_, NULL, NULL, __VA_ARGS__)
#define log_warn(...)            log_line(LOG_WARN_, NULL, NULL, __VA_ARGS__)
#define log_info(...)            log_line(LOG_INFO_, NULL, NULL, __VA_ARGS__)
#define log_debug(topic, ...)    log_line(LOG_DEBUG_, NULL, topic, __VA_ARGS__)
#define log_of(level, name, ...) log_line(level, name, NULL, __VA_ARGS__)

#endif
