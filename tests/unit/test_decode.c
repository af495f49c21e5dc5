/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction decoder: lengths, names, operands, sizes, and what the CPU refuses.
 * Encodings are from SDM vol. 2; each is also decoded cut short at every length and
 * followed by other bytes. test_emul_length.c compares lengths with the real CPU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "socle/insn.h"
#include "socle/regs.h"

static size_t from_hex(const char *hex, uint8_t bytes[32])
{
    size_t n = 0;
    unsigned v;
    int used;
    for (; sscanf(hex, " %2x%n", &v, &used) == 1; hex += used)
        bytes[n++] = (uint8_t)v;
    return n;
}

/* A copy on the heap, so that the sanitizer sees a read beyond its end. */
static hv_status decode_n(const uint8_t *bytes, size_t n, enum insn_mode mode, struct insn *out)
{
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, bytes, n);
    hv_status s = insn_decode(copy, n, mode, out);
    free(copy);
    return s;
}

static struct insn decode(enum insn_mode mode, const char *hex)
{
    uint8_t bytes[32];
    struct insn i;
    size_t n = from_hex(hex, bytes);
    if (insn_decode(bytes, n, mode, &i) != HV_OK || i.len != n)
        fail_msg("%s: length %u", hex, i.len);
    return i;
}

static void expect_fault(enum insn_mode mode, const char *hex, uint8_t vector)
{
    uint8_t bytes[32];
    struct insn i;
    size_t n = from_hex(hex, bytes);
    if (decode_n(bytes, n, mode, &i) != HV_INVALID || i.fault != vector)
        fail_msg("%s: not refused", hex);
}

