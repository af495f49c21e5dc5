/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instruction lengths against the CPU this test runs on, for every opcode of all maps
 * with many prefixes and ModRM bytes, also those that the emulator does not execute.
 *
 * The first n bytes of an instruction are placed right before a page that cannot be
 * executed, for n from 1 on. As long as the CPU wants more bytes, the fetch from that
 * page faults with RIP still at the start; once it does anything else, n is the length.
 * All registers hold an address where nothing is mapped, so that memory operands fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "socle/insn.h"
#include "socle/types.h"

/*
 * length_enter() jumps to length_target with every register pointing to nowhere; the
 * signal that follows goes on at length_resume, which returns from it. (A longjmp out of
 * the handler would do, but is slow under the address sanitizer.)
 */
void length_enter(void);
extern const uint8_t length_resume[];
uint64_t length_target, length_rsp;
__asm__(".text\n"
        "length_enter:\n"
        "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "mov %rsp, length_rsp(%rip)\n"
        "movabs $0x400000000000, %rax\n"
        "mov %rax, %rbx\n mov %rax, %rcx\n mov %rax, %rdx\n mov %rax, %rsi\n"
        "mov %rax, %rdi\n mov %rax, %rbp\n mov %rax, %rsp\n mov %rax, %r8\n"
        "mov %rax, %r9\n  mov %rax, %r10\n mov %rax, %r11\n mov %rax, %r12\n"
        "mov %rax, %r13\n mov %rax, %r14\n mov %rax, %r15\n"
        "jmp *length_target(%rip)\n"
        "length_resume:\n"
        "mov length_rsp(%rip), %rsp\n"
        "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
        "ret\n");

static uint8_t *code;               /* writable view of the page before `end` */
static uint64_t end;                /* the page that cannot be executed */
static int signal_seen;
static bool wants_more;

static void on_signal(int sig, siginfo_t *info, void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

    signal_seen = sig;
    wants_more = sig == SIGSEGV && (uint64_t)regs[REG_RIP] == length_target &&
                 (uint64_t)(uintptr_t)info->si_addr == end;
    regs[REG_RIP] = (greg_t)(uintptr_t)length_resume;
    regs[REG_EFL] = 0x202;
}

/* What the CPU does with the first n bytes. */
enum verdict { UNDEFINED, INCOMPLETE, COMPLETE };

static enum verdict try_bytes(const uint8_t *bytes, unsigned n)
{
    memset(code + PAGE_SIZE - 160, 0xcc, 160);      /* where short jumps back may land */
    memcpy(code + PAGE_SIZE - n, bytes, n);
    length_target = end - n;
    length_enter();
    return signal_seen == SIGILL ? UNDEFINED : wants_more ? INCOMPLETE : COMPLETE;
}

/*
 * Instructions that would do something for good: system calls, loads of FS and GS, and
 * what a hypervisor beneath might answer. And near branches with 66, on which AMD and
 * Intel do not agree.
 */
static bool excluded(const struct insn *i)
{
    if (i->map == INSN_MAP_1)
        return i->opcode == 0xcd || i->opcode == 0x8e ||
               (i->opsize_prefix && (i->opcode & 0xfe) == 0xe8);
    if (i->map != INSN_MAP_0F)
        return false;
    return i->opcode == 0x01 || i->opcode == 0x05 || i->opcode == 0x07 || i->opcode == 0x34 ||
           i->opcode == 0xae || (i->opsize_prefix && (i->opcode & 0xf0) == 0x80);
}

enum { FILL = 0x01, TAILS_EACH = 10 };
static unsigned compared;

static void compare(const uint8_t *bytes)
{
    struct insn i;
    hv_status s = insn_decode(bytes, INSN_MAX_LEN, INSN_64, &i);

    if (s != HV_OK && s != HV_INVALID)
        fail_msg("no decision on 15 bytes");
    /* Also where the CPU may find no operand before it finds the instruction undefined. */
    if (excluded(&i) || s == HV_INVALID)
        return;
    enum verdict whole = try_bytes(bytes, i.len);
    enum verdict cut = i.len > 1 ? try_bytes(bytes, i.len - 1u) : INCOMPLETE;
    if (whole == UNDEFINED || cut == UNDEFINED)
        return;                     /* perhaps only on this CPU, for want of a feature */
    if (whole == COMPLETE && cut == INCOMPLETE) {
        compared++;
        return;
    }
    if (try_bytes(bytes, INSN_MAX_LEN) != UNDEFINED)
        fail_msg("%02x %02x %02x %02x %02x %02x: decoder says %u bytes; CPU: %d, cut: %d",
                 bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], i.len, whole, cut);
}

