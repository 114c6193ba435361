#include "server/config_table.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

#define FIELD(f)       offsetof(struct config, f), sizeof(((struct config *)0)->f)
#define S(n)           (UINT64_C(1000) * (n))
#define MINUTES(n)     (UINT64_C(60000) * (n))
#define DAYS(n)        (UINT64_C(86400000) * (n))
#define KIB(n)         (UINT64_C(1024) * (n))
#define MIB(n)         (UINT64_C(1048576) * (n))
#define GIB(n)         (UINT64_C(1073741824) * (n))
#define NUMBER(lo, hi) .min = (lo), .max = (hi)

static const char *const modes[] = {
    [MODE_ROOTLESS] = "rootless", [MODE_SYSTEM] = "system", "auto", NULL
};
static const char *const levels[] = {
    [LOG_ERROR_] = "error", [LOG_WARN_] = "warn", [LOG_INFO_] = "info", [LOG_DEBUG_] = "debug", NULL
};
static const char *const seals[] = { "no", "yes", "all", NULL };
static const char *const accels[] = {
    [ACCEL_CHOICE_AUTO] = "auto", [ACCEL_CHOICE_KVM] = "kvm", [ACCEL_CHOICE_TCG] = "tcg", NULL
};

static const char *const triggers[] = {
    [TRIGGER_FINAL] = "final", [TRIGGER_HOMED] = "homed", [TRIGGER_MANUAL] = "manual", NULL
};

