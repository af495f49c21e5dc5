/* SPDX-License-Identifier: BSD-2-Clause */
/* Local APIC: registers of both interfaces, priorities, EOI, errors, LINT pins. */
#include "apic_fixture.h"

static int setup(void **state)
{
    *state = apics_new(4);
    return 0;
}

static int teardown(void **state)
{
    apics_free(*state);
    return 0;
}

static void reset_values(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[3];
    assert_int_equal(l->base, 0xfee00800);
    assert_int_equal(((struct apics *)*state)->lapic[0].base, 0xfee00900);
    assert_int_equal(rd(l, 0x20), 3u << 24);
    assert_int_equal(rd(l, 0x30), 0x00050014);
    assert_int_equal(rd(l, 0x80), 0);
    assert_int_equal(rd(l, 0xd0), 0);
    assert_int_equal(rd(l, 0xe0), 0xffffffff);
    assert_int_equal(rd(l, 0xf0), 0xff);
    for (unsigned off = 0x100; off < 0x280; off += 16)
        assert_int_equal(rd(l, off), 0);
    for (unsigned off = 0x320; off <= 0x370; off += 16)
        assert_int_equal(rd(l, off), 0x10000);
    assert_int_equal(rd(l, 0x380), 0);
    assert_int_equal(rd(l, 0x390), 0);
    assert_int_equal(rd(l, 0x3e0), 0);
    wr(l, 0x280, 0);
    assert_int_equal(rd(l, 0x280), 0);      /* nothing above was an illegal register */
}

static void register_masks(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[1];
    static const struct { unsigned off; uint32_t kept; } r[] = {
        { 0x20, 0 }, { 0x30, 0 }, { 0x80, 0xff }, { 0xa0, 0 }, { 0xd0, 0xff000000 },
        { 0xe0, 0xffffffff }, { 0xf0, 0x3ff }, { 0x310, 0xff000000 }, { 0x320, 0x700ff },
        { 0x330, 0x107ff }, { 0x340, 0x107ff }, { 0x350, 0x1a7ff }, { 0x360, 0x1a7ff },
        { 0x370, 0x100ff }, { 0x390, 0 }, { 0x3e0, 0xb },
    };
    enable(l);
    for (unsigned i = 0; i < ARRAY_LEN(r); i++) {
        uint32_t before = rd(l, r[i].off);
        wr(l, r[i].off, 0xffffffff);
        if (!r[i].kept && r[i].off != 0xa0)
            assert_int_equal(rd(l, r[i].off), before);
        else if (r[i].off == 0xa0)
            assert_int_equal(rd(l, 0xa0), 0xff);    /* follows TPR, which is all ones now */
        else
            assert_int_equal(rd(l, r[i].off) & ~0x10000u, r[i].kept & ~0x10000u);
    }
    wr(l, 0xe0, 0);
    assert_int_equal(rd(l, 0xe0), 0x0fffffff);
    wr(l, 0x200, 0xffffffff);               /* IRR, ISR, TMR are read-only */
    wr(l, 0x100, 0xffffffff);
    assert_int_equal(rd(l, 0x200), 0);
    assert_int_equal(rd(l, 0x100), 0);
}

static void other_widths_and_offsets(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[0];
    for (unsigned size = 1; size <= 8; size *= 2) {
        for (unsigned off = 0; off < 0x1000; off++) {
            if (size == 4 && off % 16 == 0)
                continue;
            assert_int_equal(fake_read(lapic_mmio, l, off, size), ones_of_size(size));
            fake_write(lapic_mmio, l, off, size, 0x1ff);
        }
    }
    assert_int_equal(rd(l, 0xf0), 0xff);
    assert_int_equal(rd(l, 0x80), 0);
}

static void illegal_registers(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[0];
    static const unsigned bad[] = { 0x000, 0x010, 0x040, 0x070, 0x290, 0x2f0, 0x3a0, 0x3f0,
                                    0x400, 0xff0 };
    enable(l);
    wr(l, 0x370, 0xee);
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(rd(l, bad[i]), 0);
        assert_int_equal(rd(l, 0x280), 0);          /* not before a write */
        wr(l, 0x280, 0x123);
        assert_int_equal(rd(l, 0x280), 0x80);
        wr(l, bad[i], 1);
        wr(l, 0x280, 0);
        assert_int_equal(rd(l, 0x280), 0x80);
        wr(l, 0x280, 0);
        assert_int_equal(rd(l, 0x280), 0);
        take(l, 0xee);
        wr(l, 0xb0, 0);
    }
}

