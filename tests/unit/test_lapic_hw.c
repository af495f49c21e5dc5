/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APIC whose interrupts the CPU delivers (vmm/device/lapic_hw.c). The tests do to the
 * register page what virtual-interrupt delivery does (SDM vol. 3, 30.1.4, 30.2.2).
 */
#include "apic_fixture.h"

static int setup(void **state)
{
    struct apics *t = apics_new(2);
    enable(&t->lapic[0]);
    to_x2apic(&t->lapic[0]);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    apics_free(*state);
    return 0;
}

static void page_set(struct lapic *l, unsigned slot, uint32_t v) { atomic_store(&l->page->reg[slot].v, v); }

static void page_bit(struct lapic *l, unsigned first, uint8_t vector, bool on)
{
    _Atomic uint32_t *word = &l->page->reg[first + vector / 32].v;
    *word = on ? *word | BIT(vector % 32) : *word & ~BIT(vector % 32);
}

/* The CPU delivers a vector: IRR to ISR, PPR to its class. */
static void cpu_delivers(struct lapic *l, uint8_t vector)
{
    page_bit(l, LAPIC_IRR, vector, false);
    page_bit(l, LAPIC_ISR, vector, true);
    page_set(l, LAPIC_PPR, vector & 0xf0u);
}

static void enters_with_what_is_there(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[0];
    uint8_t requesting, servicing;
    lapic_hw_enter(l, &requesting, &servicing);
    assert_int_equal(requesting, 0);
    assert_int_equal(servicing, 0);
    lapic_hw_leave(l);
    lapic_raise(l, 0x31, false);
    lapic_raise(l, 0x82, false);
    take(l, 0x82);
    lapic_raise(l, 0x55, false);
    lapic_hw_enter(l, &requesting, &servicing);
    assert_int_equal(requesting, 0x55);
    assert_int_equal(servicing, 0x82);
    assert_int_equal(lapic_hw_post(l), -1);         /* handed over already */
}

static void posts_only_what_is_new(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[0];
    uint8_t r, s;
    lapic_hw_enter(l, &r, &s);
    assert_int_equal(lapic_hw_post(l), -1);
    lapic_raise(l, 0x41, false);
    assert_int_equal(lapic_hw_post(l), 0x41);
    assert_int_equal(lapic_hw_post(l), -1);
    lapic_raise(l, 0x41, false);                    /* it waits already */
    assert_int_equal(lapic_hw_post(l), -1);
    cpu_delivers(l, 0x41);
    lapic_raise(l, 0x41, false);
    assert_int_equal(lapic_hw_post(l), 0x41);
    lapic_raise(l, 0x33, false);
    assert_int_equal(lapic_hw_post(l), 0x41);       /* the highest of all that wait */
}

static void wakes_by_priority(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[0];
    uint8_t r, s;
    lapic_hw_enter(l, &r, &s);
    assert_false(lapic_hw_wakes(l) || lapic_hw_requests(l));
    lapic_raise(l, 0x41, false);
    assert_true(lapic_hw_wakes(l) && lapic_hw_requests(l));
    page_set(l, LAPIC_PPR, 0x40);
    assert_false(lapic_hw_wakes(l));                /* same class */
    assert_true(lapic_hw_requests(l));
    page_bit(l, LAPIC_IRR, 0x50, true);             /* a self-IPI that the CPU itself entered */
    assert_true(lapic_hw_wakes(l));
}

static void leaves_with_what_the_cpu_left(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[0];
    uint8_t r, s;
    lapic_hw_enter(l, &r, &s);
    lapic_raise(l, 0x41, false);
    lapic_raise(l, 0x91, false);
    lapic_hw_post(l);
    cpu_delivers(l, 0x91);
    page_bit(l, LAPIC_IRR, 0xa2, true);
    page_set(l, LAPIC_TPR, 0x20);
    lapic_hw_leave(l);
    take(l, 0xa2);
    lapic_eoi(l);
    assert_int_equal(lapic_pending(l), -1);         /* 0x91 is in service */
    lapic_eoi(l);
    take(l, 0x41);
    lapic_eoi(l);
    assert_int_equal(lapic_reg(l, LAPIC_PPR), 0x20);
}

static void eoi_of_level_interrupts_only(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    uint8_t r, s;
    lapic_hw_enter(l, &r, &s);
    lapic_raise(l, 0x41, false);
    lapic_raise(l, 0x63, true);
    lapic_raise(l, 0xff, true);
    for (unsigned q = 0; q < 4; q++)
        assert_int_equal(lapic_hw_level(l, q), q == 1 ? BIT64(0x23) : q == 3 ? BIT64(63) : 0);
    lapic_hw_eoi(l, 0x41);
    assert_int_equal(t->eois, 0);
    lapic_hw_eoi(l, 0x63);
    assert_int_equal(t->eois, 1);
    assert_int_equal(t->eoi_vector, 0x63);
    lapic_raise(l, 0x63, false);                    /* now edge: its EOI need not exit */
    assert_int_equal(lapic_hw_level(l, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(enters_with_what_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(posts_only_what_is_new, setup, teardown),
        cmocka_unit_test_setup_teardown(wakes_by_priority, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_with_what_the_cpu_left, setup, teardown),
        cmocka_unit_test_setup_teardown(eoi_of_level_interrupts_only, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
