/* SPDX-License-Identifier: BSD-2-Clause */
/* AMD-V as the rest of the hypervisor sees it. */
#include "arch/x86/svm/ops.h"

#include "arch/x86/cpu/ops.h"
#include "arch/x86/svm/svm_bits.h"
#include "arch/x86/svm/svm_priv.h"

static void set_tsc_offset(struct vcpu *v, uint64_t offset)
{
    vmcb_set_tsc_offset(svm_of(v)->vmcb, offset);
}

/* V_TPR holds CR8 (APM vol. 2, 15.21.2). */
static void set_tpr(struct vcpu *v, uint8_t cr8)
{
    struct vmcb *b = svm_of(v)->vmcb;
    vmcb_set_int_ctl(b, (b->int_ctl & ~INT_TPR_MASK) | cr8);
}

static uint8_t get_tpr(struct vcpu *v)
{
    return svm_of(v)->vmcb->int_ctl & 15;
}

/* Nested tables are host-format tables: 1 GiB leaves where the CPU has them (15.25.5). */
static unsigned nested_leaf(void)
{
    uint32_t r[4];
    cpuid(0x80000001, 0, r);
    return r[3] & BIT(26) ? 3 : 2;
}

/* No AVIC yet: interrupts are injected. */
static bool apic_mode(struct vcpu *v) { return false; }
static void apic_post(struct vcpu *v) { }

/* Neither INVPCID nor XSAVES is switched or intercepted yet. */
static uint32_t guest_can(void) { return CAN_PV_EOI; }

/* The window for NMIs watches IRET; the CPU itself blocks none. */
static void nmi_block(struct vcpu *v, bool on) { }

const struct virt_ops svm_ops = {
    .name = "AMD-V",
    .nested_format = &pt_format_npt,
    .probe = svm_probe,
    .cpu_enable = svm_cpu_enable,
    .cpu_disable = svm_cpu_disable,
    .guest_can = guest_can,
    .vcpu_init = svm_vcpu_init,
    .vcpu_fini = svm_vcpu_fini,
    .vcpu_reset = svm_vcpu_reset,
    .load = svm_load,
    .put = svm_put,
    .run = svm_run,
    .state_get = svm_state_get,
    .inject = svm_inject,
    .nmi_block = nmi_block,
    .window = svm_window,
    .watch_tpr = svm_watch_tpr,
    .apic_mode = apic_mode,
    .apic_post = apic_post,
    .nested_leaf = nested_leaf,
    .forget_all = svm_forget_all,
    .tlb_flush = svm_tlb_flush,
    .set_tsc_offset = set_tsc_offset,
    .set_tpr = set_tpr,
    .get_tpr = get_tpr,
    .dump = svm_dump,
};
