#include "seeds/userdata.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/yaml.h"
#include "model/instance.h"
#include "seeds/gunzip.h"
#include "seeds/mime.h"

static const char user_data[] = "user-data";
static const char vendor_data[] = "vendor-data";

static const char *const forms[] = {
    [USERDATA_NONE] = "none",   [USERDATA_CONFIG] = "cloud-config", [USERDATA_SCRIPT] = "script",
    [USERDATA_MIME] = "mime",   [USERDATA_JINJA] = "jinja",         [USERDATA_GZIP] = "gzip",
    [USERDATA_OTHER] = "other", [USERDATA_UNMARKED] = "unmarked",
};

const char *userdata_form_name(enum userdata_form f)
{
    return (unsigned)f < ARRAY_SIZE(forms) ? forms[f] : NULL;
}

/* What cloud-init knows a document by (handlers.INCLUSION_TYPES_MAP), the longer mark first. */
static const struct kind {
    const char *mark; /* how it begins, in any case */
    const char *type; /* of a MIME part */
    enum userdata_form form;
    bool opaque;
} kinds[] = {
    { "#cloud-config-archive", "text/cloud-config-archive", USERDATA_OTHER, true },
    { "#cloud-config-jsonp", "text/cloud-config-jsonp", USERDATA_OTHER, true },
    { "#cloud-config", "text/cloud-config", USERDATA_CONFIG, false },
    { "#cloud-boothook", "text/cloud-boothook", USERDATA_OTHER, false },
    { "#include-once", "text/x-include-once-url", USERDATA_OTHER, true },
    { "#include", "text/x-include-url", USERDATA_OTHER, true },
    { "#part-handler", "text/part-handler", USERDATA_OTHER, true },
    { "## template: jinja", "text/jinja2", USERDATA_JINJA, true },
    { "#!", "text/x-shellscript", USERDATA_SCRIPT, false },
    { NULL, "text/x-shellscript-per-boot", USERDATA_SCRIPT, false },
    { NULL, "text/x-shellscript-per-instance", USERDATA_SCRIPT, false },
    { NULL, "text/x-shellscript-per-once", USERDATA_SCRIPT, false },
};
static const struct kind gzip_kind = { NULL, NULL, USERDATA_GZIP, true };
static const struct kind unmarked_kind = { NULL, NULL, USERDATA_UNMARKED, false };

static const struct kind *kind_by_start(const char *s, size_t len)
{
    if (gzip_is(s, len))
        return &gzip_kind;
    while (len > 0 && strchr(" \t\r\n\v\f", *s) && *s)
        s++, len--;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        size_t n = kinds[i].mark ? strlen(kinds[i].mark) : 0;
        if (n > 0 && len >= n && strncasecmp(kinds[i].mark, s, n) == 0)
            return &kinds[i];
    }
    return &unmarked_kind;
}

/* UserDataProcessor._process_msg: plain text and shell scripts are looked at, other types believed.
 */
static const struct kind *kind_of_part(const char *type, const char *s, size_t len)
{
    const struct kind *by_type = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i].type, type) == 0)
            by_type = &kinds[i];
    }
    if (by_type && by_type->form != USERDATA_SCRIPT)
        return by_type;
    if (strncmp(type, "application/", 12) == 0 && gzip_is(s, len))
        return &gzip_kind;
    const struct kind *by_start = kind_by_start(s, len);
    return by_start == &unmarked_kind && by_type ? by_type : by_start;
}

static void warn(struct userdata_facts *f, const char *text)
{
    if (!f->warning[0])
        snprintf(f->warning, sizeof f->warning, "%s", text);
}

/* util.is_true: a truth, or one of these words. */
static bool is_true(const json_t *v)
{
    static const char *const words[] = { "true", "1", "on", "yes" };
    const char *s = json_string_value(v);

    for (size_t i = 0; s && i < ARRAY_SIZE(words); i++) {
        if (strcasecmp(words[i], s) == 0)
            return true;
    }
    return json_is_true(v) || (json_is_integer(v) && json_integer_value(v) == 1);
}

static bool list_has(const json_t *list, const char *word)
{
    size_t i;
    json_t *v;

    json_array_foreach(list, i, v)
    {
        /* A module is a name, or a list of its name and how often it runs; '_' and '-' are one. */
        const char *s = json_string_value(json_is_array(v) ? json_array_get(v, 0) : v);
        size_t n = 0;
        while (s && s[n] && (s[n] == word[n] || (s[n] == '_' && word[n] == '-')))
            n++;
        if (s && !s[n] && !word[n])
            return true;
    }
    return false;
}

