/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See probe.h. Controls are chosen by rule: a capability MSR's low half has the bits that must
 * be set, its high half those that may be (SDM vol. 3, A.3). What is required and missing is
 * named; what is wanted and missing is done without; what is forced on and not wanted, too.
 */
#include "arch/x86/vmx/probe.h"

#include "arch/x86/vmx/vmx_bits.h"
#include "socle/fmt.h"

struct need { uint32_t bit; const char *name; };

static const struct need pin_needs[] = {
    { PIN_INTR, "external-interrupt exiting" }, { PIN_NMI, "NMI exiting" },
    { PIN_VIRTUAL_NMI, "virtual NMIs" },
};
static const struct need proc_needs[] = {
    { PROC_SECONDARY, "secondary controls" }, { PROC_TPR_SHADOW, "TPR shadow" },
    { PROC_MSR_BITMAP, "MSR bitmaps" }, { PROC_IO, "I/O exiting" }, { PROC_HLT, "HLT exiting" },
    { PROC_TSC_OFFSET, "TSC offsetting" }, { PROC_IRQ_WINDOW, "interrupt-window exiting" },
    { PROC_NMI_WINDOW, "NMI-window exiting" }, { PROC_MWAIT, "MWAIT exiting" },
    { PROC_MONITOR, "MONITOR exiting" }, { PROC_RDPMC, "RDPMC exiting" }, { PROC_MOV_DR, "MOV-DR exiting" },
};
static const struct need proc2_needs[] = {
    { PROC2_EPT, "extended page tables (EPT)" }, { PROC2_UNRESTRICTED, "unrestricted guest" },
};
static const struct need exit_needs[] = {
    { EXIT_HOST_64, "a 64-bit host" }, { EXIT_SAVE_DEBUG, "saving debug controls" },
    { EXIT_SAVE_EFER, "saving EFER" }, { EXIT_LOAD_EFER, "loading EFER" },
    { EXIT_SAVE_PAT, "saving PAT" }, { EXIT_LOAD_PAT, "loading PAT" },
};
static const struct need entry_needs[] = {
    { ENTRY_GUEST_64, "64-bit guests" }, { ENTRY_LOAD_DEBUG, "loading debug controls" },
    { ENTRY_LOAD_EFER, "loading EFER" }, { ENTRY_LOAD_PAT, "loading PAT" },
};

/* Set as the run loop goes, not from the start. */
enum { PROC_LATER = PROC_IRQ_WINDOW | PROC_NMI_WINDOW, ENTRY_LATER = ENTRY_GUEST_64 };
/* On older CPUs forced on unless the TRUE registers say otherwise; each would cost exits in masses. */
enum { PROC_UNWANTED = PROC_CR3_LOAD | PROC_CR3_STORE | PROC_INVLPG | PROC_RDTSC | PROC_PAUSE | PROC_MTF };
enum {
    PROC2_WANTED = PROC2_RDTSCP | PROC2_VPID | PROC2_WBINVD | PROC2_PLE | PROC2_INVPCID | PROC2_XSAVES |
                   PROC2_ENCLS
};
enum { PROC2_VIRTUAL_APIC = PROC2_X2APIC | PROC2_APIC_REGISTERS | PROC2_VIRTUAL_INTR };

struct choice {
    uint64_t msr;
    const struct need *needs;
    size_t   count;
    uint32_t wanted;
};

/* Null: *out has the controls. Else the name of the first that is missing. */
static const char *choose(const struct choice *c, uint32_t *out)
{
    uint32_t must = (uint32_t)c->msr, may = (uint32_t)(c->msr >> 32), v = c->wanted & may;
    for (size_t i = 0; i < c->count; i++) {
        if (!(may & c->needs[i].bit))
            return c->needs[i].name;
        v |= c->needs[i].bit;
    }
    *out = v | must;
    return NULL;
}

