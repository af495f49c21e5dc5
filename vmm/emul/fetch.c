/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fetching the instruction at CS:RIP, and stepping over one that was carried out.
 * Backends and exit handlers call both for instructions they finish themselves; the
 * emulator starts here. On CPUs that do not report the length of an exiting
 * instruction this runs on every CPUID and MSR exit, so it does one page walk and one
 * copy where it can. SDM vol. 3, 5.3.1 (limits), 4.6 (rights), 17.3.1.4 (single step).
 */
#include "socle/emul.h"

#include "socle/bits.h"
#include "socle/str.h"

#define DR6_BS          (1ull << 14)
#define DEBUGCTL_BTF    (1ull << 1)

static hv_status general_protection(struct emul_exception *exc)
{
    *exc = (struct emul_exception){ .vector = VEC_GP, .has_error = true };
    return HV_INVALID;
}

/* Bytes of code from CS:RIP to the segment's end, at most INSN_MAX_LEN; 0: #GP. */
static unsigned code_left(const struct vcpu_state *s, enum insn_mode mode)
{
    if (mode == INSN_64)
        return INSN_MAX_LEN;
    if (s->rip > s->seg[SEG_CS].limit)
        return 0;
    return (unsigned)min_u64((uint64_t)s->seg[SEG_CS].limit - s->rip + 1, INSN_MAX_LEN);
}

/* Instruction bytes, with room for the whole aligned words that they are read in. */
struct window {
    uint64_t words[3];
    const uint8_t *bytes;
};

/*
 * Reads n <= INSN_MAX_LEN bytes of code that lie in one page. Whole aligned words, which
 * stay in the page too, cost a fraction of a copy of any length.
 */
static hv_status read_code(const struct gva_walker *w, const struct vcpu_state *s, uint64_t linear,
                           unsigned n, struct window *to, struct emul_exception *exc)
{
    struct gva_fault fault;
    gpa_t at;

    switch (gva_to_gpa(w, s, linear, GVA_FETCH | (s->cpl == 3 ? GVA_USER : 0), &at, &fault)) {
    case GVA_OK:
        break;
    case GVA_FAULT:
        *exc = (struct emul_exception){ VEC_PF, true, fault.error, fault.linear };
        return HV_INVALID;
    case GVA_RETRY:
        return HV_BUSY;
    }
    unsigned skip = (unsigned)(at.v & 7);
    for (unsigned i = 0; i * 8 < skip + n; i++)
        if (!gmem_load64(w->mem, gpa(at.v - skip + i * 8), &to->words[i]))
            return HV_RANGE;
    to->bytes = (const uint8_t *)to->words + skip;
    return HV_OK;
}

/* What the guest gets when decoding failed for good. */
static hv_status refused(hv_status status, const struct insn *insn, struct emul_exception *exc)
{
    if (status != HV_INVALID)
        return status;
    if (insn->fault == VEC_GP)
        return general_protection(exc);
    *exc = (struct emul_exception){ .vector = insn->fault };
    return HV_INVALID;
}

/* The instruction goes on in the next page, `first` of its bytes are in `begin`. */
static hv_status fetch_rest(const struct gva_walker *w, const struct vcpu_state *s,
                            uint64_t linear, const uint8_t *begin, unsigned first, unsigned left,
                            struct insn *out, struct emul_exception *exc)
{
    enum insn_mode mode = insn_mode_of(s);
    uint8_t bytes[INSN_MAX_LEN];
    struct window end;

    /* The segment may end here too. */
    if (first == left)
        return general_protection(exc);
    linear = mode == INSN_64 ? linear + first : (uint32_t)(linear + first);
    hv_status status = read_code(w, s, linear, left - first, &end, exc);
    if (status)
        return status;
    memcpy(bytes, begin, first);
    memcpy(bytes + first, end.bytes, left - first);
    status = insn_decode(bytes, left, mode, out);
    return status == HV_RANGE ? general_protection(exc) : refused(status, out, exc);
}

hv_status insn_fetch(const struct gva_walker *w, const struct vcpu_state *s, struct insn *out,
                     struct emul_exception *exc)
{
    enum insn_mode mode = insn_mode_of(s);
    unsigned left = code_left(s, mode);
    uint64_t linear = mode == INSN_64 ? s->rip : (uint32_t)(s->seg[SEG_CS].base + s->rip);
    unsigned first = (unsigned)min_u64(left, PAGE_SIZE - (linear & (PAGE_SIZE - 1)));
    struct window code;

    if (!left)
        return general_protection(exc);
    hv_status status = read_code(w, s, linear, first, &code, exc);
    if (status)
        return status;
    status = insn_decode(code.bytes, first, mode, out);
    if (likely(status == HV_OK))
        return status;
    if (status == HV_RANGE)
        return fetch_rest(w, s, linear, code.bytes, first, left, out, exc);
    return refused(status, out, exc);
}

bool emul_retire(struct vcpu_state *s, unsigned len)
{
    bool step = s->rflags & RFLAGS_TF;

    s->rip += len;
    /* EIP is 32 bits wide in 16-bit code too: past 64 KiB the limit check faults. */
    if (insn_mode_of(s) != INSN_64)
        s->rip = (uint32_t)s->rip;
    s->rflags &= ~RFLAGS_RF;
    s->shadow = 0;
    /* With BTF single steps end at branches only (SDM vol. 3, 17.4.3); none comes here. */
    if (!step || (s->debugctl & DEBUGCTL_BTF))
        return false;
    s->dr6 |= DR6_BS;
    return true;
}
