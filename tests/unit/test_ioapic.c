/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O APIC: registers, edge and level pins, EOI, storm protection, state. */
#include "apic_fixture.h"

#define MASKED  0x10000u
#define LEVEL   0x8000u
#define RIRR    0x4000u

static int setup(void **state)
{
    struct apics *t = apics_new(2);
    enable(&t->lapic[0]);
    enable(&t->lapic[1]);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    apics_free(*state);
    return 0;
}

static uint32_t get(struct apics *t, uint8_t index)
{
    fake_write(ioapic_mmio, &t->ioapic, 0, 4, index);
    return (uint32_t)fake_read(ioapic_mmio, &t->ioapic, 0x10, 4);
}

static void put(struct apics *t, uint8_t index, uint32_t v)
{
    fake_write(ioapic_mmio, &t->ioapic, 0, 4, index);
    fake_write(ioapic_mmio, &t->ioapic, 0x10, 4, v);
}

static void program(struct apics *t, unsigned pin, uint32_t low, uint32_t high)
{
    put(t, (uint8_t)(0x11 + 2 * pin), high);
    put(t, (uint8_t)(0x10 + 2 * pin), low);
}

static bool came(struct apics *t, unsigned cpu, int vector)
{
    if (lapic_pending(&t->lapic[cpu]) != vector)
        return false;
    lapic_ack(&t->lapic[cpu], (uint8_t)vector);
    return true;
}

static void eoi(struct apics *t, unsigned cpu) { wr(&t->lapic[cpu], 0xb0, 0); }

static void reset_values(void **state)
{
    struct apics *t = *state;
    assert_int_equal(get(t, 0), 0);
    assert_int_equal(get(t, 1), 0x00170020);
    assert_int_equal(get(t, 2), 0);
    for (uint8_t i = 3; i < 0x10; i++)
        assert_int_equal(get(t, i), 0);
    for (unsigned pin = 0; pin < 24; pin++) {
        assert_int_equal(get(t, (uint8_t)(0x10 + 2 * pin)), MASKED);
        assert_int_equal(get(t, (uint8_t)(0x11 + 2 * pin)), 0);
    }
    for (unsigned i = 0x40; i < 0x100; i++) {
        put(t, (uint8_t)i, 0xffffffff);
        assert_int_equal(get(t, (uint8_t)i), 0);
    }
}

static void register_masks(void **state)
{
    struct apics *t = *state;
    put(t, 0, 0xffffffff);
    assert_int_equal(get(t, 0), 0x0f000000);
    assert_int_equal(get(t, 2), 0x0f000000);
    put(t, 1, 0);
    put(t, 2, 0);
    assert_int_equal(get(t, 1), 0x00170020);
    assert_int_equal(get(t, 2), 0x0f000000);
    for (unsigned pin = 0; pin < 24; pin++) {
        put(t, (uint8_t)(0x10 + 2 * pin), 0xffffffff);
        put(t, (uint8_t)(0x11 + 2 * pin), 0xffffffff);
        assert_int_equal(get(t, (uint8_t)(0x10 + 2 * pin)), 0x1afff);
        assert_int_equal(get(t, (uint8_t)(0x11 + 2 * pin)), 0xfffe0000);
    }
}

static void widths(void **state)
{
    struct apics *t = *state;
    struct mmio_bus bus;
    mmio_bus_init(&bus);
    assert_int_equal(ioapic_attach(&t->ioapic, &bus), HV_OK);
    struct bus_access a = { .value = 1, .size = 1, .write = true };
    assert_true(mmio_access(&bus, gpa(0xfec00000), &a));
    a = (struct bus_access){ .value = 0, .size = 1 };
    assert_true(mmio_access(&bus, gpa(0xfec00000), &a));
    assert_int_equal(a.value & 0xff, 1);
    a = (struct bus_access){ .size = 4 };
    assert_true(mmio_access(&bus, gpa(0xfec00010), &a));
    assert_int_equal(a.value, 0x00170020);
    static const unsigned sizes[] = { 2, 8 };
    for (unsigned i = 0; i < 2; i++) {
        a = (struct bus_access){ .size = (uint8_t)sizes[i] };
        assert_true(mmio_access(&bus, gpa(0xfec00010), &a));
        assert_int_equal(a.value, ones_of_size(sizes[i]));
    }
    assert_int_equal(fake_read(ioapic_mmio, &t->ioapic, 0x10, 1), 0xff);
    put(t, 0x10, 0x10031);
    fake_write(ioapic_mmio, &t->ioapic, 0x10, 1, 0x55);
    assert_int_equal(get(t, 0x10), 0x10031);
    for (unsigned off = 0; off < 0x1000; off++) {
        if (off == 0 || off == 0x10)
            continue;
        assert_int_equal(fake_read(ioapic_mmio, &t->ioapic, off, 4), 0xffffffff);
        fake_write(ioapic_mmio, &t->ioapic, off, 4, 0);
    }
    assert_int_equal(get(t, 0x10), 0x10031);
}

