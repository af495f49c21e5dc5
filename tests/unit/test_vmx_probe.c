/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch/x86/vmx/probe.c: which CPUs can run guests with VT-x, with which controls, and what the
 * operator of the others reads. No emulator shows most of these machines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/vmx/probe.h"
#include "arch/x86/vmx/vmx_bits.h"
#include "fake/fake_vmx.h"

enum { UNWANTED = PROC_CR3_LOAD | PROC_CR3_STORE | PROC_INVLPG | PROC_RDTSC | PROC_PAUSE | PROC_MTF };

static struct vmx_facts good(void) { return fake_vmx_cpus[CPU_SKYLAKE].cpu; }

static void accepted(struct vmx_facts f, struct vmx_caps *caps)
{
    char why[256] = "?";
    if (!vmx_evaluate(&f, caps, why, sizeof(why)))
        fail_msg("refused: %s", why);
    assert_string_equal(why, "");
}

static void refused(struct vmx_facts f, const char *part)
{
    struct vmx_caps caps;
    char why[256] = "";
    assert_false(vmx_evaluate(&f, &caps, why, sizeof(why)));
    if (!strstr(why, part))
        fail_msg("\"%s\" does not say \"%s\"", why, part);
    assert_null(strchr(why, '\n'));
    assert_true(strlen(why) < 200);         /* nothing was cut */
}

/* All that must be set is, and nothing that may not be. */
static void within(uint32_t controls, uint64_t msr)
{
    assert_int_equal((uint32_t)msr & ~controls, 0);
    assert_int_equal(controls & ~(uint32_t)(msr >> 32), 0);
}

static void every_cpu(void **unused)
{
    for (unsigned i = 0; i < CPU_COUNT; i++) {
        const struct vmx_facts *f = &fake_vmx_cpus[i].cpu;
        struct vmx_caps c;
        accepted(*f, &c);
        within(c.pin, f->pin);
        within(c.proc, f->proc);
        within(c.proc2, f->proc2);
        within(c.exit, f->exit);
        within(c.entry, f->entry);
        assert_int_equal(c.proc & (UNWANTED | PROC_IRQ_WINDOW | PROC_NMI_WINDOW | PROC_IO_BITMAPS), 0);
        assert_int_equal(c.proc2 & (PROC2_X2APIC | PROC2_APIC_REGISTERS | PROC2_VIRTUAL_INTR | PROC2_APIC_ACCESS |
                                    PROC2_PML | PROC2_VMFUNC | PROC2_SHADOW_VMCS | PROC2_EPT_VE), 0);
        assert_int_equal(c.entry & ENTRY_GUEST_64, 0);
        assert_true(c.exit & EXIT_HOST_64);
        assert_true(c.vpid && c.timer && c.invept_all && c.invvpid_context && !c.lock_feature);
        assert_int_equal(c.cr0_fixed0, f->cr0_fixed0);
        assert_int_equal(c.cr0_fixed1, f->cr0_fixed1);
        assert_int_equal(c.cr4_fixed0, f->cr4_fixed0);
        assert_int_equal(c.cr4_fixed1, f->cr4_fixed1);
        assert_int_equal(c.revision, f->basic & 0x7fffffff);
    }
}

static void what_differs(void **unused)
{
    struct vmx_caps c;
    accepted(fake_vmx_cpus[CPU_WESTMERE].cpu, &c);
    assert_false(c.ept_1g || c.ept_ad || c.virtual_apic);
    assert_int_equal(c.timer_shift, 5);
    assert_int_equal(c.proc2, PROC2_EPT | PROC2_UNRESTRICTED | PROC2_RDTSCP | PROC2_VPID | PROC2_WBINVD);
    accepted(fake_vmx_cpus[CPU_HASWELL].cpu, &c);
    assert_true(c.ept_1g && c.ept_ad && !c.virtual_apic);
    assert_int_equal(c.proc2, PROC2_EPT | PROC2_UNRESTRICTED | PROC2_RDTSCP | PROC2_VPID | PROC2_WBINVD | PROC2_PLE |
                     PROC2_INVPCID);
    accepted(fake_vmx_cpus[CPU_SKYLAKE].cpu, &c);
    assert_int_equal(c.timer_shift, 7);
    assert_true(c.proc2 & PROC2_XSAVES && c.proc2 & PROC2_ENCLS);
    accepted(fake_vmx_cpus[CPU_BOCHS_TIGERLAKE].cpu, &c);
    assert_true(c.virtual_apic && c.ept_1g && c.ept_ad);
    assert_int_equal(c.timer_shift, 0);
    struct vmx_facts f = good();
    f.proc2 |= (uint64_t)PROC2_NOTIFY << 32;
    accepted(f, &c);
    assert_true(c.proc2 & PROC2_NOTIFY);
}

#define WORD(name)  offsetof(struct vmx_facts, name)