static void vector_errors(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    enable(l);
    wr(l, 0x300, 0x4000f | 1u << 18);       /* self, vector 15 */
    wr(l, 0x280, 0);
    assert_int_equal(rd(l, 0x280), 0x20);
    assert_false(lapic_raise(l, 15, false));
    wr(l, 0x280, 0);
    assert_int_equal(rd(l, 0x280), 0x40);
    wr(l, 0x370, 5);                        /* illegal vector in the error entry: no recursion */
    assert_false(lapic_raise(l, 3, false));
    assert_int_equal(lapic_pending(l), -1);
    assert_true(lapic_raise(l, 16, false));
    assert_int_equal(lapic_pending(l), 16);
}

static void priorities(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[0];
    enable(l);
    lapic_raise(l, 0x31, false);
    lapic_raise(l, 0x3f, false);
    lapic_raise(l, 0x52, false);
    assert_int_equal(rd(l, 0x210), 0x80020000);
    assert_int_equal(rd(l, 0x220), 0x00040000);
    take(l, 0x52);
    assert_int_equal(rd(l, 0xa0), 0x50);
    assert_int_equal(rd(l, 0x120), 0x00040000);
    assert_int_equal(rd(l, 0x220), 0);
    assert_int_equal(lapic_pending(l), -1);
    lapic_raise(l, 0x5f, false);            /* same class: waits */
    assert_int_equal(lapic_pending(l), -1);
    lapic_raise(l, 0x60, false);
    take(l, 0x60);                          /* nests */
    assert_int_equal(rd(l, 0xa0), 0x60);
    wr(l, 0xb0, 0);
    assert_int_equal(rd(l, 0xa0), 0x50);
    wr(l, 0xb0, 0);
    take(l, 0x5f);
    wr(l, 0xb0, 0);
    take(l, 0x3f);
    wr(l, 0xb0, 0);
    take(l, 0x31);
    wr(l, 0xb0, 0);
    assert_int_equal(rd(l, 0xa0), 0);
    wr(l, 0xb0, 0);                         /* nothing in service: ignored */
    assert_int_equal(lapic_pending(l), -1);
}

static void task_priority(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[0];
    enable(l);
    wr(l, 0x80, 0x3f);
    assert_int_equal(rd(l, 0xa0), 0x3f);
    assert_int_equal(lapic_cr8_get(l), 3);
    lapic_raise(l, 0x3f, false);
    assert_int_equal(lapic_pending(l), -1);
    assert_int_equal(lapic_tpr_threshold(l), 3);
    lapic_cr8_set(l, 2);
    assert_int_equal(rd(l, 0x80), 0x20);
    assert_int_equal(lapic_tpr_threshold(l), 0);
    take(l, 0x3f);
    assert_int_equal(rd(l, 0xa0), 0x30);
    wr(l, 0x80, 0x31);                      /* equal classes: TPR's low bits show */
    assert_int_equal(rd(l, 0xa0), 0x31);
    lapic_cr8_set(l, 5);
    assert_int_equal(rd(l, 0xa0), 0x50);
    lapic_raise(l, 0x38, false);            /* held by the interrupt in service, not by TPR alone */
    assert_int_equal(lapic_tpr_threshold(l), 0);
    lapic_raise(l, 0x48, false);
    assert_int_equal(lapic_tpr_threshold(l), 4);
    lapic_cr8_set(l, 0);
    assert_int_equal(lapic_pending(l), 0x48);
}

static void every_vector_once(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[0];
    enable(l);
    for (unsigned v = 16; v < 256; v++)
        assert_true(lapic_raise(l, (uint8_t)v, false));
    for (int v = 255; v >= 16; v--) {
        take(l, v);
        assert_int_equal(rd(l, 0x100 + (unsigned)v / 32 * 16), 1u << v % 32);
        wr(l, 0xb0, 0);
    }
    assert_int_equal(lapic_pending(l), -1);
    assert_int_equal(l->irr_words, 0);
    assert_int_equal(l->isr_words, 0);
}

