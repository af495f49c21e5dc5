/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch/x86/vmx/check.c, check_host.c and the event's part of check_event.c: controls and host
 * state at VM entry. Every rule has a fault that only it finds.
 */
#include "vmx_check_fixture.h"

#define NOT_CANONICAL   0xffff7fffffffffff
#define EVENT(type, vector)     (EVENT_VALID | (type) << EVENT_TYPE_SHIFT | (vector))

/* CPUs that have more, or less, than a Skylake. */
static void any_control(struct vmx_check_limits *l)
{
    l->cpu.pin = l->cpu.proc = l->cpu.proc2 = l->cpu.exit = l->cpu.entry = 0xffffffff00000000;
}
static void no_mtf(struct vmx_check_limits *l) { l->cpu.proc &= ~((uint64_t)PROC_MTF << 32); }
static void no_length_0(struct vmx_check_limits *l) { l->cpu.misc &= ~MISC_ENTRY_LENGTH_0; }
static void no_targets(struct vmx_check_limits *l) { l->cpu.misc &= ~(0x1ffull << MISC_CR3_TARGETS_SHIFT); }
static void no_wb(struct vmx_check_limits *l) { l->cpu.ept_vpid &= ~EPT_CAP_WB; }
static void no_uc(struct vmx_check_limits *l) { l->cpu.ept_vpid &= ~EPT_CAP_UC; }
static void no_walk_4(struct vmx_check_limits *l) { l->cpu.ept_vpid &= ~EPT_CAP_WALK_4; }
static void walk_5(struct vmx_check_limits *l) { l->cpu.ept_vpid |= EPT_CAP_WALK_5; }
static void no_ad(struct vmx_check_limits *l) { l->cpu.ept_vpid &= ~EPT_CAP_AD; }
static void shadow_stacks(struct vmx_check_limits *l) { l->cpu.ept_vpid |= EPT_CAP_SHADOW_STACK; }
static void free_error_codes(struct vmx_check_limits *l) { l->cpu.basic |= BASIC_ERROR_CODE_FREE; }
static void with_cet(struct vmx_check_limits *l) { l->cpu.cr4_fixed1 |= CR4_CET; }
static void pae_free(struct vmx_check_limits *l) { l->phys_bits = 52; }

#define MUST_SET    "must have the bits set that this CPU insists on"
#define MUST_NOT    "must not have bits set that this CPU lacks"

