/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt messages between local APICs: ICR, destinations of all kinds, MSI decoding. */
#include "apic_fixture.h"

enum { CPUS = 20 };

static int setup(void **state)
{
    struct apics *t = apics_new(CPUS);
    for (unsigned i = 0; i < CPUS; i++)
        enable(&t->lapic[i]);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    apics_free(*state);
    return 0;
}

static void ipi(struct lapic *l, uint32_t dest, uint32_t icr)
{
    wr(l, 0x310, dest << 24);
    wr(l, 0x300, icr);
}

/* The set of APICs with this vector pending; takes it out of them. */
static uint32_t receivers(struct apics *t, uint8_t vector)
{
    uint32_t set = 0;
    for (unsigned i = 0; i < CPUS; i++) {
        if (lapic_highest_irr(&t->lapic[i]) != vector)
            continue;
        set |= BIT(i);
        lapic_ack(&t->lapic[i], vector);
        lapic_eoi(&t->lapic[i]);
    }
    return set;
}

static void physical(void **state)
{
    struct apics *t = *state;
    ipi(&t->lapic[0], 5, 0x4050);
    assert_int_equal(receivers(t, 0x50), BIT(5));
    assert_int_equal(t->kicks[5], 1);
    assert_int_equal(rd(&t->lapic[0], 0x300), 0x4050);      /* idle at once */
    ipi(&t->lapic[0], 0, 0x4050);
    assert_int_equal(receivers(t, 0x50), BIT(0));
    ipi(&t->lapic[0], 0x40, 0x4050);                        /* nobody */
    ipi(&t->lapic[0], 20, 0x4050);
    assert_int_equal(receivers(t, 0x50), 0);
    ipi(&t->lapic[3], 0xff, 0x4050);
    assert_int_equal(receivers(t, 0x50), BIT(CPUS) - 1);
    wr(&t->lapic[4], 0xf0, 0xff);                           /* software-disabled: refuses */
    ipi(&t->lapic[3], 0xff, 0x4050);
    assert_int_equal(receivers(t, 0x50), (BIT(CPUS) - 1) & ~BIT(4));
}

static void shorthands(void **state)
{
    struct apics *t = *state;
    ipi(&t->lapic[2], 9, 0x44051);                          /* self */
    assert_int_equal(receivers(t, 0x51), BIT(2));
    ipi(&t->lapic[2], 9, 0x84051);                          /* all */
    assert_int_equal(receivers(t, 0x51), BIT(CPUS) - 1);
    ipi(&t->lapic[2], 9, 0xc4051);                          /* others */
    assert_int_equal(receivers(t, 0x51), (BIT(CPUS) - 1) & ~BIT(2));
    ipi(&t->lapic[2], 0, 0xcc051);                          /* level, asserted: acts as edge */
    assert_int_equal(receivers(t, 0x51), (BIT(CPUS) - 1) & ~BIT(2));
    assert_int_equal(rd(&t->lapic[3], 0x1a0), 0);
}

/* Combinations that table 11-3 calls invalid send nothing. */
static void invalid_shorthands(void **state)
{
    struct apics *t = *state;
    for (unsigned mode = 1; mode < 8; mode++) {
        ipi(&t->lapic[2], 0, 0x44051 | mode << 8);
        ipi(&t->lapic[2], 0, 0x84051 | mode << 8);
    }
    assert_int_equal(receivers(t, 0x51), 0);
    for (unsigned i = 0; i < CPUS; i++)
        assert_int_equal(t->nmis[i] + t->smis[i] + t->inits[i] + t->sipis[i], 0);
}

static void delivery_modes(void **state)
{
    struct apics *t = *state;
    ipi(&t->lapic[0], 7, 0x4400);
    assert_int_equal(t->nmis[7], 1);
    ipi(&t->lapic[0], 7, 0x4200);
    assert_int_equal(t->smis[7], 1);
    ipi(&t->lapic[0], 7, 0xc500);                           /* INIT, level, assert */
    assert_int_equal(t->inits[7], 1);
    ipi(&t->lapic[0], 7, 0x8500);                           /* INIT level de-assert: nothing */
    assert_int_equal(t->inits[7], 1);
    ipi(&t->lapic[0], 7, 0x4500);                           /* INIT, edge */
    assert_int_equal(t->inits[7], 2);
    ipi(&t->lapic[0], 7, 0x469a);
    assert_int_equal(t->sipis[7], 1);
    assert_int_equal(t->sipi_vector, 0x9a);
    ipi(&t->lapic[0], 7, 0x4342);                           /* remote read: not supported */
    assert_int_equal(rd(&t->lapic[0], 0x300) & 0x30000, 0);
    wr(&t->lapic[7], 0xf0, 0xff);
    ipi(&t->lapic[0], 0, 0xc4600);                          /* also with software-disabled APICs */
    for (unsigned i = 1; i < CPUS; i++)
        assert_int_equal(t->sipis[i], i == 7 ? 2 : 1);
    assert_int_equal(t->sipis[0], 0);
    assert_true(lapic_base_write(&t->lapic[7], 0xfee00000));
    ipi(&t->lapic[0], 7, 0x4400);                           /* but not when it is off */
    assert_int_equal(t->nmis[7], 1);
}

