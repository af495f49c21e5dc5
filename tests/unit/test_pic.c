/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/device/pic.c: each command word and mode of the 8259A pair, ELCR, save and load. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "socle/bits.h"
#include "socle/device/pic.h"

static struct pic pic;
static struct pio_bus bus;
static int changes;
static bool int_line;

static void output(void *ctx, bool level)
{
    assert_ptr_equal(ctx, &pic);
    assert_int_not_equal(level, int_line);
    int_line = level;
    changes++;
}

static void out(uint16_t port, uint8_t v)
{
    struct bus_access a = { .value = v, .size = 1, .write = true };
    assert_true(pio_access(&bus, port, &a));
}

static uint8_t in(uint16_t port)
{
    struct bus_access a = { .size = 1 };
    assert_true(pio_access(&bus, port, &a));
    return (uint8_t)a.value;
}

static void program(uint8_t icw4_master, uint8_t icw4_slave)
{
    out(0x20, 0x11), out(0x21, 0x20), out(0x21, 4), out(0x21, icw4_master);
    out(0xa0, 0x11), out(0xa1, 0x28), out(0xa1, 2), out(0xa1, icw4_slave);
}

static int setup(void **unused)
{
    int_line = false;
    changes = 0;
    pio_bus_init(&bus);
    pic_init(&pic, output, &pic);
    assert_int_equal(pic_attach(&pic, &bus), HV_OK);
    out(0x4d1, 0);                          /* edges everywhere */
    program(1, 1);
    return 0;
}

static void up(unsigned irq) { pic_set_line(&pic, irq, true); }
static void down(unsigned irq) { pic_set_line(&pic, irq, false); }
static void pulse(unsigned irq) { down(irq), up(irq); }

static uint8_t irr(uint16_t port) { out(port, 0x0a); return in(port); }
static uint8_t isr(uint16_t port) { out(port, 0x0b); return in(port); }

static void test_power_on(void **unused)
{
    pic_init(&pic, NULL, NULL);
    for (unsigned i = 0; i < 16; i++)
        up(i);
    assert_false(pic_output(&pic));         /* all masked */
    assert_int_equal(in(0x21), 0xff);
    assert_int_equal(in(0xa1), 0xff);
    assert_int_equal(in(0x4d0), 0);
    assert_int_equal(in(0x4d1), 0x0c);      /* those of PCI are level triggered */
    out(0x21, 0xfd);
    assert_true(pic_output(&pic));
    assert_int_equal(pic_ack(&pic), 0x09);  /* BIOS vectors */
}

static void test_widths(void **unused)
{
    struct bus_access a = { .value = 0, .size = 2, .write = true };
    out(0x21, 0x55);
    pio_access(&bus, 0x20, &a);
    a = (struct bus_access){ .size = 2 };
    assert_true(pio_access(&bus, 0x20, &a));
    assert_int_equal(a.value, 0xffff);
    assert_int_equal(in(0x21), 0x55);
}

static void test_edge(void **unused)
{
    up(1);
    assert_true(pic_output(&pic));
    assert_int_equal(irr(0x20), 0x02);
    assert_int_equal(pic_ack(&pic), 0x21);
    assert_false(pic_output(&pic));
    assert_int_equal(irr(0x20), 0);
    assert_int_equal(isr(0x20), 0x02);
    out(0x20, 0x20);
    assert_int_equal(isr(0x20), 0);
    assert_false(pic_output(&pic));         /* the line is high, but that was one edge */
    up(1);
    assert_false(pic_output(&pic));
    pulse(1);
    assert_true(pic_output(&pic));
    assert_int_equal(changes, 3);
}

static void test_edge_withdrawn_is_spurious(void **unused)
{
    up(1);
    down(1);
    assert_false(pic_output(&pic));
    assert_int_equal(irr(0x20), 0);
    assert_int_equal(pic_ack(&pic), 0x27);
    assert_int_equal(isr(0x20), 0);         /* a spurious interrupt leaves no trace */
}

