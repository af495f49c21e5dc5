/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/device/pci_state.c: a bus with BARs, INTx, MSI and MSI-X saved in random states and loaded
 * into another; what follows from the state is there again; hostile records change nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_pci.h"
#include "socle/bits.h"

enum { DEV = PCI_DEVFN(5, 0), SECOND = PCI_DEVFN(7, 0), VECTORS = 3, BAR0 = 0x10, CAP = 0x40, BUF = 4096 };

/* Two machines with the same functions. */
struct machine {
    struct fake_pci     *p;
    struct pci_function  fn[2];
};
static struct machine a, b;

static void on_access(void *dev, struct bus_access *x)
{
    if (!x->write)
        x->value = (uintptr_t)dev;
}

static void build(struct machine *m)
{
    m->p = fake_pci_new();
    for (unsigned i = 0; i < 2; i++) {
        struct pci_function *f = &m->fn[i];
        const struct pci_bar io = { PCI_BAR_IO, false, 64, 7, on_access, (void *)(uintptr_t)(i + 1), NULL };
        const struct pci_bar mem = { PCI_BAR_MEM64, true, 0x4000, 15, on_access, (void *)(uintptr_t)(i + 1), NULL };
        pci_function_init(f, 0x1af4, (uint16_t)(0x1041 + i), 0x020000, 1);
        pci_set_bar(f, 0, &io);
        pci_set_bar(f, 4, &mem);
        pci_use_intx(f);
        pci_add_msix(f, 1, (uint16_t)(VECTORS + i));
        pci_add_msi(f);
    }
    assert_int_equal(pci_add(&m->p->pci, DEV, &m->fn[0]), HV_OK);
    assert_int_equal(pci_add(&m->p->pci, SECOND, &m->fn[1]), HV_OK);
    pci_reset(&m->p->pci);
    pci_assign(&m->p->pci);
}

static int setup(void **unused)
{
    build(&a), build(&b);
    return 0;
}

static int teardown(void **unused)
{
    fake_pci_free(a.p), fake_pci_free(b.p);
    return 0;
}

static size_t save(const struct machine *m, uint8_t *buf)
{
    struct state_out o = { .buf = buf, .cap = BUF };
    pci_save(&m->p->pci, &o);
    assert_true(o.len <= BUF);
    return o.len;
}

static hv_status load(struct machine *m, const uint8_t *buf, size_t n)
{
    struct state_in in = { .buf = buf, .len = n };
    hv_status s = pci_load(&m->p->pci, &in);
    assert_true(s != HV_OK || in.pos == n);
    return s;
}

static uint32_t seed = 1;
static uint32_t rnd(uint32_t n) { return (seed = seed * 1664525 + 1013904223) / 65536 % n; }

static void churn(struct machine *m, unsigned steps)
{
    static const uint8_t regs[] = { 4, 5, 0x0c, 0x10, 0x14, 0x20, 0x24, 0x3c, 0x42, 0x43, 0x4e, 0x50, 0x58, 0x5c };
    while (steps--) {
        const unsigned i = rnd(2), v = rnd(VECTORS + 1);
        struct pci_function *f = &m->fn[i];
        const uint32_t value = rnd(0x10000) << 16 | rnd(0x10000);
        switch (rnd(6)) {
        case 0: pci_set_intx(f, value & 1); break;
        case 1: pci_msix_send(f, (uint16_t)v); break;
        case 2: (void)fake_pci_write(m->p, pci_get32(f->config, 0x14) + 4 * rnd(16), 4, value); break;
        default: fake_pci_set(m->p, i ? SECOND : DEV, regs[rnd(ARRAY_LEN(regs))], 1 << rnd(2), value); break;
        }
    }
}

