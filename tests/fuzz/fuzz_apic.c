/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drives three local APICs and an I/O APIC with arbitrary register accesses, lines,
 * messages, time and state records, and checks what must always hold: vectors below 16
 * are never delivered, priorities agree with the registers, summaries with their words,
 * alarms are paced, and a saved state loads.
 */
#include <stdlib.h>

#include "fake/fake_env.h"
#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/device/irq_route.h"
#include "socle/device/lapic.h"
#include "socle/str.h"

enum { CPUS = 3, MAX_STEPS = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fake_env *fake;
static struct apic_fabric fabric;
static struct ioapic ioapic;
static struct irq_route route;
static struct lapic lapic[CPUS];
static struct lapic_page pages[CPUS] ALIGNED(PAGE_SIZE);

static void nothing(void *ctx, uint32_t v) { hv_assert(v < CPUS); }
static void sipi(void *ctx, uint32_t v, uint8_t vector) { hv_assert(v < CPUS); }
static void eoi(void *ctx, uint8_t vector) { ioapic_eoi(&ioapic, vector); }
static void pic_line(void *pic, unsigned irq, bool level) { hv_assert(irq < 16); }
static uint64_t tsc_now(void *ctx) { return fake->now * 3; }
static uint64_t tsc_to_ns(void *ctx, uint64_t tsc) { return tsc / 3 + (tsc % 3 != 0); }

static const struct apic_ops ops = { nothing, nothing, nothing, nothing, sipi, eoi };

static void build(void)
{
    if (!fake)
        fake = fake_env_new();
    fake->now = 0;
    alarm_queue_init(&fake->alarms, fake->heap, FAKE_ALARMS);
    apic_fabric_init(&fabric, &ops, NULL);
    ioapic_init(&ioapic, &fabric, &fake->env);
    route = (struct irq_route){ &ioapic, &fabric, NULL, pic_line };
    for (uint32_t i = 0; i < CPUS; i++) {
        const struct lapic_config c = {
            .vcpu = i, .bsp = !i, .x2apic = true, .tsc_deadline = true, .directed_eoi = i == 2,
            .phys_bits = 40, .page = &pages[i], .fabric = &fabric, .env = &fake->env,
            .tsc = { NULL, tsc_now, tsc_to_ns },
        };
        lapic_init(&lapic[i], &c);
        fake_write(lapic_mmio, &lapic[i], 0xf0, 4, 0x1ff);
    }
}

static void check(const struct lapic *l)
{
    unsigned isr = 0;
    for (unsigned w = 0; w < 8; w++) {
        uint32_t in_service = lapic_reg(l, LAPIC_ISR + w);
        hv_assert(!in_service == !(l->isr_words & BIT(w)));
        hv_assert(!lapic_reg(l, LAPIC_IRR + w) || (l->irr_words & BIT(w)));
        if (in_service)
            isr = w * 32 + 31 - (unsigned)__builtin_clz(in_service);
    }
    hv_assert(!(lapic_reg(l, LAPIC_ISR) & 0xffff) && !(lapic_reg(l, LAPIC_IRR) & 0xffff));
    unsigned tpr = lapic_reg(l, LAPIC_TPR);
    hv_assert(lapic_reg(l, LAPIC_PPR) >> 4 == (tpr >> 4 > isr >> 4 ? tpr : isr) >> 4);
    int v = lapic_pending(l);
    hv_assert(v == -1 || (v >= 16 && (unsigned)v >> 4 > lapic_reg(l, LAPIC_PPR) >> 4));
}

static void pass_time(uint64_t ns)
{
    uint64_t end = fake->now + ns;
    unsigned alarms = 0;
    while (alarm_next(&fake->alarms) <= end) {
        fake->now = max_u64(fake->now, alarm_next(&fake->alarms));
        struct alarm *a = alarm_take(&fake->alarms, fake->now);
        a->fire(a->owner, fake->now);
        /* One-shots may fire once each, periodic timers every LAPIC_MIN_PERIOD. */
        hv_assert(++alarms < 16 + CPUS * (ns / LAPIC_MIN_PERIOD + 2));
    }
    fake->now = end;
}

static void save_and_load(struct lapic *l, uint8_t poke_at, uint8_t poke)
{
    uint8_t a[1024], b[1024];
    struct state_out o = { .buf = a, .cap = sizeof(a) }, p = { .buf = b, .cap = sizeof(b) };
    lapic_save(l, &o);
    struct state_in in = { .buf = a, .len = o.len };
    hv_assert(lapic_load(l, &in) == HV_OK);
    lapic_save(l, &p);
    hv_assert(p.len == o.len && (!lapic_enabled(l) || !memcmp(a, b, o.len)));
    a[12 + poke_at] ^= poke;
    in = (struct state_in){ .buf = a, .len = o.len };
    (void)!lapic_load(l, &in);
}

/* What a run loop and an interrupt handler do. */
static void run_guest(struct lapic *l, bool eoi_now, uint8_t cr8)
{
    int vector = lapic_pending(l);
    if (vector >= 0)
        lapic_ack(l, (uint8_t)vector);
    if (eoi_now)
        lapic_eoi(l);
    else
        lapic_cr8_set(l, cr8);
}

static void step(const uint8_t *d)
{
    struct lapic *l = &lapic[d[0] / 16 % CPUS];
    uint64_t value;
    uint32_t v32;
    memcpy(&v32, d + 4, 4);
    value = v32;
    switch (d[0] % 16) {
    case 0: case 1: case 2:
        fake_write(lapic_mmio, l, d[1] * 16u, 4, v32);
        break;
    case 3:
        fake_read(lapic_mmio, l, d[1] * 16u, 4);
        break;
    case 4: case 5:
        (void)!lapic_msr_write(l, 0x800u + d[1] % 0x48, value | (uint64_t)d[2] << 32);
        break;
    case 6:
        (void)!lapic_msr_read(l, 0x800u + d[1], &value);
        break;
    case 7:
        (void)!lapic_base_write(l, (value & 0xfffff000) | (uint64_t)(d[1] & 0xd) << 8);
        break;
    case 8:
        lapic_deadline_write(l, d[1] & 1 ? fake->now * 3 + v32 : value << (d[1] & 63));
        lapic_deadline_read(l);
        break;
    case 9:
        fake_write(ioapic_mmio, &ioapic, 0, 1, d[1] % 0x42);
        fake_write(ioapic_mmio, &ioapic, d[2] & 1 ? 0x10 : (d[3] & 0x50), 4, v32);
        fake_read(ioapic_mmio, &ioapic, 0x10, 4);
        break;
    case 10:
        irq_route_irq(&route, d[1] & 31, d[2] & 1);
        break;
    case 11:
        irq_route_msi(&route, 0xfee00000u | (uint32_t)d[1] << 12 | (d[2] & 0xec), v32);
        break;
    case 12:
        pass_time(d[1] & 1 ? v32 % 1000 : v32 % 3000000);
        break;
    case 13: case 14:
        run_guest(l, d[1] & 1, d[2] & 15);
        break;
    default:
        if (d[1] == 0)
            lapic_init_signal(l);
        else if (d[1] < 8)
            save_and_load(l, d[2], d[3]);
        else if (d[1] < 128)
            lapic_set_lint(l, d[1] & 1, d[2] & 1);
        else
            irq_route_pic_output(&route, d[2] & 1);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    build();
    for (size_t n = 0; n < MAX_STEPS && size >= 8; n++, data += 8, size -= 8) {
        step(data);
        for (unsigned i = 0; i < CPUS; i++)
            check(&lapic[i]);
    }
    for (unsigned i = 0; i < CPUS; i++)
        lapic_reset(&lapic[i]);
    ioapic_reset(&ioapic);
    return 0;
}
