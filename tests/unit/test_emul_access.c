/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the emulator reaches memory: one bus access per operand, 16- and 32-bit
 * addressing, segment rules, paging, page crossings, alignment checks, atomicity, and
 * that nothing happens before everything is checked. Values are test_emul_native.c's.
 */
#include "emul_vm.h"

static void test_mmio_widths(void **state)
{
    struct vm *vm = *state;
    static const struct { const char *read, *write; unsigned size; } row[] = {
        { "8a03", "8803", 1 }, { "668b03", "668903", 2 }, { "8b03", "8903", 4 },
        { "488b03", "488903", 8 },
    };
    vm_64(vm);
    vm->s.gpr[GPR_RBX] = MMIO + 8;
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        uint64_t value = 0x1122334455667788 & ones_of_size(row[i].size);
        vm->s.gpr[GPR_RAX] = 0x1122334455667788;
        vm_done(vm, row[i].write);
        assert_int_equal(vm->events, 1);
        vm_event(vm, 0, true, MMIO + 8, row[i].size, value);
        vm->s.gpr[GPR_RAX] = 0;
        vm_done(vm, row[i].read);
        assert_int_equal(vm->events, 1);
        vm_event(vm, 0, false, MMIO + 8, row[i].size, value);
        assert_int_equal(vm->s.gpr[GPR_RAX], value);
    }
    vm->s.gpr[GPR_RBX] = MMIO + 0x21;           /* unaligned, one page: still one access */
    vm_done(vm, "488903");
    assert_int_equal(vm->events, 1);
    vm_event(vm, 0, true, MMIO + 0x21, 8, vm->s.gpr[GPR_RAX]);
}

static void test_mmio_read_modify_write(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm->s.gpr[GPR_RBX] = MMIO;
    vm->s.gpr[GPR_RAX] = 3;
    vm->device[0] = 5;
    static const struct { const char *hex; uint64_t result; } row[] = {
        { "0103", 8 }, { "f00103", 11 }, { "830b10", 27 }, { "ff03", 28 }, { "f0ff0b", 27 },
        { "f00fba2b02", 31 }, { "0fba3304", 15 }, { "d123", 30 }, { "f0f713", ~30u },
        { "8703", 3 },
    };
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        vm_done(vm, row[i].hex);
        assert_int_equal(vm->events, 2);
        assert_false(vm->log[0].write);
        vm_event(vm, 1, true, MMIO, 4, row[i].result);
    }
    vm_done(vm, "833b03");                       /* cmp and test only read */
    assert_int_equal(vm->events, 1);
    assert_true(vm->s.rflags & RFLAGS_ZF);
    vm_done(vm, "f70304000000");
    assert_int_equal(vm->events, 1);
    vm->s.gpr[GPR_RAX] = 99;                     /* a failing cmpxchg writes what it found */
    vm_done(vm, "0fb10b");
    assert_int_equal(vm->events, 2);
    vm_event(vm, 1, true, MMIO, 4, 3);
    assert_int_equal(vm->s.gpr[GPR_RAX], 3);
}

static void test_bit_offset_reaches_far(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm->s.gpr[GPR_RBX] = MMIO + 0x800;
    vm->s.gpr[GPR_RAX] = (uint64_t)-0x4000;      /* -0x4000 bits: -0x800 bytes */
    vm_done(vm, "480fab03");
    vm_event(vm, 0, false, MMIO, 8, 0);
    vm_event(vm, 1, true, MMIO, 8, 1);
    vm->s.gpr[GPR_RAX] = (uint64_t)-1;           /* bit 31 of the double word before */
    vm_done(vm, "0fab03");
    vm_event(vm, 1, true, MMIO + 0x7fc, 4, 0x80000000);
    vm->s.gpr[GPR_RAX] = 0xffff7fff;             /* 16 bits: +0x7fff */
    vm_done(vm, "660fa303");
    vm_event(vm, 0, false, MMIO + 0x800 + 0xffe, 2, 0);
    vm->s.gpr[GPR_RAX] = 1ull << 62;             /* leaves the canonical space */
    vm->s.gpr[GPR_RBX] = 0;
    vm_fault(vm, "480fa303", VEC_GP, 0);
}

