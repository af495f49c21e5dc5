/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task switches: what each source saves, loads and marks, between 16 and 32 bit; every
 * check of SDM vol. 3, table 8-1 with its exception and context; error codes on the new
 * stack, virtual-8086 tasks, CR3, the debug trap, hostile layouts, and other vCPUs that
 * change descriptors meanwhile.
 */
#include "task_vm.h"

static const struct task_switch call = { .source = TASK_CALL, .insn_len = 7 };
static const struct task_switch jmp = { .source = TASK_JMP, .insn_len = 7 };
static const struct task_switch iret = { .source = TASK_IRET, .insn_len = 1 };
static const struct task_switch irq = { .source = TASK_GATE, .external = true };
static const struct task_switch int_n = { .source = TASK_GATE, .insn_len = 2 };
static const struct task_switch fault = { .source = TASK_GATE, .external = true, .has_error = true,
                                          .error = 0x12345678 };

static const unsigned widths[] = { 16, 32 };

/* ---- what a switch does -------------------------------------------------------------- */

static void check_saved(struct vm *vm, unsigned bits, uint32_t eip, uint32_t flags)
{
    uint64_t mask = bits == 32 ? 0xffffffff : 0xffff;
    assert_int_equal(old_slot(vm, bits, EIP), eip);
    assert_int_equal(old_slot(vm, bits, EFLAGS), flags & mask);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(old_slot(vm, bits, REG + i), (0x11111100 + i) & mask);
    for (unsigned i = 0; i < (bits == 32 ? 6u : 4u); i++)
        assert_int_equal(old_slot(vm, bits, SEG + i), i == SEG_CS ? CS0 : i == SEG_SS ? DS0 : DS3);
    uint64_t end = slot_at(OLD, bits, bits == 32 ? 16 : 14);
    assert_int_equal(vm_get(vm, OLD, 2), 0);            /* neither link nor stacks nor LDT */
    assert_int_equal(vm_get(vm, slot_at(OLD, bits, 0) - 4, 4), 0);
    assert_int_equal(vm_get(vm, end, 4), 0);
}

static void check_loaded(struct vm *vm, unsigned bits, bool nested)
{
    uint32_t upper = bits == 32 ? 0 : 0xffff0000;
    const struct vcpu_state *s = &vm->s;
    assert_int_equal(s->rip, NEW_EIP);
    assert_int_equal(s->rflags, 0x202 | (nested ? RFLAGS_NT : 0));
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(s->gpr[i], (i == GPR_RSP ? NEW_ESP : 0x2200 + i) | upper);
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        bool none = bits == 16 && i >= SEG_FS;
        assert_int_equal(s->seg[i].sel, none ? 0 : i == SEG_CS ? CS0 : DS0);
        assert_int_equal(s->seg[i].attr, none ? 0 : i == SEG_CS ? 0xc9b : 0xc93);
        assert_int_equal(s->seg[i].limit, none ? 0 : 0xffffffff);
        assert_int_equal(s->seg[i].base, 0);
    }
    assert_int_equal(s->cpl, 0);
    assert_int_equal(s->tr.sel, S_NEW);
    assert_int_equal(s->tr.base, NEW);
    assert_int_equal(s->tr.limit, bits == 32 ? 0x67 : 0x2b);
    assert_int_equal(s->tr.attr, bits == 32 ? 0x8b : 0x83);
    assert_int_equal(s->ldtr.attr & SEG_P, 0);
    assert_int_equal(s->cr0, CR0_PE | CR0_TS);
    assert_int_equal(s->dr7, 0x7ff & ~0x155);
    assert_int_equal(s->dr6, 0xffff0ff0);
    assert_int_equal(s->shadow, 0);
    assert_false(out.trap || out.cr3_changed);
}

static void every_source_saves_loads_and_marks(void **state)
{
    struct vm *vm = *state;
    static const struct { const struct task_switch *t; bool nested, returns; } row[] = {
        { &call, true, false }, { &jmp, false, false }, { &iret, false, true }, { &irq, true, false },
        { &int_n, true, false },
    };
    for (unsigned i = 0; i < ARRAY_LEN(row); i++)
        for (unsigned w = 0; w < 4; w++) {
            unsigned old = widths[w & 1], new = widths[w >> 1];
            tasks(vm, old, new);
            memset(vm->f->ram + OLD, 0, 0x80);
            if (row[i].returns)
                busy_new(vm);
            vm->s.rflags |= RFLAGS_NT | RFLAGS_RF;
            uint64_t flags = vm->s.rflags;
            if (row[i].returns)
                flags &= ~RFLAGS_NT;
            if (row[i].t->insn_len)
                flags &= ~RFLAGS_RF;
            switch_done(vm, *row[i].t);
            check_saved(vm, old, 0xf00 + row[i].t->insn_len, (uint32_t)flags);
            check_loaded(vm, new, row[i].nested);
            assert_int_equal(vm_get(vm, NEW, 2), row[i].nested ? S_OLD : 0xffff);
            assert_int_equal(vm_get(vm, NEW + 2, 2), 0xffff);
            assert_int_equal(gdt_type(vm, S_OLD) & 2, row[i].nested ? 2 : 0);
            assert_int_equal(gdt_type(vm, S_NEW), vm->s.tr.attr);
        }
}

