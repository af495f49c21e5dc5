/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that read an operand, compute, and write it back: arithmetic, shifts,
 * bits, exchanges (SDM vol. 2 at each). One read and one write of memory each; with
 * LOCK (or XCHG, which implies it) atomic in RAM: when another vCPU wrote in between,
 * the computation is repeated. Called through the table in exec.c.
 */
#include "emul_priv.h"

enum { LOCK_TRIES = 64 };       /* then the guest runs it again, which lets others go on */

/* Has to look indivisible to other vCPUs. */
static bool is_atomic(const struct insn *i) { return i->lock || i->op == INSN_XCHG; }

/* Writes dst where `old` was read. EMUL_DONE and *again: somebody was faster. */
static enum emul_status put_back(struct emul_ctx *c, const struct operand *dst, uint64_t old,
                                 uint64_t value, bool *again)
{
    *again = false;
    if (dst->kind == OPERAND_MEM && is_atomic(&c->insn))
        return emul_replace_span(c, &dst->span, old, value, again);
    return emul_operand_write(c, dst, value);
}

static bool writes_result(enum insn_op op)
{
    return op != INSN_CMP && op != INSN_TEST && op != INSN_BT;
}

/* One instruction of this file as a function: the new value of dst; may change the flags. */
typedef uint64_t (*compute_fn)(struct emul_ctx *c, uint64_t dst, uint64_t src, uint64_t *flags);

/* The common course: read both, compute, write, set flags. */
static enum emul_status modify(struct emul_ctx *c, const struct operand *dst,
                               const struct operand *src, compute_fn compute)
{
    enum insn_op op = (enum insn_op)c->insn.op;
    uint64_t b;
    enum emul_status e = emul_operand_read(c, src, &b);

    for (int tries = 0; !e && tries < LOCK_TRIES; tries++) {
        uint64_t a, flags = c->s->rflags;
        bool again = false;
        e = emul_operand_read(c, dst, &a);
        if (e)
            return e;
        uint64_t r = compute(c, a, b, &flags);
        if (writes_result(op))
            e = put_back(c, dst, a, r, &again);
        if (!e && !again) {
            emul_set_flags(c, flags);
            return EMUL_DONE;
        }
    }
    return e ? e : EMUL_RETRY;
}

static unsigned access_of(enum insn_op op) { return writes_result(op) ? GVA_WRITE : GVA_READ; }

static enum emul_status open_both(struct emul_ctx *c, struct operand *dst, struct operand *src)
{
    const struct insn *i = &c->insn;
    enum emul_status e = emul_operand(c, (enum insn_opd)i->dst, i->opsize,
                                      access_of((enum insn_op)i->op), dst);

    return e ? e : emul_operand(c, (enum insn_opd)i->src, i->opsize, GVA_READ, src);
}

static uint64_t compute_binary(struct emul_ctx *c, uint64_t a, uint64_t b, uint64_t *flags)
{
    return alu_binary((enum insn_op)c->insn.op, c->insn.opsize, a, b, flags);
}

enum emul_status emul_do_binary(struct emul_ctx *c)
{
    struct operand dst, src;
    enum emul_status e = open_both(c, &dst, &src);

    return e ? e : modify(c, &dst, &src, compute_binary);
}

static uint64_t compute_unary(struct emul_ctx *c, uint64_t a, uint64_t b, uint64_t *flags)
{
    return alu_unary((enum insn_op)c->insn.op, c->insn.opsize, a, flags);
}

enum emul_status emul_do_unary(struct emul_ctx *c)
{
    struct operand dst, src;
    enum emul_status e = open_both(c, &dst, &src);

    return e ? e : modify(c, &dst, &src, compute_unary);
}

static uint64_t compute_shift(struct emul_ctx *c, uint64_t a, uint64_t b, uint64_t *flags)
{
    return alu_shift((enum insn_op)c->insn.op, c->insn.opsize, a, b, flags);
}

