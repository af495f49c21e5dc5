/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts VMREADs and VMWRITEs for the benchmark table. Only in a build of its own with
 * -DSOCLE_COUNT (tests/bench): each of them is on the way of some exit. A guest brackets what
 * it does by hypercalls. The totals at each, its own exit included, are kept and logged when
 * the guest first writes to its serial port: output under way causes exits of its own.
 * entry.S's write of HOST_RSP is not counted: it happens at a VMCS's first entry only.
 */
#ifndef ARCH_X86_VMX_COUNT_H
#define ARCH_X86_VMX_COUNT_H

#include "socle/exit.h"

#ifdef SOCLE_COUNT
extern uint64_t vmcs_reads, vmcs_writes;

static inline void vmcs_count(bool write)
{
    if (write)
        vmcs_writes++;
    else
        vmcs_reads++;
}
void vmcs_count_exit(const struct vm_exit *x);
#else
static inline void vmcs_count(bool write) { }
static inline void vmcs_count_exit(const struct vm_exit *x) { }
#endif

#endif
