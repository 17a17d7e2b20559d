/*
 * What a template says of its budget, compiled. Limits and weights may be expressions over the configuration.
 */
#ifndef TIDEMARK_TEMPLATE_BUDGET_PRIV_H
#define TIDEMARK_TEMPLATE_BUDGET_PRIV_H

#include "template/budget.h"
#include "template/plan_priv.h"

#define BUDGET_HITS_MAX 8

struct budget_matcher {
    struct str method, url_base;  /* STR_NONE: any */
    struct str pattern;
    void *path;                   /* regular expression, or NULL: any */
    yyjson_val *params, *headers; /* must be there with these values; or NULL */
    struct text weight;
};

struct budget_plan {
    struct budget_plan_policy {
        struct budget_matcher *matchers; /* none: every request */
        size_t matcher_count;
        struct text limits[BUDGET_RATES_MAX];
        int64_t spans_us[BUDGET_RATES_MAX];
        size_t rate_count;
        bool fixed;
    } *policies;
    size_t count;
    struct str remaining_header, reset_header;
    int64_t hits[BUDGET_HITS_MAX]; /* statuses that mean: nothing is left */
    size_t hit_count;
};

struct budget {
    const struct budget_plan *plan;
    struct budget_policy *policies;
    int64_t **weights;            /* per policy and matcher */
};

/* api_budget of the root; NULL when there is none. E_TEMPLATE_INVALID. */
bool budget_compile(struct compiler *c, const struct node *n, struct budget_plan **plan_out);

#endif
