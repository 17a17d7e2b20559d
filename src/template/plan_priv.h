/*
 * The plan: what a manifest becomes when it is loaded, and what its kinds look like.
 *
 * A stream's plan is a tree of small structs with every expression compiled and every constant ready.
 * It is immutable, so threads share it; what changes while reading lives in a reader. Each kind of
 * authenticator, paginator, router and transformation is a const struct in one registry: a `compile`
 * that reads the component's node (E_TEMPLATE_REFUSED when it wants what we do not have), and functions
 * that work on the plan. Kinds do no input or output and never wait.
 */
#ifndef TIDEMARK_TEMPLATE_PLAN_PRIV_H
#define TIDEMARK_TEMPLATE_PLAN_PRIV_H

#include "base/limits.h"
#include "net/http_client.h"
#include "template/expr/datetime.h"
#include "template/expr/expr.h"
#include "template/manifest_priv.h"
#include "template/template.h"

/* Text that may hold expressions, with the $parameters it may speak of. expr NULL: the field is absent. */
struct text {
    struct expr *expr;
    yyjson_val *parameters; /* or NULL */
    struct str constant;    /* what it always is, when it has no braces and no literal to read; else STR_NONE */
};

/* Values of any shape with expressions inside: request parameters, bodies, headers. */
struct input {
    enum { INPUT_NONE, INPUT_TEXT, INPUT_CONSTANT, INPUT_MAP, INPUT_LIST } kind;
    struct text text;
    yyjson_val *constant;
    size_t count;
    struct text *keys;     /* INPUT_MAP */
    struct input *items;   /* INPUT_MAP, INPUT_LIST */
};

enum inject { INJECT_QUERY, INJECT_HEADER, INJECT_FORM, INJECT_JSON };

struct request_option {
    enum inject into;
    struct text name;      /* or */
    struct text *path;     /* into the JSON body */
    size_t path_count;
};

/* What expressions can see at one moment. */
struct scene {
    struct arena *arena;
    yyjson_val *config;
    int64_t now_us;
    yyjson_val *slice;         /* with extra_fields inside; or NULL */
    yyjson_val *extra_fields;  /* or NULL */
    struct value token;        /* the page token, or undefined */
    bool as_reference;
    yyjson_val *input;         /* of a declared operation: its values keep their types; else NULL */
};

/* A request while it is put together. Names may be set once; JSON bodies merge. */
struct draft_field {
    struct str name;
    struct value value;
};
struct draft_list {
    struct draft_field *items;
    size_t count, size;
};
struct draft {
    struct arena *arena;
    struct draft_list query, headers, form;
    struct value json;         /* a dict, or undefined */
    struct str text;           /* a body that is one text; STR_NONE: none */
};

/* ---- text.c */
struct compiler {
    struct arena *arena;
    struct template *owner;
    struct err *err;
    unsigned depth;            /* streams inside streams */
    const struct node *requester; /* whose authenticator is compiled, or NULL */
    /* Where streams depend on it: the configuration, or NULL while it is not known. */
    yyjson_val *config;
    int64_t now_us;
    yyjson_val *lists;         /* per dynamic declaration what the vendor listed: [[record, slice], ...]; or NULL */
};
bool text_compile(struct compiler *c, const struct node *component, const struct node *value, struct text *text_out);
/* Something is wrong with the template that does not take it down: template_fault_at() tells it. */
void text_note_fault(struct compiler *c, const struct node *at, struct str words);
bool text_field(struct compiler *c, const struct node *component, const char *field, struct text *text_out);
bool text_list_field(struct compiler *c, const struct node *component, const char *field, struct text **texts_out, size_t *count_out);
bool input_compile(struct compiler *c, const struct node *component, const struct node *value, struct input *input_out);
bool request_option_compile(struct compiler *c, const struct node *n, struct request_option **option_out);
/* "needs Python: class X" or "needs X, which is not supported". Always false, with E_TEMPLATE_REFUSED. */
bool refuse_component(struct compiler *c, const struct node *component);
bool refuse(struct compiler *c, const char *format, ...) PRINTF_LIKE(2, 3);
bool compile_full(struct compiler *c);

