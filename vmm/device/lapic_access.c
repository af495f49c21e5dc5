/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Register interface of the local APIC: the xAPIC page and the x2APIC MSRs (SDM vol. 3,
 * 11.4.1 and 11.12.1.2), the ICR (11.6.1) and IA32_APIC_BASE (11.12.5). Called by exit
 * handlers on the vCPU's own CPU. EOI, TPR and ICR are the hot registers.
 */
#include "lapic_priv.h"

#define MSR_X2APIC_BASE     0x800u

/* ICR (figure 11-12). Bit 12, delivery status, always reads as idle. */
#define ICR_MODE_SHIFT      8
#define ICR_LOGICAL         0x800u
#define ICR_STATUS          0x1000u
#define ICR_ASSERT          0x4000u
#define ICR_LEVEL           0x8000u
#define ICR_SHORTHAND_SHIFT 18

enum shorthand { TO_DEST = 0, TO_SELF = 1, TO_ALL = 2, TO_OTHERS = 3 };

/* Slots as sets: bit n of these is slot n. */
#define SLOTS(first, last)  MASK64(last, first)
#define READ_BOTH   (SLOTS(LAPIC_ID, LAPIC_VERSION) | SLOTS(LAPIC_TPR, LAPIC_TPR) | \
                     SLOTS(LAPIC_PPR, LAPIC_PPR) | SLOTS(LAPIC_LDR, LAPIC_LDR) | \
                     SLOTS(LAPIC_SVR, LAPIC_ESR) | SLOTS(LAPIC_ICR, LAPIC_ICR) | \
                     SLOTS(LAPIC_LVT_TIMER, LAPIC_TMCCT) | SLOTS(LAPIC_TDCR, LAPIC_TDCR))
#define READ_X2APIC READ_BOTH
#define READ_XAPIC  (READ_BOTH | SLOTS(LAPIC_APR, LAPIC_APR) | SLOTS(LAPIC_EOI, LAPIC_RRD) | \
                     SLOTS(LAPIC_DFR, LAPIC_DFR) | SLOTS(LAPIC_ICR2, LAPIC_ICR2))

/* Bits a write may set in x2APIC mode, others #GP; the LVT's read-only ones are let pass. */
#define LVT_READ_ONLY       (0x1000u | LVT_REMOTE_IRR)

uint32_t lapic_lvt_bits(const struct lapic *l, unsigned slot)
{
    switch (slot) {
    case LAPIC_LVT_TIMER:
        return LVT_MASK | LVT_VECTOR | (l->tsc_deadline ? 3u : 1u) << LVT_TIMER_SHIFT;
    case LAPIC_LVT_LINT0:
    case LAPIC_LVT_LINT1:
        return LVT_MASK | LVT_VECTOR | LVT_MODE | LVT_LEVEL | 0x2000u;      /* polarity */
    case LAPIC_LVT_ERROR:
        return LVT_MASK | LVT_VECTOR;
    default:                                                                /* thermal, perf */
        return LVT_MASK | LVT_VECTOR | LVT_MODE;
    }
}

uint32_t lapic_svr_bits(const struct lapic *l)
{
    /* Bit 9, focus checking, is kept but means nothing since the Pentium 4. */
    return 0x300u | LVT_VECTOR | (l->version & VERSION_DIRECTED_EOI ? SVR_SUPPRESS_EOI : 0);
}

/* ---- writes; reserved bits are cut off or refused before ---- */

static void write_lvt(struct lapic *l, unsigned slot, uint32_t v)
{
    v &= lapic_lvt_bits(l, slot);
    if (!lapic_software_enabled(l))
        v |= LVT_MASK;          /* 11.4.7.2 */
    if (slot == LAPIC_LVT_TIMER) {
        lapic_timer_lvt(l, v);
        return;
    }
    if (v & LVT_LEVEL)
        v |= lapic_reg(l, slot) & LVT_REMOTE_IRR;
    reg_set(l, slot, v);
    if (slot == LAPIC_LVT_LINT0 || slot == LAPIC_LVT_LINT1)
        lapic_lint_changed(l, slot);
}

static void write_svr(struct lapic *l, uint32_t v)
{
    reg_set(l, LAPIC_SVR, v & lapic_svr_bits(l));
    if (v & SVR_ENABLE)
        return;
    for (unsigned slot = LAPIC_LVT_TIMER; slot <= LAPIC_LVT_ERROR; slot++)
        write_lvt(l, slot, lapic_reg(l, slot) | LVT_MASK);
}

