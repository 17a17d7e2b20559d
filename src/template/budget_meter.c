/*
 * Meters of a budget: arithmetic.
 */
#include "template/budget_priv.h"

#include "base/clock.h"

#define RESET_EPOCH_MIN_S INT64_C(1000000000) /* larger: a moment; smaller: seconds from now */
#define RESET_MAX_US (24 * US_PER_HOUR)       /* nobody is held for longer by one header */

static int64_t
slot_us(int64_t span_us)
{
    int64_t us = span_us / (BUDGET_SLOTS - 1);
    return us > 0 ? us : 1;
}

/* What a slot holds; one that lies before the meter's reach, or began before a window that has ended since, holds nothing. */
static int64_t
count_at(const struct budget_meter *m, int64_t slot, int64_t since_us)
{
    if (slot > m->newest || slot <= m->newest - BUDGET_SLOTS || slot * slot_us(m->span_us) < since_us)
        return 0;
    return m->counts[slot % BUDGET_SLOTS];
}

static int64_t
later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The two countings of one rate. */
struct pair {
    const struct budget_meter *kept, *own; /* NULL: none, or of another rate */
    int64_t since_us, reset_us;
};

static const struct budget_meter *
meter_of(const struct budget_meters *m, size_t index, int64_t span_us)
{
    return m != NULL && m->meters[index].span_us == span_us ? &m->meters[index] : NULL;
}

static struct pair
pair_of(const struct budget_meters *kept, const struct budget_meters *own, size_t index, int64_t span_us, int64_t now_us)
{
    struct pair p = {.kept = meter_of(kept, index, span_us), .own = meter_of(own, index, span_us)};
    p.since_us = later(p.kept ? p.kept->since_us : 0, p.own ? p.own->since_us : 0);
    p.reset_us = later(p.kept ? p.kept->reset_us : 0, p.own ? p.own->reset_us : 0);
    if (p.reset_us != 0 && p.reset_us <= now_us) {
        p.since_us = later(p.since_us, p.reset_us);
        p.reset_us = 0;
    }
    return p;
}

static int64_t
pair_at(const struct pair *p, int64_t slot)
{
    return (p->kept ? count_at(p->kept, slot, p->since_us) : 0) + (p->own ? count_at(p->own, slot, p->since_us) : 0);
}

/* Where is counted what is spent now: the next slot where a window has ended in this one, whose count is not looked at. */
static int64_t
pair_slot(const struct pair *p, int64_t span_us, int64_t now_us)
{
    int64_t slot = now_us / slot_us(span_us);
    return slot * slot_us(span_us) < p->since_us ? slot + 1 : slot;
}

static int64_t
pair_used(const struct pair *p, int64_t current)
{
    int64_t used = 0;
    for (int64_t slot = current - BUDGET_SLOTS + 1; slot <= current + 1; slot++)
        used += pair_at(p, slot);
    return used;
}

static int64_t
rate_wait(const struct pair *p, const struct budget_rate *rate, int64_t weight, int64_t percent, int64_t now_us)
{
    int64_t width_us = slot_us(rate->span_us), current = now_us / width_us;
    int64_t most = rate->limit - rate->limit * percent / 100, used = pair_used(p, current);
    if (weight > most) /* more than there ever is: it goes when nothing else has gone */
        weight = most;
    for (int64_t slot = current - BUDGET_SLOTS + 1; slot <= current + 2; slot++) {
        if (used + weight <= most) {
            int64_t free_us = (slot + BUDGET_SLOTS - 1) * width_us;
            int64_t wait_us = free_us > now_us ? free_us - now_us : 0;
            return p->reset_us != 0 && p->reset_us - now_us < wait_us ? p->reset_us - now_us : wait_us;
        }
        used -= pair_at(p, slot);
    }
    return rate->span_us;
}