static const struct { size_t word; uint32_t bit; const char *part; } needs[] = {
    { WORD(pin), PIN_INTR, "external-interrupt exiting" }, { WORD(pin), PIN_NMI, "NMI exiting" },
    { WORD(pin), PIN_VIRTUAL_NMI, "virtual NMIs" },
    { WORD(proc), PROC_SECONDARY, "secondary controls" }, { WORD(proc), PROC_TPR_SHADOW, "TPR shadow" },
    { WORD(proc), PROC_MSR_BITMAP, "MSR bitmaps" }, { WORD(proc), PROC_IO, "I/O exiting" },
    { WORD(proc), PROC_HLT, "HLT exiting" }, { WORD(proc), PROC_TSC_OFFSET, "TSC offsetting" },
    { WORD(proc), PROC_IRQ_WINDOW, "interrupt-window exiting" }, { WORD(proc), PROC_NMI_WINDOW, "NMI-window exiting" },
    { WORD(proc), PROC_MWAIT, "MWAIT exiting" }, { WORD(proc), PROC_MONITOR, "MONITOR exiting" },
    { WORD(proc), PROC_RDPMC, "RDPMC exiting" }, { WORD(proc), PROC_MOV_DR, "MOV-DR exiting" },
    { WORD(proc2), PROC2_EPT, "extended page tables (EPT)" }, { WORD(proc2), PROC2_UNRESTRICTED, "unrestricted guest" },
    { WORD(exit), EXIT_HOST_64, "a 64-bit host" }, { WORD(exit), EXIT_SAVE_DEBUG, "saving debug controls" },
    { WORD(exit), EXIT_SAVE_EFER, "saving EFER" }, { WORD(exit), EXIT_LOAD_EFER, "loading EFER" },
    { WORD(exit), EXIT_SAVE_PAT, "saving PAT" }, { WORD(exit), EXIT_LOAD_PAT, "loading PAT" },
    { WORD(entry), ENTRY_GUEST_64, "64-bit guests" }, { WORD(entry), ENTRY_LOAD_DEBUG, "loading debug controls" },
    { WORD(entry), ENTRY_LOAD_EFER, "loading EFER" }, { WORD(entry), ENTRY_LOAD_PAT, "loading PAT" },
    { WORD(ept_vpid), EPT_CAP_WALK_4, "four-level" }, { WORD(ept_vpid), EPT_CAP_WB, "write-back" },
    { WORD(ept_vpid), EPT_CAP_2M, "2 MiB pages" }, { WORD(ept_vpid), EPT_CAP_INVEPT, "without INVEPT" },
    { WORD(ept_vpid), EPT_CAP_INVEPT_ALL | EPT_CAP_INVEPT_CONTEXT, "a usable type of INVEPT" },
    { WORD(misc), MISC_STORES_LMA, "EFER.LMA" },
};

/* One by one: the reason names it. What a capability's low half insists on is left alone. */
static void each_need(void **unused)
{
    for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
        struct vmx_facts f = good();
        uint64_t *word = (uint64_t *)((char *)&f + needs[i].word);
        bool control = needs[i].word != WORD(ept_vpid) && needs[i].word != WORD(misc);
        *word &= ~((uint64_t)needs[i].bit << (control ? 32 : 0));
        refused(f, needs[i].part);
    }
}

/* What the CPU wants set although it was not asked for. */
static void forced_controls(void **unused)
{
    struct vmx_facts f = good();
    struct vmx_caps c;
    f.pin |= BIT(7);
    f.proc |= PROC_IO_BITMAPS | PROC_IRQ_WINDOW;
    f.proc2 |= PROC2_DTABLE;
    f.exit |= EXIT_ACK;
    f.entry |= ENTRY_GUEST_64;
    accepted(f, &c);
    assert_true(c.pin & BIT(7));
    assert_true(c.proc & PROC_IO_BITMAPS && c.proc & PROC_IRQ_WINDOW && !(c.proc & PROC_NMI_WINDOW));
    assert_true(c.proc2 & PROC2_DTABLE);
    assert_true(c.exit & EXIT_ACK);
    assert_true(c.entry & ENTRY_GUEST_64);
}

static void forced_and_unwanted(void **unused)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        struct vmx_facts f = good();
        struct vmx_caps c;
        f.proc |= BIT(bit);
        if (UNWANTED >> bit & 1)
            refused(f, "TRUE controls");
        else
            accepted(f, &c);
    }
    struct vmx_facts old = good();          /* the register without TRUE in its name */
    old.proc = 0xfff9fffe0401e172;
    refused(old, "TRUE controls");
}

