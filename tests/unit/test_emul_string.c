/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * String and port instructions: repetition with a budget, single steps and faults in
 * the middle, batches of ins and outs, and the permission to use a port (SDM vol. 1,
 * 18.5). What plain strings compute is compared by test_emul_native.c.
 */
#include "emul_vm.h"

#define TSS     0x6000u

static void test_rep_to_device(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm_put(vm, DATA, 0x4433221188776655, 8);
    vm->s.gpr[GPR_RSI] = DATA;
    vm->s.gpr[GPR_RDI] = MMIO;
    vm->s.gpr[GPR_RCX] = 4;
    vm_done(vm, "f366a5");
    assert_int_equal(vm->events, 4);
    vm_event(vm, 1, true, MMIO + 2, 2, 0x8877);
    assert_int_equal(vm->s.gpr[GPR_RCX], 0);
    assert_int_equal(vm->s.gpr[GPR_RDI], MMIO + 8);
    assert_int_equal(vm->s.gpr[GPR_RSI], DATA + 8);
    assert_int_equal(vm->c.iterations, 4);
    vm_done(vm, "f3a5");                                 /* count 0: nothing */
    assert_int_equal(vm->events, 0);
    vm->s.rflags |= RFLAGS_DF;
    vm->s.gpr[GPR_RCX] = 2;
    vm->s.gpr[GPR_RAX] = 0xab;
    vm_done(vm, "f2aa");
    vm_event(vm, 1, true, MMIO + 7, 1, 0xab);
    assert_int_equal(vm->s.gpr[GPR_RDI], MMIO + 6);
}

static void test_16bit_registers(void **state)
{
    struct vm *vm = *state;
    vm_real(vm);
    vm->s.seg[SEG_ES].base = 0x20000;
    vm->s.gpr[GPR_RDI] = 0xabcdffff;
    vm->s.gpr[GPR_RCX] = 0x770002;
    vm->s.gpr[GPR_RAX] = 0x5a;
    vm_done(vm, "26f3aa");                               /* di wraps, upper halves stay */
    assert_int_equal(vm_get(vm, 0x2ffff, 1), 0x5a);
    assert_int_equal(vm_get(vm, 0x20000, 1), 0x5a);
    assert_int_equal(vm->s.gpr[GPR_RDI], 0xabcd0001);
    assert_int_equal(vm->s.gpr[GPR_RCX], 0x770000);
    /* The source takes an override, the destination does not. */
    vm->s.seg[SEG_FS].base = 0x30000;
    vm_put(vm, 0x30010, 0x99, 1);
    vm->s.gpr[GPR_RSI] = 0x10;
    vm->s.gpr[GPR_RDI] = 0x20;
    vm_done(vm, "64a4");
    assert_int_equal(vm_get(vm, 0x20020, 1), 0x99);
}

static void test_budget(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm->s.gpr[GPR_RDI] = MMIO;
    vm->s.gpr[GPR_RCX] = ~0ull;
    vm->c.budget = 10;
    assert_int_equal(vm_run(vm, "f3aa"), EMUL_PROGRESS);
    assert_int_equal(vm->events, 10);
    assert_int_equal(vm->c.iterations, 10);
    assert_int_equal(vm->s.gpr[GPR_RCX], ~0ull - 10);
    assert_int_equal(vm->s.gpr[GPR_RDI], MMIO + 10);
    vm->c.budget = 0;
    assert_int_equal(vm_run(vm, "f3aa"), EMUL_PROGRESS);
    assert_int_equal(vm->c.iterations, 1);
    vm->c.budget = 100;
    vm->s.gpr[GPR_RCX] = 10;
    vm_done(vm, "f3aa");
    assert_int_equal(vm->s.gpr[GPR_RDI], MMIO + 21);
}

