/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fields of the virtual machine control structure that are used here: encodings of SDM
 * vol. 3, appendix B. One list serves the encodings, the names that a report prints, and a
 * plain copy of a VMCS (struct vmcs_image) over which the checks of check.c run natively.
 */
#ifndef ARCH_X86_VMX_VMCS_H
#define ARCH_X86_VMX_VMCS_H

#include "socle/types.h"

/* X(NAME, member, encoding) */
#define VMCS_CONTROL_FIELDS(X) \
    X(VPID, vpid, 0x0000) \
    X(IO_BITMAP_A, io_bitmap_a, 0x2000) \
    X(IO_BITMAP_B, io_bitmap_b, 0x2002) \
    X(MSR_BITMAP, msr_bitmap, 0x2004) \
    X(EXIT_MSR_STORE, exit_msr_store, 0x2006) \
    X(EXIT_MSR_LOAD, exit_msr_load, 0x2008) \
    X(ENTRY_MSR_LOAD, entry_msr_load, 0x200a) \
    X(TSC_OFFSET, tsc_offset, 0x2010) \
    X(VIRTUAL_APIC, virtual_apic, 0x2012) \
    X(EPTP, eptp, 0x201a) \
    X(PIN_CONTROLS, pin, 0x4000) \
    X(PROC_CONTROLS, proc, 0x4002) \
    X(EXCEPTIONS, exceptions, 0x4004) \
    X(PF_ERROR_MASK, pf_error_mask, 0x4006) \
    X(PF_ERROR_MATCH, pf_error_match, 0x4008) \
    X(CR3_TARGETS, cr3_targets, 0x400a) \
    X(EXIT_CONTROLS, exit, 0x400c) \
    X(EXIT_MSR_STORES, exit_msr_stores, 0x400e) \
    X(EXIT_MSR_LOADS, exit_msr_loads, 0x4010) \
    X(ENTRY_CONTROLS, entry, 0x4012) \
    X(ENTRY_MSR_LOADS, entry_msr_loads, 0x4014) \
    X(ENTRY_EVENT, entry_event, 0x4016) \
    X(ENTRY_ERROR, entry_error, 0x4018) \
    X(ENTRY_LENGTH, entry_length, 0x401a) \
    X(TPR_THRESHOLD, tpr_threshold, 0x401c) \
    X(PROC_CONTROLS2, proc2, 0x401e) \
    X(CR0_MASK, cr0_mask, 0x6000) \
    X(CR4_MASK, cr4_mask, 0x6002) \
    X(CR0_SHADOW, cr0_shadow, 0x6004) \
    X(CR4_SHADOW, cr4_shadow, 0x6006)

/* Only written, and only where the CPU has the control that they belong to. */
#define VMCS_OPTIONAL_FIELDS(X) \
    X(EOI_EXIT0, eoi_exit0, 0x201c) \
    X(EOI_EXIT1, eoi_exit1, 0x201e) \
    X(EOI_EXIT2, eoi_exit2, 0x2020) \
    X(EOI_EXIT3, eoi_exit3, 0x2022) \
    X(XSS_EXITS, xss_exits, 0x202c) \
    X(ENCLS_EXITS, encls_exits, 0x202e) \
    X(PLE_GAP, ple_gap, 0x4020) \
    X(PLE_WINDOW, ple_window, 0x4022) \
    X(NOTIFY_WINDOW, notify_window, 0x4024) \
    X(INTERRUPT_STATUS, interrupt_status, 0x0810) \
    X(PREEMPTION_TIMER, preemption_timer, 0x482e)

#define VMCS_GUEST_FIELDS(X) \
    X(GUEST_ES, es_sel, 0x0800) X(GUEST_CS, cs_sel, 0x0802) X(GUEST_SS, ss_sel, 0x0804) \
    X(GUEST_DS, ds_sel, 0x0806) X(GUEST_FS, fs_sel, 0x0808) X(GUEST_GS, gs_sel, 0x080a) \
    X(GUEST_LDTR, ldtr_sel, 0x080c) X(GUEST_TR, tr_sel, 0x080e) \
    X(VMCS_LINK, link, 0x2800) \
    X(GUEST_DEBUGCTL, debugctl, 0x2802) \
    X(GUEST_PAT, pat, 0x2804) \
    X(GUEST_EFER, efer, 0x2806) \
    X(GUEST_PDPTE0, pdpte0, 0x280a) X(GUEST_PDPTE1, pdpte1, 0x280c) \
    X(GUEST_PDPTE2, pdpte2, 0x280e) X(GUEST_PDPTE3, pdpte3, 0x2810) \
    X(GUEST_ES_LIMIT, es_limit, 0x4800) X(GUEST_CS_LIMIT, cs_limit, 0x4802) \
    X(GUEST_SS_LIMIT, ss_limit, 0x4804) X(GUEST_DS_LIMIT, ds_limit, 0x4806) \
    X(GUEST_FS_LIMIT, fs_limit, 0x4808) X(GUEST_GS_LIMIT, gs_limit, 0x480a) \
    X(GUEST_LDTR_LIMIT, ldtr_limit, 0x480c) X(GUEST_TR_LIMIT, tr_limit, 0x480e) \
    X(GUEST_GDTR_LIMIT, gdtr_limit, 0x4810) X(GUEST_IDTR_LIMIT, idtr_limit, 0x4812) \
    X(GUEST_ES_RIGHTS, es_ar, 0x4814) X(GUEST_CS_RIGHTS, cs_ar, 0x4816) \
    X(GUEST_SS_RIGHTS, ss_ar, 0x4818) X(GUEST_DS_RIGHTS, ds_ar, 0x481a) \
    X(GUEST_FS_RIGHTS, fs_ar, 0x481c) X(GUEST_GS_RIGHTS, gs_ar, 0x481e) \
    X(GUEST_LDTR_RIGHTS, ldtr_ar, 0x4820) X(GUEST_TR_RIGHTS, tr_ar, 0x4822) \
    X(INTERRUPTIBILITY, interruptibility, 0x4824) \
    X(ACTIVITY, activity, 0x4826) \
    X(GUEST_SYSENTER_CS, sysenter_cs, 0x482a) \
    X(GUEST_CR0, cr0, 0x6800) \
    X(GUEST_CR3, cr3, 0x6802) \
    X(GUEST_CR4, cr4, 0x6804) \
    X(GUEST_ES_BASE, es_base, 0x6806) X(GUEST_CS_BASE, cs_base, 0x6808) \
    X(GUEST_SS_BASE, ss_base, 0x680a) X(GUEST_DS_BASE, ds_base, 0x680c) \
    X(GUEST_FS_BASE, fs_base, 0x680e) X(GUEST_GS_BASE, gs_base, 0x6810) \
    X(GUEST_LDTR_BASE, ldtr_base, 0x6812) X(GUEST_TR_BASE, tr_base, 0x6814) \
    X(GUEST_GDTR_BASE, gdtr_base, 0x6816) X(GUEST_IDTR_BASE, idtr_base, 0x6818) \
    X(GUEST_DR7, dr7, 0x681a) \
    X(GUEST_RSP, rsp, 0x681c) \
    X(GUEST_RIP, rip, 0x681e) \
    X(GUEST_RFLAGS, rflags, 0x6820) \
    X(PENDING_DEBUG, pending_debug, 0x6822) \
    X(GUEST_SYSENTER_ESP, sysenter_esp, 0x6824) \
    X(GUEST_SYSENTER_EIP, sysenter_eip, 0x6826)