static void edge(void **state)
{
    struct apics *t = *state;
    ioapic_set_line(&t->ioapic, 4, true);           /* masked: lost */
    program(t, 4, 0x34, 1u << 24);
    assert_false(came(t, 1, 0x34));
    ioapic_set_line(&t->ioapic, 4, true);           /* no edge */
    assert_false(came(t, 1, 0x34));
    ioapic_set_line(&t->ioapic, 4, false);
    ioapic_set_line(&t->ioapic, 4, true);
    assert_true(came(t, 1, 0x34));
    assert_int_equal(get(t, 0x18), 0x34);           /* no remote IRR on edge */
    eoi(t, 1);
    assert_false(came(t, 1, 0x34));
    assert_int_equal(t->eois, 0);
    ioapic_set_line(&t->ioapic, 24, true);          /* no such pins */
    ioapic_set_line(&t->ioapic, 31, true);
}

static void level(void **state)
{
    struct apics *t = *state;
    program(t, 9, 0x39 | LEVEL, 0);
    ioapic_set_line(&t->ioapic, 9, true);
    assert_int_equal(get(t, 0x22), 0x39 | LEVEL | RIRR);
    assert_true(came(t, 0, 0x39));
    ioapic_set_line(&t->ioapic, 9, false);          /* toggling meanwhile adds nothing */
    ioapic_set_line(&t->ioapic, 9, true);
    assert_int_equal(lapic_highest_irr(&t->lapic[0]), -1);
    eoi(t, 0);
    assert_true(came(t, 0, 0x39));                  /* still high: again */
    ioapic_set_line(&t->ioapic, 9, false);
    assert_int_equal(get(t, 0x22), 0x39 | LEVEL | RIRR);
    eoi(t, 0);
    assert_int_equal(get(t, 0x22), 0x39 | LEVEL);
    assert_false(came(t, 0, 0x39));
}

static void level_masked(void **state)
{
    struct apics *t = *state;
    program(t, 9, 0x39 | LEVEL | MASKED, 0);
    ioapic_set_line(&t->ioapic, 9, true);
    assert_false(came(t, 0, 0x39));
    program(t, 9, 0x39 | LEVEL, 0);                 /* delivered when unmasked */
    assert_true(came(t, 0, 0x39));
    program(t, 9, 0x39 | LEVEL | MASKED, 0);        /* masked in service: the EOI only ends it */
    eoi(t, 0);
    assert_false(came(t, 0, 0x39));
    assert_int_equal(get(t, 0x22), 0x39 | LEVEL | MASKED);
    program(t, 9, 0x39 | LEVEL, 0);
    assert_true(came(t, 0, 0x39));
}

static void eoi_register_and_edge_trick(void **state)
{
    struct apics *t = *state;
    program(t, 9, 0x39 | LEVEL, 0);
    ioapic_set_line(&t->ioapic, 9, true);
    assert_true(came(t, 0, 0x39));
    ioapic_set_line(&t->ioapic, 9, false);
    fake_write(ioapic_mmio, &t->ioapic, 0x40, 4, 0x38);     /* another vector */
    assert_int_equal(get(t, 0x22), 0x39 | LEVEL | RIRR);
    fake_write(ioapic_mmio, &t->ioapic, 0x40, 4, 0x39);
    assert_int_equal(get(t, 0x22), 0x39 | LEVEL);
    eoi(t, 0);
    ioapic_set_line(&t->ioapic, 9, true);
    assert_true(came(t, 0, 0x39));
    program(t, 9, 0x39 | MASKED, 0);                /* edge and back: remote IRR is gone */
    program(t, 9, 0x39 | MASKED | LEVEL, 0);
    assert_int_equal(get(t, 0x22), 0x39 | LEVEL | MASKED);
    put(t, 0x22, 0x39 | LEVEL | MASKED | RIRR);     /* and cannot be set by writing it */
    assert_int_equal(get(t, 0x22), 0x39 | LEVEL | MASKED);
}

