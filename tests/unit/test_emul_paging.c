/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emulator over guest page tables: faults and their codes, operands that cross
 * pages, alignment checks, atomic updates against another vCPU, what it reports when
 * it cannot go on, and SSE moves to a device.
 */
#include "emul_vm.h"

static void long_mode(struct vm *vm)
{
    vm_64(vm);
    vm_paging(vm);
}

static void user(struct vm *vm) { vm->s.cpl = 3; }

static void test_page_faults(void **state)
{
    struct vm *vm = *state;
    long_mode(vm);
    vm->s.gpr[GPR_RBX] = DATA + 0x10;
    vm_done(vm, "488b03");
    vm_put(vm, vm_pte_at(DATA), DATA | 5, 8);            /* read-only */
    vm_done(vm, "488b03");
    vm_fault(vm, "488903", VEC_PF, PF_PRESENT | PF_WRITE);
    assert_int_equal(vm->c.exc.cr2, DATA + 0x10);
    vm_fault(vm, "480103", VEC_PF, PF_PRESENT | PF_WRITE);       /* a write from the start */
    vm_done(vm, "483903");
    vm_put(vm, vm_pte_at(DATA), 0, 8);
    vm_fault(vm, "488b03", VEC_PF, 0);
    user(vm);
    vm_fault(vm, "488b03", VEC_PF, PF_USER);
    vm_put(vm, vm_pte_at(DATA), DATA | 3, 8);            /* supervisor */
    vm_fault(vm, "488b03", VEC_PF, PF_USER | PF_PRESENT);
    vm->s.cpl = 0;
    vm->s.cr4 |= CR4_SMAP;
    vm_put(vm, vm_pte_at(CODE), CODE | 3, 8);
    vm_done(vm, "488b03");
    vm_put(vm, vm_pte_at(DATA), DATA | 7, 8);
    vm_fault(vm, "488b03", VEC_PF, PF_PRESENT);
    vm->s.rflags |= RFLAGS_AC;
    vm_done(vm, "488b03");
}

static void test_dirty_and_accessed(void **state)
{
    struct vm *vm = *state;
    long_mode(vm);
    vm->s.gpr[GPR_RBX] = DATA;
    vm_done(vm, "488b03");
    assert_int_equal(vm_get(vm, vm_pte_at(DATA), 8), DATA | 0x27);
    vm_done(vm, "488903");
    assert_int_equal(vm_get(vm, vm_pte_at(DATA), 8), DATA | 0x67);
}

static void test_crossing_store(void **state)
{
    struct vm *vm = *state;
    long_mode(vm);
    /* Two pages that are neighbours only in the linear space. */
    vm_put(vm, vm_pte_at(DATA), 0x10000 | 7, 8);
    vm_put(vm, vm_pte_at(DATA + 0x1000), 0x20000 | 7, 8);
    vm->s.gpr[GPR_RBX] = DATA + 0xffd;
    vm->s.gpr[GPR_RAX] = 0x8877665544332211;
    vm_done(vm, "488903");
    assert_int_equal(vm_get(vm, 0x10ffd, 2), 0x2211);
    assert_int_equal(vm_get(vm, 0x10fff, 1), 0x33);
    assert_int_equal(vm_get(vm, 0x20000, 4), 0x77665544);
    assert_int_equal(vm_get(vm, 0x20004, 1), 0x88);
    vm->s.gpr[GPR_RAX] = 0;
    vm_done(vm, "488b03");
    assert_int_equal(vm->s.gpr[GPR_RAX], 0x8877665544332211);
    vm_done(vm, "f0480103");                             /* locked, but across words */
    assert_int_equal(vm_get(vm, 0x20004, 1), 0x10);

    /* The second page refuses: the first is not touched, CR2 is the second's start. */
    vm_put(vm, vm_pte_at(DATA + 0x1000), 0x20000 | 5, 8);
    vm_fault(vm, "488903", VEC_PF, PF_PRESENT | PF_WRITE);
    assert_int_equal(vm->c.exc.cr2, DATA + 0x1000);
    vm_put(vm, vm_pte_at(DATA), 0, 8);
    vm_fault(vm, "488903", VEC_PF, PF_WRITE);
    assert_int_equal(vm->c.exc.cr2, DATA + 0xffd);
}

