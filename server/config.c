#include "server/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "server/config_table.h"

static int put_default(struct config *c, const struct config_row *r, struct err *e)
{
    struct config_origin origin = { FROM_DEFAULT, 0 };

    return r->def ? config_put(c, r, r->def, origin, e) : 0;
}

static bool is_default(const struct config *c, const char *section, const char *key)
{
    return c->origin[config_index(config_row(section, key))].from == FROM_DEFAULT;
}

int config_defaults(struct config *c, struct err *e)
{
    size_t n;
    const struct config_row *rows = config_rows(&n);

    memset(c, 0, sizeof(*c));
    for (size_t i = 0; i < n; i++) {
        if (put_default(c, &rows[i], e) < 0)
            return err_wrap(e, "built-in value");
    }
    return layout_default_state(c->mode == MODE_SYSTEM, c->state, e);
}

static int set_hook(struct config *c, const struct name *name, const char *key, const char *value,
                    struct err *e)
{
    const struct config_row *r = hook_row(key);
    struct hook *h = r ? hook_open(c, name, e) : NULL;

    if (!r)
        return hook_unknown_key(name->s, key, e);
    return h ? hook_put(h, r, value, FROM_OPTION, 0, e) : -1;
}

static int set_option(struct config *c, const char *section, const char *key, const char *value,
                      struct err *e)
{
    struct config_origin origin = { FROM_OPTION, 0 };
    const struct config_row *r;
    struct name hook;
    int is = hook_section(section, &hook, e);

    if (is)
        return is < 0 ? -1 : set_hook(c, &hook, key, value, e);
    if (!(r = config_row(section, key)))
        return config_unknown(section, key, e);
    return config_put(c, r, value, origin, e);
}

/* "section.key=value": neither a section nor a key has a dot. */
int config_set(struct config *c, const char *assignment, struct err *e)
{
    char section[80], key[64];
    size_t dot = strcspn(assignment, ".="), eq = strcspn(assignment, "=");

    if (assignment[dot] != '.' || assignment[eq] != '=' || dot >= sizeof(section) ||
        eq - dot - 1 >= sizeof(key))
        return err_set(e, ERR_INVALID, "-o %.100s: expected SECTION.KEY=VALUE", assignment);
    snprintf(section, sizeof(section), "%.*s", (int)dot, assignment);
    snprintf(key, sizeof(key), "%.*s", (int)(eq - dot - 1), assignment + dot + 1);
    if (set_option(c, section, key, assignment + eq + 1, e) < 0)
        return err_wrap(e, "-o %.100s", assignment);
    return 0;
}

static int check_control(struct config *c, struct err *e)
{
    size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

    if (!c->control[0] &&
        snprintf(c->control, sizeof(c->control), "%.*s/" FILE_CONTROL,
                 (int)(sizeof(c->control) - sizeof("/" FILE_CONTROL)), c->run) < 0)
        return err_set(e, ERR_INTERNAL, "[roost] control: cannot be built");
    if (strlen(c->control) > max)
        return err_set(e, ERR_INVALID, "[roost] control: \"%.120s\" is longer than %zu bytes",
                       c->control, max);
    return 0;
}

/* Where a value was given, in front of what is wrong with it. */
static int at_origin(const struct config *c, const char *section, const char *key, struct err *e)
{
    const struct config_origin *o = &c->origin[config_index(config_row(section, key))];

    if (o->from != FROM_DEFAULT)
        err_wrap(e, "[%s] %s", section, key);
    if (o->from == FROM_OPTION)
        return err_wrap(e, "-o");
    return o->from == FROM_FILE ? err_wrap(e, "%.200s:%u", c->file, o->line) : -1;
}

/* useradd(8)'s rule, as for identities; config_type_user has looked at the letters. */
static bool is_account(const char *s)
{
    return strlen(s) <= 32 && strcmp(s, "root") && (*s < '0' || *s > '9');
}

static int check_firmware(const struct config *c, struct err *e)
{
    static const char *const keys[ARCHES][2] = {
        [ARCH_AMD64] = { "firmware-code", "firmware-vars" },
        [ARCH_ARM64] = { "firmware-code-arm64", "firmware-vars-arm64" },
    };

    for (int a = 0; a < ARCHES; a++) {
        bool code = config_firmware_code(c, (enum arch)a)[0];
        bool vars = config_firmware_vars(c, (enum arch)a)[0];
        if (code == vars)
            continue;
        err_set(e, ERR_INVALID, "%s and %s belong together: give both or leave both empty",
                keys[a][0], keys[a][1]);
        return at_origin(c, "launch", keys[a][code], e);
    }
    return 0;
}

