/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In a build of its own with -DSOCLE_FAULT (tests/system/test_refused.py) one entry meets a
 * corrupted VMCS, to see live that the report names the field. Nothing in other builds.
 */
#ifndef ARCH_X86_VMX_FAULT_H
#define ARCH_X86_VMX_FAULT_H

#include "arch/x86/vmx/insn.h"

#ifdef SOCLE_FAULT
enum { FAULT_AT = 200, TSS_NOT_BUSY = 0x89 };

static inline void fault_inject(void)
{
    static unsigned entries;
    if (++entries == FAULT_AT)
        vmwrite(VMCS_GUEST_TR_RIGHTS, TSS_NOT_BUSY);
}
#else
static inline void fault_inject(void) { }
#endif

#endif
