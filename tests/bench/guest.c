/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The benchmark guest: times the operations of guest_ops.S by the TSC and prints
 * "bench NAME TICKS" for each, which are those of ROUNDS rounds, on the first serial port.
 * With QEMU's -icount shift=0 the TSC counts instructions, a hypervisor's included. It
 * prints only at the end, so that no output is under way meanwhile. Words on its command line:
 * "marks": a hypercall before and behind each operation, for a hypervisor that counts from
 * one to the next; "idle": it just halts for ever. run.py builds it, runs it and reads the lines.
 */
#include <stdbool.h>
#include <stdint.h>

enum {
    ROWS = 64, VECTOR = 0x40, COM1 = 0x3f8, UART_LSR_THRE = 0x20,
    MSR_APIC_BASE = 0x1b, X2APIC_SVR = 0x80f, X2APIC_LVT_TIMER = 0x832, LAPIC_SVR = 0xf0,
};
#define LAPIC               0xfee00000u
#define SVR_ENABLED         0x1ffu              /* SDM vol. 3, 11.9 */
#define TIMER_DEADLINE      (0x40000u | VECTOR) /* 11.5.1 */
#define APIC_BASE_X2APIC    0x400u              /* 11.12.1 */
#define CPUID_X2APIC        (1u << 21)
#define CPUID_DEADLINE      (1u << 24)
#define CPUID_KVM           0x4b4d564bu         /* "KVMK" in EBX of leaf 40000000h */
#define CPUID_INTEL         0x756e6547u         /* "Genu" in EBX of leaf 0 */
#define NO_CALL             0x5ec1eu            /* as in guest_ops.S */
#define MULTIBOOT_CMDLINE   (1u << 2)
#define DRAIN_TICKS         20000000

struct op {
    const char *name;
    void (*run)(void);
};

struct gate {                           /* SDM vol. 3, 6.14.1 */
    uint16_t low, selector, flags, middle;
    uint32_t high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "gate");

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

/* guest.ld, guest.S */
extern const struct op ops_all[], ops_vmmcall[], ops_vmcall[], ops_mmio[], ops_x2apic[],
    ops_deadline[], ops_end[];
void irq_mmio(void);
void irq_x2apic(void);
_Noreturn void power_off(void);

void bench_main(const uint32_t *info);
void op_begin(void);
void op_end(const char *name);

volatile uint64_t irqs;
static struct { const char *name; uint64_t ticks; } row[ROWS];
static unsigned rows;
static uint64_t started;
static struct gate idt[VECTOR + 1];
static bool intel, marks;

static uint64_t rdtsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}

static void cpuid(uint32_t leaf, uint32_t r[4])
{
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

static void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

static uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return (uint64_t)hi << 32 | lo;
}

static void outb(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "d"(port));
}

static uint8_t inb(uint16_t port)
{
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "d"(port));
    return v;
}

static void put(const char *s)
{
    for (; *s; s++) {
        while (!(inb(COM1 + 5) & UART_LSR_THRE))
            ;
        outb(COM1, (uint8_t)*s);
    }
}

static void put_number(uint64_t v)
{
    char digits[24];
    unsigned i = sizeof(digits) - 1;
    digits[i] = 0;
    do
        digits[--i] = (char)('0' + v % 10);
    while (v /= 10);
    put(digits + i);
}

/* Not inlined: run.py has the counting plugin watch the addresses of these two. */
__attribute__((noinline)) void op_begin(void) { started = rdtsc(); }

__attribute__((noinline)) void op_end(const char *name)
{
    uint64_t now = rdtsc();
    if (rows < ROWS) {
        row[rows].name = name;
        row[rows++].ticks = now - started;
    }
}

static void mark(void)
{
    uint64_t rax = NO_CALL;
    if (marks && intel)
        __asm__ volatile("vmcall" : "+a"(rax) : : "memory");
    else if (marks)
        __asm__ volatile("vmmcall" : "+a"(rax) : : "memory");
}

static void time_ops(const struct op *op, const struct op *end)
{
    for (; op < end; op++) {
        mark();
        op_begin();
        op->run();
        op_end(op->name);
        mark();
        /* What an operation left pending does not burden the next. */
        __asm__ volatile("sti\n\tnop\n\tcli" : : : "memory");
    }
}

static void set_handler(void (*handler)(void))
{
    uint64_t at = (uint64_t)handler;
    struct table_pointer p = { sizeof(idt) - 1, (uint64_t)idt };
    idt[VECTOR] = (struct gate){ (uint16_t)at, 8, 0x8e00, (uint16_t)(at >> 16),
                                 (uint32_t)(at >> 32), 0 };
    __asm__ volatile("lidt %0" : : "m"(p));
}

static void time_hypercall(void)
{
    if (intel)
        time_ops(ops_vmcall, ops_mmio);
    else
        time_ops(ops_vmmcall, ops_vmcall);
}

static void time_apic(void)
{
    uint32_t r[4];
    *(volatile uint32_t *)(uintptr_t)(LAPIC + LAPIC_SVR) = SVR_ENABLED;
    set_handler(irq_mmio);
    time_ops(ops_mmio, ops_x2apic);
    cpuid(1, r);
    if (!(r[2] & CPUID_X2APIC))
        return;
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
    wrmsr(X2APIC_SVR, SVR_ENABLED);
    set_handler(irq_x2apic);
    time_ops(ops_x2apic, ops_deadline);
    if (!(r[2] & CPUID_DEADLINE))
        return;
    wrmsr(X2APIC_LVT_TIMER, TIMER_DEADLINE);
    time_ops(ops_deadline, ops_end);
}

static bool has_word(const char *s, const char *word)
{
    for (; *s; s++) {
        unsigned i = 0;
        while (word[i] && s[i] == word[i])
            i++;
        if (!word[i])
            return true;
    }
    return false;
}

static bool asked_to(const uint32_t *info, const char *word)
{
    return info[0] & MULTIBOOT_CMDLINE && has_word((const char *)(uintptr_t)info[4], word);
}

static _Noreturn void idle(void)
{
    for (;;)
        __asm__ volatile("sti\n\thlt");
}

/* A hypervisor's lines about our start: on a serial line of 115200 baud they take their time. */
static void let_output_drain(void)
{
    uint64_t start = rdtsc();
    while (rdtsc() - start < DRAIN_TICKS)
        ;
}

/* The firmware may have left the timer's line to the PIC open. */
static void mask_pics(void)
{
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

void bench_main(const uint32_t *info)
{
    uint32_t r[4];
    mask_pics();
    if (asked_to(info, "idle"))
        idle();
    marks = asked_to(info, "marks");
    cpuid(0, r);
    intel = r[1] == CPUID_INTEL;
    let_output_drain();
    time_ops(ops_all, ops_vmmcall);
    cpuid(0x40000000, r);
    if (r[1] == CPUID_KVM && !marks)
        time_hypercall();
    time_apic();
    for (unsigned i = 0; i < rows; i++) {
        put("bench ");
        put(row[i].name);
        put(" ");
        put_number(row[i].ticks);
        put("\n");
    }
    put("bench irqs ");
    put_number(irqs);
    put("\nbench done\n");
}
