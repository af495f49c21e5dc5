/* SPDX-License-Identifier: BSD-2-Clause */
/* First contents of a VMCB: what is intercepted and why. APM vol. 2, 15.5 to 15.14. */
#include "arch/x86/cpu/ops.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/mm/hostmem.h"
#include "arch/x86/svm/svm_bits.h"
#include "arch/x86/svm/svm_priv.h"
#include "socle/str.h"

static const uint32_t intercepts1 =
    I1_INTR |           /* host interrupts are the host's */
    I1_NMI |            /* likewise */
    I1_INIT |           /* seen and reported; R_INIT (cpu.c) keeps it from resetting the CPU */
    I1_RDPMC |          /* no performance counters are offered */
    I1_CPUID |          /* policy */
    I1_INVD |           /* would drop other guests' and our own dirty cache lines */
    I1_HLT |            /* another vCPU can run meanwhile */
    I1_INVLPGA |        /* AMD-V is not offered: #UD */
    I1_IOIO |           /* every port is virtual */
    I1_MSR |            /* all but those in bitmaps.c */
    I1_FERR |           /* no legacy FERR line */
    I1_SHUTDOWN;        /* a triple fault ends the guest, not the machine */

static const uint32_t intercepts2 =
    I2_VMRUN |          /* must be intercepted (15.5.1) */
    I2_VMMCALL |        /* hypercalls */
    I2_VMLOAD | I2_VMSAVE | I2_STGI | I2_CLGI | I2_SKINIT |     /* not offered: #UD */
    I2_WBINVD |         /* stops the whole machine for long; guest memory is coherent anyway */
    I2_MONITOR | I2_MWAIT |     /* not offered; MWAIT would keep the CPU */
    I2_XSETBV |         /* policy */
    I2_RDPRU;           /* shows the host's counters */

static const uint32_t intercepts3 =
    I3_INVLPGB |        /* would act on other guests' ASIDs */
    I3_INVLPGB_ILLEGAL | I3_TLBSYNC | I3_MCOMMIT;

static const uint32_t intercepts_exc =
    BIT(VEC_DB) |       /* a fault loop in delivery would never end (CVE-2015-8104) */
    BIT(VEC_AC) |       /* likewise (CVE-2015-5307) */
    BIT(VEC_MC);        /* machine checks are the host's */

/*
 * CR4 writes are intercepted for bits the guest is not offered; CR0 and CR3 are not:
 * with nested paging the guest owns them. Debug registers are until their first use,
 * writes of DR7 always (run.c says why).
 */
enum { PAUSE_COUNT = 3000, PAUSE_GAP = 128 };

static void set_controls(struct vcpu *v)
{
    struct vmcb *b = svm_of(v)->vmcb;
    vmcb_set_intercept_cr(b, CR4_WRITE);
    vmcb_set_intercept_dr(b, INTERCEPT_DR_ALL);
    vmcb_set_intercept_exc(b, intercepts_exc);
    vmcb_set_intercept1(b, intercepts1 | (svm_caps.pause_filter ? I1_PAUSE : 0));
    vmcb_set_intercept2(b, intercepts2);
    vmcb_set_intercept3(b, intercepts3);
    if (svm_caps.pause_filter)
        vmcb_set_pause_count(b, PAUSE_COUNT);
    if (svm_caps.pause_threshold)
        vmcb_set_pause_threshold(b, PAUSE_GAP);
    vmcb_set_iopm(b, svm_iopm.v);
    vmcb_set_msrpm(b, svm_msrpm.v);
    vmcb_set_int_ctl(b, INT_V_MASKING);     /* guest IF and TPR are not the host's */
    vmcb_set_np_enable(b, 1);
    vmcb_set_n_cr3(b, v->nested_root.v);
}

hv_status svm_vcpu_init(struct vcpu *v)
{
    struct svm_vcpu *s = host_object(sizeof(*s));
    if (!s)
        return HV_NOMEM;
    s->vmcb = host_pages(1);
    if (!s->vmcb) {
        host_object_free(s, sizeof(*s));
        return HV_NOMEM;
    }
    s->vmcb_pa = virt_to_phys(s->vmcb);
    v->hw = s;
    svm_vcpu_reset(v);
    return HV_OK;
}

void svm_vcpu_fini(struct vcpu *v)
{
    host_pages_free(svm_of(v)->vmcb, 1);
    host_object_free(v->hw, sizeof(struct svm_vcpu));
    v->hw = NULL;
}

void svm_vcpu_reset(struct vcpu *v)
{
    struct svm_vcpu *s = svm_of(v);
    struct vmcb *b = s->vmcb;
    uint64_t tsc_offset = b->_tsc_offset;
    memset(b, 0, sizeof(*b));
    set_controls(v);
    vmcb_set_tsc_offset(b, tsc_offset);
    s->asid_gen = 0;
    s->nmi_step = false;
    s->injected = false;
    s->dr_loaded = false;
    memset(s->dr, 0, sizeof(s->dr));
    v->dirty = REGS_ALL;
    v->valid = REGS_ALL;
}
