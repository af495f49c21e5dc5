/* SPDX-License-Identifier: BSD-2-Clause */
/* socle/cpu.h for this architecture: time, events, sleep. */
#include "socle/cpu.h"

#include <stdatomic.h>

#include "arch/x86/cpu/ops.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/cpu/time.h"
#include "arch/x86/cpu/xstate.h"
#include "socle/log.h"

uint32_t cpu_number(void) { return this_cpu()->index; }
uint64_t cpu_now(void) { return time_now(); }
uint64_t cpu_ns_at_tsc(uint64_t tsc) { return time_at_tsc(tsc); }
void cpu_timer_arm(uint64_t due_ns) { time_arm(due_ns); }

bool cpu_events_pending(void)
{
    return atomic_load_explicit(&this_cpu()->events, memory_order_relaxed);
}

void cpu_events_take(void)
{
    atomic_exchange_explicit(&this_cpu()->events, 0, memory_order_acquire);
}

void cpu_report_nmis(void)
{
    uint32_t n = atomic_exchange_explicit(&this_cpu()->nmis, 0, memory_order_relaxed);
    if (n)
        log_warn("%u non-maskable interrupt%s from the machine (memory, bus or a button): see its event log",
                 n, n == 1 ? "" : "s");
}

/* STI holds interrupts off for one more instruction (SDM vol. 2, STI). */
void cpu_irq_window(void) { __asm__ volatile("sti; nop; cli" : : : "memory"); }
void cpu_sleep(void) { __asm__ volatile("sti; hlt; cli" : : : "memory"); }

uint64_t cpu_guest_xcr0(void) { return xstate_guest_xcr0(); }
void cpu_set_guest_xcr0(uint64_t v) { xstate_set_guest_xcr0(v); }
uint64_t cpu_xstate_mask(void) { return xstate_mask(); }
uint32_t cpu_xstate_size(void) { return xstate_size(); }
void cpu_xstate_reset(void *area) { xstate_reset(area); }
void cpu_set_guest_tsc_aux(uint64_t v) { xstate_set_tsc_aux(v); }
uint32_t cpu_guest_pkru(void) { return rdpkru(); }
