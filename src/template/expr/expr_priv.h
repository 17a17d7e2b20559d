/*
 * Expressions, for the files that read and run them: tokens, the tree, the evaluator's state, and the
 * registers of functions, filters, methods and tests.
 *
 * A text is compiled to a list of statements whose expressions are trees of nodes, all in the caller's
 * arena and never changed afterwards. Evaluation keeps its own state in `struct eval` on the stack.
 * Depth is bounded twice: the parser counts its own recursion, and each node knows how deep its tree is.
 */
#ifndef TIDEMARK_TEMPLATE_EXPR_PRIV_H
#define TIDEMARK_TEMPLATE_EXPR_PRIV_H

#include "base/buf.h"
#include "template/expr/expr.h"
#include "template/expr/value_priv.h"

/* ---- the tree ---- */

enum node_type {
    NODE_CONSTANT,
    NODE_NAME,
    NODE_LIST,
    NODE_TUPLE,
    NODE_DICT,      /* items: key, value, key, value */
    NODE_ATTRIBUTE, /* left.name */
    NODE_ITEM,      /* left[right] */
    NODE_SLICE,     /* left[items 0:1:2], each may be NULL */
    NODE_FUNCTION,  /* name(...) */
    NODE_METHOD,    /* left.name(...) */
    NODE_FILTER,    /* left | name(...) */
    NODE_TEST,      /* left is name(...) */
    NODE_NOT,
    NODE_NEGATIVE,
    NODE_POSITIVE,
    NODE_AND,
    NODE_OR,
    NODE_CONCAT,    /* items joined as text */
    NODE_COMPARE,   /* left, then steps of an operator and an operand */
    NODE_ARITHMETIC,
    NODE_CONDITION, /* left if right else third */
};

enum operator {
    OPERATOR_ADD,
    OPERATOR_SUBTRACT,
    OPERATOR_MULTIPLY,
    OPERATOR_DIVIDE,
    OPERATOR_FLOOR_DIVIDE,
    OPERATOR_MODULO,
    OPERATOR_POWER,
    OPERATOR_EQUAL,
    OPERATOR_NOT_EQUAL,
    OPERATOR_LESS,
    OPERATOR_LESS_EQUAL,
    OPERATOR_GREATER,
    OPERATOR_GREATER_EQUAL,
    OPERATOR_IN,
    OPERATOR_NOT_IN,
};

struct callable;

struct named_node {
    struct str name;
    struct node *node;
};

struct node {
    enum node_type type;
    enum operator operator;
    unsigned depth;            /* of the tree below, itself included */
    struct str name;
    struct value constant;
    struct node *left, *right, *third;
    struct node **items;       /* positional arguments, list items */
    size_t count;
    struct named_node *named;  /* keyword arguments */
    size_t named_count;
    enum operator *operators;  /* NODE_COMPARE: one for each of items */
    const struct callable *callable; /* filter, test, function; NULL when there is none of that name */
    void *regex;               /* a constant pattern, compiled (expr_regex.c), else NULL */
};

enum statement_type {
    STATEMENT_TEXT,
    STATEMENT_OUTPUT,
    STATEMENT_IF,        /* expression; body; otherwise (an elif is an `if` there) */
    STATEMENT_FOR,       /* targets in expression if filter; body; otherwise */
    STATEMENT_SET,       /* targets = expression */
    STATEMENT_SET_BLOCK, /* target = what body prints */
    STATEMENT_WITH,      /* a scope: body */
    STATEMENT_FILTER,    /* what body prints, through the filter chain in expression */
};

struct statement {
    enum statement_type type;
    struct statement *next;
    struct str text;
    struct node *expression;
    struct node *condition;       /* of `for ... if` */
    struct str *targets;          /* names; more than one unpacks */
    size_t target_count;
    struct str attribute;         /* {% set ns.attribute = ... %}, else none */
    struct statement *body, *otherwise;
    bool uses_loop;               /* the body looks at `loop` */
};

struct expr {
    struct str source;
    const char *error;            /* of the syntax, or NULL */
    bool plain;
    struct value plain_value;     /* coerced once, at compile time */
    struct str plain_text;
    struct statement *body;
    struct node *single;          /* when the whole text is one {{ }} */
    bool lookup_only;             /* ... and that is nothing but a chain of look-ups */
    struct str *names;            /* every name that is looked up */
    size_t name_count;
    struct str *free_names;       /* those that must come from the scope */
    size_t free_name_count;
};

/* ---- reading ---- */

enum token_type { TOKEN_NAME, TOKEN_STRING, TOKEN_INTEGER, TOKEN_FLOAT, TOKEN_OPERATOR, TOKEN_TAG_END, TOKEN_BAD };

struct token {
    enum token_type type;
    struct str text;   /* of a string: the inside, escapes still there */
    size_t position;   /* byte in the source */
};