static void extint_message(void **state)
{
    struct apics *t = *state;
    assert_false(lapic_accepts_extint(&t->lapic[3]));
    ipi(&t->lapic[0], 3, 0x4700);
    assert_int_equal(t->kicks[3], 1);
    assert_true(lapic_accepts_extint(&t->lapic[3]));
    lapic_extint_taken(&t->lapic[3]);
    assert_false(lapic_accepts_extint(&t->lapic[3]));
}

static void logical_flat(void **state)
{
    struct apics *t = *state;
    for (unsigned i = 0; i < 8; i++)
        wr(&t->lapic[i], 0xd0, 1u << (24 + i));
    ipi(&t->lapic[0], 0x86, 0x4852);
    assert_int_equal(receivers(t, 0x52), BIT(1) | BIT(2) | BIT(7));
    ipi(&t->lapic[0], 0x00, 0x4852);
    assert_int_equal(receivers(t, 0x52), 0);
    ipi(&t->lapic[0], 0xff, 0x4852);
    assert_int_equal(receivers(t, 0x52), BIT(CPUS) - 1);
}

static void logical_cluster(void **state)
{
    struct apics *t = *state;
    for (unsigned i = 0; i < CPUS; i++) {
        wr(&t->lapic[i], 0xe0, 0x0fffffff);
        wr(&t->lapic[i], 0xd0, (i / 4) << 28 | 1u << (24 + i % 4));
    }
    ipi(&t->lapic[0], 0x25, 0x4852);
    assert_int_equal(receivers(t, 0x52), BIT(8) | BIT(10));
    ipi(&t->lapic[0], 0x4f, 0x4852);
    assert_int_equal(receivers(t, 0x52), 0xf0000);
    wr(&t->lapic[8], 0xe0, 0x7fffffff);                     /* a reserved model matches nothing */
    ipi(&t->lapic[0], 0x25, 0x4852);
    assert_int_equal(receivers(t, 0x52), BIT(10));
}

static void x2apic_destinations(void **state)
{
    struct apics *t = *state;
    for (unsigned i = 0; i < CPUS; i++)
        to_x2apic(&t->lapic[i]);
    struct lapic *l = &t->lapic[0];
    assert_true(lapic_msr_write(l, 0x830, 19ull << 32 | 0x53));
    assert_int_equal(receivers(t, 0x53), BIT(19));
    assert_true(lapic_msr_write(l, 0x830, 0xffull << 32 | 0x53));   /* an ID like any other */
    assert_int_equal(receivers(t, 0x53), 0);
    assert_true(lapic_msr_write(l, 0x830, 0xffffffffull << 32 | 0x53));
    assert_int_equal(receivers(t, 0x53), BIT(CPUS) - 1);
    assert_true(lapic_msr_write(l, 0x830, 0x00018005ull << 32 | 0x853));
    assert_int_equal(receivers(t, 0x53), BIT(16) | BIT(18));
    assert_true(lapic_msr_write(l, 0x830, 0x00008002ull << 32 | 0x853));
    assert_int_equal(receivers(t, 0x53), BIT(1) | BIT(15));
    assert_true(lapic_msr_write(l, 0x830, 0x00028002ull << 32 | 0x853));
    assert_int_equal(receivers(t, 0x53), 0);
    assert_true(lapic_msr_write(l, 0x830, 0xc0000 | 0x53));
    assert_int_equal(receivers(t, 0x53), (BIT(CPUS) - 1) & ~1u);
}

static void mixed_modes(void **state)
{
    struct apics *t = *state;
    to_x2apic(&t->lapic[0]);
    wr(&t->lapic[2], 0xd0, 4u << 24);
    assert_true(lapic_msr_write(&t->lapic[0], 0x830, 5ull << 32 | 0x853));
    assert_int_equal(receivers(t, 0x53), BIT(0) | BIT(2));
    assert_true(lapic_msr_write(&t->lapic[0], 0x830, 0x104ull << 32 | 0x853));
    assert_int_equal(receivers(t, 0x53), 0);                /* no 8-bit destination */
}