static void shared_vector(void **state)
{
    struct apics *t = *state;
    program(t, 9, 0x39 | LEVEL, 0);
    program(t, 10, 0x39 | LEVEL, 0);
    ioapic_set_line(&t->ioapic, 9, true);
    ioapic_set_line(&t->ioapic, 10, true);
    assert_true(came(t, 0, 0x39));
    ioapic_set_line(&t->ioapic, 9, false);
    eoi(t, 0);
    assert_int_equal(get(t, 0x22), 0x39 | LEVEL);
    assert_int_equal(get(t, 0x24), 0x39 | LEVEL | RIRR);
    assert_true(came(t, 0, 0x39));
}

static void delivery_modes(void **state)
{
    struct apics *t = *state;
    static const uint32_t modes[] = { 2, 4, 5, 7, 3, 6 };
    for (unsigned i = 0; i < ARRAY_LEN(modes); i++) {
        ioapic_set_line(&t->ioapic, 5, false);
        program(t, 5, modes[i] << 8 | 0x45, 1u << 24);
        ioapic_set_line(&t->ioapic, 5, true);
    }
    assert_int_equal(t->smis[1], 1);
    assert_int_equal(t->nmis[1], 1);
    assert_int_equal(t->inits[1], 1);
    assert_true(lapic_accepts_extint(&t->lapic[1]));
    assert_int_equal(t->sipis[1], 0);
    ioapic_set_line(&t->ioapic, 5, false);
    program(t, 5, 4 << 8 | LEVEL, 1u << 24);        /* NMI is always edge (3.2.4) */
    ioapic_set_line(&t->ioapic, 5, true);
    assert_int_equal(t->nmis[1], 2);
    assert_int_equal(get(t, 0x1a) & RIRR, 0);
}

static void destinations(void **state)
{
    struct apics *t = *state;
    wr(&t->lapic[0], 0xd0, 1u << 24);
    wr(&t->lapic[1], 0xd0, 2u << 24);
    program(t, 5, 0x845, 2u << 24);                 /* logical */
    ioapic_set_line(&t->ioapic, 5, true);
    assert_true(came(t, 1, 0x45));
    eoi(t, 1);
    ioapic_set_line(&t->ioapic, 5, false);
    program(t, 5, 0x046, 0xff000000);               /* broadcast */
    ioapic_set_line(&t->ioapic, 5, true);
    assert_true(came(t, 0, 0x46));
    assert_true(came(t, 1, 0x46));
    ioapic_set_line(&t->ioapic, 5, false);
    program(t, 5, 0x047, 0x01020000);               /* ID 0x101: nobody */
    ioapic_set_line(&t->ioapic, 5, true);
    assert_int_equal(lapic_highest_irr(&t->lapic[1]), -1);
}

static void nobody_takes_it(void **state)
{
    struct apics *t = *state;
    program(t, 9, 0x39 | LEVEL, 0x20000000);
    ioapic_set_line(&t->ioapic, 9, true);
    assert_int_equal(get(t, 0x22), 0x39 | LEVEL);   /* no remote IRR that nobody would clear */
    program(t, 9, 0x39 | LEVEL, 0);
    assert_true(came(t, 0, 0x39));
    eoi(t, 0);
    ioapic_set_line(&t->ioapic, 9, false);
    came(t, 0, 0x39);
    eoi(t, 0);
    program(t, 9, 0x05 | LEVEL, 0);                 /* illegal vector */
    ioapic_set_line(&t->ioapic, 9, true);
    assert_int_equal(get(t, 0x22), 0x05 | LEVEL);
    wr(&t->lapic[0], 0x280, 0);
    assert_int_equal(rd(&t->lapic[0], 0x280), 0x40);
}