static void test_fault_in_the_middle(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm_paging(vm);
    vm_put(vm, vm_pte_at(DATA + 0x1000), 0, 8);
    vm->s.gpr[GPR_RSI] = DATA + 0xffc;
    vm->s.gpr[GPR_RDI] = MMIO;
    vm->s.gpr[GPR_RCX] = 10;
    assert_int_equal(vm_run(vm, "f3a4"), EMUL_EXCEPTION);
    assert_int_equal(vm->c.exc.vector, VEC_PF);
    assert_int_equal(vm->c.exc.cr2, DATA + 0x1000);
    assert_int_equal(vm->events, 4);
    assert_int_equal(vm->s.gpr[GPR_RCX], 6);
    assert_int_equal(vm->s.gpr[GPR_RSI], DATA + 0x1000);
    vm_put(vm, vm_pte_at(DATA + 0x1000), (DATA + 0x1000) | 7, 8);
    vm_done(vm, "f3a4");
    assert_int_equal(vm->s.gpr[GPR_RDI], MMIO + 10);
}

static void test_compare_and_scan(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    memcpy(vm->device, "aaab", 4);
    vm->s.gpr[GPR_RAX] = 'a';
    vm->s.gpr[GPR_RDI] = MMIO;
    vm->s.gpr[GPR_RCX] = 100;
    vm_done(vm, "f3ae");
    assert_int_equal(vm->s.gpr[GPR_RCX], 96);
    assert_false(vm->s.rflags & RFLAGS_ZF);
    vm->s.gpr[GPR_RDI] = MMIO;
    vm->s.gpr[GPR_RAX] = 'b';
    vm->c.budget = 2;                                    /* a budget keeps the flags right */
    assert_int_equal(vm_run(vm, "f2ae"), EMUL_PROGRESS);
    vm->c.budget = 100;
    vm_done(vm, "f2ae");
    assert_int_equal(vm->s.gpr[GPR_RDI], MMIO + 4);
    assert_true(vm->s.rflags & RFLAGS_ZF);
}

static void test_single_step(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm->s.rflags |= RFLAGS_TF | RFLAGS_RF;
    vm->s.gpr[GPR_RDI] = MMIO;
    vm->s.gpr[GPR_RCX] = 2;
    assert_int_equal(vm_run(vm, "f3aa"), EMUL_DONE);     /* a trap after each iteration */
    assert_true(vm->c.step_trap);
    assert_int_equal(vm->s.rip, CODE);
    assert_int_equal(vm->events, 1);
    assert_int_equal(vm->s.dr6, 1 << 14);
    assert_false(vm->s.rflags & RFLAGS_RF);
    vm->s.dr6 = 0;
    assert_int_equal(vm_run(vm, "f3aa"), EMUL_DONE);
    assert_true(vm->c.step_trap && vm->s.rip == CODE + 2);
    vm_done(vm, "90");
    assert_true(vm->c.step_trap);
    vm->s.debugctl = 2;                                  /* BTF: branches only */
    vm->s.dr6 = 0;
    vm_done(vm, "90");
    assert_true(!vm->c.step_trap && !vm->s.dr6);
    vm->s.rflags &= ~RFLAGS_TF;
    vm_done(vm, "90");
    assert_false(vm->c.step_trap);
}

static void test_in_out(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm->next_in = 0x11;
    vm->s.gpr[GPR_RAX] = ~0ull;
    vm->s.gpr[GPR_RDX] = 0xffff03f8;
    vm_done(vm, "ec");
    vm_event(vm, 0, false, 0x3f8, 1, 0x11);
    assert_int_equal(vm->s.gpr[GPR_RAX], 0xffffffffffffff11);
    vm_done(vm, "66e540");
    vm_event(vm, 0, false, 0x40, 2, 0x1312);
    assert_int_equal(vm->s.gpr[GPR_RAX], 0xffffffffffff1312);
    vm_done(vm, "48ed");
    assert_int_equal(vm->s.gpr[GPR_RAX], 0x17161514);    /* 32 bits at most, the rest cleared */
    vm_done(vm, "ef");
    vm_event(vm, 0, true, 0x3f8, 4, 0x17161514);
    vm_done(vm, "e680");
    vm_event(vm, 0, true, 0x80, 1, 0x14);
    vm->io_status = HV_BUSY;
    assert_int_equal(vm_run(vm, "ef"), EMUL_RETRY);
}