static void feature_control(void **unused)
{
    struct vmx_facts f = good();
    struct vmx_caps c;
    f.feature = FEATURE_LOCKED;
    refused(f, "disabled and locked by the firmware: enable \"Intel Virtualization Technology\"");
    f.feature = FEATURE_LOCKED | BIT64(1);              /* inside of SMX operation only */
    refused(f, "locked by the firmware");
    f.feature = FEATURE_LOCKED | FEATURE_VMX | BIT64(20);
    accepted(f, &c);
    assert_false(c.lock_feature);
    f.feature = BIT64(20);                              /* open: the rest stays as it is */
    accepted(f, &c);
    assert_true(c.lock_feature);
    assert_int_equal(c.feature, BIT64(20) | FEATURE_LOCKED | FEATURE_VMX);
    f.feature = FEATURE_VMX;
    accepted(f, &c);
    assert_true(c.lock_feature);
    f.feature_readable = false;                         /* what a missing MSR read as does not count */
    f.feature = FEATURE_LOCKED;
    accepted(f, &c);
    assert_false(c.lock_feature);
    f.feature = 0;
    accepted(f, &c);
    assert_false(c.lock_feature);
}

/* The timer needs its control, and saving it: neither comes alone. */
static void timer(void **unused)
{
    struct vmx_facts f = good();
    struct vmx_caps c;
    f.exit &= ~((uint64_t)EXIT_SAVE_TIMER << 32);
    accepted(f, &c);
    assert_false(c.timer || c.pin & PIN_TIMER || c.exit & EXIT_SAVE_TIMER);
    f = good();
    f.pin &= ~((uint64_t)PIN_TIMER << 32);
    accepted(f, &c);
    assert_false(c.timer || c.pin & PIN_TIMER || c.exit & EXIT_SAVE_TIMER);
    accepted(good(), &c);
    assert_true(c.timer && c.pin & PIN_TIMER && c.exit & EXIT_SAVE_TIMER);
}

static void vpid(void **unused)
{
    struct vmx_facts f = good();
    struct vmx_caps c;
    f.ept_vpid &= ~VPID_CAP_INVVPID;
    accepted(f, &c);
    assert_false(c.vpid || c.proc2 & PROC2_VPID);
    f = good();
    f.ept_vpid &= ~(VPID_CAP_CONTEXT | VPID_CAP_ALL);
    accepted(f, &c);
    assert_false(c.vpid || c.proc2 & PROC2_VPID);
    f = good();
    f.ept_vpid &= ~VPID_CAP_CONTEXT;
    accepted(f, &c);
    assert_true(c.vpid && c.proc2 & PROC2_VPID && !c.invvpid_context);
    f = good();
    f.ept_vpid &= ~VPID_CAP_ALL;
    accepted(f, &c);
    assert_true(c.vpid && c.invvpid_context);
    f.proc2 &= ~((uint64_t)PROC2_VPID << 32);
    accepted(f, &c);
    assert_false(c.vpid || c.proc2 & PROC2_VPID);
}

static void invept(void **unused)
{
    struct vmx_facts f = good();
    struct vmx_caps c;
    f.ept_vpid &= ~EPT_CAP_INVEPT_ALL;
    accepted(f, &c);
    assert_false(c.invept_all);
    f = good();
    f.ept_vpid &= ~EPT_CAP_INVEPT_CONTEXT;
    accepted(f, &c);
    assert_true(c.invept_all);
}

static void virtual_apic(void **unused)
{
    static const uint32_t parts[] = { PROC2_X2APIC, PROC2_APIC_REGISTERS, PROC2_VIRTUAL_INTR };
    struct vmx_facts all = good();
    struct vmx_caps c;
    all.proc2 |= (uint64_t)(PROC2_X2APIC | PROC2_APIC_REGISTERS | PROC2_VIRTUAL_INTR) << 32;
    accepted(all, &c);
    assert_true(c.virtual_apic);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct vmx_facts f = all;
        f.proc2 &= ~((uint64_t)parts[i] << 32);
        accepted(f, &c);
        assert_false(c.virtual_apic);
    }
}

/* No VT-x at all: no reason to give, the caller has more to say. */
static void no_vmx(void **unused)
{
    struct vmx_facts f = good();
    struct vmx_caps c;
    char why[64] = "?";
    f.has_vmx = false;
    assert_false(vmx_evaluate(&f, &c, why, sizeof(why)));
    assert_string_equal(why, "");
    f = (struct vmx_facts){ .has_vmx = true };          /* none of the MSRs exists */
    refused(f, "secondary controls");
}

/* The reason is cut, never written past its buffer. */
static void small_buffer(void **unused)
{
    struct vmx_facts f = good();
    struct vmx_caps c;
    char why[9] = "????????";
    f.feature = FEATURE_LOCKED;
    assert_false(vmx_evaluate(&f, &c, why, 8));
    assert_int_equal(strlen(why), 7);
    assert_int_equal(why[8], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cpu), cmocka_unit_test(what_differs), cmocka_unit_test(each_need),
        cmocka_unit_test(forced_controls), cmocka_unit_test(forced_and_unwanted),
        cmocka_unit_test(feature_control), cmocka_unit_test(timer), cmocka_unit_test(vpid),
        cmocka_unit_test(invept), cmocka_unit_test(virtual_apic), cmocka_unit_test(no_vmx),
        cmocka_unit_test(small_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
