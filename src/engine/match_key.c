/*
 * Match keys: the form in which two e-mail addresses or two phone numbers are the same person's.
 *
 * Nearly all addresses are ASCII, where folding is lower case; only the others pass through ICU.
 */
#include "engine/match_key.h"

#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "json/phone.h"

/* NFC of the case folding, as Unicode's caseless matching asks. False: not UTF-8 or too long. */
static bool
fold_unicode(struct str s, char *out, size_t out_size, size_t *len_out)
{
    UChar wide[MATCH_KEY_BYTES_MAX], folded[2 * MATCH_KEY_BYTES_MAX], composed[2 * MATCH_KEY_BYTES_MAX];
    UErrorCode code = U_ZERO_ERROR;
    int32_t len = 0;
    u_strFromUTF8(wide, ARRAY_LEN(wide), &len, s.ptr, (int32_t)s.len, &code);
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&code);
    if (U_FAILURE(code))
        return false;
    len = unorm2_normalize(nfc, wide, len, composed, ARRAY_LEN(composed), &code);
    len = u_strFoldCase(folded, ARRAY_LEN(folded), composed, U_SUCCESS(code) ? len : 0, U_FOLD_CASE_DEFAULT, &code);
    len = unorm2_normalize(nfc, folded, U_SUCCESS(code) ? len : 0, composed, ARRAY_LEN(composed), &code);
    int32_t bytes = 0;
    u_strToUTF8(out, (int32_t)out_size, &bytes, composed, U_SUCCESS(code) ? len : 0, &code);
    *len_out = (size_t)bytes;
    return U_SUCCESS(code) && bytes > 0;
}

struct str
match_key_email(struct arena *a, struct str email)
{
    email = str_trim(email);
    if (email.len == 0 || email.len > MATCH_KEY_BYTES_MAX / 2 || str_find(email, '@') <= 0)
        return STR_NONE;
    if (str_is_ascii(email))
        return str_join2(a, STR("email:"), str_lower(a, email));
    char folded[2 * MATCH_KEY_BYTES_MAX];
    size_t len = 0;
    if (!str_is_utf8(email) || !fold_unicode(email, folded, sizeof(folded), &len))
        return STR_NONE;
    return str_join2(a, STR("email:"), (struct str){folded, len});
}

struct str
match_key_phone(struct arena *a, struct str phone, struct str region)
{
    char e164[PHONE_TEXT_BYTES];
    if (phone.len == 0 || !phone_to_e164(phone, region, e164))
        return STR_NONE;
    return str_join2(a, STR("phone:"), str_from_c(e164));
}
