/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the targets of an interrupt message (SDM vol. 3, 11.6.2 and 11.12.10) and hands
 * it to them. Reads other vCPUs' registers while these run: a destination that changes at
 * this moment is as undefined as on hardware, but always one of the VM's own APICs.
 */
#include "socle/device/apic_fabric.h"

#include "lapic_priv.h"
#include "socle/str.h"

#define DFR_FLAT        0xfu
#define DFR_CLUSTER     0x0u

void apic_fabric_init(struct apic_fabric *f, const struct apic_ops *ops, void *ctx)
{
    memset(f, 0, sizeof(*f));
    f->ops = ops;
    f->ctx = ctx;
}

static bool matches_logical(const struct lapic *l, uint32_t dest)
{
    uint32_t ldr = lapic_reg(l, LAPIC_LDR), dfr = lapic_reg(l, LAPIC_DFR) >> 28;
    if (lapic_is_x2apic(l))
        return ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff);
    if (dest > 0xff)
        return false;
    ldr >>= 24;
    if (dfr == DFR_FLAT)
        return ldr & dest;
    return dfr == DFR_CLUSTER && ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
}

static bool matches(const struct lapic *l, const struct apic_msg *m)
{
    if (m->dest == APIC_DEST_ALL)
        return true;
    return m->logical ? matches_logical(l, m->dest) : m->dest == l->vcpu;
}

static bool accept(struct lapic *l, const struct apic_msg *m)
{
    const struct apic_fabric *f = l->fabric;
    if (!lapic_enabled(l))
        return false;
    /* A software-disabled APIC still takes NMI, SMI, INIT and SIPI (11.4.7.2). */
    switch ((enum apic_mode)m->mode) {
    case APIC_FIXED:
    case APIC_LOWEST:
        return lapic_raise(l, m->vector, m->level);
    case APIC_SMI:
        f->ops->smi(f->ctx, l->vcpu);
        return true;
    case APIC_NMI:
        f->ops->nmi(f->ctx, l->vcpu);
        return true;
    case APIC_INIT:
        f->ops->init(f->ctx, l->vcpu);
        return true;
    case APIC_SIPI:
        f->ops->sipi(f->ctx, l->vcpu, m->vector);
        return true;
    case APIC_EXTINT:
        atomic_store_explicit(&l->extint, true, memory_order_relaxed);
        f->ops->kick(f->ctx, l->vcpu);
        return true;
    case APIC_REMOTE_READ:
        return false;
    }
    return false;
}

/* 11.6.2.4: the lowest processor priority takes it; equals take turns. */
static bool deliver_lowest(struct apic_fabric *f, const struct apic_msg *m, uint32_t skip)
{
    struct lapic *best = NULL;
    uint32_t best_priority = ~0u;
    uint32_t start = atomic_fetch_add_explicit(&f->turn, 1, memory_order_relaxed);
    for (uint32_t n = 0; n < f->count; n++) {
        uint32_t i = (start + n) % f->count;
        struct lapic *l = f->lapic[i];
        if (!l || i == skip || !matches(l, m) || !lapic_enabled(l) || !lapic_software_enabled(l))
            continue;
        uint32_t priority = lapic_reg(l, LAPIC_PPR) >> 4;
        if (priority < best_priority) {
            best = l;
            best_priority = priority;
        }
    }
    return best && accept(best, m);
}

static bool deliver_many(struct apic_fabric *f, const struct apic_msg *m, uint32_t skip)
{
    bool taken = false;
    if (m->mode == APIC_LOWEST)
        return deliver_lowest(f, m, skip);
    for (uint32_t i = 0; i < f->count; i++) {
        if (i != skip && f->lapic[i] && matches(f->lapic[i], m))
            taken |= accept(f->lapic[i], m);
    }
    return taken;
}

bool apic_deliver(struct apic_fabric *f, const struct apic_msg *m)
{
    if (likely(!m->logical && m->dest != APIC_DEST_ALL))
        return m->dest < f->count && f->lapic[m->dest] && accept(f->lapic[m->dest], m);
    return deliver_many(f, m, ~0u);
}

bool apic_deliver_others(struct apic_fabric *f, uint32_t self, const struct apic_msg *m)
{
    struct apic_msg all = *m;
    all.dest = APIC_DEST_ALL;
    return deliver_many(f, &all, self);
}
