/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction decoder and emulator. The core calls it for accesses to MMIO and
 * for string I/O; backends call the fetch part alone to learn the length of an
 * instruction that exited. Pure: everything is reached through struct emul_ctx.
 *
 * Instruction bytes are read once, into struct insn, and everything after works on
 * that copy: a guest that rewrites its code meanwhile gains nothing.
 */
#ifndef SOCLE_EMUL_H
#define SOCLE_EMUL_H

#include "socle/gva.h"
#include "socle/insn.h"
#include "socle/regs.h"
#include "socle/status.h"

/* An event for the guest, as far as the emulator decides it. */
struct emul_exception {
    uint8_t  vector;            /* enum vector */
    bool     has_error;
    uint32_t error;
    uint64_t cr2;               /* VEC_PF only: the caller sets CR2 on injection */
};

/* ---- fetching --------------------------------------------------------------- */

/* Default operand and address size of the code that runs: CS.L, CS.D and EFER.LMA. */
static inline enum insn_mode insn_mode_of(const struct vcpu_state *s)
{
    uint16_t attr = s->seg[SEG_CS].attr;

    if ((s->efer & EFER_LMA) && (attr & SEG_L))
        return INSN_64;
    /* In real and virtual-8086 mode CS.D is what the cached descriptor says, mostly 0. */
    return attr & SEG_DB ? INSN_32 : INSN_16;
}

/*
 * Reads the instruction at CS:RIP and decodes it. Touches the second page of one that
 * crosses only when its bytes are needed. Uses rip, rflags, seg[CS], cpl, CRs, efer.
 *   HV_OK           *out is valid
 *   HV_INVALID      the guest gets *exc (#PF, #GP, #UD)
 *   HV_BUSY         page tables change under us; run the guest again
 *   HV_RANGE        the code is not in guest RAM or ROM
 */
MUST_CHECK hv_status insn_fetch(const struct gva_walker *w, const struct vcpu_state *s,
                                struct insn *out, struct emul_exception *exc);

/*
 * What the last peek's page walk read, and where: as long as the same registers and the
 * same table entries are found again, the walk would end at the same page. So each use
 * looks at guest memory as it is now. Not valid: all zero; also set so by whoever changes
 * the VM's memory. One per vCPU.
 */
struct peek_cache {
    uint64_t cr0, cr3, cr4, efer, page;
    const volatile uint64_t *entry[4];
    uint64_t value[4];
    const volatile uint8_t *code;       /* the page in the host; null: not valid */
    uint8_t cpl;
};

/*
 * The length of the instruction at CS:RIP if it is `op` in its shortest form, in 64-bit
 * mode and one page; 0 when it is not so plain, and insn_fetch has to look. For exits
 * that happen often. Marks pages accessed, as a fetch does.
 */
unsigned insn_peek(const struct gva_walker *w, const struct vcpu_state *s, enum insn_op op,
                   struct peek_cache *c);

/* The 16 bytes from CS:RIP on, read once, under the same conditions; false when they are not met. */
bool insn_peek_bytes(const struct gva_walker *w, const struct vcpu_state *s, uint8_t bytes[16],
                     struct peek_cache *c);

/* A move between a general register (or, storing, an immediate) and memory. */
struct plain_mov {
    uint64_t address;           /* linear, in 64-bit code without segment override */
    uint64_t value;             /* store: what is stored, zero-extended */
    uint8_t  len;               /* of the instruction */
    uint8_t  size, to_size;     /* bytes in memory; of the register that a load goes to */
    uint8_t  reg;
    bool     store;
};

/*
 * Is the instruction in `bytes`, in 64-bit code, such a move? Its short answer serves accesses to
 * devices, of which the hardware told the address; false leaves it to emul_run(). Uses
 * gpr[] and rip. A load ends with insn_plain_load().
 */
MUST_CHECK bool insn_plain_mov(const uint8_t bytes[16], const struct vcpu_state *s, struct plain_mov *m);
void insn_plain_load(const struct plain_mov *m, struct vcpu_state *s, uint64_t value);

/*
 * Ends an instruction of `len` bytes that was carried out for the guest: advances RIP
 * (cut to the mode's width), clears RF and the interrupt shadow. True when RFLAGS.TF was
 * set, so that the guest is due a single-step #DB (DR6.BS has been set in s->dr6).
 * Any exit handler may use it; needs REGS_RIP, seg[CS], efer, dr6 and debugctl.
 */
