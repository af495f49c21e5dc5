/* SPDX-License-Identifier: BSD-2-Clause */
/* The paravirtual clock MSRs: Linux Documentation/virt/kvm/x86/msr.rst. */
#ifndef SOCLE_PVCLOCK_H
#define SOCLE_PVCLOCK_H

#include "socle/types.h"

struct vcpu;

/* Own CPU. write: false is #GP. */
uint64_t pvclock_msr_read(const struct vcpu *v, uint32_t msr);
MUST_CHECK bool pvclock_msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
/* The vCPU's TSC moved: its time page, if any, is written anew. */
void pvclock_update(struct vcpu *v);

#endif