/* dest is in message form: APIC_DEST_ALL for a broadcast. */
static void send_ipi(struct lapic *l, uint32_t icr, uint32_t dest)
{
    struct apic_msg m = {
        .dest = dest,
        .vector = (uint8_t)icr,
        .mode = (uint8_t)(icr >> ICR_MODE_SHIFT & 7),
        .logical = icr & ICR_LOGICAL,
        /* IPIs are edge-triggered, whatever bit 15 says (table 11-3, note 1). */
    };
    if ((icr & (ICR_LEVEL | ICR_ASSERT)) == ICR_LEVEL)
        return;                 /* INIT level de-assert: nothing since the Pentium 4 */
    if (m.mode <= APIC_LOWEST && m.vector < APIC_FIRST_VECTOR) {
        lapic_error(l, ESR_SEND_VECTOR);
        return;
    }
    switch ((enum shorthand)(icr >> ICR_SHORTHAND_SHIFT & 3)) {
    case TO_DEST:
        apic_deliver(l->fabric, &m);
        return;
    case TO_SELF:
        if (m.mode == APIC_FIXED)
            lapic_raise(l, m.vector, false);
        return;
    case TO_ALL:
        m.dest = APIC_DEST_ALL;
        if (m.mode == APIC_FIXED)           /* the only valid mode (table 11-3) */
            apic_deliver(l->fabric, &m);
        return;
    case TO_OTHERS:
        apic_deliver_others(l->fabric, l->vcpu, &m);
        return;
    }
}

/* What both interfaces have in common. The slot is one that can be written. */
static void write_slot(struct lapic *l, unsigned slot, uint32_t v)
{
    switch (slot) {
    case LAPIC_TPR:
        reg_set(l, LAPIC_TPR, v & 0xff);
        lapic_update_ppr(l);
        return;
    case LAPIC_SVR:
        write_svr(l, v);
        return;
    case LAPIC_ESR:             /* 11.5.3: a write makes the errors since the last one visible */
        reg_set(l, LAPIC_ESR, atomic_exchange(&l->errors, 0));
        return;
    case LAPIC_TMICT:
        lapic_timer_start(l, v);
        return;
    case LAPIC_TDCR:
        lapic_timer_divide(l, v & 0xb);
        return;
    default:
        write_lvt(l, slot, v);
        return;
    }
}

/* ---- xAPIC ---- */

/* APR (11.6.2.4); only of historical interest. */
static uint32_t arbitration_priority(const struct lapic *l)
{
    uint32_t tpr = lapic_reg(l, LAPIC_TPR), ppr = lapic_reg(l, LAPIC_PPR);
    int irr = lapic_highest_irr(l);
    uint32_t request = irr < 0 ? 0 : (uint32_t)irr & 0xf0;
    return ppr == tpr && tpr >= request ? tpr : (ppr > request ? ppr : request) & 0xf0;
}

static uint32_t xapic_read(struct lapic *l, unsigned slot)
{
    if (slot >= LAPIC_SLOTS || !(READ_XAPIC >> slot & 1)) {
        lapic_error(l, ESR_REGISTER);
        return 0;
    }
    switch (slot) {
    case LAPIC_TMCCT:
        return lapic_timer_current(l);
    case LAPIC_APR:
        return arbitration_priority(l);
    default:
        return lapic_reg(l, slot);          /* EOI and remote read are 0 */
    }
}

static void xapic_write(struct lapic *l, unsigned slot, uint32_t v)
{
    switch (slot) {
    case LAPIC_ICR: {
        uint32_t dest = lapic_reg(l, LAPIC_ICR2) >> 24;
        reg_set(l, LAPIC_ICR, v & ICR_BITS);
        send_ipi(l, v, dest == 0xff ? APIC_DEST_ALL : dest);
        return;
    }
    case LAPIC_ICR2:
        reg_set(l, LAPIC_ICR2, v & 0xff000000);
        return;
    case LAPIC_LDR:
        reg_set(l, LAPIC_LDR, v & 0xff000000);
        return;
    case LAPIC_DFR:
        reg_set(l, LAPIC_DFR, v | 0x0fffffff);
        return;
    case LAPIC_ID:              /* read-only, as on every CPU with x2APIC */
    case LAPIC_VERSION:
    case LAPIC_APR:
    case LAPIC_PPR:
    case LAPIC_RRD:
    case LAPIC_TMCCT:
        return;
    default:
        if (slot >= LAPIC_SLOTS || !(READ_XAPIC >> slot & 1))
            lapic_error(l, ESR_REGISTER);
        else if (slot < LAPIC_ISR || slot >= LAPIC_ESR)
            write_slot(l, slot, v);
        return;
    }
}

