/* SPDX-License-Identifier: BSD-2-Clause */
/* See count.h. One CPU, one guest. */
#include "arch/x86/vmx/count.h"

#ifdef SOCLE_COUNT
#include "socle/log.h"

enum { MARKS = 128, COM1 = 0x3f8 };

uint64_t vmcs_reads, vmcs_writes;
static uint64_t exits;
static struct { uint64_t reads, writes, exits; } mark[MARKS];
static unsigned marks;

/* As warnings: the console shows no lesser lines while it is attached to a guest. */
static void log_marks(void)
{
    for (unsigned i = 0; i < marks; i++)
        log_warn("count: %lu VMREADs %lu VMWRITEs %lu exits", mark[i].reads, mark[i].writes,
                 mark[i].exits);
    marks = 0;
}

void vmcs_count_exit(const struct vm_exit *x)
{
    exits++;
    if (x->kind == EXIT_HYPERCALL && marks < MARKS) {
        mark[marks].reads = vmcs_reads;
        mark[marks].writes = vmcs_writes;
        mark[marks++].exits = exits;
    } else if (x->kind == EXIT_PIO && x->u.pio.port == COM1 && !x->u.pio.in) {
        log_marks();
    }
}
#endif
