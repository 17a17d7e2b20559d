/*
 * Regular expressions, by PCRE2 with limits on its work: patterns and texts are both untrusted.
 *
 * Python's `re` and PCRE2 agree on all that manifests use. A constant pattern is compiled once into the
 * arena of its expression; the compiled form is not changed by matching, so threads share it.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/limits.h"
#include "template/expr/expr_priv.h"

#define PATTERN_BYTES_MAX 4096
#define REGEX_STEPS_PER_MATCH 100 /* steps of the evaluation that one match costs at least */

static void *
arena_malloc(size_t bytes, void *arena)
{
    return arena_alloc_array(arena, 1, bytes);
}

static void
arena_free(void *block, void *arena)
{
    (void)block, (void)arena;
}

/* \Z is \z here: in Python it means the very end. */
static struct str
translate(struct arena *a, struct str pattern)
{
    char *copy = arena_alloc_bytes(a, pattern.len + 1);
    for (size_t i = 0; copy && i < pattern.len; i++) {
        copy[i] = pattern.ptr[i];
        if (pattern.ptr[i] == '\\' && i + 1 < pattern.len) {
            i++;
            copy[i] = pattern.ptr[i] == 'Z' ? 'z' : pattern.ptr[i];
        }
    }
    return copy ? (struct str){copy, pattern.len} : STR_NONE;
}

void *
regex_prepare(struct arena *a, struct str pattern)
{
    int code;
    size_t offset;
    struct str translated = pattern.len > PATTERN_BYTES_MAX ? STR_NONE : translate(a, pattern);
    if (str_is_none(translated))
        return NULL;
    pcre2_general_context *general = pcre2_general_context_create(arena_malloc, arena_free, a);
    pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
    if (!context)
        return NULL;
    pcre2_set_parens_nest_limit(context, LIMIT_EXPRESSION_DEPTH);
    return pcre2_compile((PCRE2_SPTR)translated.ptr, translated.len, PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code,
                         &offset, context);
}

/* Python's re refuses a missing value by its type, so it counts as a wrong type here too. */
static bool
get_subject(struct call *c, struct str *text_out)
{
    if (c->subject.type != VALUE_STR)
        return eval_fail(c->ev, EXPR_FAILED_TYPE, "%s wants text, not a %s", c->what, value_type_name(c->subject));
    *text_out = c->subject.text;
    return true;
}

static bool
get_pattern(struct call *c, pcre2_code **regex_out)
{
    struct str pattern;
    if (!call_str(c, c->args[0], &pattern))
        return false;
    *regex_out = c->node && c->node->regex ? c->node->regex : regex_prepare(c->ev->arena, pattern);
    if (!*regex_out)
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "the regular expression is not valid, or too long");
    return true;
}

static bool
prepare(struct call *c, pcre2_code *regex, pcre2_match_data **data_out, pcre2_match_context **context_out)
{
    pcre2_general_context *general = pcre2_general_context_create(arena_malloc, arena_free, c->ev->arena);
    pcre2_match_data *data = general ? pcre2_match_data_create_from_pattern(regex, general) : NULL;
    pcre2_match_context *context = general ? pcre2_match_context_create(general) : NULL;
    if (!data || !context)
        return eval_full(c->ev);
    pcre2_set_match_limit(context, LIMIT_REGEX_STEPS);
    pcre2_set_depth_limit(context, LIMIT_REGEX_DEPTH);
    pcre2_set_heap_limit(context, LIMIT_REGEX_HEAP_KIB);
    *data_out = data;
    *context_out = context;
    return true;
}

/* Number of groups set, 0 for no match; false with an error. */
static bool
run(struct call *c, pcre2_code *regex, struct str text, size_t from, uint32_t options, pcre2_match_data *data,
    pcre2_match_context *context, int *groups_out)
{
    int groups = pcre2_match(regex, (PCRE2_SPTR)(text.ptr ? text.ptr : ""), text.len, from, options, data, context);
    *groups_out = groups == PCRE2_ERROR_NOMATCH ? 0 : groups;
    if (groups >= 0 || groups == PCRE2_ERROR_NOMATCH)
        return eval_charge(c->ev, REGEX_STEPS_PER_MATCH + text.len / BYTES_PER_STEP);
    if (groups == PCRE2_ERROR_MATCHLIMIT || groups == PCRE2_ERROR_DEPTHLIMIT || groups == PCRE2_ERROR_HEAPLIMIT)
        return eval_fail(c->ev, EXPR_FAILED_LIMIT, "the regular expression needs too much work on this text");
    return eval_fail(c->ev, EXPR_FAILED_VALUE, "the regular expression cannot be used on this text");
}

/* The text of a group; false when it took no part in the match. */
static bool
group_text(pcre2_match_data *data, struct str text, uint32_t group, struct str *group_out)
{
    const size_t *offsets = pcre2_get_ovector_pointer(data);
    if (group >= pcre2_get_ovector_count(data) || offsets[2 * group] == PCRE2_UNSET)
        return false;
    size_t begin = offsets[2 * group], end = offsets[2 * group + 1];
    *group_out = str_slice(text, begin < end ? begin : end, end);
    return true;
}