static void test_edge_during_service_is_kept(void **unused)
{
    up(4);
    assert_int_equal(pic_ack(&pic), 0x24);
    pulse(4);
    assert_false(pic_output(&pic));
    out(0x20, 0x64);                        /* specific EOI */
    assert_true(pic_output(&pic));
}

static void test_level(void **unused)
{
    out(0x4d0, 0xff);
    out(0x4d1, 0xff);
    assert_int_equal(in(0x4d0), 0xf8);      /* 0, 1, 2 fixed */
    assert_int_equal(in(0x4d1), 0xde);      /* 8, 13 fixed */
    up(5);
    assert_int_equal(pic_ack(&pic), 0x25);
    assert_int_equal(irr(0x20), 0x20);      /* the register shows the line itself */
    out(0x20, 0x20);
    assert_true(pic_output(&pic));          /* still asserted: again */
    down(5);
    assert_false(pic_output(&pic));
    up(1);                                  /* fixed as edge in spite of the write */
    assert_int_equal(pic_ack(&pic), 0x21);
    out(0x20, 0x20);
    assert_false(pic_output(&pic));
}

static void test_fixed_priority(void **unused)
{
    up(6), up(3), up(0);
    assert_int_equal(pic_ack(&pic), 0x20);
    assert_false(pic_output(&pic));
    out(0x20, 0x20);
    assert_int_equal(pic_ack(&pic), 0x23);
    pulse(0);
    assert_int_equal(pic_ack(&pic), 0x20);  /* nests above 3 */
    assert_int_equal(isr(0x20), 0x09);
    out(0x20, 0x20);                        /* ends 0, the best in service */
    assert_int_equal(isr(0x20), 0x08);
    assert_false(pic_output(&pic));
    out(0x20, 0x20);
    assert_int_equal(pic_ack(&pic), 0x26);
}

static void test_mask(void **unused)
{
    out(0x21, 0xff);
    up(3);
    assert_false(pic_output(&pic));
    assert_int_equal(irr(0x20), 0x08);      /* requests are recorded behind the mask */
    out(0x21, 0xf7);
    assert_true(pic_output(&pic));
    assert_int_equal(in(0x21), 0xf7);
}

static void test_cascade(void **unused)
{
    up(12);
    assert_int_equal(irr(0x20), 0x04);
    assert_int_equal(irr(0xa0), 0x10);
    assert_int_equal(pic_ack(&pic), 0x2c);
    assert_int_equal(isr(0x20), 0x04);
    assert_int_equal(isr(0xa0), 0x10);
    up(10);                                 /* better on the slave, held by the master */
    assert_false(pic_output(&pic));
    out(0xa0, 0x20);
    assert_false(pic_output(&pic));
    out(0x20, 0x20);
    assert_int_equal(pic_ack(&pic), 0x2a);
    up(2);                                  /* not an input of the PC */
    assert_int_equal(irr(0x20), 0);
    pic_set_line(&pic, 99, true);
}

static void test_slave_masked_at_master(void **unused)
{
    out(0x21, 0x04);
    up(8);
    assert_false(pic_output(&pic));
    out(0x21, 0);
    assert_int_equal(pic_ack(&pic), 0x28);
}

static void test_special_fully_nested(void **unused)
{
    program(0x11, 1);
    up(12);
    assert_int_equal(pic_ack(&pic), 0x2c);
    up(10);
    assert_int_equal(pic_ack(&pic), 0x2a);
    up(13);                                 /* below 10 and 12 */
    assert_false(pic_output(&pic));
    up(4);
    assert_false(pic_output(&pic));         /* below the cascade, which is in service */
    out(0xa0, 0x20), out(0xa0, 0x20);
    out(0x20, 0x20);
    assert_int_equal(pic_ack(&pic), 0x2d);
}

