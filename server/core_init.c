/* roost ansible init: Ansible's documents for people to edit, written where there are none. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ansible/init.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_ansible.h"
#include "server/core_ops.h"

struct paths {
    char directory[PATH_SIZE + 80], program[PATH_SIZE];
    char inventory[PATH_SIZE + 64], ssh_config[PATH_SIZE + 64], known_hosts[PATH_SIZE + 64];
};

/* Beside roost-core, where the programs of one build are; else whatever PATH has. */
static void find_program(char ret[PATH_SIZE])
{
    ssize_t n = readlink("/proc/self/exe", ret, PATH_SIZE - sizeof("/" INIT_PROGRAM));
    char *slash;

    ret[n > 0 ? n : 0] = '\0';
    if ((slash = strrchr(ret, '/')))
        strcpy(slash + 1, INIT_PROGRAM);
    if (!slash || access(ret, X_OK) < 0)
        strcpy(ret, INIT_PROGRAM);
}

static void find_paths(const struct core *c, const char *instance, struct paths *p)
{
    const char *s = c->config.state;

    if (instance)
        snprintf(p->directory, sizeof p->directory, "%s/" DIR_INSTANCES "/%s", s, instance);
    else
        core_playbooks_dir(&c->config, p->directory);
    snprintf(p->inventory, sizeof p->inventory, "%s/" DIR_GENERATED "/" FILE_INVENTORY, s);
    snprintf(p->ssh_config, sizeof p->ssh_config, "%s/" DIR_GENERATED "/" FILE_SSH_CONFIG, s);
    snprintf(p->known_hosts, sizeof p->known_hosts, "%s/" DIR_GENERATED "/" FILE_KNOWN_HOSTS, s);
    find_program(p->program);
}

/* Never in place of one that is there, however it came: link(2) makes a name or fails. Returns the
 * word for what became of it. */
static const char *write_once(int dir, const struct init_doc *d, struct err *e)
{
    auto_buf struct buf there = BUF_INIT;
    char made[64];
    struct err why = { 0 };

    if (file_read(dir, d->file, 1 << 20, &there, &why) == 0)
        return there.len == d->text.len && !memcmp(buf_str(&there), buf_str(&d->text), there.len)
                   ? "unchanged"
                   : "kept";
    if (why.kind != ERR_NOT_FOUND)
        return "kept"; /* whatever it is, it is a person's */
    snprintf(made, sizeof made, ".%s.new", d->file);
    if (file_replace(dir, made, buf_str(&d->text), d->text.len, d->mode, NULL, e) < 0)
        return NULL;
    int r = linkat(dir, made, dir, d->file, 0), os = errno;
    unlinkat(dir, made, 0);
    errno = os;
    if (r < 0 && os != EEXIST) {
        err_sys(e, "%s", d->file);
        return NULL;
    }
    return r < 0 ? "kept" : dir_sync(dir, e) < 0 ? NULL : "written";
}

static json_t *write_all(const char *directory, const struct init_doc docs[INIT_DOCS],
                         struct err *e)
{
    auto_close int dir = dir_make_all(directory, 0755, e) < 0
                             ? -1
                             : open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    json_t *files = json_array();

    if (dir < 0) {
        if (!e->kind)
            err_sys(e, "%s", directory);
        json_decref(files);
        return NULL;
    }
    for (int i = 0; i < INIT_DOCS; i++) {
        const char *became = write_once(dir, &docs[i], e);
        if (!became) {
            err_wrap(e, "%s", directory);
            json_decref(files);
            return NULL;
        }
        json_array_append_new(files, json_pack("{s:s, s:s}", "file", docs[i].file, "is", became));
    }
    return json_pack("{s:s, s:o}", "directory", directory, "files", files);
}

json_t *core_ansible_init(struct core *c, const char *instance, struct err *e)
{
    struct init_doc docs[INIT_DOCS];
    struct paths p;
    struct guest g;

    if (instance && core_guest(c, instance, &g, e) < 0)
        return NULL;
    find_paths(c, instance, &p);
    const struct init_what w = { .for_ = instance ? INIT_INSTANCE : INIT_FLEET,
                                 .directory = p.directory,
                                 .state = c->config.state,
                                 .instance = instance ? instance : "",
                                 .inventory = p.inventory,
                                 .program = p.program,
                                 .ssh_config = p.ssh_config,
                                 .known_hosts = p.known_hosts,
                                 .ssh_key = c->config.ssh_key };
    if (init_render(&w, docs, e) < 0)
        return NULL;
    json_t *j = write_all(p.directory, docs, e);
    for (int i = 0; i < INIT_DOCS; i++)
        buf_done(&docs[i].text);
    return j;
}
