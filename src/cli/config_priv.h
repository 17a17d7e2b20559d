/* Between the files that fill a configuration. */
#ifndef TIDEMARK_CLI_CONFIG_PRIV_H
#define TIDEMARK_CLI_CONFIG_PRIV_H

#include "cli/config.h"

/* Checks and keeps one value; the texts must live as long as c. E_CONFIG names the origin and the limits. */
MUST_USE bool config_set(struct config *c, enum setting_id id, struct str text, struct str origin, struct err *err);
MUST_USE bool config_add_base_url(struct config *c, struct str template_name, struct str url, struct str origin,
                                  struct err *err);
/* Reads a YAML file over what is there. E_CONFIG with file, line and column. */
MUST_USE bool config_read_yaml(struct config *c, struct arena *a, struct str path, struct err *err);

#endif
