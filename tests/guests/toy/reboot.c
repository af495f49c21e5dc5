/* SPDX-License-Identifier: BSD-2-Clause */
/* Resets the machine through port 0xCF9 (Intel PCH datasheets, RST_CNT: 6 = hard reset). */
#include "toy.h"

void toy_main(void)
{
    print("TOY reboot\n");
    out8(0xcf9, 2);
    out8(0xcf9, 6);
    for (;;)
        hlt();
}
