/* SPDX-License-Identifier: BSD-2-Clause */
/* See check.h. Here: all checks in the manual's order, and those of the controls (27.2.1). */
#include "arch/x86/vmx/check.h"

#include "arch/x86/vmx/check_priv.h"

static const struct word_at {
    const char *name;
    size_t image, msr;
} words[WORD_COUNT] = {
    [WORD_PIN] = { "pin-based controls", FIELD_AT(pin), offsetof(struct vmx_facts, pin) },
    [WORD_PROC] = { "processor-based controls", FIELD_AT(proc), offsetof(struct vmx_facts, proc) },
    [WORD_PROC2] = { "secondary controls", FIELD_AT(proc2), offsetof(struct vmx_facts, proc2) },
    [WORD_EXIT] = { "exit controls", FIELD_AT(exit), offsetof(struct vmx_facts, exit) },
    [WORD_ENTRY] = { "entry controls", FIELD_AT(entry), offsetof(struct vmx_facts, entry) },
};

/* 27.2.1.1 to 27.2.1.3, the first rule of each; the secondary controls count when they are on. */
static void check_reserved(struct vmx_check *c, enum control_word w)
{
    uint64_t msr = *(const uint64_t *)((const char *)&c->l->cpu + words[w].msr);
    uint64_t value = image_at(c->m, words[w].image);
    if (w == WORD_PROC2 && !(c->word[WORD_PROC] & PROC_SECONDARY))
        return;
    must(c, !((uint32_t)msr & ~value), words[w].name, value, "must have the bits set that this CPU insists on");
    must(c, !(value & ~(msr >> 32)), words[w].name, value, "must not have bits set that this CPU lacks");
}

/* Controls that need others, or (set: false) exclude them: 27.2.1.1, 27.2.1.2. */
static const struct dependency {
    uint8_t word, other_word;
    bool    set;
    uint32_t bit, other;
    const char *rule;
} dependencies[] = {
    { WORD_PIN, WORD_PIN, true, PIN_VIRTUAL_NMI, PIN_NMI, "virtual NMIs need NMI exiting" },
    { WORD_PROC, WORD_PIN, true, PROC_NMI_WINDOW, PIN_VIRTUAL_NMI, "NMI-window exiting needs virtual NMIs" },
    { WORD_PROC2, WORD_PROC, true, PROC2_X2APIC, PROC_TPR_SHADOW, "virtual x2APIC mode needs the TPR shadow" },
    { WORD_PROC2, WORD_PROC, true, PROC2_APIC_REGISTERS, PROC_TPR_SHADOW, "virtual registers need the TPR shadow" },
    { WORD_PROC2, WORD_PROC, true, PROC2_VIRTUAL_INTR, PROC_TPR_SHADOW, "virtual interrupts need the TPR shadow" },
    { WORD_PROC2, WORD_PROC2, false, PROC2_X2APIC, PROC2_APIC_ACCESS, "virtual x2APIC mode excludes APIC accesses" },
    { WORD_PROC2, WORD_PIN, true, PROC2_VIRTUAL_INTR, PIN_INTR, "virtual interrupts need external-interrupt exiting" },
    { WORD_PROC2, WORD_PROC2, true, PROC2_PML, PROC2_EPT, "page-modification logging needs EPT" },
    { WORD_PROC2, WORD_PROC2, true, PROC2_UNRESTRICTED, PROC2_EPT, "unrestricted guest needs EPT" },
    { WORD_PROC2, WORD_PROC2, true, PROC2_MODE_EXECUTE, PROC2_EPT, "mode-based execute control needs EPT" },
    { WORD_EXIT, WORD_PIN, true, EXIT_SAVE_TIMER, PIN_TIMER, "saving the preemption timer needs the timer" },
};

static void check_dependencies(struct vmx_check *c)
{
    for (size_t i = 0; i < ARRAY_LEN(dependencies); i++) {
        const struct dependency *d = &dependencies[i];
        bool other = c->word[d->other_word] & d->other;
        must(c, !(c->word[d->word] & d->bit) || other == d->set, words[d->word].name, c->word[d->word],
             d->rule);
    }
}

/* 27.2.1.1: pages that a control points the CPU to. */
static const struct page_at {
    enum control_word word;
    uint32_t bit;
    struct named_field f;
} pages[] = {
    { WORD_PROC, PROC_IO_BITMAPS, { "I/O bitmap A address", FIELD_AT(io_bitmap_a) } },
    { WORD_PROC, PROC_IO_BITMAPS, { "I/O bitmap B address", FIELD_AT(io_bitmap_b) } },
    { WORD_PROC, PROC_MSR_BITMAP, { "MSR bitmap address", FIELD_AT(msr_bitmap) } },
    { WORD_PROC, PROC_TPR_SHADOW, { "virtual-APIC address", FIELD_AT(virtual_apic) } },
};

static void check_pages(struct vmx_check *c)
{
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        const struct page_at *p = &pages[i];
        uint64_t address = image_at(c->m, p->f.at);
        if (!(c->word[p->word] & p->bit))
            continue;
        must(c, is_aligned(address, PAGE_SIZE), p->f.name, address, "must be page-aligned");
        must(c, physical(c, address), p->f.name, address, MUST_BE_PHYSICAL);
    }
}

