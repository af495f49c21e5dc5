/* SPDX-License-Identifier: BSD-2-Clause */
/* KVM's end of interrupt without an exit: when it may be offered, and that no interrupt is lost by it. */
#include "apic_fixture.h"
#include "socle/device/pv_eoi.h"

enum { WORD = 0x3004, VECTOR = 0x51, HIGHER = 0x91 };

struct guest {
    struct apics *apics;
    struct lapic *l;
    struct gmem  *mem;
    struct pv_eoi p;
};

static uint32_t word(const struct guest *g)
{
    uint32_t v;
    assert_int_equal(gmem_read(g->mem, gpa(WORD), &v, 4), HV_OK);
    return v;
}

static void set_word(struct guest *g, uint32_t v) { assert_int_equal(gmem_write(g->mem, gpa(WORD), &v, 4), HV_OK); }

static bool in_service(const struct guest *g, unsigned vector)
{
    return lapic_reg(g->l, LAPIC_ISR + vector / 32) & BIT(vector % 32);
}

static void offer(struct guest *g, uint64_t value)
{
    assert_true(pv_eoi_write(&g->p, g->l, g->mem, value));
}

/* As the run loop does it: the pending vector goes in. */
static void deliver(struct guest *g, uint8_t vector)
{
    pv_eoi_disarm(&g->p, g->l, g->mem);
    assert_int_equal(lapic_pending(g->l), vector);
    lapic_ack(g->l, vector);
    pv_eoi_arm(&g->p, g->l, g->mem);
}

static void test_register(void **state)
{
    struct guest *g = *state;
    assert_int_equal(pv_eoi_read(&g->p), 0);
    assert_false(pv_eoi_write(&g->p, g->l, g->mem, WORD | 2));
    assert_false(pv_eoi_write(&g->p, g->l, g->mem, WORD | 3));
    offer(g, WORD | 1);
    assert_int_equal(pv_eoi_read(&g->p), WORD | 1);
    offer(g, WORD);
    assert_int_equal(pv_eoi_read(&g->p), 0);
    lapic_raise(g->l, VECTOR, false);
    deliver(g, VECTOR);
    assert_int_equal(word(g), 0xa0);
}

static void test_guest_ends_it(void **state)
{
    struct guest *g = *state;
    offer(g, WORD | 1);
    lapic_raise(g->l, VECTOR, false);
    deliver(g, VECTOR);
    assert_int_equal(word(g), 0xa1);            /* other bits are the guest's */
    pv_eoi_sync(&g->p, g->l, g->mem);           /* an exit in the handler */
    assert_true(g->p.armed && in_service(g, VECTOR));
    set_word(g, 0xa0);
    pv_eoi_sync(&g->p, g->l, g->mem);
    assert_false(g->p.armed || in_service(g, VECTOR));
    lapic_raise(g->l, VECTOR, false);
    deliver(g, VECTOR);
    assert_true(g->p.armed);
}

/* What waits must not wait for an exit that never comes. */
static void test_not_while_others_wait(void **state)
{
    struct guest *g = *state;
    offer(g, WORD | 1);
    lapic_raise(g->l, VECTOR, false);
    lapic_raise(g->l, HIGHER, false);
    deliver(g, HIGHER);
    assert_false(g->p.armed);
    assert_int_equal(word(g), 0xa0);
    lapic_eoi(g->l);
    deliver(g, VECTOR);
    assert_true(g->p.armed);
    lapic_raise(g->l, HIGHER, false);           /* comes while the handler runs */
    deliver(g, HIGHER);
    assert_false(g->p.armed);                   /* two are in service */
    assert_int_equal(word(g), 0xa0);
    lapic_eoi(g->l);
    assert_true(in_service(g, VECTOR) && !in_service(g, HIGHER));
    lapic_eoi(g->l);
    assert_false(in_service(g, VECTOR));
}

static void test_ended_before_the_next(void **state)
{
    struct guest *g = *state;
    offer(g, WORD | 1);
    lapic_raise(g->l, VECTOR, false);
    deliver(g, VECTOR);
    set_word(g, 0xa0);
    lapic_raise(g->l, VECTOR - 16, false);      /* found before an exit was seen: ends the first */
    pv_eoi_disarm(&g->p, g->l, g->mem);
    assert_false(in_service(g, VECTOR));
    assert_int_equal(lapic_pending(g->l), VECTOR - 16);
}

static void test_level_wants_to_be_heard(void **state)
{
    struct guest *g = *state;
    offer(g, WORD | 1);
    lapic_raise(g->l, VECTOR, true);
    deliver(g, VECTOR);
    assert_false(g->p.armed);
    assert_int_equal(word(g), 0xa0);
}

static void test_register_write_all_the_same(void **state)
{
    struct guest *g = *state;
    offer(g, WORD | 1);
    lapic_raise(g->l, VECTOR, false);
    deliver(g, VECTOR);
    lapic_eoi(g->l);
    pv_eoi_sync(&g->p, g->l, g->mem);
    assert_false(g->p.armed);
    assert_int_equal(word(g), 0xa0);
    lapic_raise(g->l, VECTOR, false);           /* switched off in the handler */
    deliver(g, VECTOR);
    offer(g, 0);
    assert_int_equal(word(g), 0xa0);
    assert_true(in_service(g, VECTOR) && !g->p.armed);
}

/* A word that is no memory, at the first use or from later on. */
static void test_no_memory(void **state)
{
    struct guest *g = *state;
    static const uint64_t at[] = { FAKE_RAM, 0xfffffffffffffffc, 0xfee00000 };
    for (size_t i = 0; i < ARRAY_LEN(at); i++) {
        offer(g, at[i] | 1);
        lapic_raise(g->l, VECTOR, false);
        deliver(g, VECTOR);
        assert_false(g->p.armed);
        lapic_eoi(g->l);
    }
}

static int setup(void **state)
{
    struct guest *g = calloc(1, sizeof(*g));
    g->apics = apics_new(1);
    g->l = &g->apics->lapic[0];
    g->mem = &g->apics->fake->mem;
    enable(g->l);
    set_word(g, 0xa0);
    *state = g;
    return 0;
}

static int teardown(void **state)
{
    struct guest *g = *state;
    apics_free(g->apics);
    free(g);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_register, setup, teardown),
        cmocka_unit_test_setup_teardown(test_guest_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_while_others_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ended_before_the_next, setup, teardown),
        cmocka_unit_test_setup_teardown(test_level_wants_to_be_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(test_register_write_all_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