/* What exits and what the core executes: name and length, in 64-bit mode. */
static void test_names_and_lengths(void **state)
{
    static const struct { const char *hex; enum insn_op op; } row[] = {
        { "0fa2", INSN_CPUID }, { "480fa2", INSN_CPUID }, { "66 2e 0fa2", INSN_CPUID },
        { "0f32", INSN_RDMSR }, { "0f30", INSN_WRMSR }, { "f4", INSN_HLT }, { "f390", INSN_PAUSE },
        { "90", INSN_NOP }, { "6690", INSN_NOP }, { "4190", INSN_XCHG }, { "f34190", INSN_PAUSE },
        { "0f08", INSN_INVD }, { "0f09", INSN_WBINVD }, { "f30f09", INSN_WBINVD },
        { "0f31", INSN_RDTSC }, { "0f01f9", INSN_RDTSCP }, { "0f33", INSN_RDPMC },
        { "0f01d1", INSN_XSETBV }, { "0f01d0", INSN_XGETBV }, { "0f01c8", INSN_MONITOR },
        { "0f01c9", INSN_MWAIT }, { "0f01c1", INSN_VMCALL }, { "0f01d9", INSN_VMMCALL },
        { "0f01d8", INSN_VMRUN }, { "0f01da", INSN_VMLOAD }, { "0f01db", INSN_VMSAVE },
        { "0f01dc", INSN_STGI }, { "0f01dd", INSN_CLGI }, { "0f01de", INSN_SKINIT },
        { "0f01df", INSN_INVLPGA }, { "0f01f8", INSN_SWAPGS }, { "0f01c2", INSN_VMX },
        { "0f01c4", INSN_VMX }, { "f30fc730", INSN_VMX }, { "0fc730", INSN_VMX },
        { "0f78c0", INSN_VMX }, { "0f7900", INSN_VMX }, { "660f388001", INSN_VMX },
        { "660f388201", INSN_INVPCID }, { "0fc7f0", INSN_OTHER }, { "660f78c00102", INSN_OTHER },
        { "0f20c0", INSN_MOV_FROM_CR }, { "410f22d8", INSN_MOV_TO_CR },
        { "0f2000", INSN_MOV_FROM_CR },
        { "f00f20c0", INSN_MOV_FROM_CR }, { "0f21f8", INSN_MOV_FROM_DR },
        { "0f23f8", INSN_MOV_TO_DR },
        { "0f06", INSN_CLTS }, { "0f01f0", INSN_LMSW }, { "0f0130", INSN_LMSW },
        { "0f01e0", INSN_SMSW }, { "0f0120", INSN_SMSW }, { "0f0110", INSN_LGDT },
        { "0f011c2500000000", INSN_LIDT }, { "0f0100", INSN_SGDT }, { "0f0108", INSN_SIDT },
        { "0f00d0", INSN_LLDT }, { "0f00d8", INSN_LTR }, { "0f00c0", INSN_SLDT },
        { "0f00c8", INSN_STR }, { "0f0138", INSN_INVLPG }, { "0faa", INSN_RSM },
        { "cc", INSN_INT3 },
        { "f1", INSN_INT1 }, { "cd80", INSN_INT }, { "48cf", INSN_IRET }, { "9c", INSN_PUSHF },
        { "9d", INSN_POPF }, { "fa", INSN_CLI }, { "fb", INSN_STI }, { "8ed0", INSN_MOV_TO_SREG },
        { "8cd8", INSN_MOV_FROM_SREG }, { "e420", INSN_IN }, { "e721", INSN_OUT },
        { "ec", INSN_IN },
        { "66ef", INSN_OUT }, { "f36c", INSN_INS }, { "f3676f", INSN_OUTS },
        { "f348a5", INSN_MOVS },
        { "aa", INSN_STOS }, { "ad", INSN_LODS }, { "f2ae", INSN_SCAS }, { "f3a6", INSN_CMPS },
        { "d7", INSN_XLAT }, { "f30fb800", INSN_POPCNT }, { "f30fbc00", INSN_TZCNT },
        { "f30fbd00", INSN_LZCNT }, { "0fbc00", INSN_BSF }, { "0f38f000", INSN_MOVBE },
        { "660f38f100", INSN_MOVBE }, { "f20f38f000", INSN_OTHER }, { "0fc300", INSN_MOV },
        { "0f38f900", INSN_MOV }, { "0f1f8400 00000000", INSN_NOP }, { "0f0d08", INSN_NOP },
        { "0f2800", INSN_VEC_MOV }, { "f30f7f4510", INSN_VEC_MOV }, { "660fe700", INSN_VEC_MOV },
        { "660f382a00", INSN_VEC_MOV }, { "f30f1000", INSN_VEC_MOV_LOW }, { "0f28c1", INSN_OTHER },
        { "660f6e00", INSN_VEC_MOV_LOW }, { "0f6f00", INSN_OTHER }, { "0f0f00b4", INSN_OTHER },
        { "0fae38", INSN_CLFLUSH }, { "660fae38", INSN_CLFLUSH }, { "660fae30", INSN_CLFLUSH },
        { "0fae30", INSN_OTHER }, { "0faef8", INSN_OTHER }, { "f30fae38", INSN_OTHER },
        { "d9450c", INSN_OTHER }, { "0f3a0f c104", INSN_OTHER },
        { "c7f800000000", INSN_OTHER }, { "e800000000", INSN_OTHER }, { "c8100000", INSN_OTHER },
        { "c5f877", INSN_VEX }, { "c5f96f00", INSN_VEX }, { "c5f970c01b", INSN_VEX },
        { "c4e37d39c001", INSN_VEX }, { "62f17c481000", INSN_VEX }, { "62f3fd4825c011", INSN_VEX },
        { "8fe878c0c801", INSN_VEX }, { "8fe97801c8", INSN_VEX },
        { "8fea7810c004030201", INSN_VEX },
        { "8f00", INSN_POP }, { "8fc0", INSN_POP }, { "48b8 0102030405060708", INSN_MOV },
        { "48a1 0102030405060708", INSN_MOV }, { "67a1 01020304", INSN_MOV },
    };
    for (size_t k = 0; k < sizeof(row) / sizeof(*row); k++) {
        uint8_t bytes[32];
        struct insn i;
        size_t n = from_hex(row[k].hex, bytes);
        if (decode_n(bytes, n, INSN_64, &i) || i.len != n || i.op != row[k].op)
            fail_msg("%s: length %u, %s", row[k].hex, i.len, insn_name(i.op));
        assert_memory_equal(i.bytes, bytes, n);
        for (size_t cut = 0; cut < n; cut++)
            if (decode_n(bytes, cut, INSN_64, &i) != HV_RANGE || i.len != cut)
                fail_msg("%s cut to %zu bytes", row[k].hex, cut);
        memset(bytes + n, 0xcc, sizeof(bytes) - n);
        assert_int_equal(insn_decode(bytes, sizeof(bytes), INSN_64, &i), HV_OK);
        assert_int_equal(i.len, n);
    }
}

