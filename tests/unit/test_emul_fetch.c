/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fetching at CS:RIP and retiring: modes, limits, page crossings, execute rights, and
 * that only the bytes an instruction has are asked for.
 */
#include "emul_vm.h"

static struct insn insn;
static struct emul_exception exc;

static hv_status fetch(struct vm *vm, uint64_t rip)
{
    vm->s.rip = rip;
    insn = (struct insn){ .len = 0 };
    return insn_fetch(&vm->w, &vm->s, &insn, &exc);
}

static void expect_fault(struct vm *vm, uint64_t rip, unsigned vector, uint32_t error, uint64_t cr2)
{
    assert_int_equal(fetch(vm, rip), HV_INVALID);
    assert_int_equal(exc.vector, vector);
    assert_int_equal(exc.error, error);
    assert_int_equal(exc.cr2, cr2);
    assert_int_equal(exc.has_error, vector != VEC_UD);
}

static void test_modes(void **state)
{
    struct vm *vm = *state;
    vm_put(vm, CODE, 0xb8, 1);                           /* mov eax or ax, imm */
    vm_real(vm);
    assert_int_equal(insn_mode_of(&vm->s), INSN_16);
    assert_int_equal(fetch(vm, CODE), HV_OK);
    assert_int_equal(insn.len, 3);
    vm_32(vm);
    assert_int_equal(insn_mode_of(&vm->s), INSN_32);
    assert_int_equal(fetch(vm, CODE), HV_OK);
    assert_int_equal(insn.len, 5);
    vm_64(vm);
    assert_int_equal(insn_mode_of(&vm->s), INSN_64);
    vm->s.seg[SEG_CS].base = 0x5000;                     /* no base in 64-bit mode */
    assert_int_equal(fetch(vm, CODE), HV_OK);
    vm->s.seg[SEG_CS].base = 0;
    vm->s.seg[SEG_CS].attr = ATTR_CODE | SEG_DB;         /* compatibility mode */
    assert_int_equal(insn_mode_of(&vm->s), INSN_32);
    vm_real(vm);
    vm->s.seg[SEG_CS].base = 0x800;
    assert_int_equal(fetch(vm, CODE - 0x800), HV_OK);
    assert_int_equal(insn.op, INSN_MOV);
}

static void test_segment_limit(void **state)
{
    struct vm *vm = *state;
    vm_32(vm);
    vm_put(vm, CODE, 0xa20f, 2);
    vm->s.seg[SEG_CS].limit = CODE + 1;
    assert_int_equal(fetch(vm, CODE), HV_OK);
    assert_int_equal(insn.op, INSN_CPUID);
    vm->s.seg[SEG_CS].limit = CODE;
    expect_fault(vm, CODE, VEC_GP, 0, 0);
    expect_fault(vm, CODE + 1, VEC_GP, 0, 0);
    vm->s.seg[SEG_CS].limit = 0xffff;
    expect_fault(vm, 0x10000, VEC_GP, 0, 0);
    vm->s.seg[SEG_CS].limit = 0x1fff;                    /* ends with the page */
    vm_put(vm, 0x1fff, 0x0f, 1);
    expect_fault(vm, 0x1fff, VEC_GP, 0, 0);
}

static void test_page_crossing(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm_paging(vm);
    vm_put(vm, vm_pte_at(0x2000), 0x9000 | 7, 8);        /* not the next page of memory */
    vm_put(vm, 0x1ffe, 0xa20f, 2);
    vm_put(vm, 0x9000, 0xa2, 1);
    vm_put(vm, vm_pte_at(0x2000), 0, 8);
    assert_int_equal(fetch(vm, 0x1ffe), HV_OK);          /* ends before the missing page */
    assert_int_equal(insn.len, 2);
    vm_put(vm, 0x1fff, 0x0f, 1);
    expect_fault(vm, 0x1fff, VEC_PF, PF_FETCH, 0x2000);
    vm_put(vm, vm_pte_at(0x2000), 0x9000 | 7, 8);
    assert_int_equal(fetch(vm, 0x1fff), HV_OK);
    assert_int_equal(insn.op, INSN_CPUID);
    vm_put(vm, vm_pte_at(0x2000), 0xd0000000 | 7, 8);    /* second half in a device */
    assert_int_equal(fetch(vm, 0x1fff), HV_RANGE);
    assert_int_equal(fetch(vm, 0x2000), HV_RANGE);
}

