/* SPDX-License-Identifier: BSD-2-Clause */
/* What the VT-x files share among themselves. */
#ifndef ARCH_X86_VMX_VMX_PRIV_H
#define ARCH_X86_VMX_VMX_PRIV_H

#include "arch/x86/cpu/percpu.h"
#include "arch/x86/vmx/probe.h"
#include "arch/x86/vmx/vmcs.h"
#include "socle/vcpu.h"
#include "socle/virt.h"

/* MSRs that no VMCS field switches and the hypervisor does not use: they stay in the CPU as
 * long as the vCPU does (see run.c). */
enum vmx_msr { VMX_STAR, VMX_LSTAR, VMX_CSTAR, VMX_SFMASK, VMX_KERNEL_GS, VMX_MSRS };

struct vmx_vcpu {
    void     *vmcs;
    hpa_t     vmcs_pa;
    uint64_t  eptp;
    uint16_t  vpid;             /* 0: none */
    bool      launched;
    bool      loaded;           /* its registers are in this CPU */
    bool      flush;            /* forget linear translations at the next entry */
    bool      injected;         /* an event went in with the last entry */
    uint32_t  cpu;              /* physical CPU it ran on last */
    uint64_t  flush_gen;        /* of vmx_cpu, up to which its EPT translations are flushed */
    uint64_t  tsc_offset;       /* as the VMCS has it */
    uint64_t  host_rsp;         /* as the VMCS has it; entry.S */
    uint64_t  timer_for;        /* deadline the preemption timer was set for, ns */
    uint32_t  proc;             /* primary controls as the VMCS has them */
    uint32_t  tpr_threshold;
    bool      virtual_apic;     /* APIC virtualization is on */
    uint64_t  eoi_exits[4];     /* as the VMCS has them */
    /* What the last exit saved, so that only changes are written: valid with REGS_RIP. */
    uint64_t  rip, rflags;
    uint32_t  interruptibility;
    /* The guest's, while they are not in the CPU. */
    uint64_t  cr2, dr6, dr[4], msr[VMX_MSRS];
    bool      dr_loaded;
};

/* One physical CPU. */
struct vmx_cpu {
    void     *vmxon;
    struct vmx_vcpu *current;   /* whose VMCS is current */
    uint64_t  flush_gen;        /* starts at 1 */
};

extern struct vmx_caps vmx_caps;
extern struct vmx_facts vmx_facts;
extern hpa_t vmx_msr_bitmap, vmx_msr_bitmap_x2apic;

static inline struct vmx_cpu *vmx_this_cpu(void) { return this_cpu()->virt; }
static inline struct vmx_vcpu *vmx_of(struct vcpu *v) { return v->hw; }

/* cpu.c */
bool vmx_probe(char *why, size_t size);
hv_status vmx_cpu_enable(void);
void vmx_cpu_disable(void);
/* Makes its VMCS current on this CPU: before any VMREAD or VMWRITE. */
void vmx_switch_to(struct vmx_vcpu *s);
static inline void vmx_make_current(struct vmx_vcpu *s)
{
    if (unlikely(vmx_this_cpu()->current != s))
        vmx_switch_to(s);
}
/* bitmaps.c */
hv_status vmx_bitmaps_init(void);
/* setup.c */
hv_status vmx_vcpu_init(struct vcpu *v);
void vmx_vcpu_fini(struct vcpu *v);
void vmx_vcpu_reset(struct vcpu *v);
void vmx_set_proc(struct vmx_vcpu *s, uint32_t proc);
void vmx_set_host(void);
extern const uint64_t vmx_cr0_host;   /* bits of CR0 that are not the guest's */
/* tlb.c */
void vmx_tlb_prepare(struct vmx_vcpu *s);
void vmx_tlb_flush(struct vcpu *v);
void vmx_forget_all(void);
/* state.c */
void vmx_state_get(struct vcpu *v, uint32_t groups);
void vmx_state_put(struct vcpu *v, uint32_t groups);
void vmx_msrs_save(struct vmx_vcpu *s);
void vmx_msrs_load(const struct vmx_vcpu *s);
/* apic.c */
bool vmx_apic_mode(struct vcpu *v);
void vmx_apic_post(struct vcpu *v);
void vmx_apic_write(struct vcpu *v, unsigned offset);
/* event.c */
void vmx_inject(struct vcpu *v, const struct inject_event *e);
void vmx_window(struct vcpu *v, bool irq, bool nmi);
void vmx_watch_tpr(struct vcpu *v, uint8_t threshold);
void vmx_requeue_interrupted(struct vcpu *v);
void vmx_nmi_block(struct vcpu *v, bool on);
void vmx_nmi_unblocked(struct vcpu *v, bool by_iret);
/* run.c */
void vmx_load(struct vcpu *v);
void vmx_put(struct vcpu *v);
void vmx_run(struct vcpu *v, struct vm_exit *out);
void vmx_load_debug(struct vmx_vcpu *s);
/* exit.c: fills *out from the VMCS. `fail`: as vmx_enter() returned. */
void vmx_read_exit(struct vcpu *v, int fail, struct vm_exit *out);
/* dump.c */
void vmx_dump(struct vcpu *v);
/*
 * entry.S: gpr is struct vcpu_state.gpr; RSP is in the VMCS. 0: the guest ran and exited, or
 * entry failed with an exit reason; 1: no current VMCS; 2: VM-instruction error.
 */
int vmx_enter(uint64_t *gpr, bool launched, uint64_t *host_rsp);
extern const uint8_t vmx_exit_point[];

#endif