/* Values that are fine each and cannot be together. */
static int check_together(const struct config *c, struct err *e)
{
    if (check_firmware(c, e) < 0)
        return -1;
    if (c->restart_max < c->restart_first) {
        err_set(e, ERR_INVALID, "restart-max is less than restart-first, which it has to reach");
        return at_origin(c, "process",
                         is_default(c, "process", "restart-max") ? "restart-first" : "restart-max",
                         e);
    }
    if (!is_account(c->account)) {
        err_set(
            e, ERR_INVALID,
            "\"%.40s\" is no account for it: a login other than root is wanted (become makes it "
            "root), of at most 32 letters and digits that begins with a letter; empty: none",
            c->account);
        return at_origin(c, "ansible", "user", e);
    }
    if (c->disk && c->disk < DRIVE_SIZE_MIN) {
        err_set(e, ERR_INVALID, "%" PRIu64 " bytes are no disk: 1M or more (say 10G), or 0",
                c->disk);
        return at_origin(c, "defaults", "disk", e);
    }
    return 0;
}

static int check_hooks(const struct config *c, struct err *e)
{
    for (int i = 0; i < c->n_hooks; i++)
        if (hook_check(&c->hooks[i], c->mode == MODE_SYSTEM, e) < 0)
            return c->file[0] ? err_wrap(e, "%.200s", c->file) : -1;
    return 0;
}

/* Rootless it is the user's own QEMU, with the user's own rights. */
static void allow_all(struct config *c, bool rootless)
{
    const struct {
        const char *key;
        char *field;
    } keys[] = { { "allow-arguments", c->allow_arguments },
                 { "allow-devices", c->allow_devices },
                 { "allow-firmware", c->allow_firmware } };

    for (size_t i = 0; i < ARRAY_SIZE(keys) && rootless; i++)
        if (is_default(c, "launch", keys[i].key))
            strcpy(keys[i].field, "*");
}

int config_finish(struct config *c, struct err *e)
{
    bool system = c->mode == MODE_SYSTEM;

    /* The mode may have been told after the defaults were taken. */
    if (is_default(c, "roost", "state") && layout_default_state(system, c->state, e) < 0)
        return -1;
    allow_all(c, !system);
    if (!c->state[0])
        return err_set(e, ERR_INVALID, "[roost] state: empty, expected an absolute path");
    if (c->listen.ip.family == 0)
        return err_set(e, ERR_INVALID, "[seed] listen: no address");
    if (check_together(c, e) < 0)
        return -1;
    if (layout_run_dir(system, c->state, c->run, e) < 0)
        return -1;
    return check_hooks(c, e) < 0 ? -1 : check_control(c, e);
}

bool config_has_account(const struct config *c)
{
    return c->ansible && c->account[0] && !c->ssh_key[0];
}

void config_account_key(const struct config *c, char *out)
{
    if (c->account_key[0])
        snprintf(out, PATH_SIZE + 64, "%s", c->account_key);
    else
        snprintf(out, PATH_SIZE + 64, "%s/" FILE_ACCOUNT_KEY, c->state);
}

/* --- printing ------------------------------------------------------------------------------ */

static void print_origin(const struct config *c, const struct config_origin *o, struct buf *out)
{
    if (o->from == FROM_OPTION)
        buf_puts(out, "option -o");
    else if (o->from == FROM_FILE)
        buf_printf(out, "%s:%u", c->file, o->line);
    else
        buf_puts(out, "default");
}

static void section_head(const struct config_row *rows, size_t i, struct buf *out)
{
    if (i == 0 || strcmp(rows[i].section, rows[i - 1].section) != 0)
        buf_printf(out, "%s[%s]\n", i ? "\n" : "", rows[i].section);
}

static void print_hook(const struct config *c, const struct hook *h, struct buf *out)
{
    size_t n;
    const struct config_row *rows = hook_rows(&n);

    buf_printf(out, "\n[" HOOK_SECTION "%s]\n", h->name.s);
    for (size_t i = 0; i < n; i++) {
        const struct config_origin origin = { h->from[i], h->line[i] };
        buf_printf(out, "%s = ", rows[i].key);
        rows[i].type->print(&rows[i], (const char *)h + rows[i].offset, out);
        buf_puts(out, "  ; ");
        print_origin(c, &origin, out);
        buf_putc(out, '\n');
    }
}

