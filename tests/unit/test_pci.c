/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/device/pci.c and pci_bridges.c: mechanism #1 in all widths and ECAM, 0xcf9, masks and
 * hooks, the bridges, their state. BARs, interrupts and more of state have tests of their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_env.h"
#include "socle/bits.h"
#include "socle/device/misc_ports.h"
#include "socle/device/pci.h"

static struct fake_env *env;
static struct pci pci;
static struct misc_ports misc;
static struct pio_bus bus;
static unsigned resets;

static void reset(void *ctx, enum dev_reset kind) { resets++; }

static int setup(void **unused)
{
    resets = 0;
    pio_bus_init(&bus);
    misc_ports_init(&misc, reset, NULL);
    env = fake_env_new();
    pci_init(&pci, &env->env, misc_ports_cf9, &misc);
    pci_reset(&pci);
    assert_int_equal(pci_attach(&pci, &bus), HV_OK);
    return 0;
}

static int teardown(void **unused)
{
    fake_env_free(env);
    return 0;
}

static void out(uint16_t port, uint8_t size, uint32_t v)
{
    struct bus_access a = { .value = v, .size = size, .write = true };
    (void)pio_access(&bus, port, &a);
}

static uint32_t in(uint16_t port, uint8_t size)
{
    struct bus_access a = { .size = size };
    (void)pio_access(&bus, port, &a);
    return (uint32_t)a.value;
}

static void point(unsigned dev, unsigned fn, unsigned reg)
{
    out(0xcf8, 4, 0x80000000u | dev << 11 | fn << 8 | (reg & 0xfc));
}

static uint32_t get(unsigned dev, unsigned fn, unsigned reg, uint8_t size)
{
    point(dev, fn, reg);
    return in((uint16_t)(0xcfc + (reg & 3)), size);
}

static void set(unsigned dev, unsigned fn, unsigned reg, uint8_t size, uint32_t v)
{
    point(dev, fn, reg);
    out((uint16_t)(0xcfc + (reg & 3)), size, v);
}

static void test_address_register(void **unused)
{
    assert_int_equal(in(0xcf8, 4), 0);
    out(0xcf8, 4, 0xffffffff);
    assert_int_equal(in(0xcf8, 4), 0x80fffffc);
    out(0xcf8, 4, 0x80000800);
    out(0xcf8, 1, 0);
    out(0xcf8, 2, 0);
    out(0xcfa, 2, 0);
    out(0xcfb, 1, 0);
    assert_int_equal(in(0xcf8, 4), 0x80000800);         /* double words only */
    assert_int_equal(in(0xcf8, 2), 0xffff);
    assert_int_equal(in(0xcfb, 1), 0xff);
}

static void test_reset_register_within(void **unused)
{
    out(0xcf8, 4, 0x80000800);
    out(0xcf9, 1, 0x02);
    assert_int_equal(in(0xcf9, 1), 0x02);
    out(0xcf9, 2, 0x06);                                /* not a byte: nobody */
    assert_int_equal(resets, 0);
    out(0xcf9, 1, 0x06);
    assert_int_equal(resets, 1);
    assert_int_equal(in(0xcf8, 4), 0x80000800);
    pci_init(&pci, &env->env, NULL, NULL);
    out(0xcf9, 1, 0x06);
    assert_int_equal(in(0xcf9, 1), 0xff);
}

static void test_bridges(void **unused)
{
    assert_int_equal(get(0, 0, 0, 4), 0x12378086);
    assert_int_equal(get(0, 0, 8, 4) >> 8, 0x060000);
    assert_int_equal(get(1, 0, 0, 4), 0x70008086);
    assert_int_equal(get(1, 0, 8, 4) >> 8, 0x060100);
    assert_int_equal(get(0, 0, 0x0e, 1), 0);            /* single-function */
    assert_int_equal(get(1, 0, 0x0e, 1), 0);
    assert_int_equal(get(0, 0, 4, 2), 0x0006);
    assert_int_equal(get(1, 0, 4, 2), 0x0007);
    assert_int_equal(get(1, 0, 0x60, 4), 0x80808080);
}

