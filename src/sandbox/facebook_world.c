/*
 * What a simulated ad account holds: campaigns, ad sets, ads, and the lead forms of a page with what people filled in.
 */
#include "sandbox/facebook_priv.h"

#define CAMPAIGNS_DEFAULT 6
#define ADSETS_DEFAULT 12
#define ADS_DEFAULT 24
#define FORMS_DEFAULT 3
#define LEADS_DEFAULT 60

struct facebook
facebook_of(struct world *world)
{
    struct collection *c = world->collections;
    return (struct facebook){&c[0], &c[1], &c[2], &c[3], &c[4], &c[5]};
}

uint64_t
facebook_random(struct world *world, const struct collection *c, uint32_t index)
{
    uint64_t salt = people_mix(world->seed ^ 0xFB, (uint64_t)(c - world->collections));
    return people_mix(salt, (uint64_t)c->objects[index].id);
}

struct str
facebook_time(struct arena *a, int64_t us)
{
    struct civil t = civil_from_us(us);
    return str_format(a, "%04d-%02d-%02dT%02d:%02d:%02d+0000", t.year, t.month, t.day, t.hour, t.minute, t.second);
}

struct str
facebook_day(struct arena *a, int64_t us)
{
    struct civil t = civil_from_us(us);
    return str_format(a, "%04d-%02d-%02d", t.year, t.month, t.day);
}

struct str
facebook_status(const struct object *o)
{
    static const char *const names[] = {"ACTIVE", "PAUSED", "ARCHIVED"};
    return o->deleted ? STR("DELETED") : str_from_c(names[o->state % ARRAY_LEN(names)]);
}

static bool
fill(struct world *world, struct collection *c, int64_t first_id, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        size_t parents = c->parent ? c->parent->count : 0;
        uint32_t parent = parents ? (uint32_t)((size_t)i % parents) : OBJECT_NONE;
        int64_t at_us = world_spread(US_PER_S, world->seed ^ (uint64_t)first_id, i, count);
        uint32_t index = world_add(world, c, i == 0 ? first_id : 0, at_us, parent);
        if (index == OBJECT_NONE)
            return false;
        uint64_t share = facebook_random(world, c, index) % 100;
        world_object(c, index)->state = share < 70 ? 0 : share < 90 ? 1 : 2;
    }
    return true;
}

bool
facebook_populate(struct world *world, const struct sandbox_core *core)
{
    struct collection *campaigns = world_add_collection(world, "campaigns", NULL);
    struct collection *adsets = world_add_collection(world, "adsets", campaigns);
    struct collection *ads = world_add_collection(world, "ads", adsets);
    struct collection *forms = world_add_collection(world, "lead_forms", NULL);
    struct collection *leads = world_add_collection(world, "leads", forms);
    struct collection *reports = world_add_collection(world, "reports", NULL);
    reports->next_id = 6023920149050000;
    world->vendor_numbers[FB_REPORT_MS] = core_size(core, FB_NAME, "report_ms", 0);
    return fill(world, campaigns, 120330000000000001, core_size(core, FB_NAME, "campaigns", CAMPAIGNS_DEFAULT)) &&
           fill(world, adsets, 120331000000000001, core_size(core, FB_NAME, "adsets", ADSETS_DEFAULT)) &&
           fill(world, ads, 120332000000000001, core_size(core, FB_NAME, "ads", ADS_DEFAULT)) &&
           fill(world, forms, 12312312001, core_size(core, FB_NAME, "forms", FORMS_DEFAULT)) &&
           fill(world, leads, 123123000001, core_size(core, FB_NAME, "leads", LEADS_DEFAULT));
}

uint32_t
facebook_create(struct world *world, struct collection *c, int64_t now_us)
{
    uint32_t parent = c->parent && c->parent->count ? (uint32_t)(c->count % c->parent->count) : OBJECT_NONE;
    return world_add(world, c, 0, world_whole(US_PER_S, now_us), parent);
}

/* ---- objects as the vendor shows them ---- */

static void
add_id(struct json_writer *w, struct arena *a, const char *name, int64_t id)
{
    json_add_str(w, name, str_format(a, "%lld", (long long)id));
}