static const struct fake_vmx_case words[] = {
    { MODE_LONG_UG, "pin-based controls", MUST_SET, .change = { DROP(pin, BIT(1)) } },
    { MODE_LONG_UG, "pin-based controls", MUST_NOT, .change = { OR(pin, BIT(8)) } },
    { MODE_LONG_UG, "processor-based controls", MUST_SET, .change = { DROP(proc, BIT(26)) } },
    { MODE_LONG_UG, "processor-based controls", MUST_NOT, .change = { OR(proc, BIT(0)) } },
    { MODE_LONG_UG, "secondary controls", MUST_NOT, .change = { OR(proc2, BIT(31)) } },
    { MODE_LONG_UG, "exit controls", MUST_SET, .change = { DROP(exit, BIT(17)) } },
    { MODE_LONG_UG, "exit controls", MUST_NOT, .change = { OR(exit, BIT(31)) } },
    { MODE_LONG_UG, "entry controls", MUST_SET, .change = { DROP(entry, BIT(12)) } },
    { MODE_LONG_UG, "entry controls", MUST_NOT, .change = { OR(entry, BIT(20)) } },
    { MODE_LONG, "pin-based controls", "virtual NMIs need NMI exiting", .change = { DROP(pin, PIN_NMI) } },
    { MODE_LONG, "processor-based controls", "NMI-window exiting needs virtual NMIs",
      .change = { DROP(pin, PIN_VIRTUAL_NMI), OR(proc, PROC_NMI_WINDOW) } },
    { MODE_LONG, "secondary controls", "virtual x2APIC mode needs the TPR shadow",
      .change = { DROP(proc, PROC_TPR_SHADOW), OR(proc2, PROC2_X2APIC) } },
    { MODE_LONG, "secondary controls", "virtual registers need the TPR shadow",
      .change = { DROP(proc, PROC_TPR_SHADOW), OR(proc2, PROC2_APIC_REGISTERS) }, .on = any_control },
    { MODE_LONG, "secondary controls", "virtual interrupts need the TPR shadow",
      .change = { DROP(proc, PROC_TPR_SHADOW), OR(proc2, PROC2_VIRTUAL_INTR) }, .on = any_control },
    { MODE_LONG, "secondary controls", "virtual x2APIC mode excludes APIC accesses",
      .change = { OR(proc2, PROC2_X2APIC | PROC2_APIC_ACCESS) } },
    { MODE_LONG, "secondary controls", "virtual interrupts need external-interrupt exiting",
      .change = { DROP(pin, PIN_INTR), OR(proc2, PROC2_VIRTUAL_INTR) }, .on = any_control },
    { MODE_LONG, "secondary controls", "page-modification logging needs EPT",
      .change = { DROP(proc2, PROC2_EPT), OR(proc2, PROC2_PML) } },
    { MODE_LONG_UG, "secondary controls", "unrestricted guest needs EPT", .change = { DROP(proc2, PROC2_EPT) } },
    { MODE_LONG, "secondary controls", "mode-based execute control needs EPT",
      .change = { DROP(proc2, PROC2_EPT), OR(proc2, PROC2_MODE_EXECUTE) }, .on = any_control },
    { MODE_LONG, "exit controls", "saving the preemption timer needs the timer", .change = { DROP(pin, PIN_TIMER) } },
    { MODE_LONG, "entry controls", "SMM controls must be off outside of SMM", .change = { OR(entry, ENTRY_SMM) } },
    { MODE_LONG, "entry controls", "SMM controls must be off outside of SMM",
      .change = { OR(entry, ENTRY_DUAL_MONITOR) } },
};

static void control_words(void **unused) { run(words, ARRAY_LEN(words)); }