static void test_all_widths(void **unused)
{
    assert_int_equal(get(0, 0, 0, 2), 0x8086);
    assert_int_equal(get(0, 0, 2, 2), 0x1237);
    assert_int_equal(get(0, 0, 1, 2), 0x3780);
    assert_int_equal(get(0, 0, 3, 1), 0x12);
    assert_int_equal(in(0xcff, 2), 0xffff);             /* leaves the range */
    set(1, 0, 0x62, 1, 0x0b);
    set(1, 0, 0x60, 2, 0x0a05);
    assert_int_equal(get(1, 0, 0x60, 4), 0x800b0a05);
    set(1, 0, 0x60, 4, 0xffffffff);
    assert_int_equal(get(1, 0, 0x60, 4), 0x8f8f8f8f);   /* the mask */
    set(1, 0, 0x82, 1, 0xf2);
    assert_int_equal(get(1, 0, 0x82, 1), 0x02);
}

static void test_nobody(void **unused)
{
    for (unsigned devfn = 0; devfn < 256; devfn++)
        if (devfn != 0 && devfn != 8)
            assert_int_equal(get(devfn >> 3, devfn & 7, 0, 4), 0xffffffff);
    set(5, 0, 0x60, 4, 0);
    out(0xcf8, 4, 0x80010000);                          /* bus 1 */
    assert_int_equal(in(0xcfc, 4), 0xffffffff);
    out(0xcf8, 4, 0x00000000);                          /* not enabled */
    assert_int_equal(in(0xcfc, 4), 0xffffffff);
    out(0xcf8, 4, 0x00000860), out(0xcfc, 4, 0);
    assert_int_equal(get(1, 0, 0x60, 4), 0x80808080);
}

static void test_identity_is_read_only(void **unused)
{
    for (unsigned dev = 0; dev < 2; dev++) {
        uint32_t before[16];
        for (unsigned i = 0; i < 16; i++)
            before[i] = get(dev, 0, 4 * i, 4);
        for (unsigned i = 0; i < 16; i++)
            set(dev, 0, 4 * i, 4, 0xffffffff), set(dev, 0, 4 * i, 4, 0);
        for (unsigned i = 0; i < 16; i++)
            assert_int_equal(get(dev, 0, 4 * i, 4), before[i]);
    }
}

static void test_pam(void **unused)
{
    set(0, 0, 0x58, 4, 0xffffffff);
    set(0, 0, 0x5c, 4, 0xffffffff);
    assert_int_equal(get(0, 0, 0x58, 4), 0x33333000);
    assert_int_equal(get(0, 0, 0x5c, 4), 0x33333333);
    pci_reset(&pci);
    assert_int_equal(get(0, 0, 0x5c, 4), 0);
}

/* ---- functions of others -------------------------------------------------------- */

static unsigned reads, writes, at_offset, at_size;

static void on_read(struct pci_function *f, unsigned offset, unsigned size)
{
    reads++, at_offset = offset, at_size = size;
    f->config[0x44] = 0x77;
}

static void on_write(struct pci_function *f, unsigned offset, unsigned size)
{
    writes++, at_offset = offset, at_size = size;
    assert_int_equal(f->config[0x41], 0x0a);            /* after the merge */
}

static void on_reset(struct pci_function *f) { f->config[0x40] = 0xee; }

