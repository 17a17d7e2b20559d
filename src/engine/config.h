/*
 * Configurations: merging what a person changes, and keeping them sealed.
 *
 * A configuration (credentials included) is sealed whole, bound to tenant, connection and field, and stands
 * in the row as one JSON string. In memory it is clear only while a run, a test or a reply needs it.
 */
#ifndef TIDEMARK_ENGINE_CONFIG_H
#define TIDEMARK_ENGINE_CONFIG_H

#include "crypt/digest.h"
#include "engine/keyring.h"
#include "json/json.h"
#include "template/template.h"

/*
 * JSON merge patch (RFC 7396) over a configuration. A secret sent back as its mask keeps the stored value.
 * old may be NULL. NULL when the arena is full.
 */
yyjson_val *config_merge(const struct template *t, struct arena *a, yyjson_val *old, yyjson_val *patch);

/* Whose configuration it is. */
struct config_place {
    int64_t tenant;
    struct str tenant_uuid, connection_uuid;
    struct str field;     /* "config" or "tokens" */
};
/* The text for the row. */
MUST_USE bool config_seal(struct keyring *k, const struct config_place *place, struct arena *a, yyjson_val *config,
                          struct str *text_out, struct err *err);
/* text is the row's. STR_NONE gives NULL. The values live in a: config_wipe them. */
MUST_USE bool config_open(struct keyring *k, const struct config_place *place, struct arena *a, struct str text,
                          yyjson_val **config_out, struct err *err);

/* Calls fn for each secret text of a configuration. */
void config_each_secret(const struct template *t, yyjson_val *config, void (*fn)(struct str secret));
/*
 * Whose account at the vendor it is, as a digest: the same for two connections with the same address and the same secrets. A
 * configuration without secrets is like no other: `otherwise` stands for it. E_NO_MEMORY.
 */
MUST_USE bool config_credential(const struct template *t, yyjson_val *config, struct str address, struct str otherwise,
                                char text[SHA256_TEXT_BYTES], struct err *err);
/* Overwrites the secrets of a configuration that config_open gave; the rest stays readable. */
void config_wipe_secrets(const struct template *t, yyjson_val *config);
/* Overwrites every text of a value that lives in this arena (others belong to a template). Accepts NULL. */
void config_wipe(const struct arena *a, yyjson_val *config);
/* XXH3 over the canonical form without secrets: a change of it makes the next run full. */
MUST_USE bool config_hash(const struct template *t, struct arena *a, yyjson_val *config, yyjson_val *tokens, uint64_t *hash_out,
                          struct err *err);

#endif
