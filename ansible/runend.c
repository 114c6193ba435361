#include "ansible/runend.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

static const char *const names[RUNNER_HOWS] = {
    [RUNNER_DONE] = "done",           [RUNNER_REFUSED] = "refused",
    [RUNNER_KILLED] = "killed",       [RUNNER_TIMED_OUT] = "timed-out",
    [RUNNER_CANCELLED] = "cancelled", [RUNNER_INTERRUPTED] = "interrupted",
};

const char *runner_how_name(enum runner_how h)
{
    return names[h];
}

int runner_how_from_name(const char *name)
{
    for (int i = 0; i < RUNNER_HOWS; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

int runend_render(const struct runner_end *end, struct buf *out, struct err *e)
{
    json_t *j =
        json_pack("{s:s, s:i, s:i, s:I, s:b, s:s}", "how", names[end->how], "exit", end->exit_code,
                  "signal", end->signal, "took-ms", (json_int_t)end->took_ms, "log-lost",
                  end->log_lost, "reason", end->reason);
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

    if (text)
        buf_printf(out, "%s\n", text);
    json_decref(j);
    free(text);
    return text ? buf_check(out, e) : err_set(e, ERR_INTERNAL, "out of memory");
}

int runend_parse(const char *text, size_t len, struct runner_end *ret, struct err *e)
{
    struct runner_end end = { 0 };
    const char *how = "", *reason = "";
    json_int_t took = 0;
    int lost = 0;
    json_error_t why;
    json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    int r = json_unpack_ex(j, &why, JSON_STRICT, "{s:s, s:i, s:i, s:I, s:b, s:s}", "how", &how,
                           "exit", &end.exit_code, "signal", &end.signal, "took-ms", &took,
                           "log-lost", &lost, "reason", &reason);

    if (r == 0 && runner_how_from_name(how) >= 0) {
        end.how = (enum runner_how)runner_how_from_name(how);
        end.took_ms = took;
        end.log_lost = lost;
        snprintf(end.reason, sizeof(end.reason), "%s", reason);
        *ret = end;
    } else {
        r = err_set(e, ERR_INVALID, "the end of a run: %s", r < 0 ? why.text : "unknown kind");
    }
    json_decref(j);
    return r;
}

/* ---- words ---- */

/* ansible.executor.task_queue_manager and ansible.cli give these their meaning. */
static const struct {
    int code;
    const char *says;
} codes[] = {
    { 1, "Ansible ended with an error; its log says which" },
    { 2, "a task failed" },
    { 4, "a host was unreachable" },
    { 6, "a task failed, and a host was unreachable" },
    { 5, "Ansible was called with options that it does not take" },
    { 99, "Ansible was interrupted by somebody else" },
    { 250, "Ansible met an exception that it did not expect; its log has the trace" },
};

static void say_code(struct runner_end *end)
{
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        if (codes[i].code == end->exit_code) {
            snprintf(end->reason, sizeof(end->reason), "%s", codes[i].says);
            return;
        }
    if (end->exit_code)
        snprintf(end->reason, sizeof(end->reason), "Ansible ended with exit code %d",
                 end->exit_code);
}

void runend_reason(struct runner_end *end)
{
    switch (end->how) {
    case RUNNER_KILLED:
        snprintf(end->reason, sizeof(end->reason), "Ansible was killed by signal %d (%s)",
                 end->signal, strsignal(end->signal));
        break;
    case RUNNER_TIMED_OUT:
        snprintf(end->reason, sizeof(end->reason), "the time limit of the run passed");
        break;
    case RUNNER_CANCELLED:
        snprintf(end->reason, sizeof(end->reason), "cancelled");
        break;
    case RUNNER_INTERRUPTED:
        snprintf(end->reason, sizeof(end->reason),
                 "interrupted: its process is gone without a word");
        break;
    default:
        say_code(end);
    }
}

/* As one line behind what stands there; `size` includes the NUL. */
static void add_line(char *out, size_t size, const char *text)
{
    size_t len = strlen(out);

    for (const char *s = text; *s && len + 1 < size; s++)
        if (!isspace((unsigned char)*s))
            out[len++] = *s;
        else if (len > 0 && out[len - 1] != ' ')
            out[len++] = ' ';
    out[len] = '\0';
}

/* Where it is comes after what it is (ansible.errors.yaml_strings), which can be long. */
void runend_error(const char *text, char *out, size_t size)
{
    const char *at = NULL, *place;

    for (const char *s = text; (s = strstr(s, "ERROR")); s++)
        at = s;
    out[0] = '\0';
    if (!at)
        return;
    add_line(out, size, at);
    if ((place = strstr(at, "The error appears to be in")) && strlen(out) + 1 == size &&
        (size_t)(place - at) > size / 3) {
        snprintf(out + size / 3, size - size / 3, "… ");
        add_line(out, size, place);
    }
    if (out[0] && out[strlen(out) - 1] == ' ')
        out[strlen(out) - 1] = '\0';
    control_mask(out);
}