enum tag { TAG_OUTPUT, TAG_STATEMENT, TAG_NONE };

struct lexer {
    struct str source;
    size_t position;
    enum tag tag;       /* what we are inside of */
    unsigned brackets;  /* open ones: inside them }} does not end the tag */
};

/*
 * Outside a tag: takes the text up to the next one, comments skipped, blanks cut where the tag has a
 * minus. TAG_NONE at the end. False when a comment or raw block is not closed.
 */
bool lexer_next_text(struct lexer *lexer, struct str *text_out, enum tag *tag_out);
/* Inside a tag. TOKEN_TAG_END leaves it. */
struct token lexer_next_token(struct lexer *lexer);

struct parser {
    struct arena *arena;
    struct lexer lexer;
    struct token token;    /* the current one */
    struct token ahead;    /* the next one, where has_ahead */
    bool has_ahead;
    unsigned depth;
    unsigned branch_depth; /* inside {% if %} or an inline if unknown filters fail only when reached */
    unsigned loop_names;   /* how often `loop` was looked at */
    const char *error;
    struct str *names;
    size_t name_count, name_size;
    struct str *assigned;
    size_t assigned_count, assigned_size;
};

/* All return NULL after setting parser->error once. */
void *parser_fail(struct parser *p, const char *format, ...) PRINTF_LIKE(2, 3);
void parser_advance(struct parser *p);
struct token parser_peek(struct parser *p);
bool parser_at(const struct parser *p, const char *operator_text);
bool parser_at_name(const struct parser *p, const char *name);
bool parser_skip(struct parser *p, const char *operator_text);
bool parser_expect(struct parser *p, const char *operator_text);
bool parser_note_name(struct parser *p, struct str name);
bool parser_note_assigned(struct parser *p, struct str name);
struct node *parser_new_node(struct parser *p, enum node_type type, struct node *left, struct node *right);
bool parser_append(struct parser *p, struct node *parent, struct node *item);
/* The parent is deeper than its child; false past the limit. */
bool parser_deepen(struct parser *p, struct node *parent, const struct node *child);
/* Room for one more of `count` items: an array grows when its count is a power of two, so no size is kept. */
void *parser_grow(struct parser *p, void *items, size_t count, size_t item_bytes);
struct node *parse_primary(struct parser *p);
struct node *parse_postfix(struct parser *p, struct node *node);
struct node *parse_expression(struct parser *p);              /* may be a bare tuple */
struct node *parse_condition(struct parser *p, bool with_inline_if);
struct node *parse_filter_chain(struct parser *p, struct node *subject, bool first_is_named);
/* The whole text. */
struct statement *parse_statements(struct parser *p);

/* ---- running ---- */

struct binding {
    struct str name;
    struct value value;
    struct binding *next;
};

struct eval {
    const struct expr *expr;
    struct expr_scope *scope;
    struct arena *arena;
    struct err *err;
    struct binding *locals;      /* newest first */
    struct binding *scope_floor; /* names set below here belong to an outer scope */
    size_t arena_start_bytes;
    unsigned depth;
};

/* Each sets the error with the expression quoted, and the kind of failure in the scope. Return false. */
bool eval_fail(struct eval *ev, enum expr_failure failure, const char *format, ...) PRINTF_LIKE(3, 4);
bool eval_fail_undefined(struct eval *ev, struct value undefined);
bool eval_full(struct eval *ev); /* the arena or a byte limit is full: E_LIMIT */
#define BYTES_PER_STEP 1024 /* text is handled so much faster than nodes */
/* Counts work; false with E_LIMIT when too much was done. */
MUST_USE bool eval_charge(struct eval *ev, size_t steps);

/* The value of a variable or of its alias; NULL when the scope has none. */
const struct value *eval_find_variable(const struct expr_scope *scope, struct str name);
MUST_USE bool eval_node(struct eval *ev, const struct node *node, struct value *value_out);
MUST_USE bool eval_statements(struct eval *ev, const struct statement *first, struct buf *out);
bool eval_bind(struct eval *ev, struct str name, struct value value);
/* Undefined that remembers what was missing, for words. */
struct value eval_missing(struct str what);

/* Attribute (.name) and item ([key]) look-ups with Jinja's fallbacks. */
MUST_USE bool eval_attribute(struct eval *ev, struct value object, struct str name, struct value *value_out);
MUST_USE bool eval_slice(struct eval *ev, const struct node *node, struct value *value_out);
MUST_USE bool eval_item(struct eval *ev, struct value object, struct value key, struct value *value_out);

