/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An instruction on the CPU the test runs on, and the same by the emulator on a copy of
 * registers and memory: for test_emul_native.c. Code, its register block and the
 * operands' memory lie at fixed low addresses, so that 32-bit addresses, absolute ones
 * and RIP-relative ones reach them.
 */
#ifndef NATIVE_CPU_H
#define NATIVE_CPU_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "socle/bits.h"
#include "socle/emul.h"

#define CODE    0x10000000ull       /* trampoline */
#define BLOCK   0x10001000ull       /* struct block */
#define MEM     0x10010000ull       /* operands, MEM_SIZE bytes */
enum { MEM_SIZE = 0x4000, INSN_AT = 0x200, SLOT = 2u << 20 };
#define ARITH   (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

struct block {                      /* registers, loaded and stored by the trampoline */
    uint64_t gpr[16], flags, host_rsp;
    uint8_t  xmm[16][16];
};

/* ---- random values --------------------------------------------------------------- */

static uint64_t seed = 0x9e3779b97f4a7c15ull;

static uint64_t rnd(void)           /* xorshift64* */
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * 0x2545f4914f6cdd1dull;
}

static unsigned below(unsigned n) { return (unsigned)(rnd() >> 33) % n; }

static uint64_t value(void)
{
    static const uint64_t edge[] = {
        0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
        0x100000000, 0x7fffffffffffffff, 0x8000000000000000, ~0ull, ~0ull - 1,
    };
    return below(3) ? rnd() : edge[below(ARRAY_LEN(edge))];
}

/* ---- the real CPU ----------------------------------------------------------------- */

static uint8_t *code;               /* writable view of CODE */
static struct block *block = (struct block *)BLOCK;
static uint8_t *memory = (uint8_t *)MEM;
static sigjmp_buf fault_jump;

static void on_signal(int sig) { siglongjmp(fault_jump, sig); }

/* `opcode` with register `reg` and the memory at `address` (RIP-relative). */
static void emit_rip(unsigned *at, uint8_t prefix, bool wide, uint16_t opcode, unsigned reg,
                     const void *address)
{
    if (prefix)
        code[(*at)++] = prefix;
    code[(*at)++] = (uint8_t)(0x40 | (wide ? 8 : 0) | (reg & 8 ? 4 : 0));
    if (opcode >> 8)
        code[(*at)++] = (uint8_t)(opcode >> 8);
    code[(*at)++] = (uint8_t)opcode;
    code[(*at)++] = (uint8_t)(5 | (reg & 7) << 3);
    int32_t disp = (int32_t)((uint64_t)(uintptr_t)address - (CODE + *at + 4));
    memcpy(code + *at, &disp, 4);
    *at += 4;
}

static void emit(unsigned *at, const char *bytes, size_t n)
{
    memcpy(code + *at, bytes, n);
    *at += (unsigned)n;
}

/* Saves the host's registers, loads the block's; ends right before INSN_AT. */
static void emit_entry(void)
{
    unsigned at = 0;
    emit(&at, "\x53\x55\x41\x54\x41\x55\x41\x56\x41\x57", 10);     /* push rbx, rbp, r12-r15 */
    emit_rip(&at, 0, true, 0x89, 4, &block->host_rsp);
    emit_rip(&at, 0, false, 0xff, 6, &block->flags);               /* push flags */
    emit(&at, "\x9d", 1);                                           /* popf */
    for (unsigned r = 0; r < 16; r++)
        emit_rip(&at, 0xf3, false, 0x0f6f, r, block->xmm[r]);
    for (unsigned r = 0; r < 16; r++)
        emit_rip(&at, 0, true, 0x8b, r, &block->gpr[r]);
    assert_true(at <= INSN_AT);
    memset(code + at, 0x90, INSN_AT - at);
}

static void emit_exit(unsigned at)
{
    for (unsigned r = 0; r < 16; r++)
        emit_rip(&at, 0, true, 0x89, r, &block->gpr[r]);
    for (unsigned r = 0; r < 16; r++)
        emit_rip(&at, 0xf3, false, 0x0f7f, r, block->xmm[r]);
    emit_rip(&at, 0, true, 0x8b, 4, &block->host_rsp);
    emit(&at, "\x9c", 1);                                           /* pushf */
    emit_rip(&at, 0, false, 0x8f, 0, &block->flags);               /* pop flags */
    emit(&at, "\xfc\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3", 12);
}

/* Runs the instruction on the block and the memory; the signal it raised, or 0. */
static int run_native(const uint8_t *insn, unsigned n)
{
    memcpy(code + INSN_AT, insn, n);
    emit_exit(INSN_AT + n);
    int sig = sigsetjmp(fault_jump, 1);
    if (!sig)
        ((void (*)(void))(uintptr_t)CODE)();
    return sig;
}

