/* SPDX-License-Identifier: BSD-2-Clause */
/* Halts with interrupts off: nothing can wake it, so it has stopped ("halted"). */
#include "toy.h"

void toy_main(void)
{
    print("TOY hang\n");
    for (;;) {
        cli();
        hlt();
    }
}