static void call_and_iret_return_to_where_it_was(void **state)
{
    struct vm *vm = *state;
    for (unsigned w = 0; w < 4; w++) {
        tasks(vm, widths[w & 1], widths[w >> 1]);
        vm_put(vm, OLD + (widths[w & 1] == 32 ? 0x60 : 0x2a), S_LDT, 2);
        struct vcpu_state before = vm->s;
        switch_done(vm, call);
        assert_true(vm->s.rflags & RFLAGS_NT);
        uint16_t link = (uint16_t)vm_get(vm, NEW, 2);
        vm->s.rip = 0x4444;
        struct task_switch back = iret;
        back.selector = link;
        switch_done(vm, back);
        assert_int_equal(vm->s.rip, before.rip + call.insn_len);
        assert_int_equal(vm->s.rflags, before.rflags);
        assert_int_equal(vm->s.tr.sel, S_OLD);
        assert_int_equal(vm->s.ldtr.base, LDT);
        assert_memory_equal(&vm->s.tr, &before.tr, sizeof(before.tr));
        for (unsigned i = 0; i < (widths[w & 1] == 32 ? 6u : 4u); i++)
            assert_memory_equal(&vm->s.seg[i], &before.seg[i], sizeof(before.seg[i]));
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal((uint16_t)vm->s.gpr[i], (uint16_t)before.gpr[i]);
        assert_int_equal(gdt_type(vm, S_OLD) & 2, 2);
        assert_int_equal(gdt_type(vm, S_NEW) & 2, 0);
        /* What IRET saved for the task it left: NT is clear, so it does not return twice. */
        assert_int_equal(vm_get(vm, slot_at(NEW, widths[w >> 1], EIP), 2), 0x4445);
        assert_int_equal(vm_get(vm, slot_at(NEW, widths[w >> 1], EFLAGS), 2) & RFLAGS_NT, 0);
    }
}

static void flags_that_do_not_exist_are_not_loaded(void **state)
{
    struct vm *vm = *state;
    tasks(vm, 32, 32);
    put_slot(vm, 32, EFLAGS, 0xffffffff & ~(uint32_t)RFLAGS_VM);
    switch_done(vm, jmp);
    assert_int_equal(vm->s.rflags, 0x3f7fd7 & ~RFLAGS_VM);
    tasks(vm, 32, 16);
    put_slot(vm, 16, EFLAGS, 0xffff);
    switch_done(vm, jmp);
    assert_int_equal(vm->s.rflags, 0x7fd7);
}

static void user_task_and_its_segments(void **state)
{
    struct vm *vm = *state;
    tasks(vm, 32, 32);
    user_task(vm, 32);
    put_slot(vm, 32, SEG + SEG_FS, CS3 & ~3u);          /* readable code, RPL 0 */
    vm_put(vm, ldt_at(32), S_LDT, 2);
    gdt(vm, S_ANY, 0x12345678, 0x54321, 0x49e);         /* conforming code of ring 0 */
    put_slot(vm, 32, SEG + SEG_ES, S_ANY + 3);
    switch_done(vm, call);
    assert_int_equal(vm->s.cpl, 3);
    assert_int_equal(vm->s.seg[SEG_CS].attr, 0xcfb);
    assert_int_equal(vm->s.seg[SEG_SS].attr, 0xcf3);
    assert_int_equal(vm->s.seg[SEG_FS].attr, 0xcfb);
    assert_int_equal(vm->s.seg[SEG_GS].sel, 3);
    assert_int_equal(vm->s.seg[SEG_GS].attr, 0);
    assert_int_equal(vm->s.seg[SEG_ES].base, 0x12345678);
    assert_int_equal(vm->s.seg[SEG_ES].limit, 0x54321);
    assert_int_equal(vm->s.ldtr.sel, S_LDT);
    assert_int_equal(vm->s.ldtr.base, LDT);
    assert_int_equal(vm->s.ldtr.limit, 0x17);
}

static void conforming_code_runs_at_its_selectors_level(void **state)
{
    struct vm *vm = *state;
    tasks(vm, 32, 32);
    user_task(vm, 32);
    gdt(vm, S_ANY, 0, 0xfffff, 0xc9e);
    put_slot(vm, 32, SEG + SEG_CS, S_ANY + 3);
    switch_done(vm, jmp);
    assert_int_equal(vm->s.cpl, 3);
    assert_int_equal(vm->s.seg[SEG_CS].attr, 0xc9f);
}

static void descriptors_are_marked_accessed(void **state)
{
    struct vm *vm = *state;
    tasks(vm, 32, 32);
    vm_put(vm, ldt_at(32), S_LDT, 2);
    put_slot(vm, 32, SEG + SEG_DS, L_DATA);
    gdt(vm, CS0, 0, 0xfffff, 0xc9a);
    switch_done(vm, jmp);
    assert_int_equal(gdt_type(vm, CS0), 0x9b);
    assert_int_equal(vm->s.seg[SEG_CS].attr, 0xc9b);
    assert_int_equal(vm_get(vm, LDT + 8 + 5, 1), 0x93);
    assert_int_equal(vm->s.seg[SEG_DS].attr, 0x493);
    assert_int_equal(vm->s.seg[SEG_DS].base, 0x1000);
    assert_int_equal(vm->s.seg[SEG_DS].sel, L_DATA);
}