static void storm(void **state)
{
    struct apics *t = *state;
    program(t, 9, 0x39 | LEVEL, 0);
    ioapic_set_line(&t->ioapic, 9, true);
    unsigned n = 0;
    while (came(t, 0, 0x39) && n < 2 * IOAPIC_STORM_COUNT) {
        eoi(t, 0);
        n++;
    }
    assert_int_equal(n, IOAPIC_STORM_COUNT);
    put(t, 0x22, 0x39 | LEVEL);                     /* no way around it */
    assert_false(came(t, 0, 0x39));
    for (unsigned i = 0; i < 5; i++) {
        fake_env_advance(t->fake, IOAPIC_STORM_NS - 1);
        assert_false(came(t, 0, 0x39));
        fake_env_advance(t->fake, 1);
        assert_true(came(t, 0, 0x39));
        eoi(t, 0);
        assert_false(came(t, 0, 0x39));
    }
    ioapic_set_line(&t->ioapic, 9, false);          /* served: full speed again */
    ioapic_set_line(&t->ioapic, 9, true);
    assert_true(came(t, 0, 0x39));
    eoi(t, 0);
    assert_true(came(t, 0, 0x39));
    fake_env_advance(t->fake, 10 * IOAPIC_STORM_NS);
    assert_int_equal(alarm_next(&t->fake->alarms), ALARM_NEVER);
}

static size_t save(struct ioapic *io, uint8_t *buf, size_t cap)
{
    struct state_out o = { .buf = buf, .cap = cap };
    ioapic_save(io, &o);
    assert_true(o.len <= cap);
    return o.len;
}

static void state_round_trip(void **state)
{
    struct apics *t = *state;
    uint8_t a[1024], b[1024];
    srand(8);
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned n = 0; n < 60; n++) {
            put(t, (uint8_t)((unsigned)rand() % 0x40), (uint32_t)rand() ^ (uint32_t)rand() << 16);
            ioapic_set_line(&t->ioapic, (unsigned)rand() % 24, rand() & 1);
            ioapic_eoi(&t->ioapic, (uint8_t)rand());
        }
        size_t len = save(&t->ioapic, a, sizeof(a));
        ioapic_reset(&t->ioapic);
        ioapic_init(&t->ioapic, &t->fabric, &t->fake->env);
        struct state_in in = { .buf = a, .len = len };
        assert_int_equal(ioapic_load(&t->ioapic, &in), HV_OK);
        assert_int_equal(save(&t->ioapic, b, sizeof(b)), len);
        assert_memory_equal(a, b, len);
        for (size_t cut = 0; cut < len; cut += 7) {
            struct state_in shorter = { .buf = a, .len = cut };
            assert_int_not_equal(ioapic_load(&t->ioapic, &shorter), HV_OK);
        }
    }
}

static void held_pin_survives_save_and_load(void **state)
{
    struct apics *t = *state;
    uint8_t a[1024];
    program(t, 9, 0x39 | LEVEL, 0);
    ioapic_set_line(&t->ioapic, 9, true);
    while (came(t, 0, 0x39))
        eoi(t, 0);
    size_t len = save(&t->ioapic, a, sizeof(a));
    ioapic_reset(&t->ioapic);
    struct state_in in = { .buf = a, .len = len };
    assert_int_equal(ioapic_load(&t->ioapic, &in), HV_OK);
    fake_env_advance(t->fake, IOAPIC_STORM_NS);
    assert_true(came(t, 0, 0x39));
}

static void hostile_state(void **state)
{
    struct apics *t = *state;
    uint8_t bad[1024];
    size_t len = save(&t->ioapic, bad, sizeof(bad));
    srand(9);
    for (unsigned n = 0; n < 2000; n++) {
        for (unsigned k = 0; k < 30; k++)
            bad[12 + (unsigned)rand() % (len - 12)] = (uint8_t)rand();
        struct state_in in = { .buf = bad, .len = len };
        assert_int_equal(ioapic_load(&t->ioapic, &in), HV_OK);
        assert_int_equal(t->ioapic.line >> 24, 0);
        fake_env_advance(t->fake, IOAPIC_STORM_NS);
        for (unsigned v = 0; v < 256; v++)
            ioapic_eoi(&t->ioapic, (uint8_t)v);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(reset_values), T(register_masks), T(widths), T(edge), T(level), T(level_masked),
        T(eoi_register_and_edge_trick), T(shared_vector), T(delivery_modes), T(destinations),
        T(nobody_takes_it), T(storm), T(state_round_trip), T(held_pin_survives_save_and_load),
        T(hostile_state),
    };
    return cmocka_run_group_tests_name("ioapic", tests, NULL, NULL);
}