static int vendor_inspect(const json_t *root, const struct yaml_map *map, struct userdata_facts *f,
                          struct err *e)
{
    const json_t *v = json_object_get(root, "vendor_data");
    const json_t *enabled = json_object_get(v, "enabled");

    if (v && f->document == vendor_data)
        return err_set(e, ERR_INVALID,
                       "%s:%d: vendor_data says what to do with this document, and belongs into "
                       "user-data",
                       f->document, yaml_map_line(map, "/vendor_data", NULL));
    if (v && (!json_is_object(v) || (enabled && !is_true(enabled)))) {
        f->vendor_off = true;
        warn(f, "vendor_data is switched off: the guest gets nothing from roost but this document "
                "and will not phone home");
    }
    if (list_has(json_object_get(v, "disabled_handlers"), "text/x-shellscript"))
        warn(f, "vendor_data.disabled_handlers has text/x-shellscript: the guest will not phone "
                "home again on later boots");
    return 0;
}

static void modules_inspect(const json_t *root, struct userdata_facts *f)
{
    const json_t *v = json_object_get(root, "cloud_final_modules");

    if (v && !list_has(v, "phone-home") && !list_has(v, "scripts-vendor"))
        warn(f, "cloud_final_modules has neither phone-home nor scripts-vendor: the guest will not "
                "phone home");
}

/* cloud-init merges by type: a string there drops the operator's users, a mapping roost's. */
static int users_inspect(const json_t *root, const struct yaml_map *map, struct userdata_facts *f,
                         struct err *e)
{
    const json_t *v = json_object_get(root, "users");

    if (!v)
        return 0;
    if (!json_is_array(v))
        return err_set(e, ERR_INVALID,
                       "%s:%d: users is %s: cloud-init would drop one side's accounts; "
                       "write a list (users: [default, {name: alice}])",
                       f->document, yaml_map_line(map, "/users", NULL),
                       json_is_object(v) ? "a mapping" : "no list");
    f->has_users = true;
    return 0;
}

static int tree_inspect(const json_t *root, const struct yaml_map *map, struct userdata_facts *f,
                        struct err *e)
{
    if (!json_is_object(root))
        return err_set(e, ERR_INVALID, "%s: a cloud-config must be a mapping of keys",
                       f->document);
    if (users_inspect(root, map, f, e) < 0 || vendor_inspect(root, map, f, e) < 0)
        return -1;
    if (json_object_get(root, "phone_home"))
        f->has_phone_home = true;
    modules_inspect(root, f);
    return 0;
}

/* A key of the top level as it stands in the text, for documents that cannot be read as a tree. */
static bool text_has_key(const char *s, size_t len, const char *key)
{
    size_t n = strlen(key);

    while (len > n) {
        if (memcmp(s, key, n) == 0 && s[n] == ':')
            return true;
        const char *nl = memchr(s, '\n', len);
        if (!nl)
            return false;
        len -= (size_t)(nl + 1 - s);
        s = nl + 1;
    }
    return false;
}

static void text_inspect(const char *s, size_t len, struct userdata_facts *f)
{
    f->opaque = true;
    if (text_has_key(s, len, "users"))
        f->has_users = true;
}

static int config_inspect(const char *s, size_t len, struct userdata_facts *f, struct err *e)
{
    struct yaml_map *map = NULL;
    json_t *root = NULL;
    struct err why = { 0 };

    if (yaml_read(s, len, f->document, &root, &map, &why) < 0) {
        /* cloud-init takes more YAML than roost: anchors, merge keys, tags. */
        if (why.kind == ERR_INTERNAL || yaml_wellformed(s, len) < 0)
            return err_set(e, why.kind, "%s", why.text);
        text_inspect(s, len, f);
        return 0;
    }
    int rc = tree_inspect(root, map, f, e);
    json_decref(root);
    yaml_map_free(map);
    return rc;
}

static int kind_inspect(const struct kind *k, const char *s, size_t len, struct userdata_facts *f,
                        struct err *e)
{
    if (k->form == USERDATA_CONFIG)
        return config_inspect(s, len, f, e);
    if (k->form == USERDATA_JINJA)
        text_inspect(s, len, f);
    if (k->form == USERDATA_UNMARKED)
        warn(f, "it begins with nothing that cloud-init knows (#cloud-config, #!, …): cloud-init "
                "ignores it");
    f->opaque = f->opaque || k->opaque;
    return 0;
}