void config_print(const struct config *c, struct buf *out)
{
    size_t n;
    const struct config_row *rows = config_rows(&n);

    for (size_t i = 0; i < n; i++) {
        section_head(rows, i, out);
        buf_printf(out, "%s = ", rows[i].key);
        config_value(c, &rows[i], out);
        buf_puts(out, "  ; ");
        print_origin(c, &c->origin[i], out);
        buf_putc(out, '\n');
    }
    for (int i = 0; i < c->n_hooks; i++)
        print_hook(c, &c->hooks[i], out);
}

void config_print_defaults(struct buf *out)
{
    size_t n;
    const struct config_row *rows = config_rows(&n);

    buf_puts(out, "# roost.conf: every option with its built-in value. See roost.conf(5).\n\n");
    for (size_t i = 0; i < n; i++) {
        section_head(rows, i, out);
        buf_printf(out, "# %s\n;%s = %s\n", rows[i].help, rows[i].key,
                   rows[i].def ? rows[i].def : "/var/lib/roost");
    }
    rows = hook_rows(&n);
    buf_puts(out, "\n# Programs that are told of events, as many such sections as wanted:\n"
                  "#[hook NAME]\n");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "# %s\n#%s = %s\n", rows[i].help, rows[i].key, rows[i].def);
}

/* --- over the channel ---------------------------------------------------------------------- */

void config_encode(const struct config *c, struct buf *out)
{
    size_t n;
    const struct config_row *rows = config_rows(&n);

    for (size_t i = 0; i < n; i++) {
        auto_buf struct buf text = BUF_INIT;
        config_value(c, &rows[i], &text);
        msg_put_str(out, buf_str(&text));
    }
    msg_put_str(out, c->run);
    msg_put_u8(out, (uint8_t)c->n_hooks);
    for (int i = 0; i < c->n_hooks; i++)
        hook_encode(&c->hooks[i], out);
}

int config_decode(struct msg_cur *cur, struct config *ret, struct err *e)
{
    size_t n;
    const struct config_row *rows = config_rows(&n);
    auto_free struct config *c = calloc(1, sizeof(*c));
    auto_free char *text = malloc(PATH_SIZE);

    if (!c || !text)
        return err_set(e, ERR_INTERNAL, "no memory for the configuration");
    for (size_t i = 0; i < n; i++) {
        msg_get_str(cur, text, PATH_SIZE);
        if (cur->failed)
            return msg_end(cur, "config", e);
        if (config_put(c, &rows[i], text, (struct config_origin){ 0 }, e) < 0)
            return err_wrap(e, "message config");
    }
    msg_get_str(cur, c->run, sizeof(c->run));
    for (unsigned hooks = msg_get_u8(cur); hooks > 0; hooks--)
        if (hook_decode(cur, c, e) < 0)
            return -1;
    if (msg_end(cur, "config", e) < 0)
        return -1;
    if (c->run[0] != '/' || c->state[0] != '/' || c->control[0] != '/')
        return err_set(e, ERR_INVALID, "message config: a path is not absolute");
    *ret = *c;
    return 0;
}

/* --- for the rooms ------------------------------------------------------------------------- */

const char *config_qemu(const struct config *c, enum arch a)
{
    return a == ARCH_ARM64 ? c->qemu_arm64 : c->qemu;
}

const char *config_firmware_code(const struct config *c, enum arch a)
{
    return a == ARCH_ARM64 ? c->firmware_code_arm64 : c->firmware_code;
}

const char *config_firmware_vars(const struct config *c, enum arch a)
{
    return a == ARCH_ARM64 ? c->firmware_vars_arm64 : c->firmware_vars;
}

struct machine_limits config_machine_limits(const struct config *c)
{
    return (struct machine_limits){ c->allow_arguments, c->allow_devices, c->allow_firmware };
}

void config_spec_defaults(const struct config *c, struct spec_defaults *ret)
{
    *ret = (struct spec_defaults){
        .cpus = c->cpus, .memory = c->memory, .disk = c->disk, .network = c->network
    };
}

void config_phase_limits(const struct config *c, bool tcg, struct phase_limits *ret)
{
    int64_t factor = tcg ? c->tcg_factor : 1;

    *ret = (struct phase_limits){ 0 };
    ret->ms[PHASE_STARTING] = c->limit_starting * factor;
    ret->ms[PHASE_LAUNCHED] = c->limit_launched * factor;
    ret->ms[PHASE_SEEDED] = c->limit_seeded * factor;
    ret->ms[PHASE_STOPPING] = c->limit_stopping;
}
