/* The options of the commands (cli/commands.c): tables that end in a row without a name. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/command.h"

extern const struct option apply_options[];
extern const struct option instance_list_options[];
extern const struct option start_options[];
extern const struct option rebuild_options[];
extern const struct option insert_options[];
extern const struct option eject_options[];
extern const struct option stop_options[];
extern const struct option remove_options[];
extern const struct option trash_restore_options[];
extern const struct option trash_empty_options[];
extern const struct option wait_options[];
extern const struct option events_options[];
extern const struct option console_options[];
extern const struct option ssh_options[];
extern const struct option instance_export_options[];
extern const struct option instance_import_options[];
extern const struct option cp_options[];
extern const struct option instance_create_options[];
extern const struct option instance_modify_options[];
extern const struct option adopt_options[];
extern const struct option seed_explain_options[];
extern const struct option seed_url_options[];
extern const struct option seed_export_options[];
extern const struct option network_create_options[];
extern const struct option network_export_options[];
extern const struct option identity_create_options[];
extern const struct option identity_modify_options[];
extern const struct option ansible_init_options[];
extern const struct option restore_options[];
extern const struct option image_create_options[];
extern const struct option image_gc_options[];
extern const struct option task_wait_options[];
extern const struct option run_options[];
extern const struct option runs_options[];
extern const struct option run_show_options[];

#endif