static void test_addressing_16(void **state)
{
    struct vm *vm = *state;
    static const struct { const char *hex; uint64_t at; } row[] = {
        { "c60055", 0x230 }, { "c60155", 0x240 }, { "c60255", 0x430 }, { "c60355", 0x440 },
        { "c60455", 0x30 }, { "c60555", 0x40 }, { "c606345655", 0x5634 }, { "c60755", 0x200 },
        { "c646ff55", 0x3ff }, { "c68734f255", 0xf434 }, { "c6470555", 0x205 },
        { "67c6430555", 0x205 }, { "c64080 55", 0x1b0 },
    };
    vm_real(vm);
    vm->s.gpr[GPR_RBX] = 0xabcd00000200;         /* only 16 bits count */
    vm->s.gpr[GPR_RBP] = 0x400;
    vm->s.gpr[GPR_RSI] = 0x30;
    vm->s.gpr[GPR_RDI] = 0x40;
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        if (!strncmp(row[i].hex, "67", 2))
            vm->s.gpr[GPR_RBX] &= 0xffff;
        vm_put(vm, row[i].at, 0, 1);
        vm_done(vm, row[i].hex);
        assert_int_equal(vm_get(vm, row[i].at, 1), 0x55);
    }
    /* Bases: DS for BX, SS for BP, an override for both. */
    vm->s.seg[SEG_DS].base = 0x10000;
    vm->s.seg[SEG_SS].base = 0x20000;
    vm->s.seg[SEG_ES].base = 0x30000;
    vm_done(vm, "c60711");
    assert_int_equal(vm_get(vm, 0x10200, 1), 0x11);
    vm_done(vm, "c6460022");
    assert_int_equal(vm_get(vm, 0x20400, 1), 0x22);
    vm_done(vm, "26c6460033");
    assert_int_equal(vm_get(vm, 0x30400, 1), 0x33);
    /* 16-bit offsets wrap; an operand may not reach past the segment's end. */
    vm->s.gpr[GPR_RBX] = 0xfff0;
    vm_done(vm, "c6471144");
    assert_int_equal(vm_get(vm, 0x10001, 1), 0x44);
    vm->s.gpr[GPR_RBX] = 0xffff;
    vm_fault(vm, "8907", VEC_GP, 0);
    assert_false(vm->c.exc.has_error);           /* none in real mode */
    vm->s.gpr[GPR_RBP] = 0xffff;
    vm_fault(vm, "894600", VEC_SS, 0);
}

static void test_32bit_forms(void **state)
{
    struct vm *vm = *state;
    vm_32(vm);
    vm->s.gpr[GPR_RBX] = 0xffffffff00000000 | MMIO;
    vm->s.gpr[GPR_RCX] = 0x10;
    vm->s.gpr[GPR_RAX] = 0x12345678;
    vm_done(vm, "89448b04");                     /* mov [ebx + 4 * ecx + 4], eax */
    vm_event(vm, 0, true, MMIO + 0x44, 4, 0x12345678);
    vm_done(vm, "66a3080000d0");
    vm_event(vm, 0, true, MMIO + 8, 2, 0x5678);
    vm_done(vm, "a0080000d0");
    vm_event(vm, 0, false, MMIO + 8, 1, 0x78);
    vm_done(vm, "41");                           /* inc ecx, 40 to 4f are no REX here */
    assert_int_equal(vm->s.gpr[GPR_RCX], 0x11);
    vm->s.gpr[GPR_RSP] = STACK;
    vm_done(vm, "ff33");
    assert_int_equal(vm->s.gpr[GPR_RSP], STACK - 4);
    vm->s.gpr[GPR_RAX] = 0xd0000004;
    vm->s.gpr[GPR_RBX] = 0x12345678;
    vm_done(vm, "678d07");                       /* lea eax, [bx] */
    assert_int_equal(vm->s.gpr[GPR_RAX], 0x5678);
    /* The sum of base and offset wraps at 4 GiB. */
    vm->s.seg[SEG_DS].base = 0xe0000000;
    vm_done(vm, "a1000000f0");
    vm_event(vm, 0, false, MMIO, 4, 0);
}

static void test_stack_width(void **state)
{
    struct vm *vm = *state;
    vm_32(vm);
    vm->s.seg[SEG_SS].attr &= (uint16_t)~SEG_DB; /* 16-bit stack under 32-bit code */
    vm->s.seg[SEG_SS].limit = 0xffff;
    vm->s.seg[SEG_SS].base = 0x10000;
    vm->s.gpr[GPR_RSP] = 0xabc00000;
    vm->s.gpr[GPR_RAX] = 0x11223344;
    vm_done(vm, "50");
    assert_int_equal(vm->s.gpr[GPR_RSP], 0xabc0fffc);
    assert_int_equal(vm_get(vm, 0x1fffc, 4), 0x11223344);
    vm->s.gpr[GPR_RSP] = 2;                      /* would wrap around the segment's end */
    vm_fault(vm, "50", VEC_SS, 0);
    vm_real(vm);
    vm->s.seg[SEG_SS].base = 0x10000;
    vm->s.gpr[GPR_RSP] = 0;
    vm_done(vm, "6650");                         /* push eax */
    assert_int_equal(vm->s.gpr[GPR_RSP], 0xfffc);
    assert_int_equal(vm_get(vm, 0x1fffc, 4), 0x11223344);
    vm_done(vm, "665b");
    assert_int_equal(vm->s.gpr[GPR_RBX], 0x11223344);
    assert_int_equal(vm->s.gpr[GPR_RSP], 0);
    vm->s.gpr[GPR_RSP] = 1;                      /* the operand leaves the segment */
    vm_fault(vm, "6650", VEC_SS, 0);
    vm->s.gpr[GPR_RSP] = 0xfffd;
    vm_fault(vm, "665b", VEC_SS, 0);
}