static void round_trip_of_random_states(void **unused)
{
    uint8_t first[BUF], again[BUF];
    for (unsigned round = 0; round < 300; round++) {
        churn(&a, 40), churn(&b, 10);
        const size_t n = save(&a, first);
        assert_int_equal(load(&b, first, n), HV_OK);
        assert_int_equal(save(&b, again), n);
        assert_memory_equal(again, first, n);
        /* The interrupt controllers load their inputs: what is driven must agree with them. */
        memcpy(b.p->env->line, a.p->env->line, sizeof(b.p->env->line));
        b.p->env->msis = a.p->env->msis = 0;
        /* From here on both do the same. */
        const uint32_t start = seed;
        churn(&a, 40);
        const uint32_t end = seed;
        seed = start;
        churn(&b, 40);
        assert_int_equal(seed, end);
        assert_int_equal(save(&a, first), n);
        assert_int_equal(save(&b, again), n);
        assert_memory_equal(again, first, n);
        assert_memory_equal(a.p->env->line, b.p->env->line, sizeof(b.p->env->line));
        assert_int_equal(a.p->env->msis, b.p->env->msis);
    }
}

static void loading_moves_bars_and_lines(void **unused)
{
    uint8_t buf[BUF];
    bool hit;
    fake_pci_set(a.p, DEV, BAR0, 4, 0xd000), fake_pci_set(a.p, DEV, 0x24, 4, 0x77);
    pci_set_intx(&a.fn[0], true), pci_set_intx(&a.fn[1], true);
    const uint64_t mem = 0x7700000000ull | (pci_get32(a.fn[0].config, 0x20) & ~15u);
    const uint64_t before = pci_get32(b.fn[0].config, 0x20) & ~15u;
    assert_int_equal(load(&b, buf, save(&a, buf)), HV_OK);
    assert_int_equal(fake_pci_in(b.p, 0xd03f, 1, &hit), 1);
    assert_true(hit);
    (void)fake_pci_in(b.p, 0xc000, 1, &hit);
    assert_false(hit);
    assert_int_equal(fake_pci_read(b.p, mem, 8, &hit), 1);
    assert_true(hit);
    (void)fake_pci_read(b.p, before, 1, &hit);
    assert_false(hit);
    assert_int_equal(b.p->env->rises[11], 0);           /* loading drives nothing */
    b.p->env->line[11] = true;
    pci_set_intx(&b.fn[0], false);
    assert_true(b.p->env->line[11]);                    /* the other one holds it */
    pci_set_intx(&b.fn[1], false);
    assert_false(b.p->env->line[11]);
}

/* Offsets in a record: header 12, address 4, then the bridges' functions, which have no vectors. */
enum { FIRST = 12 + 4, CONFIG = 2, FLAGS = CONFIG + 256, PENDING = FLAGS + 1, COUNT = PENDING + 8,
       VECTOR = COUNT + 2, F_DEV = FIRST + 2 * VECTOR, F_SECOND = F_DEV + VECTOR + 16 * VECTORS };

static void record_is_laid_out_as_the_tests_think(void **unused)
{
    uint8_t buf[BUF];
    const size_t n = save(&a, buf);
    assert_int_equal(buf[F_DEV], DEV);
    assert_int_equal(buf[F_SECOND], SECOND);
    assert_int_equal(buf[F_DEV + COUNT], VECTORS);
    assert_int_equal(n, F_SECOND + VECTOR + 16 * (VECTORS + 1) + 2);
}