MUST_CHECK bool emul_retire(struct vcpu_state *s, unsigned len);

/* ---- executing --------------------------------------------------------------- */

/*
 * The emulator's way to memory, ports and vector registers; provided by the core.
 * HV_BUSY from any of them: nothing was done, the guest runs the instruction again.
 * Any other failure ends emulation with EMUL_FAILED.
 */
struct emul_ops {
    /*
     * One access of `size` = 1, 2, 4 or 8 bytes inside one page, to RAM or MMIO. An access
     * of the instruction arrives as it is, one call per operand; only one that crosses a
     * page is split, into naturally aligned pieces, and 16-byte ones into two of 8.
     * Where nobody answers reads give ones and writes vanish (HV_OK).
     */
    hv_status (*read)(void *ctx, gpa_t at, void *buf, unsigned size);
    hv_status (*write)(void *ctx, gpa_t at, const void *buf, unsigned size);

    /*
     * True when [at, at+n) is plain memory, with no device over it, so that walker->mem may
     * be used directly: for bulk copies and for atomic read-modify-write.
     */
    bool (*is_ram)(void *ctx, gpa_t at, size_t n);

    /*
     * Transfers up to *count elements of `size` = 1, 2 or 4 bytes between the port and buf,
     * in order, and sets *count to those transferred (at least 1 on HV_OK). Permission has
     * been checked. *count > 1 comes from rep ins/outs only.
     */
    hv_status (*io)(void *ctx, uint16_t port, bool write, unsigned size, void *buf,
                    uint32_t *count);

    /* 16 bytes of XMM register n (0 to 15). Null: vector moves are EMUL_UNSUPPORTED. */
    void (*vec_get)(void *ctx, unsigned n, uint8_t v[16]);
    /* Bits above 128 of the register stay (legacy SSE encoding). */
    void (*vec_set)(void *ctx, unsigned n, const uint8_t v[16]);
};

enum emul_status {
    EMUL_DONE,                  /* carried out; state is after it, see ctx->step_trap */
    EMUL_PROGRESS,              /* budget of a rep used up: state is between two iterations,
                                   RIP still at the instruction; simply go on later */
    EMUL_EXCEPTION,             /* ctx->exc for the guest, a fault; state as the CPU would leave
                                   it, but RF, which whoever injects a fault sets */
    EMUL_RETRY,                 /* could not go on (of a rep: further); run the guest again */
    EMUL_UNSUPPORTED,           /* nothing was done; ctx->insn has the bytes for the report, or
                                   none (len 0) when the code is not in RAM or ROM */
    EMUL_FAILED,                /* an operation of emul_ops refused; ctx->failure says what */
};

struct emul_ctx {
    /* in; the state needs every group (of REGS_MSR only debugctl) */
    struct vcpu_state       *s;
    const struct gva_walker *w;
    const struct emul_ops   *ops;
    void                    *ops_ctx;
    uint32_t                 budget;    /* iterations of a rep per call; 0 counts as 1 */
    /* out */
    struct insn              insn;
    struct emul_exception    exc;       /* EMUL_EXCEPTION */
    hv_status                failure;   /* EMUL_FAILED */
    bool                     step_trap; /* EMUL_DONE: a single-step #DB is due, DR6.BS set */
    uint32_t                 iterations;/* of a rep, done by this call (for accounting) */
};

/* Fetches, decodes and executes the instruction at CS:RIP. By the vCPU's own CPU, no locks. */
MUST_CHECK enum emul_status emul_run(struct emul_ctx *c);

/* Executes c->insn, decoded before by insn_fetch or insn_decode from bytes of this exit. */
MUST_CHECK enum emul_status emul_exec(struct emul_ctx *c);

/*
 * May the vCPU reach `size` ports from `port` on at its CPL (IOPL, TSS bitmap; SDM vol. 1,
 * 18.5)? EMUL_DONE, or EMUL_EXCEPTION with c->exc (#GP, or #PF from the TSS), or EMUL_RETRY.
 * For cores whose backend reports port exits ahead of this check.
 */
MUST_CHECK enum emul_status emul_io_check(struct emul_ctx *c, uint16_t port, unsigned size);

#endif