static void virtual_8086_task(void **state)
{
    struct vm *vm = *state;
    tasks(vm, 32, 32);
    put_slot(vm, 32, EFLAGS, 0x20202);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        put_slot(vm, 32, SEG + i, 0xffff0000u | (0x1200 + i));  /* no selectors: no checks */
    switch_done(vm, jmp);
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        struct segment want = vm_segment((uint16_t)(0x1200 + i), 0xf3, 0xffff, (0x1200 + i) << 4);
        assert_memory_equal(&vm->s.seg[i], &want, sizeof(want));
    }
    assert_int_equal(vm->s.cpl, 3);
    assert_int_equal(vm->s.rflags, 0x20202);
    /* An interrupt through a task gate leaves it. */
    gdt(vm, S_OLD, OLD, 0x67, 0x89);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        vm_put(vm, slot_at(OLD, 32, SEG + i), i == SEG_CS ? CS0 : DS0, 4);
    vm_put(vm, slot_at(OLD, 32, EFLAGS), 2, 4);
    struct task_switch t = irq;
    t.selector = S_OLD;
    switch_done(vm, t);
    assert_int_equal(vm->s.rflags, RFLAGS_FIXED | RFLAGS_NT);
    assert_int_equal(vm_get(vm, slot_at(NEW, 32, EFLAGS), 4), 0x20202);
    assert_int_equal(vm_get(vm, slot_at(NEW, 32, SEG + SEG_GS), 4), 0x1205);
}

static void v86_keeps_its_form_when_something_is_refused(void **state)
{
    struct vm *vm = *state;
    tasks(vm, 32, 32);
    put_slot(vm, 32, EFLAGS, 0x20202);
    vm_put(vm, ldt_at(32), S_ANY, 2);
    switch_lands_in(vm, jmp, VEC_TS, S_ANY);
    assert_int_equal(vm->s.seg[SEG_CS].attr, 0xf3);
    assert_int_equal(vm->s.seg[SEG_CS].base, CS0 << 4);
    assert_int_equal(vm->s.cpl, 3);
    tasks(vm, 32, 32);
    put_slot(vm, 32, EFLAGS, 0x20202);
    vm_put(vm, slot_at(NEW, 32, EIP), 0x10000, 4);
    expect(vm, do_switch(vm, jmp), VEC_GP, 0);
    assert_true(out.committed);
}

static void trap_flag_of_a_32bit_tss(void **state)
{
    struct vm *vm = *state;
    tasks(vm, 32, 32);
    vm_put(vm, NEW + 0x64, 1, 2);
    switch_done(vm, call);
    assert_true(out.trap);
    assert_int_equal(vm->s.dr6, 0xffff8ff0);
    tasks(vm, 32, 16);                      /* has none, whatever lies behind it */
    switch_done(vm, call);
    assert_false(out.trap);
}

static void switching_to_itself(void **state)
{
    struct vm *vm = *state;
    tasks(vm, 32, 32);
    struct task_switch t = iret;
    t.selector = S_OLD;
    switch_done(vm, t);                     /* loads what it has just saved */
    assert_int_equal(vm->s.rip, 0xf01);
    assert_int_equal(vm->s.gpr[GPR_RBX], 0x11111103);
    assert_int_equal(vm->s.seg[SEG_GS].sel, DS3);
    tasks(vm, 32, 32);
    t.source = TASK_CALL;
    switch_faults(vm, t, VEC_GP, S_OLD);
}

/* ---- error codes ---------------------------------------------------------------------- */

static void error_code_goes_to_the_new_stack(void **state)
{
    struct vm *vm = *state;
    tasks(vm, 16, 32);
    switch_done(vm, fault);
    assert_int_equal(vm->s.gpr[GPR_RSP], NEW_ESP - 4);
    assert_int_equal(vm_get(vm, NEW_ESP - 4, 4), 0x12345678);
    tasks(vm, 32, 16);                      /* as wide as the new TSS; 16-bit stack */
    gdt(vm, S_ANY, 0x10000, 0xffff, 0x93);
    put_slot(vm, 16, SEG + SEG_SS, S_ANY);
    vm_put(vm, 0x10000 + NEW_ESP - 4, 0, 4);
    switch_done(vm, fault);
    assert_int_equal(vm->s.gpr[GPR_RSP], 0xffff0000 | (NEW_ESP - 2));
    assert_int_equal(vm_get(vm, 0x10000 + NEW_ESP - 4, 4), 0x56780000);
    tasks(vm, 32, 32);                      /* of no use without an event */
    struct task_switch t = call;
    t.has_error = true;
    switch_done(vm, t);
    assert_int_equal(vm->s.gpr[GPR_RSP], NEW_ESP);
    tasks(vm, 32, 32);                      /* onto a user's stack */
    user_task(vm, 32);
    switch_done(vm, fault);
    assert_int_equal(vm->s.gpr[GPR_RSP], NEW_ESP - 4);
}

static void error_code_that_cannot_be_pushed(void **state)
{
    struct vm *vm = *state;
    tasks(vm, 32, 32);
    gdt(vm, S_ANY, 0, NEW_ESP - 2, 0x493);
    put_slot(vm, 32, SEG + SEG_SS, S_ANY);
    switch_lands_in(vm, fault, VEC_SS, 1);
    assert_int_equal(vm->s.gpr[GPR_RSP], NEW_ESP);
    assert_int_equal(vm->s.seg[SEG_SS].attr, 0x493);
}

/* ---- checks before the commit ----------------------------------------------------------- */

