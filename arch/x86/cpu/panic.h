/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of the machine's run: what is printed, and to where. */
#ifndef ARCH_X86_CPU_PANIC_H
#define ARCH_X86_CPU_PANIC_H

#include "arch/x86/cpu/trap.h"
#include "socle/types.h"

/* Reports an exception of the hypervisor itself. Any context. */
NORETURN void panic_trap(const struct trap_frame *f);

/*
 * Hooks set by upper layers. `write` prints bytes at once, without locks or queues.
 * `guest` puts the name of the guest that the CPU worked for into buf, or "none".
 * `reboot`: reboot instead of halting.
 */
struct panic_hooks {
    void (*write)(const char *text, size_t n);
    void (*guest)(char *buf, size_t size);
    bool reboot;
};
extern struct panic_hooks panic_hooks;

/* Name of the function that `addr` lies in and the offset from its start; null when unknown. */
const char *symbol_find(uint64_t addr, uint64_t *offset);

#endif