static void test_undefined(void **state)
{
    static const char *const always[] = {
        "0f0b", "0fff00", "0fb900", "0f04", "0f0a", "0f0c", "0f24c0", "0f26c0", "0f36", "0f39",
        "0f3b",
        "0f7a00", "0fa600", "0fb800", "feff", "fed0", "ffff", "ffd8", "ffe8", "8f20", "8dc0",
        "c6c800", "8ef8", "8ec8", "8ef0", "8cf8", "0fbac000", "0fc7c8", "0fc700",
        "0fc7d8", "0f00f0", "0fb2c0", "0fc3c0", "0f38f0c0", "660f78 00 01 02",
        /* LOCK where it may not be: no memory, no write, not on the list */
        "f000c0", "f0020f", "f03800", "f0ff30", "f00fa300", "f08500", "f08900",
        "f00fba2000", "f0803800", "f090", "f0f720", "f0f70000000000", "f08f00", "f0d120", "f0fa",
        "f00fb600", "f00fa2", "f0a4", "f00f20d8", "f00f21c0",
    };
    for (size_t k = 0; k < sizeof(always) / sizeof(*always); k++)
        for (int mode = INSN_16; mode <= INSN_64; mode++)
            expect_fault((enum insn_mode)mode, always[k], VEC_UD);
    static const char *const not64[] = {
        "06", "07", "0e", "16", "17", "1e", "1f", "27", "2f", "37", "3f", "60", "61", "82c000",
        "9a000000000000", "ce", "d400", "d500", "d6", "ea000000000000", "66c5f877", "f3c5f877",
        "48c5f877", "f0c5f877", "c4e07877", "c4e47877", "62f0000000", "62f4000000",
    };
    for (size_t k = 0; k < sizeof(not64) / sizeof(*not64); k++)
        expect_fault(INSN_64, not64[k], VEC_UD);
}

static void test_lock_allowed(void **state)
{
    static const char *const locked[] = {
        "f00000", "f00100", "f00800", "f01000", "f01800", "f02000", "f02800", "f03000", "f0800001",
        "f0ff00", "f0ff08", "f0fe00", "f0f610", "f0f718", "f08700", "f08600", "f00fab00",
        "f00fb300",
        "f00fbb00", "f00fba2801", "f00fb100", "f00fb000", "f00fc100", "f00fc000", "f00fc708",
    };
    for (size_t k = 0; k < sizeof(locked) / sizeof(*locked); k++)
        assert_true(decode(INSN_64, locked[k]).lock);
}

static void test_length_limit(void **state)
{
    uint8_t bytes[32];
    struct insn i;
    memset(bytes, 0x66, sizeof(bytes));
    for (int mode = INSN_16; mode <= INSN_64; mode++)
        for (size_t n = 0; n <= sizeof(bytes); n++) {
            hv_status s = decode_n(bytes, n, (enum insn_mode)mode, &i);
            assert_int_equal(s, n < 15 ? HV_RANGE : HV_INVALID);
            if (s == HV_INVALID)
                assert_int_equal(i.fault, VEC_GP);
        }
    bytes[14] = 0xf4;                            /* 14 prefixes and an opcode fit */
    assert_int_equal(decode_n(bytes, 15, INSN_64, &i), HV_OK);
    assert_int_equal(i.len, 15);
    bytes[14] = 0x0f;                            /* a two-byte opcode does not */
    assert_int_equal(decode_n(bytes, 32, INSN_64, &i), HV_INVALID);
    assert_int_equal(i.fault, VEC_GP);
}

static void test_operand_sizes(void **state)
{
    static const struct { enum insn_mode mode; const char *hex; uint8_t size, src; } row[] = {
        { INSN_16, "8900", 2, 2 }, { INSN_16, "668900", 4, 4 }, { INSN_32, "8900", 4, 4 },
        { INSN_32, "668900", 2, 2 }, { INSN_64, "8900", 4, 4 }, { INSN_64, "668900", 2, 2 },
        { INSN_64, "488900", 8, 8 }, { INSN_64, "66488900", 8, 8 }, { INSN_64, "48668900", 2, 2 },
        { INSN_64, "8800", 1, 1 }, { INSN_64, "488800", 1, 1 }, { INSN_64, "50", 8, 8 },
        { INSN_64, "6650", 2, 2 }, { INSN_32, "50", 4, 4 }, { INSN_64, "ed", 4, 4 },
        { INSN_64, "48ed", 4, 4 }, { INSN_64, "66ed", 2, 2 }, { INSN_64, "486d", 4, 4 },
        { INSN_64, "480fb600", 8, 1 }, { INSN_64, "0fbf00", 4, 2 }, { INSN_64, "660fbe00", 2, 1 },
        { INSN_64, "486300", 8, 4 }, { INSN_64, "6300", 4, 4 }, { INSN_64, "666300", 2, 2 },
        { INSN_64, "0fc708", 8, 8 }, { INSN_64, "480fc708", 16, 16 }, { INSN_64, "8c00", 2, 2 },
        { INSN_64, "488cc0", 8, 8 }, { INSN_64, "0f20c0", 8, 8 }, { INSN_32, "660f20c0", 4, 4 },
        { INSN_64, "0f1000", 16, 16 }, { INSN_64, "66480f6e00", 8, 8 },
        { INSN_64, "660f6e00", 4, 4 },
        { INSN_16, "a5", 2, 2 }, { INSN_64, "48a5", 8, 8 }, { INSN_64, "c20000", 8, 8 },
    };
    for (size_t k = 0; k < sizeof(row) / sizeof(*row); k++) {
        struct insn i = decode(row[k].mode, row[k].hex);
        if (i.opsize != row[k].size || (i.opsize < 16 && i.srcsize != row[k].src))
            fail_msg("%s: %u, source %u", row[k].hex, i.opsize, i.srcsize);
    }
}

