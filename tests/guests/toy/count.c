/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts PIT interrupts at `hz` (default 100), halting in between, and prints "COUNT n"
 * each second; n seconds with `seconds=n` on the command line, then it switches off.
 * With `busy=1` it spins instead of halting.
 */
#include "toy.h"

static volatile uint64_t ticks;

static void on_tick(void) { ticks++; }

void toy_main(void)
{
    uint64_t hz = option("hz", 100), seconds = option("seconds", UINT64_MAX), busy = option("busy", 0);
    print("TOY count\n");
    irq_init();
    pit_start((unsigned)hz);
    irq_on(0, on_tick);
    sti();
    for (uint64_t n = 1; n <= seconds; n++) {
        while (ticks < n * hz)
            if (!busy)
                hlt();
        print("COUNT %lu\n", n);
    }
    print("TOY done\n");
}