bool text_given(const struct text *t);
void scene_scope(const struct scene *s, struct expr_scope *scope_out);
bool text_value(const struct text *t, struct expr_scope *scope, struct value *value_out, struct err *err);
/* The value when it is of that JSON type (string, integer, number, boolean), else its text; `type` empty: as text_value. */
bool text_typed_value(const struct text *t, struct str type, struct expr_scope *scope, struct value *value_out, struct err *err);
/* str() of the value; empty text for undefined. Absent text gives STR_NONE. */
bool text_str(const struct text *t, struct expr_scope *scope, struct str *str_out, struct err *err);
bool text_bool(const struct text *t, struct expr_scope *scope, bool *result_out, struct err *err);
/* Entries that are null or empty are left out. `keep_text`: only texts and lists, as in queries and forms. */
bool input_value(const struct input *in, struct expr_scope *scope, bool keep_text, struct value *value_out, struct err *err);

/* ---- draft.c */
bool draft_put(struct draft *d, enum inject into, struct str name, struct value value, struct err *err);
bool draft_option(struct draft *d, const struct request_option *o, struct expr_scope *scope, struct value value, struct err *err);
/* Adds a map (or a body text) that was evaluated. */
bool draft_merge(struct draft *d, enum inject into, struct value map, struct err *err);
/* Joins base and path as a browser would (rule 9). */
struct str url_join(struct arena *a, struct str base, struct str path);
bool draft_finish(struct draft *d, struct str method, struct str url, struct http_request *request_out, struct err *err);

/* ---- decode.c: from an answer's bytes to the value that records are looked for in */
enum decoder_kind { DECODE_JSON, DECODE_JSONL, DECODE_LINES, DECODE_CSV, DECODE_XML, DECODE_GZIP, DECODE_ZIP };
struct decoder {
    enum decoder_kind kind;
    struct decoder *inner;     /* DECODE_GZIP, DECODE_ZIP */
    struct str encoding;       /* of texts; STR_NONE: UTF-8 */
    char delimiter;            /* DECODE_CSV */
    struct str *none_texts;    /* of a CSV cell that become null */
    size_t none_count;
};
/* n NULL: JSON. */
bool decoder_compile(struct compiler *c, const struct node *n, struct decoder *decoder_out);
/* NULL with *fault_out, words for a person; they are NULL too for JSON that cannot be read, and when memory is out. */
yyjson_val *decoder_read(const struct decoder *decoder, struct arena *a, struct str bytes, const char **fault_out);

/* ---- auth */
struct auth_session;           /* tokens got while reading; in the reader */
struct auth {
    const struct auth_kind *kind;
    const void *plan;
};
enum auth_need { AUTH_READY, AUTH_LOGIN, AUTH_FAILED };
struct auth_kind {
    const char *type;          /* as manifests write it */
    bool (*compile)(struct compiler *c, const struct node *n, struct auth *auth);
    /* Adds itself to a request; `token` is what login got, where the kind logs in. */
    bool (*apply)(const struct auth *auth, struct draft *d, struct expr_scope *scope, struct str token, struct err *err);
    /* NULL for kinds that never log in, as the four below. What tells one login from another? */
    bool (*identity)(const struct auth *auth, struct expr_scope *scope, struct str *identity_out, struct err *err);
    /* Is a request needed first? */
    enum auth_need (*need)(const struct auth *auth, struct expr_scope *scope, struct auth_session *session, struct err *err);
    bool (*login)(const struct auth *auth, struct expr_scope *scope, const struct auth_session *session,
                  struct http_request *request_out, struct err *err);
    /* Takes the answer; *patch_out is what to store, or NULL. */
    bool (*answer)(const struct auth *auth, struct expr_scope *scope, const struct http_reply *reply,
                   struct auth_session *session, yyjson_val **patch_out, struct err *err);
    bool (*single_use)(const struct auth *auth); /* a login must not be repeated when its answer was lost */
};
#define AUTH_TOKEN_BYTES_MAX (16 * 1024)
struct auth_session {
    struct str token;          /* in the reader's memory, replaced by auth_session_set */
    int64_t expires_us;        /* INT64_MAX: never */
    char *owned;               /* malloc'd; what token points to */
    bool forced;               /* the vendor refused the token: get a new one whatever the clock says */
};
bool auth_compile(struct compiler *c, const struct node *n, struct auth *auth_out);
/* Follows SelectiveAuthenticator to the one that the configuration chooses. */
const struct auth *auth_choose(const struct auth *auth, struct expr_scope *scope, struct err *err);
bool auth_session_set(struct auth_session *session, struct str token, int64_t expires_us, struct err *err);
void auth_session_release(struct auth_session *session);
/* "The vendor refused the login", in the vendor's words. Always false. */
bool auth_login_refused(struct expr_scope *scope, const struct http_reply *reply, yyjson_val *body, struct err *err);
extern const struct auth_kind auth_none, auth_api_key, auth_bearer, auth_basic, auth_oauth, auth_selective, auth_session_token,
    auth_session_legacy, auth_jwt;
