/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMCB's view of a vCPU in the log, for entries that failed and guests that crashed. */
#include "arch/x86/svm/svm_priv.h"
#include "socle/log.h"

static void dump_seg(const char *name, const struct vmcb_seg *s)
{
    log_error("  %s sel %04x attr %03x limit %08x base %016lx", name, s->sel, s->attr, s->limit, s->base);
}

void svm_dump(struct vcpu *v)
{
    const struct vmcb *b = svm_of(v)->vmcb;
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
