/*
 * The parts of loading a template (template.c), in the order in which they are called. Each fills its members of `t` and
 * returns false with c->err set.
 */
#ifndef TIDEMARK_TEMPLATE_LOAD_PRIV_H
#define TIDEMARK_TEMPLATE_LOAD_PRIV_H

#include "template/plan_priv.h"

/* t->info from the manifest's head and extension block, and the compiled form. `name` serves where the manifest gives none. */
bool template_read_info(struct compiler *c, struct template *t, struct str name);
/* The rules for the configuration (they change c->config), then the streams, what of them is mapped, `reads` and `test`. */
bool template_compile_streams(struct compiler *c, struct template *t);

#endif