static const char *choose_all(const struct vmx_facts *f, struct vmx_caps *c)
{
    const struct choice pin = { f->pin, pin_needs, ARRAY_LEN(pin_needs), PIN_TIMER };
    const struct choice proc = { f->proc, proc_needs, ARRAY_LEN(proc_needs), 0 };
    const struct choice proc2 = { f->proc2, proc2_needs, ARRAY_LEN(proc2_needs), PROC2_WANTED | PROC2_NOTIFY };
    const struct choice exits = { f->exit, exit_needs, ARRAY_LEN(exit_needs), EXIT_SAVE_TIMER };
    const struct choice entry = { f->entry, entry_needs, ARRAY_LEN(entry_needs), 0 };
    const char *missing = choose(&proc, &c->proc);
    missing = missing ? missing : choose(&proc2, &c->proc2);
    missing = missing ? missing : choose(&pin, &c->pin);
    missing = missing ? missing : choose(&exits, &c->exit);
    missing = missing ? missing : choose(&entry, &c->entry);
    if (!missing && c->proc & PROC_UNWANTED)
        missing = "control over CR3, INVLPG, RDTSC and PAUSE exits (TRUE controls)";
    return missing;
}

/* The features of EPT and VPID themselves (A.10). */
static const char *choose_paging(const struct vmx_facts *f, struct vmx_caps *c)
{
    uint64_t cap = f->ept_vpid;
    if (!(cap & EPT_CAP_WALK_4) || !(cap & EPT_CAP_WB) || !(cap & EPT_CAP_2M))
        return "four-level, write-back extended page tables with 2 MiB pages";
    if (!(cap & EPT_CAP_INVEPT))
        return "INVEPT";
    c->ept_1g = cap & EPT_CAP_1G;
    c->ept_ad = cap & EPT_CAP_AD;
    c->invept_all = cap & EPT_CAP_INVEPT_ALL;
    c->vpid = c->proc2 & PROC2_VPID && cap & VPID_CAP_INVVPID && cap & (VPID_CAP_CONTEXT | VPID_CAP_ALL);
    c->invvpid_context = cap & VPID_CAP_CONTEXT;
    if (!c->vpid)
        c->proc2 &= ~(uint32_t)PROC2_VPID;
    return cap & (EPT_CAP_INVEPT_ALL | EPT_CAP_INVEPT_CONTEXT) ? NULL : "a usable type of INVEPT";
}

/* Things that only make sense together. */
static void settle(const struct vmx_facts *f, struct vmx_caps *c)
{
    uint32_t may2 = (uint32_t)(f->proc2 >> 32);
    c->proc &= ~(uint32_t)PROC_LATER | (uint32_t)f->proc;
    c->entry &= ~(uint32_t)ENTRY_LATER | (uint32_t)f->entry;
    /* Without the saved value the timer would start anew at each entry and never end. */
    c->timer = c->pin & PIN_TIMER && c->exit & EXIT_SAVE_TIMER;
    if (!c->timer) {
        c->pin &= ~(uint32_t)PIN_TIMER;
        c->exit &= ~(uint32_t)EXIT_SAVE_TIMER;
    }
    c->timer_shift = (uint8_t)(f->misc & MISC_TIMER_SHIFT);
    c->virtual_apic = (may2 & PROC2_VIRTUAL_APIC) == PROC2_VIRTUAL_APIC;
    c->revision = (uint32_t)f->basic & BASIC_REVISION;
    c->cr0_fixed0 = f->cr0_fixed0;
    c->cr0_fixed1 = f->cr0_fixed1;
    c->cr4_fixed0 = f->cr4_fixed0;
    c->cr4_fixed1 = f->cr4_fixed1;
}

bool vmx_evaluate(const struct vmx_facts *f, struct vmx_caps *caps, char *why, size_t size)
{
    *caps = (struct vmx_caps){ 0 };
    fmt(why, size, "%s", "");
    if (!f->has_vmx)
        return false;
    bool locked = f->feature & FEATURE_LOCKED;
    if (f->feature_readable && locked && !(f->feature & FEATURE_VMX)) {
        fmt(why, size, "VT-x is disabled and locked by the firmware: enable \"Intel Virtualization "
            "Technology\" (VMX) in the firmware setup, then switch the machine off and on again");
        return false;
    }
    caps->lock_feature = f->feature_readable && !locked;
    caps->feature = f->feature | FEATURE_LOCKED | FEATURE_VMX;
    const char *missing = choose_all(f, caps);
    missing = missing ? missing : choose_paging(f, caps);
    if (!missing && !(f->misc & MISC_STORES_LMA))
        missing = "unrestricted guest with EFER.LMA kept at exits";
    if (missing) {
        fmt(why, size, "this CPU has VT-x without %s, which Socle needs (Intel Core of 2010 or later; "
            "nested: let the outer hypervisor offer it)", missing);
        return false;
    }
    settle(f, caps);
    return true;
}
