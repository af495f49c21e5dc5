/* SPDX-License-Identifier: BSD-2-Clause */
/* Why an entry failed, and the VMCS's view of the vCPU, in the log. */
#include "arch/x86/cpu/entry_report.h"
#include "arch/x86/vmx/check.h"
#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx_bits.h"
#include "arch/x86/vmx/vmx_priv.h"
#include "socle/hostcpu.h"
#include "socle/log.h"

static void dump_seg(const char *name, unsigned n)
{
    log_error("  %s sel %04lx rights %05lx limit %08lx base %016lx", name, vmread(VMCS_GUEST_ES + n * 2),
              vmread(VMCS_GUEST_ES_RIGHTS + n * 2), vmread(VMCS_GUEST_ES_LIMIT + n * 2),
              vmread(VMCS_GUEST_ES_BASE + n * 2));
}

#define READ_FIELD(name, member, encoding) m->member = vmread(VMCS_##name);
static void read_image(struct vcpu *v, struct vmcs_image *m)
{
    VMCS_ENTRY_FIELDS(READ_FIELD)
    m->vtpr = (uint8_t)lapic_reg(&v->lapic, LAPIC_TPR);
}
#undef READ_FIELD

/* The CPU only says which group of checks failed (27.2, 27.3); ours name the field. */
static void report_entry(struct vcpu *v)
{
    static struct vmcs_image image;     /* too large for the stack; no other CPU runs guests yet */
    struct entry_finding found[ENTRY_FINDINGS];
    const struct cpu_caps *host = &host_cpu()->caps;
    const struct vmx_check_limits limits = {
        .cpu = vmx_facts, .phys_bits = (uint8_t)host->ext[8].eax,
        .linear_bits = (uint8_t)(host->ext[8].eax >> 8), .sgx = host->leaf7[0].ebx & BIT(2),
        .rtm = host->leaf7[0].ebx & BIT(11),
    };
    read_image(v, &image);
    entry_report(found, vmx_check_entry(&image, &limits, found, ENTRY_FINDINGS));
}

void vmx_dump(struct vcpu *v)
{
    vmx_make_current(vmx_of(v));
    report_entry(v);
    log_error("  VMCS: exit reason %08lx qualification %lx vectoring %08lx error %lu",
              vmread(VMCS_EXIT_REASON), vmread(VMCS_QUALIFICATION), vmread(VMCS_VECTORING),
              vmread(VMCS_INSTRUCTION_ERROR));
    log_error("  pin %08lx proc %08lx %08lx exit %08lx entry %08lx event %08lx", vmread(VMCS_PIN_CONTROLS),
              vmread(VMCS_PROC_CONTROLS), vmread(VMCS_PROC_CONTROLS2), vmread(VMCS_EXIT_CONTROLS),
              vmread(VMCS_ENTRY_CONTROLS), vmread(VMCS_ENTRY_EVENT));
    log_error("  cr0 %lx cr3 %lx cr4 %lx efer %lx dr7 %lx", vmread(VMCS_GUEST_CR0), vmread(VMCS_GUEST_CR3),
              vmread(VMCS_GUEST_CR4), vmread(VMCS_GUEST_EFER), vmread(VMCS_GUEST_DR7));
    log_error("  rip %lx rsp %lx rflags %lx interruptibility %lx activity %lx pending %lx",
              vmread(VMCS_GUEST_RIP), vmread(VMCS_GUEST_RSP), vmread(VMCS_GUEST_RFLAGS),
              vmread(VMCS_INTERRUPTIBILITY), vmread(VMCS_ACTIVITY), vmread(VMCS_PENDING_DEBUG));
    dump_seg("cs  ", SEG_CS);
    dump_seg("ss  ", SEG_SS);
    dump_seg("ds  ", SEG_DS);
    dump_seg("ldtr", SEG_COUNT);
    dump_seg("tr  ", SEG_COUNT + 1);
}