static const struct fake_vmx_case addresses[] = {
    { MODE_LONG, "CR3-target count", "must not be above what the CPU has", .change = { SET(cr3_targets, 5) } },
    { MODE_LONG, "CR3-target count", "must not be above what the CPU has", .change = { SET(cr3_targets, 1) },
      .on = no_targets },
    { MODE_LONG, "I/O bitmap A address", "must be page-aligned",
      .change = { OR(proc, PROC_IO_BITMAPS), SET(io_bitmap_a, 0x800) } },
    { MODE_LONG, "I/O bitmap A address", PHYSICAL, .change = { OR(proc, PROC_IO_BITMAPS), SET(io_bitmap_a, BIT64(39)) } },
    { MODE_LONG, "I/O bitmap B address", "must be page-aligned",
      .change = { OR(proc, PROC_IO_BITMAPS), SET(io_bitmap_b, 1) } },
    { MODE_LONG, "I/O bitmap B address", PHYSICAL, .change = { OR(proc, PROC_IO_BITMAPS), SET(io_bitmap_b, BIT64(63)) } },
    { MODE_LONG, "MSR bitmap address", "must be page-aligned", .change = { SET(msr_bitmap, 0x3001) } },
    { MODE_LONG, "MSR bitmap address", PHYSICAL, .change = { SET(msr_bitmap, BIT64(39)) } },
    { MODE_LONG, "virtual-APIC address", "must be page-aligned", .change = { SET(virtual_apic, 0x4400) } },
    { MODE_LONG, "virtual-APIC address", PHYSICAL, .change = { SET(virtual_apic, BIT64(52)) } },
    { MODE_LONG, "TPR threshold", "must have bits 31:4 clear", .change = { SET(tpr_threshold, 0x10) } },
    { MODE_LONG, "TPR threshold", "must not be above bits 7:4 of the virtual TPR", .change = { SET(tpr_threshold, 1) } },
    { MODE_LONG, "VPID", "must not be 0", .change = { SET(vpid, 0) } },
    { MODE_LONG, "EPTP", "memory type must be one that the CPU has for EPT", .change = { OR(eptp, 7) } },
    { MODE_LONG, "EPTP", "memory type must be one that the CPU has for EPT", .on = no_wb },
    { MODE_LONG, "EPTP", "memory type must be one that the CPU has for EPT", .change = { DROP(eptp, EPTP_TYPE) },
      .on = no_uc },
    { MODE_LONG, "EPTP", "page-walk length must be one that the CPU has",
      .change = { DROP(eptp, EPTP_WALK), OR(eptp, EPTP_WALK_5) } },
    { MODE_LONG, "EPTP", "page-walk length must be one that the CPU has", .change = { DROP(eptp, EPTP_WALK) } },
    { MODE_LONG, "EPTP", "page-walk length must be one that the CPU has", .on = no_walk_4 },
    { MODE_LONG, "EPTP", "accessed and dirty flags must be off: the CPU lacks them", .on = no_ad },
    { MODE_LONG, "EPTP", RESERVED, .change = { OR(eptp, EPTP_SHADOW_STACK) } },
    { MODE_LONG, "EPTP", RESERVED, .change = { OR(eptp, BIT64(8)) } },
    { MODE_LONG, "EPTP", RESERVED, .change = { OR(eptp, BIT64(11)) } },
    { MODE_LONG, "EPTP", RESERVED, .change = { OR(eptp, BIT64(39)) } },
#define MSR_AREA(NAME, count, address) \
    { MODE_LONG, NAME, "must be 16-byte aligned", .change = { SET(count, 1), SET(address, 8) } }, \
    { MODE_LONG, NAME, PHYSICAL, .change = { SET(count, 1), SET(address, BIT64(39)) } }, \
    { MODE_LONG, NAME, "area must end within the CPU's physical addresses", \
      .change = { SET(count, 2), SET(address, BIT64(39) - 16) } }
    MSR_AREA("exit MSR-store address", exit_msr_stores, exit_msr_store),
    MSR_AREA("exit MSR-load address", exit_msr_loads, exit_msr_load),
    MSR_AREA("entry MSR-load address", entry_msr_loads, entry_msr_load),
};

static void control_addresses(void **unused) { run(addresses, ARRAY_LEN(addresses)); }

#define HAS_ERROR(vector)   (EVENT(EVENT_TYPE_EXCEPTION, vector) | EVENT_HAS_ERROR)
#define NO_ERROR            "must not deliver an error code"
#define LENGTH              "entry instruction length"

