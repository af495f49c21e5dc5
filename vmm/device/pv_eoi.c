/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pv_eoi.h. It may be armed only while nothing depends on the moment at which the interrupt
 * ends: it is edge-triggered, the only one in service, and no other waits.
 */
#include "socle/device/pv_eoi.h"

#include "socle/bits.h"

enum { ENABLE = 1, RESERVED = 2, NO_EOI_NEEDED = 1 };

static uint32_t *word(const struct pv_eoi *p, const struct gmem *mem, bool write)
{
    size_t n = sizeof(uint32_t);
    return gmem_span(mem, p->at, write, &n);
}

uint64_t pv_eoi_read(const struct pv_eoi *p) { return p->on ? p->at.v | ENABLE : 0; }

bool pv_eoi_write(struct pv_eoi *p, struct lapic *l, const struct gmem *mem, uint64_t value)
{
    if (value & RESERVED)
        return false;
    pv_eoi_disarm(p, l, mem);
    p->on = value & ENABLE;
    p->at = gpa(value & ~(uint64_t)3);
    return true;
}

void pv_eoi_arm(struct pv_eoi *p, const struct lapic *l, const struct gmem *mem)
{
    if (!p->on || p->armed || atomic_load_explicit(&l->irr_words, memory_order_acquire) ||
        !is_pow2(l->isr_words))
        return;
    unsigned w = (unsigned)__builtin_ctz(l->isr_words);
    uint32_t isr = lapic_reg(l, LAPIC_ISR + w), *at = word(p, mem, true);
    if (!is_pow2(isr) || (lapic_reg(l, LAPIC_TMR + w) & isr) || !at)
        return;
    __atomic_fetch_or(at, NO_EOI_NEEDED, __ATOMIC_SEQ_CST);
    p->armed = true;
}

void pv_eoi_sync(struct pv_eoi *p, struct lapic *l, const struct gmem *mem)
{
    const uint32_t *at = word(p, mem, false);
    if (!l->isr_words) {                /* ended by a write to the APIC all the same */
        pv_eoi_disarm(p, l, mem);
    } else if (!at || !(__atomic_load_n(at, __ATOMIC_ACQUIRE) & NO_EOI_NEEDED)) {
        p->armed = false;
        lapic_eoi(l);
    }
}

void pv_eoi_disarm(struct pv_eoi *p, struct lapic *l, const struct gmem *mem)
{
    if (!p->armed)
        return;
    p->armed = false;
    uint32_t *at = word(p, mem, true);
    bool ended = !at || !(__atomic_fetch_and(at, ~(uint32_t)NO_EOI_NEEDED, __ATOMIC_SEQ_CST) & NO_EOI_NEEDED);
    if (ended)
        lapic_eoi(l);
}
