/* SPDX-License-Identifier: BSD-2-Clause */
/* See count.h: sums per kind of exit, from one entry to the next. */
#include "arch/x86/vmx/count.h"

#ifdef SOCLE_COUNT
#include "socle/log.h"

uint64_t vmcs_reads, vmcs_writes;

static struct { uint64_t exits, reads, writes; } sum[EXIT_KINDS];
static uint64_t reads_before, writes_before;

void vmcs_count_entry(const struct vm_exit *last)
{
    if (last->kind < EXIT_KINDS) {
        sum[last->kind].exits++;
        sum[last->kind].reads += vmcs_reads - reads_before;
        sum[last->kind].writes += vmcs_writes - writes_before;
    }
    reads_before = vmcs_reads;
    writes_before = vmcs_writes;
}

void vmcs_count_report(void)
{
    for (unsigned k = EXIT_NONE + 1; k < EXIT_KINDS; k++)
        if (sum[k].exits)
            log_info("count: %s: %lu exits, %lu VMREADs, %lu VMWRITEs", exit_kind_name((enum exit_kind)k),
                     sum[k].exits, sum[k].reads, sum[k].writes);
}
#endif
