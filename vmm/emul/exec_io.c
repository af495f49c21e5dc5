/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port instructions and the check of I/O permission (SDM vol. 1, 18.5; vol. 3,
 * 7.7 for the TSS). ins and outs move as many elements per call of the core as lie in
 * one page of RAM. Called from exec.c, exec_str.c, and by exit handlers of ports.
 */
#include "emul_priv.h"

#include "socle/bits.h"

enum {
    TSS_IO_BASE     = 102,      /* offset of the bitmap's offset in a 32- and 64-bit TSS */
    TSS_MIN_LIMIT   = 103,
    TSS_TYPE_32     = 9,        /* available; busy is 11 */
    BATCH_BYTES     = 512,      /* on the stack */
};

/* Reads two bytes of the TSS as the CPU does: supervisor, whatever the CPL. */
static enum emul_status read_tss(struct emul_ctx *c, uint32_t offset, uint16_t *v)
{
    uint64_t linear = c->s->tr.base + offset;
    struct span s;
    enum emul_status e = emul_translate(c, linear, 2, GVA_IMPLICIT, &s);

    return e ? e : emul_read_span(c, &s, v);
}

enum emul_status emul_io_check(struct emul_ctx *c, uint16_t port, unsigned size)
{
    const struct vcpu_state *s = c->s;
    uint64_t iopl = (s->rflags & RFLAGS_IOPL) >> 12;
    uint16_t base, bits;

    if (!(s->cr0 & CR0_PE) || (!(s->rflags & RFLAGS_VM) && s->cpl <= iopl))
        return EMUL_DONE;
    if (!(s->tr.attr & SEG_P) || (s->tr.attr & SEG_TYPE & ~2u) != TSS_TYPE_32 ||
        s->tr.limit < TSS_MIN_LIMIT)
        return emul_raise(c, VEC_GP, 0);
    enum emul_status e = read_tss(c, TSS_IO_BASE, &base);
    if (e)
        return e;
    /* Two bytes are always read, so the last one needs a byte of ones after it (18.5.2). */
    uint32_t at = base + port / 8u;
    if (at + 1 > s->tr.limit)
        return emul_raise(c, VEC_GP, 0);
    e = read_tss(c, at, &bits);
    if (e)
        return e;
    return bits >> (port & 7) & (BIT(size) - 1) ? emul_raise(c, VEC_GP, 0) : EMUL_DONE;
}

/* Calls the core; a count it must not return is a failure of the core. */
static enum emul_status transfer(struct emul_ctx *c, uint16_t port, bool write, void *buf,
                                 uint32_t *n)
{
    uint32_t asked = *n;
    hv_status st = c->ops->io(c->ops_ctx, port, write, c->insn.opsize, buf, n);

    if (st == HV_OK && (*n == 0 || *n > asked))
        st = HV_INVALID;
    return emul_from_status(c, st);
}

enum emul_status emul_do_in_out(struct emul_ctx *c)
{
    const struct insn *i = &c->insn;
    bool out = i->op == INSN_OUT;
    struct operand port, acc;
    uint32_t value = 0, one = 1;
    enum emul_status e = emul_operand(c, (enum insn_opd)(out ? i->dst : i->src), 2, 0, &port);

    e = e ? e : emul_operand(c, OPD_ACC, i->opsize, 0, &acc);
    e = e ? e : emul_io_check(c, (uint16_t)port.value, i->opsize);
    if (e)
        return e;
    if (out)
        value = (uint32_t)emul_reg(c, GPR_RAX, i->opsize);
    e = transfer(c, (uint16_t)port.value, out, &value, &one);
    return e || out ? e : emul_operand_write(c, &acc, value);
}

/*
 * How many elements from seg:offset on can go at once: going up, inside the page of the
 * first, which `s` has, inside the segment, in RAM.
 */
static uint32_t batch(struct emul_ctx *c, enum seg seg, uint64_t offset, unsigned access,
                      const struct span *s, uint32_t max)
{
    unsigned size = c->insn.opsize;
    uint64_t room = PAGE_SIZE - (s->at[0].v & (PAGE_SIZE - 1));
    uint64_t n = min_u64(max, min_u64(room, BATCH_BYTES) / size);
    uint64_t linear;

    if (n < 2 || (c->s->rflags & RFLAGS_DF) || s->first != s->size)
        return 1;
    if (offset + n * size - 1 > ones_of_size(c->insn.adsize) ||
        emul_linear(c, seg, offset, (unsigned)(n * size), access, &linear) ||
        !c->ops->is_ram(c->ops_ctx, s->at[0], n * size))
        return 1;
    return (uint32_t)n;
}

static void advance(struct emul_ctx *c, enum gpr n, uint32_t elements)
{
    uint64_t step = (uint64_t)elements * c->insn.opsize;

    if (c->s->rflags & RFLAGS_DF)
        step = -step;
    emul_set_address_reg(c, n, c->insn.adsize, c->s->gpr[n] + step);
}

enum emul_status emul_do_ins(struct emul_ctx *c, uint32_t max, uint32_t *done)
{
    uint64_t offset = alu_cut(c->s->gpr[GPR_RDI], c->insn.adsize);
    uint8_t buf[BATCH_BYTES] = { 0 };
    struct span to;
    enum emul_status e = emul_open(c, SEG_ES, offset, c->insn.opsize, GVA_WRITE, &to);

    if (e)
        return e;
    uint32_t n = batch(c, SEG_ES, offset, GVA_WRITE, &to, max);
    bool one = n == 1;
    e = transfer(c, (uint16_t)c->s->gpr[GPR_RDX], false, buf, &n);
    if (e)
        return e;
    if (one) {
        e = emul_write_span(c, &to, buf);
    } else {
        hv_status st = gmem_write(c->w->mem, to.at[0], buf, (size_t)n * c->insn.opsize);
        e = st == HV_PERM ? EMUL_DONE : emul_from_status(c, st);        /* ROM */
    }
    if (e)
        return e;
    advance(c, GPR_RDI, n);
    *done = n;
    return EMUL_DONE;
}

enum emul_status emul_do_outs(struct emul_ctx *c, uint32_t max, uint32_t *done)
{
    enum seg seg = (enum seg)c->insn.seg;
    uint64_t offset = alu_cut(c->s->gpr[GPR_RSI], c->insn.adsize);
    uint8_t buf[BATCH_BYTES] = { 0 };
    struct span from;
    enum emul_status e = emul_open(c, seg, offset, c->insn.opsize, GVA_READ, &from);

    if (e)
        return e;
    uint32_t n = batch(c, seg, offset, GVA_READ, &from, max);
    if (n == 1)
        e = emul_read_span(c, &from, buf);
    else
        e = emul_from_status(c, gmem_read(c->w->mem, from.at[0], buf, (size_t)n * c->insn.opsize));
    e = e ? e : transfer(c, (uint16_t)c->s->gpr[GPR_RDX], true, buf, &n);
    if (e)
        return e;
    advance(c, GPR_RSI, n);
    *done = n;
    return EMUL_DONE;
}
