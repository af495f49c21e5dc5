/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch/x86/vmx/check_guest.c, check_seg.c and check_event.c: what is wrong with a guest's state
 * at VM entry. Every rule has a fault that only it finds; what is allowed is found by none.
 */
#include "vmx_check_fixture.h"

#define NOT_CANONICAL   0x0000800000000000
#define EVENT(type, vector)     (EVENT_VALID | (type) << EVENT_TYPE_SHIFT | (vector))

static void no_sgx(struct vmx_check_limits *l) { l->sgx = false; }
static void no_rtm(struct vmx_check_limits *l) { l->rtm = false; }
static void no_hlt(struct vmx_check_limits *l) { l->cpu.misc &= ~(uint64_t)BIT(MISC_ACTIVITY_SHIFT); }
static void no_wait_sipi(struct vmx_check_limits *l) { l->cpu.misc &= ~(uint64_t)BIT(MISC_ACTIVITY_SHIFT + 2); }
static void with_cet(struct vmx_check_limits *l) { l->cpu.cr4_fixed1 |= CR4_CET; }
static void no_cache_control(struct vmx_check_limits *l) { l->cpu.cr0_fixed1 &= ~(CR0_CD | CR0_NW); }
static void five_levels(struct vmx_check_limits *l) { l->linear_bits = 57; }

/* Each mode with the controls of each CPU. */
static void good_guests(void **unused)
{
    for (unsigned cpu = 0; cpu < CPU_COUNT; cpu++) {
        for (unsigned mode = 0; mode < MODE_COUNT; mode++) {
            struct vmcs_image m;
            struct entry_finding f = { 0 };
            fake_vmx_image(&m, cpu, mode);
            if (vmx_check_entry(&m, &fake_vmx_cpus[cpu], &f, 1))
                fail_msg("cpu %u, mode %u: %s 0x%llx: %s", cpu, mode, f.field, (unsigned long long)f.value, f.rule);
        }
    }
}

