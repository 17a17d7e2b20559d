/*
 * What a person is told about one fault, by keyword.
 *
 * The library's own messages repeat the value, which may be a secret, and speak of schemas; these say what the field should be,
 * from the schema's own text. They follow a pointer: "/name must have at least 3 characters".
 */
#ifndef TIDEMARK_JSON_SCHEMA_WORDS_HPP
#define TIDEMARK_JSON_SCHEMA_WORDS_HPP

#include <string>

#include <jsoncons/json.hpp>
#include <jsoncons_ext/jsonpointer/jsonpointer.hpp>
#include <jsoncons_ext/jsonschema/jsonschema.hpp>

namespace tidemark {

using json = jsoncons::json;
using fault = jsoncons::jsonschema::validation_message;

constexpr std::size_t words_choices_max = 12;
constexpr std::size_t words_bytes_max = 120;

inline std::string
shortened(std::string text)
{
    if (text.size() <= words_bytes_max)
        return text;
    std::size_t end = words_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
        end--;
    return text.substr(0, end) + "...";
}

/* The keyword's value in the schema, or null when its place cannot be found (schemas with an $id of their own). */
inline json
keyword_value(const json &schema, const fault &f)
{
    std::error_code error;
    json found = jsoncons::jsonpointer::get(schema, f.schema_location().fragment(), error);
    if (error)
        return json::null();
    if (found.is_object() && found.contains(f.keyword()))
        return found.at(f.keyword());
    return found;
}

/* The object that holds the keyword: its other members may say more ("pattern_descriptor"). */
inline json
keyword_holder(const json &schema, const fault &f)
{
    std::error_code error;
    std::string place = f.schema_location().fragment(), tail = "/" + f.keyword();
    if (place.size() >= tail.size() && place.compare(place.size() - tail.size(), tail.size(), tail) == 0)
        place.resize(place.size() - tail.size());
    json found = jsoncons::jsonpointer::get(schema, place, error);
    return error ? json::null() : found;
}

inline std::string
quantity(const json &value, const char *one, const char *many)
{
    std::string number = value.is_number() ? value.as<std::string>() : "more";
    return number + " " + (number == "1" ? one : many);
}

inline std::string
type_words(const json &type)
{
    static const std::pair<const char *, const char *> names[] = {
        {"string", "text"}, {"integer", "a whole number"}, {"number", "a number"}, {"boolean", "true or false"},
        {"object", "an object"}, {"array", "a list"}, {"null", "null"}};
    if (type.is_array()) {
        std::string all;
        for (const auto &item : type.array_range())
            all += (all.empty() ? "" : " or ") + type_words(item);
        return all;
    }
    if (type.is_string())
        for (const auto &name : names)
            if (type.as_string_view() == name.first)
                return name.second;
    return "of another type";
}

inline std::string
format_words(const json &format)
{
    static const std::pair<const char *, const char *> names[] = {
        {"date-time", "a date and time such as 2026-11-22T03:40:00Z"}, {"date", "a date such as 2026-11-22"},
        {"time", "a time such as 03:40:00Z"}, {"email", "an e-mail address"}, {"hostname", "a host name"},
        {"ipv4", "an IPv4 address"}, {"ipv6", "an IPv6 address"}, {"uri", "an address such as https://example.com"},
        {"uri-reference", "an address"}, {"regex", "a regular expression"}, {"json-pointer", "a JSON pointer"}};
    if (format.is_string())
        for (const auto &name : names)
            if (format.as_string_view() == name.first)
                return std::string("must be ") + name.second;
    return "has not the expected format";
}

inline std::string
choice_words(const json &choices)
{
    std::string all;
    std::size_t count = 0;
    if (!choices.is_array())
        return "is not one of the allowed values";
    for (const auto &choice : choices.array_range()) {
        if (++count > words_choices_max || all.size() > words_bytes_max)
            return "must be one of " + all + ", ...";
        all += (all.empty() ? "" : ", ") + shortened(choice.is_string() ? choice.as<std::string>() : choice.to_string());
    }
    return (count == 1 ? "must be " : "must be one of ") + all;
}

inline std::string
pattern_words(const json &schema, const fault &f, const json &value)
{
    const json holder = keyword_holder(schema, f);
    if (holder.is_object() && holder.contains("pattern_descriptor") && holder.at("pattern_descriptor").is_string())
        return "must look like " + shortened(holder.at("pattern_descriptor").as<std::string>());
    return value.is_string() ? "must match the pattern " + shortened(value.as<std::string>()) : "has not the expected form";
}

inline std::string
words_for(const json &schema, const fault &f)
{
    const std::string &keyword = f.keyword();
    const json value = keyword_value(schema, f);
    if (keyword == "type")
        return "must be " + type_words(value);
    if (keyword == "required" || keyword == "dependentRequired" || keyword == "dependencies")
        return "is required";
    if (keyword == "enum")
        return choice_words(value);
    if (keyword == "const")
        return "must be " + shortened(value.is_string() ? value.as<std::string>() : value.to_string());
    if (keyword == "pattern")
        return pattern_words(schema, f, value);
    if (keyword == "format")
        return format_words(value);
    if (keyword == "minLength")
        return value.is_number() && value.as<double>() == 1 ? "must not be empty"
                                                            : "must have at least " + quantity(value, "character", "characters");
    if (keyword == "maxLength")
        return "must have at most " + quantity(value, "character", "characters");
    if (keyword == "minItems")
        return "must have at least " + quantity(value, "item", "items");
    if (keyword == "maxItems")
        return "must have at most " + quantity(value, "item", "items");
    if (keyword == "minProperties")
        return "must have at least " + quantity(value, "member", "members");
    if (keyword == "maxProperties")
        return "must have at most " + quantity(value, "member", "members");
    if (keyword == "uniqueItems")
        return "must not hold the same item twice";
    if (keyword == "minimum")
        return "must be at least " + shortened(value.to_string());
    if (keyword == "maximum")
        return "must be at most " + shortened(value.to_string());
    if (keyword == "exclusiveMinimum")
        return "must be more than " + shortened(value.to_string());
    if (keyword == "exclusiveMaximum")
        return "must be less than " + shortened(value.to_string());
    if (keyword == "multipleOf")
        return "must be a multiple of " + shortened(value.to_string());
    if (keyword == "additionalProperties" || keyword == "unevaluatedProperties" || keyword == "unevaluatedItems" ||
        keyword == "false" || keyword == "additionalItems")
        return "is not known here: remove it";
    if (keyword == "propertyNames")
        return "has a member whose name is not allowed";
    if (keyword == "contains" || keyword == "minContains" || keyword == "maxContains")
        return "does not hold the items it must hold";
    if (keyword == "anyOf" || keyword == "oneOf")
        return "fits none, or more than one, of the allowed forms";
    return keyword == "not" ? "is not allowed in this form" : "is not valid";
}

} // namespace tidemark

#endif
