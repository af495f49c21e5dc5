/* SPDX-License-Identifier: BSD-2-Clause */
/* Moving groups of registers between the VMCB and struct vcpu_state. */
#include "arch/x86/svm/svm_bits.h"
#include "arch/x86/svm/svm_priv.h"

enum { TSS_AVAILABLE = 9, TSS_BUSY = 11 };

static struct segment seg_get(const struct vmcb_seg *s)
{
    return (struct segment){ .sel = s->sel, .attr = s->attr, .limit = s->limit, .base = s->base };
}

static struct vmcb_seg seg_put(const struct segment *s)
{
    return (struct vmcb_seg){ .sel = s->sel, .attr = s->attr, .limit = s->limit, .base = s->base };
}

static void get_segments(struct vcpu_state *st, const struct vmcb *b)
{
    st->seg[SEG_ES] = seg_get(&b->_es);
    st->seg[SEG_SS] = seg_get(&b->_ss);
    st->seg[SEG_DS] = seg_get(&b->_ds);
    st->seg[SEG_FS] = seg_get(&b->fs);
    st->seg[SEG_GS] = seg_get(&b->gs);
}

static void put_segments(const struct vcpu_state *st, struct vmcb *b)
{
    vmcb_set_es(b, seg_put(&st->seg[SEG_ES]));
    vmcb_set_ss(b, seg_put(&st->seg[SEG_SS]));
    vmcb_set_ds(b, seg_put(&st->seg[SEG_DS]));
    b->fs = seg_put(&st->seg[SEG_FS]);
    b->gs = seg_put(&st->seg[SEG_GS]);
}

/*
 * The neutral form has a busy TSS, as the architecture says after LTR. AMD-V ignores the
 * type, and one emulator looks at the I/O bitmap only with the available type.
 */
static void get_system(struct vcpu_state *st, const struct vmcb *b)
{
    st->ldtr = seg_get(&b->ldtr);
    st->tr = seg_get(&b->tr);
    if ((st->tr.attr & SEG_TYPE) == TSS_AVAILABLE)
        st->tr.attr = (uint16_t)((st->tr.attr & ~SEG_TYPE) | TSS_BUSY);
    st->gdtr = (struct dtable){ b->_gdtr.base, b->_gdtr.limit };
    st->idtr = (struct dtable){ b->_idtr.base, b->_idtr.limit };
}

static void put_system(const struct vcpu_state *st, struct vmcb *b)
{
    b->ldtr = seg_put(&st->ldtr);
    b->tr = seg_put(&st->tr);
    if ((b->tr.attr & SEG_TYPE) == TSS_BUSY)
        b->tr.attr = (uint16_t)((b->tr.attr & ~SEG_TYPE) | TSS_AVAILABLE);
    vmcb_set_gdtr(b, (struct vmcb_seg){ .limit = st->gdtr.limit, .base = st->gdtr.base });
    vmcb_set_idtr(b, (struct vmcb_seg){ .limit = st->idtr.limit, .base = st->idtr.base });
}

static void get_msrs(struct vcpu_state *st, const struct vmcb *b)
{
    st->star = b->star;
    st->lstar = b->lstar;
    st->cstar = b->cstar;
    st->sfmask = b->sfmask;
    st->kernel_gs_base = b->kernel_gs_base;
    st->sysenter_cs = b->sysenter_cs;
    st->sysenter_esp = b->sysenter_esp;
    st->sysenter_eip = b->sysenter_eip;
    st->pat = b->_g_pat;
    st->debugctl = b->_debugctl;
}

static void put_msrs(const struct vcpu_state *st, struct vmcb *b)
{
    b->star = st->star;
    b->lstar = st->lstar;
    b->cstar = st->cstar;
    b->sfmask = st->sfmask;
    b->kernel_gs_base = st->kernel_gs_base;
    b->sysenter_cs = st->sysenter_cs;
    b->sysenter_esp = st->sysenter_esp;
    b->sysenter_eip = st->sysenter_eip;
    vmcb_set_g_pat(b, st->pat);
    vmcb_set_debugctl(b, st->debugctl);
}

void svm_state_get(struct vcpu *v, uint32_t groups)
{
    const struct vmcb *b = svm_of(v)->vmcb;
    struct vcpu_state *st = &v->st;
    if (groups & REGS_CODE) {
        st->seg[SEG_CS] = seg_get(&b->_cs);
        st->cpl = b->_cpl;
    }
    if (groups & REGS_DATA)
        get_segments(st, b);
    if (groups & REGS_SYS)
        get_system(st, b);
    if (groups & REGS_CR) {
        st->cr0 = b->_cr0;
        st->cr2 = b->_cr2;
        st->cr3 = b->_cr3;
        st->cr4 = b->_cr4;
        st->efer = b->_efer & ~EFER_SVME;
    }
    if (groups & REGS_DR) {
        st->dr6 = b->_dr6;
        st->dr7 = b->_dr7;
    }
    if (groups & REGS_MSR)
        get_msrs(st, b);
    v->valid |= groups;
}

void svm_state_put(struct vcpu *v, uint32_t groups)
{
    struct vmcb *b = svm_of(v)->vmcb;
    const struct vcpu_state *st = &v->st;
    if (groups & REGS_CODE) {
        vmcb_set_cs(b, seg_put(&st->seg[SEG_CS]));
        vmcb_set_cpl(b, st->cpl);
    }
    if (groups & REGS_DATA)
        put_segments(st, b);
    if (groups & REGS_SYS)
        put_system(st, b);
    if (groups & REGS_CR) {
        vmcb_set_cr0(b, st->cr0);
        vmcb_set_cr2(b, st->cr2);
        vmcb_set_cr3(b, st->cr3);
        vmcb_set_cr4(b, st->cr4);
        vmcb_set_efer(b, st->efer | EFER_SVME);     /* VMRUN insists on it (15.5.1) */
    }
    if (groups & REGS_DR) {
        vmcb_set_dr6(b, st->dr6);
        vmcb_set_dr7(b, st->dr7);
    }
    if (groups & REGS_MSR)
        put_msrs(st, b);
}
