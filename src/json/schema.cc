/*
 * The one file that knows jsoncons. Everything it offers is C; every exception stops here.
 *
 * What makes it hard: both the schema and the value come from outside. Their sizes and depths are looked at before the
 * library sees them, the library's own steps are counted (schema_guard.hpp), and messages are made anew so that no
 * value, which may be a secret, is repeated in one.
 */
#include <algorithm>
#include <cmath>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "json/schema_guard.hpp"
#include "json/schema_words.hpp"

extern "C" {
#include "base/limits.h"
#include "json/schema.h"
}

using tidemark::fault;
using tidemark::json;
namespace jsonschema = jsoncons::jsonschema;

struct schema {
    json document;
    jsonschema::json_schema<json> compiled;
};

namespace {

constexpr const char *base_address = "https://schema.invalid";
constexpr unsigned default_rounds_max = 8; /* a default may be an object with defaults inside */
constexpr double int64_above = 9223372036854775808.0;

/* Something about the input that is ours to refuse. Carries no value. */
struct refused {
    err_code code;
    const char *words;
};

/* ---- between yyjson's values and the library's ---- */

json
number_from_text(const std::string &text)
{
    if (text.find_first_of(".eE") == std::string::npos) {
        bool negative = text[0] == '-';
        if (text.size() - negative > 19 || (text.size() - negative == 19 && text.substr(negative) > "9223372036854775807"))
            return json(text, jsoncons::semantic_tag::bigint);
        return json(static_cast<int64_t>(std::stoll(text)));
    }
    yyjson_val number;
    if (!yyjson_read_number(text.c_str(), &number, 0, nullptr, nullptr) || !std::isfinite(yyjson_get_num(&number)))
        throw refused{E_LIMIT, "A number is too large to be checked"};
    return json(yyjson_get_num(&number));
}

/* Reals that are whole but beyond int64 go as text: the library would cast them to int64. */
json
number_from_real(double real)
{
    if (!(std::fabs(real) < int64_above)) {
        char text[400];
        snprintf(text, sizeof(text), "%.0f", real);
        return json(std::string(text), jsoncons::semantic_tag::bigint);
    }
    return json(real);
}

json
number_from(yyjson_val *value)
{
    if (yyjson_is_raw(value)) {
        json number = number_from_text(std::string(yyjson_get_raw(value), yyjson_get_len(value)));
        return number.is_double() ? number_from_real(number.as<double>()) : number;
    }
    if (yyjson_is_uint(value))
        return json(yyjson_get_uint(value));
    return yyjson_is_sint(value) ? json(yyjson_get_sint(value)) : number_from_real(yyjson_get_real(value));
}

json
json_from(yyjson_val *value, unsigned depth_left)
{
    std::size_t index, max;
    yyjson_val *key, *item;
    if (depth_left == 0)
        throw refused{E_LIMIT, "It is nested too deep to be checked"};
    if (yyjson_is_arr(value)) {
        json list(jsoncons::json_array_arg);
        list.reserve(yyjson_arr_size(value));
        yyjson_arr_foreach(value, index, max, item) {
            list.push_back(json_from(item, depth_left - 1));
        }
        return list;
    }
    if (yyjson_is_obj(value)) {
        json object(jsoncons::json_object_arg);
        object.reserve(yyjson_obj_size(value));
        yyjson_obj_foreach(value, index, max, key, item) {
            object.insert_or_assign(std::string(yyjson_get_str(key), yyjson_get_len(key)), json_from(item, depth_left - 1));
        }
        return object;
    }
    if (yyjson_is_str(value))
        return json(std::string(yyjson_get_str(value), yyjson_get_len(value)));
    if (yyjson_is_bool(value))
        return json(static_cast<bool>(yyjson_get_bool(value)));
    return json_is_number(value) ? number_from(value) : json::null();
}

/* NULL only when the arena is full. Used for defaults, which were inside the limits as a part of the schema. */
yyjson_mut_val *
value_from(yyjson_mut_doc *doc, const json &from)
{
    if (from.is_array()) {
        yyjson_mut_val *list = yyjson_mut_arr(doc);
        for (const auto &item : from.array_range())
            if (!yyjson_mut_arr_append(list, value_from(doc, item)))
                return nullptr;
        return list;
    }
    if (from.is_object()) {
        yyjson_mut_val *object = yyjson_mut_obj(doc);
        for (const auto &member : from.object_range())
            if (!yyjson_mut_obj_add(object, yyjson_mut_strncpy(doc, member.key().data(), member.key().size()),
                                    value_from(doc, member.value())))
                return nullptr;
        return object;
    }
    if (from.is_string()) {
        std::string text = from.as<std::string>();
        return from.tag() == jsoncons::semantic_tag::bigint ? yyjson_mut_rawncpy(doc, text.data(), text.size())
                                                            : yyjson_mut_strncpy(doc, text.data(), text.size());
    }
    if (from.is_bool())
        return yyjson_mut_bool(doc, from.as_bool());
    if (from.is<int64_t>())
        return yyjson_mut_sint(doc, from.as<int64_t>());
    if (from.is<uint64_t>())
        return yyjson_mut_uint(doc, from.as<uint64_t>());
    return from.is_number() ? yyjson_mut_real(doc, from.as<double>()) : yyjson_mut_null(doc);
}

/* ---- reporting ---- */

/* The pointer a person looks for: a missing member is named itself, not the object that lacks it. */
std::string
pointer_of(const fault &f)
{
    std::string pointer = f.instance_location().string();
    const std::string &words = f.message();
    const std::string before = "Required property '", after = "' not found.";
    if (words.size() > before.size() + after.size() && words.compare(0, before.size(), before) == 0) {
        std::string name = words.substr(before.size(), words.size() - before.size() - after.size());
        pointer += "/" + jsoncons::jsonpointer::escape(jsoncons::string_view(name));
    }
    return pointer;
}

/* Which branch of anyOf or oneOf a detail belongs to: the index after the keyword in its evaluation path. */
std::string
branch_of(const fault &parent, const fault &detail)
{
    std::string path = detail.eval_path().string(), prefix = parent.eval_path().string() + "/";
    if (path.compare(0, prefix.size(), prefix) != 0)
        return "";
    return path.substr(prefix.size(), path.find('/', prefix.size()) - prefix.size());
}

/*
 * A form with variants marks each by a constant ("auth_type": {"const": "oauth"}). When exactly one variant's
 * constants agree with the value, its faults are what the person wants to read.
 */
std::vector<fault>
faults_of_chosen_branch(const fault &parent)
{
    std::set<std::string> branches, excluded;
    for (const fault &detail : parent.details()) {
        branches.insert(branch_of(parent, detail));
        if (detail.keyword() == "const" || detail.keyword() == "enum" || detail.keyword() == "type")
            excluded.insert(branch_of(parent, detail));
    }
    std::vector<fault> chosen;
    if (branches.size() != excluded.size() + 1)
        return chosen;
    for (const fault &detail : parent.details())
        if (!excluded.count(branch_of(parent, detail)))
            chosen.push_back(detail);
    return chosen;
}

struct report {
    const json &document;
    struct err *err;
    std::set<std::string> pointers; /* one item each */
    std::string first;

