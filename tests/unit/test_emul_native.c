/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emulator against the CPU this test runs on: generated instructions are executed
 * for real and by the emulator; registers, defined flags, XMM registers, memory and
 * faults must agree. Every supported opcode, operand size and 64-bit addressing form;
 * random operands from a fixed seed, mixed with edge values. See native_cpu.h.
 */
#include "native_cpu.h"

#include <cpuid.h>

/* ---- generated instructions ------------------------------------------------------- */

enum kind {
    ALL, LOGIC, SHIFT, ROTATE, DOUBLE, BITS, SCAN, COUNT, MULTIPLY, DIVIDE, CMPXCHG, PAIR, VEC
};
enum { LOCKS = 1, MEMORY = 2, CL = 4, BY_REG = 8 };

struct form {
    uint8_t map, prefix, opcode;    /* map 1, 0x0f, 0x38 */
    int8_t  ext;                    /* ModRM.reg, or -1 for a register */
    uint8_t imm;                    /* bytes of immediate: 0, 1, or 4 for up to 4 */
    uint8_t sizes, kind, flags;
};

static void put_opcode(struct code *k, const struct form *f)
{
    if (f->map != 1)
        put(k, 0x0f, 1);
    if (f->map == 0x38)
        put(k, 0x38, 1);
    put(k, f->opcode, 1);
}

/* Which flags the manual defines for this form with these operands. */
static uint64_t defined_flags(const struct form *f, unsigned size, uint64_t imm)
{
    uint64_t count = f->imm ? imm & 0xff : f->flags & CL ? block->gpr[GPR_RCX] & 0xff : 1;
    unsigned masked = (unsigned)count & (size == 8 ? 63 : 31);

    switch ((enum kind)f->kind) {
    case LOGIC:    return ARITH & ~RFLAGS_AF;
    case SHIFT:
        if (!masked)
            return ARITH;
        return ARITH & ~RFLAGS_AF & ~(masked > 1 ? RFLAGS_OF : 0) &
               ~(masked >= 8 * size ? RFLAGS_CF : 0);
    case ROTATE:   return masked > 1 ? ARITH & ~RFLAGS_OF : ARITH;
    case DOUBLE:   return masked ? ARITH & ~RFLAGS_AF & ~(masked > 1 ? RFLAGS_OF : 0) : ARITH;
    case BITS:     return RFLAGS_CF | RFLAGS_ZF;
    case SCAN:     return RFLAGS_ZF;
    case COUNT:    return RFLAGS_CF | RFLAGS_ZF;
    case MULTIPLY: return RFLAGS_CF | RFLAGS_OF;
    case DIVIDE:   return 0;
    case ALL: case CMPXCHG: case PAIR: case VEC: break;
    }
    return ARITH;
}

/* Registers and memory for one case; RAX (and RDX) often as the instruction wants them. */
static void randomize(uint64_t target)
{
    for (unsigned r = 0; r < 16; r++) {
        block->gpr[r] = value();
        for (unsigned i = 0; i < 16; i++)
            block->xmm[r][i] = (uint8_t)rnd();
    }
    block->flags = RFLAGS_FIXED | RFLAGS_IF | (rnd() & ARITH);
    for (unsigned i = 0; i < 32; i += 8) {
        uint64_t v = value();
        memcpy(memory + (target - MEM) + i, &v, 8);
    }
}

static void prepare_operands(const struct form *f, uint64_t target, unsigned size)
{
    if (f->kind == DIVIDE && below(4))
        block->gpr[GPR_RDX] = below(2) ? 0 : below(100);
    if (f->kind == CMPXCHG && below(2))
        memcpy(&block->gpr[GPR_RAX], memory + (target - MEM), 8);
    if (f->kind == PAIR && below(4)) {
        memcpy(&block->gpr[GPR_RAX], memory + (target - MEM), size == 8 ? 8 : 4);
        memcpy(&block->gpr[GPR_RDX], memory + (target - MEM) + (size == 8 ? 8 : 4),
               size == 8 ? 8 : 4);
    }
}

