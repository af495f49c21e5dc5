/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's local APICs for tests: what the core would be asked to do is counted. The TSC
 * runs at 2 GHz of VM time, plus an offset.
 */
#ifndef APIC_FIXTURE_H
#define APIC_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fake/fake_env.h"
#include "socle/bits.h"
#include "socle/device/ioapic.h"
#include "socle/device/lapic.h"
#include "socle/str.h"

struct apics {
    struct fake_env   *fake;
    struct apic_fabric fabric;
    struct ioapic      ioapic;
    struct lapic       lapic[PLAT_MAX_VCPUS];
    struct lapic_page *pages;
    uint64_t           tsc_offset;
    unsigned kicks[PLAT_MAX_VCPUS], nmis[PLAT_MAX_VCPUS], smis[PLAT_MAX_VCPUS];
    unsigned inits[PLAT_MAX_VCPUS], sipis[PLAT_MAX_VCPUS];
    uint8_t  sipi_vector, eoi_vector;
    unsigned eois;
};

static void count_kick(void *ctx, uint32_t v) { ((struct apics *)ctx)->kicks[v]++; }
static void count_nmi(void *ctx, uint32_t v) { ((struct apics *)ctx)->nmis[v]++; }
static void count_smi(void *ctx, uint32_t v) { ((struct apics *)ctx)->smis[v]++; }
static void count_init(void *ctx, uint32_t v) { ((struct apics *)ctx)->inits[v]++; }

static void count_sipi(void *ctx, uint32_t v, uint8_t vector)
{
    ((struct apics *)ctx)->sipis[v]++;
    ((struct apics *)ctx)->sipi_vector = vector;
}

static void pass_eoi(void *ctx, uint8_t vector)
{
    struct apics *t = ctx;
    t->eois++;
    t->eoi_vector = vector;
    ioapic_eoi(&t->ioapic, vector);
}

static uint64_t tsc_now(void *ctx)
{
    struct apics *t = ctx;
    return t->fake->now * 2 + t->tsc_offset;
}

static uint64_t tsc_to_ns(void *ctx, uint64_t tsc)
{
    struct apics *t = ctx;
    return tsc <= t->tsc_offset ? 0 : (tsc - t->tsc_offset) / 2 + (tsc - t->tsc_offset) % 2;
}

static const struct apic_ops counting_ops = {
    count_kick, count_nmi, count_smi, count_init, count_sipi, pass_eoi
};

static inline void apics_init_one(struct apics *t, uint32_t i, bool directed_eoi)
{
    const struct lapic_config c = {
        .vcpu = i, .bsp = i == 0, .x2apic = true, .tsc_deadline = true,
        .directed_eoi = directed_eoi, .phys_bits = 40, .page = &t->pages[i],
        .fabric = &t->fabric, .env = &t->fake->env, .tsc = { t, tsc_now, tsc_to_ns },
    };
    lapic_init(&t->lapic[i], &c);
}

static inline struct apics *apics_new(uint32_t count)
{
    struct apics *t = calloc(1, sizeof(*t));
    t->fake = fake_env_new();
    t->pages = aligned_alloc(PAGE_SIZE, sizeof(struct lapic_page) * count);
    apic_fabric_init(&t->fabric, &counting_ops, t);
    ioapic_init(&t->ioapic, &t->fabric, &t->fake->env);
    for (uint32_t i = 0; i < count; i++)
        apics_init_one(t, i, false);
    return t;
}

static inline void apics_free(struct apics *t)
{
    free(t->pages);
    fake_env_free(t->fake);
    free(t);
}

/* xAPIC register access by byte offset, as the manual lists them. */
static inline uint32_t rd(struct lapic *l, unsigned offset)
{
    return (uint32_t)fake_read(lapic_mmio, l, offset, 4);
}

static inline void wr(struct lapic *l, unsigned offset, uint32_t v)
{
    fake_write(lapic_mmio, l, offset, 4, v);
}

/* Software-enables an APIC, spurious vector 0xff. */
static inline void enable(struct lapic *l) { wr(l, 0xf0, 0x1ff); }

static inline void to_x2apic(struct lapic *l)
{
    assert_true(lapic_base_write(l, l->base | APIC_BASE_EXTD));
}

/* Delivers the vector that must be pending, as the run loop does. */
static inline void take(struct lapic *l, int vector)
{
    assert_int_equal(lapic_pending(l), vector);
    lapic_ack(l, (uint8_t)vector);
}

#endif
