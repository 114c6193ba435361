#include "netcfg/doctor_judge.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 4, 0))) static void add(struct judge *j, int grade, const char *what,
                                                      const char *fmt, va_list ap)
{
    if (j->count == FINDINGS_MAX)
        return;
    struct finding *f = &j->ret[j->count++];
    *f = (struct finding){ .mend = "" };
    f->grade = grade;
    snprintf(f->what, sizeof f->what, "%s", what);
    vsnprintf(f->cause, sizeof f->cause, fmt, ap);
}

void judge_fault(struct judge *j, int grade, const char *what, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(j, grade, what, fmt, ap);
    va_end(ap);
}

void judge_fine(struct judge *j, const char *what, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(j, FINDING_OK, what, fmt, ap);
    va_end(ap);
}

void judge_mend(struct judge *j, const char *fmt, ...)
{
    struct finding *f = &j->ret[j->count - 1];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(f->mend, sizeof f->mend, fmt, ap);
    va_end(ap);
}

bool judge_dnsmasq(const struct judge *j)
{
    return !j->n || j->n->kind != NETWORK_BRIDGED || j->n->dhcp;
}