static const struct fake_vmx_case events[] = {
    { MODE_LONG, "entry event", "type must be one that the CPU has", .change = { SET(entry_event, EVENT(1, 0x20)) } },
    { MODE_LONG, "entry event", "type must be one that the CPU has",
      .change = { SET(entry_event, EVENT(EVENT_TYPE_OTHER, 0)) }, .on = no_mtf },
    { MODE_LONG, "entry event", "vector of an NMI must be 2", .change = { SET(entry_event, EVENT(EVENT_TYPE_NMI, 3)) } },
    { MODE_LONG, "entry event", "vector of an exception must not be above 31",
      .change = { SET(entry_event, EVENT(EVENT_TYPE_EXCEPTION, 32)) } },
    { MODE_LONG, "entry event", "vector of type 7 must be 0 (pending MTF exit)",
      .change = { SET(entry_event, EVENT(EVENT_TYPE_OTHER, 1)) } },
    { MODE_LONG, "entry event", RESERVED, .change = { SET(entry_event, EVENT(EVENT_TYPE_NMI, 2) | BIT(12)) } },
    { MODE_LONG, "entry event", RESERVED, .change = { SET(entry_event, EVENT(EVENT_TYPE_NMI, 2) | BIT(30)) } },
    { MODE_LONG, "entry event", NO_ERROR, .change = { SET(entry_event, HAS_ERROR(VEC_UD)) } },
    { MODE_LONG, "entry event", NO_ERROR, .change = { SET(entry_event, HAS_ERROR(9)) } },
    { MODE_LONG, "entry event", NO_ERROR, .change = { SET(entry_event, HAS_ERROR(VEC_MF)) } },
    { MODE_LONG, "entry event", NO_ERROR, .change = { SET(entry_event, HAS_ERROR(VEC_MC)) } },
    { MODE_REAL, "entry event", NO_ERROR, .change = { SET(entry_event, HAS_ERROR(VEC_GP)) } },
    { MODE_REAL, "entry event", NO_ERROR, .change = { SET(entry_event, HAS_ERROR(VEC_GP)) }, .on = free_error_codes },
    { MODE_LONG, "entry event", NO_ERROR,
      .change = { SET(entry_event, EVENT(EVENT_TYPE_NMI, 2) | EVENT_HAS_ERROR) }, .on = free_error_codes },
#define ERROR_NEEDED(vector) \
    { MODE_LONG, "entry event", "must deliver an error code", \
      .change = { SET(entry_event, EVENT(EVENT_TYPE_EXCEPTION, vector)) } }
    ERROR_NEEDED(VEC_DF), ERROR_NEEDED(VEC_TS), ERROR_NEEDED(VEC_NP), ERROR_NEEDED(VEC_SS), ERROR_NEEDED(VEC_GP),
    ERROR_NEEDED(VEC_PF), ERROR_NEEDED(VEC_AC),
    { MODE_PROTECTED_UG, "entry event", "must deliver an error code",
      .change = { SET(entry_event, EVENT(EVENT_TYPE_EXCEPTION, VEC_GP)) } },
    { MODE_LONG, "entry error code", "must have bits 31:16 clear",
      .change = { SET(entry_event, HAS_ERROR(VEC_PF)), SET(entry_error, BIT(16)) } },
    { MODE_LONG, LENGTH, "must not be above 15",
      .change = { SET(entry_event, EVENT(EVENT_TYPE_SOFT_INT, 0x80)), SET(entry_length, 16) } },
    { MODE_LONG, LENGTH, "must not be above 15",
      .change = { SET(entry_event, EVENT(EVENT_TYPE_PRIVILEGED, VEC_DB)), SET(entry_length, 16) } },
    { MODE_LONG, LENGTH, "must not be above 15",
      .change = { SET(entry_event, EVENT(EVENT_TYPE_SOFT_EXCEPTION, VEC_BP)), SET(entry_length, 16) } },
    { MODE_LONG, LENGTH, "must not be 0 on this CPU",
      .change = { SET(entry_event, EVENT(EVENT_TYPE_SOFT_EXCEPTION, VEC_BP)) }, .on = no_length_0 },
};

static void entry_events(void **unused) { run(events, ARRAY_LEN(events)); }

