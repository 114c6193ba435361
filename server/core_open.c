/* The start: secret, store, everything that hangs on them, then READY. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/file.h"
#include "server/core_ansible.h"
#include "server/core_hook.h"
#include "server/core_network.h"
#include "server/core_bring.h"
#include "server/core_image.h"
#include "server/core_task.h"

#define SECRET_FILE_MODE 0600

/* ---- start ---- */

static int secret_load(struct core *c, struct err *e)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int dir = open(c->config.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint8_t fresh[SECRET_KEY_SIZE];
    struct stat st;

    if (dir < 0)
        return err_sys(e, "state directory %s", c->config.state);
    if (fstatat(dir, FILE_SECRET, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return err_sys(e, "%s/%s", c->config.state, FILE_SECRET);
        random_bytes(fresh, sizeof fresh);
        if (file_replace(dir, FILE_SECRET, fresh, sizeof fresh, SECRET_FILE_MODE, NULL, e) < 0)
            return err_wrap(e, "secret key");
    } else if (st.st_mode & 077)
        return err_set(e, ERR_DENIED,
                       "%s/%s can be read by others (mode %04o): its tokens are worth nothing; "
                       "chmod 600 it if you trust them, or remove it and rebuild the guests",
                       c->config.state, FILE_SECRET, st.st_mode & 07777);
    if (file_read(dir, FILE_SECRET, SECRET_KEY_SIZE, &b, e) < 0)
        return -1;
    if (b.len != SECRET_KEY_SIZE)
        return err_set(e, ERR_INVALID,
                       "%s/%s has %zu bytes instead of %d: restore it from a backup",
                       c->config.state, FILE_SECRET, b.len, SECRET_KEY_SIZE);
    memcpy(c->key, b.data, SECRET_KEY_SIZE);
    c->tokens = hmac_key_new(c->key, sizeof c->key);
    return 0;
}

static int salt_load(struct core *c, struct err *e)
{
    char hex[2 * sizeof c->salt + 1];
    struct err why;

    if (store_meta_get(c->store, "salt", hex, sizeof hex, &why) == 0) {
        if (strlen(hex) != 2 * sizeof c->salt || hex_decode(hex, strlen(hex), c->salt) < 0)
            return err_set(e, ERR_INVALID,
                           "%s/%s: the salt is damaged: restore a copy of the store",
                           c->config.state, FILE_STORE);
        return 0;
    }
    if (why.kind != ERR_NOT_FOUND) {
        *e = why;
        return -1;
    }
    random_bytes(c->salt, sizeof c->salt);
    hex_encode(c->salt, sizeof c->salt, hex);
    return core_write(c, true, e) < 0 ? -1 : store_meta_set(c->store, "salt", hex, e);
}

/* What goes into documents besides the instance itself: when it changes, all are rendered anew. */
static int seeds_follow_config(struct core *c, struct err *e)
{
    char now[640], was[640] = "", key[2 * SHA256_SIZE + 1];
    uint8_t digest[SHA256_SIZE];

    if (c->config.advertise[0])
        snprintf(c->base_url, sizeof c->base_url, "%s", c->config.advertise);
    else /* QEMU's user network shows the host's loopback as 10.0.2.2 */
        snprintf(c->base_url, sizeof c->base_url, "http://10.0.2.2:%u", c->seed_at.port);
    sha256(c->key, sizeof c->key, digest); /* documents hold tokens made with it */
    hex_encode(digest, sizeof digest, key);
    snprintf(now, sizeof now, "%s %s tries=%u reporting=%d seal=%d key=%.16s become=%d",
             ROOST_VERSION, c->base_url, c->config.phone_home_tries, c->config.reporting, c->config.seal, key,
             c->config.become);
    store_meta_get(c->store, "seed-inputs", was, sizeof was, NULL);
    if (!strcmp(now, was))
        return 0;
    if (core_write(c, true, e) < 0 || store_meta_set(c->store, "seed-inputs", now, e) < 0)
        return -1;
    return store_seed_stale_all(c->store, e);
}

/* When both are there: the socket, and the store that its answers come from. */
int core_api_start(struct core *c, struct err *e)
{
    if (c->control_fd < 0 || !c->store)
        return 0;
    c->api = api_new(c->loop, c, steal_fd(&c->control_fd), c->config.mode == MODE_SYSTEM, e);
    return c->api ? 0 : -1;
}

int core_open(struct core *c, struct err *e)
{
    if (core_restore_pending(c, e) < 0 || secret_load(c, e) < 0 ||
        store_open(c->config.state, &c->store, e) < 0 ||
        salt_load(c, e) < 0 || reserve_make(c, e) < 0 || account_load(c, e) < 0 ||
        networks_load(c, e) < 0 ||
        groups_load(c, e) < 0 ||
        networks_define(c, e) < 0 ||
        seeds_follow_config(c, e) < 0 || grants_load(c, e) < 0)
        return -1;
    moves_redo(c);
    config_phase_limits(&c->config, true, &c->limits);
    c->limits_tcg = c->limits;
    if (!(c->worker = worker_new(c->loop, e)) || sights_new(c, e) < 0 || unknown_new(c, e) < 0 ||
        verdict_new(c, e) < 0 || wire_new(c, e) < 0 || ansible_new(c, e) < 0 ||
        core_hooks_new(c, e) < 0 || core_restored(c, e) < 0)
        return -1;
    if (core_api_start(c, e) < 0)
        return -1;
    loop_timer_set(c->housekeeping, 0);
    return machines_adopt(c, e);
}

/* Once per boot of the host what it began with goes on record: deadlines and autostart hang on it.
 */
static int note_boot(struct core *c, bool *ret_new, struct err *e)
{
    char was[64] = "";

    store_meta_get(c->store, "boot-id", was, sizeof was, NULL);
    *ret_new = strcmp(was, clock_boot_id()) != 0;
    if (!*ret_new)
        return 0;
    return core_write(c, true, e) < 0 ? -1
                                      : store_meta_set(c->store, "boot-id", clock_boot_id(), e);
}

int core_say_ready(struct core *c, struct err *e)
{
    uint64_t n[PHASES], overdue, all = 0;
    auto_buf struct buf b = BUF_INIT;
    char text[160];
    bool new_boot;

    if (c->ready || c->adopting)
        return 0;
    if (note_boot(c, &new_boot, e) < 0 || verdict_load(c, new_boot, e) < 0 ||
        store_counts(c->store, n, &overdue, e) < 0)
        return -1;
    for (int p = 0; p < PHASES; p++)
        all += n[p];
    snprintf(text, sizeof text, "%llu guest%s, %llu home", (unsigned long long)all,
             all == 1 ? "" : "s", (unsigned long long)(n[PHASE_HOMED] + n[PHASE_CONFIGURED]));
    c->ready = true;
    c->began_boot_ms = loop_now(c->loop).boot_ms;
    text_encode(text, &b);
    if (proto_send(c->roostd, P_READY, 0, &b, NULL, 0, e) < 0)
        return -1;
    /* What was due when the last roost ended. */
    wire_arm(c);
    netruns_begin(c, new_boot);
    ansible_begin(c);
    core_hooks_begin(c);
    autostart_begin(c, new_boot);
    return brings_clean(c, e) < 0 ? -1 : tasks_load(c, core_image_resume, e);
}
