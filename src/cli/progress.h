/*
 * Watching a run to its end: a bar on a terminal, plain lines elsewhere, nothing with --json.
 */
#ifndef TIDEMARK_CLI_PROGRESS_H
#define TIDEMARK_CLI_PROGRESS_H

#include "cli/client.h"

/*
 * Asks until the run is finished, or the user pressed Ctrl-C (progress_interrupted); run_out is the run as the API
 * shows it, in a. E_CONFLICT for a run that is paused.
 */
MUST_USE bool progress_watch(struct client *c, const struct cli *cli, struct arena *a, struct str run_id,
                             struct client_reply *run_out, struct err *err);
bool progress_interrupted(void);
/* One honest sentence about a finished run, and what to do when it did not go well. program: how to call us again. */
void progress_sentence(yyjson_val *run, struct str program);
/* 0, 1 or 4: what `sync` exits with for this run. */
enum exit_code progress_exit_code(yyjson_val *run);

#endif
