/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that read one operand or write one: moves, extensions, bit scans,
 * conditions, multiplication and division, stack (SDM vol. 2 at each). Called through
 * the table in exec.c.
 */
#include "emul_priv.h"

#include "socle/bits.h"

/* Opens dst for writing (not memory that is also read) and reads src of srcsize. */
static enum emul_status open_move(struct emul_ctx *c, struct operand *dst, uint64_t *v)
{
    const struct insn *i = &c->insn;
    struct operand src;
    enum emul_status e = emul_operand(c, (enum insn_opd)i->dst, i->opsize, GVA_WRITE, dst);

    e = e ? e : emul_operand(c, (enum insn_opd)i->src, i->srcsize, GVA_READ, &src);
    return e ? e : emul_operand_read(c, &src, v);
}

/* mov, movnti, movdiri, movzx, mov from a segment register */
enum emul_status emul_do_mov(struct emul_ctx *c)
{
    struct operand dst;
    uint64_t v;
    enum emul_status e = open_move(c, &dst, &v);

    return e ? e : emul_operand_write(c, &dst, v);
}

/* movsx, movsxd */
enum emul_status emul_do_movsx(struct emul_ctx *c)
{
    struct operand dst;
    uint64_t v;
    enum emul_status e = open_move(c, &dst, &v);

    return e ? e : emul_operand_write(c, &dst, alu_sign_extend(v, c->insn.srcsize));
}

enum emul_status emul_do_movbe(struct emul_ctx *c)
{
    struct operand dst;
    uint64_t v;
    enum emul_status e = open_move(c, &dst, &v);

    return e ? e : emul_operand_write(c, &dst, __builtin_bswap64(v) >> (64 - 8 * c->insn.opsize));
}

enum emul_status emul_do_lea(struct emul_ctx *c)
{
    emul_set_reg(c, c->insn.reg, c->insn.opsize, emul_address(c, 0));
    return EMUL_DONE;
}

/* bsf, bsr, tzcnt, lzcnt, popcnt */
enum emul_status emul_do_scan(struct emul_ctx *c)
{
    const struct insn *i = &c->insn;
    bool keeps = i->op == INSN_BSF || i->op == INSN_BSR;
    uint64_t v, flags = c->s->rflags;
    struct operand dst;
    enum emul_status e = open_move(c, &dst, &v);

    if (e)
        return e;
    uint64_t r = alu_scan((enum insn_op)i->op, i->opsize, v, &flags);
    /* A scan that finds nothing leaves the whole register, as both vendors do. */
    if (!keeps || !(flags & RFLAGS_ZF))
        emul_set_reg(c, i->reg, i->opsize, r);
    emul_set_flags(c, flags);
    return EMUL_DONE;
}

enum emul_status emul_do_setcc(struct emul_ctx *c)
{
    struct operand dst;
    enum emul_status e = emul_operand(c, OPD_RM, 1, GVA_WRITE, &dst);

    return e ? e : emul_operand_write(c, &dst, alu_condition(c->insn.opcode, c->s->rflags));
}

/* Reads its source, and clears the upper half of a 32-bit destination, in either case. */
enum emul_status emul_do_cmovcc(struct emul_ctx *c)
{
    const struct insn *i = &c->insn;
    struct operand dst;
    uint64_t v;
    enum emul_status e = open_move(c, &dst, &v);

    if (e)
        return e;
    if (!alu_condition(i->opcode, c->s->rflags))
        v = emul_reg(c, i->reg, i->opsize);
    emul_set_reg(c, i->reg, i->opsize, v);
    return EMUL_DONE;
}

/* mul and imul with one operand: rDX:rAX, or AX for bytes. */
enum emul_status emul_do_multiply(struct emul_ctx *c)
{
    const struct insn *i = &c->insn;
    uint64_t v, low, high, flags = c->s->rflags;
    struct operand src;
    enum emul_status e = emul_operand(c, OPD_RM, i->opsize, GVA_READ, &src);

    e = e ? e : emul_operand_read(c, &src, &v);
    if (e)
        return e;
    low = alu_multiply((enum insn_op)i->op, i->opsize, emul_reg(c, GPR_RAX, i->opsize), v, &high,
                       &flags);
    if (i->opsize == 1) {
        emul_set_reg(c, GPR_RAX, 2, low | high << 8);
    } else {
        emul_set_reg(c, GPR_RAX, i->opsize, low);
        emul_set_reg(c, GPR_RDX, i->opsize, high);
    }
    emul_set_flags(c, flags);
    return EMUL_DONE;
}

/* imul with two or three operands. */
enum emul_status emul_do_imul(struct emul_ctx *c)
{
    const struct insn *i = &c->insn;
    bool three = i->map == INSN_MAP_1;
    uint64_t v, high, flags = c->s->rflags;
    struct operand dst;
    enum emul_status e = open_move(c, &dst, &v);