static void test_crossing_mmio(void **state)
{
    struct vm *vm = *state;
    long_mode(vm);
    vm->s.gpr[GPR_RBX] = MMIO + 0xffd;
    vm->s.gpr[GPR_RAX] = 0x8877665544332211;
    vm_done(vm, "488903");                               /* aligned pieces: 1 2 | 4 1 */
    assert_int_equal(vm->events, 4);
    vm_event(vm, 0, true, MMIO + 0xffd, 1, 0x11);
    vm_event(vm, 1, true, MMIO + 0xffe, 2, 0x3322);
    vm_event(vm, 2, true, MMIO + 0x1000, 4, 0x77665544);
    vm_event(vm, 3, true, MMIO + 0x1004, 1, 0x88);
    vm->s.gpr[GPR_RBX] = 0xc0000000 - 3;                 /* from nothing into nothing mapped */
    vm_fault(vm, "488903", VEC_PF, PF_WRITE);
}

static void test_wrap_at_4g(void **state)
{
    struct vm *vm = *state;
    vm_put(vm, 0, 0x4433, 2);
    for (int compatibility = 0; compatibility < 2; compatibility++) {
        vm_32(vm);
        vm->s.efer = compatibility ? EFER_LME | EFER_LMA : 0;
        vm->s.seg[SEG_DS].base = 2;                      /* linear 0xfffffffe to 1 */
        vm_done(vm, "a1fcffffff");
        assert_int_equal(vm->s.gpr[GPR_RAX], 0x4433ffff);
    }
}

static void test_alignment_check(void **state)
{
    struct vm *vm = *state;
    long_mode(vm);
    user(vm);
    vm->s.gpr[GPR_RBX] = DATA + 1;
    vm->s.rflags |= RFLAGS_AC;
    vm_done(vm, "8b03");                                 /* CR0.AM is clear */
    vm->s.cr0 |= CR0_AM;
    vm_fault(vm, "8b03", VEC_AC, 0);
    vm_fault(vm, "668903", VEC_AC, 0);
    assert_true(vm->c.exc.has_error);
    vm_done(vm, "8a03");
    vm->s.gpr[GPR_RBX] = DATA + 4;
    vm_done(vm, "8b03");
    vm_fault(vm, "488b03", VEC_AC, 0);
    vm->s.rflags &= ~RFLAGS_AC;
    vm_done(vm, "488b03");
    vm->s.rflags |= RFLAGS_AC;
    vm->s.cpl = 0;
    vm_done(vm, "488b03");
}

/* Adds one to the operand, as another vCPU would, the first two times it is read. */
static void interfere(struct vm *vm, uint64_t at)
{
    static unsigned times;
    if (at == DATA + 5 && times < 2) {
        times++;
        vm_put(vm, at, vm_get(vm, at, 1) + 1, 1);
    }
}

static void always_interfere(struct vm *vm, uint64_t at)
{
    if (at == DATA + 5)
        vm_put(vm, at, vm_get(vm, at, 1) + 1, 1);
}