static const struct fake_vmx_case registers[] = {
    { MODE_LONG, "guest CR0", "must have the bits set that VMX operation needs", .change = { DROP(cr0, CR0_NE) } },
    { MODE_LONG, "guest CR0", "must not have bits set that VMX operation excludes", .change = { OR(cr0, BIT64(32)) } },
    { MODE_PROTECTED, "guest CR0", "must have the bits set that VMX operation needs", .change = { DROP(cr0, CR0_PG) } },
    { MODE_REAL, "guest CR0", "must have the bits set that VMX operation needs", .change = { DROP(cr0, CR0_NE) } },
    { MODE_REAL, "guest CR0", "PG needs PE", .change = { OR(cr0, CR0_PG) } },
    { MODE_LONG, "guest CR4", "must have the bits set that VMX operation needs", .change = { DROP(cr4, CR4_VMXE) } },
    { MODE_LONG, "guest CR4", "must not have bits set that VMX operation excludes", .change = { OR(cr4, BIT64(31)) } },
    { MODE_LONG, "guest CR4", "CET needs CR0.WP", .change = { OR(cr4, CR4_CET), DROP(cr0, CR0_WP) }, with_cet },
    { MODE_LONG_UG, "guest CR0", "PG must be set in IA-32e mode", .change = { DROP(cr0, CR0_PG) } },
    { MODE_LONG, "guest CR4", "PAE must be set in IA-32e mode", .change = { DROP(cr4, CR4_PAE) } },
    { MODE_PROTECTED, "guest CR4", "PCIDE must be clear outside of IA-32e mode", .change = { OR(cr4, CR4_PCIDE) } },
    { MODE_LONG, "guest CR3", PHYSICAL, .change = { SET(cr3, BIT64(39)) } },
    { MODE_REAL, "guest CR3", PHYSICAL, .change = { SET(cr3, BIT64(63)) } },
    { MODE_LONG, "guest DEBUGCTL", RESERVED, .change = { SET(debugctl, BIT64(3)) } },
    { MODE_LONG, "guest DEBUGCTL", RESERVED, .change = { SET(debugctl, BIT64(16)) } },
    { MODE_LONG, "guest DR7", "must have bits 63:32 clear", .change = { OR(dr7, BIT64(32)) } },
    { MODE_LONG, "guest SYSENTER ESP", CANONICAL, .change = { SET(sysenter_esp, NOT_CANONICAL) } },
    { MODE_PROTECTED, "guest SYSENTER EIP", CANONICAL, .change = { SET(sysenter_eip, NOT_CANONICAL) } },
    { MODE_LONG, "guest PAT", "each byte must be 0, 1, 4, 5, 6 or 7", .change = { SET(pat, 0x0007040600070402) } },
    { MODE_LONG, "guest PAT", "each byte must be 0, 1, 4, 5, 6 or 7", .change = { SET(pat, 0x0307040600070406) } },
    { MODE_LONG, "guest PAT", "each byte must be 0, 1, 4, 5, 6 or 7", .change = { SET(pat, 0x0008040600070406) } },
    { MODE_LONG, "guest EFER", RESERVED, .change = { OR(efer, EFER_SVME) } },
    { MODE_LONG, "guest EFER", RESERVED, .change = { OR(efer, BIT64(32)) } },
    { MODE_REAL, "guest EFER", "LMA must be as the entry controls say (IA-32e mode guest)", .change = { OR(efer, EFER_LMA) } },
    { MODE_LONG, "guest EFER", "LMA must be as the entry controls say (IA-32e mode guest)",
      .change = { DROP(efer, EFER_LMA | EFER_LME) } },
    { MODE_LONG, "guest EFER", "LMA must be LME with CR0.PG set", .change = { DROP(efer, EFER_LME) } },
    { MODE_PAE, "guest EFER", "LMA must be LME with CR0.PG set", .change = { OR(efer, EFER_LME) } },
    { MODE_LONG, "guest GDTR base", CANONICAL, .change = { SET(gdtr_base, NOT_CANONICAL) } },
    { MODE_REAL, "guest IDTR base", CANONICAL, .change = { SET(idtr_base, NOT_CANONICAL) } },
    { MODE_LONG, "guest GDTR limit", "must have bits 31:16 clear", .change = { SET(gdtr_limit, 0x10000) } },
    { MODE_LONG, "guest IDTR limit", "must have bits 31:16 clear", .change = { SET(idtr_limit, 0xffffffff) } },
    { MODE_REAL, "guest RIP", "must have bits 63:32 clear outside of 64-bit mode", .change = { SET(rip, BIT64(32)) } },
    { MODE_COMPAT, "guest RIP", "must have bits 63:32 clear outside of 64-bit mode", .change = { SET(rip, BIT64(32)) } },
    { MODE_PROTECTED, "guest RIP", "must have bits 63:32 clear outside of 64-bit mode",
      .change = { SET(rip, BIT64(32)), OR(cs_ar, AR_L) } },
    { MODE_LONG, "guest RIP", "must have the bits alike that are beyond linear addresses", .change = { SET(rip, BIT64(48)) } },
    { MODE_LONG, "guest RIP", "must have the bits alike that are beyond linear addresses",
      .change = { SET(rip, BIT64(57)) }, five_levels },
    { MODE_LONG, "guest RFLAGS", RESERVED, .change = { OR(rflags, BIT64(22)) } },
    { MODE_LONG, "guest RFLAGS", RESERVED, .change = { OR(rflags, BIT64(15)) } },
    { MODE_LONG, "guest RFLAGS", RESERVED, .change = { OR(rflags, BIT64(5)) } },
    { MODE_LONG, "guest RFLAGS", RESERVED, .change = { OR(rflags, BIT64(3)) } },
    { MODE_LONG, "guest RFLAGS", RESERVED, .change = { OR(rflags, BIT64(63)) } },
    { MODE_LONG, "guest RFLAGS", "bit 1 must be set", .change = { DROP(rflags, RFLAGS_FIXED) } },
    { MODE_V8086, "guest RFLAGS", "VM must be clear in IA-32e mode",
      .change = { OR(entry, ENTRY_GUEST_64), OR(cr4, CR4_PAE), OR(efer, EFER_LMA | EFER_LME) } },
    { MODE_V8086, "guest RFLAGS", "VM must be clear in real mode",
      .change = { DROP(cr0, CR0_PE | CR0_PG), OR(proc2, PROC2_UNRESTRICTED) } },
    { MODE_PAE, "guest PDPTE0", "reserved bits must be clear: it is present", .change = { OR(pdpte0, BIT64(1)) } },
    { MODE_PAE, "guest PDPTE0", "reserved bits must be clear: it is present", .change = { OR(pdpte0, BIT64(2)) } },
    { MODE_PAE, "guest PDPTE1", "reserved bits must be clear: it is present", .change = { SET(pdpte1, 1 | BIT64(5)) } },
    { MODE_PAE, "guest PDPTE2", "reserved bits must be clear: it is present", .change = { SET(pdpte2, 1 | BIT64(8)) } },
    { MODE_PAE_UG, "guest PDPTE3", "reserved bits must be clear: it is present", .change = { OR(pdpte3, BIT64(39)) } },
};