static void new_tss_is_checked(void **state)
{
    struct vm *vm = *state;
    static const struct { uint16_t sel, attr; uint32_t limit; unsigned vector, iret_vector; } row[] = {
        { S_NEW | 4, 0x89, 0x67, VEC_GP, VEC_TS },          /* in the LDT */
        { 0x80, 0x89, 0x67, VEC_GP, VEC_TS },               /* beyond the GDT */
        { 0xfff8, 0x89, 0x67, VEC_GP, VEC_TS },
        { 3, 0x89, 0x67, VEC_GP, VEC_TS },                  /* null */
        { S_NEW, 0x99, 0x67, VEC_GP, VEC_TS },              /* not a system segment */
        { S_NEW, 0x80, 0x67, VEC_GP, VEC_TS },
        { S_NEW, 0x82, 0x67, VEC_GP, VEC_TS },
        { S_NEW, 0x85, 0x67, VEC_GP, VEC_TS },              /* task gate */
        { S_NEW, 0x8c, 0x67, VEC_GP, VEC_TS },
        { S_NEW, 0x09, 0x67, VEC_NP, VEC_NP },
        { S_NEW, 0x01, 0x2b, VEC_NP, VEC_NP },
        { S_NEW, 0x89, 0x66, VEC_TS, VEC_TS },
        { S_NEW, 0x81, 0x2a, VEC_TS, VEC_TS },
        { S_NEW | 3, 0x89, 0, VEC_TS, VEC_TS },
    };
    for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
        struct task_switch t[] = { call, jmp, iret, irq, int_n };
        for (unsigned k = 0; k < ARRAY_LEN(t); k++) {
            bool returns = t[k].source == TASK_IRET, tss = (row[i].attr & 0x17) == 1;
            tasks(vm, 32, 32);
            gdt(vm, S_NEW, NEW, row[i].limit, row[i].attr | (returns && tss ? 2 : 0));
            t[k].selector = row[i].sel;
            switch_faults(vm, t[k], returns ? row[i].iret_vector : row[i].vector,
                          (row[i].sel & 0xfffcu) | t[k].external);
        }
    }
    /* Nor where the null selector or the LDT would lead to one; nor when half in the table. */
    tasks(vm, 32, 32);
    gdt(vm, 0, NEW, 0x67, 0x89);
    put_descriptor(vm, LDT + 8, NEW, 0x67, 0x89);
    vm->s.ldtr = vm_segment(S_LDT, 0x82, 0x17, LDT);
    switch_faults(vm, (struct task_switch){ .selector = 1, .source = TASK_CALL, .insn_len = 7 }, VEC_GP, 0);
    switch_faults(vm, (struct task_switch){ .selector = 0xc, .source = TASK_CALL, .insn_len = 7 }, VEC_GP, 0xc);
    vm->s.gdtr.limit = S_NEW + 6;
    switch_faults(vm, call, VEC_GP, S_NEW);
    /* A limit in pages is one in pages. */
    tasks(vm, 32, 32);
    gdt(vm, S_NEW, NEW, 0, 0x889);
    switch_done(vm, call);
    assert_int_equal(vm->s.tr.limit, 0xfff);
}

static void busy_is_for_iret_only(void **state)
{
    struct vm *vm = *state;
    for (unsigned w = 0; w < 2; w++) {
        tasks(vm, 32, widths[w]);
        switch_faults(vm, iret, VEC_TS, S_NEW);
        busy_new(vm);
        switch_faults(vm, call, VEC_GP, S_NEW);
        switch_faults(vm, jmp, VEC_GP, S_NEW);
        switch_faults(vm, irq, VEC_GP, S_NEW | 1);
        switch_faults(vm, int_n, VEC_GP, S_NEW);
    }
}

static void old_tss_is_checked(void **state)
{
    struct vm *vm = *state;
    for (unsigned w = 0; w < 2; w++) {
        tasks(vm, widths[w], 32);
        vm->s.tr.limit = w ? 0x5e : 0x28;
        switch_faults(vm, call, VEC_TS, S_OLD);
        switch_faults(vm, irq, VEC_TS, S_OLD | 1);
        vm->s.tr.limit++;
        switch_done(vm, call);
    }
    tasks(vm, 32, 32);
    vm->s.tr.attr = 0x82;
    switch_refused(vm, call, EMUL_UNSUPPORTED, 0, 0);
    vm->s.tr.attr = 0x0b;
    switch_refused(vm, call, EMUL_UNSUPPORTED, 0, 0);
}

static void modes_without_tasks(void **state)
{
    struct vm *vm = *state;
    tasks(vm, 32, 32);
    vm->s.cr0 = 0;
    switch_refused(vm, call, EMUL_UNSUPPORTED, 0, 0);
    tasks(vm, 32, 32);
    vm->s.rflags |= RFLAGS_VM;
    switch_refused(vm, jmp, EMUL_UNSUPPORTED, 0, 0);
    tasks(vm, 32, 32);
    vm->s.efer = EFER_LMA | EFER_LME;
    switch_refused(vm, irq, EMUL_UNSUPPORTED, 0, 0);
}

/* ---- checks in the new task --------------------------------------------------------------- */

