/*
 * Limits for one validation. script/patch-jsoncons puts calls of these into jsoncons' headers.
 *
 * A schema is untrusted: `$ref` may go in circles without consuming any of the value, or double the work at each level. So each
 * thread counts the steps and the depth of the validation that it is in; past a limit an exception ends it. Only
 * schema.cc catches it.
 */
#ifndef TIDEMARK_JSON_SCHEMA_GUARD_HPP
#define TIDEMARK_JSON_SCHEMA_GUARD_HPP

#include <cstddef>
#include <stdexcept>

#include "base/limits.h"

namespace tidemark {

/* What E_LIMIT is made from. Not a std::runtime_error that jsoncons might take for one of its own. */
struct limit_passed : public std::exception {
    const char *what() const noexcept override { return "a limit was passed"; }
};

struct schema_budget {
    long steps = 0;
    int depth = 0;
};

inline schema_budget &
schema_budget_of_thread()
{
    static thread_local schema_budget budget;
    return budget;
}

inline void
schema_pay(std::size_t steps)
{
    schema_budget &budget = schema_budget_of_thread();
    if (steps > LIMIT_SCHEMA_STEPS || (budget.steps += static_cast<long>(steps)) > LIMIT_SCHEMA_STEPS)
        throw limit_passed();
}

/* One pair costs far less than one keyword. */
inline void
schema_pay_pairs(std::size_t items)
{
    if (items > LIMIT_SCHEMA_STEPS)
        throw limit_passed();
    schema_pay(items * items / 64);
}

/* Lives as long as one keyword is being tried. */
class schema_step {
public:
    schema_step()
    {
        schema_pay(1);
        if (++schema_budget_of_thread().depth > LIMIT_SCHEMA_DEPTH) {
            --schema_budget_of_thread().depth;
            throw limit_passed();
        }
    }
    ~schema_step() { --schema_budget_of_thread().depth; }
    schema_step(const schema_step &) = delete;
    schema_step &operator=(const schema_step &) = delete;
};

/*
 * Stands for the list of defaults while a branch is only tried: when the branch found errors, what it added to
 * the list is taken away again. Lives until the end of the call it is an argument of.
 */
template <typename Json>
class trial_patch {
    Json &patch_;
    std::size_t size_before_;
    const void *reporter_;
    std::size_t (*count_errors_)(const void *);
    std::size_t errors_before_;

public:
    template <typename Reporter>
    trial_patch(Json &patch, const Reporter &reporter)
        : patch_(patch), size_before_(patch.size()), reporter_(&reporter),
          count_errors_([](const void *r) { return static_cast<const Reporter *>(r)->error_count(); }),
          errors_before_(reporter.error_count())
    {
    }
    ~trial_patch()
    {
        if (count_errors_(reporter_) == errors_before_ || patch_.size() <= size_before_)
            return;
        auto begin = patch_.array_range().begin();
        patch_.erase(begin + static_cast<std::ptrdiff_t>(size_before_), patch_.array_range().end());
    }
    operator Json &() { return patch_; }
};

} // namespace tidemark

#endif
