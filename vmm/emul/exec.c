/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emulator's entry: from a vCPU's state to one instruction carried out. The core
 * calls emul_run for accesses to MMIO and for string I/O. An instruction is added by
 * naming it in the decoder's tables and giving it a handler here; one without a
 * handler ends as EMUL_UNSUPPORTED with its bytes in the context.
 */
#include "emul_priv.h"

static const emul_handler handlers[INSN_OP_COUNT] = {
    [INSN_ADD ... INSN_CMP] = emul_do_binary,
    [INSN_TEST] = emul_do_binary,
    [INSN_MOV] = emul_do_mov,
    [INSN_MOVZX] = emul_do_mov,
    [INSN_MOVSX] = emul_do_movsx,
    [INSN_MOVBE] = emul_do_movbe,
    [INSN_LEA] = emul_do_lea,
    [INSN_XCHG] = emul_do_xchg,
    [INSN_XADD] = emul_do_xadd,
    [INSN_CMPXCHG] = emul_do_cmpxchg,
    [INSN_CMPXCHG8B] = emul_do_cmpxchg8b,
    [INSN_INC ... INSN_NEG] = emul_do_unary,
    [INSN_ROL ... INSN_SAR] = emul_do_shift,
    [INSN_SHLD ... INSN_SHRD] = emul_do_shift_double,
    [INSN_BT ... INSN_BTC] = emul_do_bit,
    [INSN_BSF ... INSN_POPCNT] = emul_do_scan,
    [INSN_SETCC] = emul_do_setcc,
    [INSN_CMOVCC] = emul_do_cmovcc,
    [INSN_MUL ... INSN_IMUL1] = emul_do_multiply,
    [INSN_DIV ... INSN_IDIV] = emul_do_divide,
    [INSN_IMUL] = emul_do_imul,
    [INSN_PUSH] = emul_do_push,
    [INSN_POP] = emul_do_pop,
    [INSN_MOV_FROM_SREG] = emul_do_mov,
    [INSN_XLAT] = emul_do_xlat,
    [INSN_NOP] = emul_do_nop,
    [INSN_CLFLUSH] = emul_do_flush,
    [INSN_MOVS ... INSN_SCAS] = emul_do_string,
    [INSN_IN ... INSN_OUT] = emul_do_in_out,
    [INSN_INS ... INSN_OUTS] = emul_do_string,
    [INSN_VEC_MOV ... INSN_VEC_MOV_LOW] = emul_do_vec,
};

enum emul_status emul_exec(struct emul_ctx *c)
{
    emul_handler handler = c->insn.op < INSN_OP_COUNT ? handlers[c->insn.op] : NULL;

    c->step_trap = false;
    c->iterations = 0;
    c->failure = HV_OK;
    if (!handler)
        return EMUL_UNSUPPORTED;
    enum emul_status e = handler(c);
    if (e == EMUL_DONE && handler != emul_do_string)
        c->step_trap = emul_retire(c->s, c->insn.len);
    return e;
}

enum emul_status emul_run(struct emul_ctx *c)
{
    c->insn.len = 0;
    hv_status s = insn_fetch(c->w, c->s, &c->insn, &c->exc);

    if (likely(s == HV_OK))
        return emul_exec(c);
    c->step_trap = false;
    c->iterations = 0;
    c->failure = HV_OK;
    if (s == HV_INVALID)
        return EMUL_EXCEPTION;
    return s == HV_BUSY ? EMUL_RETRY : EMUL_UNSUPPORTED;
}
