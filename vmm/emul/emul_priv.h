/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the emulator's own files share: memory operands that are checked and translated
 * before anything happens, operands in general, and the handlers of instructions.
 *
 * Steps return enum emul_status; EMUL_DONE (zero) means go on. Every handler opens all
 * its operands (which may fault) before its first side effect, and changes registers
 * and flags only after its last write to memory succeeded.
 */
#ifndef EMUL_PRIV_H
#define EMUL_PRIV_H

#include "alu.h"
#include "socle/emul.h"

enum { SPAN_MAX = 16 };         /* the largest memory operand in bytes */

/* A memory operand after all checks: one or, crossing a page, two stretches. */
struct span {
    unsigned size;
    unsigned first;             /* bytes at at[0]; the rest is at at[1] */
    gpa_t    at[2];
};

/* ---- access.c: segments, alignment, paging ------------------------------------ */

/* Sets c->exc and returns EMUL_EXCEPTION. No error code is pushed in real mode. */
enum emul_status emul_raise(struct emul_ctx *c, enum vector v, uint32_t error);
enum emul_status emul_raise_plain(struct emul_ctx *c, enum vector v);
/* What an operation of emul_ops returned. */
enum emul_status emul_from_status(struct emul_ctx *c, hv_status s);

/*
 * Segment checks and the linear address of `size` bytes at seg:offset. `access` has
 * GVA_WRITE or not. #GP, #SS.
 */
enum emul_status emul_linear(struct emul_ctx *c, enum seg seg, uint64_t offset, unsigned size,
                             unsigned access, uint64_t *linear);
/* Translates size <= PAGE_SIZE bytes; access as GVA_*, GVA_USER included. #PF. */
enum emul_status emul_translate(struct emul_ctx *c, uint64_t linear, unsigned size,
                                unsigned access, struct span *out);
/* Both, and the alignment check between them: a whole data access of the instruction. */
enum emul_status emul_open(struct emul_ctx *c, enum seg seg, uint64_t offset, unsigned size,
                           unsigned access, struct span *out);

enum emul_status emul_read_span(struct emul_ctx *c, const struct span *s, void *buf);
enum emul_status emul_write_span(struct emul_ctx *c, const struct span *s, const void *buf);
/*
 * Writes `value` where `old` was read. Atomic in RAM where the bytes allow it; *changed
 * tells that another vCPU got in between, and nothing was written.
 */
enum emul_status emul_replace_span(struct emul_ctx *c, const struct span *s, uint64_t old,
                                   uint64_t value, bool *changed);

/* ---- operand.c: registers, addresses, operands --------------------------------- */

uint64_t emul_reg(const struct emul_ctx *c, unsigned n, unsigned size);
void emul_set_reg(struct emul_ctx *c, unsigned n, unsigned size, uint64_t v);
/* A register used as address or counter: whole 2, 4 or 8 bytes, no AH and the like. */
void emul_set_address_reg(struct emul_ctx *c, enum gpr n, unsigned size, uint64_t v);

/* Offset of the instruction's memory operand in its segment, plus `add`, cut to adsize. */
uint64_t emul_address(const struct emul_ctx *c, uint64_t add);

struct operand {
    enum { OPERAND_VALUE, OPERAND_REG, OPERAND_MEM } kind;
    unsigned    size;
    unsigned    reg;
    uint64_t    value;          /* OPERAND_VALUE */
    struct span span;
};

/* Makes the operand ready; memory is checked and translated for `access` (GVA_WRITE or 0). */
enum emul_status emul_operand(struct emul_ctx *c, enum insn_opd which, unsigned size,
                              unsigned access, struct operand *o);
enum emul_status emul_operand_read(struct emul_ctx *c, const struct operand *o, uint64_t *v);
enum emul_status emul_operand_write(struct emul_ctx *c, const struct operand *o, uint64_t v);

/* Pushes `size` = 2 or 4 bytes; not in 64-bit mode. #SS, #PF, #AC: nothing was changed. */
enum emul_status emul_push(struct emul_ctx *c, unsigned size, uint64_t v);

/* Replaces the arithmetic flags of RFLAGS. */
void emul_set_flags(struct emul_ctx *c, uint64_t flags);

/* ---- handlers ------------------------------------------------------------------- */

/*
 * Carries out c->insn; RIP is the caller's to advance, except after emul_do_string,
 * which may stop between two iterations.
 */
typedef enum emul_status (*emul_handler)(struct emul_ctx *c);

enum emul_status emul_do_binary(struct emul_ctx *c);        /* exec_alu.c */
enum emul_status emul_do_unary(struct emul_ctx *c);
enum emul_status emul_do_shift(struct emul_ctx *c);
enum emul_status emul_do_shift_double(struct emul_ctx *c);
enum emul_status emul_do_bit(struct emul_ctx *c);
enum emul_status emul_do_xchg(struct emul_ctx *c);
enum emul_status emul_do_xadd(struct emul_ctx *c);
enum emul_status emul_do_cmpxchg(struct emul_ctx *c);
enum emul_status emul_do_cmpxchg8b(struct emul_ctx *c);

enum emul_status emul_do_mov(struct emul_ctx *c);           /* exec_mov.c */
enum emul_status emul_do_movsx(struct emul_ctx *c);
enum emul_status emul_do_movbe(struct emul_ctx *c);
enum emul_status emul_do_lea(struct emul_ctx *c);
enum emul_status emul_do_scan(struct emul_ctx *c);
enum emul_status emul_do_setcc(struct emul_ctx *c);
enum emul_status emul_do_cmovcc(struct emul_ctx *c);
enum emul_status emul_do_multiply(struct emul_ctx *c);
enum emul_status emul_do_imul(struct emul_ctx *c);
enum emul_status emul_do_divide(struct emul_ctx *c);
enum emul_status emul_do_push(struct emul_ctx *c);
enum emul_status emul_do_pop(struct emul_ctx *c);
enum emul_status emul_do_xlat(struct emul_ctx *c);
enum emul_status emul_do_nop(struct emul_ctx *c);
enum emul_status emul_do_flush(struct emul_ctx *c);

enum emul_status emul_do_string(struct emul_ctx *c);        /* exec_str.c */
enum emul_status emul_do_in_out(struct emul_ctx *c);        /* exec_io.c */
/* One batch of at most `max` elements of ins or outs; *done tells how many. */
enum emul_status emul_do_ins(struct emul_ctx *c, uint32_t max, uint32_t *done);
enum emul_status emul_do_outs(struct emul_ctx *c, uint32_t max, uint32_t *done);
enum emul_status emul_do_vec(struct emul_ctx *c);           /* exec_vec.c */

#endif