static const struct fake_vmx_case hosts[] = {
    { MODE_LONG, "host CR0", "must have the bits set that VMX operation needs", .change = { DROP(host_cr0, CR0_NE) } },
    { MODE_REAL, "host CR0", "must have the bits set that VMX operation needs", .change = { DROP(host_cr0, CR0_PG) } },
    { MODE_LONG, "host CR0", "must not have bits set that VMX operation excludes", .change = { OR(host_cr0, BIT64(32)) } },
    { MODE_LONG, "host CR4", "must have the bits set that VMX operation needs", .change = { DROP(host_cr4, CR4_VMXE) } },
    { MODE_LONG, "host CR4", "must not have bits set that VMX operation excludes", .change = { OR(host_cr4, BIT64(30)) } },
    { MODE_LONG, "host CR4", "CET needs CR0.WP", .change = { OR(host_cr4, CR4_CET), DROP(host_cr0, CR0_WP) },
      .on = with_cet },
    { MODE_LONG, "host CR4", "PAE must be set: the host is 64-bit", .change = { DROP(host_cr4, CR4_PAE) } },
    { MODE_LONG, "host CR3", PHYSICAL, .change = { SET(host_cr3, BIT64(39)) } },
    { MODE_LONG, "host CR3", PHYSICAL, .change = { SET(host_cr3, BIT64(52)) }, .on = pae_free },
    { MODE_LONG, "host PAT", "each byte must be 0, 1, 4, 5, 6 or 7", .change = { SET(host_pat, 0x0007040600070403) } },
    { MODE_LONG, "host EFER", RESERVED, .change = { OR(host_efer, EFER_SVME) } },
    { MODE_LONG, "host EFER", "LMA and LME must be as the exit controls say (64-bit host)",
      .change = { DROP(host_efer, EFER_LMA) } },
    { MODE_LONG, "host EFER", "LMA and LME must be as the exit controls say (64-bit host)",
      .change = { DROP(host_efer, EFER_LME) } },
    { MODE_LONG, "exit controls", "must say that the host is 64-bit",
      .change = { DROP(exit, EXIT_HOST_64 | EXIT_LOAD_EFER) } },
    { MODE_LONG, "host SYSENTER ESP", CANONICAL, .change = { SET(host_sysenter_esp, NOT_CANONICAL) } },
    { MODE_LONG, "host SYSENTER EIP", CANONICAL, .change = { SET(host_sysenter_eip, NOT_CANONICAL) } },
    { MODE_LONG, "host FS base", CANONICAL, .change = { SET(host_fs_base, NOT_CANONICAL) } },
    { MODE_LONG, "host GS base", CANONICAL, .change = { SET(host_gs_base, NOT_CANONICAL) } },
    { MODE_LONG, "host TR base", CANONICAL, .change = { SET(host_tr_base, NOT_CANONICAL) } },
    { MODE_LONG, "host GDTR base", CANONICAL, .change = { SET(host_gdtr_base, NOT_CANONICAL) } },
    { MODE_LONG, "host IDTR base", CANONICAL, .change = { SET(host_idtr_base, NOT_CANONICAL) } },
    { MODE_LONG, "host RIP", CANONICAL, .change = { SET(host_rip, NOT_CANONICAL) } },
#define SELECTOR(NAME, s) \
    { MODE_LONG, NAME, "RPL and TI must be 0", .change = { SET(s, 0x19) } }, \
    { MODE_LONG, NAME, "RPL and TI must be 0", .change = { SET(s, 0x1c) } }
    SELECTOR("host CS selector", host_cs), SELECTOR("host SS selector", host_ss), SELECTOR("host DS selector", host_ds),
    SELECTOR("host ES selector", host_es), SELECTOR("host FS selector", host_fs), SELECTOR("host GS selector", host_gs),
    SELECTOR("host TR selector", host_tr),
    { MODE_LONG, "host CS selector", "must not be 0", .change = { SET(host_cs, 0) } },
    { MODE_LONG, "host TR selector", "must not be 0", .change = { SET(host_tr, 0) } },
};

static void host_state(void **unused) { run(hosts, ARRAY_LEN(hosts)); }

