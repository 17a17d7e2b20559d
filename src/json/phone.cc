/*
 * The one file that knows libphonenumber.
 *
 * What makes it hard: the fast path must give exactly what the library gives. So its table holds only plans in which
 * a number of that length and first digit can have no trunk prefix to be stripped, and a test compares both
 * over thousands of numbers of each row.
 */
#include <cstring>
#include <mutex>
#include <string>

#include <phonenumbers/phonenumberutil.h>

extern "C" {
#include "json/phone.h"
}

namespace {

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

/* National part: its lengths and the digits it may begin with. Anything else goes to the library. */
struct clean_plan {
    const char *country_code;
    size_t digits_min, digits_max;
    const char *first_digits;
};
constexpr clean_plan clean_plans[] = {
    {"1", 10, 10, "23456789"},  /* North America */
    {"55", 11, 11, "12345678"}, /* Brazil, mobile: two digits of area, none begins with 0 or 9[0] */
    {"351", 9, 9, "29"},        /* Portugal */
    {"34", 9, 9, "6789"},       /* Spain */
    {"33", 9, 9, "123456789"},  /* France */
    {"44", 10, 10, "127"},      /* United Kingdom */
    {"91", 10, 10, "6789"},     /* India */
};

bool
is_clean(const char *text, size_t len)
{
    for (const clean_plan &plan : clean_plans) {
        size_t code = strlen(plan.country_code);
        if (len < 1 + code || memcmp(text + 1, plan.country_code, code) != 0)
            continue;
        size_t digits = len - 1 - code;
        return digits >= plan.digits_min && digits <= plan.digits_max && strchr(plan.first_digits, text[1 + code]) &&
               text[1 + code] != '\0';
    }
    return false;
}

bool
is_plus_and_digits(const char *text, size_t len)
{
    if (len < 8 || len > 16 || text[0] != '+')
        return false;
    for (size_t i = 1; i < len; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

/* ---- the last results; a slot is chosen by hash and simply overwritten ---- */

constexpr size_t cache_slots = 512;
constexpr size_t cache_text_bytes = 40;

struct cache_slot {
    char text[cache_text_bytes]; /* region, blank, number; empty: unused */
    size_t len;
    char e164[PHONE_TEXT_BYTES]; /* empty: no number */
};

std::mutex cache_lock;
cache_slot cache[cache_slots]; /* under cache_lock */

size_t
slot_of(const std::string &key)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (unsigned char c : key)
        hash = (hash ^ c) * UINT64_C(1099511628211);
    return static_cast<size_t>(hash % cache_slots);
}

bool
cache_find(const std::string &key, char e164[PHONE_TEXT_BYTES])
{
    std::lock_guard<std::mutex> hold(cache_lock);
    const cache_slot &slot = cache[slot_of(key)];
    if (slot.len != key.size() || memcmp(slot.text, key.data(), key.size()) != 0)
        return false;
    memcpy(e164, slot.e164, PHONE_TEXT_BYTES);
    return true;
}

void
cache_keep(const std::string &key, const char e164[PHONE_TEXT_BYTES])
{
    std::lock_guard<std::mutex> hold(cache_lock);
    cache_slot &slot = cache[slot_of(key)];
    memcpy(slot.text, key.data(), key.size());
    slot.len = key.size();
    memcpy(slot.e164, e164, PHONE_TEXT_BYTES);
}

/* Leaves e164 empty when the text is no number. */
void
ask_library(const std::string &text, const std::string &region, char e164[PHONE_TEXT_BYTES])
{
    PhoneNumberUtil *util = PhoneNumberUtil::GetInstance();
    PhoneNumber number;
    std::string formatted;
    e164[0] = '\0';
    if (util->Parse(text, region.empty() ? "ZZ" : region, &number) != PhoneNumberUtil::NO_PARSING_ERROR ||
        !util->IsPossibleNumber(number))
        return;
    util->Format(number, PhoneNumberUtil::E164, &formatted);
    if (formatted.size() < PHONE_TEXT_BYTES)
        memcpy(e164, formatted.c_str(), formatted.size() + 1);
}

/* The address is the same either way, so a cached answer and a fresh one go the same road. */
bool
read_slowly(const std::string &text, const std::string &region, char e164[PHONE_TEXT_BYTES])
{
    std::string key = region + " " + text;
    char found[PHONE_TEXT_BYTES] = "";
    bool small = key.size() <= cache_text_bytes;
    if (!small || !cache_find(key, found)) {
        ask_library(text, region, found);
        if (small)
            cache_keep(key, found);
    }
    if (found[0] == '\0')
        return false;
    memcpy(e164, found, PHONE_TEXT_BYTES);
    return true;
}

} // namespace

extern "C" bool
phone_to_e164(struct str text, struct str region, char e164[PHONE_TEXT_BYTES])
{
    if (text.len == 0 || text.len > PHONE_INPUT_BYTES_MAX || region.len > 3 || memchr(text.ptr, '\0', text.len))
        return false;
    if (is_plus_and_digits(text.ptr, text.len) && is_clean(text.ptr, text.len)) {
        memcpy(e164, text.ptr, text.len);
        e164[text.len] = '\0';
        return true;
    }
    try {
        return read_slowly(std::string(text.ptr, text.len), std::string(region.ptr ? region.ptr : "", region.len), e164);
    } catch (...) {
        return false; /* no memory */
    }
}

extern "C" bool
phone_region_is_known(struct str region)
{
    try {
        return region.len == 2 &&
               PhoneNumberUtil::GetInstance()->GetCountryCodeForRegion(std::string(region.ptr, region.len)) != 0;
    } catch (...) {
        return false;
    }
}