    void
    add(const fault &f)
    {
        if (!f.details().empty()) {
            bool variants = f.keyword() == "anyOf" || f.keyword() == "oneOf";
            std::vector<fault> chosen = variants ? faults_of_chosen_branch(f) : f.details();
            for (const fault &detail : chosen)
                add(detail);
            if (!chosen.empty())
                return;
        }
        std::string pointer = pointer_of(f);
        if (pointers.size() >= LIMIT_ERROR_MESSAGES || !pointers.insert(pointer).second)
            return;
        std::string words = tidemark::words_for(document, f);
        if (first.empty())
            first = (pointer.empty() ? "The whole value" : pointer) + " " + words;
        err_add_item(err, str{pointer.data(), pointer.size()}, "%s", words.c_str());
    }
};

/* err_set clears items_count, so the message comes last and the counts are put back. */
bool
finish(const report &r, struct err *err)
{
    unsigned count = err->item_count, left_out = err->items_left_out;
    if (r.pointers.size() == 1)
        err_set(err, E_VALIDATION_FAILED, "%s", r.first.c_str());
    else
        err_set(err, E_VALIDATION_FAILED, "%s; and %zu more", r.first.c_str(), r.pointers.size() - 1);
    err->item_count = count;
    err->items_left_out = left_out;
    return false;
}

/* Runs work; whatever it throws becomes an error. words: what the limits are about. */
template <typename Work>
bool
guarded(struct err *err, const char *words, Work work)
{
    tidemark::schema_budget_of_thread() = {};
    try {
        return work();
    } catch (const refused &r) {
        return err_set(err, r.code, "%s", r.words);
    } catch (const tidemark::limit_passed &) {
        return err_set(err, E_LIMIT, "%s takes too many steps to check: simplify its patterns and references", words);
    } catch (const std::bad_alloc &) {
        return err_no_memory(err);
    } catch (const std::exception &) {
        return err_set(err, E_INTERNAL, "%s could not be checked", words);
    } catch (...) {
        return err_set(err, E_INTERNAL, "%s could not be checked", words);
    }
}

/* ---- compiling ---- */

/* People write the draft's address in several ways, and "http://json-schema.org/schema#" for any. */
std::string
draft_of(const json &document)
{
    static const std::pair<const char *, std::string> drafts[] = {
        {"2020-12", jsonschema::schema_version::draft202012()}, {"2019-09", jsonschema::schema_version::draft201909()},
        {"draft-06", jsonschema::schema_version::draft6()}, {"draft-04", jsonschema::schema_version::draft4()}};
    if (document.is_object() && document.contains("$schema") && document.at("$schema").is_string())
        for (const auto &draft : drafts)
            if (document.at("$schema").as_string_view().find(draft.first) != std::string::npos)
                return draft.second;
    return jsonschema::schema_version::draft7();
}

jsonschema::evaluation_options
options_for(const std::string &draft)
{
    jsonschema::evaluation_options options;
    options.default_version(draft).require_format_validation(true).default_base_uri(base_address);
    return options;
}

/* Drafts forbid a name twice in `required`; many schemas have one, and it means nothing. */
void
drop_repeated_names(json &part)
{
    if (part.is_array()) {
        for (auto &item : part.array_range())
            drop_repeated_names(item);
        return;
    }
    if (!part.is_object())
        return;
    for (auto &member : part.object_range()) {
        if (member.key() != "required" || !member.value().is_array()) {
            drop_repeated_names(member.value());
            continue;
        }
        json names(jsoncons::json_array_arg);
        std::set<std::string> seen;
        for (const auto &name : member.value().array_range())
            if (seen.insert(name.to_string()).second)
                names.push_back(name);
        member.value(std::move(names));
    }
}

/* Is the schema itself a valid schema of its draft? The drafts' own schemas come with the library. */
bool
check_against_draft(const json &document, const std::string &draft, struct err *err)
{
    json meta_document = jsonschema::meta_resolver<json>(jsoncons::uri(draft));
    auto meta = jsonschema::make_json_schema(meta_document, options_for(draft));
    report r{meta_document, err, {}, {}};
    meta.validate(document, [&r](const fault &f) {
        r.add(f);
        return jsonschema::walk_result::advance;
    });
    if (r.pointers.empty())
        return true;
    finish(r, err);
    return err_prefix(err, "The schema is not valid: ");
}

/* Messages of the library name places as addresses; only the part in the document tells something. */
std::string
without_base(std::string words)
{
    for (std::size_t at; (at = words.find(base_address)) != std::string::npos;)
        words.erase(at, std::string(base_address).size());
    return tidemark::shortened(words);
}

bool
compile(yyjson_val *document, struct schema **schema_out, struct err *err)
{
    err->item_count = err->items_left_out = 0;
    json from = json_from(document, LIMIT_JSON_DEPTH_VENDOR);
    std::string draft = draft_of(from), text;
    from.dump(text);
    if (text.size() > LIMIT_SCHEMA_BYTES)
        throw refused{E_LIMIT, "The schema is too large"};
    if (from.is_object() && from.contains("$schema"))
        from.insert_or_assign("$schema", draft);
    drop_repeated_names(from);
    if (!check_against_draft(from, draft, err))
        return false;
    try {
        *schema_out = new schema{from, jsonschema::make_json_schema(from, options_for(draft))};
        return true;
    } catch (const tidemark::limit_passed &) {
        throw;
    } catch (const std::bad_alloc &) {
        throw;
    } catch (const std::exception &e) {
        return err_set(err, E_VALIDATION_FAILED, "The schema is not valid: %s", without_base(e.what()).c_str());
    }
}

/* ---- defaults ---- */

/* Adds what the library found missing to a mutable copy. False when the arena is full. */
bool
apply_patch(yyjson_mut_doc *doc, const json &patch)
{
    for (const auto &step : patch.array_range()) {
        std::string path = step.at("path").as<std::string>();
        if (step.at("value").is_null())
            continue; /* the library's word for "no default" */
        if (yyjson_mut_doc_ptr_getn(doc, path.data(), path.size()))
            continue; /* two schemas of one value may name the same default: the first counts */
        yyjson_mut_val *value = value_from(doc, step.at("value"));
        if (!value || !yyjson_mut_doc_ptr_addn(doc, path.data(), path.size(), value))
            return false;
    }
    return true;
}

bool
has_default(const json &patch)
{
    for (const auto &step : patch.array_range())
        if (!step.at("value").is_null())
            return true;
    return false;
}

/* One round. value_out is value itself when nothing was missing. */
bool
fill_once(const struct schema *schema, struct arena *a, yyjson_val *value, yyjson_val **value_out, struct err *err)
{
    json patch(jsoncons::json_array_arg);
    schema->compiled.validate(json_from(value, LIMIT_JSON_DEPTH_VENDOR),
                              [](const fault &) { return jsonschema::walk_result::advance; }, patch);
    if (!has_default(patch)) {
        *value_out = value;
        return true;
    }
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *copy = doc ? yyjson_val_mut_copy(doc, value) : nullptr;
    if (copy)
        yyjson_mut_doc_set_root(doc, copy);
    yyjson_val *frozen = copy && apply_patch(doc, patch) ? json_freeze(a, yyjson_mut_doc_get_root(doc)) : nullptr;
    if (!frozen)
        return err_set(err, E_TOO_LARGE, "The value with its defaults is too large");
    *value_out = frozen;
    return true;
}

} // namespace