/* A JwtAuthenticator's plan, and the token it makes: also the assertion of an OAuthAuthenticator. */
bool jwt_compile(struct compiler *c, const struct node *n, struct auth *auth);
bool jwt_token(const struct auth *auth, struct expr_scope *scope, struct str *token_out, struct err *err);
/* The member of a configuration where tokens of ours are kept. */
#define AUTH_TOKENS_MEMBER "x-tidemark-tokens"

/* ---- pager */
struct page_facts {            /* what a page told, for the pager */
    yyjson_val *response;      /* the body; of a list its first item, as the field's readers have it */
    const struct http_headers *headers;
    size_t page_size;          /* records before the filter */
    size_t emitted;
    yyjson_val *last_record;   /* last one emitted, or NULL */
};
struct pager {
    const struct pager_kind *kind; /* NULL: no pagination */
    struct request_option *size_option, *token_option;
    bool token_is_path;
    bool inject_on_first;
    int64_t start;
    struct text page_size, cursor_value, stop_condition;
};
struct pager_kind {
    const char *type;
    bool (*compile)(struct compiler *c, const struct node *n, struct pager *pager);
    struct value (*first)(const struct pager *p); /* undefined: none */
    /* undefined: that was the last page. */
    bool (*next)(const struct pager *p, struct expr_scope *scope, const struct page_facts *facts, struct value token,
                 struct value *next_out, struct err *err);
};
bool pager_compile(struct compiler *c, const struct node *n, struct pager *pager_out);
struct value pager_first(const struct pager *p);
bool pager_next(const struct pager *p, struct expr_scope *scope, const struct page_facts *facts, struct value token,
                struct value *next_out, struct err *err);
bool pager_apply(const struct pager *p, struct draft *d, struct expr_scope *scope, struct value token, struct err *err);
bool pager_page_size(const struct pager *p, struct expr_scope *scope, int64_t *size_out, struct err *err); /* 0: none */
extern const struct pager_kind pager_page, pager_offset, pager_cursor;

/* ---- error_handler.c, backoff.c */
enum verdict { VERDICT_SUCCESS, VERDICT_FAIL, VERDICT_RETRY, VERDICT_IGNORE, VERDICT_RESET, VERDICT_RATE_LIMITED, VERDICT_REFRESH };
struct response_filter {
    enum verdict verdict;
    bool has_verdict;
    bool auth_expired;         /* x-tidemark-auth-expired: the credential is dead, whatever the status */
    int64_t *codes;
    size_t code_count;
    struct str contains;
    struct text predicate, message;
};
struct backoff {
    enum { BACKOFF_CONSTANT, BACKOFF_EXPONENTIAL, BACKOFF_HEADER, BACKOFF_UNTIL_HEADER } kind;
    bool per_second, minutes;  /* x-tidemark-unit: the header tells a rate, or minutes */
    struct text amount;        /* seconds, or factor, or least wait */
    struct text header, regex, cap;
};
struct error_handler {         /* a composite's handlers in their order; one for a simple one */
    struct handler_part {
        struct response_filter *filters;
        size_t count;
    } *parts;
    size_t part_count;
    struct backoff *backoffs;
    size_t backoff_count;
    struct text max_retries;   /* of the first */
};
struct judgement {
    enum verdict verdict;
    struct str message;        /* the template's words, or STR_NONE */
    bool auth_expired;
};
bool error_handler_compile(struct compiler *c, const struct node *n, struct error_handler *handler_out);
/* `body` is the parsed body or NULL. */
bool error_handler_judge(const struct error_handler *h, struct expr_scope *scope, const struct http_reply *reply,
                         yyjson_val *body, struct judgement *judgement_out, struct err *err);
