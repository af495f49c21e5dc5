/* SPDX-License-Identifier: BSD-2-Clause */
/* Loops for ever with interrupts off: it must not hold the CPU beyond its share. */
#include "toy.h"

void toy_main(void)
{
    print("TOY spin\n");
    cli();
    for (;;)
        __asm__ volatile("" : : : "memory");
}
