#include "seeds/report.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

/* As cloudinit.reporting.events.status has them, in the order of the enum. */
static const char *const results[] = {
    [REPORT_NONE] = "",
    [REPORT_SUCCESS] = "SUCCESS",
    [REPORT_WARN] = "WARN",
    [REPORT_FAIL] = "FAIL",
};

/* The top-level reporters of cloudinit/cmd/main.py. */
static const char *const stages[] = { "init-local", "init-network", "modules-init",
                                      "modules-config", "modules-final" };

const char *report_result_name(enum report_result r)
{
    return (unsigned)r < ARRAY_SIZE(results) ? results[r] : NULL;
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr(" ._/:-", c));
}

static int name_read(const json_t *j, struct report *r, struct err *e)
{
    const char *s = json_string_value(json_object_get(j, "name"));
    size_t len = s ? json_string_length(json_object_get(j, "name")) : 0;
    bool ok = len >= 1 && len < sizeof r->name;

    for (size_t i = 0; ok && i < len; i++)
        ok = name_char(s[i]);
    if (!ok)
        return err_set(e, ERR_INVALID,
                       "report: name: expected 1 to %zu of letters, digits, spaces and ./_:-",
                       sizeof r->name - 1);
    memcpy(r->name, s, len + 1);
    return 0;
}

/* Text of a guest for people to read: cut where a character ends, masked. */
static void description_read(const json_t *j, struct report *r)
{
    const char *s = json_string_value(json_object_get(j, "description"));
    size_t len = s ? strlen(s) : 0;
    size_t n = 0;

    while (n < len) {
        size_t step = utf8_next(s + n, len - n, NULL);
        if (step == 0 || n + step >= sizeof r->description)
            break;
        n += step;
    }
    if (n > 0)
        memcpy(r->description, s, n);
    r->description[n] = '\0';
    control_mask(r->description);
}

static int type_read(const json_t *j, struct report *r, struct err *e)
{
    const char *s = json_string_value(json_object_get(j, "event_type"));

    if (!s || (strcmp(s, "start") != 0 && strcmp(s, "finish") != 0))
        return err_set(e, ERR_INVALID, "report: event_type: expected start or finish");
    r->finish = s[0] == 'f';
    return 0;
}

static int result_read(const json_t *j, struct report *r, struct err *e)
{
    const json_t *v = json_object_get(j, "result");
    const char *s = json_string_value(v);

    if (!r->finish || !v || json_is_null(v))
        return 0;
    for (int i = REPORT_SUCCESS; s && i <= REPORT_FAIL; i++) {
        if (strcmp(results[i], s) == 0) {
            r->result = (enum report_result)i;
            return 0;
        }
    }
    return err_set(e, ERR_INVALID, "report: result: expected SUCCESS, WARN or FAIL");
}

static void stage_mark(struct report *r)
{
    for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
        r->is_stage = r->is_stage || strcmp(stages[i], r->name) == 0;
    r->is_final = r->finish && strcmp(r->name, "modules-final") == 0;
}

static int report_read(const json_t *j, struct report *r, struct err *e)
{
    if (!json_is_object(j))
        return err_set(e, ERR_INVALID, "report: expected a JSON object");
    if (name_read(j, r, e) < 0 || type_read(j, r, e) < 0 || result_read(j, r, e) < 0)
        return -1;
    description_read(j, r);
    double stamp = json_number_value(json_object_get(j, "timestamp")); /* 0 when it is no number */
    r->timestamp = isfinite(stamp) && stamp > 0 ? stamp : 0;
    stage_mark(r);
    return 0;
}

int report_parse(const char *body, size_t len, struct report *ret, struct err *e)
{
    struct report r = { 0 };
    json_error_t je;

    if (len > REPORT_BODY_MAX)
        return err_set(e, ERR_TOO_BIG, "report: body is longer than %d bytes", REPORT_BODY_MAX);
    json_t *j = json_loadb(body, len, JSON_REJECT_DUPLICATES, &je);
    if (!j)
        return err_set(e, ERR_INVALID, "report: line %d column %d: %s", je.line, je.column,
                       je.text);
    int rc = report_read(j, &r, e);
    json_decref(j);
    if (rc == 0)
        *ret = r;
    return rc;
}
