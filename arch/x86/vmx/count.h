/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts VMREADs and VMWRITEs for the benchmark table. Only in a build of its own
 * (`make bench` adds -DSOCLE_COUNT): each of them is on the way of some exit.
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
/* Books what the exit before this entry took; logs the table when a guest is torn down. */
void vmcs_count_entry(const struct vm_exit *last);
void vmcs_count_report(void);
#else
static inline void vmcs_count(bool write) { }
static inline void vmcs_count_entry(const struct vm_exit *last) { }
static inline void vmcs_count_report(void) { }
#endif

#endif