static void coalesces_and_kicks(void **state)
{
    struct apics *t = *state;
    enable(&t->lapic[2]);
    assert_true(lapic_raise(&t->lapic[2], 0x40, false));
    assert_true(lapic_raise(&t->lapic[2], 0x40, false));
    assert_int_equal(t->kicks[2], 1);
    take(&t->lapic[2], 0x40);
    assert_true(lapic_raise(&t->lapic[2], 0x40, false));    /* one may wait behind the other */
    assert_int_equal(lapic_pending(&t->lapic[2]), -1);
    wr(&t->lapic[2], 0xb0, 0);
    take(&t->lapic[2], 0x40);
    lapic_unack(&t->lapic[2], 0x40);
    assert_int_equal(rd(&t->lapic[2], 0xa0), 0);
    take(&t->lapic[2], 0x40);
}

static void trigger_mode_and_eoi(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    enable(l);
    lapic_raise(l, 0x41, true);
    assert_int_equal(rd(l, 0x1a0), 2);
    take(l, 0x41);
    wr(l, 0xb0, 0);
    assert_int_equal(t->eois, 1);
    assert_int_equal(t->eoi_vector, 0x41);
    lapic_raise(l, 0x41, false);
    assert_int_equal(rd(l, 0x1a0), 0);
    take(l, 0x41);
    wr(l, 0xb0, 0);
    assert_int_equal(t->eois, 1);
}

static void directed_eoi(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    enable(l);
    wr(l, 0xf0, 0x11ff);
    assert_int_equal(rd(l, 0xf0), 0x1ff);   /* not offered: bit does not stick */
    apics_init_one(t, 0, true);
    assert_int_equal(rd(l, 0x30), 0x01050014);
    wr(l, 0xf0, 0x11ff);
    assert_int_equal(rd(l, 0xf0), 0x11ff);
    lapic_raise(l, 0x41, true);
    take(l, 0x41);
    wr(l, 0xb0, 0);
    assert_int_equal(t->eois, 0);
    wr(l, 0xf0, 0x1ff);
    lapic_raise(l, 0x41, true);
    take(l, 0x41);
    wr(l, 0xb0, 0);
    assert_int_equal(t->eois, 1);
}

static void software_disable(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[0];
    wr(l, 0x350, 0x700);
    assert_int_equal(rd(l, 0x350), 0x10700);        /* disabled since reset: stays masked */
    assert_false(lapic_raise(l, 0x40, false));
    enable(l);
    wr(l, 0x350, 0x700);
    assert_int_equal(rd(l, 0x350), 0x700);
    lapic_raise(l, 0x40, false);
    wr(l, 0xf0, 0xff);
    for (unsigned off = 0x320; off <= 0x370; off += 16)
        assert_int_equal(rd(l, off) & 0x10000, 0x10000);
    assert_false(lapic_raise(l, 0x41, false));
    assert_int_equal(lapic_pending(l), 0x40);       /* what was accepted stays (11.4.7.2) */
}

static void base_msr(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[0];
    static const uint64_t reserved[] = { 0x01, 0x80, 0x200, 1ull << 40, 1ull << 63 };
    for (unsigned i = 0; i < ARRAY_LEN(reserved); i++)
        assert_false(lapic_base_write(l, l->base | reserved[i]));
    assert_false(lapic_base_write(l, 0xfee00500));          /* EXTD without EN */
    assert_true(lapic_base_write(l, 0xfee00800));           /* BSP flag cannot be cleared */
    assert_int_equal(l->base, 0xfee00900);
    assert_true(lapic_base_write(l, 0x12345800));
    assert_true(lapic_covers(l, gpa(0x12345fff)));
    assert_false(lapic_covers(l, gpa(0x12346000)));
    assert_false(lapic_covers(l, gpa(0xfee00000)));
    assert_false(lapic_covers(&((struct apics *)*state)->lapic[1], gpa(0x1fee00000)));
    enable(l);
    lapic_raise(l, 0x40, false);
    to_x2apic(l);
    assert_int_equal(lapic_pending(l), 0x40);               /* state is kept */
    assert_false(lapic_covers(l, gpa(0x12345000)));
    assert_false(lapic_base_write(l, 0xfee00900));          /* x2APIC to xAPIC */
    assert_true(lapic_base_write(l, 0xfee00100));
    assert_int_equal(lapic_pending(l), -1);
    assert_false(lapic_base_write(l, 0xfee00d00));          /* disabled to x2APIC */
    assert_int_equal(rd(l, 0x30), 0xffffffff);
    assert_true(lapic_accepts_extint(l));
    assert_false(lapic_raise(l, 0x40, false));
    assert_true(lapic_base_write(l, 0xfee00900));
    assert_int_equal(rd(l, 0xf0), 0xff);
    assert_int_equal(rd(l, 0x20), 0);
    l->base_valid &= ~APIC_BASE_EXTD;                       /* x2APIC not offered */
    assert_false(lapic_base_write(l, 0xfee00d00));
}