static void test_address_forms(void **state)
{
    enum { NONE = INSN_NO_REG };
    static const struct {
        enum insn_mode mode;
        const char *hex;
        uint8_t seg, base, index, scale, adsize;
        int64_t disp;
    } row[] = {
        { INSN_64, "8b00", SEG_DS, GPR_RAX, NONE, 0, 8, 0 },
        { INSN_64, "8b4510", SEG_SS, GPR_RBP, NONE, 0, 8, 0x10 },
        { INSN_64, "8b45f0", SEG_SS, GPR_RBP, NONE, 0, 8, -0x10 },
        { INSN_64, "8b8000000080", SEG_DS, GPR_RAX, NONE, 0, 8, INT32_MIN },
        { INSN_64, "8b0424", SEG_SS, GPR_RSP, NONE, 0, 8, 0 },
        { INSN_64, "428b0460", SEG_DS, GPR_RAX, GPR_R12, 1, 8, 0 },
        { INSN_64, "418b04cc", SEG_DS, GPR_R12, GPR_RCX, 3, 8, 0 },
        { INSN_64, "418b4500", SEG_DS, GPR_R13, NONE, 0, 8, 0 },
        { INSN_64, "8b042578563412", SEG_DS, NONE, NONE, 0, 8, 0x12345678 },
        { INSN_64, "428b04a5000000ff", SEG_DS, NONE, GPR_R12, 2, 8, -0x1000000 },
        { INSN_64, "418b04a5000000ff", SEG_DS, NONE, NONE, 2, 8, -0x1000000 },
        { INSN_64, "8b440580", SEG_SS, GPR_RBP, GPR_RAX, 0, 8, -0x80 },
        { INSN_64, "648b4500", SEG_FS, GPR_RBP, NONE, 0, 8, 0 },
        { INSN_64, "652e8b00", SEG_GS, GPR_RAX, NONE, 0, 8, 0 },
        { INSN_64, "3e8b4500", SEG_SS, GPR_RBP, NONE, 0, 8, 0 },
        { INSN_64, "678b00", SEG_DS, GPR_RAX, NONE, 0, 4, 0 },
        { INSN_64, "65a10807060504030201", SEG_GS, NONE, NONE, 0, 8, 0x0102030405060708 },
        { INSN_32, "3e8b4500", SEG_DS, GPR_RBP, NONE, 0, 4, 0 },
        { INSN_32, "26a1000000f0", SEG_ES, NONE, NONE, 0, 4, 0xf0000000 },
        { INSN_32, "8b0578563412", SEG_DS, NONE, NONE, 0, 4, 0x12345678 },
        { INSN_32, "678b00", SEG_DS, GPR_RBX, GPR_RSI, 0, 2, 0 },
        { INSN_16, "8b00", SEG_DS, GPR_RBX, GPR_RSI, 0, 2, 0 },
        { INSN_16, "8b01", SEG_DS, GPR_RBX, GPR_RDI, 0, 2, 0 },
        { INSN_16, "8b02", SEG_SS, GPR_RBP, GPR_RSI, 0, 2, 0 },
        { INSN_16, "8b03", SEG_SS, GPR_RBP, GPR_RDI, 0, 2, 0 },
        { INSN_16, "8b04", SEG_DS, GPR_RSI, NONE, 0, 2, 0 },
        { INSN_16, "8b05", SEG_DS, GPR_RDI, NONE, 0, 2, 0 },
        { INSN_16, "8b060080", SEG_DS, NONE, NONE, 0, 2, 0x8000 },
        { INSN_16, "8b46ff", SEG_SS, GPR_RBP, NONE, 0, 2, -1 },
        { INSN_16, "8b870080", SEG_DS, GPR_RBX, NONE, 0, 2, -0x8000 },
        { INSN_16, "678b4424fc", SEG_SS, GPR_RSP, NONE, 0, 4, -4 },
        { INSN_16, "a10080", SEG_DS, NONE, NONE, 0, 2, 0x8000 },
    };
    for (size_t k = 0; k < sizeof(row) / sizeof(*row); k++) {
        struct insn i = decode(row[k].mode, row[k].hex);
        if (i.seg != row[k].seg || i.base != row[k].base || i.index != row[k].index ||
            i.adsize != row[k].adsize || i.disp != row[k].disp ||
            (i.index != NONE && i.scale != row[k].scale) || i.rip_relative)
            fail_msg("%s", row[k].hex);
    }
    assert_true(decode(INSN_64, "8b0501000000").rip_relative);
    assert_true(decode(INSN_64, "678b0501000000").rip_relative);
    assert_false(decode(INSN_64, "8b042501000000").rip_relative);
}

