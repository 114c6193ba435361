/* Which command a line means, and what was meant where it is none. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/command.h"
#include "model/nearest.h"

/* How many words of a row the line begins with; all of them, or 0. */
static int fits(const char *words, char *const *argv, int argc)
{
    int n = 0;

    for (;; n++, words++) {
        size_t len = strcspn(words, " ");
        if (n == argc || strncmp(words, argv[n], len) != 0 || argv[n][len])
            return 0;
        words += len;
        if (!*words)
            return n + 1;
    }
}

const struct command *command_find(char *const *argv, int argc, int *ret_words)
{
    size_t n;
    const struct command *rows = commands(&n);

    for (size_t i = 0; i < n; i++)
        if ((*ret_words = fits(rows[i].words, argv, argc)))
            return &rows[i];
    return NULL;
}

/* What follows a group's words ("" all rows) in a row; NULL: the row is not of the group. */
static const char *behind(const char *words, const char *group)
{
    size_t len = strlen(group);

    if (!len)
        return words;
    return strncmp(words, group, len) == 0 && words[len] == ' ' ? words + len + 1 : NULL;
}

#define WORDS_MAX 64
/* The words that may stand behind a group's, each once. */
static size_t words_of(const char *group, char store[WORDS_MAX][32], const char *ret[WORDS_MAX])
{
    size_t n, found = 0;
    const struct command *rows = commands(&n);

    for (size_t i = 0; i < n && found < WORDS_MAX; i++) {
        const char *w = behind(rows[i].words, group);
        if (!w)
            continue;
        snprintf(store[found], sizeof store[found], "%.*s", (int)strcspn(w, " "), w);
        if (found && strcmp(store[found - 1], store[found]) == 0)
            continue;
        ret[found] = store[found];
        found++;
    }
    return found;
}

int command_group(char *const *argv, int argc, char ret[COMMAND_GROUP])
{
    char store[WORDS_MAX][32], longer[COMMAND_GROUP];
    const char *words[WORDS_MAX];
    int n = 0;

    for (ret[0] = '\0'; n < argc; n++) {
        if (!*argv[n] ||
            snprintf(longer, sizeof longer, "%s%s%s", ret, n ? " " : "", argv[n]) >=
                COMMAND_GROUP ||
            !words_of(longer, store, words))
            break;
        memcpy(ret, longer, sizeof longer);
    }
    return n;
}

/* A verb whose object was left out: "start" for "instance start". How many rows end in it. */
static int objects_of(const char *verb, struct buf *ret)
{
    size_t n;
    const struct command *rows = commands(&n);
    int found = 0;

    for (size_t i = 0; i < n; i++) {
        const char *last = strrchr(rows[i].words, ' ');
        if (last && strcmp(last + 1, verb) == 0)
            buf_printf(ret, "%s\"%s\"", found++ ? ", " : "", rows[i].words);
    }
    return found;
}

static int no_such_word(const char *typed, const char *near, struct err *e)
{
    auto_buf struct buf list = BUF_INIT;
    int n = objects_of(typed, &list);

    if (n == 1 || (n == 0 && near))
        return err_set(e, ERR_INVALID, "there is no command \"%.40s\": did you mean %s%s%s?", typed,
                       n ? "" : "\"", n ? buf_str(&list) : near, n ? "" : "\"");
    if (n)
        return err_set(e, ERR_INVALID, "there is no command \"%.40s\": there are %s", typed,
                       buf_str(&list));
    return err_set(e, ERR_INVALID, "there is no command \"%.40s\": see roost help", typed);
}

int command_unknown(char *const *argv, int argc, struct err *e)
{
    char store[WORDS_MAX][32], group[COMMAND_GROUP];
    const char *words[WORDS_MAX], *near;
    auto_buf struct buf list = BUF_INIT;
    int depth = command_group(argv, argc, group);
    const char *typed = depth < argc ? argv[depth] : NULL;
    size_t n = words_of(group, store, words);

    near = typed ? nearest_name(typed, words, n) : NULL;
    if (!depth)
        return no_such_word(typed, near, e);
    if (near)
        return err_set(e, ERR_INVALID, "there is no command \"%s %.40s\": did you mean \"%s %s\"?",
                       group, typed, group, near);
    for (size_t i = 0; i < n; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", words[i]);
    return err_set(e, ERR_INVALID, "%s wants one of: %s", group, buf_str(&list));
}
