/* The functions of the commands, by file, and what they share. The table is commands.c. */
#ifndef TIDEMARK_CLI_COMMANDS_PRIV_H
#define TIDEMARK_CLI_COMMANDS_PRIV_H

#include "cli/client.h"
#include "cli/out.h"

/* cmd_serve.c */
enum exit_code cmd_serve(struct cli *cli);
enum exit_code cmd_sandbox(struct cli *cli);
/* cmd_connections.c */
enum exit_code cmd_connect(struct cli *cli);
enum exit_code cmd_connections(struct cli *cli);
/* cmd_sync.c */
enum exit_code cmd_sync(struct cli *cli);
/* cmd_runs.c */
enum exit_code cmd_runs(struct cli *cli);
enum exit_code cmd_logs(struct cli *cli);
/* cmd_jobs.c */
enum exit_code cmd_jobs(struct cli *cli);
/* cmd_status.c */
enum exit_code cmd_status(struct cli *cli);
/* cmd_state.c */
enum exit_code cmd_state(struct cli *cli);
enum exit_code cmd_rejected(struct cli *cli);
enum exit_code cmd_deletes(struct cli *cli);
/* cmd_conflicts.c */
enum exit_code cmd_conflicts(struct cli *cli);
/* cmd_webhooks.c */
enum exit_code cmd_webhooks(struct cli *cli);
/* cmd_entities.c */
enum exit_code cmd_entities(struct cli *cli);
enum exit_code cmd_export(struct cli *cli);
/* cmd_import.c */
enum exit_code cmd_import(struct cli *cli);
/* cmd_templates.c */
enum exit_code cmd_templates(struct cli *cli);
/* cmd_admin.c */
enum exit_code cmd_tenants(struct cli *cli);
enum exit_code cmd_keys(struct cli *cli);
enum exit_code cmd_users(struct cli *cli);
enum exit_code cmd_audit(struct cli *cli);
/* cmd_config.c */
enum exit_code cmd_config(struct cli *cli);
/* cmd_manifest.c */
enum exit_code cmd_manifest(struct cli *cli);
/* cmd_backup.c */
enum exit_code cmd_backup(struct cli *cli);
enum exit_code cmd_restore(struct cli *cli);
/* cmd_care.c */
enum exit_code cmd_migrate(struct cli *cli);
enum exit_code cmd_doctor(struct cli *cli);
enum exit_code cmd_version(struct cli *cli);

/* A command's work with a client opened for it; a false with err becomes message and exit code. */
typedef bool client_fn(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err);
enum exit_code with_client(struct cli *cli, client_fn *fn);
/* GETs a list and prints it: as JSON with --json, else as a table. */
MUST_USE bool print_list(struct cli *cli, struct client *c, struct str path, const struct out_column *columns,
                         const char *nothing, struct err *err);
/* The same for one thing. */
MUST_USE bool print_one(struct cli *cli, struct client *c, const char *method, struct str path, struct str body,
                        const struct out_column *columns, struct err *err);
/* "?limit=..&page=.." from --limit and --page; E_USAGE. */
MUST_USE bool list_query(struct cli *cli, struct str *query_out, struct err *err);
/* How this program was called, with the settings that the next command needs too: for hints to copy and paste. */
struct str called_as(struct cli *cli);
/* Percent-encoded for a path or query; in the arena. */
struct str encoded(struct cli *cli, struct str text);

#endif