static void test_execute_rights(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm_paging(vm);
    vm_put(vm, CODE, 0xf4, 1);
    vm_put(vm, vm_pte_at(CODE), CODE | 7 | BIT64(63), 8);
    expect_fault(vm, CODE, VEC_PF, PF_FETCH | PF_PRESENT, CODE);
    vm->s.cpl = 3;
    expect_fault(vm, CODE, VEC_PF, PF_FETCH | PF_PRESENT | PF_USER, CODE);
    vm_put(vm, vm_pte_at(CODE), CODE | 7, 8);
    assert_int_equal(fetch(vm, CODE), HV_OK);
    vm->s.cpl = 0;
    vm->s.cr4 |= CR4_SMEP;
    expect_fault(vm, CODE, VEC_PF, PF_FETCH | PF_PRESENT, CODE);
}

static void test_undefined_and_too_long(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm_put(vm, CODE, 0x0b0f, 2);
    expect_fault(vm, CODE, VEC_UD, 0, 0);
    for (unsigned i = 0; i < 16; i++)
        vm_put(vm, CODE + i, 0x66, 1);
    expect_fault(vm, CODE, VEC_GP, 0, 0);
    vm_put(vm, 0x1fff, 0x0f, 1);                         /* decided by the second page */
    vm_put(vm, 0x2000, 0x0b, 1);
    expect_fault(vm, 0x1fff, VEC_UD, 0, 0);
}

/* One cache for all: a stale one would show. */
static unsigned peek(struct vm *vm, enum insn_op op)
{
    static struct peek_cache cache;
    return insn_peek(&vm->w, &vm->s, op, &cache);
}

/* peek agrees with fetch wherever it answers, and answers for every plain exit instruction. */
static void test_peek(void **state)
{
    struct vm *vm = *state;
    static const struct { enum insn_op op; const char *hex; } row[] = {
        { INSN_CPUID, "0fa2" }, { INSN_RDMSR, "0f32" }, { INSN_WRMSR, "0f30" }, { INSN_HLT, "f4" },
        { INSN_RDTSC, "0f31" }, { INSN_RDTSCP, "0f01f9" }, { INSN_RDPMC, "0f33" },
        { INSN_INVD, "0f08" }, { INSN_WBINVD, "0f09" }, { INSN_PAUSE, "f390" },
        { INSN_XSETBV, "0f01d1" }, { INSN_VMCALL, "0f01c1" }, { INSN_VMMCALL, "0f01d9" },
    };
    vm_64(vm);
    vm_paging(vm);
    for (size_t i = 0; i < ARRAY_LEN(row); i++)
        for (unsigned at = 0; at < 16; at++) {
            unsigned len = (unsigned)strlen(row[i].hex) / 2;
            vm->s.seg[SEG_CS].base = at;                 /* moves vm_code's bytes only */
            vm_code(vm, row[i].hex);
            assert_int_equal(fetch(vm, CODE + at), HV_OK);
            assert_true(insn.op == row[i].op && insn.len == len);
            assert_int_equal(peek(vm, row[i].op), len);
            for (unsigned op = 0; op < INSN_OP_COUNT; op++)
                assert_int_equal(peek(vm, (enum insn_op)op),
                                 op == row[i].op ? len : 0);
        }
    vm->s.seg[SEG_CS].base = 0;
    vm_code(vm, "480fa2");                               /* a prefix: for insn_fetch */
    assert_int_equal(fetch(vm, CODE), HV_OK);
    assert_int_equal(peek(vm, INSN_CPUID), 0);
    vm_put(vm, 0x1fff, 0xa20f, 2);
    assert_int_equal(fetch(vm, 0x1fff), HV_OK);
    assert_int_equal(peek(vm, INSN_CPUID), 0);
    vm_put(vm, vm_pte_at(CODE), CODE | 7 | BIT64(63), 8);
    vm_put(vm, CODE, 0xf4, 1);
    vm->s.rip = CODE;
    assert_int_equal(peek(vm, INSN_HLT), 0);
    vm->s.rip = 0x800000;                                /* not mapped */
    assert_int_equal(peek(vm, INSN_HLT), 0);
    vm_32(vm);
    assert_int_equal(peek(vm, INSN_HLT), 0);
}