static void test_rep_outs_in_batches(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm_paging(vm);
    for (unsigned i = 0; i < 0x1800; i++)
        vm_put(vm, DATA + i, i & 0xff, 1);
    vm->s.gpr[GPR_RDX] = 0x1f0;
    vm->s.gpr[GPR_RSI] = DATA + 0xf00;
    vm->s.gpr[GPR_RCX] = 0x200;
    vm_done(vm, "f3666f");
    assert_true(vm->events < 8);                         /* 0x100 bytes to the page's end first */
    assert_int_equal(vm->log[0].count, 0x80);
    assert_int_equal(vm->s.gpr[GPR_RSI], DATA + 0x1300);
    assert_int_equal(vm->s.gpr[GPR_RCX], 0);
    vm->io_limit = 3;                                    /* a port that takes a few at a time */
    vm->s.gpr[GPR_RSI] = DATA;
    vm->s.gpr[GPR_RCX] = 8;
    vm_done(vm, "f36e");
    assert_int_equal(vm->events, 3);
    vm_event(vm, 2, true, 0x1f0, 1, 6);
    vm->s.rflags |= RFLAGS_DF;                           /* downwards one by one */
    vm->s.gpr[GPR_RCX] = 2;
    vm_done(vm, "f36e");
    assert_int_equal(vm->events, 2);
    vm_event(vm, 1, true, 0x1f0, 1, 7);
    assert_int_equal(vm->s.gpr[GPR_RSI], DATA + 6);
}

static void test_rep_ins_in_batches(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm_paging(vm);
    vm->s.gpr[GPR_RDI] = DATA + 0xff9;                   /* the fourth word crosses the page */
    vm->s.gpr[GPR_RCX] = 6;
    vm_done(vm, "f3666d");
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(vm_get(vm, DATA + 0xff9 + i, 1), i);
    assert_int_equal(vm->s.gpr[GPR_RDI], DATA + 0x1005);
    /* A page that may not be written is found before the device is asked. */
    vm_put(vm, vm_pte_at(DATA + 0x1000), (DATA + 0x1000) | 5, 8);
    vm->s.gpr[GPR_RDI] = DATA + 0xffe;
    vm->s.gpr[GPR_RCX] = 4;
    uint8_t before = vm->next_in;
    assert_int_equal(vm_run(vm, "f36c"), EMUL_EXCEPTION);
    assert_int_equal((uint8_t)(vm->next_in - before), 2);
    assert_int_equal(vm->s.gpr[GPR_RCX], 2);
    /* To a device's memory each element goes by itself. */
    vm->s.gpr[GPR_RDI] = MMIO;
    vm->s.gpr[GPR_RCX] = 3;
    vm_done(vm, "f36c");
    assert_int_equal(vm->events, 6);
    /* Within the budget, also in a batch. */
    vm->s.gpr[GPR_RDI] = DATA;
    vm->s.gpr[GPR_RCX] = 1000;
    vm->c.budget = 300;
    assert_int_equal(vm_run(vm, "f36c"), EMUL_PROGRESS);
    assert_int_equal(vm->s.gpr[GPR_RCX], 700);
    assert_int_equal(vm->s.gpr[GPR_RDI], DATA + 300);
}

static void test_batch_respects_segment(void **state)
{
    struct vm *vm = *state;
    vm_32(vm);
    vm->s.seg[SEG_ES].limit = DATA + 9;
    vm->s.gpr[GPR_RDI] = DATA;
    vm->s.gpr[GPR_RCX] = 16;
    assert_int_equal(vm_run(vm, "f36c"), EMUL_EXCEPTION);
    assert_int_equal(vm->c.exc.vector, VEC_GP);
    assert_int_equal(vm->s.gpr[GPR_RCX], 6);
    assert_int_equal(vm_get(vm, DATA + 10, 1), 0);
    vm_real(vm);                                         /* 16-bit offsets wrap one by one */
    vm->s.gpr[GPR_RDI] = 0xfffe;
    vm->s.gpr[GPR_RCX] = 4;
    vm->next_in = 0x40;
    vm_done(vm, "f36c");
    assert_int_equal(vm_get(vm, 0xffff, 1), 0x41);
    assert_int_equal(vm_get(vm, 1, 1), 0x43);
    vm->s.seg[SEG_ES].limit = 0xffffffff;                /* also where neither limit nor page */
    vm->s.seg[SEG_ES].base = 0x20010;                    /* stops the batch */
    vm->s.gpr[GPR_RDI] = 0xfffe;
    vm->s.gpr[GPR_RCX] = 4;
    vm_done(vm, "f36c");
    assert_int_equal(vm_get(vm, 0x3000f, 1), 0x45);
    assert_int_equal(vm_get(vm, 0x30010, 1), 0);
    assert_int_equal(vm_get(vm, 0x20011, 1), 0x47);
}

