/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APIC whose interrupts the CPU delivers itself (VT-x virtual-interrupt delivery, SDM
 * vol. 3, 30.1 and 30.2; AMD's AVIC is alike). Meanwhile the CPU changes IRR, ISR, TPR and PPR
 * in the register page, and of the two summaries irr_words means something else: the words
 * of IRR that we have added to since lapic_hw_post() was called last.
 */
#include "lapic_priv.h"

static int highest(const struct lapic *l, unsigned slot)
{
    for (unsigned w = LAPIC_VECTOR_WORDS; w-- > 0;) {
        uint32_t bits = lapic_reg(l, slot + w);
        if (bits)
            return (int)(w * 32 + 31 - (unsigned)__builtin_clz(bits));
    }
    return -1;
}

int lapic_hw_post(struct lapic *l)
{
    if (!atomic_exchange(&l->irr_words, 0))
        return -1;
    return highest(l, LAPIC_IRR);
}

bool lapic_hw_requests(const struct lapic *l) { return highest(l, LAPIC_IRR) >= 0; }

bool lapic_hw_wakes(const struct lapic *l)
{
    int v = highest(l, LAPIC_IRR);
    return v >> 4 > (int)(lapic_reg(l, LAPIC_PPR) >> 4);
}

void lapic_hw_enter(struct lapic *l, uint8_t *requesting, uint8_t *servicing)
{
    int irr = highest(l, LAPIC_IRR), isr = highest(l, LAPIC_ISR);
    atomic_store(&l->irr_words, 0);
    *requesting = irr < 0 ? 0 : (uint8_t)irr;
    *servicing = isr < 0 ? 0 : (uint8_t)isr;
}

void lapic_hw_leave(struct lapic *l)
{
    l->isr_words = 0;
    for (unsigned w = 0; w < LAPIC_VECTOR_WORDS; w++) {
        l->isr_words |= (uint8_t)(lapic_reg(l, LAPIC_ISR + w) ? BIT(w) : 0);
        if (lapic_reg(l, LAPIC_IRR + w))
            atomic_fetch_or(&l->irr_words, (uint8_t)BIT(w));
    }
    lapic_update_ppr(l);
}

uint64_t lapic_hw_level(const struct lapic *l, unsigned quarter)
{
    return lapic_reg(l, LAPIC_TMR + 2 * quarter) | (uint64_t)lapic_reg(l, LAPIC_TMR + 2 * quarter + 1) << 32;
}

void lapic_hw_eoi(struct lapic *l, uint8_t vector)
{
    if (lapic_reg(l, LAPIC_TMR + vector / 32) & BIT(vector % 32))
        lapic_eoi_level(l, vector);
}