int64_t
budget_wait_us(const struct budget_meters *kept, const struct budget_meters *own, struct budget_charge charge, int64_t percent,
               int64_t now_us, const struct budget_rate **rate_out)
{
    int64_t longest_us = 0;
    for (size_t i = 0; charge.policy != NULL && i < charge.policy->rate_count; i++) {
        const struct budget_rate *rate = &charge.policy->rates[i];
        struct pair p = pair_of(kept, own, charge.policy->first_meter + i, rate->span_us, now_us);
        int64_t wait_us = rate_wait(&p, rate, charge.weight, percent, now_us);
        if (wait_us > longest_us && rate_out != NULL)
            *rate_out = rate;
        longest_us = later(longest_us, wait_us);
    }
    return longest_us;
}

bool
budget_look(const struct budget *b, const struct budget_meters *kept, const struct budget_meters *own, size_t index,
            int64_t now_us, struct budget_state *state_out)
{
    for (size_t i = 0; b != NULL && i < b->plan->count; i++) {
        const struct budget_policy *policy = &b->policies[i];
        const struct budget_plan_policy *plan = &b->plan->policies[i];
        if (index < policy->first_meter || index >= policy->first_meter + policy->rate_count)
            continue;
        const struct budget_rate *rate = &policy->rates[index - policy->first_meter];
        struct pair p = pair_of(kept, own, index, rate->span_us, now_us);
        const struct budget_matcher *first = plan->matcher_count > 0 ? &plan->matchers[0] : NULL;
        *state_out = (struct budget_state){.method = first ? first->method : STR_NONE, .path = first ? first->pattern : STR_NONE,
                                           .matchers = plan->matcher_count, .limit = rate->limit, .span_us = rate->span_us,
                                           .used = pair_used(&p, now_us / slot_us(rate->span_us)), .reset_us = p.reset_us};
        return true;
    }
    return false;
}

/* Makes room for the slot of now; a clock that was put far back begins the counting anew. */
static void
meter_reach(struct budget_meter *m, int64_t span_us, int64_t slot)
{
    if (m->span_us != span_us || slot <= m->newest - BUDGET_SLOTS || slot >= m->newest + BUDGET_SLOTS) {
        bool other = m->span_us != span_us;
        *m = (struct budget_meter){.span_us = span_us, .newest = slot, .since_us = other ? 0 : m->since_us,
                                   .reset_us = other ? 0 : m->reset_us};
    }
    while (m->newest < slot)
        m->counts[++m->newest % BUDGET_SLOTS] = 0;
}

static void
meter_add(struct budget_meter *m, int64_t span_us, int64_t slot, int64_t count)
{
    meter_reach(m, span_us, slot);
    uint32_t *at = &m->counts[slot % BUDGET_SLOTS];
    *at = count > UINT32_MAX - *at ? UINT32_MAX : *at + (uint32_t)count;
}

void
budget_spend(const struct budget_meters *kept, struct budget_meters *own, struct budget_charge charge, int64_t now_us)
{
    for (size_t i = 0; charge.policy != NULL && i < charge.policy->rate_count; i++) {
        int64_t span_us = charge.policy->rates[i].span_us;
        size_t index = charge.policy->first_meter + i;
        struct pair p = pair_of(kept, own, index, span_us, now_us);
        meter_add(&own->meters[index], span_us, pair_slot(&p, span_us, now_us), charge.weight);
    }
}

/* ---- answers */

static bool
header_number(const struct http_reply *reply, struct str name, int64_t *value_out)
{
    for (size_t i = 0; i < reply->headers.count; i++)
        if (str_eq_nocase(reply->headers.items[i].name, name))
            return str_to_i64(str_trim(reply->headers.items[i].value), 0, INT64_MAX / US_PER_S, value_out);
    return false;
}

static bool
is_hit(const struct budget *b, int status)
{
    for (size_t i = 0; i < b->plan->hit_count; i++)
        if (b->plan->hits[i] == status)
            return true;
    return false;
}

/* What is left by the vendor's word, when that is less than by our counting. */
static bool
drain(struct budget_meters *own, const struct pair *p, struct budget_charge charge, int64_t left, int64_t now_us)
{
    const struct budget_rate *rate = &charge.policy->rates[0];
    int64_t missing = rate->limit - left - pair_used(p, now_us / slot_us(rate->span_us));
    if (missing <= 0)
        return false;
    meter_add(&own->meters[charge.policy->first_meter], rate->span_us, pair_slot(p, rate->span_us, now_us), missing);
    return true;
}