static void new_ldt_is_checked(void **state)
{
    struct vm *vm = *state;
    static const struct { uint16_t sel, attr; } row[] = {
        { S_ANY | 4, 0x82 }, { 0x80, 0x82 }, { S_ANY, 0x02 }, { S_ANY, 0x92 }, { S_ANY, 0x89 },
        { S_ANY, 0x8a },
    };
    for (unsigned w = 0; w < 2; w++)
        for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
            tasks(vm, 32, widths[w]);
            gdt(vm, S_ANY, LDT, 0x17, row[i].attr);
            vm_put(vm, ldt_at(widths[w]), row[i].sel, 2);
            vm->s.ldtr = vm_segment(S_LDT, 0x82, 0x17, LDT);
            switch_lands_in(vm, call, VEC_TS, row[i].sel & 0xfffcu);
            assert_int_equal(vm->s.ldtr.sel, row[i].sel);
            assert_int_equal(vm->s.ldtr.attr, 0);
        }
    tasks(vm, 32, 32);
    vm_put(vm, ldt_at(32), 0x84, 2);
    switch_lands_in(vm, irq, VEC_TS, 0x85);
    /* A selector of the LDT without one. */
    tasks(vm, 32, 32);
    put_slot(vm, 32, SEG + SEG_DS, L_DATA);
    vm->s.ldtr = vm_segment(S_LDT, 0x82, 0x17, LDT);
    switch_lands_in(vm, call, VEC_TS, L_DATA);
    tasks(vm, 32, 32);                      /* beyond its limit */
    put_slot(vm, 32, SEG + SEG_DS, 0x1c);
    vm_put(vm, ldt_at(32), S_LDT, 2);
    switch_lands_in(vm, call, VEC_TS, 0x1c);
}

static void code_and_stack_segments_are_checked(void **state)
{
    struct vm *vm = *state;
    static const struct { enum seg seg; uint16_t sel, attr; unsigned vector; } row[] = {
        { SEG_CS, 0, 0, VEC_TS }, { SEG_CS, 3, 0, VEC_TS }, { SEG_CS, 0x80, 0, VEC_TS },
        { SEG_CS, S_ANY | 4, 0xc9b, VEC_TS }, { SEG_CS, S_ANY, 0xc93, VEC_TS },
        { SEG_CS, S_ANY, 0xc8b, VEC_TS },               /* system */
        { SEG_CS, S_ANY, 0xcfb, VEC_TS },               /* DPL 3, RPL 0 */
        { SEG_CS, S_ANY | 3, 0xc9b, VEC_TS },           /* DPL 0, RPL 3 */
        { SEG_CS, S_ANY, 0xcbf, VEC_TS },               /* conforming, DPL 1 above RPL 0 */
        { SEG_CS, S_ANY, 0xc1b, VEC_NP },
        { SEG_SS, 0, 0, VEC_TS }, { SEG_SS, 0x88, 0, VEC_TS }, { SEG_SS, S_ANY, 0xc9b, VEC_TS },
        { SEG_SS, S_ANY, 0xc91, VEC_TS },               /* not writable */
        { SEG_SS, S_ANY, 0xc83, VEC_TS },
        { SEG_SS, S_ANY, 0xcf3, VEC_TS }, { SEG_SS, S_ANY | 3, 0xc93, VEC_TS },
        { SEG_SS, S_ANY | 3, 0xcf3, VEC_TS }, { SEG_SS, S_ANY, 0xc13, VEC_SS },
    };
    for (unsigned w = 0; w < 2; w++)
        for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
            struct task_switch t = i & 1 ? irq : call;
            tasks(vm, 32, widths[w]);
            gdt(vm, S_ANY, 0, 0xfffff, row[i].attr);
            put_slot(vm, widths[w], SEG + row[i].seg, row[i].sel);
            switch_lands_in(vm, t, row[i].vector, (row[i].sel & 0xfffcu) | t.external);
            /* Fit to take the exception: a code and a stack segment of one level. */
            assert_int_equal(vm->s.cpl, 3);
            assert_int_equal(vm->s.seg[row[i].seg].sel, row[i].sel);
            assert_int_equal(vm->s.seg[SEG_CS].attr, 0xfb);
            assert_int_equal(vm->s.seg[SEG_SS].attr, 0xf3);
            assert_int_equal(vm->s.seg[SEG_SS].limit, 0);
            assert_int_equal(vm->s.seg[SEG_DS].attr, 0);
        }
}

static void null_is_no_code_or_stack_segment(void **state)
{
    struct vm *vm = *state;
    for (unsigned i = SEG_CS; i <= SEG_SS; i++) {
        tasks(vm, 32, 32);
        gdt(vm, 0, 0, 0xfffff, i == SEG_CS ? 0xc9b : 0xc93);
        put_slot(vm, 32, SEG + i, 0);
        switch_lands_in(vm, call, VEC_TS, 0);
    }
}

