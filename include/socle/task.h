/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hardware task switch of legacy protected mode, 16 and 32 bit (SDM vol. 3,
 * chapter 8), for CPUs that leave it to the hypervisor (26.4.2). Pure, as emul.h.
 */
#ifndef SOCLE_TASK_H
#define SOCLE_TASK_H

#include "socle/emul.h"

/* What began it, numbered as in an exit qualification (SDM vol. 3, 28.2.1). */
enum task_source {
    TASK_CALL,
    TASK_IRET,
    TASK_JMP,
    TASK_GATE,                  /* an event met a task gate in the IDT */
};

/*
 * Privileges (DPL of gate and TSS) are not looked at: the CPU did before the exit (26.4.2),
 * and the gate is not known here. All other checks are done, again where it did them too.
 */
struct task_switch {
    uint16_t         selector;  /* of the new TSS */
    enum task_source source;
    bool             external;  /* not by the program itself (INT n, INT3, INTO, CALL, JMP, IRET):
                                   error codes get EXT */
    bool             has_error; /* TASK_GATE: of the exception, for the new task's stack */
    uint32_t         error;
    unsigned         insn_len;  /* of the instruction that began it, which the old task is to go
                                   on after; 0: none did, it goes on at RIP */
};

struct task_outcome {
    bool committed;             /* the vCPU is in the new task, also with EMUL_EXCEPTION */
    bool cr3_changed;           /* translations are stale, and so are PAE's top entries */
    bool trap;                  /* EMUL_DONE: #DB is due before the first instruction (T in the
                                   TSS); DR6.BT has been set */
};

/*
 * Switches. c: as for emul_run, except that budget is not used and of REGS_MSR nothing is
 * needed. TSSs and descriptors have to be in RAM or ROM.
 *   EMUL_DONE         the vCPU is in the new task
 *   EMUL_EXCEPTION    c->exc, in the context of the old task with nothing changed, or when
 *                     out->committed in that of the new one. Then RIP, CS, SS and CPL serve
 *                     only to deliver it, and segments not reached are not usable.
 *   EMUL_RETRY        nothing was changed
 *   EMUL_UNSUPPORTED  there is no task switch in this mode, or TR holds no TSS
 *   EMUL_FAILED       see c->failure; the state may be between two tasks
 */
MUST_CHECK enum emul_status emul_task_switch(struct emul_ctx *c, const struct task_switch *t,
                                             struct task_outcome *out);

#endif