static void
begin(struct world *world, struct collection *c, uint32_t index, const char *what, struct arena *a, struct json_writer *w)
{
    static const char *const themes[] = {"Leads BR", "Promo verão", "Remarketing", "Brand", "Catálogo", "App installs"};
    const struct object *o = world_object(c, index);
    uint64_t random = facebook_random(world, c, index);
    json_begin_object(w, NULL);
    add_id(w, a, "id", o->id);
    add_id(w, a, "account_id", FB_ACCOUNT);
    struct str name = str_format(a, "%s %s %u", themes[random % ARRAY_LEN(themes)], what, o->number + 1);
    json_add_str(w, "name", o->revision ? str_format(a, "%.*s (%u)", STR_ARG(name), o->revision) : name);
    json_add_str(w, "status", facebook_status(o));
    json_add_str(w, "effective_status", facebook_status(o));
    json_add_str(w, "configured_status", facebook_status(o));
    json_add_str(w, "created_time", facebook_time(a, o->created_us));
    json_add_str(w, "updated_time", facebook_time(a, o->updated_us));
}

static void
add_budget(struct json_writer *w, struct arena *a, uint64_t random)
{
    json_add_str(w, "daily_budget", str_format(a, "%llu", (unsigned long long)(1000 + random % 90000)));
    json_add_str(w, "budget_remaining", str_format(a, "%llu", (unsigned long long)(random % 1000)));
}

void
facebook_write_campaign(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    static const char *const objectives[] = {"OUTCOME_LEADS", "OUTCOME_TRAFFIC", "OUTCOME_SALES"};
    uint64_t random = facebook_random(world, c, index);
    begin(world, c, index, "campaign", a, w);
    json_add_c(w, "objective", objectives[random % ARRAY_LEN(objectives)]);
    json_add_c(w, "buying_type", "AUCTION");
    json_add_str(w, "start_time", facebook_time(a, world_object(c, index)->created_us));
    add_budget(w, a, random);
    json_end_object(w);
}

void
facebook_write_adset(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    const struct object *o = world_object(c, index);
    begin(world, c, index, "ad set", a, w);
    if (o->parent != OBJECT_NONE)
        add_id(w, a, "campaign_id", world_object(c->parent, o->parent)->id);
    json_add_c(w, "billing_event", "IMPRESSIONS");
    json_add_c(w, "optimization_goal", "LEAD_GENERATION");
    add_budget(w, a, facebook_random(world, c, index));
    json_end_object(w);
}

void
facebook_write_ad(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    const struct object *o = world_object(c, index);
    begin(world, c, index, "ad", a, w);
    if (o->parent != OBJECT_NONE) {
        const struct object *set = world_object(c->parent, o->parent);
        add_id(w, a, "adset_id", set->id);
        if (set->parent != OBJECT_NONE)
            add_id(w, a, "campaign_id", world_object(c->parent->parent, set->parent)->id);
    }
    json_begin_object(w, "creative");
    add_id(w, a, "id", 120333000000000000 + o->number);
    json_end_object(w);
    json_end_object(w);
}

void
facebook_write_form(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    const struct object *o = world_object(c, index);
    (void)world;
    json_begin_object(w, NULL);
    add_id(w, a, "id", o->id);
    json_add_str(w, "name", str_format(a, "Contact form %u", o->number + 1));
    json_add_c(w, "status", "ACTIVE");
    json_add_c(w, "locale", "pt_BR");
    json_add_c(w, "page_id", FB_PAGE);
    json_add_str(w, "created_time", facebook_time(a, o->created_us));
    json_add_i64(w, "leads_count", o->child_count);
    json_end_object(w);
}

static void
add_answer(struct json_writer *w, const char *name, struct str value)
{
    json_begin_object(w, NULL);
    json_add_c(w, "name", name);
    json_begin_array(w, "values");
    json_add_str(w, NULL, value);
    json_end_array(w);
    json_end_object(w);
}

void
facebook_write_lead(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct person p = {0};
    const struct object *o = world_object(c, index);
    const struct collection *ads = facebook_of(world).ads;
    const struct object *form = o->parent == OBJECT_NONE ? NULL : world_object(c->parent, o->parent);
    if (!person_make(a, world->seed, o->number, o->revision, &p))
        return;
    json_begin_object(w, NULL);
    add_id(w, a, "id", o->id);
    json_add_str(w, "created_time", facebook_time(a, o->created_us));
    if (form)
        add_id(w, a, "form_id", form->id);
    if (ads->count)
        add_id(w, a, "ad_id", ads->objects[o->number % ads->count].id);
    json_add_bool(w, "is_organic", ads->count == 0);
    json_add_c(w, "platform", o->number % 3 ? "fb" : "ig");
    json_begin_array(w, "field_data");
    add_answer(w, "full_name", p.name);
    add_answer(w, "email", p.email);
    add_answer(w, "phone_number", p.phone);
    add_answer(w, "city", p.city);
    add_answer(w, "qual_o_seu_interesse?", STR("Orçamento"));
    json_end_array(w);
    json_end_object(w);
}
