/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Saves and loads a local APIC. The register page is saved as 64 slots of 32 bits; what
 * can be derived (PPR, identity, summaries) is computed anew on load, and everything else
 * is cut to what the registers can hold, so that a hostile record does no harm.
 */
#include "lapic_priv.h"

#define RECORD_ID       STATE_ID('L', 'A', 'P', 'C')
#define RECORD_VERSION  1

void lapic_save(struct lapic *l, struct state_out *o)
{
    spin_lock(&l->lock);
    state_begin(o, RECORD_ID, RECORD_VERSION);
    state_put_u64(o, l->base);
    for (unsigned slot = 0; slot < LAPIC_SLOTS; slot++)
        state_put_u32(o, lapic_reg(l, slot));
    state_put_u32(o, atomic_load(&l->errors));
    state_put_u8(o, atomic_load(&l->extint));
    state_put_u8(o, atomic_load(&l->lint));
    state_put_u64(o, l->ref);
    state_put_u32(o, l->count);
    state_put_u64(o, l->deadline);
    state_end(o);
    spin_unlock(&l->lock);
}

static bool base_loadable(const struct lapic *l, uint64_t base)
{
    uint64_t mode = base & (APIC_BASE_EN | APIC_BASE_EXTD);
    return !(base & ~l->base_valid) && mode != APIC_BASE_EXTD && !(base & APIC_BASE_BSP) == !l->bsp;
}

/* The writable bits of a register of its own; ISR, TMR and IRR are done elsewhere. */
static uint32_t loadable_bits(const struct lapic *l, unsigned slot)
{
    switch (slot) {
    case LAPIC_TPR:
    case LAPIC_ESR:
        return 0xff;
    case LAPIC_LDR:
        return 0xff000000;
    case LAPIC_SVR:
        return lapic_svr_bits(l);
    case LAPIC_ICR:
        return ICR_BITS;
    case LAPIC_DFR:
    case LAPIC_ICR2:
    case LAPIC_TMICT:
        return ~0u;
    case LAPIC_TDCR:
        return 0xb;
    case LAPIC_LVT_LINT0:
    case LAPIC_LVT_LINT1:
        return lapic_lvt_bits(l, slot) | LVT_REMOTE_IRR;
    default:
        return slot >= LAPIC_LVT_TIMER && slot <= LAPIC_LVT_ERROR ? lapic_lvt_bits(l, slot) : 0;
    }
}

static void load_vectors(struct lapic *l, const uint32_t regs[LAPIC_SLOTS])
{
    uint8_t irr_words = 0;
    for (unsigned w = 0; w < LAPIC_VECTOR_WORDS; w++) {
        uint32_t legal = w ? ~0u : ~0u << APIC_FIRST_VECTOR;
        reg_set(l, LAPIC_ISR + w, regs[LAPIC_ISR + w] & legal);
        reg_set(l, LAPIC_TMR + w, regs[LAPIC_TMR + w] & legal);
        reg_set(l, LAPIC_IRR + w, regs[LAPIC_IRR + w] & legal);
        l->isr_words |= (uint8_t)(lapic_reg(l, LAPIC_ISR + w) ? BIT(w) : 0);
        irr_words |= (uint8_t)(lapic_reg(l, LAPIC_IRR + w) ? BIT(w) : 0);
    }
    atomic_store(&l->irr_words, irr_words);
}

static void load_registers(struct lapic *l, const uint32_t regs[LAPIC_SLOTS])
{
    for (unsigned slot = 0; slot < LAPIC_SLOTS; slot++) {
        uint32_t bits = loadable_bits(l, slot);
        if (bits)
            reg_set(l, slot, regs[slot] & bits);
    }
    reg_set(l, LAPIC_DFR, regs[LAPIC_DFR] | 0x0fffffff);
    if (!lapic_software_enabled(l)) {
        for (unsigned slot = LAPIC_LVT_TIMER; slot <= LAPIC_LVT_ERROR; slot++)
            reg_set(l, slot, lapic_reg(l, slot) | LVT_MASK);
    }
    load_vectors(l, regs);
    uint32_t ldr = lapic_reg(l, LAPIC_LDR);
    lapic_set_identity(l);
    if (!lapic_is_x2apic(l))
        reg_set(l, LAPIC_LDR, ldr);
    lapic_update_ppr(l);
}

/* At most one of counter and deadline runs, as the mode says. */
static void load_timer(struct lapic *l, uint64_t ref, uint32_t count, uint64_t deadline)
{
    enum timer_mode mode = timer_mode(lapic_reg(l, LAPIC_LVT_TIMER));
    spin_lock(&l->lock);
    l->ref = ref;
    l->count = mode <= TIMER_PERIODIC ? count : 0;
    l->deadline = mode == TIMER_DEADLINE ? deadline : 0;
    spin_unlock(&l->lock);
    lapic_timer_resume(l);
}

hv_status lapic_load(struct lapic *l, struct state_in *in)
{
    uint32_t regs[LAPIC_SLOTS];
    uint16_t version;
    lapic_reset(l);
    hv_status s = state_open(in, RECORD_ID, RECORD_VERSION, &version);
    if (s != HV_OK)
        return s;
    uint64_t base = state_get_u64(in);
    for (unsigned slot = 0; slot < LAPIC_SLOTS; slot++)
        regs[slot] = state_get_u32(in);
    uint32_t errors = state_get_u32(in);
    bool extint = state_get_u8(in);
    uint8_t lint = state_get_u8(in);
    uint64_t ref = state_get_u64(in);
    uint32_t count = state_get_u32(in);
    uint64_t deadline = state_get_u64(in);
    s = state_close(in);
    if (s != HV_OK)
        return s;
    if (!base_loadable(l, base))
        return HV_INVALID;
    atomic_store(&l->base, base);
    lapic_set_identity(l);
    atomic_store(&l->errors, errors & 0xff);
    atomic_store(&l->extint, extint);
    atomic_store(&l->lint, lint & 3);
    if (!lapic_enabled(l))
        return HV_OK;           /* a disabled APIC has no other state */
    load_registers(l, regs);
    load_timer(l, ref, count, deadline);
    return HV_OK;
}
