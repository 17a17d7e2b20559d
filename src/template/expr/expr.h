/*
 * Expressions: text with {{ ... }} and {% ... %}, compiled once, evaluated often.
 *
 * The language is a subset of Jinja as low-code manifests use it (docs/expressions.md lists it). The
 * result of an evaluation is text that then goes through the reading of a Python literal: "1_000"
 * becomes an integer, "{'a': 1}" a dict, "true" stays text. Callers that want the text as it is say so.
 *
 * Expressions come from templates, which are untrusted: evaluation counts steps, depth and bytes
 * against base/limits.h and fails with E_LIMIT; it opens no file or socket and calls nothing outside.
 * An expression that cannot be parsed fails when it is evaluated, not when it is compiled, so that one
 * broken field does not take a template down (E_EXPRESSION, with the position).
 */
#ifndef TIDEMARK_TEMPLATE_EXPR_H
#define TIDEMARK_TEMPLATE_EXPR_H

#include "template/expr/value.h"

struct expr; /* immutable once compiled: shared by threads */

/* text must live as long as the arena. NULL only when the arena is full. */
struct expr *expr_compile(struct arena *a, struct str text);
struct str expr_source(const struct expr *e);
/* No braces at all: the text is the result (still coerced by expr_eval). */
bool expr_is_plain(const struct expr *e);
/* NULL, or why evaluation would fail: the syntax error with its byte position. */
const char *expr_syntax_error(const struct expr *e);
/* Does it look up this variable anywhere ("record", "stream_slice")? */
bool expr_uses(const struct expr *e, struct str variable);

#define EXPR_VARIABLES_MAX 24

/* Why the last evaluation failed: callers treat some kinds gently (a map's entry is dropped, a condition is false). */
enum expr_failure {
    EXPR_FAILED_NOT,
    EXPR_FAILED_SYNTAX,
    EXPR_FAILED_UNKNOWN,   /* a variable that the scope does not have, or an unknown filter, function, test */
    EXPR_FAILED_UNDEFINED, /* a missing key was looked into, called or calculated with */
    EXPR_FAILED_TYPE,      /* an operation that these types do not have */
    EXPR_FAILED_VALUE,     /* right types, impossible values: a date that is none, division by zero */
    EXPR_FAILED_LIMIT,
};

struct expr_scope {
    struct arena *arena;     /* results and work live here */
    int64_t now_us;          /* what now_utc() and today_utc() say */
    unsigned steps_left;     /* set to LIMIT_EXPRESSION_STEPS by expr_scope_init; shared by evaluations in it */
    enum expr_failure failure; /* of the last evaluation that failed in it */
    bool as_reference;       /* wrong types give the template's own text, as the field's readers have it; else they are an error */
    bool keep_types;         /* no coercion: one {{ }} alone gives its value as it is, anything else its text */
    size_t count;
    struct {
        struct str name;
        struct value value;
    } variables[EXPR_VARIABLES_MAX];
};

void expr_scope_init(struct expr_scope *scope, struct arena *a, int64_t now_us);
/* Sets or replaces. `stream_interval` and `stream_partition` are aliases of `stream_slice` by themselves. */
void expr_scope_set(struct expr_scope *scope, struct str name, struct value value);

/*
 * Evaluates and coerces. An unknown variable, a missing key in the middle of a chain, an unknown filter,
 * wrong types: E_EXPRESSION with words that quote the expression. A missing key at the end gives
 * VALUE_UNDEFINED for an expression that is nothing but that look-up, else empty text.
 */
MUST_USE bool expr_eval(const struct expr *e, struct expr_scope *scope, struct value *value_out, struct err *err);
/* The text before coercion. */
MUST_USE bool expr_eval_text(const struct expr *e, struct expr_scope *scope, struct str *text_out, struct err *err);
/*
 * For boolean fields: false for the fixed list of false results (empty, "False", "false", "0", "0.0",
 * "{}", "[]", "()"), else true; a result of none or one blank counts as true (manifest-format, section 3).
 * Looking into something missing (EXPR_FAILED_UNDEFINED) counts as false, which is the reference's default of
 * a condition. Wrong types fail; the reference takes the text of the template instead, which is true (as_reference).
 */
MUST_USE bool expr_eval_bool(const struct expr *e, struct expr_scope *scope, bool *result_out, struct err *err);
/* Regular expressions by themselves. The compiled form lives in a, is not changed by use; NULL: broken, or too long. */
void *regex_prepare(struct arena *a, struct str pattern);
/* Is it anywhere in the text? What would need too much work is not. */
bool regex_finds(void *regex, struct arena *scratch, struct str text);
/*
 * The coercion alone: what a result text becomes. Strings in the result may point into `text`, which must
 * live as long as they do. Text that is no literal, or too large a one, comes back as it is.
 */
struct value value_from_literal(struct arena *a, struct str text);

#endif
