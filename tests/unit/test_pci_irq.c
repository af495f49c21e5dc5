/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/device/pci_irq.c and the capabilities list: shared INTx lines, MSI and MSI-X with masks,
 * pending bits and bus mastering, what software sees of them, bus reset.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_pci.h"
#include "socle/bits.h"

enum { COMMAND = 4, STATUS = 6, MEM = 2, MASTER = 4, INTX_OFF = 0x400, S_INTX = 8 };
enum { DEV = PCI_DEVFN(5, 0), SHARED = PCI_DEVFN(7, 0), OTHER = PCI_DEVFN(6, 0) };
enum { CAP = 0x40, MSI = CAP, VECTORS = 5 };
#define TABLE 0xc0000000u
#define PBA   (TABLE + 0x800)
#define MSG   0xfee00000u

static struct fake_pci *p;
static struct fake_env *env;
static struct pci_function fn, shared, other;

static int setup(void **unused)
{
    p = fake_pci_new();
    env = p->env;
    pci_function_init(&fn, 0x1af4, 0x1041, 0x020000, 1);
    pci_function_init(&shared, 0x1af4, 0x1042, 0x010000, 1);
    pci_function_init(&other, 0x1af4, 0x1043, 0x010000, 1);
    return 0;
}

static int teardown(void **unused)
{
    fake_pci_free(p);
    return 0;
}

static uint32_t get(unsigned reg, unsigned size) { return fake_pci_get(p, DEV, reg, size); }
static void set(unsigned reg, unsigned size, uint32_t v) { fake_pci_set(p, DEV, reg, size, v); }

static void plug_all(void)
{
    assert_int_equal(pci_add(&p->pci, DEV, &fn), HV_OK);
    assert_int_equal(pci_add(&p->pci, SHARED, &shared), HV_OK);
    assert_int_equal(pci_add(&p->pci, OTHER, &other), HV_OK);
    pci_reset(&p->pci);
    pci_assign(&p->pci);
}

static int setup_intx(void **state)
{
    setup(state);
    pci_use_intx(&fn), pci_use_intx(&shared), pci_use_intx(&other);
    plug_all();
    return 0;
}

static int setup_msi(void **state)
{
    setup(state);
    pci_use_intx(&fn);
    pci_add_msi(&fn);
    plug_all();
    set(MSI + 4, 4, MSG | 0x3000), set(MSI + 8, 4, 0x12), set(MSI + 0xc, 2, 0x4321);
    return 0;
}

static int setup_msix(void **state)
{
    setup(state);
    pci_use_intx(&fn);
    pci_add_msix(&fn, 1, VECTORS);
    plug_all();
    return 0;
}

static void message_came(uint64_t addr, uint32_t data)
{
    assert_int_equal(env->msis, 1);
    assert_true(env->msi_addr == addr);
    assert_int_equal(env->msi_data, data);
    env->msis = 0;
}

/* ---- capabilities --------------------------------------------------------------- */

static void capabilities_are_listed(void **unused)
{
    assert_int_equal(fn.config[0x34], 0);
    assert_int_equal(pci_add_capability(&fn, 9, 0x13), 0x40);
    pci_add_msi(&fn);                                   /* aligned to four: 0x54 */
    pci_add_msix(&fn, 0, 32);
    assert_int_equal(pci_add_capability(&fn, 9, 2), 0x78);
    assert_int_equal(pci_add_capability(&fn, 9, 0x84), 0x7c);   /* to the end of the space */
    plug_all();
    assert_int_equal(get(STATUS, 2), 0x10);
    static const struct { uint8_t at, id; } want[] = {
        { 0x40, 9 }, { 0x54, 5 }, { 0x6c, 0x11 }, { 0x78, 9 }, { 0x7c, 9 },
    };
    unsigned at = get(0x34, 1);
    for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(at, want[i].at);
        set(at, 2, 0);                                  /* read-only */
        assert_int_equal(get(at, 1), want[i].id);
        at = get(at + 1, 1);
    }
    assert_int_equal(at, 0);
    assert_int_equal(fake_pci_get(p, SHARED, STATUS, 2), 0);
    assert_int_equal(fake_pci_get(p, SHARED, 0x34, 1), 0);
}

