/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APIC: reset, acceptance and priority of interrupts, end of interrupt, local
 * sources (SDM vol. 3, 11.8 and 11.5). The run loop calls it around every entry to the
 * guest, the fabric from any CPU. Register accesses are in lapic_access.c, the timer in
 * lapic_timer.c.
 */
#include "socle/device/lapic.h"

#include "lapic_priv.h"
#include "socle/assert.h"
#include "socle/str.h"

#define VERSION_MAX_LVT         (5u << 16)      /* six entries */
#define VERSION_INTEGRATED      0x14u

static unsigned top_bit(uint32_t v) { return 31u - (unsigned)__builtin_clz(v); }

int lapic_highest_irr(const struct lapic *l)
{
    uint32_t words = atomic_load_explicit(&l->irr_words, memory_order_acquire);
    while (words) {
        unsigned w = top_bit(words);
        uint32_t bits = lapic_reg(l, LAPIC_IRR + w);
        if (likely(bits))
            return (int)(w * 32 + top_bit(bits));
        words &= ~BIT(w);       /* the summary may be ahead of or behind its word */
    }
    return -1;
}

/* Highest vector in service, 0: none (vector 0 cannot be in service). */
static unsigned highest_isr(const struct lapic *l)
{
    if (!l->isr_words)
        return 0;
    unsigned w = top_bit(l->isr_words);
    return w * 32 + top_bit(lapic_reg(l, LAPIC_ISR + w));
}

/* 11.8.3.1: the higher class of TPR and the interrupt in service. */
void lapic_update_ppr(struct lapic *l)
{
    unsigned tpr = lapic_reg(l, LAPIC_TPR), isr = highest_isr(l);
    reg_set(l, LAPIC_PPR, tpr >> 4 >= isr >> 4 ? tpr : isr & 0xf0);
}

void lapic_cr8_set(struct lapic *l, uint64_t value)
{
    reg_set(l, LAPIC_TPR, (uint32_t)value << 4);
    lapic_update_ppr(l);
}

uint8_t lapic_tpr_threshold(const struct lapic *l)
{
    int irr = lapic_highest_irr(l);
    unsigned tpr = lapic_reg(l, LAPIC_TPR) >> 4, isr = highest_isr(l) >> 4;
    if (irr < 0 || (unsigned)irr >> 4 > tpr || (unsigned)irr >> 4 <= isr)
        return 0;
    return (uint8_t)(irr >> 4);
}

/* ---- IRR and ISR ---- */

/* False: it was set already. */
static bool irr_set(struct lapic *l, uint8_t vector)
{
    uint8_t word = (uint8_t)BIT(vector / 32);
    uint32_t bit = BIT(vector % 32);
    if (atomic_fetch_or(&l->page->reg[LAPIC_IRR + vector / 32].v, bit) & bit)
        return false;
    if (!(atomic_load(&l->irr_words) & word))
        atomic_fetch_or(&l->irr_words, word);
    return true;
}

/* The word is looked at again after its summary bit: a bit set meanwhile is never lost. */
static void irr_clear(struct lapic *l, uint8_t vector)
{
    unsigned w = vector / 32;
    uint32_t bit = BIT(vector % 32);
    if (atomic_fetch_and(&l->page->reg[LAPIC_IRR + w].v, ~bit) & ~bit)
        return;
    atomic_fetch_and(&l->irr_words, (uint8_t)~BIT(w));
    if (atomic_load(&l->page->reg[LAPIC_IRR + w].v))
        atomic_fetch_or(&l->irr_words, (uint8_t)BIT(w));
}

static void isr_clear(struct lapic *l, unsigned vector)
{
    unsigned w = vector / 32;
    uint32_t left = lapic_reg(l, LAPIC_ISR + w) & ~BIT(vector % 32);
    reg_set(l, LAPIC_ISR + w, left);
    if (!left)
        l->isr_words &= (uint8_t)~BIT(w);
    lapic_update_ppr(l);
}

void lapic_ack(struct lapic *l, uint8_t vector)
{
    unsigned w = vector / 32;
    irr_clear(l, vector);
    reg_set(l, LAPIC_ISR + w, lapic_reg(l, LAPIC_ISR + w) | BIT(vector % 32));
    l->isr_words |= (uint8_t)BIT(w);
    lapic_update_ppr(l);
}

void lapic_unack(struct lapic *l, uint8_t vector)
{
    isr_clear(l, vector);
    irr_set(l, vector);
}

