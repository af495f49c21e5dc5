/* SPDX-License-Identifier: BSD-2-Clause */
/* Triple-faults: an exception with no IDT at all. A recognizable RAX shows in the report. */
#include "toy.h"

void toy_main(void)
{
    static const struct { uint16_t limit; uint64_t base; } __attribute__((packed)) none;
    print("TOY triple\n");
    __asm__ volatile("lidt %0\n\tint3" : : "m"(none), "a"(0x5a5a0123456789abull));
}
