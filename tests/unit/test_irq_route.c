/* SPDX-License-Identifier: BSD-2-Clause */
/* Wiring of interrupt lines: every GSI to its PIC input and I/O APIC pin. */
#include "apic_fixture.h"
#include "socle/device/irq_route.h"

struct board {
    struct apics    *t;
    struct irq_route route;
    uint32_t         pic;           /* level of each PIC input */
    unsigned         pic_calls;
};

static void pic_line(void *pic, unsigned irq, bool level)
{
    struct board *b = pic;
    assert_true(irq < 16);
    b->pic_calls++;
    b->pic = level ? b->pic | BIT(irq) : b->pic & ~BIT(irq);
}

static int setup(void **state)
{
    struct board *b = calloc(1, sizeof(*b));
    b->t = apics_new(3);
    b->route = (struct irq_route){ &b->t->ioapic, &b->t->fabric, b, pic_line };
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct board *b = *state;
    apics_free(b->t);
    free(b);
    return 0;
}

static void each_line(void **state)
{
    struct board *b = *state;
    for (uint32_t gsi = 1; gsi < 24; gsi++) {
        irq_route_irq(&b->route, gsi, true);
        assert_int_equal(b->pic, gsi >= 16 ? 0 : gsi == 2 ? 1u : BIT(gsi));
        assert_int_equal(b->t->ioapic.line, BIT(gsi));
        irq_route_irq(&b->route, gsi, false);
        assert_int_equal(b->pic | b->t->ioapic.line, 0);
    }
    irq_route_irq(&b->route, 0, true);          /* the PIT under its ISA number */
    assert_int_equal(b->pic, 1);
    assert_int_equal(b->t->ioapic.line, BIT(2));
    irq_route_irq(&b->route, 0, false);
    unsigned calls = b->pic_calls;
    irq_route_irq(&b->route, 24, true);         /* beyond */
    irq_route_irq(&b->route, UINT32_MAX, true);
    assert_int_equal(b->t->ioapic.line, 0);
    assert_int_equal(b->pic_calls, calls);
}

static void messages(void **state)
{
    struct board *b = *state;
    enable(&b->t->lapic[2]);
    irq_route_msi(&b->route, 0xfee02000, 0x71);
    assert_int_equal(lapic_pending(&b->t->lapic[2]), 0x71);
    irq_route_msi(&b->route, 0x1000, 0x72);
    assert_int_equal(lapic_pending(&b->t->lapic[2]), 0x71);
}

static void pic_output(void **state)
{
    struct board *b = *state;
    struct apics *t = b->t;
    lapic_virtual_wire(&t->lapic[0]);
    irq_route_pic_output(&b->route, true);
    assert_int_equal(t->kicks[0], 1);
    assert_int_equal(t->kicks[1] + t->kicks[2], 0);
    assert_int_equal(t->ioapic.line, 1);
    irq_route_pic_output(&b->route, false);
    assert_int_equal(t->ioapic.line, 0);
    fake_write(ioapic_mmio, &t->ioapic, 0, 4, 0x11);        /* virtual wire by the I/O APIC */
    fake_write(ioapic_mmio, &t->ioapic, 0x10, 4, 1u << 24);
    fake_write(ioapic_mmio, &t->ioapic, 0, 4, 0x10);
    fake_write(ioapic_mmio, &t->ioapic, 0x10, 4, 0x700);
    irq_route_pic_output(&b->route, true);
    assert_int_equal(t->kicks[1], 1);
    assert_true(lapic_accepts_extint(&t->lapic[1]));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = { T(each_line), T(messages), T(pic_output) };
    return cmocka_run_group_tests_name("irq_route", tests, NULL, NULL);
}