/* What does not count because a control is off, or because the CPU has more. */
static const struct fake_vmx_case fine[] = {
    { MODE_PROTECTED, .change = { DROP(proc, PROC_SECONDARY), SET(proc2, ~0u), SET(eptp, ~0ull), SET(vpid, 0) } },
    { MODE_LONG, .change = { DROP(proc2, PROC2_EPT), SET(eptp, ~0ull) } },
    { MODE_LONG, .change = { DROP(proc2, PROC2_VPID), SET(vpid, 0) } },
    { MODE_LONG, .change = { DROP(proc, PROC_MSR_BITMAP), SET(msr_bitmap, ~0ull) } },
    { MODE_LONG, .change = { SET(io_bitmap_a, ~0ull), SET(io_bitmap_b, ~0ull) } },
    { MODE_LONG, .change = { DROP(proc, PROC_TPR_SHADOW), SET(virtual_apic, ~0ull), SET(tpr_threshold, ~0u) } },
    { MODE_LONG, .change = { OR(proc2, PROC2_VIRTUAL_INTR), SET(tpr_threshold, 0x15) }, .on = any_control },
    { MODE_LONG, .change = { OR(proc2, PROC2_APIC_ACCESS), SET(tpr_threshold, 0xf) } },
    { MODE_LONG, .change = { SET(exit_msr_store, 1), SET(exit_msr_load, 1), SET(entry_msr_load, ~0ull) } },
    { MODE_LONG, .change = { SET(exit_msr_loads, 2), SET(exit_msr_load, BIT64(39) - 32) } },
    { MODE_LONG, .change = { SET(cr3_targets, 4) } },
    { MODE_LONG, .change = { DROP(eptp, EPTP_WALK), OR(eptp, EPTP_WALK_5) }, .on = walk_5 },
    { MODE_LONG, .change = { DROP(eptp, EPTP_TYPE) } },
    { MODE_LONG, .change = { OR(eptp, EPTP_SHADOW_STACK) }, .on = shadow_stacks },
    { MODE_LONG, .change = { DROP(eptp, EPTP_AD) }, .on = no_ad },
    { MODE_LONG, .change = { SET(entry_event, HAS_ERROR(VEC_CP)) }, .on = free_error_codes },
    { MODE_LONG, .change = { SET(entry_event, EVENT(EVENT_TYPE_EXCEPTION, VEC_GP)) }, .on = free_error_codes },
    { MODE_LONG, .change = { DROP(exit, EXIT_LOAD_PAT), SET(host_pat, ~0ull) } },
    { MODE_LONG, .change = { DROP(exit, EXIT_LOAD_EFER), SET(host_efer, 0) } },
    { MODE_LONG, .change = { OR(host_cr4, CR4_CET) }, .on = with_cet },
    { MODE_LONG, .change = { SET(host_ss, 0), SET(host_ds, 0) } },
    { MODE_LONG, .change = { DROP(pin, PIN_VIRTUAL_NMI | PIN_NMI) } },
};

static void no_faults(void **unused) { accepted(fine, ARRAY_LEN(fine)); }

static void threshold_and_tpr(void **unused)
{
    struct vmcs_image m;
    struct entry_finding f;
    fake_vmx_image(&m, CPU_SKYLAKE, MODE_LONG);
    m.tpr_threshold = 5;
    m.vtpr = 0x5f;
    assert_int_equal(vmx_check_entry(&m, &fake_vmx_cpus[CPU_SKYLAKE], &f, 1), 0);
    m.vtpr = 0x4f;
    assert_int_equal(vmx_check_entry(&m, &fake_vmx_cpus[CPU_SKYLAKE], &f, 1), 1);
    assert_int_equal(f.value, 5);
}

/* Several faults come in order, with the field's value, and never more than asked for. */
static void several(void **unused)
{
    struct vmcs_image m;
    struct entry_finding f[3];
    fake_vmx_image(&m, CPU_SKYLAKE, MODE_LONG);
    m.tr_ar = 0x89;
    m.vpid = 0;
    m.host_tr = 0;
    assert_int_equal(vmx_check_entry(&m, &fake_vmx_cpus[CPU_SKYLAKE], f, 3), 3);
    assert_string_equal(f[0].field, "VPID");
    assert_string_equal(f[1].field, "host TR selector");
    assert_string_equal(f[2].field, "guest TR access rights");
    assert_int_equal(f[2].value, 0x89);
    f[2].field = "kept";
    assert_int_equal(vmx_check_entry(&m, &fake_vmx_cpus[CPU_SKYLAKE], f, 2), 2);
    assert_string_equal(f[2].field, "kept");
    assert_int_equal(vmx_check_entry(&m, &fake_vmx_cpus[CPU_SKYLAKE], NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_words), cmocka_unit_test(control_addresses), cmocka_unit_test(entry_events),
        cmocka_unit_test(host_state), cmocka_unit_test(no_faults), cmocka_unit_test(threshold_and_tpr),
        cmocka_unit_test(several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