/*
 * Only aligned 4-byte accesses are defined (11.4.1); of others reads give ones and
 * writes vanish.
 */
void lapic_mmio(void *dev, struct bus_access *a)
{
    struct lapic *l = dev;
    unsigned slot = (unsigned)(a->offset >> 4) & 0xff;
    if (a->size != 4 || (a->offset & 15) || !lapic_enabled(l) || lapic_is_x2apic(l))
        return;
    if (!a->write)
        a->value = xapic_read(l, slot);
    else if (likely(slot == LAPIC_EOI))
        lapic_eoi(l);
    else
        xapic_write(l, slot, (uint32_t)a->value);
}

/* ---- x2APIC (table 11-6) ---- */

bool lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *value)
{
    uint32_t slot = msr - MSR_X2APIC_BASE;
    if (!lapic_is_x2apic(l) || slot >= LAPIC_SLOTS || !(READ_X2APIC >> slot & 1))
        return false;
    *value = slot == LAPIC_TMCCT ? lapic_timer_current(l) : lapic_reg(l, slot);
    if (slot == LAPIC_ICR)
        *value |= (uint64_t)lapic_reg(l, LAPIC_ICR2) << 32;
    return true;
}

/* Bits that do not #GP; 64 bits only for the ICR. */
static bool x2apic_writable(const struct lapic *l, uint32_t slot, uint64_t *bits)
{
    switch (slot) {
    case LAPIC_TPR:
    case LAPIC_SELF_IPI:
        *bits = 0xff;
        return true;
    case LAPIC_EOI:
    case LAPIC_ESR:
        *bits = 0;
        return true;
    case LAPIC_SVR:
        *bits = lapic_svr_bits(l);
        return true;
    case LAPIC_ICR:
        *bits = MASK64(63, 32) | ICR_BITS | ICR_STATUS;
        return true;
    case LAPIC_TMICT:
        *bits = 0xffffffff;
        return true;
    case LAPIC_TDCR:
        *bits = 0xb;
        return true;
    default:
        *bits = lapic_lvt_bits(l, slot) | LVT_READ_ONLY;
        return slot >= LAPIC_LVT_TIMER && slot <= LAPIC_LVT_ERROR;
    }
}

bool lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t value)
{
    uint32_t slot = msr - MSR_X2APIC_BASE;
    uint64_t bits;
    if (!lapic_is_x2apic(l) || !x2apic_writable(l, slot, &bits) || (value & ~bits))
        return false;
    switch (slot) {
    case LAPIC_EOI:
        lapic_eoi(l);
        return true;
    case LAPIC_ICR:             /* no 0xff here: broadcast is all ones, as in messages */
        reg_set(l, LAPIC_ICR2, (uint32_t)(value >> 32));
        reg_set(l, LAPIC_ICR, (uint32_t)value & ICR_BITS);
        send_ipi(l, (uint32_t)value, (uint32_t)(value >> 32));
        return true;
    case LAPIC_SELF_IPI:
        send_ipi(l, (uint32_t)value | TO_SELF << ICR_SHORTHAND_SHIFT, 0);
        return true;
    default:
        write_slot(l, slot, (uint32_t)value);
        return true;
    }
}

/* ---- IA32_APIC_BASE: transitions of figure 11-27 ---- */

bool lapic_base_write(struct lapic *l, uint64_t value)
{
    const uint64_t mode = APIC_BASE_EN | APIC_BASE_EXTD;
    uint64_t old = l->base & mode, new = value & mode;
    if ((value & ~l->base_valid) || new == APIC_BASE_EXTD)
        return false;
    if ((old == mode && new == APIC_BASE_EN) || (!old && new == mode))
        return false;
    /* The BSP flag is a fact, not a setting. */
    atomic_store(&l->base, (value & ~APIC_BASE_BSP) | (l->bsp ? APIC_BASE_BSP : 0));
    if (!old != !new) {
        lapic_reset_registers(l);           /* disabling loses all state (11.4.3) */
    } else if (old != new) {
        lapic_set_identity(l);
        reg_set(l, LAPIC_ICR2, 0);
    }
    return true;
}