/* ---- INTx ----------------------------------------------------------------------- */

static void intx_registers(void **unused)
{
    assert_int_equal(get(0x3d, 1), 1);
    assert_int_equal(get(0x3c, 1), 11);
    set(0x3c, 2, 0xff05);
    assert_int_equal(get(0x3c, 2), 0x0105);             /* the line is software's, the pin is not */
    pci_set_intx(&fn, true);
    assert_int_equal(get(STATUS, 2), S_INTX);
    set(STATUS, 2, 0xffff);
    assert_int_equal(get(STATUS, 2), S_INTX);
    pci_set_intx(&fn, false);
    assert_int_equal(get(STATUS, 2), 0);
}

static void lines_are_shared(void **unused)
{
    pci_set_intx(&fn, true);
    assert_true(env->line[11]);
    assert_false(env->line[10]);
    pci_set_intx(&shared, true), pci_set_intx(&shared, true);
    pci_set_intx(&fn, false);
    assert_true(env->line[11]);
    assert_int_equal(env->rises[11], 1);
    pci_set_intx(&other, true);
    assert_true(env->line[10]);
    pci_set_intx(&shared, false);
    assert_false(env->line[11]);
    assert_true(env->line[10]);
    pci_set_intx(&shared, false);
    pci_set_intx(&fn, true);
    assert_int_equal(env->rises[11], 2);
}

static void command_disables_intx(void **unused)
{
    pci_set_intx(&fn, true);
    set(COMMAND, 2, INTX_OFF);
    assert_false(env->line[11]);
    assert_int_equal(get(STATUS, 2), S_INTX);           /* 6.2.3: still shown */
    set(COMMAND, 2, 0);                                 /* no mastering: INTx needs none */
    assert_true(env->line[11]);
    set(COMMAND, 2, INTX_OFF);
    pci_set_intx(&fn, false), pci_set_intx(&fn, true);
    assert_false(env->line[11]);
    assert_int_equal(get(COMMAND, 2), INTX_OFF);
}

static void intx_in_step_with_a_register(void **unused)
{
    spin_lock(&fn.irq_lock);
    pci_set_intx_locked(&fn, true);
    assert_true(env->line[11]);
    pci_set_intx_locked(&fn, false);
    spin_unlock(&fn.irq_lock);
    assert_false(env->line[11]);
}

static void function_without_pin_has_no_line(void **unused)
{
    plug_all();
    pci_set_intx(&fn, true);
    assert_false(env->line[10] || env->line[11]);
    assert_int_equal(get(0x3c, 2), 0);
    assert_int_equal(get(STATUS, 2), S_INTX);
}

static void before_the_bus_nothing_is_driven(void **unused)
{
    pci_use_intx(&fn);
    pci_add_msix(&fn, 0, 1);
    pci_set_intx(&fn, true), pci_msix_send(&fn, 0), pci_set_intx(&fn, false);
    assert_int_equal(env->msis, 0);
    assert_false(env->line[10] || env->line[11]);
}

static void reset_lowers_the_line(void **unused)
{
    pci_set_intx(&fn, true), pci_set_intx(&shared, true);
    pci_reset(&p->pci);
    assert_false(env->line[11]);
    assert_int_equal(get(STATUS, 2), 0);
    pci_set_intx(&shared, true);
    assert_true(env->line[11]);
    pci_set_intx(&shared, false);
    assert_false(env->line[11]);
}

/* ---- MSI ------------------------------------------------------------------------ */

static void msi_registers(void **unused)
{
    assert_int_equal(get(MSI, 4), 0x01800005);          /* 64-bit, maskable, one, off */
    for (unsigned reg = MSI; reg < MSI + 0x18; reg += 4)
        set(reg, 4, 0xffffffff);
    static const uint32_t want[] = { 0x01810005, 0xfffffffc, 0xffffffff, 0x0000ffff, 1, 0 };
    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(get(MSI + 4 * i, 4), want[i]);
    pci_reset(&p->pci);
    static const uint32_t reset[] = { 0x01800005, 0, 0, 0, 0, 0 };
    for (unsigned i = 0; i < ARRAY_LEN(reset); i++)
        assert_int_equal(get(MSI + 4 * i, 4), reset[i]);
}