/* At the start of each test, as cmocka puts its own handlers there before. */
static void catch_faults(void)
{
    static const int signals[] = { SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGTRAP };
    static uint8_t alt[64 << 10];
    stack_t stack = { .ss_sp = alt, .ss_size = sizeof(alt) };
    struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_NODEFER };

    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        assert_int_equal(sigaction(signals[i], &sa, NULL), 0);
    assert_int_equal(sigaltstack(&stack, NULL), 0);
}

static int setup_native(void)
{
    int fd = memfd_create("code", 0);

    if (fd < 0 || ftruncate(fd, PAGE_SIZE))
        return -1;
    code = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void *x = mmap((void *)CODE, PAGE_SIZE, PROT_READ | PROT_EXEC,
                   MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
    void *b = mmap((void *)BLOCK, PAGE_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    void *m = mmap((void *)MEM, MEM_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (code == MAP_FAILED || x == MAP_FAILED || b == MAP_FAILED || m == MAP_FAILED)
        return -1;
    emit_entry();
    return 0;
}

/* ---- the emulator ------------------------------------------------------------------ */

struct machine {
    struct gmem       mem;
    hpa_t             block;
    struct gva_walker w;
    struct vcpu_state s;
    uint8_t           xmm[16][16];
    bool              ram;          /* what is_ram says: both ways are to be tried */
} machine;

static hv_status op_read(void *ctx, gpa_t at, void *buf, unsigned size)
{
    return gmem_read(&machine.mem, at, buf, size);
}

static hv_status op_write(void *ctx, gpa_t at, const void *buf, unsigned size)
{
    return gmem_write(&machine.mem, at, buf, size);
}

static bool op_is_ram(void *ctx, gpa_t at, size_t n) { return machine.ram; }
static void op_vec_get(void *ctx, unsigned n, uint8_t v[16]) { memcpy(v, machine.xmm[n], 16); }
static void op_vec_set(void *ctx, unsigned n, const uint8_t v[16])
{
    memcpy(machine.xmm[n], v, 16);
}

static const struct emul_ops ops = {
    .read = op_read, .write = op_write, .is_ram = op_is_ram,
    .vec_get = op_vec_get, .vec_set = op_vec_set,
};

/* Memory of the emulated machine at an address of the real one. */
static uint8_t *emulated(uint64_t address) { return machine.mem.window + (address - CODE); }

static void setup_machine(void)
{
    machine.mem.window = aligned_alloc(SLOT, SLOT);
    assert_int_equal(gmem_add(&machine.mem, gpa(CODE), SLOT, &machine.block, false), HV_OK);
    machine.w = (struct gva_walker){ .mem = &machine.mem, .phys_bits = 40 };
    machine.s = (struct vcpu_state){
        .cr0 = CR0_PE, .cr4 = CR4_OSFXSR, .efer = EFER_LMA | EFER_LME, .cpl = 3,
    };
    machine.s.seg[SEG_CS].attr = SEG_L | SEG_P | SEG_S | 0xb;
}

/* ---- one case ----------------------------------------------------------------------- */

static void describe(const uint8_t *insn, unsigned n, const struct block *in)
{
    print_error("instruction");
    for (unsigned i = 0; i < n; i++)
        print_error(" %02x", insn[i]);
    print_error("\nflags in %llx, native %llx, emulated %llx\n", (unsigned long long)in->flags,
                (unsigned long long)block->flags, (unsigned long long)machine.s.rflags);
    for (unsigned r = 0; r < 16; r++)
        print_error("r%-2u in %016llx native %016llx emulated %016llx\n", r,
                    (unsigned long long)in->gpr[r], (unsigned long long)block->gpr[r],
                    (unsigned long long)machine.s.gpr[r]);
}

static const uint8_t signal_of[32] = {
    [VEC_DE] = SIGFPE, [VEC_UD] = SIGILL, [VEC_GP] = SIGSEGV, [VEC_SS] = SIGBUS,
};

/* Do the flags agree where `defined`, and all registers? `loose`: a register not compared. */
static bool same(uint64_t defined, int loose)
{
    for (int r = 0; r < 16; r++)
        if (r != loose && block->gpr[r] != machine.s.gpr[r])
            return false;
    uint64_t care = (defined & ARITH) | RFLAGS_DF;
    return ((block->flags ^ machine.s.rflags) & care) == 0 &&
           !memcmp(block->xmm, machine.xmm, sizeof(block->xmm)) &&
           !memcmp(memory, emulated(MEM), MEM_SIZE);
}

static unsigned cases;              /* compared so far */

/* Runs both on *block and memory; the arithmetic flags outside `defined` are not compared. */
static void compare(const uint8_t *insn, unsigned n, uint64_t defined, bool scan)
{
    struct block in = *block;
    struct emul_ctx c = { .s = &machine.s, .w = &machine.w, .ops = &ops, .budget = 1u << 20 };

    cases++;
    machine.ram = below(2);
    memcpy(machine.s.gpr, block->gpr, sizeof(block->gpr));
    memcpy(machine.xmm, block->xmm, sizeof(block->xmm));
    memcpy(emulated(MEM), memory, MEM_SIZE);
    memcpy(emulated(CODE + INSN_AT), insn, n);
    machine.s.rflags = block->flags;
    machine.s.rip = CODE + INSN_AT;

    int sig = run_native(insn, n);
    enum emul_status e = emul_run(&c);
    if (e == EMUL_UNSUPPORTED && c.insn.op == INSN_CMPXCHG8B && machine.ram) {
        machine.ram = false;                    /* cmpxchg16b is only for devices */
        e = emul_run(&c);
    }
    if (sig) {
        if (e != EMUL_EXCEPTION || signal_of[c.exc.vector] != sig) {
            describe(insn, n, &in);
            fail_msg("native signal %d, emulator %d vector %u", sig, e, c.exc.vector);
        }
        *block = in;                            /* a fault changes nothing */
        assert_int_equal(machine.s.rip, CODE + INSN_AT);
    }
    if (!sig && (e != EMUL_DONE || machine.s.rip != CODE + INSN_AT + n)) {
        describe(insn, n, &in);
        fail_msg("emulator %d (vector %u)", e, c.exc.vector);
    }
    bool no_result = scan && (machine.s.rflags & RFLAGS_ZF);
    if (!same(sig ? ARITH : defined, no_result ? c.insn.reg : -1)) {
        describe(insn, n, &in);
        fail_msg("different result of %s", insn_name((enum insn_op)c.insn.op));
    }
}

/* ---- encoding ---------------------------------------------------------------------- */

struct code { uint8_t b[24]; unsigned n; };

static void put(struct code *k, uint64_t v, unsigned n)
{
    memcpy(k->b + k->n, &v, n);
    k->n += n;
}

struct address {                    /* a memory operand: what the encoding needs */
    unsigned mod, rm, disp_size, base, index;       /* base, index: 16 for none */
    bool     sib, narrow;
    unsigned scale;
    uint64_t disp;
    bool     rip;
};

static uint64_t small(void) { return (uint64_t)(int64_t)((int)below(4000) - 2000); }

/*
 * A random way to address `target`; sets the registers that it uses. Registers stay below
 * `limit` (8 without REX).
 */
static struct address address_of(uint64_t target, unsigned limit, bool narrow)
{
    unsigned way = below(9);
    bool has_index = way >= 3 && way <= 6, has_base = way <= 5;
    struct address a = { .base = 16, .index = 16, .narrow = narrow };
    uint64_t garbage = narrow ? rnd() << 32 : 0, index = 0;

    if (has_index) {
        do
            a.index = below(limit);
        while (a.index == GPR_RSP);
        a.scale = below(4);
        index = (block->gpr[a.index] = small() + garbage) << a.scale;
    }
    if (has_base)
        a.base = below(limit);
    if (has_base && a.base == a.index)
        way = 5;
    a.disp_size = way % 3 == 0 ? 0 : way % 3 == 1 ? 1 : 4;
    if (way >= 6)
        a.disp_size = 4;
    if (has_base && (a.base & 7) == 5 && !a.disp_size)
        a.disp_size = 1;                        /* rBP and r13 always have one */
    a.sib = has_index || way == 7 || (has_base && (a.base & 7) == 4);
    a.rip = way == 8;
    if (has_base && a.base != a.index) {
        a.disp = a.disp_size == 1 ? (uint64_t)(int8_t)rnd() : a.disp_size ? small() : 0;
        block->gpr[a.base] = target - a.disp - index + garbage;
    } else if (has_base) {
        a.disp = target - block->gpr[a.base] - index;
    } else {
        a.disp = target - index;                /* RIP-relative: adjusted at the end */
    }
    a.mod = has_base ? a.disp_size == 1 ? 1 : a.disp_size ? 2 : 0 : 0;
    return a;
}

static void put_address(struct code *k, const struct address *a, unsigned reg)
{
    unsigned base = a->base == 16 ? 5 : a->base & 7, index = a->index == 16 ? 4 : a->index & 7;

    put(k, a->mod << 6 | (reg & 7) << 3 | (a->sib ? 4 : a->rip ? 5 : base), 1);
    if (a->sib)
        put(k, a->scale << 6 | index << 3 | base, 1);
    put(k, a->disp, a->disp_size);
}

#endif