bool error_handler_max_retries(const struct error_handler *h, struct expr_scope *scope, int64_t *retries_out, struct err *err);
/* How long to wait before try `attempt` + 1, in ms; 0: the template says nothing. */
bool backoff_wait(const struct error_handler *h, struct expr_scope *scope, const struct http_reply *reply, unsigned attempt,
                  int64_t *wait_ms_out, struct err *err);
/* Retry-After as seconds or HTTP date; 0 when missing. `now_us` is our clock when the reply came. */
int64_t retry_after_ms(const struct http_reply *reply, int64_t now_us);
/* The vendor's own words in an error body, or STR_NONE. */
struct str vendor_message(struct arena *a, yyjson_val *body);

/* ---- extract.c, select.c, transform.c */
struct transform {
    const struct transform_kind *kind;
    const void *plan;
};
struct transform_kind {
    const char *type;
    bool (*compile)(struct compiler *c, const struct node *n, struct transform *t);
    /* Changes the record in place. scope has `record` set by the caller before each. */
    bool (*apply)(const struct transform *t, yyjson_mut_doc *doc, yyjson_mut_val *record, struct expr_scope *scope, struct err *err);
};
bool transforms_compile(struct compiler *c, const struct node *list, struct transform **transforms_out, size_t *count_out);

struct selector {
    struct text *path;
    size_t path_count;
    struct extract_extra *extra; /* what extraction adds to each record, or NULL */
    struct text filter;        /* absent: all pass */
    bool transform_first, transform_first_given;
    yyjson_val *normalize;     /* the stream's schema, when values are cast to it; else NULL */
    struct transform *transforms;
    size_t transform_count;
};
/* schema: of the stream, or NULL. */
bool selector_compile(struct compiler *c, const struct node *n, const struct node *transformations, yyjson_val *schema,
                      struct selector *selector_out);
/* normalize.c: the record with its values cast to the schema's types, in a; NULL when it is full. */
yyjson_val *normalize(struct arena *a, yyjson_val *schema, yyjson_val *record);
struct value_span {
    yyjson_val **items;
    size_t count;
};
/* The raw records of a body (rule 25). */
/* The path of now: an expression that comes out empty is no part of it. */
bool selector_path(const struct selector *s, struct expr_scope *scope, struct str path[static LIMIT_TEMPLATE_DEPTH], size_t *count_out,
                   struct err *err);
bool selector_extract(const struct selector *s, struct expr_scope *scope, yyjson_val *body, struct value_span *span_out, struct err *err);
/* One record through filter and transformations. *value_out NULL: filtered out. */
typedef bool cursor_filter_fn(void *ctx, yyjson_val *record);
bool selector_apply(const struct selector *s, struct expr_scope *scope, yyjson_val *record, cursor_filter_fn *first, void *ctx,
                    yyjson_val **value_out, struct err *err);
/* ---- extract_extra.c: x-tidemark-names, x-tidemark-above, x-tidemark-occurrence */
/* Where a record stands: what the path's '*' stand for, and the objects above it, outermost first. */
struct extract_place {
    struct str names[LIMIT_TEMPLATE_DEPTH];
    size_t name_count;
    yyjson_val *above[LIMIT_TEMPLATE_DEPTH];
    size_t above_count;
};
bool extract_extra_compile(struct compiler *c, const struct node *extractor, struct extract_extra **extra_out);
/* A copy of the record with the names that its path's '*' stood for. NULL: the page does not fit in memory. */
yyjson_val *extract_extra_named(const struct extract_extra *x, struct arena *a, yyjson_val *record,
                                const struct extract_place *place);
/* Numbers the records that are equal, from 0. False: no memory. */
bool extract_extra_number(const struct extract_extra *x, struct arena *a, struct value_span *span);
/* Looks along a path of texts; list indexes are numbers. NULL when missing. */
yyjson_val *path_find(yyjson_val *root, const struct str *path, size_t count);

/* ---- cursor_datetime.c */
struct cursor_plan {
    struct text field, start, start_min, start_max, end, end_min, end_max, lookback, step, granularity;
    struct text partition_start, partition_end;
    struct str start_format, end_format, format;
    struct str *formats;       /* to read with, then `format` */
    size_t format_count;
    struct request_option *start_option, *end_option;
    bool has_end, data_feed, client_side, global;
    bool count;                /* IncrementingCountCursor: what is called microseconds are numbers, and nothing ends */
    struct text clamp, weekday; /* clamping: DAY, WEEK with its first day, MONTH */
};
bool cursor_compile(struct compiler *c, const struct node *n, struct cursor_plan *plan_out);