static void data_segments_are_checked(void **state)
{
    struct vm *vm = *state;
    static const struct { uint16_t sel, attr; unsigned vector; } row[] = {
        { 0x80, 0, VEC_TS }, { S_ANY | 4, 0xcf3, VEC_TS }, { S_ANY, 0xce2, VEC_TS },
        { S_ANY, 0xcf9, VEC_TS },                       /* code, not readable */
        { S_ANY, 0xc93, VEC_TS },                       /* DPL 0 at CPL 3 */
        { S_ANY, 0xc9b, VEC_TS }, { S_ANY, 0xc73, VEC_NP }, { S_ANY, 0xc7f, VEC_NP },
    };
    static const enum seg segs[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
    for (unsigned i = 0; i < ARRAY_LEN(row); i++)
        for (unsigned k = 0; k < 4; k++) {
            tasks(vm, 32, 32);
            user_task(vm, 32);
            gdt(vm, S_ANY, 0, 0xfffff, row[i].attr);
            put_slot(vm, 32, SEG + segs[k], row[i].sel);
            switch_lands_in(vm, fault, row[i].vector, (row[i].sel & 0xfffcu) | 1);
            assert_int_equal(vm->s.cpl, 3);
            assert_int_equal(vm->s.seg[segs[k]].sel, row[i].sel);
            assert_int_equal(vm->s.seg[segs[k]].attr, 0);
            assert_int_equal(vm->s.seg[SEG_CS].attr, 0xcfb);
            assert_int_equal(vm->s.gpr[GPR_RSP], NEW_ESP);
        }
    tasks(vm, 32, 32);                      /* the RPL counts too */
    put_slot(vm, 32, SEG + SEG_DS, DS0 | 1);
    switch_lands_in(vm, call, VEC_TS, DS0);
    assert_int_equal(vm->s.cpl, 0);
}

static void eip_beyond_the_code_segment(void **state)
{
    struct vm *vm = *state;
    tasks(vm, 32, 32);
    gdt(vm, S_ANY, 0, NEW_EIP - 1, 0x49b);
    put_slot(vm, 32, SEG + SEG_CS, S_ANY);
    vm_put(vm, NEW + 0x64, 1, 2);
    switch_lands_in(vm, irq, VEC_GP, 1);
    assert_int_equal(vm->s.dr6, 0xffff0ff0);
}

/* ---- paging -------------------------------------------------------------------------------- */

/* 32-bit paging, identity for the first 4 MiB; page table after the directory. */
static uint64_t pte(struct vm *vm, uint64_t dir, uint64_t linear) { return dir + 0x1000 + (linear >> 12) * 4; }

static void paging32(struct vm *vm, uint64_t dir)
{
    vm_put(vm, dir, (dir + 0x1000) | 7, 4);
    for (uint64_t page = 0; page < 1024; page++)
        vm_put(vm, pte(vm, dir, page << 12), page << 12 | 7, 4);
    vm->s.cr0 |= CR0_PG | CR0_WP;
}

#define DIR     0x200000ull
#define OTHER   0x300000ull

static void prepare_paging(struct vm *vm)
{
    tasks(vm, 32, 32);
    paging32(vm, DIR);
    paging32(vm, OTHER);
    vm->s.cr3 = DIR;
    vm_put(vm, NEW + 0x1c, OTHER, 4);
}

static void cr3_is_loaded_by_a_32bit_tss_with_paging(void **state)
{
    struct vm *vm = *state;
    prepare_paging(vm);
    vm_put(vm, pte(vm, OTHER, OLD), 0, 4);          /* TSSs may be the old task's alone */
    vm_put(vm, pte(vm, OTHER, NEW), 0, 4);
    switch_done(vm, call);
    assert_true(out.cr3_changed);
    assert_int_equal(vm->s.cr3, OTHER);
    prepare_paging(vm);
    vm_put(vm, NEW + 0x1c, DIR, 4);
    switch_done(vm, call);
    assert_false(out.cr3_changed);
    prepare_paging(vm);
    vm->s.cr0 &= ~CR0_PG;
    switch_done(vm, call);
    assert_false(out.cr3_changed);
    assert_int_equal(vm->s.cr3, DIR);
    prepare_paging(vm);
    new_tss(vm, 16);
    vm_put(vm, NEW + 0x1c, OTHER, 4);
    switch_done(vm, call);
    assert_false(out.cr3_changed);
}

static void descriptors_are_found_by_the_new_tables(void **state)
{
    struct vm *vm = *state;
    prepare_paging(vm);
    vm_put(vm, pte(vm, OTHER, GDT), 0x10000 | 7, 4);    /* another GDT there */
    memcpy(vm->f->ram + 0x10000, vm->f->ram + GDT, 0x80);
    put_descriptor(vm, 0x10000 + DS0, 0x77000, 0xfffff, 0xc93);
    switch_done(vm, call);
    assert_int_equal(vm->s.seg[SEG_DS].base, 0x77000);
    prepare_paging(vm);
    vm_put(vm, pte(vm, OTHER, GDT), 0, 4);
    switch_lands_in(vm, irq, VEC_PF, 0);
    assert_int_equal(vm->c.exc.cr2, GDT + CS0);
    assert_int_equal(vm->s.cr3, OTHER);
    assert_int_equal(vm->s.cpl, 3);
    prepare_paging(vm);                                 /* the accessed bit cannot be set */
    gdt(vm, CS0, 0, 0xfffff, 0xc9a);
    vm_put(vm, pte(vm, OTHER, GDT), GDT | 5, 4);
    switch_lands_in(vm, irq, VEC_PF, PF_PRESENT | PF_WRITE);
    assert_int_equal(vm->c.exc.cr2, GDT + CS0 + 5);
    prepare_paging(vm);                                 /* nor the error code be pushed */
    user_task(vm, 32);
    vm_put(vm, pte(vm, OTHER, NEW_ESP - 4), (NEW_ESP - 4) & ~0xfffu, 4);
    switch_lands_in(vm, fault, VEC_PF, PF_WRITE | PF_USER);
    assert_int_equal(vm->c.exc.cr2, NEW_ESP - 4);
    assert_int_equal(vm->s.gpr[GPR_RSP], NEW_ESP);
}

static void page_faults_before_the_commit(void **state)
{
    struct vm *vm = *state;
    static const struct { uint64_t page; uint32_t entry, error; uint64_t cr2; bool all; } row[] = {
        { GDT, 0, 0, GDT + S_NEW, true },
        { OLD, 0, PF_WRITE, OLD + 0x20, true },
        { OLD, OLD | 5, PF_WRITE | PF_PRESENT, OLD + 0x20, true },
        { NEW, 0, 0, NEW, true },
        { NEW, NEW | 5, PF_WRITE | PF_PRESENT, NEW, false },        /* no place for the link */
        { GDT, GDT | 5, PF_WRITE | PF_PRESENT, GDT + S_NEW + 5, true },
    };
    for (unsigned i = 0; i < ARRAY_LEN(row); i++)
        for (unsigned user = 0; user < 2; user++) {
            prepare_paging(vm);
            vm->s.cpl = user ? 3 : 0;                   /* the CPU's own accesses: no PF_USER */
            vm_put(vm, pte(vm, DIR, row[i].page), row[i].entry, 4);
            switch_faults(vm, call, VEC_PF, row[i].error);
            assert_int_equal(vm->c.exc.cr2, row[i].cr2);
            if (row[i].all)
                switch_faults(vm, jmp, VEC_PF, row[i].error);
            else
                switch_done(vm, jmp);
        }
    /* IRET writes the old descriptor only. */
    prepare_paging(vm);
    busy_new(vm);
    vm_put(vm, pte(vm, DIR, GDT), GDT | 5, 4);
    switch_faults(vm, iret, VEC_PF, PF_WRITE | PF_PRESENT);
    assert_int_equal(vm->c.exc.cr2, GDT + S_OLD + 5);
}

static void pae_top_entries_are_checked(void **state)
{
    struct vm *vm = *state;
    static const struct { uint64_t top; bool good; } row[] = {
        { (OTHER + 0x1000) | 1, true }, { (OTHER + 0x1000) | 3, false }, { 0x1e6, true },
        { 1ull << 40 | 1, false }, { 1ull << 63 | 1, false }, { 0x21 | DIR, false },
    };
    for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
        tasks(vm, 32, 32);
        for (uint64_t t = DIR; t <= OTHER; t += OTHER - DIR) {
            vm_put(vm, t, (t + 0x1000) | 1, 8);
            vm_put(vm, t + 0x1000, 0x87, 8);            /* 2 MiB */
        }
        vm_put(vm, OTHER + 24, row[i].top, 8);
        vm->s.cr0 |= CR0_PG | CR0_WP;
        vm->s.cr4 = CR4_PAE;
        vm->s.cr3 = DIR;
        vm_put(vm, NEW + 0x1c, OTHER, 4);
        if (row[i].good)
            switch_done(vm, call);
        else
            switch_lands_in(vm, call, VEC_GP, 0);
        assert_int_equal(out.cr3_changed, row[i].good);
        assert_int_equal(vm->s.cr3, row[i].good ? OTHER : DIR);
    }
    vm->s.cr4 = 0;
}

