#include "base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BOOT_ID_LEN 36

/* Stamps have four digits for the year: -30610224000 is 1000-01-01, 253402300799 the end of 9999.
 */
#define REAL_MS_MIN (INT64_C(-30610224000) * 1000)
#define REAL_MS_MAX (INT64_C(253402300799) * 1000 + 999)

static char boot_id[BOOT_ID_LEN + 1];

static int64_t now_ms(clockid_t id)
{
    struct timespec ts = { 0 };

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct instant clock_now(void)
{
    return (struct instant){ .real_ms = now_ms(CLOCK_REALTIME), .boot_ms = now_ms(CLOCK_BOOTTIME) };
}

/* Kept for the next call: the lines of a busy log are of one second. */
static const char *second_text(time_t s)
{
    static __thread time_t last;
    static __thread char text[21];
    struct tm tm = { 0 };

    if (s != last || !text[0]) {
        gmtime_r(&s, &tm);
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.", &tm);
        last = s;
    }
    return text;
}

const char *clock_rfc3339(int64_t real_ms, char out[25])
{
    if (real_ms < REAL_MS_MIN)
        real_ms = REAL_MS_MIN;
    if (real_ms > REAL_MS_MAX)
        real_ms = REAL_MS_MAX;
    int ms = (int)(real_ms % 1000);
    if (ms < 0)
        ms += 1000;
    memcpy(out, second_text((time_t)((real_ms - ms) / 1000)), 20);
    out[20] = (char)('0' + ms / 100);
    out[21] = (char)('0' + ms / 10 % 10);
    out[22] = (char)('0' + ms % 10);
    out[23] = 'Z';
    out[24] = '\0';
    return out;
}

static void read_boot_id(void)
{
    auto_close int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || read(fd, boot_id, BOOT_ID_LEN) != BOOT_ID_LEN)
        memset(boot_id, 0, sizeof(boot_id));
}

const char *clock_boot_id(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, read_boot_id);
    return boot_id;
}
