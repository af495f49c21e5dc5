/* SPDX-License-Identifier: BSD-2-Clause */
/* Saving and loading a vCPU's architectural registers as a versioned record. Pure. */
#ifndef SOCLE_REGS_STATE_H
#define SOCLE_REGS_STATE_H

#include "socle/regs.h"
#include "socle/state.h"

/* All groups of `s` are valid (vcpu_need with REGS_ALL). The vCPU does not run. */
void regs_save(const struct vcpu_state *s, struct state_out *o);
/*
 * HV_INVALID, and *s unchanged, for records that no CPU could have had: reserved bits of
 * RFLAGS, EFER or CR0's upper half set, a CPL or shadow out of range.
 */
MUST_CHECK hv_status regs_load(struct vcpu_state *s, struct state_in *in);

#endif