static void test_wrong_slave_identity(void **unused)
{
    out(0xa0, 0x11), out(0xa1, 0x28), out(0xa1, 5), out(0xa1, 1);
    up(9);
    assert_int_equal(pic_ack(&pic), 0xff);
}

static void test_master_without_slave_answers_itself(void **unused)
{
    out(0x20, 0x13), out(0x21, 0x40), out(0x21, 1);     /* SNGL: no ICW3 */
    up(9);
    assert_int_equal(pic_ack(&pic), 0x42);
    out(0x20, 0x11), out(0x21, 0x40), out(0x21, 0), out(0x21, 1);
    pulse(9);
    assert_int_equal(pic_ack(&pic), 0x42);
}

static void test_auto_eoi(void **unused)
{
    program(3, 3);
    up(5);
    assert_int_equal(pic_ack(&pic), 0x25);
    assert_int_equal(isr(0x20), 0);
    up(9), up(11);
    assert_int_equal(pic_ack(&pic), 0x29);
    assert_int_equal(pic_ack(&pic), 0x2b);  /* the second is a fresh edge for the master */
    assert_false(pic_output(&pic));
}

static void test_rotate_auto_eoi(void **unused)
{
    program(3, 1);
    out(0x20, 0x80);
    up(3), up(5);
    assert_int_equal(pic_ack(&pic), 0x23);  /* 3 becomes lowest */
    pulse(3);
    assert_int_equal(pic_ack(&pic), 0x25);
    assert_int_equal(pic_ack(&pic), 0x23);
    out(0x20, 0x00);                        /* rotation off: order stays as it is */
    pulse(3), pulse(4);
    assert_int_equal(pic_ack(&pic), 0x24);
    pulse(4);
    assert_int_equal(pic_ack(&pic), 0x24);
}

static void test_rotate_on_eoi(void **unused)
{
    up(2 + 1), up(6);
    assert_int_equal(pic_ack(&pic), 0x23);
    out(0x20, 0xa0);                        /* rotate on non-specific EOI */
    pulse(3), up(4);
    assert_int_equal(pic_ack(&pic), 0x24);  /* order is now 4 5 6 7 0 1 2 3 */
    out(0x20, 0xe4);                        /* rotate on specific EOI */
    assert_int_equal(pic_ack(&pic), 0x26);
    out(0x20, 0x20);
    assert_int_equal(pic_ack(&pic), 0x23);
}

static void test_set_priority_and_nop(void **unused)
{
    out(0x20, 0xc4);                        /* 4 lowest: 5 is best */
    up(0), up(5);
    out(0x20, 0x40);                        /* no operation */
    assert_int_equal(pic_ack(&pic), 0x25);
    assert_false(pic_output(&pic));
    out(0x20, 0x60);                        /* specific EOI of a level not in service */
    assert_int_equal(isr(0x20), 0x20);
    out(0x20, 0x65);
    assert_int_equal(pic_ack(&pic), 0x20);
    out(0x20, 0x20);
    out(0x20, 0x20);                        /* nothing in service: nothing happens */
    assert_int_equal(isr(0x20), 0);
}

static void test_special_mask(void **unused)
{
    up(1);
    assert_int_equal(pic_ack(&pic), 0x21);
    up(6);
    assert_false(pic_output(&pic));
    out(0x21, 0x02);
    assert_false(pic_output(&pic));
    out(0x20, 0x68);                        /* ESMM, SMM */
    assert_int_equal(pic_ack(&pic), 0x26);
    out(0x20, 0x20);                        /* ends 6; the masked 1 stays */
    assert_int_equal(isr(0x20), 0x02);
    out(0x20, 0x20);
    assert_int_equal(isr(0x20), 0x02);
    out(0x20, 0x08 | 0x20);                 /* SMM without ESMM: no change */
    up(7);
    assert_true(pic_output(&pic));
    out(0x20, 0x48);                        /* off */
    assert_false(pic_output(&pic));
    out(0x20, 0x20);
    assert_int_equal(isr(0x20), 0);
}