/* expr_operators.c */
MUST_USE bool eval_arithmetic(struct eval *ev, enum operator operator, struct value left, struct value right, struct value *value_out);
MUST_USE bool eval_negative(struct eval *ev, struct value v, struct value *value_out);
MUST_USE bool eval_compare(struct eval *ev, enum operator operator, struct value left, struct value right, bool *result_out);
MUST_USE bool eval_equal(struct eval *ev, struct value left, struct value right, bool *equal_out);
/* -1, 0, 1; fails for types that have no order. */
MUST_USE bool eval_order(struct eval *ev, struct value left, struct value right, int *order_out);
MUST_USE bool eval_contains(struct eval *ev, struct value container, struct value item, bool *contains_out);
/* '%s and %d' % args */
MUST_USE bool eval_printf(struct eval *ev, struct str format, const struct value *args, size_t count, struct value *value_out);
/* str(v) in the arena. */
MUST_USE bool eval_text(struct eval *ev, struct value v, struct str *text_out);
/* Copies what a buffer holds into the arena, as a string; releases the buffer either way. */
MUST_USE bool eval_take_buf(struct eval *ev, struct buf *b, struct value *value_out);

/* ---- registers ---- */

#define CALL_PARAMETERS_MAX 6

struct named_value {
    struct str name;
    struct value value;
};

/* The arguments of one call. `args` are bound to the parameters by place, then by name. */
struct call {
    struct eval *ev;
    const char *what;            /* for words: "filter 'join'" */
    struct value subject;        /* what is piped, or the object of a method */
    struct value *args;
    size_t count;                /* at least the row's parameters; more when variadic */
    size_t given_count;          /* positional ones as written */
    bool given[CALL_PARAMETERS_MAX];
    struct named_value *named;   /* of variadic rows only: keywords as written */
    size_t named_count;
    const struct node *node;     /* NULL when called by name, as `map` does */
};

typedef bool (*call_fn)(struct call *call, struct value *value_out);

struct callable {
    const char *name;
    call_fn call;
    const char *parameters;      /* "format input_format": their names, in order */
    unsigned required;
    bool variadic;               /* takes any number; keywords are handed over as they are */
    unsigned types;              /* methods: bit (1 << value_type) of the objects that have it */
};

#define TYPE_BIT(type) (1u << (type))
#define TYPES_STR TYPE_BIT(VALUE_STR)
#define TYPES_SEQUENCE (TYPE_BIT(VALUE_LIST) | TYPE_BIT(VALUE_JSON))
#define TYPES_MAPPING (TYPE_BIT(VALUE_DICT) | TYPE_BIT(VALUE_JSON))
#define TYPES_DAY (TYPE_BIT(VALUE_DATETIME) | TYPE_BIT(VALUE_DATE))
#define TYPES_INT (TYPE_BIT(VALUE_INT) | TYPE_BIT(VALUE_BOOL))

const struct callable *find_function(struct str name);
const struct callable *find_filter(struct str name);
const struct callable *find_test(struct str name);
/* By the object's type; NULL when it has no such method. */
const struct callable *find_method(struct value object, struct str name);
const struct callable *callable_find(const struct callable *rows, size_t count, struct str name);

/* Binds and calls. named may be NULL. */
struct arguments {
    const struct value *positional;
    size_t count;
    const struct named_value *named;
    size_t named_count;
};
MUST_USE bool call_invoke(struct eval *ev, const struct callable *callable, const char *kind, struct value subject,
                          struct arguments arguments, const struct node *node, struct value *value_out);

/* Helpers of the rows. */
bool call_fail_type(struct call *c, struct value got, const char *wanted);
MUST_USE bool call_str(struct call *c, struct value v, struct str *text_out);      /* must be text */
MUST_USE bool call_integer(struct call *c, struct value v, int64_t *integer_out);  /* must be a whole number */
bool call_given(const struct call *c, size_t index);

/* Work that several rows share. The subject of the first two is text. */
bool call_replace(struct call *c, struct str old, struct str new, int64_t count, struct value *value_out);
bool call_capitalize(struct call *c, struct str s, bool each_word, struct value *value_out);
bool call_items(struct call *c, struct value *value_out);    /* list of (key, value) of the subject */
bool call_fill_dict(struct call *c, struct value dict);      /* from positional mappings or pairs, then keywords */
bool method_format(struct call *c, struct value *value_out); /* expr_printf.c */

/* expr_regex.c: PCRE2 behind limits. */
bool filter_regex_search(struct call *c, struct value *value_out);
bool filter_regex_replace(struct call *c, struct value *value_out);
/* expr_digest.c */
bool filter_hash(struct call *c, struct value *value_out);
bool filter_hmac(struct call *c, struct value *value_out);
/* expr_methods_str.c */
extern const struct callable str_methods[];
extern const size_t str_method_count;
/* expr_sequences.c: filters over sequences */
extern const struct callable sequence_filters[];
extern const size_t sequence_filter_count;

#endif