static void x2apic_access_rules(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[2];
    uint64_t v = 0;
    for (uint32_t msr = 0x800; msr < 0x900; msr++) {
        assert_false(lapic_msr_read(l, msr, &v));           /* not in x2APIC mode */
        assert_false(lapic_msr_write(l, msr, 0));
    }
    enable(l);
    to_x2apic(l);
    for (uint32_t n = 0; n < 0x100; n++) {
        bool rd_ok = n == 0x02 || n == 0x03 || n == 0x08 || n == 0x0a || n == 0x0d || n == 0x0f ||
                     (n >= 0x10 && n <= 0x28) || n == 0x30 || (n >= 0x32 && n <= 0x39) || n == 0x3e;
        bool wr_ok = n == 0x08 || n == 0x0b || n == 0x0f || n == 0x28 || n == 0x30 ||
                     (n >= 0x32 && n <= 0x38) || n == 0x3e || n == 0x3f;
        uint64_t zero = n == 0x0f ? 0x1ff : 0;
        assert_int_equal(lapic_msr_read(l, 0x800 + n, &v), rd_ok);
        assert_int_equal(lapic_msr_write(l, 0x800 + n, zero), wr_ok);
        if (n != 0x30)
            assert_false(lapic_msr_write(l, 0x800 + n, 1ull << 32));
    }
    static const struct { uint32_t n; uint32_t bad; } r[] = {
        { 0x08, 0x100 }, { 0x0b, 1 }, { 0x0f, 0x1000 }, { 0x0f, 0x400 }, { 0x28, 1 },
        { 0x30, 0x2000 }, { 0x30, 0x10000 }, { 0x30, 0x100000 }, { 0x32, 0x800 },
        { 0x32, 0x80000 }, { 0x33, 0x2000 }, { 0x35, 0x800 }, { 0x35, 0x20000 },
        { 0x37, 0x100 }, { 0x3e, 4 }, { 0x3e, 0x10 }, { 0x3f, 0x100 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(r); i++)
        assert_false(lapic_msr_write(l, 0x800 + r[i].n, r[i].bad));
    /* the page is not the APIC's any more */
    assert_int_equal(rd(l, 0x30), 0xffffffff);
}

static void x2apic_registers(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[3];
    uint64_t v;
    enable(l);
    to_x2apic(l);
    assert_true(lapic_msr_read(l, 0x802, &v));
    assert_int_equal(v, 3);
    assert_true(lapic_msr_read(l, 0x80d, &v));
    assert_int_equal(v, 8);
    assert_true(lapic_msr_write(l, 0x83f, 0x77));
    take(l, 0x77);
    assert_true(lapic_msr_read(l, 0x80a, &v));
    assert_int_equal(v, 0x70);
    assert_true(lapic_msr_read(l, 0x813, &v));
    assert_int_equal(v, 0x00800000);
    assert_true(lapic_msr_write(l, 0x80b, 0));
    assert_true(lapic_msr_read(l, 0x80a, &v));
    assert_int_equal(v, 0);
    assert_true(lapic_msr_write(l, 0x83f, 9));          /* illegal vector */
    assert_true(lapic_msr_write(l, 0x828, 0));
    assert_true(lapic_msr_read(l, 0x828, &v));
    assert_int_equal(v, 0x20);
    assert_true(lapic_msr_write(l, 0x830, 0x0000000100001041ull | 0x4000));
    assert_true(lapic_msr_read(l, 0x830, &v));
    assert_int_equal(v, 0x0000000100004041ull);
    assert_true(lapic_msr_write(l, 0x835, 0x15041));    /* read-only LVT bits pass */
    assert_true(lapic_msr_read(l, 0x835, &v));
    assert_int_equal(v, 0x10041);
}

static void lint_pins(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    enable(l);
    assert_false(lapic_accepts_extint(l));
    lapic_set_lint(l, 0, true);             /* masked: nothing */
    assert_int_equal(t->kicks[0], 0);
    wr(l, 0x350, 0x700);                    /* ExtINT, line already high */
    assert_int_equal(t->kicks[0], 1);
    assert_true(lapic_accepts_extint(l));
    lapic_set_lint(l, 0, true);             /* no change */
    assert_int_equal(t->kicks[0], 1);
    lapic_set_lint(l, 0, false);
    lapic_set_lint(l, 0, true);
    assert_int_equal(t->kicks[0], 2);
    lapic_set_lint(l, 1, true);
    assert_int_equal(t->nmis[0], 0);
    lapic_set_lint(l, 1, false);
    wr(l, 0x360, 0x400);
    lapic_set_lint(l, 1, true);
    assert_int_equal(t->nmis[0], 1);
    lapic_set_lint(l, 0, false);
    wr(l, 0x350, 0x0045);                   /* fixed, edge */
    lapic_set_lint(l, 0, true);
    take(l, 0x45);
    wr(l, 0xb0, 0);
    assert_int_equal(lapic_pending(l), -1);
}

static void lint_level(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    enable(l);
    wr(l, 0x350, 0x8045);                   /* fixed, level */
    lapic_set_lint(l, 0, true);
    assert_int_equal(rd(l, 0x350), 0xc045); /* remote IRR */
    take(l, 0x45);
    wr(l, 0xb0, 0);
    take(l, 0x45);                          /* still high */
    lapic_set_lint(l, 0, false);
    wr(l, 0xb0, 0);
    assert_int_equal(lapic_pending(l), -1);
    assert_int_equal(rd(l, 0x350), 0x8045);
}

static void pins_with_apic_off(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    assert_true(lapic_base_write(l, 0xfee00100));
    lapic_set_lint(l, 0, true);
    lapic_set_lint(l, 1, true);
    assert_int_equal(t->kicks[0], 1);
    assert_int_equal(t->nmis[0], 1);
}

static void virtual_wire(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[0];
    lapic_virtual_wire(l);
    assert_int_equal(rd(l, 0xf0), 0x1ff);
    assert_int_equal(rd(l, 0x350), 0x700);
    assert_int_equal(rd(l, 0x360), 0x400);
    assert_true(lapic_accepts_extint(l));
}

static void init_signal_keeps_mode(void **state)
{
    struct lapic *l = &((struct apics *)*state)->lapic[3];
    uint64_t v;
    assert_true(lapic_base_write(l, 0x20000c00));
    assert_true(lapic_msr_write(l, 0x80f, 0x1ff));
    lapic_raise(l, 0x80, true);
    lapic_init_signal(l);
    assert_int_equal(l->base, 0x20000c00);
    assert_int_equal(lapic_pending(l), -1);
    assert_true(lapic_msr_read(l, 0x80f, &v));
    assert_int_equal(v, 0xff);
    assert_true(lapic_msr_read(l, 0x802, &v));
    assert_int_equal(v, 3);
    assert_true(lapic_msr_read(l, 0x80d, &v));
    assert_int_equal(v, 8);
    lapic_reset(l);
    assert_int_equal(l->base, 0xfee00800);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(reset_values), T(register_masks), T(other_widths_and_offsets), T(illegal_registers),
        T(vector_errors), T(priorities), T(task_priority), T(every_vector_once),
        T(coalesces_and_kicks), T(trigger_mode_and_eoi), T(directed_eoi), T(software_disable),
        T(base_msr), T(x2apic_access_rules), T(x2apic_registers), T(lint_pins), T(lint_level),
        T(pins_with_apic_off), T(virtual_wire), T(init_signal_keeps_mode),
    };
    return cmocka_run_group_tests_name("lapic", tests, NULL, NULL);
}