#define VMCS_HOST_FIELDS(X) \
    X(HOST_ES, host_es, 0x0c00) X(HOST_CS, host_cs, 0x0c02) X(HOST_SS, host_ss, 0x0c04) \
    X(HOST_DS, host_ds, 0x0c06) X(HOST_FS, host_fs, 0x0c08) X(HOST_GS, host_gs, 0x0c0a) \
    X(HOST_TR, host_tr, 0x0c0c) \
    X(HOST_PAT, host_pat, 0x2c00) \
    X(HOST_EFER, host_efer, 0x2c02) \
    X(HOST_SYSENTER_CS, host_sysenter_cs, 0x4c00) \
    X(HOST_CR0, host_cr0, 0x6c00) X(HOST_CR3, host_cr3, 0x6c02) X(HOST_CR4, host_cr4, 0x6c04) \
    X(HOST_FS_BASE, host_fs_base, 0x6c06) X(HOST_GS_BASE, host_gs_base, 0x6c08) \
    X(HOST_TR_BASE, host_tr_base, 0x6c0a) X(HOST_GDTR_BASE, host_gdtr_base, 0x6c0c) \
    X(HOST_IDTR_BASE, host_idtr_base, 0x6c0e) \
    X(HOST_SYSENTER_ESP, host_sysenter_esp, 0x6c10) \
    X(HOST_SYSENTER_EIP, host_sysenter_eip, 0x6c12) \
    X(HOST_RSP, host_rsp, 0x6c14) \
    X(HOST_RIP, host_rip, 0x6c16)

/* What the CPU says about an exit: read-only. */
#define VMCS_EXIT_FIELDS(X) \
    X(EXIT_GPA, exit_gpa, 0x2400) \
    X(INSTRUCTION_ERROR, instruction_error, 0x4400) \
    X(EXIT_REASON, exit_reason, 0x4402) \
    X(EXIT_EVENT, exit_event, 0x4404) \
    X(EXIT_ERROR, exit_error, 0x4406) \
    X(VECTORING, vectoring, 0x4408) \
    X(VECTORING_ERROR, vectoring_error, 0x440a) \
    X(EXIT_LENGTH, exit_length, 0x440c) \
    X(QUALIFICATION, qualification, 0x6400)

/* What decides whether an entry succeeds, in every CPU that is used. */
#define VMCS_ENTRY_FIELDS(X) VMCS_CONTROL_FIELDS(X) VMCS_GUEST_FIELDS(X) VMCS_HOST_FIELDS(X)

#define VMCS_ENCODING(name, member, encoding) VMCS_##name = encoding,
enum vmcs_field {
    VMCS_ENTRY_FIELDS(VMCS_ENCODING)
    VMCS_OPTIONAL_FIELDS(VMCS_ENCODING)
    VMCS_EXIT_FIELDS(VMCS_ENCODING)
};
#undef VMCS_ENCODING

/* A copy of those fields, each widened to 64 bits. */
#define VMCS_MEMBER(name, member, encoding) uint64_t member;
struct vmcs_image {
    VMCS_ENTRY_FIELDS(VMCS_MEMBER)
    uint8_t vtpr;   /* no field: offset 80h of the virtual-APIC page, which an entry looks at too */
};
#undef VMCS_MEMBER

/* Segments' fields lie two apart, in the order of enum seg, then LDTR and TR. */
enum { VMCS_NEXT_SEG = 2 };
_Static_assert(VMCS_GUEST_GS == VMCS_GUEST_ES + 5 * VMCS_NEXT_SEG, "segment selectors");
_Static_assert(VMCS_GUEST_TR_RIGHTS == VMCS_GUEST_ES_RIGHTS + 7 * VMCS_NEXT_SEG, "access rights");

#endif