static void msi_replaces_intx(void **unused)
{
    pci_set_intx(&fn, true), pci_set_intx(&fn, false);
    assert_int_equal(env->msis, 0);
    set(MSI + 2, 2, 1);
    pci_set_intx(&fn, true);
    message_came(0x1200000000ull | MSG | 0x3000, 0x4321);
    assert_false(env->line[11]);
    pci_set_intx(&fn, true);                            /* no rise */
    assert_int_equal(env->msis, 0);
    pci_set_intx(&fn, false);
    assert_int_equal(env->msis, 0);
    pci_set_intx(&fn, true);
    assert_int_equal(env->msis, 1);
    set(MSI + 2, 2, 0);
    assert_true(env->line[11]);
}

static void msi_announces_what_stands(void **unused)
{
    pci_set_intx(&fn, true);
    assert_true(env->line[11]);
    set(MSI + 2, 2, 1);
    assert_false(env->line[11]);
    assert_int_equal(env->msis, 1);
    set(MSI + 2, 2, 1);                                 /* once */
    assert_int_equal(env->msis, 1);
}

static void msi_is_masked(void **unused)
{
    set(MSI + 2, 2, 1), set(MSI + 0x10, 4, 1);
    pci_set_intx(&fn, true);
    assert_int_equal(env->msis, 0);
    assert_int_equal(get(MSI + 0x14, 4), 1);
    set(MSI + 0x10, 1, 0);
    assert_int_equal(env->msis, 1);
    assert_int_equal(get(MSI + 0x14, 4), 0);
    set(MSI + 0x10, 1, 1);
    pci_set_intx(&fn, false), pci_set_intx(&fn, true);
    assert_int_equal(get(MSI + 0x14, 4), 1);
    pci_set_intx(&fn, false);                           /* taken back */
    assert_int_equal(get(MSI + 0x14, 4), 0);
    set(MSI + 0x10, 1, 0);
    assert_int_equal(env->msis, 1);
}

static void msi_needs_mastering(void **unused)
{
    set(COMMAND, 2, 0), set(MSI + 2, 2, 1);
    pci_set_intx(&fn, true);
    assert_int_equal(env->msis, 0);
    assert_false(env->line[11]);
    set(COMMAND, 2, MASTER);
    assert_int_equal(env->msis, 1);
    set(COMMAND, 2, 0), set(COMMAND, 2, MASTER);
    assert_int_equal(env->msis, 1);
    /* Off with something pending: the line takes over, the message is gone. */
    set(COMMAND, 2, 0);
    pci_set_intx(&fn, false), pci_set_intx(&fn, true);
    set(MSI + 2, 2, 0);
    assert_true(env->line[11]);
    set(COMMAND, 2, MASTER);
    assert_int_equal(env->msis, 1);
}

/* ---- MSI-X ---------------------------------------------------------------------- */

static uint64_t rd(unsigned offset, unsigned size) { return fake_pci_read(p, TABLE + offset, size, NULL); }
static void wr(unsigned offset, unsigned size, uint64_t v) { (void)fake_pci_write(p, TABLE + offset, size, v); }
static void control(uint16_t v) { set(CAP + 2, 2, v); }

enum { ENABLE = 0x8000, MASK_ALL = 0x4000 };

static void aim(unsigned vector)
{
    wr(16 * vector, 8, MSG + 0x1000 * vector);
    wr(16 * vector + 8, 4, 0x30 + vector);
    wr(16 * vector + 12, 4, 0);
}

static void msix_registers(void **unused)
{
    assert_int_equal(get(CAP, 4), 0x00040011);
    assert_int_equal(get(CAP + 4, 4), 0x00000001);      /* table: BAR 1, at 0 */
    assert_int_equal(get(CAP + 8, 4), 0x00000801);
    assert_int_equal(get(0x14, 4), TABLE);
    set(CAP, 4, 0xffffffff), set(CAP + 4, 4, 0xffffffff), set(CAP + 8, 4, 0xffffffff);
    assert_int_equal(get(CAP, 4), 0xc0040011);
    assert_int_equal(get(CAP + 4, 4), 0x00000001);
    assert_int_equal(get(CAP + 8, 4), 0x00000801);
    assert_true(pci_msix_on(&fn));
    pci_reset(&p->pci);
    assert_int_equal(get(CAP, 4), 0x00040011);
    assert_false(pci_msix_on(&fn));
    set(0x14, 4, 0xffffffff);
    assert_int_equal(get(0x14, 4), 0xfffff000);
}