/* What is in it is looked at by `inspect`, as if it stood there plainly; 1: it cannot be unpacked.
 */
static int gzip_inspect(const char *data, size_t len, struct userdata_facts *f,
                        int (*inspect)(const char *, size_t, struct userdata_facts *, struct err *),
                        struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    struct err why = { 0 };

    if (gunzip(data, len, USER_DATA_MAX, &text, &why) < 0) {
        f->opaque = true;
        if (why.kind == ERR_INTERNAL)
            return err_set(e, why.kind, "%s", why.text);
        return why.kind == ERR_TOO_BIG ? 0 : 1;
    }
    if (inspect(buf_str(&text), text.len, f, e) < 0)
        return err_wrap(e, "unpacked");
    return 0;
}

/* Unpacked once: gzip in gzip is left alone by cloud-init, too. */
static int plain_inspect(const char *data, size_t len, struct userdata_facts *f, struct err *e)
{
    return kind_inspect(kind_by_start(data, len), data, len, f, e);
}

static int part_inspect(const struct mime_part *p, void *arg, struct err *e)
{
    const struct kind *k = kind_of_part(p->type, p->data, p->len);
    struct userdata_facts *f = arg;
    int rc;

    /* ShellScriptByFreqPartHandler writes them below scripts/vendor, where nothing looks. */
    if (f->document == vendor_data && strncmp(p->type, "text/x-shellscript-per-", 23) == 0)
        warn(f, "cloud-init never runs the scripts per-boot, per-instance and per-once of "
                "vendor-data: say text/x-shellscript, or put them into user-data");
    if (k != &gzip_kind)
        return kind_inspect(k, p->data, p->len, f, e);
    rc = gzip_inspect(p->data, p->len, f, plain_inspect, e);
    if (rc > 0)
        warn(f, "a part of it looks like gzip but cannot be unpacked: cloud-init stops there");
    return rc < 0 ? -1 : 0;
}

/* In cloud-init's own order: unpacking, then MIME wherever it says so, then the first line. */
static int unpacked_inspect(const char *data, size_t len, struct userdata_facts *f, struct err *e)
{
    if (!gzip_is(data, len) && mime_is(data, len)) {
        f->form = USERDATA_MIME;
        int rc = mime_walk(data, len, part_inspect, f, e);
        if (rc > 0 && f->document == vendor_data)
            return err_set(e, ERR_INVALID,
                           "vendor-data: a MIME document that roost cannot take apart; write up to "
                           "%d parts of one level, 7bit, 8bit or base64, and the closing boundary",
                           MIME_PARTS_MAX);
        f->opaque = f->opaque || rc > 0;
        return rc < 0 ? -1 : 0;
    }
    const struct kind *k = kind_by_start(data, len);
    f->form = k->form;
    return kind_inspect(k, data, len, f, e);
}

static int document_inspect(const char *data, size_t len, struct userdata_facts *f, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;

    if (!gzip_is(data, len))
        return unpacked_inspect(data, len, f, e);
    if (f->document == vendor_data && gunzip(data, len, USER_DATA_MAX, &text, e) < 0)
        return err_wrap(e, "vendor-data");
    int rc = gzip_inspect(data, len, f, unpacked_inspect, e);
    if (rc > 0)
        warn(f, "it looks like gzip but cannot be unpacked: cloud-init ignores it");
    f->form = USERDATA_GZIP;
    return rc < 0 ? -1 : 0;
}

static int inspect(const char *document, const char *data, size_t len, struct userdata_facts *ret,
                   struct err *e)
{
    struct userdata_facts f = { .document = document, .form = USERDATA_NONE };

    if (len > USER_DATA_MAX)
        return err_set(e, ERR_TOO_BIG, "%s: %zu bytes; at most %u are served", document, len,
                       USER_DATA_MAX);
    if (len > 0 && document_inspect(data, len, &f, e) < 0)
        return -1;
    f.has_phone_home = f.has_phone_home || f.opaque;
    *ret = f;
    return 0;
}

int userdata_inspect(const char *data, size_t len, struct userdata_facts *ret, struct err *e)
{
    return inspect(user_data, data, len, ret, e);
}

int vendordata_inspect(const char *data, size_t len, struct userdata_facts *ret, struct err *e)
{
    return inspect(vendor_data, data, len, ret, e);
}

void userdata_join(struct userdata_facts *user, const struct userdata_facts *vendor)
{
    user->has_users = user->has_users || vendor->has_users;
    user->has_phone_home = user->has_phone_home || vendor->has_phone_home;
}
