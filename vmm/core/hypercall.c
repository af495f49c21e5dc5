/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercalls (VMCALL, VMMCALL) in the form of KVM's interface: number in RAX, result in
 * RAX (Linux Documentation/virt/kvm/x86/hypercalls.rst). None is offered yet; callers
 * get KVM's answers, and only from the guest's kernel.
 */
#include "socle/run.h"

enum { KVM_ENOSYS = 1000, KVM_EPERM = 1 };

void exit_hypercall(struct vcpu *v, const struct vm_exit *x)
{
    unsigned len;
    if (!exit_length(v, x, INSN_VMMCALL, INSN_VMCALL, &len))
        return;
    vcpu_need(v, REGS_CODE | REGS_CR);
    int64_t result = v->st.cpl ? -KVM_EPERM : -KVM_ENOSYS;
    bool is_64 = v->st.efer & EFER_LMA && v->st.seg[SEG_CS].attr & SEG_L;
    v->st.gpr[GPR_RAX] = is_64 ? (uint64_t)result : (uint32_t)result;
    exit_advance(v, len);
}
