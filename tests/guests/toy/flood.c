/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints numbered lines for ever, or `lines` of them and switches off: for a slow console. */
#include "toy.h"

void toy_main(void)
{
    uint64_t lines = option("lines", UINT64_MAX);
    print("TOY flood\n");
    for (uint64_t n = 1; n <= lines; n++)
        print("FLOOD %lu the quick brown fox jumps over the lazy dog\n", n);
    print("TOY done\n");
}