/* Level-triggered: tells the I/O APIC, and looks at our own pins again (11.8.5). */
COLD void lapic_eoi_level(struct lapic *l, uint8_t vector)
{
    for (unsigned slot = LAPIC_LVT_LINT0; slot <= LAPIC_LVT_LINT1; slot++) {
        uint32_t lvt = lapic_reg(l, slot);
        if ((lvt & LVT_REMOTE_IRR) && (lvt & LVT_VECTOR) == vector) {
            atomic_fetch_and(&l->page->reg[slot].v, ~LVT_REMOTE_IRR);
            lapic_lint_changed(l, slot);
        }
    }
    if (!(lapic_reg(l, LAPIC_SVR) & SVR_SUPPRESS_EOI))
        l->fabric->ops->eoi(l->fabric->ctx, vector);
}

void lapic_eoi(struct lapic *l)
{
    unsigned vector = highest_isr(l);
    if (unlikely(!vector))
        return;
    isr_clear(l, vector);
    if (unlikely(lapic_reg(l, LAPIC_TMR + vector / 32) & BIT(vector % 32)))
        lapic_eoi_level(l, (uint8_t)vector);
}

/* ---- acceptance, from any CPU ---- */

/* Before the IRR bit, so that the EOI of this interrupt finds its trigger mode. */
static void tmr_set(struct lapic *l, uint8_t vector, bool level)
{
    _Atomic uint32_t *word = &l->page->reg[LAPIC_TMR + vector / 32].v;
    uint32_t bit = BIT(vector % 32);
    bool is_level = atomic_load_explicit(word, memory_order_relaxed) & bit;
    if (likely(is_level == level))
        return;
    if (level)
        atomic_fetch_or(word, bit);
    else
        atomic_fetch_and(word, ~bit);
}

bool lapic_raise(struct lapic *l, uint8_t vector, bool level)
{
    if (unlikely(!lapic_enabled(l) || !lapic_software_enabled(l)))
        return false;
    if (unlikely(vector < APIC_FIRST_VECTOR)) {
        lapic_error(l, ESR_RECEIVE_VECTOR);
        return false;
    }
    tmr_set(l, vector, level);
    /* Who set the bit kicks: a storm of the same vector costs its target nothing more. */
    if (irr_set(l, vector))
        l->fabric->ops->kick(l->fabric->ctx, l->vcpu);
    return true;
}

void lapic_error(struct lapic *l, uint32_t bit)
{
    atomic_fetch_or(&l->errors, bit);
    uint32_t lvt = lapic_reg(l, LAPIC_LVT_ERROR);
    /* An illegal vector in the error entry itself is noted, not reported again. */
    if ((lvt & LVT_MASK) || (lvt & LVT_VECTOR) < APIC_FIRST_VECTOR)
        return;
    lapic_raise(l, (uint8_t)lvt, false);
}

/* ---- local sources ---- */

void lapic_local(struct lapic *l, unsigned slot)
{
    const struct apic_ops *ops = l->fabric->ops;
    uint32_t lvt = lapic_reg(l, slot);
    /* The timer and error entries have no mode field: their bits 10:8 stay 0, fixed. */
    enum apic_mode mode = (enum apic_mode)((lvt & LVT_MODE) >> LVT_MODE_SHIFT);
    if ((lvt & LVT_MASK) || !lapic_enabled(l))
        return;
    switch (mode) {
    case APIC_FIXED: {
        bool level = slot == LAPIC_LVT_LINT0 && (lvt & LVT_LEVEL);     /* LINT1 is edge only */
        /* The flag goes first: the EOI may come before lapic_raise() returns. */
        if (level && (atomic_fetch_or(&l->page->reg[slot].v, LVT_REMOTE_IRR) & LVT_REMOTE_IRR))
            return;
        if (!lapic_raise(l, (uint8_t)lvt, level) && level)
            atomic_fetch_and(&l->page->reg[slot].v, ~LVT_REMOTE_IRR);
        return;
    }
    case APIC_NMI:
        ops->nmi(l->fabric->ctx, l->vcpu);
        return;
    case APIC_SMI:
        ops->smi(l->fabric->ctx, l->vcpu);
        return;
    case APIC_INIT:
        ops->init(l->fabric->ctx, l->vcpu);
        return;
    case APIC_EXTINT:
        ops->kick(l->fabric->ctx, l->vcpu);
        return;
    case APIC_LOWEST:
    case APIC_REMOTE_READ:
    case APIC_SIPI:
        return;                 /* reserved in the LVT */
    }
}

void lapic_lint_changed(struct lapic *l, unsigned slot)
{
    uint32_t lvt = lapic_reg(l, slot);
    unsigned mode = (lvt & LVT_MODE) >> LVT_MODE_SHIFT;
    bool stays = mode == APIC_EXTINT || (mode == APIC_FIXED && (lvt & LVT_LEVEL));
    if (stays && (atomic_load(&l->lint) & BIT(slot - LAPIC_LVT_LINT0)))
        lapic_local(l, slot);
}

