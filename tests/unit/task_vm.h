/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest with two tasks, for the tests of task switches: a GDT with flat segments, an
 * LDT, an old TSS in TR and a new one, each of 16 or 32 bit. Registers of both have known
 * values. A switch that faults without having been committed must have changed nothing.
 */
#ifndef TASK_VM_H
#define TASK_VM_H

#include "emul_vm.h"
#include "socle/task.h"

#define GDT     0x5000u
#define OLD     0x6000u
#define NEW     0x7000u
#define LDT     0x8000u

enum {                          /* selectors */
    CS0 = 0x08, DS0 = 0x10, CS3 = 0x1b, DS3 = 0x23, S_OLD = 0x28, S_NEW = 0x30, S_LDT = 0x38,
    S_ANY = 0x40,               /* for the test */
    GDT_LIMIT = 0x7f,
    L_DATA = 0x0c,              /* in the LDT: data, DPL 0 */
    NEW_ESP = 0x4000, NEW_EIP = 0x1230,
};

static inline void put_descriptor(struct vm *vm, uint64_t at, uint32_t base, uint32_t limit, uint16_t attr)
{
    vm_put(vm, at, (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(attr & 0xff) << 40 |
           (uint64_t)(limit >> 16 & 0xf) << 48 | (uint64_t)(attr >> 8) << 52 | (uint64_t)(base >> 24) << 56, 8);
}

static inline void gdt(struct vm *vm, unsigned sel, uint32_t base, uint32_t limit, uint16_t attr)
{
    put_descriptor(vm, GDT + (sel & ~7u), base, limit, attr);
}

static inline uint8_t gdt_type(struct vm *vm, unsigned sel) { return (uint8_t)vm_get(vm, GDT + (sel & ~7u) + 5, 1); }

/* Slots as task.c has them: EIP, EFLAGS, 8 registers, segment registers. */
enum { EIP, EFLAGS, REG, SEG = 10 };

static inline uint64_t slot_at(uint64_t tss, unsigned bits, unsigned n)
{
    return tss + (bits == 32 ? 0x20 + 4 * n : 0xe + 2 * n);
}

static inline void put_slot(struct vm *vm, unsigned bits, unsigned n, uint32_t v)
{
    vm_put(vm, slot_at(NEW, bits, n), v, bits / 8);
}

static inline uint64_t old_slot(struct vm *vm, unsigned bits, unsigned n)
{
    return vm_get(vm, slot_at(OLD, bits, n), bits / 8);
}

static inline uint64_t ldt_at(unsigned bits) { return NEW + (bits == 32 ? 0x60 : 0x2a); }

static inline void set_data(struct vm *vm, uint16_t sel)
{
    static const enum seg data[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
    for (unsigned i = 0; i < 4; i++)
        vm->s.seg[data[i]] = vm_segment(sel, sel & 3 ? 0xcf3 : 0xc93, 0xffffffff, 0);
}

static inline void new_tss(struct vm *vm, unsigned bits)
{
    uint8_t ones[0x80];
    memset(ones, 0xff, sizeof(ones));
    assert_int_equal(gmem_write(&vm->f->mem, gpa(NEW), ones, sizeof(ones)), HV_OK);
    gdt(vm, S_NEW, NEW, bits == 32 ? 0x67 : 0x2b, bits == 32 ? 0x89 : 0x81);
    put_slot(vm, bits, EIP, NEW_EIP);
    put_slot(vm, bits, EFLAGS, 0x202);
    for (unsigned i = 0; i < 8; i++)
        put_slot(vm, bits, REG + i, i == GPR_RSP ? NEW_ESP : 0x2200 + i);
    for (unsigned i = 0; i < (bits == 32 ? 6u : 4u); i++)
        put_slot(vm, bits, SEG + i, i == SEG_CS ? CS0 : DS0);
    vm_put(vm, ldt_at(bits), 0, 2);
    vm_put(vm, NEW + 0x64, bits == 32 ? 0xfffe : 0xffff, 2);
}

/* Everything as it is before a switch from an `old`-bit to a `new`-bit task. */
static inline void tasks(struct vm *vm, unsigned old, unsigned new)
{
    vm_32(vm);
    vm->s.rip = 0xf00;
    vm->s.rflags = RFLAGS_FIXED | RFLAGS_IF | RFLAGS_CF;
    for (unsigned i = 0; i < 8; i++)
        vm->s.gpr[i] = 0x11111100 + i;
    vm->s.seg[SEG_CS] = vm_segment(CS0, 0xc9b, 0xffffffff, 0);
    vm->s.seg[SEG_SS] = vm_segment(DS0, 0xc93, 0xffffffff, 0);
    set_data(vm, DS3);
    vm->s.cpl = 0;
    vm->s.dr6 = 0xffff0ff0;
    vm->s.dr7 = 0x7ff;
    vm->s.shadow = SHADOW_STI;
    vm->s.ldtr = vm_segment(0, 0, 0, 0);
    vm->s.gdtr = (struct dtable){ GDT, GDT_LIMIT };
    vm->s.tr = vm_segment(S_OLD, old == 32 ? 0x8b : 0x83, old == 32 ? 0x67 : 0x2b, OLD);
    gdt(vm, CS0, 0, 0xfffff, 0xc9b);
    gdt(vm, DS0, 0, 0xfffff, 0xc93);
    gdt(vm, CS3, 0, 0xfffff, 0xcfb);
    gdt(vm, DS3, 0, 0xfffff, 0xcf3);
    gdt(vm, S_OLD, OLD, (uint32_t)vm->s.tr.limit, vm->s.tr.attr);
    gdt(vm, S_LDT, LDT, 0x17, 0x82);
    gdt(vm, S_ANY, 0, 0, 0);
    put_descriptor(vm, LDT + 8, 0x1000, 0xfff, 0x492);
    new_tss(vm, new);
}

static inline void busy_new(struct vm *vm) { vm_put(vm, GDT + S_NEW + 5, gdt_type(vm, S_NEW) | 2u, 1); }

/* The new task at CPL 3, with a stack there. */
static inline void user_task(struct vm *vm, unsigned bits)
{
    put_slot(vm, bits, SEG + SEG_CS, CS3);
    put_slot(vm, bits, SEG + SEG_SS, DS3);
    put_slot(vm, bits, SEG + SEG_ES, DS3);
    put_slot(vm, bits, SEG + SEG_DS, DS3);
    if (bits == 32) {
        put_slot(vm, bits, SEG + SEG_FS, 0);
        put_slot(vm, bits, SEG + SEG_GS, 3);
    }
}

static struct task_outcome out;

static inline enum emul_status do_switch(struct vm *vm, struct task_switch t)
{
    t.selector = t.selector ? t.selector : S_NEW;
    vm->ram_writes = vm->events = 0;
    memset(&out, 0xee, sizeof(out));
    return emul_task_switch(&vm->c, &t, &out);
}

static inline void switch_done(struct vm *vm, struct task_switch t)
{
    enum emul_status e = do_switch(vm, t);
    if (e != EMUL_DONE)
        fail_msg("status %d, vector %u error %x, failure %d", e, vm->c.exc.vector, vm->c.exc.error, vm->c.failure);
    assert_true(out.committed);
}

static inline void expect(struct vm *vm, enum emul_status e, unsigned vector, uint32_t error)
{
    if (e != EMUL_EXCEPTION || vm->c.exc.vector != vector || vm->c.exc.error != error || !vm->c.exc.has_error)
        fail_msg("status %d, vector %u error %x, failure %d", e, vm->c.exc.vector, vm->c.exc.error, vm->c.failure);
}

/* Memory up to this is compared; page tables come after it. */
enum { COMPARED = 0x20000 };

/* No commit: neither the vCPU nor memory has changed. */
static inline void switch_refused(struct vm *vm, struct task_switch t, enum emul_status want, unsigned vector,
                                  uint32_t error)
{
    static uint8_t before[COMPARED];
    struct vcpu_state s = vm->s;
    memcpy(before, vm->f->ram, COMPARED);
    enum emul_status e = do_switch(vm, t);
    if (want == EMUL_EXCEPTION)
        expect(vm, e, vector, error);
    else
        assert_int_equal(e, want);
    assert_false(out.committed || out.cr3_changed || out.trap);
    assert_memory_equal(&s, &vm->s, sizeof(s));
    assert_memory_equal(before, vm->f->ram, COMPARED);
}

static inline void switch_faults(struct vm *vm, struct task_switch t, unsigned vector, uint32_t error)
{
    switch_refused(vm, t, EMUL_EXCEPTION, vector, error);
}

/* The fault is the new task's: the vCPU is there. */
static inline void switch_lands_in(struct vm *vm, struct task_switch t, unsigned vector, uint32_t error)
{
    expect(vm, do_switch(vm, t), vector, error);
    assert_true(out.committed);
    assert_false(out.trap);
    assert_int_equal(vm->s.tr.sel, S_NEW);
    assert_int_equal(vm->s.rip, NEW_EIP);
    assert_true(vm->s.cr0 & CR0_TS);
}

#endif
