/* SPDX-License-Identifier: BSD-2-Clause */
/* See toy.h. Intel SDM vol. 3, 6.14 (IDT); Intel 8259A, 8254; National 16550 datasheets. */
#include "toy.h"

#include <stdarg.h>
#include <stddef.h>

enum { COM1 = 0x3f8, PIC1 = 0x20, PIC2 = 0xa0, PIT = 0x40, VECTOR = 0x20, CODE64 = 0x18 };

struct gate {
    uint16_t low, selector, flags, mid;
    uint32_t high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "gate");

struct frame;
static struct gate idt[256];
static void (*handlers[16])(void);
static const char *cmdline = "";

/* The compiler turns loops into calls of it. */
void *memset(void *to, int value, size_t n);
void *memset(void *to, int value, size_t n)
{
    for (volatile uint8_t *p = to; n--; p++)
        *p = (uint8_t)value;
    return to;
}

static void put(char c)
{
    while (!(in8(COM1 + 5) & 0x20)) {}
    out8(COM1, (uint8_t)c);
}

static void put_number(uint64_t v, unsigned base)
{
    char digits[20];
    unsigned n = 0;
    do
        digits[n++] = "0123456789abcdef"[v % base];
    while (v /= base);
    while (n)
        put(digits[--n]);
}

void print(const char *f, ...)
{
    va_list args;
    va_start(args, f);
    for (; *f; f++) {
        if (*f == '\n')
            put('\r');
        if (*f != '%') {
            put(*f);
            continue;
        }
        bool wide = *++f == 'l';
        f += wide;
        if (*f == 's')
            for (const char *s = va_arg(args, const char *); *s; s++)
                put(*s);
        else
            put_number(wide ? va_arg(args, uint64_t) : va_arg(args, unsigned), *f == 'x' ? 16 : 10);
    }
    va_end(args);
}

uint64_t option(const char *word, uint64_t otherwise)
{
    for (const char *c = cmdline; *c; c++) {
        const char *w = word, *at = c;
        while (*w && *w == *at)
            w++, at++;
        if (*w || *at != '=' || (c != cmdline && c[-1] != ' '))
            continue;
        uint64_t v = 0;
        for (at++; *at >= '0' && *at <= '9'; at++)
            v = v * 10 + (uint64_t)(*at - '0');
        return v;
    }
    return otherwise;
}

static void dispatch(unsigned irq)
{
    if (handlers[irq])
        handlers[irq]();
    if (irq >= 8)
        out8(PIC2, 0x20);
    out8(PIC1, 0x20);
}

#define STUB(n) \
    __attribute__((interrupt)) static void irq##n(struct frame *f) { (void)f; dispatch(n); }
STUB(0) STUB(1) STUB(2) STUB(3) STUB(4) STUB(5) STUB(6) STUB(7)
STUB(8) STUB(9) STUB(10) STUB(11) STUB(12) STUB(13) STUB(14) STUB(15)

void gate_set(unsigned vector, const void *stub)
{
    uint64_t at = (uint64_t)stub;
    idt[vector] = (struct gate){ (uint16_t)at, CODE64, 0x8e00, (uint16_t)(at >> 16), (uint32_t)(at >> 32), 0 };
    const struct { uint16_t limit; uint64_t base; } __attribute__((packed)) pointer = {
        sizeof(idt) - 1, (uint64_t)idt
    };
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

void irq_init(void)
{
    void (*const stubs[16])(struct frame *) = {
        irq0, irq1, irq2, irq3, irq4, irq5, irq6, irq7,
        irq8, irq9, irq10, irq11, irq12, irq13, irq14, irq15,
    };
    static const uint8_t icw[2][4] = { { 0x11, VECTOR, 4, 1 }, { 0x11, VECTOR + 8, 2, 1 } };
    for (unsigned i = 0; i < 16; i++)
        gate_set(VECTOR + i, (const void *)stubs[i]);
    for (unsigned i = 0; i < 4; i++) {
        out8(i ? PIC1 + 1 : PIC1, icw[0][i]);
        out8(i ? PIC2 + 1 : PIC2, icw[1][i]);
    }
    out8(PIC1 + 1, 0xff);
    out8(PIC2 + 1, 0xff);
}

void irq_on(unsigned irq, void (*handler)(void))
{
    uint16_t port = irq < 8 ? PIC1 + 1 : PIC2 + 1;
    handlers[irq] = handler;
    out8(port, in8(port) & (uint8_t)~(1u << irq % 8));
    out8(PIC1 + 1, in8(PIC1 + 1) & (uint8_t)~4u);
}

void pit_start(unsigned hz)
{
    unsigned divisor = 1193182 / hz;
    out8(PIT + 3, 0x34);                /* channel 0, low and high byte, mode 2 */
    out8(PIT, (uint8_t)divisor);
    out8(PIT, (uint8_t)(divisor >> 8));
}

void power_off(void)
{
    out16(0x604, 0x2000);
    for (;;) {
        cli();
        hlt();
    }
}

int main(void *zero_page)
{
    static const uint8_t uart[][2] = { { 1, 0 }, { 3, 0x80 }, { 0, 1 }, { 1, 0 }, { 3, 3 }, { 2, 7 }, { 4, 3 } };
    for (unsigned i = 0; i < sizeof(uart) / 2; i++)
        out8(COM1 + uart[i][0], uart[i][1]);
    uint32_t at;                        /* cmd_line_ptr, at 0x228 */
    __builtin_memcpy(&at, (const char *)zero_page + 0x228, sizeof(at));
    if (at)
        cmdline = (const char *)(uint64_t)at;
    toy_main();
    power_off();
}
