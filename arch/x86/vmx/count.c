/* SPDX-License-Identifier: BSD-2-Clause */
/* See count.h. */
#include "arch/x86/vmx/count.h"

#ifdef SOCLE_COUNT
#include "socle/log.h"

uint64_t vmcs_reads, vmcs_writes;

void vmcs_count_exit(const struct vm_exit *x)
{
    if (x->kind == EXIT_HYPERCALL)
        log_info("count: %lu VMREADs %lu VMWRITEs", vmcs_reads, vmcs_writes);
}
#endif