static void run_case(const struct form *f, unsigned size, bool mem)
{
    bool use_rex = size == 8 || below(2), narrow = mem && !below(4);
    unsigned limit = use_rex ? 16 : 8, reg = f->ext >= 0 ? (unsigned)f->ext : below(limit);
    uint64_t target = MEM + 0x1000 + (below(4) ? below(0x1000) : 0x1000 - below(17));
    struct address a = { .base = 16, .index = 16 };
    unsigned rm = below(limit), rex = 0x40 | (size == 8 ? 8 : 0);
    struct code k = { .n = 0 };

    if ((f->kind == VEC || f->kind == PAIR) && below(8))
        target &= ~15ull;
    randomize(target);
    prepare_operands(f, target, size);
    if (mem)
        a = address_of(target, limit, narrow);
    if (f->flags & BY_REG && f->ext < 0 && mem) {       /* a bit offset inside the memory */
        while (reg == a.base || reg == a.index)
            reg = below(limit);
        block->gpr[reg] = small() * 4 + (size < 8 ? rnd() << (8 * size) : 0);
    }
    if (mem && !below(64) && a.base != 16 && !narrow)
        block->gpr[a.base] ^= 0x4000000000000000ull;    /* not canonical */

    if (mem && f->flags & LOCKS && !below(3))
        put(&k, 0xf0, 1);
    if (!below(16))
        put(&k, 0x3e, 1);                               /* ignored */
    if (narrow)
        put(&k, 0x67, 1);
    if (size == 2)
        put(&k, 0x66, 1);
    if (f->prefix)
        put(&k, f->prefix, 1);
    rex |= (reg & 8 ? 4 : 0) | (mem ? (a.index & 8 && a.index < 16 ? 2 : 0) : 0);
    rex |= (mem ? a.base < 16 && a.base & 8 : rm & 8) ? 1 : 0;
    if (use_rex)
        put(&k, rex, 1);
    put_opcode(&k, f);
    if (mem)
        put_address(&k, &a, reg);
    else
        put(&k, 0xc0 | (reg & 7) << 3 | (rm & 7), 1);
    unsigned disp_at = k.n - 4, imm_size = f->imm == 4 && size < 4 ? size : f->imm;
    uint64_t imm = value();
    if (f->kind == DOUBLE && size == 2) {               /* more is undefined altogether */
        imm = below(17);
        if (f->flags & CL && (block->gpr[GPR_RCX] & 31) > 16)
            return;
    }
    put(&k, imm, imm_size);
    if (a.rip) {
        uint32_t disp = (uint32_t)(target - (CODE + INSN_AT + k.n));
        memcpy(k.b + disp_at, &disp, 4);
    }
    compare(k.b, k.n, defined_flags(f, size, imm), f->kind == SCAN);
}

static void run_forms(const struct form *f, size_t n, unsigned rounds)
{
    for (size_t i = 0; i < n; i++, f++)
        for (unsigned size = 1; size <= 8; size *= 2)
            for (unsigned k = 0; k < rounds && f->sizes & size; k++)
                run_case(f, size, f->flags & MEMORY || k % 4);
}

static void test_arithmetic(void **state)
{
    catch_faults();
    for (uint8_t op = 0; op < 8; op++) {                /* add, or, adc, sbb, and, sub, xor, cmp */
        uint8_t kind = op == 1 || op == 4 || op == 6 ? LOGIC : ALL, locks = op == 7 ? 0 : LOCKS;
        uint8_t row = (uint8_t)(op << 3);
        const struct form forms[] = {
            { 1, 0, row, -1, 0, 1, kind, locks },
            { 1, 0, (uint8_t)(row + 1), -1, 0, 14, kind, locks },
            { 1, 0, (uint8_t)(row + 2), -1, 0, 1, kind, 0 },
            { 1, 0, (uint8_t)(row + 3), -1, 0, 14, kind, 0 },
            { 1, 0, 0x80, (int8_t)op, 1, 1, kind, locks },
            { 1, 0, 0x81, (int8_t)op, 4, 14, kind, locks },
            { 1, 0, 0x83, (int8_t)op, 1, 14, kind, locks },
        };
        run_forms(forms, ARRAY_LEN(forms), 100);
    }
    static const struct form forms[] = {
        { 1, 0, 0x84, -1, 0, 1, LOGIC, 0 },  { 1, 0, 0x85, -1, 0, 14, LOGIC, 0 },   /* test */
        { 1, 0, 0xf6, 0, 1, 1, LOGIC, 0 },   { 1, 0, 0xf7, 0, 4, 14, LOGIC, 0 },
        { 1, 0, 0xf6, 2, 0, 1, ALL, LOCKS }, { 1, 0, 0xf7, 2, 0, 14, ALL, LOCKS },  /* not */
        { 1, 0, 0xf6, 3, 0, 1, ALL, LOCKS }, { 1, 0, 0xf7, 3, 0, 14, ALL, LOCKS },  /* neg */
        { 1, 0, 0xfe, 0, 0, 1, ALL, LOCKS }, { 1, 0, 0xff, 0, 0, 14, ALL, LOCKS },  /* inc */
        { 1, 0, 0xfe, 1, 0, 1, ALL, LOCKS }, { 1, 0, 0xff, 1, 0, 14, ALL, LOCKS },  /* dec */
    };
    run_forms(forms, ARRAY_LEN(forms), 150);
}