/* Whatever the walk depended on may change between two peeks; the second sees it. */
static void test_peek_follows_changes(void **state)
{
    struct vm *vm = *state;
    const uint64_t other = 0x30000;
    vm_64(vm);
    vm_paging(vm);
    vm_put(vm, CODE, 0xa20f, 2);
    vm_put(vm, other, 0x300f, 2);
    vm->s.rip = CODE;
    assert_int_equal(peek(vm, INSN_CPUID), 2);
    assert_int_equal(peek(vm, INSN_CPUID), 2);
    vm_put(vm, CODE, 0x320f, 2);                         /* other code */
    assert_int_equal(peek(vm, INSN_CPUID), 0);
    assert_int_equal(peek(vm, INSN_RDMSR), 2);
    uint64_t old = CODE | 7;
    vm_put(vm, vm_pte_at(CODE), other | 7, 8);           /* another page there */
    assert_int_equal(peek(vm, INSN_RDMSR), 0);
    assert_int_equal(peek(vm, INSN_WRMSR), 2);
    vm_put(vm, vm_pte_at(CODE), other, 8);               /* gone */
    assert_int_equal(peek(vm, INSN_WRMSR), 0);
    vm_put(vm, vm_pte_at(CODE), old | BIT64(63), 8);     /* no execution */
    assert_int_equal(peek(vm, INSN_RDMSR), 0);
    vm_put(vm, vm_pte_at(CODE), old, 8);
    assert_int_equal(peek(vm, INSN_RDMSR), 2);
    vm->s.cr4 |= CR4_SMEP;                               /* a user page */
    assert_int_equal(peek(vm, INSN_RDMSR), 0);
    vm->s.cpl = 3;
    assert_int_equal(peek(vm, INSN_RDMSR), 2);
    vm_put(vm, vm_pte_at(CODE), old & ~4ull, 8);         /* no user page any more */
    assert_int_equal(peek(vm, INSN_RDMSR), 0);
    vm->s.cpl = 0;
    assert_int_equal(peek(vm, INSN_RDMSR), 2);
    vm->s.cr3 = 0x700000;                                /* empty tables */
    assert_int_equal(peek(vm, INSN_RDMSR), 0);
}

static void test_retire(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm->s.rip = 0xffffffffffull;
    vm->s.rflags |= RFLAGS_RF;
    vm->s.shadow = SHADOW_STI;
    assert_false(emul_retire(&vm->s, 2));
    assert_int_equal(vm->s.rip, 0x10000000001ull);
    assert_true(!(vm->s.rflags & RFLAGS_RF) && !vm->s.shadow);
    vm_32(vm);
    vm->s.efer = 0;
    vm->s.rip = 0xffffffff;
    vm->s.rflags |= RFLAGS_TF;
    assert_true(emul_retire(&vm->s, 2));
    assert_int_equal(vm->s.rip, 1);
    assert_int_equal(vm->s.dr6, 1 << 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_modes, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_segment_limit, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_page_crossing, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_execute_rights, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_undefined_and_too_long, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_peek, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_peek_follows_changes, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_retire, vm_setup, vm_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