static void test_poll(void **unused)
{
    out(0x20, 0x0c);
    assert_int_equal(in(0x20), 0x00);       /* nothing there */
    up(4);
    out(0x20, 0x0c);
    assert_int_equal(in(0x21), 0x84);
    assert_int_equal(isr(0x20), 0x10);
    assert_false(pic_output(&pic));
    out(0x20, 0x20);
    up(9);
    out(0x20, 0x0c);
    assert_int_equal(in(0x20), 0x82);       /* the cascade */
    out(0xa0, 0x0c);
    assert_int_equal(in(0xa0), 0x81);
    assert_int_equal(isr(0xa0), 0x02);
    out(0xa0, 0x20), out(0x20, 0x20);
    assert_false(pic_output(&pic));
    out(0x20, 0x0b);
    out(0x20, 0x0f);                        /* poll goes before the register read */
    assert_int_equal(in(0x20), 0);
}

static void test_initialization(void **unused)
{
    up(1);
    assert_int_equal(pic_ack(&pic), 0x21);
    pulse(1), up(3);
    out(0x21, 0xf0), out(0x20, 0xc3), out(0x20, 0x68), out(0x20, 0x0b);
    out(0x20, 0x11);
    assert_int_equal(in(0x20), 0);          /* IRR selected; edges forgotten */
    assert_false(pic_output(&pic));
    out(0x21, 0x47);                        /* low bits of ICW2 do not exist */
    pulse(5);
    assert_false(pic_output(&pic));         /* not before the sequence ends */
    out(0x21, 4);
    out(0x21, 1);
    assert_int_equal(in(0x21), 0);          /* mask cleared */
    assert_int_equal(pic_ack(&pic), 0x45);
    out(0x21, 0x12);
    assert_int_equal(in(0x21), 0x12);       /* OCW1 again */
}

static void test_icw4_left_out(void **unused)
{
    out(0x20, 0xf4), out(0x21, 0x20), out(0x21, 4);     /* A7-A5 ones, interval 4 */
    out(0x21, 0xfe);                                    /* is a mask already */
    up(0);
    assert_int_equal(in(0x21), 0xfe);
    assert_int_equal(pic_ack(&pic), 0xe0);
    out(0x21, 0), up(3);
    out(0x20, 0x20);
    assert_int_equal(pic_ack(&pic), 0xe0 | 3 << 2);
    out(0x20, 0xf0), out(0x21, 0x20), out(0x21, 4);     /* interval 8 */
    pulse(3);
    assert_int_equal(pic_ack(&pic), 0xc0 | 3 << 3);
}

static void test_reset_keeps_lines(void **unused)
{
    out(0x4d0, 0x20);
    up(5);
    pic_reset(&pic);
    assert_int_equal(in(0x4d0), 0);
    program(1, 1);
    out(0x4d0, 0x20);
    assert_int_equal(pic_ack(&pic), 0x25);
}

/* ---- save and load -------------------------------------------------------------- */

static uint32_t seed;
static uint32_t random32(void) { return seed = seed * 1664525 + 1013904223; }

static void churn(unsigned steps)
{
    static const uint16_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
    for (unsigned i = 0; i < steps; i++) {
        uint32_t r = random32() >> 8;
        switch (r & 3) {
        case 0: pic_set_line(&pic, r >> 4 & 15, r >> 8 & 1); break;
        case 1: (void)pic_ack(&pic); break;
        case 2: (void)in(ports[(r >> 4) % 6]); break;
        default: out(ports[(r >> 4) % 6], (uint8_t)(r >> 12)); break;
        }
    }
}

static size_t save(uint8_t *buf, size_t cap)
{
    struct state_out o = { .buf = buf, .cap = cap };
    pic_save(&pic, &o);
    assert_true(o.len <= cap);
    return o.len;
}