static void test_locked_is_atomic(void **state)
{
    struct vm *vm = *state;
    long_mode(vm);
    vm_put(vm, DATA, 0, 8);
    vm->s.gpr[GPR_RBX] = DATA + 5;
    vm->on_read = interfere;
    vm_done(vm, "f0800310");                             /* lock add byte [rbx], 0x10 */
    assert_int_equal(vm_get(vm, DATA, 8), 0x12ull << 40);
    assert_int_equal(vm->ram_reads, 3);                  /* two tries went in vain */
    assert_int_equal(vm->ram_writes, 0);
    vm->on_read = always_interfere;
    vm->s.gpr[GPR_RAX] = 0x77;
    assert_int_equal(vm_run(vm, "8603"), EMUL_RETRY);    /* xchg locks by itself */
    assert_int_equal(vm->s.gpr[GPR_RAX], 0x77);
    vm->on_read = NULL;
    vm_done(vm, "8603");
    assert_int_equal(vm_get(vm, DATA + 5, 1), 0x77);
    vm_done(vm, "f0ff03");
    assert_int_equal(vm->ram_writes, 1);                 /* across two words: plain */
    vm->s.gpr[GPR_RBX] = DATA;
    vm->s.gpr[GPR_RCX] = 4;
    vm_put(vm, DATA, 3, 8);
    vm_done(vm, "f00fc10b");
    assert_int_equal(vm_get(vm, DATA, 8), 7);
    assert_int_equal(vm->s.gpr[GPR_RCX], 3);
    vm->s.gpr[GPR_RAX] = 7;
    vm->s.gpr[GPR_RDX] = 0;
    vm_done(vm, "f00fc70b");                             /* cmpxchg8b: ecx:ebx */
    assert_int_equal(vm_get(vm, DATA, 8), 3ull << 32 | DATA);
    assert_int_equal(vm->ram_writes, 0);
}

static void test_rom_ignores_writes(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm->s.gpr[GPR_RBX] = DATA;
    vm->s.gpr[GPR_RAX] = 0x55;
    unsigned n = vm_code(vm, "f0830301");
    vm->f->mem.slot[0].readonly = true;
    vm->s.rip = CODE;
    assert_int_equal(emul_run(&vm->c), EMUL_DONE);
    assert_int_equal(vm->s.rip, CODE + n);
    assert_int_equal(vm_get(vm, DATA, 4), 0);
    vm->f->mem.slot[0].readonly = false;
}

static void test_cmpxchg16b(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    uint64_t *gpr = vm->s.gpr;
    memset(vm->device, 7, 16);
    gpr[GPR_RSI] = MMIO;
    gpr[GPR_RBX] = 1;
    gpr[GPR_RCX] = 2;
    vm_done(vm, "f0480fc70e");                           /* differs: loads rdx:rax */
    assert_int_equal(vm->events, 4);
    assert_false(vm->s.rflags & RFLAGS_ZF);
    assert_int_equal(gpr[GPR_RAX], 0x0707070707070707);
    vm_done(vm, "f0480fc70e");
    assert_true(vm->s.rflags & RFLAGS_ZF);
    vm_event(vm, 2, true, MMIO, 8, 1);
    vm_event(vm, 3, true, MMIO + 8, 8, 2);
    gpr[GPR_RSI] = MMIO + 8;
    vm_fault(vm, "480fc70e", VEC_GP, 0);
    gpr[GPR_RSI] = DATA;                                 /* RAM cannot be done at once */
    assert_int_equal(vm_run(vm, "480fc70e"), EMUL_UNSUPPORTED);
}

static void test_sse(void **state)
{
    struct vm *vm = *state;
    long_mode(vm);
    for (unsigned i = 0; i < 16; i++)
        vm->xmm[9][i] = (uint8_t)(i + 1);
    vm->s.gpr[GPR_RBX] = MMIO + 0x10;
    vm_done(vm, "440f290b");                             /* movaps [rbx], xmm9 */
    assert_int_equal(vm->events, 2);
    vm_event(vm, 0, true, MMIO + 0x10, 8, 0x0807060504030201);
    vm_event(vm, 1, true, MMIO + 0x18, 8, 0x100f0e0d0c0b0a09);
    vm_done(vm, "f30f6f13");                             /* movdqu xmm2, [rbx] */
    assert_memory_equal(vm->xmm[2], vm->xmm[9], 16);
    vm_done(vm, "660fd60b");                             /* movq [rbx], xmm1 */
    assert_int_equal(vm->events, 1);
    vm->s.gpr[GPR_RBX]++;
    vm_fault(vm, "440f290b", VEC_GP, 0);
    vm_done(vm, "440f110b");
    vm->s.cr0 |= CR0_TS;
    vm_fault(vm, "440f110b", VEC_NM, 0);
    assert_false(vm->c.exc.has_error);
    vm->s.cr0 |= CR0_EM;
    vm_fault(vm, "440f110b", VEC_UD, 0);
    vm->s.cr0 &= ~(CR0_TS | CR0_EM);
    vm->s.cr4 &= ~CR4_OSFXSR;
    vm_fault(vm, "440f110b", VEC_UD, 0);
    struct emul_ops no_vectors = vm_ops;
    no_vectors.vec_get = NULL;
    vm->c.ops = &no_vectors;
    assert_int_equal(vm_run(vm, "440f110b"), EMUL_UNSUPPORTED);
}