static void test_hooks_and_masks(void **unused)
{
    static const struct pci_ops ops = { on_read, on_write, on_reset };
    struct pci_function fn;
    pci_function_init(&fn, 0x1af4, 0x1041, 0x020000, 0x01);
    fn.ops = &ops;
    fn.config[0x41] = 0xf0;
    fn.config[0x43] = 0xff;
    fn.wmask[0x40] = 0xff, fn.wmask[0x41] = 0xff;
    fn.w1c[0x43] = 0x0f;
    assert_int_equal(pci_add(&pci, PCI_DEVFN(0, 0), &fn), HV_EXISTS);
    assert_int_equal(pci_add(&pci, PCI_DEVFN(31, 7), &fn), HV_OK);
    assert_int_equal(pci_add(&pci, PCI_DEVFN(31, 7), &fn), HV_EXISTS);
    reads = writes = 0;
    assert_int_equal(get(31, 7, 0, 4), 0x10411af4);
    assert_int_equal(get(31, 7, 8, 4), 0x02000001);
    assert_int_equal(get(31, 7, 0x44, 1), 0x77);
    assert_int_equal(reads, 3);
    set(31, 7, 0x41, 2, 0xff0a);
    assert_int_equal(writes, 1);
    assert_int_equal(at_offset, 0x41);
    assert_int_equal(at_size, 2);
    assert_int_equal(get(31, 7, 0x40, 4), 0xff000a00);
    set(31, 7, 0x40, 4, 0x13000a05);
    assert_int_equal(get(31, 7, 0x40, 4), 0xfc000a05);  /* ones clear, others stay */
    pci_reset(&pci);
    assert_int_equal(fn.config[0x40], 0xee);
    assert_int_equal(in(0xcf8, 4), 0);
}

static void test_multi_function(void **unused)
{
    static struct pci_function fn[4];
    static const uint8_t devfn[] = { PCI_DEVFN(4, 3), PCI_DEVFN(4, 0), PCI_DEVFN(5, 0), PCI_DEVFN(5, 7) };
    for (unsigned i = 0; i < 4; i++) {
        pci_function_init(&fn[i], 0x1af4, 0x1041, 0x020000, 0x01);
        assert_int_equal(pci_add(&pci, devfn[i], &fn[i]), HV_OK);
        assert_int_equal(get(4, 0, 0x0e, 1), i == 0 ? 0xff : 0x80);
        assert_int_equal(get(5, 0, 0x0e, 1), i < 2 ? 0xff : i == 2 ? 0 : 0x80);
    }
    assert_int_equal(get(4, 3, 0x0e, 1), 0);
    set(4, 0, 0x0e, 1, 0);
    pci_reset(&pci);
    assert_int_equal(get(4, 0, 0x0e, 1), 0x80);
    assert_int_equal(get(0, 0, 0x0e, 1), 0);
}

/* ---- ECAM ----------------------------------------------------------------------- */

static struct mmio_bus mmio;

static uint64_t peek(uint64_t offset, uint8_t size)
{
    struct bus_access a = { .size = size };
    (void)mmio_access(&mmio, gpa(PLAT_ECAM_BASE + offset), &a);
    return a.value;
}

static void poke(uint64_t offset, uint8_t size, uint64_t v)
{
    struct bus_access a = { .value = v, .size = size, .write = true };
    (void)mmio_access(&mmio, gpa(PLAT_ECAM_BASE + offset), &a);
}

static void test_ecam(void **unused)
{
    enum { ISA = 1 << 15 };
    mmio_bus_init(&mmio);
    assert_int_equal(pci_attach_ecam(&pci, &mmio), HV_OK);
    assert_int_equal(peek(0, 4), 0x12378086);
    assert_int_equal(peek(2, 2), 0x1237);
    assert_int_equal(peek(ISA + 0x0b, 1), 6);
    poke(ISA + 0x60, 4, 0x04030201), poke(ISA + 0x62, 1, 0x07);
    assert_int_equal(peek(ISA + 0x60, 4), 0x04070201);
    assert_int_equal(get(1, 0, 0x60, 4), 0x04070201);   /* the same registers */
    assert_int_equal(peek(ISA + 0x61, 2), 0xffff);      /* misaligned */
    assert_true(peek(ISA + 0x60, 8) == UINT64_MAX);
    assert_int_equal(peek(ISA + 0xfc, 4), 0);
    for (unsigned at = 0x100; at < 0x1000; at += 4) {   /* conventional functions end here */
        poke(ISA + at, 4, 0);
        assert_int_equal(peek(ISA + at, 4), 0xffffffff);
    }
    assert_int_equal(peek(2 << 15, 4), 0xffffffff);     /* an empty slot */
    for (uint64_t other = 1; other < 256; other++)      /* other buses */
        assert_int_equal(peek(other << 20, 4), 0xffffffff);
    assert_int_equal(in(0xcf8, 4), 0x80000860);         /* CONFIG_ADDRESS plays no part */
}