static void catch_faults(void)
{
    static const int signals[] = { SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGTRAP };
    static uint8_t alt[64 << 10];
    stack_t stack = { .ss_sp = alt, .ss_size = sizeof(alt) };
    struct sigaction sa = { .sa_sigaction = on_signal,
                            .sa_flags = SA_ONSTACK | SA_SIGINFO };

    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        assert_int_equal(sigaction(signals[i], &sa, NULL), 0);
    assert_int_equal(sigaltstack(&stack, NULL), 0);
}

static int setup(void **state)
{
    int fd = memfd_create("code", 0);

    if (fd < 0 || ftruncate(fd, PAGE_SIZE))
        return -1;
    code = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    /* RIP-relative operands are 16 MiB further on, where nothing is either. */
    uint8_t *x = mmap(NULL, 64u << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == MAP_FAILED || x == MAP_FAILED ||
        mmap(x, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, 0) != x)
        return -1;
    memset(code, 0xcc, PAGE_SIZE);
    end = (uint64_t)(uintptr_t)x + PAGE_SIZE;
    return 0;
}

/* ModRM and SIB of every kind. What follows is FILL: displacements that hit nothing. */
static const uint8_t tails[][3] = {
    { 0x00, FILL, FILL }, { 0x04, 0x00, FILL }, { 0x04, 0x25, FILL }, { 0x0c, 0x65, FILL },
    { 0x15, FILL, FILL }, { 0x1e, FILL, FILL }, { 0x23, FILL, FILL }, { 0x28, FILL, FILL },
    { 0x37, FILL, FILL }, { 0x3f, FILL, FILL }, { 0x44, 0x24, FILL }, { 0x4d, FILL, FILL },
    { 0x84, 0x05, FILL }, { 0x96, FILL, FILL }, { 0xc0, FILL, FILL }, { 0xc9, FILL, FILL },
    { 0xd2, FILL, FILL }, { 0xe4, FILL, FILL }, { 0xf8, FILL, FILL }, { 0xff, FILL, FILL },
};

static void compare_all(const uint8_t *opcode, unsigned opcode_size)
{
    static const char *const prefixes[] = {
        "", "\x66", "\x67", "\xf2", "\xf3", "\x48", "\x66\x48", "\x67\x4f", "\x66\xf3\x41",
        "\x48\x66", "\x2e\x3e\x26\x36", "\xf0",
    };

    for (size_t p = 0; p < ARRAY_LEN(prefixes); p++)
        for (size_t k = p; k < p + TAILS_EACH; k++) {
            size_t n = strlen(prefixes[p]);
            size_t t = (k * 3 + opcode[opcode_size - 1]) % ARRAY_LEN(tails);
            uint8_t bytes[INSN_MAX_LEN + 8];
            memset(bytes, FILL, sizeof(bytes));
            memcpy(bytes, prefixes[p], n);
            memcpy(bytes + n, opcode, opcode_size);
            memcpy(bytes + n + opcode_size, tails[t], 3);
            compare(bytes);
        }
}

static void test_one_byte_map(void **state)
{
    catch_faults();
    for (unsigned op = 0; op < 256; op++)
        if (op != 0x0f && op != 0x64 && op != 0x62 && op != 0xc4 && op != 0xc5)
            compare_all((const uint8_t[]){ (uint8_t)op }, 1);
    assert_true(compared > 15000);      /* the CPU knows most of them */
}

static void test_two_byte_maps(void **state)
{
    catch_faults();
    compared = 0;
    for (unsigned op = 0; op < 256; op++) {
        if (op != 0x38 && op != 0x3a)
            compare_all((const uint8_t[]){ 0x0f, (uint8_t)op }, 2);
        compare_all((const uint8_t[]){ 0x0f, 0x38, (uint8_t)op }, 3);
        compare_all((const uint8_t[]){ 0x0f, 0x3a, (uint8_t)op }, 3);
    }
    assert_true(compared > 15000);      /* the CPU knows most of them */
}

/* VEX in both lengths, all opcodes of its maps; what the CPU has of AVX is compared. */
static void test_vex(void **state)
{
    catch_faults();
    for (unsigned op = 0; op < 256; op++)
        for (unsigned pp = 0; pp < 8; pp++) {
            for (size_t t = (op + pp) % 5; t < ARRAY_LEN(tails); t += 5) {
                uint8_t bytes[INSN_MAX_LEN + 8];
                memset(bytes, FILL, sizeof(bytes));
                memcpy(bytes, (uint8_t[]){ 0xc5, (uint8_t)(0xf8 | pp), (uint8_t)op }, 3);
                memcpy(bytes + 3, tails[t], 3);
                compare(bytes);
                for (uint8_t map = 1; map <= 3; map++) {
                    memcpy(bytes, (uint8_t[]){ 0xc4, (uint8_t)(0xe0 | map), (uint8_t)(0x78 | pp),
                                               (uint8_t)op }, 4);
                    memcpy(bytes + 4, tails[t], 3);
                    compare(bytes);
                }
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_byte_map), cmocka_unit_test(test_two_byte_maps),
        cmocka_unit_test(test_vex),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
