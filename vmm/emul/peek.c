/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The length of a plain instruction that exited, for CPUs that do not report it: this is
 * on the way of every CPUID and MSR exit there. What is not plain is left to fetch.c.
 */
#include "socle/emul.h"

#include "socle/bits.h"
#include "socle/str.h"

#define PTE_P           (1ull << 0)
#define PTE_A           (1ull << 5)
#define PTE_PS          (1ull << 7)

enum { LEVELS = 4 };

/* Encodings without prefixes: the bytes in order from bit 0, their number in bits 31:24. */
static const uint32_t plain[INSN_OP_COUNT] = {
    [INSN_CPUID]  = 2u << 24 | 0xa20f,  [INSN_RDMSR]  = 2u << 24 | 0x320f,
    [INSN_WRMSR]  = 2u << 24 | 0x300f,  [INSN_RDTSC]  = 2u << 24 | 0x310f,
    [INSN_RDPMC]  = 2u << 24 | 0x330f,  [INSN_INVD]   = 2u << 24 | 0x080f,
    [INSN_WBINVD] = 2u << 24 | 0x090f,  [INSN_PAUSE]  = 2u << 24 | 0x90f3,
    [INSN_HLT]    = 1u << 24 | 0xf4,    [INSN_XSETBV] = 3u << 24 | 0xd1010f,
    [INSN_VMCALL] = 3u << 24 | 0xc1010f, [INSN_VMMCALL] = 3u << 24 | 0xd9010f,
    [INSN_RDTSCP] = 3u << 24 | 0xf9010f,
};

/* Does everything that the walk depended on stand as it did? */
static inline bool hit(const struct peek_cache *c, const struct vcpu_state *s)
{
    return c->code && ((s->rip ^ c->page) & ~(uint64_t)(PAGE_SIZE - 1)) == 0 && s->cr3 == c->cr3 &&
           s->cr4 == c->cr4 && s->cr0 == c->cr0 && s->efer == c->efer && s->cpl == c->cpl &&
           *c->entry[0] == c->value[0] && *c->entry[1] == c->value[1] &&
           *c->entry[2] == c->value[2] && *c->entry[3] == c->value[3];
}

/*
 * Walks once more, keeping what it reads. gva_to_gpa() has said by then that the mapping
 * is good and allowed; here only plain 4-level walks are kept. Of a large page the last
 * entry fills the remaining places.
 */
static __attribute__((noinline)) bool fill(const struct gva_walker *w, const struct vcpu_state *s, struct peek_cache *c)
{
    uint64_t address = MASK64(51, 12) & ((1ull << w->phys_bits) - 1), e = s->cr3;
    struct gva_fault fault;
    unsigned shift = 48;
    gpa_t at;

    c->code = NULL;
    if (!(s->efer & EFER_LMA) || (s->cr4 & CR4_LA57) || !(s->cr0 & CR0_PG) ||
        gva_to_gpa(w, s, s->rip, GVA_FETCH | (s->cpl == 3 ? GVA_USER : 0), &at, &fault))
        return false;
    for (unsigned i = 0; i < LEVELS; i++) {
        if (shift > 12 && !(i && (e & PTE_PS))) {
            shift -= 9;
            c->entry[i] = gmem_peek(w->mem, gpa((e & address) + (s->rip >> shift & 0x1ff) * 8));
            if (!c->entry[i])
                return false;
            e = *c->entry[i];
        } else {
            c->entry[i] = c->entry[i - 1];
        }
        c->value[i] = e;
        if ((e & (PTE_P | PTE_A)) != (PTE_P | PTE_A))
            return false;
    }
    /* Both walks must agree: the tables may be changing. */
    uint64_t inside = (1ull << shift) - 1;
    if (((e & address & ~inside) | (s->rip & inside)) != at.v)
        return false;
    *c = (struct peek_cache){
        .cr0 = s->cr0, .cr3 = s->cr3, .cr4 = s->cr4, .efer = s->efer, .cpl = s->cpl,
        .page = align_down(s->rip, PAGE_SIZE),
        .entry = { c->entry[0], c->entry[1], c->entry[2], c->entry[3] },
        .value = { c->value[0], c->value[1], c->value[2], c->value[3] },
        .code = gmem_peek(w->mem, gpa(align_down(at.v, PAGE_SIZE))),
    };
    return c->code;
}

bool insn_peek_bytes(const struct gva_walker *w, const struct vcpu_state *s, uint8_t bytes[16],
                     struct peek_cache *c)
{
    unsigned offset = (unsigned)(s->rip & (PAGE_SIZE - 1));

    if (insn_mode_of(s) != INSN_64 || offset > PAGE_SIZE - 16 || (unlikely(!hit(c, s)) && !fill(w, s, c)))
        return false;
    /* Each byte is read once. */
    uint64_t low = *(const volatile uint64_t *)(c->code + offset);
    uint64_t high = *(const volatile uint64_t *)(c->code + offset + 8);
    memcpy(bytes, &low, 8);
    memcpy(bytes + 8, &high, 8);
    return true;
}

unsigned insn_peek(const struct gva_walker *w, const struct vcpu_state *s, enum insn_op op,
                   struct peek_cache *c)
{
    unsigned len = plain[op] >> 24, offset = (unsigned)(s->rip & (PAGE_SIZE - 1));
    uint32_t found;

    if (!len || insn_mode_of(s) != INSN_64 || offset + len > PAGE_SIZE)
        return 0;
    if (unlikely(!hit(c, s)) && !fill(w, s, c))
        return 0;
    /* Each byte is read once. */
    found = c->code[offset];
    if (len > 1)
        found |= (uint32_t)c->code[offset + 1] << 8;
    if (len > 2)
        found |= (uint32_t)c->code[offset + 2] << 16;
    return found == (plain[op] & 0xffffff) ? len : 0;
}
