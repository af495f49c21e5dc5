/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait-key PROMPT: shows PROMPT and waits until a key is pressed, which it leaves for the
 * shell that follows. Busybox's shell asks the terminal where its cursor is unless a key is
 * waiting; in Socle's log view nobody would answer, and the question would be seen.
 * Static, without a C library (Linux x86-64 system calls). Used by demo.profile.
 */
#include <asm/termbits.h>
#include <asm/unistd.h>
#include <poll.h>
#include <sys/ioctl.h>

static long syscall3(long number, long a, const void *b, long c)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}

static void put(const char *text)
{
    long n = 0;
    while (text[n])
        n++;
    syscall3(__NR_write, 1, text, n);
}

/* Without canonical mode a key counts before Enter; it is not echoed twice. */
static long wait_key(const char *prompt)
{
    struct termios old, raw;
    struct pollfd in = { .fd = 0, .events = POLLIN };
    if (syscall3(__NR_ioctl, 0, (void *)TCGETS, (long)&old))
        return 1;
    raw = old;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    put(prompt);
    syscall3(__NR_ioctl, 0, (void *)TCSETS, (long)&raw);
    __asm__ volatile("" : : : "memory");
    syscall3(__NR_poll, (long)&in, (void *)1, -1);
    syscall3(__NR_ioctl, 0, (void *)TCSETS, (long)&old);
    put("\r");
    return 0;
}

/* The stack at the start: argc, argv[0], argv[1], ... (System V ABI for x86-64, 3.4.1). */
__attribute__((used, noreturn)) static void start_c(char **stack)
{
    long argc = (long)stack[0];
    syscall3(__NR_exit, argc == 2 ? wait_key(stack[2]) : 2, 0, 0);
    __builtin_unreachable();
}

__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start_c\n");