void lapic_set_lint(struct lapic *l, unsigned pin, bool level)
{
    uint8_t bit = (uint8_t)BIT(pin);
    if (!level) {
        atomic_fetch_and(&l->lint, (uint8_t)~bit);
        return;
    }
    if (atomic_fetch_or(&l->lint, bit) & bit)
        return;
    if (lapic_enabled(l))
        lapic_local(l, LAPIC_LVT_LINT0 + pin);
    else if (pin)               /* with the APIC off the pins are INTR and NMI (11.4.3) */
        l->fabric->ops->nmi(l->fabric->ctx, l->vcpu);
    else
        l->fabric->ops->kick(l->fabric->ctx, l->vcpu);
}

bool lapic_accepts_extint(const struct lapic *l)
{
    if (!lapic_enabled(l))
        return true;
    uint32_t lvt = lapic_reg(l, LAPIC_LVT_LINT0);
    return (lvt & (LVT_MASK | LVT_MODE)) == APIC_EXTINT << LVT_MODE_SHIFT ||
           atomic_load_explicit(&l->extint, memory_order_relaxed);
}

void lapic_extint_taken(struct lapic *l)
{
    atomic_store_explicit(&l->extint, false, memory_order_relaxed);
}

/* ---- reset ---- */

void lapic_set_identity(struct lapic *l)
{
    bool x2apic = lapic_is_x2apic(l);
    reg_set(l, LAPIC_ID, x2apic ? l->vcpu : l->vcpu << 24);
    /* 11.12.10.2: 16 APICs per cluster, one bit each */
    reg_set(l, LAPIC_LDR, x2apic ? l->vcpu >> 4 << 16 | BIT(l->vcpu & 15) : 0);
}

void lapic_reset_registers(struct lapic *l)
{
    lapic_timer_stop(l);
    for (unsigned slot = 0; slot < ARRAY_LEN(l->page->reg); slot++)
        reg_set(l, slot, 0);
    for (unsigned slot = LAPIC_LVT_TIMER; slot <= LAPIC_LVT_ERROR; slot++)
        reg_set(l, slot, LVT_MASK);
    reg_set(l, LAPIC_VERSION, l->version);
    reg_set(l, LAPIC_DFR, ~0u);
    reg_set(l, LAPIC_SVR, SVR_RESET);
    lapic_set_identity(l);
    l->isr_words = 0;
    atomic_store(&l->irr_words, 0);
    atomic_store(&l->errors, 0);
    atomic_store(&l->extint, false);
}

void lapic_init_signal(struct lapic *l)
{
    lapic_reset_registers(l);
}

void lapic_reset(struct lapic *l)
{
    atomic_store(&l->base, PLAT_LAPIC_BASE | APIC_BASE_EN | (l->bsp ? APIC_BASE_BSP : 0));
    lapic_reset_registers(l);
}

void lapic_virtual_wire(struct lapic *l)
{
    reg_set(l, LAPIC_SVR, SVR_ENABLE | SVR_RESET);
    reg_set(l, LAPIC_LVT_LINT0, APIC_EXTINT << LVT_MODE_SHIFT);
    reg_set(l, LAPIC_LVT_LINT1, APIC_NMI << LVT_MODE_SHIFT);
}

void lapic_init(struct lapic *l, const struct lapic_config *c)
{
    hv_assert(c->vcpu < PLAT_MAX_VCPUS && c->phys_bits >= 32 && c->phys_bits <= 52);
    hv_assert(is_aligned((uintptr_t)c->page, PAGE_SIZE));
    memset(l, 0, sizeof(*l));
    memset(c->page, 0, sizeof(*c->page));
    l->page = c->page;
    l->fabric = c->fabric;
    l->vcpu = c->vcpu;
    l->bsp = c->bsp;
    l->x2apic = c->x2apic;
    l->tsc_deadline = c->tsc_deadline;
    l->env = c->env;
    l->tsc = c->tsc;
    l->version = VERSION_INTEGRATED | VERSION_MAX_LVT;
    if (c->directed_eoi)
        l->version |= VERSION_DIRECTED_EOI;
    l->base_valid = APIC_BASE_BSP | APIC_BASE_EN | (c->x2apic ? APIC_BASE_EXTD : 0) |
                    MASK64(c->phys_bits - 1, PAGE_SHIFT);
    lapic_timer_init(l);
    c->fabric->lapic[c->vcpu] = l;
    if (c->fabric->count <= c->vcpu)
        c->fabric->count = c->vcpu + 1;
    lapic_reset(l);
}