static void test_moves_and_exchanges(void **state)
{
    catch_faults();
    static const struct form forms[] = {
        { 1, 0, 0x88, -1, 0, 1, ALL, 0 },       { 1, 0, 0x89, -1, 0, 14, ALL, 0 },
        { 1, 0, 0x8a, -1, 0, 1, ALL, 0 },       { 1, 0, 0x8b, -1, 0, 14, ALL, 0 },
        { 1, 0, 0xc6, 0, 1, 1, ALL, 0 },        { 1, 0, 0xc7, 0, 4, 14, ALL, 0 },
        { 0x0f, 0, 0xb6, -1, 0, 14, ALL, 0 },   { 0x0f, 0, 0xb7, -1, 0, 14, ALL, 0 },
        { 0x0f, 0, 0xbe, -1, 0, 14, ALL, 0 },   { 0x0f, 0, 0xbf, -1, 0, 14, ALL, 0 },
        { 1, 0, 0x63, -1, 0, 14, ALL, 0 },      { 1, 0, 0x8d, -1, 0, 14, ALL, MEMORY },
        { 0x0f, 0, 0xc3, -1, 0, 12, ALL, MEMORY },
        { 1, 0, 0x86, -1, 0, 1, ALL, LOCKS },   { 1, 0, 0x87, -1, 0, 14, ALL, LOCKS },
        { 0x0f, 0, 0xc0, -1, 0, 1, ALL, LOCKS }, { 0x0f, 0, 0xc1, -1, 0, 14, ALL, LOCKS },
        { 0x0f, 0, 0xb0, -1, 0, 1, CMPXCHG, LOCKS }, { 0x0f, 0, 0xb1, -1, 0, 14, CMPXCHG, LOCKS },
        { 0x0f, 0, 0xc7, 1, 0, 12, PAIR, LOCKS | MEMORY },
        { 0x0f, 0, 0x1f, 0, 0, 14, ALL, 0 },    { 0x0f, 0, 0x18, 1, 0, 4, ALL, MEMORY },
    };
    run_forms(forms, ARRAY_LEN(forms), 200);
    for (uint8_t cc = 0; cc < 16; cc++) {
        const struct form conditions[] = {
            { 0x0f, 0, (uint8_t)(0x90 + cc), 0, 0, 1, ALL, 0 },
            { 0x0f, 0, (uint8_t)(0x40 + cc), -1, 0, 14, ALL, 0 },
        };
        run_forms(conditions, ARRAY_LEN(conditions), 60);
    }
}

static void test_shifts(void **state)
{
    catch_faults();
    for (int8_t op = 0; op < 8; op++) {
        uint8_t kind = op < 4 ? ROTATE : SHIFT;
        const struct form forms[] = {
            { 1, 0, 0xc0, op, 1, 1, kind, 0 },  { 1, 0, 0xc1, op, 1, 14, kind, 0 },
            { 1, 0, 0xd0, op, 0, 1, kind, 0 },  { 1, 0, 0xd1, op, 0, 14, kind, 0 },
            { 1, 0, 0xd2, op, 0, 1, kind, CL }, { 1, 0, 0xd3, op, 0, 14, kind, CL },
        };
        run_forms(forms, ARRAY_LEN(forms), 250);
    }
    static const struct form forms[] = {
        { 0x0f, 0, 0xa4, -1, 1, 14, DOUBLE, 0 }, { 0x0f, 0, 0xa5, -1, 0, 14, DOUBLE, CL },
        { 0x0f, 0, 0xac, -1, 1, 14, DOUBLE, 0 }, { 0x0f, 0, 0xad, -1, 0, 14, DOUBLE, CL },
    };
    run_forms(forms, ARRAY_LEN(forms), 400);
}

