/* SPDX-License-Identifier: BSD-2-Clause */
/* Why an entry failed, and the VMCB's view of the vCPU, in the log. */
#include "arch/x86/cpu/entry_report.h"
#include "arch/x86/svm/check.h"
#include "arch/x86/svm/svm_priv.h"
#include "socle/hostcpu.h"
#include "socle/log.h"
#include "socle/vm.h"

static void dump_seg(const char *name, const struct vmcb_seg *s)
{
    log_error("  %s sel %04x attr %03x limit %08x base %016lx", name, s->sel, s->attr, s->limit, s->base);
}

static size_t check(struct vcpu *v, struct entry_finding *found, size_t max)
{
    const struct guest_cpu *g = &v->vm->cpu;
    struct svm_check_limits limits = { (uint8_t)host_cpu()->caps.ext[8].eax, svm_caps.asids, g->cr4, g->efer };
    return svm_check_entry(svm_of(v)->vmcb, &limits, found, max);
}

bool svm_refuses(struct vcpu *v)
{
    struct entry_finding found[1];
    return check(v, found, ARRAY_LEN(found));
}

void svm_dump(struct vcpu *v)
{
    const struct vmcb *b = svm_of(v)->vmcb;
    struct entry_finding found[ENTRY_FINDINGS];
    entry_report(found, check(v, found, ENTRY_FINDINGS));
    log_error("  VMCB: exit %lx info %lx %lx int_info %lx asid %u", b->exit_code, b->exit_info1,
              b->exit_info2, b->exit_int_info, b->_asid);
    log_error("  int_ctl %lx int_state %lx event_inj %lx intercepts %08x %08x %08x", b->int_ctl,
              b->int_state, b->event_inj, b->_intercept1, b->_intercept2, b->_intercept_exc);
    log_error("  cr0 %lx cr3 %lx cr4 %lx efer %lx dr6 %lx dr7 %lx", b->_cr0, b->_cr3, b->_cr4, b->_efer,
              b->_dr6, b->_dr7);
    dump_seg("cs  ", &b->_cs);
    dump_seg("ss  ", &b->_ss);
    dump_seg("ds  ", &b->_ds);
    dump_seg("tr  ", &b->tr);
    dump_seg("gdtr", &b->_gdtr);
    dump_seg("idtr", &b->_idtr);
}
