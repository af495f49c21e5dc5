/* SPDX-License-Identifier: BSD-2-Clause */
/* Port accesses: plain ones here, string ones through the emulator. */
#include "socle/bits.h"
#include "socle/run.h"
#include "socle/vm.h"

void exit_pio(struct vcpu *v, const struct vm_exit *x)
{
    struct bus_access a = { .size = x->u.pio.size, .write = !x->u.pio.in };
    unsigned len;
    if (unlikely(x->u.pio.string)) {
        exit_emulate(v, "string I/O at port", x->u.pio.port);
        return;
    }
    if (!exit_length(v, x, x->u.pio.in ? INSN_IN : INSN_OUT, INSN_OTHER, &len))
        return;
    exit_advance(v, len);
    uint64_t ones = ones_of_size(a.size), rax = v->st.gpr[GPR_RAX];
    a.value = a.write ? rax & ones : ones;
    pio_access(&v->vm->pc->pio, x->u.pio.port, &a);
    if (a.write)
        return;
    /* A 32-bit destination clears the upper half, smaller ones keep the rest. */
    v->st.gpr[GPR_RAX] = a.size == 4 ? a.value & ones : (rax & ~ones) | (a.value & ones);
}
