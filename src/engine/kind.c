#include "engine/kind.h"

#define FOUND FIELD_FOUND
#define OWN {"customFields", FIELD_OBJECT, 0}

const struct kind kinds[] = {
    {"contacts", "Contact", "name", NULL, NULL, NULL, NULL,
     {{"name", FIELD_TEXT, FOUND}, {"email", FIELD_EMAIL, FOUND}, {"phone", FIELD_PHONE, FOUND},
      {"timezone", FIELD_TEXT, 0}, OWN}},
    {"conversations", "Conversation", NULL, "status", NULL, NULL, "contacts",
     {{"status", FIELD_TEXT, 0}, {"contactId", FIELD_TEXT, 0}, {"subject", FIELD_TEXT, FOUND}, {"metadata", FIELD_OBJECT, 0}}},
    {"messages", "Message", NULL, "status", "sentAt", "conversationId", "conversations",
     {{"content", FIELD_TEXT, FOUND}, {"direction", FIELD_TEXT, 0}, {"type", FIELD_TEXT, 0}, {"status", FIELD_TEXT, 0},
      {"sentAt", FIELD_TIME, 0}, {"contactId", FIELD_TEXT, 0}, {"metadata", FIELD_OBJECT, 0}}},
    {"leads", "Lead", "name", "status", NULL, NULL, "contacts",
     {{"name", FIELD_TEXT, FOUND}, {"email", FIELD_EMAIL, FOUND}, {"phone", FIELD_PHONE, FOUND}, {"company", FIELD_TEXT, FOUND},
      {"status", FIELD_TEXT, 0}, {"source", FIELD_TEXT, 0}, {"timezone", FIELD_TEXT, 0},
      {"subAccountId", FIELD_TEXT, FIELD_FIXED}, {"regularUserId", FIELD_TEXT, FIELD_FIXED},
      {"strategyId", FIELD_TEXT, FIELD_FIXED}, OWN}},
    {"companies", "Company", "name", NULL, NULL, NULL, NULL,
     {{"name", FIELD_TEXT, FOUND}, {"domain", FIELD_TEXT, FOUND}, {"email", FIELD_EMAIL, FOUND}, {"phone", FIELD_PHONE, FOUND},
      {"industry", FIELD_TEXT, 0}, {"city", FIELD_TEXT, 0}, {"country", FIELD_TEXT, 0}, OWN}},
    {"deals", "Deal", "name", "status", "closeDate", NULL, "companies",
     {{"name", FIELD_TEXT, FOUND}, {"status", FIELD_TEXT, 0}, {"stage", FIELD_TEXT, 0}, {"pipeline", FIELD_TEXT, 0},
      {"amount", FIELD_MONEY, 0}, {"currency", FIELD_TEXT, 0}, {"closeDate", FIELD_TIME, 0}, {"contactId", FIELD_TEXT, 0},
      {"companyId", FIELD_TEXT, 0}, OWN}},
    {"tickets", "Ticket", "subject", "status", NULL, NULL, "contacts",
     {{"subject", FIELD_TEXT, FOUND}, {"description", FIELD_TEXT, FOUND}, {"status", FIELD_TEXT, 0}, {"priority", FIELD_TEXT, 0},
      {"type", FIELD_TEXT, 0}, {"contactId", FIELD_TEXT, 0}, {"assigneeId", FIELD_TEXT, 0}, OWN}},
    {"products", "Product", "title", "status", NULL, NULL, NULL,
     {{"title", FIELD_TEXT, FOUND}, {"sku", FIELD_TEXT, FOUND}, {"description", FIELD_TEXT, FOUND}, {"status", FIELD_TEXT, 0},
      {"price", FIELD_MONEY, 0}, {"currency", FIELD_TEXT, 0}, {"quantity", FIELD_NUMBER, 0}, {"vendor", FIELD_TEXT, FOUND}, OWN}},
    {"orders", "Order", "number", "status", "orderedAt", NULL, "customers",
     {{"number", FIELD_TEXT, FOUND}, {"status", FIELD_TEXT, 0}, {"total", FIELD_MONEY, 0}, {"currency", FIELD_TEXT, 0},
      {"email", FIELD_EMAIL, FOUND}, {"customerId", FIELD_TEXT, 0}, {"orderedAt", FIELD_TIME, 0}, {"items", FIELD_LIST, 0}, OWN}},
    {"customers", "Customer", "name", "status", NULL, NULL, NULL,
     {{"name", FIELD_TEXT, FOUND}, {"email", FIELD_EMAIL, FOUND}, {"phone", FIELD_PHONE, FOUND}, {"company", FIELD_TEXT, FOUND},
      {"status", FIELD_TEXT, 0}, {"city", FIELD_TEXT, 0}, {"country", FIELD_TEXT, 0}, OWN}},
};
const size_t kind_count = ARRAY_LEN(kinds);

const struct kind *
kind_find(struct str name)
{
    for (size_t i = 0; i < kind_count; i++)
        if (str_eq_c(name, kinds[i].name))
            return &kinds[i];
    return NULL;
}

bool
kind_owns_children(struct str name)
{
    return !str_eq_c(name, "companies") && !str_eq_c(name, "products");
}

const struct kind_field *
kind_field_find(const struct kind *kind, struct str name)
{
    for (const struct kind_field *field = kind->fields; field->name; field++)
        if (str_eq_c(name, field->name))
            return field;
    return NULL;
}

static bool
is_among(const char *const *names, struct str name)
{
    for (; names && *names; names++)
        if (str_eq_c(name, *names))
            return true;
    return false;
}

bool
kind_other_members(const struct kind *kind, struct arena *a, yyjson_val *data, const char *const *beside, struct str *text_out)
{
    size_t index, max;
    yyjson_val *key, *item;
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *others = doc ? yyjson_mut_obj(doc) : NULL;
    if (!others)
        return false;
    yyjson_obj_foreach(data, index, max, key, item) {
        if (!kind_field_find(kind, json_str(key)) && !is_among(beside, json_str(key)) &&
            !yyjson_mut_obj_add(others, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, item)))
            return false;
    }
    yyjson_val *frozen = json_freeze(a, others);
    *text_out = yyjson_mut_obj_size(others) && frozen ? json_to_text(a, frozen) : STR_NONE;
    return frozen && (!yyjson_mut_obj_size(others) || text_out->len);
}