static void test_cache_line_flush(void **state)
{
    struct vm *vm = *state;
    long_mode(vm);
    vm->s.gpr[GPR_RBX] = MMIO + 1;
    vm_done(vm, "0fae3b");
    vm_done(vm, "660fae33");
    assert_int_equal(vm->events, 0);
    vm->s.gpr[GPR_RBX] = DATA;
    vm_put(vm, vm_pte_at(DATA), 0, 8);
    vm_fault(vm, "0fae3b", VEC_PF, 0);
    vm_done(vm, "0f180b");                               /* a prefetch never faults */
}

static void test_what_stops_it(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm->s.gpr[GPR_RBX] = MMIO;
    vm->s.gpr[GPR_RAX] = 1;
    vm->read_status = HV_BUSY;
    assert_int_equal(vm_run(vm, "0303"), EMUL_RETRY);
    vm->read_status = HV_NOMEM;
    assert_int_equal(vm_run(vm, "0303"), EMUL_FAILED);
    assert_int_equal(vm->c.failure, HV_NOMEM);
    vm->read_status = HV_OK;
    vm->write_status = HV_BUSY;
    assert_int_equal(vm_run(vm, "0103"), EMUL_RETRY);
    assert_int_equal(vm_run(vm, "ff33") == EMUL_RETRY && vm->s.gpr[GPR_RSP] == STACK, true);
    assert_int_equal(vm_run(vm, "8f03") == EMUL_RETRY && vm->s.gpr[GPR_RSP] == STACK, true);
    vm->write_status = HV_OK;
    assert_int_equal(vm->s.gpr[GPR_RAX], 1);
    static const char *const unsupported[] = {
        "c5f96f03", "d903", "0fae03", "0f01d9", "8e1b", "9d",
    };
    for (size_t i = 0; i < ARRAY_LEN(unsupported); i++) {
        assert_int_equal(vm_run(vm, unsupported[i]), EMUL_UNSUPPORTED);
        assert_int_equal(vm->c.insn.len, strlen(unsupported[i]) / 2);
        assert_int_equal(vm->events, 0);
    }
    vm->s.rip = MMIO;                                    /* code that is not in memory */
    assert_int_equal(emul_run(&vm->c), EMUL_UNSUPPORTED);
    assert_int_equal(vm->c.insn.len, 0);
}

/* pop to memory addressed by RSP sees it incremented; a fault puts it back. */
static void test_pop_through_rsp(void **state)
{
    struct vm *vm = *state;
    long_mode(vm);
    vm_put(vm, STACK, 0x1234, 8);
    vm_done(vm, "8f442408");
    assert_int_equal(vm_get(vm, STACK + 16, 8), 0x1234);
    assert_int_equal(vm->s.gpr[GPR_RSP], STACK + 8);
    vm_put(vm, vm_pte_at(DATA), DATA | 5, 8);
    vm->s.gpr[GPR_RBX] = DATA;
    vm_fault(vm, "8f03", VEC_PF, PF_PRESENT | PF_WRITE);
    vm->s.gpr[GPR_RSP] = DATA + 0x800;
    vm_fault(vm, "50", VEC_PF, PF_PRESENT | PF_WRITE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_page_faults, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_dirty_and_accessed, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_crossing_store, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_crossing_mmio, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_wrap_at_4g, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_alignment_check, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_locked_is_atomic, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_rom_ignores_writes, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_cmpxchg16b, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_sse, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_cache_line_flush, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_what_stops_it, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_pop_through_rsp, vm_setup, vm_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
