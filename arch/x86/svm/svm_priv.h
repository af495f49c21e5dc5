/* SPDX-License-Identifier: BSD-2-Clause */
/* What the AMD-V files share among themselves. */
#ifndef ARCH_X86_SVM_SVM_PRIV_H
#define ARCH_X86_SVM_SVM_PRIV_H

#include "arch/x86/cpu/percpu.h"
#include "arch/x86/svm/probe.h"
#include "arch/x86/svm/vmcb.h"
#include "socle/vcpu.h"
#include "socle/virt.h"

struct svm_vcpu {
    struct vmcb *vmcb;
    hpa_t        vmcb_pa;
    uint64_t     asid_gen;      /* generation its ASID is from; 0: none */
    uint32_t     cpu;           /* physical CPU it ran on last */
    bool         injected;      /* an event went in with the last entry
                                 * (inject.h wants to know how it went) */
    bool         flush;         /* forget translations at the next entry */
    bool         nmi_step;      /* stepping over the IRET that ends an NMI handler */
    uint64_t     nmi_step_tf;   /* the guest's own RFLAGS.TF meanwhile */
    uint64_t     dr[4];         /* the guest's DR0-3 while they are not in the CPU */
    bool         dr_loaded;
};

/* One physical CPU. */
struct svm_cpu {
    void    *hsave, *host_vmcb; /* VM_HSAVE_PA; host FS, GS, TR, syscall MSRs */
    hpa_t    host_vmcb_pa;
    uint64_t asid_gen;          /* starts at 1 */
    uint32_t asid_next;
    bool     flush_all;         /* a new generation has begun: flush at the next entry */
};

extern struct svm_caps svm_caps;
extern hpa_t svm_iopm, svm_msrpm;

static inline struct svm_cpu *svm_this_cpu(void) { return this_cpu()->virt; }
static inline struct svm_vcpu *svm_of(struct vcpu *v) { return v->hw; }

/* cpu.c */
bool svm_probe(char *why, size_t size);
hv_status svm_cpu_enable(void);
void svm_cpu_disable(void);
/* bitmaps.c */
hv_status svm_bitmaps_init(void);
/* setup.c */
hv_status svm_vcpu_init(struct vcpu *v);
void svm_vcpu_fini(struct vcpu *v);
void svm_vcpu_reset(struct vcpu *v);
/* tlb.c: gives the vCPU a valid ASID on this CPU and says what the entry must flush. */
void svm_tlb_prepare(struct svm_cpu *c, struct svm_vcpu *s);
void svm_tlb_flush(struct vcpu *v);
void svm_forget_all(void);
/* state.c */
void svm_state_get(struct vcpu *v, uint32_t groups);
void svm_state_put(struct vcpu *v, uint32_t groups);
/* event.c */
void svm_inject(struct vcpu *v, const struct inject_event *e);
void svm_window(struct vcpu *v, bool irq, bool nmi);
void svm_watch_tpr(struct vcpu *v, uint8_t threshold);
void svm_iret_seen(struct vcpu *v);
bool svm_iret_stepped(struct vcpu *v);
void svm_requeue_interrupted(struct vcpu *v);
/* run.c */
void svm_load(struct vcpu *v);
void svm_put(struct vcpu *v);
void svm_run(struct vcpu *v, struct vm_exit *out);
void svm_load_debug(struct svm_vcpu *s);
/* exit.c: fills *out from the VMCB. */
void svm_read_exit(struct vcpu *v, struct vm_exit *out);
/* dump.c; refuses: would the CPU, by the checks of check.h? */
bool svm_refuses(struct vcpu *v);
void svm_dump(struct vcpu *v);
/* entry.S: gpr is struct vcpu_state.gpr; RAX and RSP are in the VMCB. GIF is set on return. */
void svm_enter(uint64_t vmcb_pa, uint64_t *gpr, uint64_t host_vmcb_pa);

#endif