bool
budget_learn(const struct budget *b, const struct budget_meters *kept, struct budget_meters *own, struct budget_charge charge,
             const struct http_reply *reply, int64_t now_us)
{
    int64_t left = -1, reset = -1;
    if (charge.policy == NULL || charge.policy->rate_count == 0)
        return false;
    if (!header_number(reply, b->plan->remaining_header, &left) && is_hit(b, reply->status))
        left = 0;
    bool told_reset = header_number(reply, b->plan->reset_header, &reset);
    struct budget_rate rate = charge.policy->rates[0];
    struct budget_meter *m = &own->meters[charge.policy->first_meter];
    struct pair p = pair_of(kept, own, charge.policy->first_meter, rate.span_us, now_us);
    bool changed = false;
    /* A moving window is told nothing by an amount that belongs to the vendor's own window: only "nothing" counts. */
    if (left >= 0 && (charge.policy->fixed || (left == 0 && !told_reset)))
        changed = drain(own, &p, charge, left, now_us);
    if (!told_reset || !charge.policy->fixed)
        return changed;
    int64_t at_us = reset >= RESET_EPOCH_MIN_S ? reset * US_PER_S : now_us + reset * US_PER_S;
    if (at_us <= now_us || at_us - now_us > RESET_MAX_US)
        return changed;
    meter_reach(m, rate.span_us, now_us / slot_us(rate.span_us));
    m->since_us = p.since_us;
    m->reset_us = at_us;
    return true;
}

/* ---- two countings */

static void
add_one(struct budget_meter *to, const struct budget_meter *from)
{
    if (from->span_us == 0)
        return;
    for (int64_t slot = from->newest - BUDGET_SLOTS + 1; slot <= from->newest; slot++) {
        int64_t count = count_at(from, slot, 0);
        if (count > 0 && (to->span_us != from->span_us || slot > to->newest - BUDGET_SLOTS))
            meter_add(to, from->span_us, slot, count);
    }
    meter_reach(to, from->span_us, later(to->newest, from->newest));
    to->since_us = later(to->since_us, from->since_us);
    to->reset_us = later(to->reset_us, from->reset_us);
}

void
budget_add(struct budget_meters *to, const struct budget_meters *from)
{
    for (size_t i = 0; i < BUDGET_METERS_MAX; i++)
        add_one(&to->meters[i], &from->meters[i]);
}

void
budget_subtract(struct budget_meters *from, const struct budget_meters *what)
{
    for (size_t i = 0; i < BUDGET_METERS_MAX; i++) {
        struct budget_meter *m = &from->meters[i];
        const struct budget_meter *w = &what->meters[i];
        if (m->span_us != w->span_us || w->span_us == 0)
            continue;
        for (int64_t slot = w->newest - BUDGET_SLOTS + 1; slot <= w->newest; slot++) {
            int64_t count = count_at(w, slot, 0), there = count_at(m, slot, 0);
            if (count > 0 && there > 0)
                m->counts[slot % BUDGET_SLOTS] = (uint32_t)(there > count ? there - count : 0);
        }
    }
}

void
budget_shift(struct budget_meters *m, int64_t offset_us)
{
    for (size_t i = 0; i < BUDGET_METERS_MAX; i++) {
        struct budget_meter *one = &m->meters[i], moved = *one;
        int64_t slots = one->span_us == 0 ? 0 : offset_us / slot_us(one->span_us);
        if (one->span_us == 0)
            continue;
        moved.newest += slots;
        moved.since_us += one->since_us != 0 ? offset_us : 0;
        moved.reset_us += one->reset_us != 0 ? offset_us : 0;
        for (int64_t slot = one->newest - BUDGET_SLOTS + 1; slot <= one->newest; slot++)
            moved.counts[(slot + slots) % BUDGET_SLOTS] = (uint32_t)count_at(one, slot, 0);
        *one = moved;
    }
}