static void tss(struct vm *vm, uint16_t bitmap, uint32_t limit)
{
    vm->s.tr = vm_segment(0x28, SEG_P | 0xb, limit, TSS);
    vm_put(vm, TSS + 102, bitmap, 2);
}

static void test_io_permission(void **state)
{
    struct vm *vm = *state;
    vm_32(vm);
    vm->s.cpl = 3;
    vm->s.gpr[GPR_RDX] = 0x3f8;
    vm_fault(vm, "ec", VEC_GP, 0);                       /* no TSS */
    tss(vm, 0x68, 0x68 + 0x2000);
    vm_done(vm, "ec");                                   /* all bits are clear */
    vm_put(vm, TSS + 0x68 + 0x7f, 0x80, 1);              /* port 3ff */
    vm_done(vm, "ec");
    vm->s.gpr[GPR_RDX] = 0x3fc;
    vm_fault(vm, "ed", VEC_GP, 0);
    vm->s.gpr[GPR_RDX] = 0x3ff;
    vm_fault(vm, "ec", VEC_GP, 0);
    vm->s.gpr[GPR_RCX] = 1;
    vm_fault(vm, "f36e", VEC_GP, 0);
    vm_put(vm, TSS + 0x68 + 0x80, 1, 1);                 /* the word crosses into the next byte */
    vm_put(vm, TSS + 0x68 + 0x7f, 0, 1);
    vm_fault(vm, "66ed", VEC_GP, 0);
    vm_done(vm, "ec");
    vm->s.rflags |= RFLAGS_IOPL;
    vm_done(vm, "66ed");
    vm->s.rflags |= RFLAGS_VM;                           /* V86 always asks the bitmap */
    assert_int_equal(emul_io_check(&vm->c, 0x3ff, 2), EMUL_EXCEPTION);
    assert_int_equal(emul_io_check(&vm->c, 0x3f8, 4), EMUL_DONE);
    vm->s.rflags &= ~(RFLAGS_VM | RFLAGS_IOPL);

    /* Limits: both bytes of the bitmap must be inside. */
    tss(vm, 0x68, 0x68 + 0x7f);
    assert_int_equal(emul_io_check(&vm->c, 0x3f0, 1), EMUL_DONE);
    assert_int_equal(emul_io_check(&vm->c, 0x3f8, 1), EMUL_EXCEPTION);
    tss(vm, 0x68, 102);
    assert_int_equal(emul_io_check(&vm->c, 0, 1), EMUL_EXCEPTION);
    tss(vm, 0xffff, 0xffffffff);
    assert_int_equal(emul_io_check(&vm->c, 0, 1), EMUL_DONE);
    vm->s.tr.attr = SEG_P | 3;                           /* a 16-bit TSS has no bitmap */
    assert_int_equal(emul_io_check(&vm->c, 0, 1), EMUL_EXCEPTION);
    vm->s.cr0 = 0;
    assert_int_equal(emul_io_check(&vm->c, 0, 1), EMUL_DONE);
}

static void test_tss_through_pages(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm_paging(vm);
    vm->s.cpl = 3;
    tss(vm, 0x68, 0x2068);
    vm->s.cr4 |= CR4_SMAP;
    vm_put(vm, vm_pte_at(TSS), TSS | 3, 8);              /* supervisor: the CPU may */
    assert_int_equal(emul_io_check(&vm->c, 0, 1), EMUL_DONE);
    vm_put(vm, vm_pte_at(TSS), 0, 8);
    assert_int_equal(emul_io_check(&vm->c, 0, 1), EMUL_EXCEPTION);
    assert_int_equal(vm->c.exc.vector, VEC_PF);
    assert_int_equal(vm->c.exc.error, 0);                /* not a user access */
    assert_int_equal(vm->c.exc.cr2, TSS + 102);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rep_to_device, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_16bit_registers, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_budget, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_fault_in_the_middle, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_compare_and_scan, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_single_step, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_in_out, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_rep_outs_in_batches, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_rep_ins_in_batches, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_batch_respects_segment, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_io_permission, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_tss_through_pages, vm_setup, vm_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