/* 27.2.1.1: the threshold must not call for an exit at once. */
static void check_tpr_threshold(struct vmx_check *c)
{
    uint64_t threshold = c->m->tpr_threshold;
    if (!(c->word[WORD_PROC] & PROC_TPR_SHADOW) || c->word[WORD_PROC2] & PROC2_VIRTUAL_INTR)
        return;
    must(c, !(threshold >> 4), "TPR threshold", threshold, "must have bits 31:4 clear");
    if (!(c->word[WORD_PROC2] & PROC2_APIC_ACCESS))
        must(c, (threshold & 0xf) <= c->m->vtpr >> 4, "TPR threshold", threshold,
             "must not be above bits 7:4 of the virtual TPR");
}

/* 27.2.1.1, table 25-9, A.10. */
static void check_eptp(struct vmx_check *c)
{
    uint64_t eptp = c->m->eptp, cap = c->l->cpu.ept_vpid, type = eptp & EPTP_TYPE, walk = eptp & EPTP_WALK;
    uint64_t reserved = MASK64(11, 8) | (cap & EPT_CAP_SHADOW_STACK ? 0 : EPTP_SHADOW_STACK) |
                        ~MASK64(c->l->phys_bits - 1, 0);
    must(c, (type == EPTP_UC && cap & EPT_CAP_UC) || (type == EPTP_WB && cap & EPT_CAP_WB), "EPTP", eptp,
         "memory type must be one that the CPU has for EPT");
    must(c, (walk == EPTP_WALK_4 && cap & EPT_CAP_WALK_4) || (walk == EPTP_WALK_5 && cap & EPT_CAP_WALK_5),
         "EPTP", eptp, "page-walk length must be one that the CPU has");
    must(c, !(eptp & EPTP_AD) || cap & EPT_CAP_AD, "EPTP", eptp,
         "accessed and dirty flags must be off: the CPU lacks them");
    must(c, !(eptp & reserved), "EPTP", eptp, "reserved bits must be clear");
}

/* 27.2.1.1, A.6. */
static void check_execution(struct vmx_check *c)
{
    const struct vmcs_image *m = c->m;
    must(c, m->cr3_targets <= (c->l->cpu.misc >> MISC_CR3_TARGETS_SHIFT & 0x1ff), "CR3-target count",
         m->cr3_targets, "must not be above what the CPU has");
    check_pages(c);
    check_tpr_threshold(c);
    if (c->word[WORD_PROC2] & PROC2_VPID)
        must(c, m->vpid & 0xffff, "VPID", m->vpid, "must not be 0");
    if (c->word[WORD_PROC2] & PROC2_EPT)
        check_eptp(c);
}

/* 27.2.1.2 and 27.2.1.3: an area of `count` entries of 16 bytes. */
static void check_msr_area(struct vmx_check *c, const char *name, uint64_t count, uint64_t address)
{
    if (!count)
        return;
    must(c, is_aligned(address, 16), name, address, "must be 16-byte aligned");
    must(c, physical(c, address), name, address, MUST_BE_PHYSICAL);
    if (physical(c, address))
        must(c, physical(c, address + count * 16 - 1), name, address,
             "area must end within the CPU's physical addresses");
}

static void check_controls(struct vmx_check *c)
{
    const struct vmcs_image *m = c->m;
    for (unsigned w = 0; w < WORD_COUNT; w++)
        check_reserved(c, w);
    check_dependencies(c);
    check_execution(c);
    check_msr_area(c, "exit MSR-store address", m->exit_msr_stores, m->exit_msr_store);
    check_msr_area(c, "exit MSR-load address", m->exit_msr_loads, m->exit_msr_load);
    check_msr_area(c, "entry MSR-load address", m->entry_msr_loads, m->entry_msr_load);
    must(c, !(m->entry & (ENTRY_SMM | ENTRY_DUAL_MONITOR)), words[WORD_ENTRY].name, m->entry,
         "SMM controls must be off outside of SMM");
    vmx_check_event(c);
}

size_t vmx_check_entry(const struct vmcs_image *m, const struct vmx_check_limits *l,
                       struct entry_finding *out, size_t max)
{
    struct vmx_check c = { .m = m, .l = l, .found = { .out = out, .max = max } };
    for (unsigned w = 0; w < WORD_COUNT; w++)
        c.word[w] = (uint32_t)image_at(m, words[w].image);
    if (!(c.word[WORD_PROC] & PROC_SECONDARY))
        c.word[WORD_PROC2] = 0;
    c.unrestricted = c.word[WORD_PROC2] & PROC2_UNRESTRICTED;
    c.ia32e = c.word[WORD_ENTRY] & ENTRY_GUEST_64;
    c.v8086 = m->rflags & RFLAGS_VM;
    check_controls(&c);
    vmx_check_host(&c);
    vmx_check_guest_registers(&c);
    vmx_check_segments(&c);
    vmx_check_guest_tables(&c);
    vmx_check_guest_flow(&c);
    vmx_check_non_register(&c);
    vmx_check_guest_pdptes(&c);
    return c.found.count;
}
