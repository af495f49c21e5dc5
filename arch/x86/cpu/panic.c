/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Last words: cause, CPU, registers, symbolized backtrace by frame pointers, the
 * guest involved. Prints synchronously; takes no lock, allocates nothing, and does
 * not trust the stack it walks.
 */
#include "arch/x86/cpu/panic.h"

#include <stdarg.h>

#include "arch/x86/cpu/ops.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/cpu/reset.h"
#include "arch/x86/mm/hostmap.h"
#include "socle/assert.h"
#include "socle/fmt.h"
#include "socle/str.h"

struct symtab { uint32_t count, low[]; };

extern const struct symtab symtab_start, symtab_end;
extern const uint8_t text_start[], text_end[];

struct panic_hooks panic_hooks;
static unsigned panicking;

static void say(const char *format, ...) PRINTF(1, 2);
static void say(const char *format, ...)
{
    char line[256];
    va_list ap;
    va_start(ap, format);
    size_t n = fmt_v(line, sizeof(line) - 2, format, ap);
    va_end(ap);
    n = n < sizeof(line) - 3 ? n : sizeof(line) - 3;
    line[n++] = '\r';
    line[n++] = '\n';
    if (panic_hooks.write)
        panic_hooks.write(line, n);
}

const char *symbol_find(uint64_t addr, uint64_t *offset)
{
    const struct symtab *t = &symtab_start;
    if (&symtab_end == t || !t->count || addr < (uint64_t)text_start || addr >= (uint64_t)text_end)
        return NULL;
    uint32_t lo = 0, hi = t->count;     /* last entry at or below addr is in [lo, hi) */
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (t->low[mid] <= (uint32_t)addr)
            lo = mid;
        else
            hi = mid;
    }
    *offset = (uint32_t)addr - t->low[lo];
    const uint32_t *name = &t->low[t->count];
    return (const char *)&name[t->count] + name[lo];
}

static void say_address(const char *what, uint64_t addr)
{
    uint64_t off = 0;
    const char *name = symbol_find(addr, &off);
    if (name)
        say("socle:   %s %016lx %s+0x%lx", what, addr, name, off);
    else
        say("socle:   %s %016lx", what, addr);
}

/* A fault right after a guest ran may leave its frame pointer in the register. */
static bool on_a_stack(uint64_t rbp)
{
    return (rbp >= STACK_MAP && rbp < STACK_MAP + PCPU_MAX * STACK_SLOTS * 2 * CPU_STACK_SIZE) ||
           (rbp >= IMAGE_MAP && rbp < IMAGE_MAP + hostmap_image_size());
}

/* Frame pointers must rise and stay in one stack's reach; anything else ends the walk. */
static void backtrace(uint64_t rbp)
{
    for (unsigned depth = 0; depth < 32; depth++) {
        if (!on_a_stack(rbp) || rbp & 7)
            return;
        const uint64_t *frame = (const uint64_t *)rbp;
        if (frame[1] < (uint64_t)text_start || frame[1] >= (uint64_t)text_end)
            return;
        say_address("from", frame[1]);
        if (frame[0] <= rbp || frame[0] - rbp > 65536)
            return;
        rbp = frame[0];
    }
}

static void say_guest(void)
{
    char name[48] = "none";
    if (panic_hooks.guest)
        panic_hooks.guest(name, sizeof(name));
    say("socle:   cpu %u, guest: %s", this_cpu() ? this_cpu()->index : 0, name);
}

NORETURN static void stop_machine(void)
{
    if (panic_hooks.reboot) {
        say("socle: rebooting");
        machine_reset();
    }
    say("socle: halted");
    cpu_halt_forever();
    __builtin_unreachable();
}

static void enter_panic(void)
{
    cpu_irq_off();
    if (panicking++) {                  /* a panic while reporting one */
        if (panicking == 2)
            say("socle:   (a second fault while reporting)");
        if (panic_hooks.reboot)
            machine_reset();
        cpu_halt_forever();
    }
}

void panic(const char *format, ...)
{
    char text[200];
    va_list ap;
    enter_panic();
    va_start(ap, format);
    fmt_v(text, sizeof(text), format, ap);
    va_end(ap);
    say("socle: panic: %s", text);
    say_guest();
    backtrace((uint64_t)__builtin_frame_address(0));
    stop_machine();
}

static const char *vector_name(uint64_t v)
{
    static const char *const names[] = {
        "divide error", "debug", "NMI", "breakpoint", "overflow", "bound range",
        "invalid opcode", "device not available", "double fault", "coprocessor overrun",
        "invalid TSS", "segment not present", "stack fault", "general protection",
        "page fault", "reserved", "x87 error", "alignment check", "machine check",
        "SIMD error",
    };
    return v < ARRAY_LEN(names) ? names[v] : "exception";
}

void panic_trap(const struct trap_frame *f)
{
    enter_panic();
    say("socle: panic: %s (vector %lu, error 0x%lx)", vector_name(f->vector), f->vector, f->error);
    say_guest();
    say_address("rip ", f->rip);
    say("socle:   cs %04lx rflags %08lx ss %04lx rsp %016lx", f->cs, f->rflags, f->ss, f->rsp);
    say("socle:   rax %016lx rbx %016lx rcx %016lx", f->rax, f->rbx, f->rcx);
    say("socle:   rdx %016lx rsi %016lx rdi %016lx", f->rdx, f->rsi, f->rdi);
    say("socle:   rbp %016lx r8  %016lx r9  %016lx", f->rbp, f->r8, f->r9);
    say("socle:   r10 %016lx r11 %016lx r12 %016lx", f->r10, f->r11, f->r12);
    say("socle:   r13 %016lx r14 %016lx r15 %016lx", f->r13, f->r14, f->r15);
    say("socle:   cr0 %lx cr2 %016lx cr3 %lx cr4 %lx", read_cr0(), read_cr2(), read_cr3(), read_cr4());
    backtrace(f->rbp);
    stop_machine();
}

/* Called by compiler-generated checks (-fstack-protector-strong). */
uint64_t __stack_chk_guard = 0x5ca1ab1e0ddba11full;
NORETURN void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
    panic("stack overwritten");
}
