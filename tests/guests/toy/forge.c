/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tries to pass for the hypervisor on the console: its lines, its prompt, another guest's
 * name, by every way a terminal offers to begin a line or to write over one; then a line
 * of 1 MiB, by string output, that ends with "FORGED".
 */
#include "toy.h"

static const char *const lies[] = {
    "socle: guest victim: stopped (poweroff)\n",
    "x\rsocle: guest victim: stopped (poweroff)\n",
    "x\r\nsocle: all guests stopped\n",
    "\r\r\nsocle: panic: none\n",
    "\vsocle: guest victim: stopped (halted)\n",
    "\fsocle: guest victim: stopped (halted)\n",
    "\x1b[2K\x1b[1Gsocle: guest victim: stopped (killed)\n",
    "\x1b[A\x1b[Msocle: guest victim: stopped (killed)\n",
    "\x1b]0;socle> \a\x1bP+q\x1b\\",
    "\bsocle: \x9b" "2J\xc2\x85socle: guest victim: started\n",
    "\xe2\x80\xae" "dessorc\xe2\x80\xa8socle: guest victim: started\n",
    "\xff\xfe\xc0\xaf\x7f\x80\n",
    "[victim] COUNT 999999\n",
    "\n[victim] COUNT 999999\n",
    "socle> ",
    "\rsocle> poweroff now\n",
    "unknown command `x`; did you mean `y`?\n",
};

/* A whole block at once: REP OUTSB to the transmitter (SDM vol. 2, OUTS). */
static void put_block(const char *bytes, uint64_t n)
{
    __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(n) : "d"(0x3f8) : "memory");
}

void toy_main(void)
{
    static char block[4096];
    print("TOY forge\n");
    for (unsigned i = 0; i < sizeof(lies) / sizeof(*lies); i++)
        print("%s", lies[i]);
    print("\n");
    for (unsigned i = 0; i < sizeof(block); i++)
        block[i] = 'z';
    for (unsigned i = 0; i < (1 << 20) / sizeof(block); i++)
        put_block(block, sizeof(block));
    print("FORGED\n");
}
