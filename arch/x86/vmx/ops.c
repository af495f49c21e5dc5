/* SPDX-License-Identifier: BSD-2-Clause */
/* VT-x as the rest of the hypervisor sees it. */
#include "arch/x86/vmx/ops.h"

#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx_bits.h"
#include "arch/x86/vmx/vmx_priv.h"
#include "socle/policy.h"

static void set_tsc_offset(struct vcpu *v, uint64_t offset)
{
    struct vmx_vcpu *s = vmx_of(v);
    if (offset == s->tsc_offset)
        return;
    s->tsc_offset = offset;
    vmx_make_current(s);
    vmwrite(VMCS_TSC_OFFSET, offset);
}

/* The virtual-APIC page is the local APIC's register page: TPR is the same memory. */
static void set_tpr(struct vcpu *v, uint8_t cr8) { }

/* With APIC virtualization the CPU also does what follows from a change. */
static uint8_t get_tpr(struct vcpu *v)
{
    return v->apic_hw ? v->tpr_shown : (uint8_t)lapic_cr8_get(&v->lapic);
}

static unsigned nested_leaf(void) { return vmx_caps.ept_1g ? 3 : 2; }

static uint32_t guest_can(void)
{
    return (vmx_caps.proc2 & PROC2_INVPCID ? CAN_INVPCID : 0) | (vmx_caps.proc2 & PROC2_XSAVES ? CAN_XSAVES : 0) |
           (vmx_caps.virtual_apic ? 0 : CAN_PV_EOI);
}

const struct virt_ops vmx_ops = {
    .name = "VT-x",
    .nested_format = &pt_format_ept,
    .probe = vmx_probe,
    .cpu_enable = vmx_cpu_enable,
    .cpu_disable = vmx_cpu_disable,
    .guest_can = guest_can,
    .vcpu_init = vmx_vcpu_init,
    .vcpu_fini = vmx_vcpu_fini,
    .vcpu_reset = vmx_vcpu_reset,
    .load = vmx_load,
    .put = vmx_put,
    .run = vmx_run,
    .state_get = vmx_state_get,
    .inject = vmx_inject,
    .nmi_block = vmx_nmi_block,
    .window = vmx_window,
    .watch_tpr = vmx_watch_tpr,
    .apic_mode = vmx_apic_mode,
    .apic_post = vmx_apic_post,
    .nested_leaf = nested_leaf,
    .forget_all = vmx_forget_all,
    .tlb_flush = vmx_tlb_flush,
    .set_tsc_offset = set_tsc_offset,
    .set_tpr = set_tpr,
    .get_tpr = get_tpr,
    .dump = vmx_dump,
};
