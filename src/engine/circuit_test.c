#include "base/test.h"

#include "engine/circuit.h"

/* F16 */
static void
test_a_host_that_fails_is_left_alone_and_then_probed_once(void **state)
{
    (void)state;
    struct clock_manual manual;
    clock_manual_init(&manual, 0);
    clock_manual_advance(&manual, US_PER_S);
    struct circuit circuit;
    assert_true(circuit_init(&circuit, &manual.clock));
    struct str host = STR("api.example.com");
    for (int i = 0; i < CIRCUIT_FAILURES; i++) {
        assert_int_equal(circuit_wait_ms(&circuit, host), 0);
        circuit_report(&circuit, host, false);
    }
    int64_t wait_ms = circuit_wait_ms(&circuit, host);
    assert_true(wait_ms > 0);
    assert_int_equal(circuit_wait_ms(&circuit, STR("other.example.com")), 0);
    clock_manual_advance(&manual, wait_ms * US_PER_MS + US_PER_S);
    assert_int_equal(circuit_wait_ms(&circuit, host), 0);  /* the probe */
    assert_true(circuit_wait_ms(&circuit, host) > 0);      /* nobody else meanwhile */
    circuit_report(&circuit, host, true);
    assert_int_equal(circuit_wait_ms(&circuit, host), 0);
    circuit_release(&circuit);
}

static void
test_an_answer_in_between_resets_the_count(void **state)
{
    (void)state;
    struct clock_manual manual;
    clock_manual_init(&manual, 0);
    struct circuit circuit;
    assert_true(circuit_init(&circuit, &manual.clock));
    struct str host = STR("api.example.com");
    for (int i = 0; i < 5 * CIRCUIT_FAILURES; i++) {
        circuit_report(&circuit, host, i % CIRCUIT_FAILURES == 3);
        assert_int_equal(circuit_wait_ms(&circuit, host), 0);
    }
    circuit_release(&circuit);
}
