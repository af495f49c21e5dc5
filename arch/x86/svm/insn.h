/* SPDX-License-Identifier: BSD-2-Clause */
/* AMD-V's instructions as C functions: APM vol. 3, chapter 4. */
#ifndef ARCH_X86_SVM_INSN_H
#define ARCH_X86_SVM_INSN_H

#include "socle/types.h"

static inline void vmsave(hpa_t vmcb) { __asm__ volatile("vmsave %0" : : "a"(vmcb.v) : "memory"); }
static inline void vmload(hpa_t vmcb) { __asm__ volatile("vmload %0" : : "a"(vmcb.v) : "memory"); }

#endif