static void test_round_trip(void **unused)
{
    uint8_t first[256], second[256];
    for (seed = 1; seed < 500; seed += 7) {
        uint32_t start = seed;
        churn(200);
        size_t n = save(first, sizeof(first));
        bool level = pic_output(&pic);
        uint32_t resume = seed;
        churn(100);
        size_t after = save(second, sizeof(second));
        struct state_in i = { .buf = first, .len = n };
        int seen = changes;
        assert_int_equal(pic_load(&pic, &i), HV_OK);
        assert_int_equal(changes, seen);
        assert_int_equal(pic_output(&pic), level);
        int_line = level;
        uint8_t again[256];
        assert_int_equal(save(again, sizeof(again)), n);
        assert_memory_equal(again, first, n);
        seed = resume;                      /* and it behaves the same afterwards */
        churn(100);
        assert_int_equal(save(again, sizeof(again)), after);
        assert_memory_equal(again, second, after);
        seed = start;
    }
}

static void test_load_refuses(void **unused)
{
    uint8_t good[256], bad[256], now[256];
    churn(50);
    size_t n = save(good, sizeof(good));
    enum { CHIP = 12, ELCR = 4, STEP = 9, LOWEST = 10, SIZE = 15 };
    static const struct { size_t at; uint8_t v; } wrong[] = {
        { CHIP + ELCR, 0x01 }, { CHIP + SIZE + ELCR, 0x20 }, { CHIP + STEP, 1 },
        { CHIP + STEP, 5 }, { CHIP + SIZE + LOWEST, 8 }, { 0, 'X' }, { 4, 9 },
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        memcpy(bad, good, n);
        bad[wrong[i].at] = wrong[i].v;
        struct state_in in = { .buf = bad, .len = n };
        assert_int_not_equal(pic_load(&pic, &in), HV_OK);
        assert_int_equal(save(now, sizeof(now)), n);
        assert_memory_equal(now, good, n);
    }
    for (size_t cut = 0; cut < n; cut++) {
        struct state_in in = { .buf = good, .len = cut };
        assert_int_not_equal(pic_load(&pic, &in), HV_OK);
    }
}

static void test_spurious_slave(void **unused)
{
    /* The slave's request is gone, the master still holds the cascade's: saved in between. */
    uint8_t buf[256];
    up(14);
    size_t n = save(buf, sizeof(buf));
    enum { SLAVE_LINE = 12 + 15, SLAVE_LATCH };
    buf[SLAVE_LINE] = buf[SLAVE_LATCH] = 0;
    struct state_in in = { .buf = buf, .len = n };
    assert_int_equal(pic_load(&pic, &in), HV_OK);
    assert_int_equal(pic_ack(&pic), 0x2f);
    assert_int_equal(isr(0xa0), 0);
    assert_int_equal(isr(0x20), 0x04);      /* the master took it for real */
}

static void test_attach_twice(void **unused)
{
    assert_int_equal(pic_attach(&pic, &bus), HV_EXISTS);
}

#define T(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_power_on), T(test_widths), T(test_edge), T(test_edge_withdrawn_is_spurious),
        T(test_edge_during_service_is_kept), T(test_level), T(test_fixed_priority), T(test_mask),
        T(test_cascade), T(test_slave_masked_at_master), T(test_special_fully_nested),
        T(test_wrong_slave_identity), T(test_master_without_slave_answers_itself),
        T(test_auto_eoi), T(test_rotate_auto_eoi), T(test_rotate_on_eoi),
        T(test_set_priority_and_nop), T(test_special_mask), T(test_poll), T(test_initialization),
        T(test_icw4_left_out), T(test_reset_keeps_lines), T(test_round_trip),
        T(test_load_refuses), T(test_spurious_slave), T(test_attach_twice),
    };
    return cmocka_run_group_tests_name("pic", tests, NULL, NULL);
}