/* clang-format off */
static const struct config_row rows[] = {
    { "roost", "mode", &config_type_mode, FIELD(mode), "auto", .choices = modes,
      .help = "system (for root), rootless, or auto: by who starts it" },
    { "roost", "state", &config_type_path, FIELD(state), NULL,
      .help = "state directory: store, images, instances, generated files" },
    { "roost", "control", &config_type_path, FIELD(control), "",
      .help = "control socket; empty: control.sock in the run directory" },
    { "roost", "log-level", &config_type_choice, FIELD(log_level), "info", .choices = levels,
      .help = "what is logged: error, warn, info, debug" },

    { "process", "restart-first", &config_type_duration, FIELD(restart_first), "100ms", NUMBER(1, S(60)),
      .help = "wait before a failing child's second restart (the first is at once); then doubled" },
    { "process", "restart-max", &config_type_duration, FIELD(restart_max), "10s", NUMBER(1, S(3600)),
      .help = "the longest of these waits" },
    { "process", "restart-reset", &config_type_duration, FIELD(restart_reset), "60s", NUMBER(S(1), DAYS(1)),
      .help = "a child that stayed up so long is restarted at once again" },
    { "process", "quit-limit", &config_type_duration, FIELD(quit_limit), "10s", NUMBER(100, S(600)),
      .help = "how long children may take to end at a stop before they are killed" },
    { "process", "hang-limit", &config_type_duration, FIELD(hang_limit), "2m", NUMBER(0, DAYS(1)),
      .help = "a child that answers nothing for so long is ended and started anew; 0: never" },

    { "seed", "listen", &config_type_endpoint, FIELD(listen), "127.0.0.1:10200",
      .help = "where guests ask for seeds; port 0: chosen once, then kept" },
    { "seed", "advertise", &config_type_url, FIELD(advertise), "",
      .help = "base URL told to guests of user networks; empty: http://10.0.2.2:PORT" },
    { "seed", "phone-home-tries", &config_type_number, FIELD(phone_home_tries), "100000", NUMBER(1, 1000000),
      .help = "requests that a guest makes, 3 s apart, before it gives up phoning home" },
    { "seed", "reporting", &config_type_bool, FIELD(reporting), "yes",
      .help = "ask cloud-init to report its stages" },
    { "seed", "seal", &config_type_choice, FIELD(seal), "no", .choices = seals,
      .help = "after the first phone-home: yes drops password hashes, all also user-data and "
              "vendor-data of its own" },
    { "seed", "hold-retry", &config_type_duration, FIELD(hold_retry), "10s", NUMBER(S(1), S(3600)),
      .help = "Retry-After told to a caller whose tag nobody knows yet" },

    { "front", "backlog", &config_type_number, FIELD(backlog), "4096", NUMBER(16, 65535),
      .help = "connections that may wait to be accepted (also limited by net.core.somaxconn)" },
    { "front", "max-connections", &config_type_number, FIELD(max_connections), "16384", NUMBER(16, 1000000),
      .help = "connections at once" },
    { "front", "max-connections-per-ip", &config_type_number, FIELD(max_connections_per_ip), "0", NUMBER(0, 1000000),
      .help = "connections at once from one address; 0: no limit (all guests of a user network are one)" },
    { "front", "request-timeout", &config_type_duration, FIELD(request_timeout), "15s", NUMBER(S(1), S(600)),
      .help = "silence after which a connection is closed; a whole request may take twice as long" },
    { "front", "core-deadline", &config_type_duration, FIELD(core_deadline), "700ms", NUMBER(10, S(10)),
      .help = "how long roost-core may take before a guest is told to come again" },
    { "front", "cache-keep", &config_type_duration, FIELD(cache_keep), "30s", NUMBER(0, S(30)),
      .help = "how long a seed's documents are kept for the other requests of the same boot" },
    { "front", "cache-size", &config_type_size, FIELD(cache_size), "64M", NUMBER(0, GIB(4)),
      .help = "bytes of documents kept so: some 4K for each guest that boots at that moment" },

    { "defaults", "cpus", &config_type_number, FIELD(cpus), "1", NUMBER(1, INSTANCE_CPUS_MAX),
      .help = "virtual CPUs of an instance" },
    { "defaults", "memory", &config_type_size, FIELD(memory), "1G", NUMBER(INSTANCE_MEMORY_MIN, INSTANCE_MEMORY_MAX),
      .help = "its memory" },
    { "defaults", "disk", &config_type_size, FIELD(disk), "5G", NUMBER(0, GIB(1048576)),
      .help = "its disk; 0: as large as the image" },
    { "defaults", "network", &config_type_name, FIELD(network), "user",
      .help = "its network" },

    { "instances", "trash-keep", &config_type_duration, FIELD(trash_keep), "7d", NUMBER(0, DAYS(3650)),
      .help = "how long removed instances are kept in the trash with their disks; 0s: not at all" },

    { "launch", "enabled", &config_type_bool, FIELD(launch), "yes",
      .help = "launch guests at all; no: only seeds and phone-homes for foreign ones" },
    { "launch", "qemu", &config_type_program, FIELD(qemu), "qemu-system-x86_64",
      .help = "QEMU: a path, or a name to look up in PATH" },
    { "launch", "qemu-arm64", &config_type_program, FIELD(qemu_arm64), "qemu-system-aarch64",
      .help = "and that of arm64 guests" },
    { "launch", "qemu-img", &config_type_program, FIELD(qemu_img), "qemu-img",
      .help = "qemu-img, likewise" },
    { "launch", "firmware-code", &config_type_path, FIELD(firmware_code), "/usr/share/OVMF/OVMF_CODE_4M.fd",
      .help = "UEFI firmware code" },
    { "launch", "firmware-vars", &config_type_path, FIELD(firmware_vars), "/usr/share/OVMF/OVMF_VARS_4M.fd",
      .help = "template of UEFI variables" },
    { "launch", "firmware-code-arm64", &config_type_path, FIELD(firmware_code_arm64), "/usr/share/AAVMF/AAVMF_CODE.fd",
      .help = "UEFI firmware code of arm64 guests" },
    { "launch", "firmware-vars-arm64", &config_type_path, FIELD(firmware_vars_arm64), "/usr/share/AAVMF/AAVMF_VARS.fd",
      .help = "and the template of its variables" },
    { "launch", "disk-directories", &config_type_paths, FIELD(disk_directories), "",
      .help = "in system mode: directories (or files), colons between, whose files may be disks of guests; empty: none" },
    { "launch", "media-directory", &config_type_path, FIELD(media), "",
      .help = "system mode: the directory below which images for CD-ROM drives (cdrom) lie; empty: none is opened; rootless any that the user may read is" },
    { "launch", "allow-arguments", &config_type_words, FIELD(allow_arguments), "",
      .help = "QEMU arguments that instances may have: patterns of -OPTION=VALUE; rootless * unless said" },
    { "launch", "allow-devices", &config_type_words, FIELD(allow_devices), "",
      .help = "and devices of this host: patterns such as pci:0000:3b:* or usb:046d:*; rootless *" },
    { "launch", "allow-firmware", &config_type_words, FIELD(allow_firmware), "/usr/share/OVMF /usr/share/AAVMF",
      .help = "and directories that their own firmware may be from; rootless *" },
    { "launch", "run-as", &config_type_user, FIELD(run_as), "nobody",
      .help = "user that QEMU runs as in system mode; empty: root" },
    { "launch", "accelerator", &config_type_choice, FIELD(accel), "auto", .choices = accels,
      .help = "kvm, tcg, or auto: kvm if a probe ran guest code with it; asked again before a launch when /dev/kvm has changed" },
    { "launch", "probe-limit", &config_type_duration, FIELD(probe_limit), "5s", NUMBER(100, S(60)),
      .help = "how long that probe may take" },
    { "launch", "stop-limit", &config_type_duration, FIELD(stop_limit), "90s", NUMBER(S(1), S(3600)),
      .help = "from the ACPI power-down to the kill" },
    { "launch", "console-cap", &config_type_size, FIELD(console_cap), "1M", NUMBER(KIB(16), GIB(1)),
      .help = "bytes of console.log and of qemu.log before they are cut" },
    { "launch", "max-guests", &config_type_number, FIELD(max_guests), "1000", NUMBER(1, 100000),
      .help = "guests that may run at once" },
    { "launch", "memory-reserve", &config_type_size, FIELD(memory_reserve), "256M", NUMBER(0, INSTANCE_MEMORY_MAX),
      .help = "memory of the host that guests together do not get; a start beyond that wants --force" },
    { "launch", "memory-limit", &config_type_size, FIELD(memory_limit), "0", NUMBER(0, INSTANCE_MEMORY_MAX),
      .help = "what they get together, whatever the host has; 0: what it or roost's control group has, less the reserve" },
    { "launch", "autostart-at-once", &config_type_number, FIELD(boot_at_once), "4", NUMBER(0, 100000),
      .help = "guests of autostart that may boot at once, the next starts when one is home or overdue; 0: all" },

    { "images", "catalogue", &config_type_path, FIELD(catalogue), "",
      .help = "a file with images of one's own for --predefined; its entries count more than roost's" },
    { "images", "stall-limit", &config_type_duration, FIELD(fetch_stall), "30s", NUMBER(S(1), S(3600)),
      .help = "a download that brings nothing for so long is begun again where it was; then it fails" },

    { "network", "dnsmasq", &config_type_program, FIELD(dnsmasq), "dnsmasq",
      .help = "dnsmasq: a path, or a name to look up in PATH" },
    { "network", "dnsmasq-user", &config_type_user, FIELD(dnsmasq_user), "nobody",
      .help = "user that dnsmasq runs as when roost is root; empty: root" },
    { "network", "iptables", &config_type_program, FIELD(iptables), "iptables",
      .help = "iptables, likewise: its -save and -restore are run" },
    { "network", "defaults", &config_type_bool, FIELD(network_defaults), "yes",
      .help = "define host-only, shared and bridged at the first start with the rights for it; until "
              "somebody changes them, another network may have their range or interface" },
    { "network", "host-only", &config_type_cidr, FIELD(host_only), "172.16.4.0/24",
      .help = "the range of that host-only network; a taken one moves to the next free one" },
    { "network", "shared", &config_type_cidr, FIELD(shared), "172.16.5.0/24",
      .help = "and of the shared one" },

    { "ansible", "enabled", &config_type_bool, FIELD(ansible), "yes",
      .help = "run Ansible on guests that come home; no: keep to inventory and known_hosts" },
    { "ansible", "trigger", &config_type_choice, FIELD(trigger), "final", .choices = triggers,
      .help = "when, unless its network or a group says so: final (cloud-init has ended), homed (at the phone-home) or manual" },
    { "ansible", "program", &config_type_program, FIELD(playbook), "ansible-playbook",
      .help = "ansible-playbook: a path, or a name to look up in PATH" },
    { "ansible", "directory", &config_type_path, FIELD(playbooks), "",
      .help = "the fleet's playbooks, site.yaml among them; empty: ansible in the state directory" },
    { "ansible", "user", &config_type_user, FIELD(account), "roost",
      .help = "account of roost's own that runs log in as, made in each guest that roost launches; empty: none" },
    { "ansible", "key", &config_type_path, FIELD(account_key), "",
      .help = "its private key; empty: ansible.key in the state directory, made at the first start" },
    { "ansible", "become", &config_type_bool, FIELD(become), "yes",
      .help = "that account may become root without a password, and tasks do unless they say otherwise" },
    { "ansible", "runs", &config_type_number, FIELD(runs_at_once), "2", NUMBER(1, 64),
      .help = "runs at once" },
    { "ansible", "forks", &config_type_number, FIELD(forks), "10", NUMBER(1, 500),
      .help = "guests that one run works on at once" },
    { "ansible", "window", &config_type_duration, FIELD(batch_window), "3s", NUMBER(0, S(600)),
      .help = "guests that are due within it share a run" },
    { "ansible", "batch", &config_type_number, FIELD(batch_hosts), "100", NUMBER(1, 1000),
      .help = "guests in one run at most" },
    { "ansible", "retries", &config_type_number, FIELD(retries), "6", NUMBER(0, 1000),
      .help = "attempts after the first one where a guest was unreachable" },
    { "ansible", "retries-failed", &config_type_number, FIELD(retries_failed), "0", NUMBER(0, 1000),
      .help = "and where a task failed" },
    { "ansible", "retry-first", &config_type_duration, FIELD(retry_first), "15s", NUMBER(100, S(86400)),
      .help = "wait before the second attempt; then doubled" },
    { "ansible", "retry-max", &config_type_duration, FIELD(retry_max), "10m", NUMBER(100, S(86400)),
      .help = "the longest of these waits" },
    { "ansible", "silence", &config_type_duration, FIELD(silence), "60s", NUMBER(S(1), S(3600)),
      .help = "a guest that is home and reports nothing so long is asked over SSH whether cloud-init has ended" },
    { "ansible", "time-limit", &config_type_duration, FIELD(run_limit), "1h", NUMBER(S(1), DAYS(7)),
      .help = "how long a run may take before all of its processes are killed" },
    { "ansible", "task-limit", &config_type_duration, FIELD(task_limit), "30m", NUMBER(0, DAYS(7)),
      .help = "and one task on one guest, so that one that hangs fails alone; 0s: as long as it likes" },
    { "ansible", "log-cap", &config_type_size, FIELD(run_log_cap), "4M", NUMBER(KIB(16), GIB(1)),
      .help = "bytes of a run's log that are kept" },
    { "ansible", "keep", &config_type_number, FIELD(runs_kept), "500", NUMBER(10, 100000),
      .help = "runs on record with their logs" },
    { "ansible", "age", &config_type_duration, FIELD(runs_age), "90d", NUMBER(MINUTES(1), DAYS(3650)),
      .help = "and how long they are kept" },
    { "ansible", "whole-inventory", &config_type_number, FIELD(whole_inventory), "1000", NUMBER(0, 100000),
      .help = "instances up to which a run sees all of them; above, its own and those of groups that are needed" },

    { "limits", "starting", &config_type_duration, FIELD(limit_starting), "1m", NUMBER(S(1), DAYS(30)),
      .help = "from the intent to a running QEMU; over a limit a guest is overdue" },
    { "limits", "launched", &config_type_duration, FIELD(limit_launched), "2m", NUMBER(S(1), DAYS(30)),
      .help = "from there to the first seed request" },
    { "limits", "seeded", &config_type_duration, FIELD(limit_seeded), "5m", NUMBER(S(1), DAYS(30)),
      .help = "from there to the phone-home" },
    { "limits", "stopping", &config_type_duration, FIELD(limit_stopping), "2m", NUMBER(S(1), DAYS(30)),
      .help = "from the wish to the end" },
    { "limits", "restarts", &config_type_number, FIELD(restarts_max), "10", NUMBER(0, 100),
      .help = "a guest that restarts itself so often is in a loop, is ended and has failed; 0: never" },
    { "limits", "restarts-within", &config_type_duration, FIELD(restarts_within), "10m", NUMBER(S(1), DAYS(1)),
      .help = "within so long" },
    { "limits", "exit", &config_type_duration, FIELD(exit_limit), "10s", NUMBER(0, S(3600)),
      .help = "one that shuts itself down so soon after its launch, before it ever asked for its seed, has failed" },
    { "limits", "tcg-factor", &config_type_number, FIELD(tcg_factor), "4", NUMBER(1, 100),
      .help = "the first three are so many times longer without KVM" },

    { "events", "age", &config_type_duration, FIELD(events_age), "90d", NUMBER(MINUTES(1), DAYS(3650)),
      .help = "events are kept so long" },
    { "events", "per-instance", &config_type_number, FIELD(events_per_instance), "1000", NUMBER(10, 1000000),
      .help = "and so many of each instance, or up to a sixteenth more" },
    { "events", "unknown-callers", &config_type_number, FIELD(unknown_callers), "256", NUMBER(1, 65536),
      .help = "callers with an unknown tag that are listed" },
    { "events", "reports-per-minute", &config_type_number, FIELD(reports_per_minute), "600", NUMBER(1, 100000),
      .help = "cloud-init reports taken from one instance" },

    { "projections", "coalesce", &config_type_duration, FIELD(coalesce), "200ms", NUMBER(0, S(60)),
      .help = "changes within this time are written together" },
    { "projections", "ssh-key", &config_type_path, FIELD(ssh_key), "",
      .help = "private key named in inventory and ssh-config; empty: SSH's defaults" },
};
/* clang-format on */
_Static_assert(ARRAY_SIZE(rows) <= CONFIG_ROWS_MAX, "config.origin has a place for each row");