static void test_fields(void **unused)
{
    uint8_t space[8] = { 0 };
    pci_set32(space, 2, 0x12345678);
    assert_int_equal(space[2], 0x78);
    assert_int_equal(space[5], 0x12);
    assert_int_equal(pci_get16(space, 3), 0x3456);
    assert_int_equal(pci_get32(space, 2), 0x12345678);
}

/* ---- state ---------------------------------------------------------------------- */

static size_t save(uint8_t *buf, size_t cap)
{
    struct state_out o = { .buf = buf, .cap = cap };
    pci_save(&pci, &o);
    assert_true(o.len <= cap);
    return o.len;
}

static void test_round_trip(void **unused)
{
    uint8_t first[1024], again[1024];
    uint32_t seed = 1;
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < 50; i++) {
            seed = seed * 1664525 + 1013904223;
            set(seed >> 8 & 1, 0, seed >> 10 & 0xff, 1, seed >> 18);
        }
        size_t n = save(first, sizeof(first));
        pci_init(&pci, &env->env, misc_ports_cf9, &misc);
        struct state_in i = { .buf = first, .len = n };
        assert_int_equal(pci_load(&pci, &i), HV_OK);
        assert_int_equal(i.pos, n);
        assert_int_equal(save(again, sizeof(again)), n);
        assert_memory_equal(again, first, n);
    }
}

static void test_load_refuses(void **unused)
{
    uint8_t good[1024], bad[1024], now[1024];
    size_t n = save(good, sizeof(good));
    for (size_t cut = 0; cut < n; cut++) {
        struct state_in i = { .buf = good, .len = cut };
        assert_int_not_equal(pci_load(&pci, &i), HV_OK);
    }
    enum { DEVFN = 12 + 4, CONFIG = DEVFN + 2, SECOND = CONFIG + 256 };
    static const struct { size_t at; uint8_t v; } wrong[] = {
        { DEVFN, 1 }, { CONFIG, 0x87 }, { CONFIG + 0x0b, 1 }, { SECOND, 9 }, { SECOND + 3, 1 },
    };
    for (size_t k = 0; k < ARRAY_LEN(wrong); k++) {
        memcpy(bad, good, n);
        bad[wrong[k].at] = wrong[k].v;
        struct state_in i = { .buf = bad, .len = n };
        assert_int_equal(pci_load(&pci, &i), HV_INVALID);
        save(now, sizeof(now));
        assert_memory_equal(now, good, n);
    }
    memcpy(bad, good, n);
    bad[CONFIG + 0x34] = 0x55;                          /* read only: kept as it is here */
    bad[12] = bad[13] = bad[14] = bad[15] = 0xff;
    struct state_in i = { .buf = bad, .len = n };
    assert_int_equal(pci_load(&pci, &i), HV_OK);
    assert_int_equal(in(0xcf8, 4), 0x80fffffc);
    assert_int_equal(get(0, 0, 0x34, 1), 0);
}

static void test_load_refuses_other_functions(void **unused)
{
    uint8_t buf[1024];
    struct pci_function fn;
    size_t n = save(buf, sizeof(buf));
    pci_function_init(&fn, 1, 2, 3, 4);
    assert_int_equal(pci_add(&pci, PCI_DEVFN(2, 0), &fn), HV_OK);
    struct state_in i = { .buf = buf, .len = n };
    assert_int_equal(pci_load(&pci, &i), HV_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_address_register, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reset_register_within, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bridges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_widths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_identity_is_read_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pam, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hooks_and_masks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_multi_function, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ecam, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_refuses_other_functions, setup, teardown),
    };
    return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