/* ---- hostile layouts ------------------------------------------------------------------------ */

static void tss_across_pages(void **state)
{
    struct vm *vm = *state;
    for (unsigned before = 1; before < 0x68; before++) {
        uint64_t old = 0xd000 - before, new = 0xa000 - (0x68 - before);
        prepare_paging(vm);
        memcpy(vm->f->ram + new, vm->f->ram + NEW, 0x68);
        /* Pages next to each other in linear memory only. */
        vm_put(vm, pte(vm, DIR, 0xd000), 0x13000 | 7, 4);
        gdt(vm, S_NEW, (uint32_t)new, 0x67, 0x89);
        vm->s.tr.base = old;
        switch_done(vm, call);
        assert_int_equal(vm->s.gpr[GPR_RDI], 0x2207);
        uint64_t edi = before >= 0x48 ? old + 0x44 : 0x13000 + 0x44 - before;
        if (before >= 0x48 || before <= 0x44)
            assert_int_equal(vm_get(vm, edi, 4), 0x11111107);
        prepare_paging(vm);
        vm_put(vm, pte(vm, DIR, 0xd000), 0, 4);
        vm->s.tr.base = old;
        bool reached = before < 0x60;
        if (!reached) {
            switch_done(vm, call);
            continue;
        }
        switch_faults(vm, call, VEC_PF, PF_WRITE);
        assert_int_equal(vm->c.exc.cr2, before <= 0x20 ? old + 0x20 : 0xd000u);
    }
}

static void wrap_at_4_gib(void **state)
{
    struct vm *vm = *state;
    prepare_paging(vm);
    vm_put(vm, DIR + 1023 * 4, (DIR + 0x2000) | 7, 4);
    vm_put(vm, DIR + 0x2000 + 1023 * 4, 0x15000 | 7, 4);    /* the last page */
    memcpy(vm->f->ram + 0x15fc0, vm->f->ram + NEW, 0x40);
    memcpy(vm->f->ram, vm->f->ram + NEW + 0x40, 0x28);
    gdt(vm, S_NEW, 0xffffffc0, 0x67, 0x89);
    switch_done(vm, call);
    assert_int_equal(vm->s.gpr[GPR_RSI], 0x2206);
    assert_int_equal(vm->s.seg[SEG_GS].sel, DS0);
    assert_int_equal(vm_get(vm, 0x15fc0, 2), S_OLD);
    /* The GDT may wrap too. */
    prepare_paging(vm);
    vm_put(vm, DIR + 1023 * 4, (DIR + 0x2000) | 7, 4);
    vm_put(vm, DIR + 0x2000 + 1023 * 4, 0x15000 | 7, 4);
    memcpy(vm->f->ram + 0x15fcc, vm->f->ram + GDT, 0x34);
    memcpy(vm->f->ram, vm->f->ram + GDT + 0x34, 0x4c);
    vm_put(vm, NEW + 0x1c, DIR, 4);
    vm->s.gdtr.base = 0xffffffcc;
    switch_done(vm, jmp);
    assert_int_equal(vm_get(vm, 1, 1), 0x8b);
}

