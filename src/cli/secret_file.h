/*
 * Keys that come from the configuration, else from a file in the data folder that is made once: the one that stored secrets are
 * sealed with (secret.key), and the one that tokens are signed with (jwt.key).
 */
#ifndef TIDEMARK_CLI_SECRET_FILE_H
#define TIDEMARK_CLI_SECRET_FILE_H

#include "cli/config.h"

/*
 * The text of the key, in a: of the setting, else of the file of that name. made_out: the file that was written just now,
 * or STR_NONE. The folder must exist. E_CONFIG when the file cannot be read or is open to others, E_UNAVAILABLE when it
 * cannot be written.
 */
MUST_USE bool secret_file_get(const struct config *config, enum setting_id setting, const char *file, struct arena *a,
                              struct str *secret_out, struct str *made_out, struct err *err);
/* Takes a file back that was made just now and turned out to be of no use. */
void secret_file_unmake(struct arena *a, struct str file);

/* Small files as a whole. STR_NONE with err. Used for server.json too. */
struct str file_read(struct arena *a, struct str path, size_t bytes_max, struct err *err);
/* Writes a new file of mode 0600 beside it and moves it there, so that nobody sees half of it. */
MUST_USE bool file_write(struct arena *a, struct str path, struct str text, struct err *err);

#endif
