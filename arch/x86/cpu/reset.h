/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways to end the machine's run. */
#ifndef ARCH_X86_CPU_RESET_H
#define ARCH_X86_CPU_RESET_H

#include "socle/types.h"

struct reset_info {
    uint16_t reset_port;        /* FADT reset register in I/O space; 0: none */
    uint8_t  reset_value;
    uint16_t pm1a_cnt, pm1b_cnt; /* 0: none */
    bool     s5_known;
    uint8_t  s5_typ_a, s5_typ_b;
};

/* Remembers what ACPI says about reset and power-off (ACPI 6.4, 4.8.3.6 and 16.1.7). Boot. */
void reset_setup(const struct reset_info *info);
/* Tries ACPI's register, port 0xcf9, the keyboard controller, a triple fault, in turn. */
NORETURN void machine_reset(void);
/* Returns when the machine did not go off (no S5 known). */
void machine_poweroff(void);

#endif
