/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * String instructions, with and without repetition (SDM vol. 1, 7.3.9; vol. 2, REP).
 * Registers are brought up to date after each iteration, so that the instruction can
 * stop anywhere: at a fault, when its budget is used up, or for a single step. No
 * guest keeps a CPU here with a count of 2^64. Called from exec.c.
 */
#include "emul_priv.h"

#include "socle/bits.h"

static uint64_t pointer(const struct emul_ctx *c, enum gpr n)
{
    return alu_cut(c->s->gpr[n], c->insn.adsize);
}

static void advance(struct emul_ctx *c, enum gpr n)
{
    uint64_t step = c->insn.opsize;

    if (c->s->rflags & RFLAGS_DF)
        step = -step;
    emul_set_address_reg(c, n, c->insn.adsize, c->s->gpr[n] + step);
}

/* The source takes a segment override, the destination never does. */
static enum emul_status open_source(struct emul_ctx *c, struct span *s)
{
    return emul_open(c, (enum seg)c->insn.seg, pointer(c, GPR_RSI), c->insn.opsize, GVA_READ, s);
}

static enum emul_status open_dest(struct emul_ctx *c, unsigned access, struct span *s)
{
    return emul_open(c, SEG_ES, pointer(c, GPR_RDI), c->insn.opsize, access, s);
}

static enum emul_status movs(struct emul_ctx *c)
{
    struct span from, to;
    uint64_t v = 0;
    enum emul_status e = open_source(c, &from);

    e = e ? e : open_dest(c, GVA_WRITE, &to);
    e = e ? e : emul_read_span(c, &from, &v);
    e = e ? e : emul_write_span(c, &to, &v);
    if (!e) {
        advance(c, GPR_RSI);
        advance(c, GPR_RDI);
    }
    return e;
}

static enum emul_status stos(struct emul_ctx *c)
{
    struct span to;
    uint64_t v = alu_cut(c->s->gpr[GPR_RAX], c->insn.opsize);
    enum emul_status e = open_dest(c, GVA_WRITE, &to);

    e = e ? e : emul_write_span(c, &to, &v);
    if (!e)
        advance(c, GPR_RDI);
    return e;
}

static enum emul_status lods(struct emul_ctx *c)
{
    struct span from;
    uint64_t v = 0;
    enum emul_status e = open_source(c, &from);

    e = e ? e : emul_read_span(c, &from, &v);
    if (!e) {
        emul_set_reg(c, GPR_RAX, c->insn.opsize, v);
        advance(c, GPR_RSI);
    }
    return e;
}

/* cmps compares [rSI] with [rDI], scas the accumulator. */
static enum emul_status compare(struct emul_ctx *c)
{
    bool scas = c->insn.op == INSN_SCAS;
    uint64_t a = c->s->gpr[GPR_RAX], b = 0, flags = c->s->rflags;
    struct span from, to;
    enum emul_status e = scas ? EMUL_DONE : open_source(c, &from);

    e = e ? e : open_dest(c, GVA_READ, &to);
    if (!e && !scas) {
        a = 0;
        e = emul_read_span(c, &from, &a);
    }
    e = e ? e : emul_read_span(c, &to, &b);
    if (e)
        return e;
    (void)alu_binary(INSN_CMP, c->insn.opsize, a, b, &flags);
    emul_set_flags(c, flags);
    if (!scas)
        advance(c, GPR_RSI);
    advance(c, GPR_RDI);
    return EMUL_DONE;
}

/* One iteration; port strings may do up to `max` at once. */
static enum emul_status iterate(struct emul_ctx *c, uint32_t max, uint32_t *done)
{
    *done = 1;
    switch ((unsigned)c->insn.op) {
    case INSN_MOVS: return movs(c);
    case INSN_STOS: return stos(c);
    case INSN_LODS: return lods(c);
    case INSN_INS:  return emul_do_ins(c, max, done);
    case INSN_OUTS: return emul_do_outs(c, max, done);
    default:        return compare(c);
    }
}

/* repe and repne of cmps and scas end early. */
static bool ends_by_flag(const struct emul_ctx *c)
{
    bool zero = c->s->rflags & RFLAGS_ZF;

    if (c->insn.op != INSN_CMPS && c->insn.op != INSN_SCAS)
        return false;
    return c->insn.rep == INSN_REP ? !zero : zero;
}

static enum emul_status check_port(struct emul_ctx *c)
{
    if (c->insn.op != INSN_INS && c->insn.op != INSN_OUTS)
        return EMUL_DONE;
    return emul_io_check(c, (uint16_t)c->s->gpr[GPR_RDX], c->insn.opsize);
}

enum emul_status emul_do_string(struct emul_ctx *c)
{
    bool rep = c->insn.rep, step = c->s->rflags & RFLAGS_TF;
    uint64_t left = rep ? pointer(c, GPR_RCX) : 1;
    uint32_t budget = c->budget && !step ? c->budget : 1;
    enum emul_status e = left ? check_port(c) : EMUL_DONE;

    while (!e && left && c->iterations < budget) {
        uint32_t done;
        e = iterate(c, (uint32_t)min_u64(left, budget - c->iterations), &done);
        if (e)
            break;
        c->iterations += done;
        left -= done;
        if (rep)
            emul_set_address_reg(c, GPR_RCX, c->insn.adsize, left);
        if (rep && ends_by_flag(c))
            left = 0;
    }
    if (e)
        return e;
    if (left && !step)
        return EMUL_PROGRESS;
    c->step_trap = emul_retire(c->s, left ? 0 : c->insn.len);
    return EMUL_DONE;
}
