#include "netcfg/sysctl.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/network.h"

/* Keys as before and behind the device; device-less ones have no `after`. */
struct key {
    const char *before, *after;
    char max; /* values are one digit of '0' to this */
};
static const struct key keys[] = {
    { "net.ipv4.ip_forward", NULL, '1' },
    { "net.ipv4.conf.", ".rp_filter", '2' },
    { "net.ipv6.conf.", ".accept_ra", '2' },
    { "net.ipv6.conf.", ".disable_ipv6", '1' },
};

/* A bridge of ours: "rb-" and lower-case letters, digits, hyphens. No dot and no slash, so that a
 * key has one path. */
static bool device_is_ours(const char *s, size_t len)
{
    if (len < 4 || len >= IFNAME_SIZE || memcmp(s, "rb-", 3) != 0)
        return false;
    for (size_t i = 3; i < len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", s[i]))
            return false;
    return true;
}

static bool key_is(const struct key *k, const char *s)
{
    const size_t len = strlen(s), before = strlen(k->before);

    if (!k->after)
        return !strcmp(s, k->before);
    const size_t after = strlen(k->after);
    return len > before + after && !memcmp(s, k->before, before) &&
           !memcmp(s + len - after, k->after, after) &&
           device_is_ours(s + before, len - before - after);
}

static const struct key *key_find(const char *s, struct err *e)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (key_is(&keys[i], s))
            return &keys[i];
    err_set(e, ERR_INVALID,
            "sysctl \"%.80s\": not one that a network sets; expected net.ipv4.ip_forward, "
            "net.ipv4.conf.rb-NAME.rp_filter, net.ipv6.conf.rb-NAME.disable_ipv6 or .accept_ra",
            s);
    return NULL;
}

int sysctl_check(const char *key, const char *value, struct err *e)
{
    const struct key *k = key_find(key, e);

    if (!k)
        return -1;
    if (strlen(value) != 1 || *value < '0' || *value > k->max)
        return err_set(e, ERR_INVALID, "sysctl %s = \"%.20s\": expected 0 to %c", key, value,
                       k->max);
    return 0;
}

/* The key's file; its dots are slashes, and no device of ours has one. */
static int key_open(const char *key, int flags, struct err *e)
{
    char path[128] = "/proc/sys/";
    const size_t root = strlen(path);

    if (!key_find(key, e))
        return -1;
    snprintf(path + root, sizeof path - root, "%s", key);
    for (char *p = path + root; *p; p++)
        if (*p == '.')
            *p = '/';
    const int fd = open(path, flags | O_CLOEXEC);
    return fd < 0 ? err_sys(e, "sysctl %s", key) : fd;
}

int sysctl_read(const char *key, char ret[SYSCTL_VALUE_MAX], struct err *e)
{
    auto_close int fd = key_open(key, O_RDONLY, e);
    char text[SYSCTL_VALUE_MAX];

    if (fd < 0)
        return -1;
    const ssize_t n = read(fd, text, sizeof text - 1);
    if (n < 0)
        return err_sys(e, "sysctl %s: reading", key);
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    memcpy(ret, text, sizeof text);
    return 0;
}

int sysctl_write(const char *key, const char *value, struct err *e)
{
    char text[4];

    if (sysctl_check(key, value, e) < 0)
        return -1;
    struct err why = { 0 };
    auto_close int fd = key_open(key, O_WRONLY, &why);
    if (fd < 0 && why.kind == ERR_NOT_FOUND && !strncmp(key, "net.ipv6.", 9))
        return 0; /* ipv6.disable=1: there is nothing to be kept from */
    if (fd < 0) {
        if (e)
            *e = why;
        return -1;
    }
    const int len = snprintf(text, sizeof text, "%s\n", value);
    if (write(fd, text, (size_t)len) != len)
        return err_sys(e, "sysctl %s = %s", key, value);
    return 0;
}
