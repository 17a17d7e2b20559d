/*
 * Objects of a request whose members we name: options, rules, schedules. A member that is not among them is a slip of the pen whose
 * effect would be missed in silence, so it is refused; only what stands at the top of a request is passed over (contract, section 2).
 */
#ifndef TIDEMARK_ENGINE_MEMBERS_H
#define TIDEMARK_ENGINE_MEMBERS_H

#include "base/err.h"
#include "json/json.h"

/*
 * Has `object` no member but `names`, which NULL ends? E_VALIDATION_FAILED at the first other one, with the names that there are.
 * place   the JSON pointer of the object: "/rules".
 * object  NULL and anything that is no object have no members.
 */
MUST_USE bool members_check(yyjson_val *object, const char *place, const char *const *names, struct err *err);

#endif