bool
regex_finds(void *regex, struct arena *scratch, struct str text)
{
    pcre2_general_context *general = pcre2_general_context_create(arena_malloc, arena_free, scratch);
    pcre2_match_data *data = general ? pcre2_match_data_create_from_pattern(regex, general) : NULL;
    pcre2_match_context *context = general ? pcre2_match_context_create(general) : NULL;
    if (!data || !context)
        return false;
    pcre2_set_match_limit(context, LIMIT_REGEX_STEPS);
    pcre2_set_depth_limit(context, LIMIT_REGEX_DEPTH);
    pcre2_set_heap_limit(context, LIMIT_REGEX_HEAP_KIB);
    return pcre2_match(regex, (PCRE2_SPTR)(text.ptr ? text.ptr : ""), text.len, 0, 0, data, context) >= 0;
}

bool
filter_regex_search(struct call *c, struct value *value_out)
{
    struct str text, group;
    pcre2_code *regex;
    pcre2_match_data *data;
    pcre2_match_context *context;
    int groups;
    if (!get_subject(c, &text) || !get_pattern(c, &regex) || !prepare(c, regex, &data, &context) ||
        !run(c, regex, text, 0, 0, data, context, &groups))
        return false;
    *value_out = value_str(STR(""));
    if (groups > 0 && pcre2_get_ovector_count(data) > 1)
        *value_out = group_text(data, text, 1, &group) ? value_str(group.len ? group : STR("")) : value_none();
    return true;
}

/* The number of a \1 or \g<1> or \g<name> in a replacement; moves behind it. */
static bool
take_reference(pcre2_code *regex, struct str *rest, uint32_t *group_out)
{
    int64_t number;
    struct str name;
    char name_text[64];
    if (rest->len && rest->ptr[0] >= '1' && rest->ptr[0] <= '9') {
        size_t digits = rest->len > 1 && rest->ptr[1] >= '0' && rest->ptr[1] <= '9' ? 2 : 1;
        if (!str_to_i64(str_slice(*rest, 0, digits), 0, 99, &number))
            return false;
        *rest = str_skip(*rest, digits);
        *group_out = (uint32_t)number;
        return true;
    }
    if (!str_starts(*rest, STR("g<")) || !str_cut(str_skip(*rest, 2), '>', &name, rest) || name.len >= sizeof(name_text))
        return false;
    snprintf(name_text, sizeof(name_text), "%.*s", STR_ARG(name));
    int found = str_to_i64(name, 0, 99, &number) ? (int)number : pcre2_substring_number_from_name(regex, (PCRE2_SPTR)name_text);
    *group_out = (uint32_t)found;
    return found >= 0;
}

static bool
add_replacement(struct call *c, struct buf *b, pcre2_code *regex, pcre2_match_data *data, struct str text, struct str replacement)
{
    static const char escapes[] = "n\nt\tr\ra\ab\bf\fv\v\\\\";
    while (replacement.len) {
        char first = replacement.ptr[0];
        struct str group_str;
        uint32_t group;
        replacement = str_skip(replacement, 1);
        if (first != '\\' || replacement.len == 0) {
            buf_add_char(b, first);
            continue;
        }
        const char *escape = NULL;
        for (size_t i = 0; i + 1 < sizeof(escapes); i += 2)
            if (escapes[i] == replacement.ptr[0])
                escape = &escapes[i + 1];
        if (escape) {
            buf_add_char(b, *escape);
            replacement = str_skip(replacement, 1);
        } else if (!take_reference(regex, &replacement, &group) || group >= pcre2_get_ovector_count(data)) {
            return eval_fail(c->ev, EXPR_FAILED_VALUE, "the replacement refers to a group that the pattern does not have");
        } else if (group_text(data, text, group, &group_str)) {
            buf_add(b, group_str);
        }
    }
    return buf_ok(b) || eval_full(c->ev);
}

static bool
replace_all(struct call *c, struct buf *b, pcre2_code *regex, struct str text, struct str replacement)
{
    pcre2_match_data *data;
    pcre2_match_context *context;
    size_t from = 0, copied = 0;
    int groups;
    if (!prepare(c, regex, &data, &context))
        return false;
    while (from <= text.len) {
        if (!run(c, regex, text, from, 0, data, context, &groups))
            return false;
        if (groups == 0)
            break;
        const size_t *offsets = pcre2_get_ovector_pointer(data);
        size_t begin = offsets[0], end = offsets[1];
        if (begin > end || begin < copied) /* \K in a look-ahead */
            break;
        buf_add(b, str_slice(text, copied, begin));
        if (!add_replacement(c, b, regex, data, text, replacement))
            return false;
        copied = end;
        from = end > begin ? end : end + (end < text.len ? pytext_step(text, end) : 1);
    }
    return buf_add(b, str_skip(text, copied)) || eval_full(c->ev);
}

bool
filter_regex_replace(struct call *c, struct value *value_out)
{
    struct str text, replacement;
    pcre2_code *regex;
    struct buf b;
    if (!get_subject(c, &text) || !call_str(c, c->args[1], &replacement) || !get_pattern(c, &regex))
        return false;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    if (replace_all(c, &b, regex, text, replacement))
        return eval_take_buf(c->ev, &b, value_out);
    buf_release(&b);
    return false;
}