extern "C" struct schema *
schema_compile(yyjson_val *document, struct err *err)
{
    struct schema *made = nullptr;
    guarded(err, "The schema", [&] { return compile(document, &made, err); });
    return made;
}

extern "C" void
schema_free(struct schema *schema)
{
    delete schema;
}

extern "C" bool
schema_validate(const struct schema *schema, yyjson_val *value, struct err *err)
{
    return guarded(err, "The value", [&] {
        err->item_count = err->items_left_out = 0;
        report r{schema->document, err, {}, {}};
        schema->compiled.validate(json_from(value, LIMIT_JSON_DEPTH_VENDOR), [&r](const fault &f) {
            r.add(f);
            return r.pointers.size() < LIMIT_ERROR_MESSAGES ? jsonschema::walk_result::advance
                                                            : jsonschema::walk_result::abort;
        });
        return r.pointers.empty() || finish(r, err);
    });
}

extern "C" yyjson_val *
schema_apply_defaults(const struct schema *schema, struct arena *a, yyjson_val *value, struct err *err)
{
    yyjson_val *result = value;
    bool ok = guarded(err, "The value", [&] {
        for (unsigned round = 0; round < default_rounds_max; round++) {
            yyjson_val *before = result;
            if (!fill_once(schema, a, before, &result, err))
                return false;
            if (result == before)
                break;
        }
        return true;
    });
    return ok ? result : nullptr;
}