static void test_bits(void **state)
{
    catch_faults();
    static const struct form forms[] = {
        { 0x0f, 0, 0xa3, -1, 0, 14, BITS, BY_REG },
        { 0x0f, 0, 0xab, -1, 0, 14, BITS, BY_REG | LOCKS },
        { 0x0f, 0, 0xb3, -1, 0, 14, BITS, BY_REG | LOCKS },
        { 0x0f, 0, 0xbb, -1, 0, 14, BITS, BY_REG | LOCKS },
        { 0x0f, 0, 0xba, 4, 1, 14, BITS, 0 },     { 0x0f, 0, 0xba, 5, 1, 14, BITS, LOCKS },
        { 0x0f, 0, 0xba, 6, 1, 14, BITS, LOCKS }, { 0x0f, 0, 0xba, 7, 1, 14, BITS, LOCKS },
        { 0x0f, 0, 0xbc, -1, 0, 14, SCAN, 0 },    { 0x0f, 0, 0xbd, -1, 0, 14, SCAN, 0 },
    };
    static const struct form popcnt = { 0x0f, 0xf3, 0xb8, -1, 0, 14, ALL, 0 };
    static const struct form tzcnt = { 0x0f, 0xf3, 0xbc, -1, 0, 14, COUNT, 0 };
    static const struct form lzcnt = { 0x0f, 0xf3, 0xbd, -1, 0, 14, COUNT, 0 };
    static const struct form movbe[] = {
        { 0x38, 0, 0xf0, -1, 0, 14, ALL, MEMORY }, { 0x38, 0, 0xf1, -1, 0, 14, ALL, MEMORY },
    };
    unsigned a, b, c = 0, d, b7 = 0, c81 = 0;

    run_forms(forms, ARRAY_LEN(forms), 400);
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
        b7 = b;
    if (__get_cpuid(0x80000001, &a, &b, &c, &d))
        c81 = c;
    assert_true(__get_cpuid(1, &a, &b, &c, &d));
    run_forms(&popcnt, c & bit_POPCNT ? 1 : 0, 300);
    run_forms(&tzcnt, b7 & bit_BMI ? 1 : 0, 300);
    run_forms(&lzcnt, c81 & bit_LZCNT ? 1 : 0, 300);
    run_forms(movbe, c & bit_MOVBE ? 2 : 0, 300);
}

static void test_multiply_divide(void **state)
{
    catch_faults();
    static const struct form forms[] = {
        { 1, 0, 0xf6, 4, 0, 1, MULTIPLY, 0 },     { 1, 0, 0xf7, 4, 0, 14, MULTIPLY, 0 },
        { 1, 0, 0xf6, 5, 0, 1, MULTIPLY, 0 },     { 1, 0, 0xf7, 5, 0, 14, MULTIPLY, 0 },
        { 0x0f, 0, 0xaf, -1, 0, 14, MULTIPLY, 0 }, { 1, 0, 0x69, -1, 4, 14, MULTIPLY, 0 },
        { 1, 0, 0x6b, -1, 1, 14, MULTIPLY, 0 },
        { 1, 0, 0xf6, 6, 0, 1, DIVIDE, 0 },       { 1, 0, 0xf7, 6, 0, 14, DIVIDE, 0 },
        { 1, 0, 0xf6, 7, 0, 1, DIVIDE, 0 },       { 1, 0, 0xf7, 7, 0, 14, DIVIDE, 0 },
    };
    run_forms(forms, ARRAY_LEN(forms), 500);
}

