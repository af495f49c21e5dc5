/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SSE moves between memory and a register, as compilers and drivers use them for
 * wide device registers (SDM vol. 2, MOVAPS, MOVDQU, MOVD and others; exceptions of
 * type 1, 4 and 5 in 2.4). The registers are the core's, behind emul_ops. VEX and
 * EVEX forms are not executed. Called through the table in exec.c.
 */
#include "emul_priv.h"

/* #UD and #NM come before any access (SDM vol. 3, 13.1 and table 2-18 of vol. 2). */
static enum emul_status check_sse(struct emul_ctx *c)
{
    if ((c->s->cr0 & CR0_EM) || !(c->s->cr4 & CR4_OSFXSR))
        return emul_raise_plain(c, VEC_UD);
    if (c->s->cr0 & CR0_TS)
        return emul_raise_plain(c, VEC_NM);
    return EMUL_DONE;
}

/* movups, movupd, movdqu and lddqu take any address; other 16-byte moves fault on it. */
static bool wants_alignment(const struct insn *i)
{
    if (i->op != INSN_VEC_MOV)
        return false;
    return i->map == INSN_MAP_0F38 || !(i->opcode == 0x10 || i->opcode == 0x11 ||
                                        i->opcode == 0xf0 || i->rep == INSN_REP);
}

enum emul_status emul_do_vec(struct emul_ctx *c)
{
    const struct insn *i = &c->insn;
    bool store = i->dst == OPD_RM;
    unsigned access = store ? GVA_WRITE : GVA_READ;
    uint8_t v[16] = { 0 };
    struct operand mem;
    uint64_t linear;
    enum emul_status e;

    if (!c->ops->vec_get || !c->ops->vec_set)
        return EMUL_UNSUPPORTED;
    e = check_sse(c);
    if (!e && wants_alignment(i)) {
        e = emul_linear(c, (enum seg)i->seg, emul_address(c, 0), i->opsize, access, &linear);
        if (!e && (linear & 15))
            e = emul_raise(c, VEC_GP, 0);
    }
    e = e ? e : emul_operand(c, OPD_RM, i->opsize, access, &mem);
    if (e)
        return e;
    if (store) {
        c->ops->vec_get(c->ops_ctx, i->reg, v);
        return emul_write_span(c, &mem.span, v);
    }
    e = emul_read_span(c, &mem.span, v);
    if (!e)
        c->ops->vec_set(c->ops_ctx, i->reg, v);         /* what was not loaded is zero */
    return e;
}