static void lowest_priority(void **state)
{
    struct apics *t = *state;
    for (unsigned i = 0; i < 4; i++)
        wr(&t->lapic[i], 0xd0, 1u << (24 + i));
    for (unsigned i = 0; i < 4; i++)
        wr(&t->lapic[i], 0x80, 0x40);
    wr(&t->lapic[2], 0x80, 0x30);
    for (unsigned n = 0; n < 10; n++) {
        ipi(&t->lapic[0], 0x0f, 0x4954);
        assert_int_equal(receivers(t, 0x54), BIT(2));
    }
    wr(&t->lapic[2], 0x80, 0x4f);                           /* equal classes take turns */
    unsigned got[4] = { 0 };
    for (unsigned n = 0; n < 400; n++) {
        ipi(&t->lapic[0], 0x0f, 0x4954);
        uint32_t set = receivers(t, 0x54);
        assert_int_equal(__builtin_popcount(set), 1);
        got[__builtin_ctz(set)]++;
    }
    for (unsigned i = 0; i < 4; i++)
        assert_true(got[i] >= 20);
    wr(&t->lapic[1], 0x80, 0);
    wr(&t->lapic[1], 0xf0, 0xff);                           /* disabled ones do not compete */
    ipi(&t->lapic[0], 0x0f, 0x4954);
    assert_int_equal(receivers(t, 0x54) & BIT(1), 0);
}

static void msi(void **state)
{
    struct apics *t = *state;
    struct apic_msg m;
    assert_false(msi_decode(0xfed00000, 0x60, &m));
    assert_false(msi_decode(0xfef00000, 0x60, &m));
    assert_false(msi_decode(0x1fee00000, 0x60, &m));
    assert_true(msi_decode(0xfee05000, 0x0160, &m));
    assert_int_equal(m.dest, 5);
    assert_int_equal(m.vector, 0x60);
    assert_int_equal(m.mode, APIC_LOWEST);
    assert_false(m.logical);
    assert_false(m.level);
    assert_true(msi_decode(0xfee0300c, 0xc061, &m));        /* hint, logical; level, assert */
    assert_true(m.logical);
    assert_true(m.level);
    assert_false(msi_decode(0xfee03000, 0x8061, &m));       /* level de-assert */
    assert_true(msi_decode(0xfeeff000, 0x61, &m));
    assert_int_equal(m.dest, APIC_DEST_ALL);
    assert_true(msi_decode(0xfeeffFE0, 0x61, &m));          /* 15-bit destination */
    assert_int_equal(m.dest, 0x7fff);
    assert_true(msi_decode(0xfee01020, 0x61, &m));
    assert_int_equal(m.dest, 0x101);
    assert_false(apic_deliver(&t->fabric, &m));
    assert_true(msi_decode(0xfee13000, 0x61, &m));
    assert_true(apic_deliver(&t->fabric, &m));
    assert_int_equal(receivers(t, 0x61), BIT(19));
}

/* Any ICR value from any sender: bounded, and never a vector below 16. */
static void storm(void **state)
{
    struct apics *t = *state;
    srand(7);
    for (unsigned n = 0; n < 200000; n++) {
        struct lapic *l = &t->lapic[(unsigned)rand() % CPUS];
        uint32_t icr = (uint32_t)rand() ^ (uint32_t)rand() << 16;
        if (n % 1000 == 0 && !lapic_is_x2apic(l))
            to_x2apic(l);
        if (lapic_is_x2apic(l))
            (void)!lapic_msr_write(l, 0x830, ((uint64_t)(unsigned)rand() << 32) | (icr & 0xccfff));
        else
            ipi(l, (uint32_t)rand() & 0xff, icr);
        int v = lapic_pending(&t->lapic[n % CPUS]);
        assert_true(v == -1 || v >= 16);
        if (v >= 0)
            lapic_ack(&t->lapic[n % CPUS], (uint8_t)v);
        lapic_eoi(&t->lapic[n % CPUS]);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(physical), T(shorthands), T(invalid_shorthands), T(delivery_modes), T(extint_message),
        T(logical_flat), T(logical_cluster), T(x2apic_destinations), T(mixed_modes),
        T(lowest_priority), T(msi), T(storm),
    };
    return cmocka_run_group_tests_name("lapic messages", tests, NULL, NULL);
}
