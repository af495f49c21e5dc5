/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operands of an instruction: registers in all widths, the offset of a memory operand
 * (SDM vol. 1, 3.7.5), immediates. Every handler opens its operands here before it
 * does anything else.
 */
#include "emul_priv.h"

#include "socle/bits.h"

/* AH, CH, DH and BH are byte registers 4 to 7 without REX (SDM vol. 1, 3.4.1.1). */
static bool is_high_byte(const struct emul_ctx *c, unsigned n, unsigned size)
{
    return size == 1 && !c->insn.rex && n >= 4 && n < 8;
}

uint64_t emul_reg(const struct emul_ctx *c, unsigned n, unsigned size)
{
    if (is_high_byte(c, n, size))
        return c->s->gpr[n - 4] >> 8 & 0xff;
    return alu_cut(c->s->gpr[n], size);
}

void emul_set_reg(struct emul_ctx *c, unsigned n, unsigned size, uint64_t v)
{
    if (is_high_byte(c, n, size)) {
        c->s->gpr[n - 4] = (c->s->gpr[n - 4] & ~0xff00ull) | (v & 0xff) << 8;
        return;
    }
    /* Writing 32 bits clears the upper half, smaller writes keep the rest (3.4.1.1). */
    if (size >= 4)
        c->s->gpr[n] = alu_cut(v, size);
    else
        c->s->gpr[n] = (c->s->gpr[n] & ~ones_of_size(size)) | alu_cut(v, size);
}

void emul_set_address_reg(struct emul_ctx *c, enum gpr n, unsigned size, uint64_t v)
{
    if (size == 2)
        c->s->gpr[n] = (c->s->gpr[n] & ~0xffffull) | (v & 0xffff);
    else
        c->s->gpr[n] = alu_cut(v, size);
}

uint64_t emul_address(const struct emul_ctx *c, uint64_t add)
{
    const struct insn *i = &c->insn;
    uint64_t a = (uint64_t)i->disp + add;

    if (i->base != INSN_NO_REG)
        a += c->s->gpr[i->base];
    if (i->index != INSN_NO_REG)
        a += c->s->gpr[i->index] << i->scale;
    if (i->rip_relative)
        a += c->s->rip + i->len;
    return alu_cut(a, i->adsize);
}

static enum emul_status open_memory(struct emul_ctx *c, unsigned size, unsigned access,
                                    struct operand *o)
{
    o->kind = OPERAND_MEM;
    return emul_open(c, (enum seg)c->insn.seg, emul_address(c, 0), size, access, &o->span);
}

enum emul_status emul_operand(struct emul_ctx *c, enum insn_opd which, unsigned size,
                              unsigned access, struct operand *o)
{
    const struct insn *i = &c->insn;

    *o = (struct operand){ .kind = OPERAND_VALUE, .size = size };
    switch (which) {
    case OPD_RM:
        if (i->is_mem)
            return open_memory(c, size, access, o);
        o->kind = OPERAND_REG;
        o->reg = i->rm;
        break;
    case OPD_MOFFS:
        return open_memory(c, size, access, o);
    case OPD_REG:
    case OPD_OPREG:
        o->kind = OPERAND_REG;
        o->reg = i->reg;
        break;
    case OPD_ACC:
        o->kind = OPERAND_REG;
        o->reg = GPR_RAX;
        break;
    case OPD_IMM:
        o->value = i->imm;
        break;
    case OPD_ONE:
        o->value = 1;
        break;
    case OPD_CL:
        o->value = c->s->gpr[GPR_RCX] & 0xff;
        break;
    case OPD_DX:
        o->value = c->s->gpr[GPR_RDX] & 0xffff;
        break;
    case OPD_SEG:
        o->value = c->s->seg[i->modrm >> 3 & 7].sel;
        break;
    case OPD_NONE:
        break;
    }
    return EMUL_DONE;
}

enum emul_status emul_operand_read(struct emul_ctx *c, const struct operand *o, uint64_t *v)
{
    switch (o->kind) {
    case OPERAND_VALUE:
        *v = o->value;
        break;
    case OPERAND_REG:
        *v = emul_reg(c, o->reg, o->size);
        break;
    case OPERAND_MEM:
        *v = 0;
        return emul_read_span(c, &o->span, v);
    }
    return EMUL_DONE;
}

enum emul_status emul_operand_write(struct emul_ctx *c, const struct operand *o, uint64_t v)
{
    if (o->kind == OPERAND_MEM)
        return emul_write_span(c, &o->span, &v);
    emul_set_reg(c, o->reg, o->size, v);
    return EMUL_DONE;
}

void emul_set_flags(struct emul_ctx *c, uint64_t flags)
{
    c->s->rflags = (c->s->rflags & ~ALU_FLAGS) | (flags & ALU_FLAGS);
}
