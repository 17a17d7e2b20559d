#include "base/rng.h"

#include <sys/random.h>

#include "base/check.h"
#include "base/clock.h"

void
rng_init(struct rng *rng, uint64_t seed)
{
    rng->state = seed;
}

#define STOCK_NUMBERS 32

static void
system_fill(uint64_t *values, size_t count)
{
    _Static_assert(STOCK_NUMBERS * sizeof(uint64_t) <= 256, "up to 256 bytes come whole");
    ssize_t got;
    do
        got = getrandom(values, count * sizeof(*values), 0);
    while (got != (ssize_t)(count * sizeof(*values))); /* EINTR only */
}

static uint64_t
system_u64(void)
{
    uint64_t value;
    system_fill(&value, 1);
    return value;
}

void
rng_init_system(struct rng *rng)
{
    rng->state = system_u64();
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
uint64_t
rng_next(struct rng *rng)
{
    uint64_t z = (rng->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t
rng_below(struct rng *rng, uint64_t bound)
{
    CHECK(bound > 0);
    return (uint64_t)(((unsigned __int128)rng_next(rng) * bound) >> 64);
}

/* The lowest digits of a number. */
static char *
put_hex(char *text, uint64_t value, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; value >>= 4)
        text[i] = "0123456789abcdef"[value & 15];
    return text + digits;
}

/* Without printf: several are made for each request. */
static const char *
uuid_v7_from(uint64_t ms, uint64_t a, uint64_t b, char text[static UUID_TEXT_BYTES])
{
    char *end = put_hex(text, ms >> 16, 8);
    *end++ = '-';
    end = put_hex(end, ms, 4);
    *end++ = '-';
    end = put_hex(end, 0x7000 | (a & 0xfff), 4);
    *end++ = '-';
    end = put_hex(end, 0x8000 | ((a >> 16) & 0x3fff), 4);
    *end++ = '-';
    end = put_hex(end, b, 12);
    *end = '\0';
    return text;
}

const char *
uuid_v7(struct rng *rng, int64_t wall_us, char text[static UUID_TEXT_BYTES])
{
    uint64_t a = rng_next(rng), b = rng_next(rng);
    return uuid_v7_from((uint64_t)(wall_us / US_PER_MS), a, b, text);
}

const char *
uuid_v7_now(char text[static UUID_TEXT_BYTES])
{
    uint64_t ms = (uint64_t)(clock_wall_us(clock_system()) / US_PER_MS);
    static _Thread_local uint64_t stock[STOCK_NUMBERS]; /* one call of the system for many ids */
    static _Thread_local unsigned left;
    if (left < 2) {
        system_fill(stock, STOCK_NUMBERS);
        left = STOCK_NUMBERS;
    }
    left -= 2;
    return uuid_v7_from(ms, stock[left], stock[left + 1], text);
}

static bool
is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool
uuid_is_valid(struct str text)
{
    if (text.len != UUID_TEXT_BYTES - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text.ptr[i] != '-' : !is_hex(text.ptr[i]))
            return false;
    }
    return true;
}

int64_t
backoff_ms(unsigned attempt, int64_t base_ms, int64_t cap_ms, struct rng *rng)
{
    int64_t ceiling = attempt > 30 || base_ms > (cap_ms >> attempt) ? cap_ms : base_ms << attempt;
    return (int64_t)rng_below(rng, (uint64_t)ceiling + 1);
}