const struct config_row *config_rows(size_t *ret_n)
{
    *ret_n = ARRAY_SIZE(rows);
    return rows;
}

size_t config_index(const struct config_row *r)
{
    return (size_t)(r - rows);
}

const struct config_row *config_row(const char *section, const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strcmp(rows[i].section, section) == 0 && strcmp(rows[i].key, key) == 0)
            return &rows[i];
    }
    return NULL;
}

int config_put(struct config *c, const struct config_row *r, const char *text,
               struct config_origin origin, struct err *e)
{
    if (r->type->read(r, text, (char *)c + r->offset, e) < 0)
        return err_wrap(e, "[%s] %s", r->section, r->key);
    c->origin[config_index(r)] = origin;
    return 0;
}

void config_value(const struct config *c, const struct config_row *r, struct buf *out)
{
    r->type->print(r, (const char *)c + r->offset, out);
}

static bool first_of_section(size_t i)
{
    return i == 0 || strcmp(rows[i - 1].section, rows[i].section) != 0;
}

int config_unknown(const char *section, const char *key, struct err *e)
{
    auto_buf struct buf keys = BUF_INIT, sections = BUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strcmp(rows[i].section, section) == 0)
            buf_printf(&keys, "%s%s", keys.len ? ", " : "", rows[i].key);
        if (first_of_section(i))
            buf_printf(&sections, "%s%s", sections.len ? ", " : "", rows[i].section);
    }
    if (!keys.len)
        return err_set(e, ERR_INVALID, "[%.64s]: no such section; there are %s, hook NAME", section,
                       buf_str(&sections));
    return err_set(e, ERR_INVALID, "[%s] %.64s: no such key; there are %s", section, key,
                   buf_str(&keys));
}