struct cursor {                /* the plan with everything evaluated; in the reader's arena */
    const struct cursor_plan *plan;
    struct str field, partition_start, partition_end;
    int64_t start_us, end_us;
    bool has_lookback, has_step, has_granularity;
    struct duration lookback, step, granularity;
    int64_t overlap_us;
    enum { CLAMP_NONE, CLAMP_DAY, CLAMP_WEEK, CLAMP_MONTH } clamp;
    int weekday;               /* 0: Monday */
};
bool cursor_init(struct cursor *c, const struct cursor_plan *plan, struct expr_scope *scope, struct arena *keep,
                 int64_t overlap_us, int64_t updated_since_us, struct err *err);
/* Reads a cursor value (text or number) by the plan's formats. */
bool cursor_parse(const struct cursor *c, struct arena *a, yyjson_val *value, int64_t *us_out);
bool cursor_parse_text(const struct cursor *c, struct str text, int64_t *us_out);
struct str cursor_format(const struct cursor *c, struct arena *a, int64_t us);
bool cursor_record_us(const struct cursor *c, struct arena *a, yyjson_val *record, int64_t *us_out);
/*
 * The slice that begins at *lower_us: its bounds as they are sent, and where the next one begins. False: no
 * more slices. The first lower bound comes from cursor_first_lower.
 */
struct cursor_slice {
    int64_t lower_us;          /* what it was found by */
    int64_t start_us, end_us, next_us;
    bool last;
};
int64_t cursor_first_lower(const struct cursor *c, int64_t state_us); /* INT64_MIN: no state */
bool cursor_slice_at(const struct cursor *c, int64_t lower_us, bool first, struct cursor_slice *slice_out);
/* cursor_clamp.c: to the begin of the period, or of the next one. */
bool clamp_init(struct cursor *c, struct expr_scope *scope, struct err *err);
int64_t clamp_ceiling(const struct cursor *c, int64_t us);
int64_t clamp_floor(const struct cursor *c, int64_t us);
bool cursor_apply(const struct cursor *c, struct draft *d, struct expr_scope *scope, yyjson_val *slice, struct err *err);

/* ---- routers */
struct router;
struct parent_plan {
    const struct template_stream *stream;
    struct text parent_key, partition_field;
    struct request_option *option;
    struct text **extra_paths;
    size_t *extra_counts;
    size_t extra_count;
    bool incremental;
    struct text *lazy_path;          /* lazy_read_pointer: where a record holds the child's first page */
    size_t lazy_count;
};
struct router {
    enum { ROUTER_LIST, ROUTER_SUBSTREAM, ROUTER_PRODUCT, ROUTER_GROUPS } kind;
    struct text cursor_field;        /* list */
    struct input values;
    struct request_option *option;
    struct parent_plan *parents;     /* substream */
    size_t parent_count;
    struct router *parts;            /* product; groups: the one below */
    size_t part_count;
    size_t group_size;               /* groups */
    bool group_unique;
    bool listed;                     /* written as a list, if only of one: other readers keep no parent states then */
};
bool router_compile(struct compiler *c, const struct node *n, struct router **router_out);
bool router_apply(const struct router *r, struct draft *d, struct expr_scope *scope, yyjson_val *slice, struct err *err);

/* ---- requester.c */
struct requester {
    struct text url, url_base, path;
    struct str method;
    struct input query, headers, form, json;
    struct auth auth;
    struct error_handler errors;
};
bool requester_compile(struct compiler *c, const struct node *n, struct requester *requester_out);
/* `path_token` replaces the path (RequestPath), or STR_NONE. d holds what pager and slicer added. */
bool requester_build(const struct requester *r, struct draft *d, struct expr_scope *scope, struct str path_token,
                     struct str auth_token, struct http_request *request_out, struct err *err);

/* ---- config_rules.c */
struct config_rules;
/* spec.config_normalization_rules; NULL when there are none. E_TEMPLATE_REFUSED. */
bool config_rules_compile(struct compiler *c, const struct node *spec, struct config_rules **rules_out);
void config_rules_release(struct config_rules *r); /* what it holds beside the arena; accepts NULL */
/* The configuration as the template's streams want it. r NULL: as it is. E_VALIDATION_FAILED, E_EXPRESSION. */
bool config_rules_apply(const struct config_rules *r, struct arena *a, int64_t now_us, yyjson_val *config, yyjson_val **config_out,
                        struct err *err);