    if (e)
        return e;
    uint64_t other = three ? i->imm : emul_reg(c, i->reg, i->opsize);
    emul_set_reg(c, i->reg, i->opsize,
                 alu_multiply(INSN_IMUL1, i->opsize, v, other, &high, &flags));
    emul_set_flags(c, flags);
    return EMUL_DONE;
}

enum emul_status emul_do_divide(struct emul_ctx *c)
{
    const struct insn *i = &c->insn;
    bool bytes = i->opsize == 1;
    uint64_t v, quotient, remainder;
    struct operand src;
    enum emul_status e = emul_operand(c, OPD_RM, i->opsize, GVA_READ, &src);

    e = e ? e : emul_operand_read(c, &src, &v);
    if (e)
        return e;
    uint64_t low = emul_reg(c, GPR_RAX, bytes ? 2 : i->opsize);
    uint64_t high = bytes ? low >> 8 : emul_reg(c, GPR_RDX, i->opsize);
    if (!alu_divide((enum insn_op)i->op, i->opsize, high, low, v, &quotient, &remainder))
        return emul_raise_plain(c, VEC_DE);
    if (bytes) {
        emul_set_reg(c, GPR_RAX, 2, quotient | remainder << 8);
    } else {
        emul_set_reg(c, GPR_RAX, i->opsize, quotient);
        emul_set_reg(c, GPR_RDX, i->opsize, remainder);
    }
    return EMUL_DONE;
}

/* Width of the stack pointer (SDM vol. 1, 6.2.3). */
static unsigned stack_width(const struct emul_ctx *c)
{
    if (c->insn.mode == INSN_64)
        return 8;
    return c->s->seg[SEG_SS].attr & SEG_DB ? 4 : 2;
}

/* A stack pointer narrower than the register leaves the rest of it alone. */
static uint64_t moved_stack(const struct emul_ctx *c, int64_t by)
{
    unsigned width = stack_width(c);
    uint64_t rsp = c->s->gpr[GPR_RSP];

    return (rsp & ~ones_of_size(width)) | alu_cut(rsp + (uint64_t)by, width);
}

enum emul_status emul_push(struct emul_ctx *c, unsigned size, uint64_t v)
{
    uint64_t rsp = moved_stack(c, -(int64_t)size);
    struct span to;
    enum emul_status e = emul_open(c, SEG_SS, alu_cut(rsp, stack_width(c)), size, GVA_WRITE, &to);

    e = e ? e : emul_write_span(c, &to, &v);
    if (!e)
        c->s->gpr[GPR_RSP] = rsp;
    return e;
}

enum emul_status emul_do_push(struct emul_ctx *c)
{
    const struct insn *i = &c->insn;
    uint64_t rsp = moved_stack(c, -(int64_t)i->opsize), v;
    struct operand src;
    struct span to;
    enum emul_status e = emul_operand(c, (enum insn_opd)i->src, i->opsize, GVA_READ, &src);

    e = e ? e : emul_open(c, SEG_SS, alu_cut(rsp, stack_width(c)), i->opsize, GVA_WRITE, &to);
    e = e ? e : emul_operand_read(c, &src, &v);
    e = e ? e : emul_write_span(c, &to, &v);
    if (!e)
        c->s->gpr[GPR_RSP] = rsp;
    return e;
}

/* An address that uses RSP, and `pop rsp` itself, see RSP already incremented. */
enum emul_status emul_do_pop(struct emul_ctx *c)
{
    const struct insn *i = &c->insn;
    uint64_t before = c->s->gpr[GPR_RSP], v = 0;
    struct operand dst;
    struct span from;
    enum emul_status e = emul_open(c, SEG_SS, alu_cut(before, stack_width(c)), i->opsize,
                                   GVA_READ, &from);

    if (e)
        return e;
    c->s->gpr[GPR_RSP] = moved_stack(c, i->opsize);
    e = emul_operand(c, (enum insn_opd)i->dst, i->opsize, GVA_WRITE, &dst);
    e = e ? e : emul_read_span(c, &from, &v);
    e = e ? e : emul_operand_write(c, &dst, v);
    if (e)
        c->s->gpr[GPR_RSP] = before;
    return e;
}

enum emul_status emul_do_xlat(struct emul_ctx *c)
{
    const struct insn *i = &c->insn;
    uint64_t at = alu_cut(c->s->gpr[GPR_RBX] + (c->s->gpr[GPR_RAX] & 0xff), i->adsize);
    struct span from;
    uint8_t v;
    enum emul_status e = emul_open(c, (enum seg)i->seg, at, 1, GVA_READ, &from);

    e = e ? e : emul_read_span(c, &from, &v);
    if (!e)
        emul_set_reg(c, GPR_RAX, 1, v);
    return e;
}

/* A device's memory is in no cache; only the address is checked, as for a byte read. */
enum emul_status emul_do_flush(struct emul_ctx *c)
{
    struct operand line;

    return emul_operand(c, OPD_RM, 1, GVA_READ, &line);
}

/* nop and the prefetches, which neither fault nor access anything. */
enum emul_status emul_do_nop(struct emul_ctx *c) { return EMUL_DONE; }