enum emul_status emul_do_shift(struct emul_ctx *c)
{
    struct operand dst, src;
    enum emul_status e = open_both(c, &dst, &src);

    return e ? e : modify(c, &dst, &src, compute_shift);
}

static uint64_t compute_shift_double(struct emul_ctx *c, uint64_t a, uint64_t b, uint64_t *flags)
{
    /* A4 and AC have the count as immediate, A5 and AD in CL. */
    uint64_t count = c->insn.opcode & 1 ? c->s->gpr[GPR_RCX] & 0xff : c->insn.imm;
    return alu_shift_double((enum insn_op)c->insn.op, c->insn.opsize, a, b, count, flags);
}

enum emul_status emul_do_shift_double(struct emul_ctx *c)
{
    struct operand dst, src;
    enum emul_status e = open_both(c, &dst, &src);

    return e ? e : modify(c, &dst, &src, compute_shift_double);
}

static uint64_t compute_bit(struct emul_ctx *c, uint64_t a, uint64_t b, uint64_t *flags)
{
    unsigned bit = (unsigned)b & (alu_bits(c->insn.opsize) - 1);
    return alu_bit((enum insn_op)c->insn.op, a, bit, flags);
}

/*
 * With the offset in a register and a memory operand, the offset is signed and reaches
 * beyond the operand: the word that holds the bit is the one accessed.
 */
enum emul_status emul_do_bit(struct emul_ctx *c)
{
    const struct insn *i = &c->insn;
    struct operand dst, src;
    enum emul_status e;

    if (!i->is_mem || i->src == OPD_IMM) {
        e = open_both(c, &dst, &src);
        return e ? e : modify(c, &dst, &src, compute_bit);
    }
    e = emul_operand(c, OPD_REG, i->opsize, GVA_READ, &src);
    if (e)
        return e;
    int64_t offset = (int64_t)alu_sign_extend(emul_reg(c, i->reg, i->opsize), i->opsize);
    unsigned log_bits = i->opsize == 8 ? 6 : i->opsize == 4 ? 5 : 4;
    uint64_t bytes = (uint64_t)(offset >> log_bits) * i->opsize;
    dst = (struct operand){ .kind = OPERAND_MEM, .size = i->opsize };
    e = emul_open(c, (enum seg)i->seg, emul_address(c, bytes), i->opsize,
                  access_of((enum insn_op)i->op), &dst.span);
    return e ? e : modify(c, &dst, &src, compute_bit);
}

/* xchg and xadd: the source register gets the destination's old value. */
static enum emul_status exchange(struct emul_ctx *c, bool adds)
{
    struct operand dst, src;
    enum emul_status e = open_both(c, &dst, &src);

    for (int tries = 0; !e && tries < LOCK_TRIES; tries++) {
        uint64_t a, b, r, flags = c->s->rflags;
        bool again;
        e = emul_operand_read(c, &src, &b);
        e = e ? e : emul_operand_read(c, &dst, &a);
        if (e)
            return e;
        r = adds ? alu_binary(INSN_ADD, c->insn.opsize, a, b, &flags) : b;
        if (dst.kind == OPERAND_REG)
            emul_set_reg(c, src.reg, src.size, a);      /* xadd r, r: the sum wins */
        e = put_back(c, &dst, a, r, &again);
        if (!e && !again) {
            if (dst.kind != OPERAND_REG)
                emul_set_reg(c, src.reg, src.size, a);
            emul_set_flags(c, flags);
            return EMUL_DONE;
        }
    }
    return e ? e : EMUL_RETRY;
}

enum emul_status emul_do_xchg(struct emul_ctx *c) { return exchange(c, false); }
enum emul_status emul_do_xadd(struct emul_ctx *c) { return exchange(c, true); }

/*
 * Memory is written in either case, with its old value when the comparison fails; a
 * register is not touched then, so that its upper half stays.
 */