static void hostile_records_change_nothing(void **unused)
{
    uint8_t good[BUF], bad[BUF], before[BUF], now[BUF];
    churn(&a, 100), churn(&b, 100);
    const size_t n = save(&a, good);
    save(&b, before);
    static const struct { size_t at; uint8_t v; } wrong[] = {
        { 0, 'X' }, { 4, 1 }, { 4, 3 }, { FIRST, 1 }, { F_DEV, DEV + 1 }, { F_DEV + 1, 1 },
        { F_DEV + CONFIG, 0xf5 }, { F_DEV + CONFIG + 2, 0x42 }, { F_DEV + CONFIG + 0x0b, 1 },
        { F_DEV + FLAGS, 4 }, { F_DEV + FLAGS, 0xff }, { F_DEV + PENDING, 8 }, { F_DEV + PENDING + 7, 0x80 },
        { F_DEV + COUNT, 2 }, { F_DEV + COUNT, 33 }, { F_DEV + COUNT + 1, 0xff }, { F_DEV + VECTOR, 1 },
        { F_DEV + VECTOR, 2 }, { F_DEV + VECTOR + 12, 2 }, { F_DEV + VECTOR + 15, 1 }, { FIRST + COUNT, 1 },
        { FIRST + PENDING, 1 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
        memcpy(bad, good, n);
        bad[wrong[i].at] = wrong[i].v;
        assert_int_not_equal(load(&b, bad, n), HV_OK);
        assert_int_equal(save(&b, now), n);
        assert_memory_equal(now, before, n);
    }
    for (size_t cut = 0; cut < n; cut++)
        assert_int_not_equal(load(&b, good, cut), HV_OK);
    /* A shorter record whose header knows it. */
    for (size_t cut = 12; cut < n; cut += 7) {
        memcpy(bad, good, n);
        bad[8] = (uint8_t)(cut - 12), bad[9] = (uint8_t)((cut - 12) >> 8);
        assert_int_not_equal(load(&b, bad, n), HV_OK);
    }
    save(&b, now);
    assert_memory_equal(now, before, n);
    assert_int_equal(load(&b, good, n), HV_OK);
}

/* Bits a guest cannot set stay as they are here, whatever the record says. */
static void read_only_bits_stay(void **unused)
{
    uint8_t buf[BUF];
    const size_t n = save(&a, buf);
    for (unsigned i = 0x10; i < 256; i++)
        buf[F_DEV + CONFIG + i] = 0xff;
    buf[F_DEV + CONFIG + 4] = buf[F_DEV + CONFIG + 5] = 0xff;
    assert_int_equal(load(&b, buf, n), HV_OK);
    assert_int_equal(fake_pci_get(b.p, DEV, BAR0, 4), 0xffffffc1);
    assert_int_equal(fake_pci_get(b.p, DEV, 0x14, 4), 0xfffff000);
    assert_int_equal(fake_pci_get(b.p, DEV, 0x18, 4), 0);
    assert_int_equal(fake_pci_get(b.p, DEV, 0x20, 4), 0xffffc00c);
    assert_int_equal(fake_pci_get(b.p, DEV, 4, 4), 0x00100547);
    assert_int_equal(fake_pci_get(b.p, DEV, CAP, 4), 0xc0024c11);
    assert_int_equal(fake_pci_get(b.p, DEV, CAP + 4, 4), 1);
}

/* What is pending and could leave would have left: it is not believed. */
static void pending_needs_a_reason(void **unused)
{
    uint8_t buf[BUF];
    fake_pci_set(a.p, DEV, CAP + 2, 2, 0x8000);
    (void)fake_pci_write(a.p, pci_get32(a.fn[0].config, 0x14) + 16 + 12, 4, 0);
    size_t n = save(&a, buf);
    buf[F_DEV + PENDING] = 7, buf[F_DEV + FLAGS] = 3;
    assert_int_equal(load(&b, buf, n), HV_OK);
    assert_int_equal(b.fn[0].msix_pending, 5);
    assert_false(b.fn[0].msi_pending);
    assert_true(b.fn[0].intx);
    assert_int_equal(fake_pci_get(b.p, DEV, 6, 2), 0x18);
    fake_pci_set(a.p, DEV, CAP + 2, 2, 0);
    n = save(&a, buf);
    buf[F_DEV + PENDING] = 7;
    assert_int_equal(load(&b, buf, n), HV_OK);
    assert_int_equal(b.fn[0].msix_pending, 0);
    assert_int_equal(b.p->env->msis, 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(round_trip_of_random_states), T(loading_moves_bars_and_lines),
        T(record_is_laid_out_as_the_tests_think), T(hostile_records_change_nothing), T(read_only_bits_stay),
        T(pending_needs_a_reason),
    };
    return cmocka_run_group_tests_name("pci_state", tests, NULL, NULL);
}
