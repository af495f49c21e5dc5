/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IDT, the hypervisor's interrupts, and its exceptions: either the faulting
 * instruction is listed with a place to go on (rdmsr_safe and its like), or it is
 * our bug and the machine stops with a report. SDM vol. 3, ch. 6.
 */
#include "arch/x86/cpu/trap.h"

#include <stdatomic.h>

#include "arch/x86/cpu/gdt.h"
#include "arch/x86/cpu/irq.h"
#include "arch/x86/cpu/lapic.h"
#include "arch/x86/cpu/ops.h"
#include "arch/x86/cpu/panic.h"
#include "arch/x86/cpu/percpu.h"
#include "socle/assert.h"
#include "socle/regs.h"

struct idt_gate {                       /* SDM vol. 3, figure 6-8 */
    uint16_t offset0, selector;
    uint8_t  ist, type;
    uint16_t offset16;
    uint32_t offset32, zero;
};
_Static_assert(sizeof(struct idt_gate) == 16, "IDT gate layout");

struct fixup { uint64_t from, to; };

extern const uint8_t trap_stubs[256][16];
extern const struct fixup fixup_start[], fixup_end[];

static struct idt_gate idt[256];
static irq_handler handlers[256];

static void set_gate(unsigned vector, uint8_t ist)
{
    uint64_t to = (uint64_t)trap_stubs[vector];
    idt[vector] = (struct idt_gate){
        .offset0 = (uint16_t)to, .selector = GDT_CODE, .ist = ist,
        .type = 0x8e,                   /* present, 64-bit interrupt gate */
        .offset16 = (uint16_t)(to >> 16), .offset32 = (uint32_t)(to >> 32),
    };
}

void trap_init(void)
{
    for (unsigned v = 0; v < 256; v++)
        set_gate(v, 0);
    set_gate(VEC_DF, IST_DF);
    set_gate(VEC_NMI, IST_NMI);
    set_gate(VEC_MC, IST_MC);
    struct { uint16_t limit; uint64_t base; } PACKED ptr = { sizeof(idt) - 1, (uint64_t)idt };
    __asm__ volatile("lidt %0" : : "m"(ptr));
}

void trap_set_irq(uint8_t vector, irq_handler handler)
{
    hv_assert(vector >= 32 && !handlers[vector]);
    handlers[vector] = handler;
}

static bool try_fixup(struct trap_frame *f)
{
    for (const struct fixup *x = fixup_start; x < fixup_end; x++)
        if (x->from == f->rip) {
            f->rip = x->to;
            return true;
        }
    return false;
}

static void interrupt(const struct trap_frame *f)
{
    if (f->vector == VECTOR_SPURIOUS)   /* takes no EOI (SDM vol. 3, 10.9) */
        return;
    if (handlers[f->vector])
        handlers[f->vector]();
    else if (f->vector >= VECTOR_DEVICE && f->vector <= VECTOR_DEVICE_END)
        irq_deliver((uint8_t)f->vector);
    host_lapic_eoi();
}

/* Nothing here sends NMIs: one is the machine's own word, reported by the CPU's loop. */
static void nmi(void)
{
    atomic_fetch_add(&this_cpu()->nmis, 1);
    atomic_fetch_or(&this_cpu()->events, PCPU_EVENT_KICK);
}

/*
 * Breakpoints of a guest are armed for a moment before it runs, and on QEMU after: it may
 * have put them on our addresses. We have none, so they go. Nor do we step: where a guest does
 * over an instruction that exits, Bochs 2.7 carries the trap of its step into the host. No
 * per-CPU data: GS may be the guest's.
 */
static bool guest_debug_trap(struct trap_frame *f)
{
    bool armed = read_dr7() & DR7_ENABLES;
    if (f->rflags & RFLAGS_TF || !(armed || read_dr6() & DR6_BS))
        return false;
    if (armed)
        write_dr7(DR7_NONE);
    f->rflags |= RFLAGS_RF;
    return true;
}

void trap_entry(struct trap_frame *f)
{
    if (f->vector == VEC_DB && guest_debug_trap(f))
        return;
    if (f->vector >= 32) {
        interrupt(f);
        return;
    }
    if (f->vector == VEC_NMI || f->vector == VEC_SX) {
        nmi();
        return;
    }
    if ((f->vector == VEC_GP || f->vector == VEC_UD) && try_fixup(f))
        return;
    panic_trap(f);
}