static void msix_table(void **unused)
{
    for (unsigned v = 0; v < VECTORS; v++) {
        assert_int_equal(rd(16 * v, 8), 0);
        assert_true(rd(16 * v + 8, 8) == 1ull << 32);   /* masked after reset */
    }
    wr(16, 4, 0xffffffff), wr(20, 4, 0x89abcdef), wr(24, 4, 0x01234567), wr(28, 4, 0xfffffffe);
    assert_int_equal(rd(16, 4), 0xfffffffc);
    assert_int_equal(rd(20, 4), 0x89abcdef);
    assert_true(rd(16, 8) == 0x89abcdeffffffffcull);
    assert_true(rd(24, 8) == 0x01234567);
    wr(24, 8, 0xffffffff76543210ull);
    assert_true(rd(24, 8) == 0x0000000176543210ull);
    /* Widths and alignments that 6.8.2 leaves undefined do nothing. */
    wr(24, 1, 0), wr(24, 2, 0), wr(26, 4, 0), wr(20, 8, 0);
    assert_true(rd(24, 8) == 0x0000000176543210ull);
    assert_int_equal(rd(24, 1), 0xff);
    assert_int_equal(rd(22, 4), 0xffffffff);
    assert_true(rd(12, 8) == UINT64_MAX);
    assert_true(rd(0, 8) == 0 && rd(32, 8) == 0);       /* the neighbours */
    /* Behind the table and around the pending bits there is nothing. */
    for (unsigned at = 16 * VECTORS; at < 0x1000; at += 8) {
        wr(at, 8, UINT64_MAX);
        assert_true(rd(at, 8) == 0);
    }
    assert_int_equal(fn.msix_pending, 0);
    pci_reset(&p->pci), pci_assign(&p->pci);
    assert_true(rd(16, 8) == 0 && rd(24, 8) == 1ull << 32);
}

static void msix_sends(void **unused)
{
    aim(2);
    pci_msix_send(&fn, 2);
    assert_int_equal(env->msis, 0);                     /* off */
    control(ENABLE);
    assert_int_equal(env->msis, 0);
    pci_msix_send(&fn, 2);
    message_came(MSG + 0x2000, 0x32);
    pci_msix_send(&fn, VECTORS), pci_msix_send(&fn, 0xffff), pci_msix_clear(&fn, 0xffff);
    pci_msix_send(&other, 0);                           /* has none */
    assert_int_equal(env->msis, 0);
    wr(32, 8, 0x123456789abcdef0ull);
    pci_msix_send(&fn, 2);
    message_came(0x123456789abcdef0ull, 0x32);
    assert_true(rd(0x800, 8) == 0);
}

static void msix_vectors_are_masked(void **unused)
{
    aim(0), aim(4);
    wr(16 * 4 + 12, 4, 1);
    control(ENABLE);
    pci_msix_send(&fn, 4), pci_msix_send(&fn, 4), pci_msix_send(&fn, 0);
    message_came(MSG, 0x30);
    assert_int_equal(rd(0x800, 4), 0x10);
    assert_true(rd(0x800, 8) == 0x10);
    assert_int_equal(rd(0x804, 4), 0);
    wr(0x800, 8, 0);
    assert_true(rd(0x800, 8) == 0x10);                  /* read-only */
    wr(16 * 4 + 8, 8, 0x99);                            /* data and unmasking at once */
    message_came(MSG + 0x4000, 0x99);
    assert_true(rd(0x800, 8) == 0);
    wr(16 * 4 + 12, 4, 1);
    pci_msix_send(&fn, 4), pci_msix_clear(&fn, 4);
    assert_true(rd(0x800, 8) == 0);
    wr(16 * 4 + 12, 4, 0);
    assert_int_equal(env->msis, 0);
}