static void test_sse_moves(void **state)
{
    catch_faults();
    static const struct form forms[] = {
        { 0x0f, 0, 0x10, -1, 0, 4, VEC, MEMORY },    { 0x0f, 0, 0x11, -1, 0, 4, VEC, MEMORY },
        { 0x0f, 0x66, 0x10, -1, 0, 4, VEC, MEMORY }, { 0x0f, 0x66, 0x11, -1, 0, 4, VEC, MEMORY },
        { 0x0f, 0, 0x28, -1, 0, 4, VEC, MEMORY },    { 0x0f, 0, 0x29, -1, 0, 4, VEC, MEMORY },
        { 0x0f, 0x66, 0x28, -1, 0, 4, VEC, MEMORY }, { 0x0f, 0x66, 0x29, -1, 0, 4, VEC, MEMORY },
        { 0x0f, 0, 0x2b, -1, 0, 4, VEC, MEMORY },    { 0x0f, 0x66, 0x2b, -1, 0, 4, VEC, MEMORY },
        { 0x0f, 0x66, 0x6f, -1, 0, 4, VEC, MEMORY }, { 0x0f, 0x66, 0x7f, -1, 0, 4, VEC, MEMORY },
        { 0x0f, 0xf3, 0x6f, -1, 0, 4, VEC, MEMORY }, { 0x0f, 0xf3, 0x7f, -1, 0, 4, VEC, MEMORY },
        { 0x0f, 0x66, 0xe7, -1, 0, 4, VEC, MEMORY }, { 0x0f, 0xf2, 0xf0, -1, 0, 4, VEC, MEMORY },
        { 0x0f, 0xf3, 0x10, -1, 0, 4, VEC, MEMORY }, { 0x0f, 0xf3, 0x11, -1, 0, 4, VEC, MEMORY },
        { 0x0f, 0xf2, 0x10, -1, 0, 4, VEC, MEMORY }, { 0x0f, 0xf2, 0x11, -1, 0, 4, VEC, MEMORY },
        { 0x0f, 0x66, 0x6e, -1, 0, 12, VEC, MEMORY }, { 0x0f, 0x66, 0x7e, -1, 0, 12, VEC, MEMORY },
        { 0x0f, 0xf3, 0x7e, -1, 0, 4, VEC, MEMORY }, { 0x0f, 0x66, 0xd6, -1, 0, 4, VEC, MEMORY },
    };
    run_forms(forms, ARRAY_LEN(forms), 100);
}

/* ---- instructions with operands of their own ---------------------------------------- */

static void test_stack(void **state)
{
    catch_faults();
    for (unsigned i = 0; i < 4000; i++) {
        struct code k = { .n = 0 };
        unsigned reg = below(8), high = below(2);
        uint64_t sp = MEM + 0x1000 + (below(2) ? below(0x1000) : 0xff8 + below(16));
        randomize(sp);
        block->gpr[GPR_RSP] = sp;
        if (!below(3))
            put(&k, 0x66, 1);
        if (high)
            put(&k, 0x41, 1);
        switch (below(6)) {
        case 0: put(&k, 0x50 + reg, 1); break;
        case 1: put(&k, 0x58 + reg, 1); break;
        case 2: put(&k, 0x68, 1); put(&k, value(), k.b[0] == 0x66 ? 2 : 4); break;
        case 3: put(&k, 0x6a, 1); put(&k, value(), 1); break;
        case 4:                                     /* push, pop qword [rsp + 8 * i] */
            put(&k, below(2) ? 0x2474ff : 0x24448f, 3);
            put(&k, below(32), 1);
            if (high)
                continue;                           /* would be r12 */
            break;
        default: put(&k, 0x8f, 1); put(&k, 0xc0 + reg, 1); break;
        }
        compare(k.b, k.n, ARITH, false);
    }
}

static void test_absolute_and_xlat(void **state)
{
    catch_faults();
    for (unsigned i = 0; i < 2000; i++) {
        struct code k = { .n = 0 };
        uint64_t target = MEM + 0x1000 + below(0x1000);
        bool narrow = below(2);
        unsigned size = 1u << below(4);
        randomize(target);
        if (narrow)
            put(&k, 0x67, 1);
        if (!below(4)) {
            block->gpr[GPR_RBX] = target - (block->gpr[GPR_RAX] & 0xff) + narrow * (rnd() << 32);
            put(&k, 0xd7, 1);
        } else {
            if (size == 2)
                put(&k, 0x66, 1);
            if (size == 8)
                put(&k, 0x48, 1);
            put(&k, 0xa0 + below(2) * 2 + (size > 1), 1);
            put(&k, target, narrow ? 4 : 8);
        }
        compare(k.b, k.n, ARITH, false);
    }
}

