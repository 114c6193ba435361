/* The functions behind the rows of the command table. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cli.h"
#include "cli/out.h"

typedef int command_fn(struct cli *c, const struct args *a, struct err *e);

/* events.c: as a table for people */
int print_events(struct cli *c, const json_t *events, struct err *e);
/* apply.c: warnings of an apply's answer, to standard error */
void print_warnings(const json_t *answer);
/* An answer with a plan and warnings, of which csv and name show the rows of the plan. Takes it; NULL
 * for NULL. */
json_t *plan_answer(const struct cli *c, json_t *answer);

/* status.c: of "ok", "warn", "error" */
enum tint tint_of_level(const char *level);

/* ansible.c */
command_fn run_ansible_init;

command_fn run_apply;                                                 /* apply.c */
command_fn run_instance_list;                                         /* instance_list.c */
command_fn run_instance_show;                                         /* instance.c */
command_fn run_start, run_stop, run_restart, run_remove, run_rebuild, run_reset; /* operate.c */
command_fn run_trash_list, run_trash_restore, run_trash_empty;         /* trash.c */
command_fn run_instance_rename;                                       /* rename.c */
command_fn run_instance_create, run_instance_modify;                  /* instance_create.c */
command_fn run_eject;                                                  /* operate.c */
command_fn run_instance_insert;                                        /* medium.c */
command_fn run_seed_show, run_seed_explain, run_seed_export;           /* seed.c */
command_fn run_unknown_list, run_adopt, run_forget, run_seed_url;     /* external.c */
command_fn run_wait;                                                  /* wait.c */
command_fn run_status, run_check, run_paths;                          /* status.c */
command_fn run_events;                                                /* events.c */
command_fn run_console;                                               /* console.c */
command_fn run_instance_export, run_instance_import;                  /* move.c */
command_fn run_ssh, run_cp;                                           /* ssh.c */
command_fn run_vnc;                                                   /* vnc.c */
command_fn run_ssh_config, run_inventory, run_known_hosts, run_sync;  /* generated.c */
command_fn run_metrics;                                               /* generated.c */
command_fn run_identity_list, run_image_list, run_group_list;         /* definition.c */
command_fn run_identity_create, run_identity_show, run_identity_modify; /* identity.c */
command_fn run_identity_remove, run_image_verify, run_image_remove, run_task_cancel; /* operate.c */
command_fn run_image_create, run_image_show, run_image_gc, run_image_catalogue; /* image.c */
command_fn run_task_list, run_task_show, run_task_wait;    /* task.c */
command_fn run_network_up, run_network_down, run_network_remove;      /* operate.c */
command_fn run_network_list, run_network_show, run_network_plan, run_network_export; /* network.c */
command_fn run_network_create;                                    /* network_create.c */
command_fn run_network_check;                                     /* network_check.c */
command_fn run_forward_add, run_forward_list, run_forward_remove; /* forward.c */
command_fn run_store_backup, run_store_check;                     /* store.c */
command_fn run_store_restore;                                     /* restore.c */
command_fn run_run, run_runs, run_run_show, run_run_cancel;           /* run.c */
command_fn run_completion;                                            /* completion.c */
command_fn run_help, run_version;                                 /* help.c */

#endif
