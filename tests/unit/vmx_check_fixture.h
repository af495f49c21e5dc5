/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the VM-entry checks share: running tables of cases. */
#ifndef VMX_CHECK_FIXTURE_H
#define VMX_CHECK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/vmx/vmx_bits.h"
#include "fake/fake_vmx.h"
#include "socle/regs.h"

#define RESERVED    "reserved bits must be clear"
#define CANONICAL   "must be canonical"
#define PHYSICAL    "must be within the CPU's physical addresses"

/* Each case gives its one finding. */
static inline void run(const struct fake_vmx_case *t, size_t n)
{
    char text[1024];
    for (size_t i = 0; i < n; i++)
        if (!fake_vmx_finds(&t[i], text, sizeof(text)))
            fail_msg("case %zu, \"%s: %s\", finds \"%s\"", i, t[i].field, t[i].rule, text);
}

/* Odd, but legal. */
static inline void accepted(const struct fake_vmx_case *t, size_t n)
{
    char text[1024];
    for (size_t i = 0; i < n; i++) {
        fake_vmx_finds(&t[i], text, sizeof(text));
        if (text[0])
            fail_msg("case %zu is refused: %s", i, text);
    }
}

#endif
