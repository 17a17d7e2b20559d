/*
 * The two names of <regex> that jsoncons uses, over PCRE2: a pattern from a template can neither exhaust the stack nor
 * run for ever.
 *
 * Patterns are ECMAScript's, as near as PCRE2 comes: UTF, `$` only at the very end, \uXXXX and \u{X}, `[]` and `[^]`,
 * a back reference to an unset group matches nothing. PCRE2's own verbs, "(*...)", are refused.
 */
#ifndef TIDEMARK_JSON_REGEX_PCRE2_HPP
#define TIDEMARK_JSON_REGEX_PCRE2_HPP

#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include <pcre2.h>

#include "base/limits.h"
#include "json/schema_guard.hpp"

namespace tidemark {

class regex {
    std::shared_ptr<pcre2_code> code_;

    /* "(*" outside a class and not escaped: a verb of PCRE2, or a mistake in ECMAScript. */
    static bool
    has_verb(const std::string &pattern)
    {
        bool in_class = false;
        for (std::size_t i = 0; i < pattern.size(); i++) {
            if (pattern[i] == '\\')
                i++;
            else if (in_class)
                in_class = pattern[i] != ']';
            else if (pattern[i] == '[')
                in_class = true;
            else if (pattern[i] == '(' && i + 1 < pattern.size() && pattern[i + 1] == '*')
                return true;
        }
        return false;
    }

    static pcre2_code *
    compile(const std::string &pattern, int *fault)
    {
        std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
            pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
        if (!context)
            throw std::bad_alloc();
        pcre2_set_max_pattern_length(context.get(), LIMIT_REGEX_BYTES);
        pcre2_set_newline(context.get(), PCRE2_NEWLINE_ANYCRLF);
        pcre2_set_compile_extra_options(context.get(), PCRE2_EXTRA_ALT_BSUX);
        std::size_t offset = 0;
        return pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                             PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX | PCRE2_ALLOW_EMPTY_CLASS |
                                 PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C,
                             fault, &offset, context.get());
    }

public:
    enum flags { ECMAScript };

    explicit regex(const std::string &pattern, flags = ECMAScript)
    {
        int fault = 0;
        if (has_verb(pattern))
            throw std::runtime_error("\"(*\" is not part of regular expressions here");
        code_.reset(compile(pattern, &fault), pcre2_code_free);
        if (code_)
            return;
        PCRE2_UCHAR words[160] = {0};
        pcre2_get_error_message(fault, words, sizeof(words));
        throw std::runtime_error(reinterpret_cast<const char *>(words));
    }

    const pcre2_code *code() const { return code_.get(); }
};

/* Throws limit_passed when the pattern needs more steps or memory than it may. */
inline bool
regex_search(const std::string &text, const regex &re)
{
    std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
        pcre2_match_data_create(1, nullptr), pcre2_match_data_free);
    std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> context(
        pcre2_match_context_create(nullptr), pcre2_match_context_free);
    if (!data || !context)
        throw std::bad_alloc();
    pcre2_set_match_limit(context.get(), LIMIT_REGEX_STEPS);
    pcre2_set_heap_limit(context.get(), LIMIT_REGEX_HEAP_KIB);
    int result = pcre2_match(re.code(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0, data.get(),
                             context.get());
    if (result >= 0)
        return true;
    if (result == PCRE2_ERROR_NOMATCH || (result <= PCRE2_ERROR_UTF8_ERR1 && result >= PCRE2_ERROR_UTF8_ERR21))
        return false;
    throw limit_passed();
}

} // namespace tidemark

#endif