static void tables_that_are_not_memory(void **state)
{
    struct vm *vm = *state;
    static const uint64_t where[] = { MMIO, 0x40000000, 0xfffff000, 8u << 20, (8u << 20) - 0x30 };
    for (unsigned i = 0; i < ARRAY_LEN(where); i++) {
        tasks(vm, 32, 32);
        gdt(vm, S_NEW, (uint32_t)where[i], 0x67, 0x89);
        switch_refused(vm, call, EMUL_FAILED, 0, 0);
        assert_int_equal(vm->c.failure, HV_RANGE);
        tasks(vm, 32, 32);
        vm->s.tr.base = where[i] - 0x20;
        switch_refused(vm, jmp, EMUL_FAILED, 0, 0);
        tasks(vm, 32, 32);
        vm->s.gdtr.base = where[i];
        switch_refused(vm, jmp, EMUL_FAILED, 0, 0);
        tasks(vm, 32, 32);
        gdt(vm, S_LDT, (uint32_t)where[i], 0xfff, 0x82);
        vm_put(vm, ldt_at(32), S_LDT, 2);
        put_slot(vm, 32, SEG + SEG_DS, 0x34);
        assert_int_equal(do_switch(vm, call), EMUL_FAILED);
        assert_true(out.committed);
        assert_int_equal(vm->events, 0);
    }
    vm->s.tr.limit = 0xffffffff;
}

static void rom_keeps_what_it_has(void **state)
{
    struct vm *vm = *state;
    tasks(vm, 32, 32);
    vm->f->mem.slot[0].readonly = true;
    switch_done(vm, call);
    assert_int_equal(gdt_type(vm, S_NEW), 0x89);
    assert_int_equal(vm->s.tr.attr, 0x8b);
    vm->f->mem.slot[0].readonly = false;
}

/* ---- other vCPUs ------------------------------------------------------------------------------ */

static uint64_t watched;
static unsigned seen, changes;

/* Each read of the descriptor is followed by a change of its type byte. */
static void meddle(struct vm *vm, uint64_t at)
{
    if (at != watched)
        return;
    seen++;
    if (changes) {
        changes--;
        vm_put(vm, at + 5, vm_get(vm, at + 5, 1) ^ 0x20u, 1);   /* DPL */
    }
}

static void descriptor_changes_meanwhile(void **state)
{
    struct vm *vm = *state;
    tasks(vm, 32, 32);
    watched = GDT + S_NEW;
    seen = 0;
    changes = 1;
    vm->on_read = meddle;
    assert_int_equal(do_switch(vm, call), EMUL_RETRY);
    assert_false(out.committed);
    assert_int_equal(vm->s.tr.sel, S_OLD);
    assert_int_equal(gdt_type(vm, S_NEW), 0xa9);
    assert_int_equal(vm_get(vm, NEW, 2), 0xffff);
    switch_done(vm, call);
    assert_int_equal(seen, 2);                      /* once each */
    /* In the new task: read and checked again, not for ever. */
    tasks(vm, 32, 32);
    gdt(vm, S_ANY, 0, 0xfffff, 0xcf2);
    put_slot(vm, 32, SEG + SEG_DS, S_ANY);
    watched = GDT + S_ANY;
    seen = 0;
    changes = 3;
    switch_done(vm, call);
    assert_int_equal(seen, 4);
    assert_int_equal(vm->s.seg[SEG_DS].attr, 0xcd3);
    tasks(vm, 32, 32);
    gdt(vm, S_ANY, 0, 0xfffff, 0xcf2);
    put_slot(vm, 32, SEG + SEG_DS, S_ANY);
    changes = 1000;
    assert_int_equal(do_switch(vm, call), EMUL_FAILED);
    assert_true(out.committed);
    assert_int_equal(vm->c.failure, HV_BUSY);
    vm->on_read = NULL;
}

static void accesses_that_are_put_off(void **state)
{
    struct vm *vm = *state;
    tasks(vm, 32, 32);
    vm->read_status = HV_BUSY;
    switch_refused(vm, call, EMUL_RETRY, 0, 0);
    vm->read_status = HV_OK;
    vm->write_status = HV_BUSY;                     /* the descriptor is marked by then */
    assert_int_equal(do_switch(vm, call), EMUL_FAILED);
    assert_false(out.committed);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, vm_setup, vm_teardown)
    const struct CMUnitTest tests[] = {
        T(every_source_saves_loads_and_marks), T(call_and_iret_return_to_where_it_was),
        T(flags_that_do_not_exist_are_not_loaded), T(user_task_and_its_segments),
        T(conforming_code_runs_at_its_selectors_level), T(descriptors_are_marked_accessed),
        T(virtual_8086_task), T(v86_keeps_its_form_when_something_is_refused),
        T(trap_flag_of_a_32bit_tss), T(switching_to_itself), T(error_code_goes_to_the_new_stack),
        T(error_code_that_cannot_be_pushed), T(new_tss_is_checked), T(busy_is_for_iret_only),
        T(old_tss_is_checked), T(modes_without_tasks), T(new_ldt_is_checked),
        T(code_and_stack_segments_are_checked), T(null_is_no_code_or_stack_segment),
        T(data_segments_are_checked),
        T(eip_beyond_the_code_segment), T(cr3_is_loaded_by_a_32bit_tss_with_paging),
        T(descriptors_are_found_by_the_new_tables), T(page_faults_before_the_commit),
        T(pae_top_entries_are_checked), T(tss_across_pages), T(wrap_at_4_gib),
        T(tables_that_are_not_memory), T(rom_keeps_what_it_has), T(descriptor_changes_meanwhile),
        T(accesses_that_are_put_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