/* ---- dynamic.c: streams that the configuration decides */
struct template_dynamic {
    const struct node *definition;
    struct str name, refused;
    struct template_stream *list;    /* reads what the vendor lists (HttpComponentsResolver), or NULL */
};
bool dynamic_compile(struct compiler *c, struct template *t, const struct node *list);
/* The declarations of the streams that c->config makes; *refused_out says why there are none, else STR_NONE. */
bool dynamic_streams(struct compiler *c, const struct template_dynamic *one, size_t index, struct node ***streams_out, size_t *count_out,
                     struct str *refused_out);
/* Does the condition of a ConditionalStreams hold? It does while the configuration is not known. */
bool conditional_holds(struct compiler *c, const struct node *n, bool *holds_out);

/* ---- template.c */
struct template_stream {
    struct stream_info info;
    struct template *owner;
    struct requester requester;
    struct decoder decoder;
    struct selector selector;
    struct pager pager;
    struct router *router;           /* or NULL */
    struct cursor_plan *cursor;      /* or NULL */
    struct async_plan *async;        /* of an AsyncRetriever; what stands above is its download's. Or NULL */
    struct template_stream *schema_source; /* DynamicSchemaLoader: asked for by other readers; or NULL */
    struct reset_plan {              /* PaginationReset */
        bool by_cursor;
        int64_t limit;               /* records; 0: none */
    } reset;
    struct properties_plan *properties; /* QueryProperties, or NULL */
    struct template_stream *with_state; /* StateDelegatingStream: what is read once there is a state; else NULL */
    struct text retention;           /* of that: a state that is older is of no use */
    bool ignore_slice_on_pages;
    bool lazy;                       /* without a state first pages come from the parents' records */
    bool slice_unsent;               /* the router's request options are not sent */
    struct text total;               /* x-tidemark-total: the vendor's count */
    bool total_given;
    bool records_required;           /* x-tidemark-records-required: a page without the record path is a bad page */
    struct notice {                  /* x-tidemark-notices: words about an answer */
        struct text when, text;
    } *notices;
    size_t notice_count;
    const struct node *node;         /* as declared, for messages */
};
bool delegate_compile(struct compiler *c, const struct node *n, struct template_stream *s); /* delegate.c: a StateDelegatingStream */
bool notices_compile(struct compiler *c, const struct node *stream, struct template_stream *s); /* notice.c */
/* translation.c: notes what a translation has too much or leaves out. False when it is no map, or the arena is full. */
bool translations_check(struct compiler *c, const struct node *root);
/* As template_load, but all of the streams may be refused: for those who only list them. */
struct template *template_load_any(struct str yaml, struct str name, struct err *err);
/* stream_compile where a refusal is kept in the stream. */
bool template_compile_stream(struct compiler *c, const struct node *n, size_t index, struct template_stream *s);
/* Compiles a stream's declaration. False with E_TEMPLATE_REFUSED or E_TEMPLATE_INVALID. */
bool stream_compile(struct compiler *c, const struct node *n, struct template_stream *stream_out);
struct template {
    struct arena arena;              /* everything of it */
    unsigned references;             /* atomic */
    struct template_info info;
    const struct node *root;         /* resolved and propagated */
    struct template_stream *streams;
    struct template_dynamic *dynamics;
    size_t dynamic_count;
    bool depends_on_config;          /* which streams there are */
    struct template_stream **reads;  /* per stream: reads one record by its id, or NULL */
    size_t stream_count;
    struct template_stream *test;    /* metadata.tidemark.test, or NULL */
    struct budget_plan *budget;      /* api_budget, or NULL */
    struct config_rules *config_rules; /* or NULL */
    struct text test_accept;         /* must hold for its answer */
    int64_t park[8];                 /* metadata.tidemark.limits.park: statuses that park the run */
    size_t park_count;
    struct template_operation *operations;
    size_t operation_count;
    struct template_fault {          /* expressions that will fail when they are evaluated, translations of nothing */
        struct template_fault *next;
        unsigned line;
        struct str words;
    } *faults;
};

#endif