static void register_faults(void **unused) { run(registers, ARRAY_LEN(registers)); }

/* Segment checks that are the same for several registers: sel, base and rights of each. */
#define OF_USABLE(mode, NAME, s) \
    { mode, "guest " NAME " access rights", RESERVED, .change = { OR(s##_ar, BIT64(8)) } }, \
    { mode, "guest " NAME " access rights", RESERVED, .change = { OR(s##_ar, BIT64(11)) } }, \
    { mode, "guest " NAME " access rights", RESERVED, .change = { OR(s##_ar, BIT64(17)) } }, \
    { mode, "guest " NAME " access rights", RESERVED, .change = { OR(s##_ar, BIT64(31)) } }, \
    { mode, "guest " NAME " access rights", "P must be set", .change = { DROP(s##_ar, AR_P) } }, \
    { mode, "guest " NAME " access rights", "G must be clear: bits 11:0 of the limit are not all set", \
      .change = { OR(s##_ar, AR_G), SET(s##_limit, 0xffffe) } }, \
    { mode, "guest " NAME " access rights", "G must be set: the limit has bits 31:20", \
      .change = { DROP(s##_ar, AR_G), SET(s##_limit, 0x100fff) } }
#define OF_CODE_OR_DATA(mode, NAME, s) \
    OF_USABLE(mode, NAME, s), \
    { mode, "guest " NAME " access rights", "S must be set", .change = { DROP(s##_ar, AR_S) } }
#define OF_DATA(mode, NAME, s) \
    OF_CODE_OR_DATA(mode, NAME, s), \
    { mode, "guest " NAME " access rights", "type must be accessed (bit 0)", .change = { DROP(s##_ar, 1) } }, \
    { mode, "guest " NAME " access rights", "code must be readable (bit 1)", .change = { DROP(s##_ar, 15), OR(s##_ar, 9) } }, \
    { MODE_LONG, "guest " NAME " access rights", "DPL must not be below the selector's RPL", .change = { OR(s##_sel, 3) } }, \
    { MODE_LONG, "guest " NAME " access rights", "DPL must not be below the selector's RPL", \
      .change = { OR(s##_sel, 1), OR(s##_ar, 15), DROP(s##_ar, 4) } }
#define OF_SYSTEM(NAME, s) \
    OF_USABLE(MODE_LONG, NAME, s), \
    { MODE_LONG, "guest " NAME " access rights", "S must be clear", .change = { OR(s##_ar, AR_S) } }, \
    { MODE_REAL, "guest " NAME " selector", "TI must be clear", .change = { OR(s##_sel, 4) } }, \
    { MODE_LONG, "guest " NAME " base", CANONICAL, .change = { SET(s##_base, NOT_CANONICAL) } }
#define OF_V8086(NAME, s) \
    { MODE_V8086, "guest " NAME " base", "must be 16 times the selector in virtual-8086 mode", .change = { OR(s##_base, 1) } }, \
    { MODE_V8086, "guest " NAME " limit", "must be 0xffff in virtual-8086 mode", .change = { SET(s##_limit, 0xfffff) } }, \
    { MODE_V8086, "guest " NAME " access rights", "must be 0xf3 in virtual-8086 mode", .change = { SET(s##_ar, 0x93) } }

static const struct fake_vmx_case segments[] = {
    OF_CODE_OR_DATA(MODE_PROTECTED, "CS", cs), OF_CODE_OR_DATA(MODE_LONG, "SS", ss),
    OF_DATA(MODE_LONG, "DS", ds), OF_DATA(MODE_LONG_USER, "ES", es), OF_DATA(MODE_REAL, "FS", fs),
    OF_DATA(MODE_PROTECTED_UG, "GS", gs), OF_SYSTEM("TR", tr), OF_SYSTEM("LDTR", ldtr),
    OF_V8086("CS", cs), OF_V8086("SS", ss), OF_V8086("DS", ds), OF_V8086("ES", es), OF_V8086("FS", fs),
    OF_V8086("GS", gs),
    { MODE_LONG, "guest CS base", "must have bits 63:32 clear", .change = { SET(cs_base, BIT64(32)) } },
    { MODE_LONG, "guest CS base", "must have bits 63:32 clear", .change = { SET(cs_base, BIT64(32)), OR(cs_ar, AR_UNUSABLE) } },
    { MODE_LONG, "guest SS base", "must have bits 63:32 clear", .change = { SET(ss_base, BIT64(63)) } },
    { MODE_REAL, "guest DS base", "must have bits 63:32 clear", .change = { SET(ds_base, BIT64(32)) } },
    { MODE_PROTECTED, "guest ES base", "must have bits 63:32 clear", .change = { SET(es_base, BIT64(32)) } },
    { MODE_LONG, "guest FS base", CANONICAL, .change = { SET(fs_base, NOT_CANONICAL) } },
    { MODE_LONG, "guest GS base", CANONICAL, .change = { SET(gs_base, NOT_CANONICAL), SET(gs_ar, AR_UNUSABLE) } },
    /* CS */
    { MODE_PROTECTED, "guest CS access rights", "type must be 9, 11, 13 or 15 (accessed code)",
      .change = { DROP(cs_ar, 15), OR(cs_ar, 3) } },
    { MODE_LONG, "guest CS access rights", "type must be 9, 11, 13 or 15 (accessed code)", .change = { DROP(cs_ar, 1) } },
    { MODE_REAL, "guest CS access rights", "type must be 3 (data) or 9, 11, 13, 15 (accessed code)",
      .change = { SET(cs_ar, 0x97) } },
    { MODE_LONG_UG, "guest CS access rights", "type must be 3 (data) or 9, 11, 13, 15 (accessed code)",
      .change = { DROP(cs_ar, 1) } },
    { MODE_REAL, "guest CS access rights", "DPL must be 0 with type 3", .change = { SET(cs_ar, 0xf3) } },
    { MODE_LONG_USER, "guest CS access rights", "DPL must be that of SS", .change = { SET(cs_ar, 0xa0db) } },
    { MODE_LONG, "guest CS access rights", "DPL must be that of SS", .change = { SET(cs_ar, 0xa0f9) } },
    { MODE_LONG, "guest CS access rights", "DPL of conforming code must not be above that of SS",
      .change = { SET(cs_ar, 0xa0bf) } },
    { MODE_LONG, "guest CS access rights", "D must be clear with L set", .change = { OR(cs_ar, AR_DB) } },
    /* SS */
    { MODE_LONG_USER, "guest SS selector", "RPL must be that of CS", .change = { DROP(cs_sel, 1) } },
    { MODE_LONG, "guest SS access rights", "DPL must be the selector's RPL",
      .change = { SET(ss_ar, 0xc0f3), SET(cs_ar, 0xa0fb) } },
    { MODE_LONG, "guest SS access rights", "DPL must be the selector's RPL",
      .change = { SET(ss_ar, 0xc0f3 | AR_UNUSABLE), SET(cs_ar, 0xa0fb) } },
    { MODE_REAL, "guest SS access rights", "DPL must be 0 in real mode or with CS type 3",
      .change = { SET(ss_ar, 0xf3), SET(cs_ar, 0xfb) } },
    { MODE_PROTECTED_UG, "guest SS access rights", "DPL must be 0 in real mode or with CS type 3",
      .change = { SET(ss_ar, 0xc0f3), SET(cs_ar, 0xc093) } },
    { MODE_LONG, "guest SS access rights", "type must be 3 or 7 (accessed, writable data)", .change = { DROP(ss_ar, 1) } },
    { MODE_LONG, "guest SS access rights", "type must be 3 or 7 (accessed, writable data)", .change = { DROP(ss_ar, 2) } },
    { MODE_LONG, "guest SS access rights", "type must be 3 or 7 (accessed, writable data)", .change = { OR(ss_ar, 8) } },
    /* TR and LDTR */
    { MODE_LONG, "guest TR access rights", "type must be 11 (busy 64-bit TSS)", .change = { SET(tr_ar, 0x89) } },
    { MODE_COMPAT, "guest TR access rights", "type must be 11 (busy 64-bit TSS)", .change = { SET(tr_ar, 0x83) } },
    { MODE_PROTECTED, "guest TR access rights", "type must be 3 or 11 (busy TSS)", .change = { SET(tr_ar, 0x89) } },
    { MODE_REAL, "guest TR access rights", "type must be 3 or 11 (busy TSS)", .change = { SET(tr_ar, 0x81) } },
    { MODE_LONG, "guest TR access rights", "must be usable", .change = { OR(tr_ar, AR_UNUSABLE) } },
    { MODE_LONG, "guest LDTR access rights", "type must be 2 (LDT)", .change = { SET(ldtr_ar, 0x83) } },
};

static void segment_faults(void **unused) { run(segments, ARRAY_LEN(segments)); }

/* Unlike the CPU's manual a simple check may refuse these. */
static const struct fake_vmx_case fine[] = {
    { MODE_LONG, .change = { SET(ds_ar, AR_UNUSABLE), SET(ds_sel, 3), SET(ds_base, ~0ull), SET(ds_limit, ~0ull) } },
    { MODE_LONG, .change = { SET(ss_ar, AR_UNUSABLE), SET(ss_sel, 0), SET(ss_base, ~0ull) } },
    { MODE_LONG, .change = { SET(ldtr_ar, AR_UNUSABLE | 0x1000), SET(ldtr_sel, 4), SET(ldtr_base, NOT_CANONICAL) } },
    { MODE_PROTECTED, .change = { SET(tr_ar, 0x83) } },
    { MODE_LONG, .change = { SET(cs_ar, 0xa09f) } },                    /* conforming */
    { MODE_LONG_USER, .change = { SET(cs_ar, 0xa09f) } },
    { MODE_LONG, .change = { SET(ds_sel, 3), SET(ds_ar, 0xc09f) } },    /* conforming code is any RPL's */
    { MODE_REAL, .change = { SET(cs_ar, 0x93) } },                      /* data */
    { MODE_REAL, .change = { SET(cs_sel, 0x1233), SET(ss_sel, 0x2001), SET(ds_sel, 3) } },
    { MODE_PROTECTED_UG, .change = { DROP(cr0, CR0_PG) } },
    { MODE_REAL, .change = { OR(efer, EFER_LME) } },                    /* before paging */
    { MODE_LONG, .change = { OR(cr0, CR0_CD | CR0_NW), OR(cr4, CR4_PCIDE | CR4_SMEP) } },
    { MODE_LONG, .change = { OR(cr0, CR0_CD | CR0_NW) }, .on = no_cache_control },
    { MODE_LONG, .change = { SET(debugctl, 0xffc7) } },
    { MODE_LONG, .change = { SET(rip, 0x0000800000000000) } },          /* just past the lower half */
    { MODE_LONG, .change = { SET(gdtr_base, BIT64(55)), SET(rip, BIT64(56)) }, .on = five_levels },
    { MODE_PAE, .change = { SET(pdpte1, 0xfffffffffffffffe) } },        /* not present */
    { MODE_PROTECTED, .change = { SET(pdpte0, ~0ull) } },               /* not PAE */
    { MODE_PAE, .change = { DROP(proc2, PROC2_EPT), SET(pdpte0, ~0ull) } },
    { MODE_LONG, .change = { SET(pdpte0, ~0ull) } },
    { MODE_LONG, .change = { DROP(entry, ENTRY_LOAD_PAT), SET(pat, ~0ull) } },
    { MODE_LONG, .change = { DROP(entry, ENTRY_LOAD_EFER), SET(efer, ~0ull) } },
    { MODE_LONG, .change = { OR(cr4, CR4_CET) }, .on = with_cet },
    { MODE_LONG, .change = { SET(link, 0x7000) } },
    /* events */
    { MODE_LONG, .change = { SET(entry_event, EVENT(EVENT_TYPE_INTR, 0xff)), OR(rflags, RFLAGS_IF) } },
    { MODE_LONG, .change = { SET(entry_event, EVENT(EVENT_TYPE_INTR, 0x20)), OR(rflags, RFLAGS_IF),
                             SET(activity, ACTIVITY_HLT) } },
    { MODE_LONG, .change = { SET(entry_event, EVENT(EVENT_TYPE_NMI, 2)), SET(activity, ACTIVITY_SHUTDOWN) } },
    { MODE_LONG, .change = { SET(entry_event, EVENT(EVENT_TYPE_EXCEPTION, VEC_MC)), SET(activity, ACTIVITY_SHUTDOWN) } },
    { MODE_LONG, .change = { SET(entry_event, EVENT(EVENT_TYPE_EXCEPTION, VEC_DB)), SET(activity, ACTIVITY_HLT) } },
    { MODE_LONG, .change = { SET(entry_event, EVENT(EVENT_TYPE_OTHER, 0)), SET(activity, ACTIVITY_HLT) } },
    { MODE_LONG, .change = { SET(activity, ACTIVITY_WAIT_SIPI) } },
    { MODE_LONG, .change = { SET(entry_event, EVENT(EVENT_TYPE_EXCEPTION, VEC_PF) | EVENT_HAS_ERROR),
                             SET(entry_error, 0xffff) } },
    { MODE_REAL, .change = { SET(entry_event, EVENT(EVENT_TYPE_EXCEPTION, VEC_GP)) } },
    { MODE_LONG, .change = { SET(entry_event, EVENT(EVENT_TYPE_EXCEPTION, 31)) } },
    { MODE_LONG, .change = { SET(entry_event, EVENT(EVENT_TYPE_SOFT_INT, 0x80)), SET(entry_length, 15) } },
    { MODE_LONG, .change = { SET(entry_event, EVENT(EVENT_TYPE_SOFT_EXCEPTION, 3)), SET(entry_length, 0) } },
    { MODE_LONG, .change = { SET(entry_event, ~0u & ~EVENT_VALID), SET(entry_error, ~0u) } },
    { MODE_LONG, .change = { SET(entry_event, EVENT(EVENT_TYPE_NMI, 2)), DROP(pin, PIN_VIRTUAL_NMI),
                             SET(interruptibility, BLOCK_NMI) } },
    /* what the guest waits for */
    { MODE_LONG, .change = { SET(interruptibility, BLOCK_STI | BLOCK_NMI), OR(rflags, RFLAGS_IF) } },
    { MODE_LONG, .change = { SET(interruptibility, BLOCK_ENCLAVE) } },
    { MODE_LONG, .change = { OR(rflags, RFLAGS_TF) } },
    { MODE_LONG, .change = { SET(pending_debug, PENDING_STEP | PENDING_ENABLED_BP | 0xf) } },
    { MODE_LONG, .change = { SET(pending_debug, PENDING_STEP), OR(rflags, RFLAGS_TF), SET(interruptibility, BLOCK_MOV_SS) } },
    { MODE_LONG, .change = { OR(rflags, RFLAGS_TF), SET(debugctl, 2), SET(interruptibility, BLOCK_MOV_SS) } },
    { MODE_LONG, .change = { SET(pending_debug, PENDING_RTM | PENDING_ENABLED_BP) } },
};

static void no_faults(void **unused) { accepted(fine, ARRAY_LEN(fine)); }

#define BLOCKED     "must not be one that the activity state blocks"

static const struct fake_vmx_case states[] = {
    { MODE_LONG, "guest activity state", "must be one that the CPU has", .change = { SET(activity, 4) } },
    { MODE_LONG, "guest activity state", "must be one that the CPU has", .change = { SET(activity, ACTIVITY_HLT) }, no_hlt },
    { MODE_LONG, "guest activity state", "must be one that the CPU has", .change = { SET(activity, ACTIVITY_WAIT_SIPI) },
      no_wait_sipi },
    { MODE_LONG_USER, "guest activity state", "must not be HLT with a DPL of SS other than 0",
      .change = { SET(activity, ACTIVITY_HLT) } },
    { MODE_LONG, "guest activity state", "must be active with blocking by STI or MOV SS",
      .change = { SET(activity, ACTIVITY_HLT), SET(interruptibility, BLOCK_STI), OR(rflags, RFLAGS_IF) } },
    { MODE_LONG, "guest activity state", "must be active with blocking by STI or MOV SS",
      .change = { SET(activity, ACTIVITY_SHUTDOWN), SET(interruptibility, BLOCK_MOV_SS) } },
    { MODE_LONG, "entry event", BLOCKED,
      .change = { SET(activity, ACTIVITY_HLT), SET(entry_event, EVENT(EVENT_TYPE_EXCEPTION, VEC_UD)) } },
    { MODE_LONG, "entry event", BLOCKED, .change = { SET(activity, ACTIVITY_HLT), SET(entry_length, 2),
                                           SET(entry_event, EVENT(EVENT_TYPE_SOFT_INT, 1)) } },
    { MODE_LONG, "entry event", BLOCKED, .change = { SET(activity, ACTIVITY_SHUTDOWN), OR(rflags, RFLAGS_IF),
                                           SET(entry_event, EVENT(EVENT_TYPE_INTR, 0x20)) } },
    { MODE_LONG, "entry event", BLOCKED, .change = { SET(activity, ACTIVITY_SHUTDOWN),
                                           SET(entry_event, EVENT(EVENT_TYPE_EXCEPTION, VEC_DB)) } },
    { MODE_LONG, "entry event", BLOCKED, .change = { SET(activity, ACTIVITY_WAIT_SIPI),
                                           SET(entry_event, EVENT(EVENT_TYPE_NMI, 2)) } },
    { MODE_LONG, "guest RFLAGS", "IF must be set to inject an external interrupt",
      .change = { SET(entry_event, EVENT(EVENT_TYPE_INTR, 0x20)) } },
#define INTERRUPTIBILITY(rule, ...) { MODE_LONG, "guest interruptibility", rule, .change = { __VA_ARGS__ } }
    INTERRUPTIBILITY(RESERVED, SET(interruptibility, BIT(5))),
    INTERRUPTIBILITY(RESERVED, SET(interruptibility, BIT(31))),
    INTERRUPTIBILITY("must not have blocking by both STI and MOV SS",
                     SET(interruptibility, BLOCK_STI | BLOCK_MOV_SS), OR(rflags, RFLAGS_IF)),
    INTERRUPTIBILITY("blocking by STI needs RFLAGS.IF", SET(interruptibility, BLOCK_STI)),
    INTERRUPTIBILITY("must not block the injected interrupt", SET(interruptibility, BLOCK_STI),
                     OR(rflags, RFLAGS_IF), SET(entry_event, EVENT(EVENT_TYPE_INTR, 0x20))),
    INTERRUPTIBILITY("must not block the injected interrupt", SET(interruptibility, BLOCK_MOV_SS),
                     OR(rflags, RFLAGS_IF), SET(entry_event, EVENT(EVENT_TYPE_INTR, 0x20))),
    INTERRUPTIBILITY("must not have blocking by MOV SS with an injected NMI", SET(interruptibility, BLOCK_MOV_SS),
                     SET(entry_event, EVENT(EVENT_TYPE_NMI, 2))),
    INTERRUPTIBILITY("must not have blocking by STI with an injected NMI (some CPUs)",
                     SET(interruptibility, BLOCK_STI), OR(rflags, RFLAGS_IF),
                     SET(entry_event, EVENT(EVENT_TYPE_NMI, 2))),
    INTERRUPTIBILITY("must not have blocking by NMI with an injected NMI", SET(interruptibility, BLOCK_NMI),
                     SET(entry_event, EVENT(EVENT_TYPE_NMI, 2))),
    INTERRUPTIBILITY("must not have blocking by SMI outside of SMM", SET(interruptibility, BLOCK_SMI)),
    INTERRUPTIBILITY("enclave interruption excludes blocking by MOV SS",
                     SET(interruptibility, BLOCK_ENCLAVE | BLOCK_MOV_SS)),
    { MODE_LONG, "guest interruptibility", "enclave interruption needs a CPU with SGX",
      .change = { SET(interruptibility, BLOCK_ENCLAVE) }, no_sgx },
#define PENDING(rule, ...) { MODE_LONG, "guest pending debug exceptions", rule, .change = { __VA_ARGS__ } }
    PENDING(RESERVED, SET(pending_debug, BIT64(4))),
    PENDING(RESERVED, SET(pending_debug, BIT64(11))),
    PENDING(RESERVED, SET(pending_debug, BIT64(13))),
    PENDING(RESERVED, SET(pending_debug, BIT64(15))),
    PENDING(RESERVED, SET(pending_debug, BIT64(17))),
    PENDING(RESERVED, SET(pending_debug, BIT64(63))),
    PENDING("BS must be set with RFLAGS.TF while events wait", OR(rflags, RFLAGS_TF | RFLAGS_IF),
            SET(interruptibility, BLOCK_STI)),
    PENDING("BS must be set with RFLAGS.TF while events wait", OR(rflags, RFLAGS_TF), SET(interruptibility, BLOCK_MOV_SS)),
    PENDING("BS must be set with RFLAGS.TF while events wait", OR(rflags, RFLAGS_TF), SET(activity, ACTIVITY_HLT)),
    PENDING("BS must be clear without RFLAGS.TF while events wait", SET(pending_debug, PENDING_STEP),
            SET(activity, ACTIVITY_HLT)),
    PENDING("BS must be clear without RFLAGS.TF while events wait", SET(pending_debug, PENDING_STEP),
            OR(rflags, RFLAGS_TF), SET(debugctl, 2), SET(interruptibility, BLOCK_MOV_SS)),
    PENDING("bits other than 12 must be clear with RTM", SET(pending_debug, PENDING_RTM | PENDING_ENABLED_BP | 1)),
    PENDING("bits other than 12 must be clear with RTM",
            SET(pending_debug, PENDING_RTM | PENDING_ENABLED_BP | PENDING_STEP)),
    PENDING("bits other than 12 must be clear with RTM", SET(pending_debug, PENDING_RTM | PENDING_ENABLED_BP | 8)),
    PENDING("bit 12 must be set with RTM", SET(pending_debug, PENDING_RTM)),
    PENDING("RTM excludes blocking by MOV SS", SET(pending_debug, PENDING_RTM | PENDING_ENABLED_BP),
            SET(interruptibility, BLOCK_MOV_SS)),
    { MODE_LONG, "guest pending debug exceptions", "RTM needs a CPU that has it",
      .change = { SET(pending_debug, PENDING_RTM | PENDING_ENABLED_BP) }, no_rtm },
    { MODE_LONG, "VMCS link pointer", "must be all ones or the address of a VMCS", .change = { SET(link, 0x7001) } },
    { MODE_LONG, "VMCS link pointer", "must be all ones or the address of a VMCS", .change = { SET(link, BIT64(39)) } },
};

static void state_faults(void **unused) { run(states, ARRAY_LEN(states)); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_guests), cmocka_unit_test(register_faults), cmocka_unit_test(segment_faults),
        cmocka_unit_test(state_faults), cmocka_unit_test(no_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
