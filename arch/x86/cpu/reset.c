/* SPDX-License-Identifier: BSD-2-Clause */
/* Reset and power-off of the real machine. ACPI 6.4, 4.8.3; PC reset conventions. */
#include "arch/x86/cpu/reset.h"

#include "arch/x86/cpu/ops.h"
#include "arch/x86/cpu/time.h"

enum { PM1_SLP_TYP_SHIFT = 10, PM1_SLP_EN = 1 << 13 };
#define POWEROFF_WAIT_NS 5000000000ull

static struct reset_info info;

void reset_setup(const struct reset_info *i) { info = *i; }

/* Some hundred microseconds: each access to port 0x80 takes about one on real buses. */
static void settle(void)
{
    for (unsigned i = 0; i < 1000; i++)
        outb(0x80, 0);
}

void machine_reset(void)
{
    cpu_irq_off();
    if (info.reset_port) {
        outb(info.reset_port, info.reset_value);
        settle();
    }
    outb(0xcf9, 0x02);
    outb(0xcf9, 0x06);                  /* full reset */
    settle();
    outb(0x64, 0xfe);                   /* pulse the keyboard controller's reset line */
    settle();
    struct { uint16_t limit; uint64_t base; } PACKED none = { 0, 0 };
    __asm__ volatile("lidt %0; int3" : : "m"(none));
    cpu_halt_forever();
    __builtin_unreachable();
}

void machine_poweroff(void)
{
    if (!info.s5_known || !info.pm1a_cnt)
        return;
    outw(info.pm1a_cnt, (uint16_t)(info.s5_typ_a << PM1_SLP_TYP_SHIFT | PM1_SLP_EN));
    if (info.pm1b_cnt)
        outw(info.pm1b_cnt, (uint16_t)(info.s5_typ_b << PM1_SLP_TYP_SHIFT | PM1_SLP_EN));
    /* Switching off takes the chipset, or an emulator, a while. */
    for (uint64_t end = time_now() + POWEROFF_WAIT_NS; time_now() < end;)
        __builtin_ia32_pause();
}
