/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which values a guest may load into CR0, CR3, CR4, EFER and XCR0, and from which state
 * (SDM vol. 3, 2.5, 2.6, 4.1 and 10.8.5; APM vol. 2, 3.1 and 14.6). Used where writes are
 * intercepted and by the emulator; with nested paging the CPU checks most of it itself.
 */
#include "features.h"
#include "socle/bits.h"

#define CR0_WRITABLE    (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | \
                         CR0_CD | CR0_PG)
#define CR3_NO_FLUSH    BIT64(63)       /* with CR4.PCIDE: keep the TLB; never stored */

bool policy_cr0_write(const struct guest_cpu *g, const struct vcpu_state *s, uint64_t value,
                      uint64_t *cr0, uint64_t *efer)
{
    uint64_t v = (value & CR0_WRITABLE) | CR0_ET, e = s->efer;
    bool was_paging = s->cr0 & CR0_PG, paging = v & CR0_PG;
    bool code64 = s->seg[SEG_CS].attr & SEG_L;
    if (value >> 32)
        return false;           /* bits 31:0 that do not exist are ignored */
    if ((paging && !(v & CR0_PE)) || ((v & CR0_NW) && !(v & CR0_CD)))
        return false;
    if (paging && !was_paging && (e & EFER_LME)) {
        if (!(s->cr4 & CR4_PAE) || code64)
            return false;
        e |= EFER_LMA;
    } else if (!paging && was_paging) {
        if ((s->cr4 & CR4_PCIDE) || ((e & EFER_LMA) && code64))
            return false;
        e &= ~EFER_LMA;
    }
    *cr0 = v;
    *efer = e;
    return true;
}

bool policy_cr3_write(const struct guest_cpu *g, const struct vcpu_state *s, uint64_t value,
                      uint64_t *cr3, bool *flush)
{
    bool pcid = s->cr4 & CR4_PCIDE;
    uint64_t v = pcid ? value & ~CR3_NO_FLUSH : value;
    if (v & ~MASK64(g->phys_bits - 1, 0))
        return false;
    *cr3 = v;
    if (flush)
        *flush = !pcid || !(value & CR3_NO_FLUSH);
    return true;
}

bool policy_cr4_write(const struct guest_cpu *g, const struct vcpu_state *s, uint64_t value,
                      uint64_t *cr4)
{
    uint64_t changed = value ^ s->cr4;
    bool long_mode = s->efer & EFER_LMA;
    if (value & ~g->cr4)
        return false;
    if (long_mode && (!(value & CR4_PAE) || (changed & CR4_LA57)))
        return false;
    /* 4.10.1: PCIDs are switched on in IA-32e mode with PCID 0 only. */
    if ((changed & value & CR4_PCIDE) && (!long_mode || (s->cr3 & 0xfff)))
        return false;
    *cr4 = value;
    return true;
}

bool policy_efer_write(const struct guest_cpu *g, const struct vcpu_state *s, uint64_t value,
                       uint64_t *efer)
{
    if (value & ~g->efer)
        return false;
    if ((s->cr0 & CR0_PG) && ((value ^ s->efer) & EFER_LME))
        return false;
    /* LMA follows LME and paging; writes to it are ignored. */
    *efer = (value & ~EFER_LMA) | (s->efer & EFER_LMA);
    return true;
}

/* SDM vol. 1, 13.3. */
bool policy_xcr_write(const struct guest_cpu *g, uint32_t index, uint64_t value)
{
    uint64_t avx512 = value & XCR0_AVX512;
    if (index || (value & ~g->xcr0) || !(value & XCR0_X87))
        return false;
    if ((value & XCR0_AVX) && !(value & XCR0_SSE))
        return false;
    return !avx512 || (avx512 == XCR0_AVX512 && (value & XCR0_AVX));
}
