#include "base/test.h"

#include <pthread.h>

#include "base/rng.h"
#include "json/phone.h"

static void
assert_reads(const char *text, const char *region, const char *expected)
{
    char e164[PHONE_TEXT_BYTES] = "untouched";
    for (int i = 0; i < 2; i++) { /* the second time from the cache */
        bool read = phone_to_e164(str_from_c(text), str_from_c(region), e164);
        if (read != (expected != NULL))
            fail_msg("%s (%s): expected %s, got %s", text, region, expected ? expected : "nothing", read ? e164 : "nothing");
        assert_string_equal(e164, expected ? expected : "untouched");
    }
}

static void
test_numbers_are_read_as_people_write_them(void **state)
{
    (void)state;
    assert_reads("(11) 98765-4321", "BR", "+5511987654321");
    assert_reads("+55 11 98765-4321", "", "+5511987654321");
    assert_reads("011 44 20 7946 0958", "US", "+442079460958");
    assert_reads("020 7946 0958", "GB", "+442079460958");
    assert_reads("+44 (0)20 7946 0958", "US", "+442079460958");
    assert_reads("(202) 555-0143 ext. 12", "US", "+12025550143");
    assert_reads("+12025550143", "", "+12025550143");
    assert_reads("tel:+1-202-555-0143", "", "+12025550143");
    assert_reads("+39 06 1234567", "", "+39061234567");
}

static void
test_what_is_no_number_is_refused(void **state)
{
    (void)state;
    assert_reads("", "US", NULL);
    assert_reads("abc", "US", NULL);
    assert_reads("2025550143", "", NULL);
    assert_reads("2025550143", "XX", NULL);
    assert_reads("12", "US", NULL);
    assert_reads("+1 20", "US", NULL);
    assert_reads("+0123456789", "", NULL);
    assert_reads("+999123456789", "", NULL);
    assert_reads("\xff\xfe", "US", NULL);
    char e164[PHONE_TEXT_BYTES];
    assert_false(phone_to_e164(STR("+1202\0" "5550143"), STR(""), e164));
    assert_false(phone_to_e164(STR_NONE, STR_NONE, e164));
    char longer[PHONE_INPUT_BYTES_MAX + 1];
    memset(longer, '1', sizeof(longer));
    assert_false(phone_to_e164((struct str){longer, sizeof(longer)}, STR("US"), e164));
}

static void
test_regions_are_known_by_two_letters(void **state)
{
    (void)state;
    assert_true(phone_region_is_known(STR("BR")));
    assert_true(phone_region_is_known(STR("US")));
    assert_false(phone_region_is_known(STR("XX")));
    assert_false(phone_region_is_known(STR("br")));
    assert_false(phone_region_is_known(STR_NONE));
}

/*
 * The fast path takes clean numbers; a blank after the country code sends the same number to the library. Both must
 * say the same, for every first pair of digits and every length near the plan's.
 */
static void
test_the_fast_path_says_what_the_library_says(void **state)
{
    (void)state;
    static const char *const codes[] = {"1", "55", "351", "34", "33", "44", "91"};
    struct rng rng;
    rng_init(&rng, 4711);
    for (size_t c = 0; c < ARRAY_LEN(codes); c++)
        for (int pair = 0; pair < 100; pair++)
            for (int len = 8; len <= 12; len++)
                for (int i = 0; i < 3; i++) {
                    char clean[32], spaced[32], fast[PHONE_TEXT_BYTES] = "", slow[PHONE_TEXT_BYTES] = "";
                    char national[16];
                    snprintf(national, sizeof(national), "%02d", pair);
                    for (int k = 2; k < len; k++)
                        national[k] = (char)('0' + rng_below(&rng, 10));
                    national[len] = '\0';
                    snprintf(clean, sizeof(clean), "+%s%s", codes[c], national);
                    snprintf(spaced, sizeof(spaced), "+%s %s", codes[c], national);
                    bool a = phone_to_e164(str_from_c(clean), STR("US"), fast);
                    bool b = phone_to_e164(str_from_c(spaced), STR("US"), slow);
                    if (a != b || strcmp(fast, slow) != 0)
                        fail_msg("%s: fast %s, library %s", clean, a ? fast : "no", b ? slow : "no");
                }
}

static void *
read_many(void *ctx)
{
    struct rng rng;
    rng_init(&rng, (uint64_t)(uintptr_t)ctx);
    for (int i = 0; i < 2000; i++) {
        char text[32], expected[32], e164[PHONE_TEXT_BYTES];
        unsigned number = (unsigned)rng_below(&rng, 700);
        snprintf(text, sizeof(text), "(202) 555-%04u", number);
        snprintf(expected, sizeof(expected), "+1202555%04u", number);
        if (!phone_to_e164(str_from_c(text), STR("US"), e164) || strcmp(e164, expected) != 0)
            return (void *)1;
    }
    return NULL;
}

static void
test_threads_share_the_cache_without_mixing_answers(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_many, (void *)(i + 1)), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_null(result);
    }
}
