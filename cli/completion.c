/* roost completion: scripts for shells, made from the command table. They ask roost itself for
 * names. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/out.h"
#include "model/words.h"

/* How a shell spells: up to the cases, one case (its words, what may follow, whose names too), what
 * stands behind the cases. */
struct shell {
    const char *name, *head, *begin, *names, *end, *tail;
};

static const struct shell shells[] = {
    { "bash",
      "# Completion of roost(1) for bash, made by: roost completion bash\n"
      "_roost_names() {\n"
      "    roost \"$1\" list -o name 2>/dev/null\n"
      "}\n"
      "\n"
      "_roost() {\n"
      "    local cur=${COMP_WORDS[COMP_CWORD]} line= next= names= skip= word\n"
      "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "        if [ -n \"$skip\" ]; then\n"
      "            skip=\n"
      "            continue\n"
      "        fi\n"
      "        case $word in\n"
      "        -o | --output | --socket) skip=1 ;;\n"
      "        -*) ;;\n"
      "        *) line=\"$line$word \" ;;\n"
      "        esac\n"
      "    done\n"
      "    case $line in\n",
      "    '%s'*)\n        next='%s'\n", "        names=%s\n", "        ;;\n",
      "    esac\n"
      "    if [ -n \"$names\" ] && [ \"${cur#-}\" = \"$cur\" ]; then\n"
      "        next=$(_roost_names \"$names\")\n"
      "    fi\n"
      "    mapfile -t COMPREPLY < <(compgen -W \"$next\" -- \"$cur\")\n"
      "}\n"
      "complete -o default -F _roost roost\n" },
    { "zsh",
      "#compdef roost\n"
      "# Completion of roost(1) for zsh, made by: roost completion zsh\n"
      "_roost() {\n"
      "    local line= next= names= skip= word\n"
      "    for word in ${words[2,CURRENT-1]}; do\n"
      "        if [[ -n $skip ]]; then\n"
      "            skip=\n"
      "            continue\n"
      "        fi\n"
      "        case $word in\n"
      "        -o | --output | --socket) skip=1 ;;\n"
      "        -*) ;;\n"
      "        *) line=\"$line$word \" ;;\n"
      "        esac\n"
      "    done\n"
      "    case $line in\n",
      "    '%s'*)\n        next='%s'\n", "        names=%s\n", "        ;;\n",
      "    esac\n"
      "    if [[ -n $names && ${words[CURRENT]} != -* ]]; then\n"
      "        compadd -- ${(f)\"$(roost $names list -o name 2>/dev/null)\"}\n"
      "        _files\n"
      "        return\n"
      "    fi\n"
      "    compadd -- ${=next}\n"
      "    [[ -n $next ]] || _files\n"
      "}\n"
      "compdef _roost roost\n" },
    { "fish",
      "# Completion of roost(1) for fish, made by: roost completion fish\n"
      "function __roost_complete\n"
      "    set -l line ''\n"
      "    set -l skip ''\n"
      "    for word in (commandline -opc)[2..-1]\n"
      "        if test -n \"$skip\"\n"
      "            set skip ''\n"
      "            continue\n"
      "        end\n"
      "        switch $word\n"
      "            case -o --output --socket\n"
      "                set skip 1\n"
      "            case '-*'\n"
      "            case '*'\n"
      "                set line \"$line$word \"\n"
      "        end\n"
      "    end\n"
      "    switch $line\n",
      "        case '%s*'\n            string split ' ' '%s'\n",
      "            roost %s list -o name 2>/dev/null\n", "",
      "    end\n"
      "end\n"
      "complete -c roost -a '(__roost_complete)'\n" },
};

static void put_fmt(struct buf *out, const char *fmt, const char *a, const char *b)
{
    for (const char *const *next = (const char *const[]){ a, b }; *fmt; fmt++)
        if (fmt[0] == '%' && fmt[1] == 's')
            buf_puts(out, *next++), fmt++;
        else
            buf_putc(out, *fmt);
}

static void put_case(const struct shell *s, const char *words, const char *next, const char *names,
                     struct buf *out)
{
    auto_buf struct buf with_blank = BUF_INIT;

    buf_printf(&with_blank, "%s%s", words, *words ? " " : "");
    put_fmt(out, s->begin, with_blank.len ? buf_str(&with_blank) : "", next);
    if (names)
        put_fmt(out, s->names, names, "");
    buf_puts(out, s->end);
}

/* Whose names stand for an operand of the table. */
static const char *names_of(const struct command *k)
{
    static const struct {
        const char *operand, *object;
    } table[] = { { "NAME", "instance" },
                  { "NETWORK", "network" },
                  { "IDENTITY", "identity" },
                  { "IMAGE", "image" },
                  { "SOURCE", "instance" } };
    const char *form = k->args + (*k->args == '[');

    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (strncmp(form, table[i].operand, strlen(table[i].operand)) == 0)
            return strstr(k->words, "create") ? NULL : table[i].object;
    return NULL;
}

static void put_command(const struct shell *s, const struct command *k, struct buf *out)
{
    auto_buf struct buf options = BUF_INIT;

    for (const struct option *o = k->options; o && o->name; o++)
        buf_printf(&options, "%s--%s", options.len ? " " : "", o->name);
    put_case(s, k->words, options.len ? buf_str(&options) : "", names_of(k), out);
}

/* The words that may stand behind those of a group ("" all commands'). */
static void put_group(const struct shell *s, const char *group, size_t len, struct buf *out)
{
    auto_buf struct buf next = BUF_INIT, words = BUF_INIT;
    char last[32] = "";
    size_t n;
    const struct command *rows = commands(&n);

    for (size_t i = 0; i < n; i++) {
        const char *w = rows[i].words;
        char word[32];
        if (strncmp(w, group, len) != 0 || (len && w[len] != ' '))
            continue;
        w += len ? len + 1 : 0;
        snprintf(word, sizeof word, "%.*s", (int)strcspn(w, " "), w);
        if (strcmp(word, last) != 0)
            buf_printf(&next, "%s%s", next.len ? " " : "", word);
        memcpy(last, word, sizeof last);
    }
    buf_put(&words, group, len);
    put_case(s, words.len ? buf_str(&words) : "", buf_str(&next), NULL, out);
}

/* Groups behind their commands, the longer ones first: "network forward", then "network". */
static void put_groups(const struct shell *s, struct buf *out)
{
    size_t n;
    const struct command *rows = commands(&n);

    for (int depth = 2; depth >= 0; depth--) {
        const char *last = "";
        size_t last_len = 0;
        for (size_t i = 0; i < n; i++) {
            const char *p = rows[i].words;
            int blanks = 0;
            size_t len = 0;
            for (size_t k = 0; p[k]; k++)
                if (p[k] == ' ' && ++blanks == depth)
                    len = k;
            if (depth && (!len || (len == last_len && strncmp(p, last, len) == 0)))
                continue;
            put_group(s, p, len, out);
            last = p;
            last_len = len;
            if (!depth)
                return;
        }
    }
}

static int print_script(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c, (void)e;
    fputs(out_text(tree, "text"), stdout);
    return 0;
}

int completion_render(const char *shell, struct buf *out, struct err *e)
{
    const struct shell *s = NULL;
    size_t n;
    const struct command *rows = commands(&n);

    for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
        if (strcmp(shells[i].name, shell) == 0)
            s = &shells[i];
    if (!s)
        return err_set(e, ERR_INVALID, "completion: \"%.40s\" is none of bash, zsh, fish", shell);
    buf_puts(out, s->head);
    for (size_t i = 0; i < n; i++)
        put_command(s, &rows[i], out);
    put_groups(s, out);
    buf_puts(out, s->tail);
    return buf_check(out, e);
}

int run_completion(struct cli *c, const struct args *a, struct err *e)
{
    auto_buf struct buf text = { .cap = 1 << 20 };

    if (completion_render(a->operand[0], &text, e) < 0)
        return -1;
    return out_tree(c, json_pack("{s:s}", "text", buf_str(&text)), print_script, e);
}