enum emul_status emul_do_cmpxchg(struct emul_ctx *c)
{
    struct operand dst, src;
    unsigned size = c->insn.opsize;
    enum emul_status e = open_both(c, &dst, &src);

    for (int tries = 0; !e && tries < LOCK_TRIES; tries++) {
        uint64_t old, b, flags = c->s->rflags, acc = emul_reg(c, GPR_RAX, size);
        bool again;
        e = emul_operand_read(c, &src, &b);
        e = e ? e : emul_operand_read(c, &dst, &old);
        if (e)
            return e;
        (void)alu_binary(INSN_CMP, size, acc, old, &flags);
        bool equal = flags & RFLAGS_ZF;
        again = false;
        if (equal || dst.kind == OPERAND_MEM)
            e = put_back(c, &dst, old, equal ? b : old, &again);
        if (!e && !again) {
            if (!equal)
                emul_set_reg(c, GPR_RAX, size, old);
            emul_set_flags(c, flags);
            return EMUL_DONE;
        }
    }
    return e ? e : EMUL_RETRY;
}

/* Sets ZF alone, and EDX:EAX (RDX:RAX) to what was found when it differs. */
static void finish_cmpxchg8b(struct emul_ctx *c, bool equal, uint64_t low, uint64_t high)
{
    unsigned half = c->insn.opsize / 2;

    if (equal) {
        c->s->rflags |= RFLAGS_ZF;
        return;
    }
    c->s->rflags &= ~RFLAGS_ZF;
    emul_set_reg(c, GPR_RAX, half, low);
    emul_set_reg(c, GPR_RDX, half, high);
}

static enum emul_status cmpxchg16b(struct emul_ctx *c, const struct operand *dst)
{
    const uint64_t *gpr = c->s->gpr;
    uint64_t old[2], new[2];

    /* 16 bytes of RAM cannot be exchanged at once here, and must not be torn. */
    if (c->ops->is_ram(c->ops_ctx, dst->span.at[0], 16))
        return EMUL_UNSUPPORTED;
    enum emul_status e = emul_read_span(c, &dst->span, old);
    if (e)
        return e;
    bool equal = old[0] == gpr[GPR_RAX] && old[1] == gpr[GPR_RDX];
    new[0] = equal ? gpr[GPR_RBX] : old[0];
    new[1] = equal ? gpr[GPR_RCX] : old[1];
    e = emul_write_span(c, &dst->span, new);
    if (!e)
        finish_cmpxchg8b(c, equal, old[0], old[1]);
    return e;
}

enum emul_status emul_do_cmpxchg8b(struct emul_ctx *c)
{
    uint64_t address = emul_address(c, 0), linear;
    unsigned size = c->insn.opsize;
    const uint64_t *gpr = c->s->gpr;
    struct operand dst;
    enum emul_status e;

    /* cmpxchg16b wants alignment whatever AC says; #GP before any page fault. */
    if (size == 16) {
        e = emul_linear(c, (enum seg)c->insn.seg, address, size, GVA_WRITE, &linear);
        if (e)
            return e;
        if (linear & 15)
            return emul_raise(c, VEC_GP, 0);
    }
    e = emul_operand(c, OPD_RM, size, GVA_WRITE, &dst);
    if (e || size == 16)
        return e ? e : cmpxchg16b(c, &dst);
    for (int tries = 0; tries < LOCK_TRIES; tries++) {
        uint64_t want = (uint32_t)gpr[GPR_RAX] | gpr[GPR_RDX] << 32;
        uint64_t new = (uint32_t)gpr[GPR_RBX] | gpr[GPR_RCX] << 32, old;
        bool again;
        e = emul_operand_read(c, &dst, &old);
        e = e ? e : put_back(c, &dst, old, old == want ? new : old, &again);
        if (e)
            return e;
        if (!again) {
            finish_cmpxchg8b(c, old == want, (uint32_t)old, old >> 32);
            return EMUL_DONE;
        }
    }
    return EMUL_RETRY;
}