static void msix_function_mask(void **unused)
{
    aim(0), aim(1), aim(3);
    wr(16 + 12, 4, 1);
    control(ENABLE | MASK_ALL);
    pci_msix_send(&fn, 0), pci_msix_send(&fn, 1), pci_msix_send(&fn, 3);
    assert_int_equal(env->msis, 0);
    assert_int_equal(rd(0x800, 4), 0xb);
    wr(12, 4, 1), wr(12, 4, 0);                         /* its mask alone does not let it go */
    assert_int_equal(env->msis, 0);
    pci_msix_clear(&fn, 3);
    control(ENABLE);
    message_came(MSG, 0x30);
    assert_int_equal(rd(0x800, 4), 0x2);
    wr(16 + 12, 4, 0);
    message_came(MSG + 0x1000, 0x31);
}

static void msix_needs_mastering(void **unused)
{
    aim(1), aim(2);
    control(ENABLE);
    set(COMMAND, 2, MEM);
    pci_msix_send(&fn, 1);
    assert_int_equal(env->msis, 0);
    assert_int_equal(rd(0x800, 4), 2);
    set(COMMAND, 1, MEM | MASTER);
    message_came(MSG + 0x1000, 0x31);
    set(COMMAND, 2, 0);                                 /* the table is out of reach, too */
    assert_int_equal(rd(0, 4), 0xffffffff);
}

static void msix_replaces_intx(void **unused)
{
    pci_set_intx(&fn, true);
    assert_true(env->line[11]);
    control(ENABLE | MASK_ALL);
    assert_false(env->line[11]);
    assert_int_equal(env->msis, 0);
    pci_set_intx(&fn, false), pci_set_intx(&fn, true);
    assert_false(env->line[11]);
    control(0);
    assert_true(env->line[11]);
}

static void msix_off_forgets_pending(void **unused)
{
    aim(0);
    control(ENABLE | MASK_ALL);
    pci_msix_send(&fn, 0);
    control(MASK_ALL);
    assert_int_equal(rd(0x800, 4), 0);
    control(ENABLE);
    assert_int_equal(env->msis, 0);
    control(ENABLE | MASK_ALL);
    pci_msix_send(&fn, 0);
    pci_reset(&p->pci), pci_assign(&p->pci);
    assert_int_equal(rd(0x800, 4), 0);
}

static void msix_goes_before_msi(void **unused)
{
    pci_add_msix(&fn, 1, 1);
    pci_add_msi(&fn);
    plug_all();
    const unsigned msi = fn.msi_cap;
    set(msi + 4, 4, MSG), set(msi + 2, 2, 1);
    control(ENABLE);
    pci_set_intx(&fn, true);
    assert_int_equal(env->msis, 0);
    control(0);
    assert_int_equal(env->msis, 1);                     /* what stands is announced */
}

int main(void)
{
#define T(test, up) cmocka_unit_test_setup_teardown(test, up, teardown)
    const struct CMUnitTest tests[] = {
        T(capabilities_are_listed, setup), T(intx_registers, setup_intx), T(lines_are_shared, setup_intx),
        T(command_disables_intx, setup_intx), T(intx_in_step_with_a_register, setup_intx),
        T(function_without_pin_has_no_line, setup), T(before_the_bus_nothing_is_driven, setup),
        T(reset_lowers_the_line, setup_intx), T(msi_registers, setup_msi), T(msi_replaces_intx, setup_msi),
        T(msi_announces_what_stands, setup_msi), T(msi_is_masked, setup_msi), T(msi_needs_mastering, setup_msi),
        T(msix_registers, setup_msix), T(msix_table, setup_msix), T(msix_sends, setup_msix),
        T(msix_vectors_are_masked, setup_msix), T(msix_function_mask, setup_msix),
        T(msix_needs_mastering, setup_msix), T(msix_replaces_intx, setup_msix),
        T(msix_off_forgets_pending, setup_msix), T(msix_goes_before_msi, setup),
    };
    return cmocka_run_group_tests_name("pci_irq", tests, NULL, NULL);
}