/* xchg with the accumulator, mov immediate, test and arithmetic on the accumulator. */
static void test_short_forms(void **state)
{
    catch_faults();
    for (unsigned i = 0; i < 4000; i++) {
        struct code k = { .n = 0 };
        unsigned size = 1u << below(4), op = below(10), wide = size > 1;
        unsigned imm = size < 4 ? size : 4;
        randomize(MEM + 0x1000);
        if (size == 2)
            put(&k, 0x66, 1);
        unsigned rex = 0x40 | (size == 8 ? 8 : 0) | below(2);
        if (size == 8 || below(2))
            put(&k, rex, 1);
        if (op < 8) {
            put(&k, op << 3 | 4 | wide, 1);
            put(&k, value(), imm);
            compare(k.b, k.n, op == 1 || op == 4 || op == 6 ? ARITH & ~RFLAGS_AF : ARITH, false);
        } else if (op == 8) {
            put(&k, 0xb0 + wide * 8 + below(8), 1);
            put(&k, value(), size);
            compare(k.b, k.n, ARITH, false);
        } else {
            put(&k, below(2) ? 0xa8 + wide : 0x90 + below(8), 1);
            if (k.b[k.n - 1] >= 0xa8)
                put(&k, value(), imm);
            compare(k.b, k.n, ARITH & ~RFLAGS_AF, false);
        }
    }
}

static void test_strings(void **state)
{
    catch_faults();
    static const uint8_t opcodes[] = { 0xa4, 0xa6, 0xaa, 0xac, 0xae };
    static const uint8_t reps[] = { 0, 0xf2, 0xf3 };
    for (unsigned i = 0; i < 6000; i++) {
        struct code k = { .n = 0 };
        unsigned size = 1u << below(4);
        bool narrow = !below(3);
        uint8_t rep = reps[below(3)];
        randomize(MEM + 0x1000);
        if (below(2))                               /* runs of equal bytes for cmps and scas */
            memset(memory + 0xf00, (int)below(2), 0x1800);
        memory[0x1000 + below(0x400)] = (uint8_t)rnd();
        for (unsigned r = GPR_RSI; r <= GPR_RDI; r++)
            block->gpr[r] = MEM + 0x1000 + below(0x1000) + (narrow ? rnd() << 32 : 0);
        block->gpr[GPR_RCX] = below(60) + (narrow ? rnd() << 32 : 0);
        if (below(2))
            block->gpr[GPR_RAX] = below(2) * 0x0101010101010101ull;
        block->flags |= below(2) ? RFLAGS_DF : 0;
        if (narrow)
            put(&k, 0x67, 1);
        if (size == 2)
            put(&k, 0x66, 1);
        if (rep)
            put(&k, rep, 1);
        if (size == 8)
            put(&k, 0x48, 1);
        put(&k, opcodes[below(5)] + (size > 1), 1);
        if (rep && narrow && !(uint32_t)block->gpr[GPR_RCX])
            continue;                               /* CPUs differ on the upper half of RCX */
        compare(k.b, k.n, ARITH, false);
    }
}

static int setup(void **state)
{
    int r = setup_native();
    if (!r)
        setup_machine();
    return r;
}

static int teardown(void **state)
{
    free(machine.mem.window);
    return cases > 50000 ? 0 : -1;      /* a generator that makes nothing finds nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arithmetic),      cmocka_unit_test(test_moves_and_exchanges),
        cmocka_unit_test(test_shifts),          cmocka_unit_test(test_bits),
        cmocka_unit_test(test_multiply_divide), cmocka_unit_test(test_sse_moves),
        cmocka_unit_test(test_stack),           cmocka_unit_test(test_absolute_and_xlat),
        cmocka_unit_test(test_short_forms),     cmocka_unit_test(test_strings),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
