/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short way for plain moves to devices against the emulator: whatever it takes, it must
 * carry out alike. Instructions are random from a fixed seed, with every prefix and addressing form.
 */
#include "emul_vm.h"

enum { ROUNDS = 300000, MIDDLE = MMIO_SIZE / 2 };

static uint64_t seed;

static uint64_t next(void)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return seed >> 33;
}

/* Sixteen bytes that often are a move. */
static void make(uint8_t bytes[16])
{
    static const uint8_t ops[] = { 0x88, 0x89, 0x8a, 0x8b, 0xc6, 0xc7, 0x0f, 0x8c, 0xa1, 0x01 };
    unsigned n = 0;
    for (unsigned i = 0; i < 16; i++)
        bytes[i] = (uint8_t)next();
    if (next() % 4 == 0)
        bytes[n++] = 0x66;
    if (next() % 2 == 0)
        bytes[n++] = (uint8_t)(0x40 | next() % 16);
    bytes[n] = ops[next() % sizeof(ops)];
    if (bytes[n++] == 0x0f)
        bytes[n++] = (uint8_t)(0xb6 | next() % 2);
}

/* Points the instruction at the device by changing one register of its address, if one does it. */
static bool aim(struct vm *vm, const uint8_t bytes[16], struct plain_mov *m)
{
    for (unsigned r = 0; r < GPR_COUNT; r++) {
        uint64_t old = vm->s.gpr[r];
        vm->s.gpr[r] += MMIO + MIDDLE - m->address;
        if (insn_plain_mov(bytes, &vm->s, m) && m->address == MMIO + MIDDLE)
            return true;
        vm->s.gpr[r] = old;
        assert_true(insn_plain_mov(bytes, &vm->s, m));
    }
    return false;
}

static void compare(struct vm *vm, const uint8_t bytes[16], const struct plain_mov *m)
{
    struct vcpu_state want = vm->s;
    uint64_t found = 0;
    assert_int_equal(gmem_write(&vm->f->mem, gpa(CODE), bytes, 16), HV_OK);
    for (unsigned i = 0; i < 8; i++)
        vm->device[MIDDLE + i] = (uint8_t)next();
    memcpy(&found, vm->device + MIDDLE, m->size);
    vm->events = 0;
    assert_int_equal(emul_run(&vm->c), EMUL_DONE);
    assert_int_equal(vm->events, 1);
    vm_event(vm, 0, m->store, m->address, m->size, m->store ? m->value : found);
    if (!m->store)
        insn_plain_load(m, &want, found);
    want.rip += m->len;
    assert_memory_equal(&want, &vm->s, sizeof(want));
}

static void test_as_the_emulator(void **state)
{
    struct vm *vm = *state;
    unsigned taken = 0, stores = 0, rip = 0;
    seed = 1;
    vm_64(vm);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t bytes[16];
        struct plain_mov m;
        make(bytes);
        for (unsigned r = 0; r < GPR_COUNT; r++)
            vm->s.gpr[r] = next() << 32 | next();
        vm->s.rip = CODE;
        if (!insn_plain_mov(bytes, &vm->s, &m))
            continue;
        struct insn insn;
        assert_int_equal(insn_decode(bytes, 15, INSN_64, &insn), HV_OK);
        assert_int_equal(insn.len, m.len);
        rip += insn.rip_relative;
        if (!aim(vm, bytes, &m))
            continue;
        compare(vm, bytes, &m);
        taken++;
        stores += m.store;
    }
    assert_true(taken > ROUNDS / 4 && stores > taken / 4 && stores < taken - taken / 4 && rip > 100);
}

static void test_left_to_the_emulator(void **state)
{
    static const char *const other[] = {
        "f08903", "648b03", "678b03", "8ae0", "8a23", "8823", "0103", "a1", "c74b08", "0fbe03", "4066", "f3a4",
    };
    struct vm *vm = *state;
    vm_64(vm);
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        uint8_t bytes[16];
        struct plain_mov m;
        vm_code(vm, other[i]);
        assert_int_equal(gmem_read(&vm->f->mem, gpa(CODE), bytes, 16), HV_OK);
        if (insn_plain_mov(bytes, &vm->s, &m))
            fail_msg("%s was taken", other[i]);
    }
}

/* The bytes come from where the guest's tables say now, and only from one page of 64-bit code. */
static void test_peek_follows_the_tables(void **state)
{
    struct vm *vm = *state;
    struct peek_cache c = { 0 };
    uint8_t bytes[16];
    vm_64(vm);
    vm_paging(vm);
    vm_put(vm, CODE, 0x1122334455667788, 8);
    vm_put(vm, CODE + PAGE_SIZE, 0x99, 1);
    for (uint64_t at = vm_pte_at(CODE), pass = 0; pass < 2; pass++) {
        vm_put(vm, at, CODE | 0x27, 8);
        vm->s.rip = CODE;
        assert_true(insn_peek_bytes(&vm->w, &vm->s, bytes, &c));
        assert_int_equal(bytes[0], 0x88);
        vm_put(vm, at, (CODE + PAGE_SIZE) | 0x27, 8);
        assert_true(insn_peek_bytes(&vm->w, &vm->s, bytes, &c));
        assert_int_equal(bytes[0], 0x99);
    }
    vm->s.rip = CODE + PAGE_SIZE - 15;
    assert_false(insn_peek_bytes(&vm->w, &vm->s, bytes, &c));
    vm->s.rip = CODE;
    vm->s.seg[SEG_CS].attr = ATTR_CODE | SEG_DB;
    assert_false(insn_peek_bytes(&vm->w, &vm->s, bytes, &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_as_the_emulator, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_left_to_the_emulator, vm_setup, vm_teardown),
        cmocka_unit_test_setup_teardown(test_peek_follows_the_tables, vm_setup, vm_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