static void test_operands(void **state)
{
    struct insn i = decode(INSN_64, "45890424");
    assert_true(i.is_mem && i.dst == OPD_RM && i.src == OPD_REG && i.reg == GPR_R8);
    assert_int_equal(i.base, GPR_R12);
    i = decode(INSN_64, "4c03c8");
    assert_true(!i.is_mem && i.dst == OPD_REG && i.reg == GPR_R9 && i.rm == GPR_RAX);
    i = decode(INSN_64, "4883c0ff");
    assert_true(i.op == INSN_ADD && i.src == OPD_IMM && i.imm == ~0ull);
    i = decode(INSN_64, "4881f800000080");
    assert_true(i.op == INSN_CMP && i.imm == 0xffffffff80000000ull);
    i = decode(INSN_64, "f60080");
    assert_true(i.op == INSN_TEST && i.src == OPD_IMM && (uint8_t)i.imm == 0x80);
    i = decode(INSN_64, "66f7001234");
    assert_true(i.op == INSN_TEST && i.imm == 0x3412);
    i = decode(INSN_64, "f710");
    assert_true(i.op == INSN_NOT && i.src == OPD_NONE);
    i = decode(INSN_64, "4159");
    assert_true(i.op == INSN_POP && i.dst == OPD_OPREG && i.reg == GPR_R9);
    i = decode(INSN_64, "ff30");
    assert_true(i.op == INSN_PUSH && i.src == OPD_RM && i.opsize == 8);
    i = decode(INSN_64, "c0e8ff");
    assert_true(i.op == INSN_SHR && i.src == OPD_IMM && i.imm == 0xff);
    i = decode(INSN_32, "ea785634123412");
    assert_true(i.imm == 0x12345678 && i.imm2 == 0x1234);
    i = decode(INSN_64, "c8341205");
    assert_true(i.imm == 0x1234 && i.imm2 == 5);
    i = decode(INSN_64, "440f22c0");
    assert_true(i.reg == 8 && i.rm == GPR_RAX && i.dst == OPD_REG);
    i = decode(INSN_32, "f00f22c3");                     /* AMD's mov cr8, ebx */
    assert_true(i.op == INSN_MOV_TO_CR && i.reg == 8 && i.rm == GPR_RBX);
    i = decode(INSN_64, "f2f3a4");
    assert_int_equal(i.rep, INSN_REP);
    i = decode(INSN_32, "41");
    assert_true(i.op == INSN_INC && i.reg == GPR_RCX);
    i = decode(INSN_32, "c50500000000");                 /* lds, not VEX */
    assert_true(i.op == INSN_OTHER && i.map == INSN_MAP_1);
    i = decode(INSN_32, "620500000000");                 /* bound, not EVEX */
    assert_true(i.op == INSN_OTHER && i.map == INSN_MAP_1);
    i = decode(INSN_32, "6300");
    assert_int_equal(i.op, INSN_OTHER);                  /* arpl */
    assert_int_equal(decode(INSN_32, "e8ffffffff").disp, -1);
    assert_int_equal(decode(INSN_16, "eb80").disp, -0x80);
}

static void test_name_of_every_op(void **state)
{
    for (unsigned op = 0; op < INSN_OP_COUNT; op++)
        assert_string_not_equal(insn_name((enum insn_op)op), "unknown");
    assert_string_equal(insn_name(INSN_OP_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_lengths), cmocka_unit_test(test_undefined),
        cmocka_unit_test(test_lock_allowed),      cmocka_unit_test(test_length_limit),
        cmocka_unit_test(test_operand_sizes),     cmocka_unit_test(test_address_forms),
        cmocka_unit_test(test_operands),          cmocka_unit_test(test_name_of_every_op),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