static void test_segment_rules(void **state)
{
    struct vm *vm = *state;
    vm_32(vm);
    vm->s.gpr[GPR_RBX] = DATA;
    struct segment *ds = &vm->s.seg[SEG_DS];
    ds->attr = 0;                                /* null selector */
    vm_fault(vm, "8b03", VEC_GP, 0);
    assert_true(vm->c.exc.has_error);
    ds->attr = SEG_DB | 0x13;                    /* not present */
    vm_fault(vm, "8903", VEC_GP, 0);
    ds->attr = SEG_DB | 0x91;                    /* read-only */
    vm_done(vm, "8b03");
    vm_fault(vm, "8903", VEC_GP, 0);
    vm_fault(vm, "0103", VEC_GP, 0);
    ds->attr = SEG_DB | 0x99;                    /* execute-only */
    vm_fault(vm, "8b03", VEC_GP, 0);
    ds->attr = SEG_DB | 0x9b;                    /* code is readable, never writable */
    vm_done(vm, "8b03");
    vm_fault(vm, "8903", VEC_GP, 0);
    vm_fault(vm, "2e8903", VEC_GP, 0);
    ds->attr = SEG_DB | 0x83;                    /* a system segment */
    vm_fault(vm, "8b03", VEC_GP, 0);
    vm->s.cr0 = 0;                               /* real mode asks for none of this */
    vm_done(vm, "8903");
    vm->s.cr0 = CR0_PE;

    ds->attr = SEG_DB | ATTR_DATA;
    ds->limit = DATA + 2;
    vm_fault(vm, "8b03", VEC_GP, 0);
    vm_done(vm, "668b03");
    vm->s.gpr[GPR_RBX] = 0xfffffffe;
    ds->limit = 0xffffffff;
    vm_fault(vm, "8b03", VEC_GP, 0);             /* past 4 GiB */
    vm->s.seg[SEG_SS].attr = 0;
    vm->s.gpr[GPR_RBP] = DATA;
    vm_fault(vm, "8b4500", VEC_SS, 0);
    vm_fault(vm, "50", VEC_SS, 0);
}

static void test_expand_down(void **state)
{
    struct vm *vm = *state;
    vm_32(vm);
    struct segment *ds = &vm->s.seg[SEG_DS];
    *ds = vm_segment(0x10, SEG_DB | 0x97, 0x1fff, 0);
    vm->s.gpr[GPR_RBX] = 0x1fff;
    vm_fault(vm, "8a03", VEC_GP, 0);
    vm->s.gpr[GPR_RBX] = 0x2000;
    vm_done(vm, "8b03");
    vm->s.gpr[GPR_RBX] = 0xfffffffc;
    vm_done(vm, "8b03");
    vm->s.gpr[GPR_RBX] = 0xfffffffd;
    vm_fault(vm, "8b03", VEC_GP, 0);
    ds->attr = 0x97;                             /* upper bound 64 KiB */
    vm->s.gpr[GPR_RBX] = 0xfffc;
    vm_done(vm, "8b03");
    vm->s.gpr[GPR_RBX] = 0xfffd;
    vm_fault(vm, "8b03", VEC_GP, 0);
}

static void test_64bit_segments(void **state)
{
    struct vm *vm = *state;
    vm_64(vm);
    vm->s.gpr[GPR_RBX] = 0x10;
    vm->s.seg[SEG_DS] = vm_segment(0, 0, 0, 0x5000);     /* ignored altogether */
    vm->s.seg[SEG_FS].base = MMIO;
    vm->s.seg[SEG_GS].base = 0xffff000000000000;
    vm_done(vm, "8b03");
    assert_int_equal(vm->events, 0);
    vm_done(vm, "648b03");
    vm_event(vm, 0, false, MMIO + 0x10, 4, 0);
    vm_fault(vm, "658b03", VEC_GP, 0);
    vm->s.gpr[GPR_RBX] = 0x7ffffffffffd;                 /* the last bytes below the hole */
    vm_fault(vm, "8b03", VEC_GP, 0);
    vm->s.gpr[GPR_RBP] = 0x800000000000;
    vm_fault(vm, "8b4500", VEC_SS, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mmio_widths, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_mmio_read_modify_write, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_bit_offset_reaches_far, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_addressing_16, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_32bit_forms, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_stack_width, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_segment_rules, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_expand_down, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_64bit_segments, vm_setup, vm_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
