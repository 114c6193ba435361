#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/core_check.h"

void check_row(json_t *list, const char *name, const char *level, const char *detail,
               const char *mend)
{
    json_array_append_new(list, json_pack("{s:s, s:b, s:s, s:s, s:s}", "name", name, "ok",
                                          !strcmp(level, "ok"), "level", level, "detail", detail,
                                          "mend", mend));
}

bool check_in_path(const char *program)
{
    const char *path = getenv("PATH"), *end;
    char full[PATH_SIZE];

    if (strchr(program, '/'))
        return access(program, X_OK) == 0;
    for (; path && *path; path = *end ? end + 1 : end) {
        end = strchrnul(path, ':');
        snprintf(full, sizeof full, "%.*s/%s", (int)(end - path), path, program);
        if (access(full, X_OK) == 0)
            return true;
    }
    return false;
}
