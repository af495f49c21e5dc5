/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From seg:offset to bytes: segment checks (SDM vol. 3, 5.3 to 5.5; vol. 1, 3.3.7
 * canonical addresses), alignment check (6.15, #AC), the page walk for each page that
 * an operand touches, and the accesses themselves. Handlers come here through
 * operand.c or directly for stacks and strings. A store that crosses into a page it
 * may not write faults before its first byte is written.
 */
#include "emul_priv.h"

#include "socle/bits.h"
#include "socle/str.h"

#define TYPE_CODE       8u
#define TYPE_DOWN       4u      /* data segments: expand-down */
#define TYPE_WRITE      2u      /* data segments: writable */
#define TYPE_READ       2u      /* code segments: readable */

enum emul_status emul_raise(struct emul_ctx *c, enum vector v, uint32_t error)
{
    c->exc = (struct emul_exception){
        .vector = (uint8_t)v,
        .has_error = c->s->cr0 & CR0_PE,
        .error = error,
    };
    return EMUL_EXCEPTION;
}

enum emul_status emul_raise_plain(struct emul_ctx *c, enum vector v)
{
    c->exc = (struct emul_exception){ .vector = (uint8_t)v };
    return EMUL_EXCEPTION;
}

enum emul_status emul_from_status(struct emul_ctx *c, hv_status s)
{
    if (likely(s == HV_OK))
        return EMUL_DONE;
    if (s == HV_BUSY)
        return EMUL_RETRY;
    c->failure = s;
    return EMUL_FAILED;
}

static enum emul_status segment_fault(struct emul_ctx *c, enum seg seg)
{
    return emul_raise(c, seg == SEG_SS ? VEC_SS : VEC_GP, 0);
}

static bool canonical(const struct vcpu_state *s, uint64_t a)
{
    unsigned unused = s->cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;
    return (uint64_t)((int64_t)(a << unused) >> unused) == a;
}

/* May this segment be used so? A null segment is not present. Real mode and V86 do not ask. */
static bool segment_allows(const struct emul_ctx *c, const struct segment *g, unsigned access)
{
    if (!(c->s->cr0 & CR0_PE) || (c->s->rflags & RFLAGS_VM))
        return true;
    if ((g->attr & (SEG_P | SEG_S)) != (SEG_P | SEG_S))
        return false;
    if (g->attr & TYPE_CODE)
        return !(access & GVA_WRITE) && (g->attr & TYPE_READ);
    return !(access & GVA_WRITE) || (g->attr & TYPE_WRITE);
}

static bool inside_limit(const struct segment *g, uint64_t offset, unsigned size)
{
    uint64_t last = offset + size - 1;          /* offset has 32 bits: no wrap */

    if ((g->attr & TYPE_CODE) || !(g->attr & TYPE_DOWN))
        return last <= g->limit;
    return offset > g->limit && last <= (g->attr & SEG_DB ? 0xffffffffu : 0xffffu);
}

enum emul_status emul_linear(struct emul_ctx *c, enum seg seg, uint64_t offset, unsigned size,
                             unsigned access, uint64_t *linear)
{
    const struct segment *g = &c->s->seg[seg];

    if (c->insn.mode == INSN_64) {
        *linear = offset + (seg >= SEG_FS ? g->base : 0);
        if (!canonical(c->s, *linear) || !canonical(c->s, *linear + size - 1))
            return segment_fault(c, seg);
        return EMUL_DONE;
    }
    offset = (uint32_t)offset;
    if (!segment_allows(c, g, access) || !inside_limit(g, offset, size))
        return segment_fault(c, seg);
    *linear = (uint32_t)(g->base + offset);
    return EMUL_DONE;
}

static enum emul_status translate_one(struct emul_ctx *c, uint64_t linear, unsigned access,
                                      gpa_t *out)
{
    struct gva_fault fault;

    switch (gva_to_gpa(c->w, c->s, linear, access, out, &fault)) {
    case GVA_OK:
        return EMUL_DONE;
    case GVA_FAULT:
        c->exc = (struct emul_exception){ VEC_PF, true, fault.error, fault.linear };
        return EMUL_EXCEPTION;
    case GVA_RETRY:
        break;
    }
    return EMUL_RETRY;
}

enum emul_status emul_translate(struct emul_ctx *c, uint64_t linear, unsigned size,
                                unsigned access, struct span *out)
{
    unsigned room = PAGE_SIZE - (unsigned)(linear & (PAGE_SIZE - 1));
    enum emul_status e = translate_one(c, linear, access, &out->at[0]);

    out->size = out->first = size;
    if (e || likely(size <= room))
        return e;
    out->first = room;
    linear += room;
    /* Data of 16- and 32-bit code wraps at 4 GiB; the TSS is where its base says. */
    if (c->insn.mode != INSN_64 && !(access & GVA_IMPLICIT))
        linear = (uint32_t)linear;
    return translate_one(c, linear, access, &out->at[1]);
}

enum emul_status emul_open(struct emul_ctx *c, enum seg seg, uint64_t offset, unsigned size,
                           unsigned access, struct span *out)
{
    uint64_t linear;
    enum emul_status e = emul_linear(c, seg, offset, size, access, &linear);

    if (e)
        return e;
    if (c->s->cpl == 3) {
        access |= GVA_USER;
        if ((c->s->cr0 & CR0_AM) && (c->s->rflags & RFLAGS_AC) && !is_aligned(linear, size))
            return emul_raise(c, VEC_AC, 0);
    }
    return emul_translate(c, linear, size, access, out);
}

/*
 * The size of the next access at `at` when `left` bytes of a stretch remain: the whole
 * operand where it does not cross a page (16 bytes as two halves), else aligned pieces.
 */
static unsigned piece(const struct span *s, uint64_t at, unsigned left)
{
    unsigned n = 8;

    if (s->first == s->size)
        return left < 8 ? left : 8;
    while (n > left || !is_aligned(at, n))
        n /= 2;
    return n;
}

enum emul_status emul_read_span(struct emul_ctx *c, const struct span *s, void *buf)
{
    uint8_t *to = buf;

    for (unsigned i = 0; i < 2; i++) {
        unsigned left = i ? s->size - s->first : s->first;
        for (uint64_t at = s->at[i].v; left;) {
            unsigned n = piece(s, at, left);
            enum emul_status e = emul_from_status(c, c->ops->read(c->ops_ctx, gpa(at), to, n));
            if (e)
                return e;
            to += n;
            at += n;
            left -= n;
        }
    }
    return EMUL_DONE;
}

enum emul_status emul_write_span(struct emul_ctx *c, const struct span *s, const void *buf)
{
    const uint8_t *from = buf;

    for (unsigned i = 0; i < 2; i++) {
        unsigned left = i ? s->size - s->first : s->first;
        for (uint64_t at = s->at[i].v; left;) {
            unsigned n = piece(s, at, left);
            enum emul_status e = emul_from_status(c, c->ops->write(c->ops_ctx, gpa(at), from, n));
            if (e)
                return e;
            from += n;
            at += n;
            left -= n;
        }
    }
    return EMUL_DONE;
}

enum emul_status emul_replace_span(struct emul_ctx *c, const struct span *s, uint64_t old,
                                   uint64_t value, bool *changed)
{
    uint64_t word_at = align_down(s->at[0].v, 8);
    unsigned shift = (unsigned)(s->at[0].v - word_at) * 8;
    uint64_t mask = ones_of_size(s->size) << shift;
    uint64_t word;

    *changed = false;
    /*
     * An operand across two 8-byte words cannot be exchanged at once (the CPU would lock
     * the bus for it), and a device has no such operation.
     */
    if (shift + 8 * s->size > 64 || !c->ops->is_ram(c->ops_ctx, gpa(word_at), 8) ||
        !gmem_load64(c->w->mem, gpa(word_at), &word))
        return emul_write_span(c, s, &value);
    word = (word & ~mask) | (old << shift & mask);
    hv_status st = gmem_cmpxchg(c->w->mem, gpa(word_at), 8, &word,
                                (word & ~mask) | (value << shift & mask));
    if (st == HV_BUSY) {
        *changed = true;
        return EMUL_DONE;
    }
    return st == HV_PERM ? EMUL_DONE : emul_from_status(c, st);      /* ROM ignores writes */
}
