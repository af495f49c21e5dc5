/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/device/uart.c: each register of the 16550A, FIFOs, interrupts, loopback, backend, state. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_env.h"
#include "socle/bits.h"
#include "socle/device/uart.h"

enum { GSI = 4, BASE = 0x3f8 };
enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR };
#define THR RBR
#define FCR IIR

static struct fake_env *f;
static struct uart u;
static struct pio_bus bus;
static uint8_t sent[64];
static unsigned sent_count, rooms;
static const char *refill;          /* what the backend sends when there is room */

static size_t feed(const char *s) { return uart_rx(&u, (const uint8_t *)s, strlen(s)); }

static void tx(void *ctx, uint8_t byte)
{
    assert_ptr_equal(ctx, &u);
    sent[sent_count++ % sizeof(sent)] = byte;
}

static void room(void *ctx)
{
    assert_ptr_equal(ctx, &u);
    rooms++;
    if (refill)
        refill += feed(refill);
}

static int setup(void **unused)
{
    const struct uart_backend back = { &u, tx, room };
    f = fake_env_new();
    sent_count = rooms = 0;
    refill = NULL;
    pio_bus_init(&bus);
    uart_init(&u, &f->env, GSI, &back);
    uart_reset(&u);
    assert_int_equal(uart_attach(&u, &bus, BASE), HV_OK);
    return 0;
}

static int teardown(void **unused)
{
    fake_env_free(f);
    return 0;
}

static void out(unsigned reg, uint8_t v)
{
    struct bus_access a = { .value = v, .size = 1, .write = true };
    assert_true(pio_access(&bus, (uint16_t)(BASE + reg), &a));
}

static uint8_t in(unsigned reg)
{
    struct bus_access a = { .size = 1 };
    assert_true(pio_access(&bus, (uint16_t)(BASE + reg), &a));
    return (uint8_t)a.value;
}

static void rx(const char *s) { assert_int_equal(feed(s), strlen(s)); }

/* 8N1 at 115200 baud, OUT2 on. */
static void program(uint8_t ier, uint8_t fcr)
{
    out(LCR, 3), out(FCR, fcr), out(MCR, 0x0b), out(IER, ier);
}

static void test_reset_values(void **unused)
{
    assert_int_equal(in(IER), 0);
    assert_int_equal(in(IIR), 1);
    assert_int_equal(in(LCR), 0);
    assert_int_equal(in(MCR), 0);
    assert_int_equal(in(LSR), 0x60);
    assert_int_equal(in(MSR), 0xb0);
    assert_int_equal(in(RBR), 0);
}

static void test_register_bits(void **unused)
{
    out(IER, 0xff);
    assert_int_equal(in(IER), 0x0f);
    out(MCR, 0xff);
    assert_int_equal(in(MCR), 0x1f);
    out(MCR, 0);
    out(LCR, 0xff);
    assert_int_equal(in(LCR), 0xff);
    out(SCR, 0xa5);
    assert_int_equal(in(SCR), 0xa5);
    out(LSR, 0xff);
    out(MSR, 0xff);
    out(LCR, 0);
    in(MSR);
    assert_int_equal(in(LSR), 0x60);
    assert_int_equal(in(MSR), 0xb0);
}

static void test_divisor_latch(void **unused)
{
    out(IER, 5);
    out(LCR, 0x83);
    out(0, 0x34), out(1, 0x12);
    assert_int_equal(in(0), 0x34);
    assert_int_equal(in(1), 0x12);
    assert_int_equal(sent_count, 0);
    out(LCR, 0x03);
    assert_int_equal(in(IER), 5);
    out(THR, 'x');
    assert_int_equal(sent_count, 1);
}

static void test_widths(void **unused)
{
    struct bus_access r = { .size = 2 }, w = { .value = 0x4142, .size = 2, .write = true };
    assert_true(pio_access(&bus, BASE, &r) && pio_access(&bus, BASE, &w));
    assert_int_equal(r.value, 0xffff);
    assert_int_equal(sent_count, 0);
}

static void test_transmit(void **unused)
{
    for (const char *s = "hello"; *s; s++) {
        assert_int_equal(in(LSR) & 0x60, 0x60);
        out(THR, (uint8_t)*s);
    }
    assert_int_equal(sent_count, 5);
    assert_memory_equal(sent, "hello", 5);
}

static void test_thre_interrupt(void **unused)
{
    program(0, 1);
    out(IER, 2);                            /* enabled while empty: at once */
    assert_true(f->line[GSI]);
    out(IER, 2);
    assert_int_equal(in(IIR), 0xc2);        /* reading it is the acknowledge */
    assert_false(f->line[GSI]);
    assert_int_equal(in(IIR), 0xc1);
    out(IER, 2);                            /* no change, no interrupt */
    assert_false(f->line[GSI]);
    out(THR, 'a');
    assert_int_equal(f->rises[GSI], 2);
    out(THR, 'b');                          /* falls and rises: an edge for each byte */
    assert_int_equal(f->rises[GSI], 3);
    assert_int_equal(in(IIR), 0xc2);
    out(IER, 0), out(IER, 2);
    assert_true(f->line[GSI]);
    out(IER, 0);
    assert_false(f->line[GSI]);
}

static void test_out2_gates_the_line(void **unused)
{
    out(IER, 2);
    assert_int_equal(in(IIR) & 0x0f, 2);
    out(THR, 'a');
    assert_false(f->line[GSI]);
    out(MCR, 8);
    assert_true(f->line[GSI]);
    out(MCR, 0x18);                         /* loopback takes OUT2 off the pin */
    assert_false(f->line[GSI]);
}

static void test_receive_without_fifo(void **unused)
{
    program(1, 0);
    assert_int_equal(feed("ab"), 1);
    assert_true(f->line[GSI]);
    assert_int_equal(in(LSR), 0x61);
    assert_int_equal(in(IIR), 0x04);
    refill = "b";
    assert_int_equal(in(RBR), 'a');
    assert_int_equal(rooms, 1);
    assert_int_equal(f->rises[GSI], 2);
    assert_int_equal(in(RBR), 'b');
    assert_int_equal(in(LSR), 0x60);
    assert_false(f->line[GSI]);
    assert_int_equal(in(RBR), 'b');         /* empty: the last byte again */
    assert_int_equal(rooms, 1);
}

static void test_fifo_triggers(void **unused)
{
    static const uint8_t level[] = { 1, 4, 8, 14 };
    for (unsigned i = 0; i < 4; i++) {
        program(1, (uint8_t)(i << 6 | 3));
        assert_int_equal(in(IIR), 0xc1);
        for (unsigned n = 1; n < level[i]; n++) {
            rx("x");
            assert_false(f->line[GSI]);
        }
        rx("x");
        assert_true(f->line[GSI]);
        assert_int_equal(in(IIR), 0xc4);
        in(RBR);
        assert_false(f->line[GSI]);         /* below the level again */
        assert_int_equal(in(LSR) & 1, level[i] > 1);
    }
}

static void test_fifo_order_and_room(void **unused)
{
    program(0, 1);
    refill = "0123456789abcdefghijklmnopqrstuvwxyz";
    const char *all = refill;
    refill += feed(refill);
    assert_int_equal(refill - all, 16);
    for (const char *s = all; *s; s++) {
        assert_int_equal(in(LSR), 0x61);
        assert_int_equal(in(RBR), *s);
    }
    assert_int_equal(in(LSR), 0x60);
    assert_int_equal(rooms, 2);
}

static void test_timeout(void **unused)
{
    program(1, 0xc1);
    rx("ab");
    fake_env_advance(f, 347221);            /* 4 * 10 bits at 115200: 347222.2 ns */
    assert_false(f->line[GSI]);
    fake_env_advance(f, 2);
    assert_true(f->line[GSI]);
    assert_int_equal(in(IIR), 0xcc);
    assert_int_equal(in(RBR), 'a');         /* a read ends it and starts it anew */
    assert_false(f->line[GSI]);
    fake_env_advance(f, 347223);
    assert_int_equal(in(IIR), 0xcc);
    assert_int_equal(in(RBR), 'b');
    fake_env_advance(f, 1000000000);
    assert_int_equal(in(IIR), 0xc1);
    assert_int_equal(alarm_next(&f->alarms), ALARM_NEVER);
    rx("a");
    fake_env_advance(f, 300000);
    rx("b");                                /* each byte restarts it */
    fake_env_advance(f, 300000);
    assert_false(f->line[GSI]);
    out(FCR, 0xc3);
    fake_env_advance(f, 1000000000);
    assert_false(f->line[GSI]);
}

static void test_timeout_follows_the_line_format(void **unused)
{
    out(LCR, 0x80), out(0, 12), out(1, 0);
    program(1, 0xc1);
    out(LCR, 0x0f);                         /* 8 bits, parity, two stop bits: 12 */
    rx("a");
    fake_env_advance(f, 4999999);           /* 9600 baud: 5 ms */
    assert_false(f->line[GSI]);
    fake_env_advance(f, 2);
    assert_true(f->line[GSI]);
    out(LCR, 0x80), out(0, 0), out(LCR, 0); /* divisor 0 */
    in(RBR);
    rx("b");
    fake_env_advance(f, 1000000);
    assert_true(f->line[GSI]);
}

static void test_line_status(void **unused)
{
    program(4, 1);
    rx("a");
    assert_true(uart_rx_break(&u));
    rx("b");
    assert_int_equal(in(LSR), 0xe1);        /* an error somewhere in the FIFO */
    assert_false(f->line[GSI]);
    assert_int_equal(in(RBR), 'a');
    assert_true(f->line[GSI]);              /* now it is the next character's */
    assert_int_equal(in(IIR), 0xc6);
    assert_int_equal(in(LSR), 0xf1);
    assert_false(f->line[GSI]);
    assert_int_equal(in(LSR), 0x61);        /* told once */
    assert_int_equal(in(RBR), 0);
    assert_int_equal(in(RBR), 'b');
    assert_int_equal(in(LSR), 0x60);
    out(FCR, 0);
    assert_true(uart_rx_break(&u));
    assert_false(uart_rx_break(&u));        /* one character only */
    assert_int_equal(in(LSR), 0x71);        /* bit 7 only with FIFOs */
    in(RBR);
    assert_true(uart_rx_break(&u));
    in(RBR);
    assert_int_equal(in(LSR), 0x70);        /* stays until LSR is read */
}

static void test_fifo_clear(void **unused)
{
    program(1, 1);
    rx("abc");
    uart_rx_break(&u);
    out(FCR, 3);
    assert_int_equal(in(LSR), 0x60);
    assert_false(f->line[GSI]);
    rx("abc");
    out(FCR, 5);                            /* the transmitter's bit */
    assert_int_equal(in(LSR), 0x61);
    out(FCR, 0xc2);                         /* without bit 0: FIFOs off, rest ignored */
    assert_int_equal(in(IIR), 0x01);
    assert_int_equal(in(LSR), 0x60);
    rx("a");
    assert_int_equal(in(IIR), 0x04);
    out(FCR, 1);
    assert_int_equal(in(LSR), 0x60);        /* changing the mode clears as well */
    uint8_t many[20] = { 0 };
    assert_int_equal(uart_rx(&u, many, 20), 16);
    out(FCR, 3), out(FCR, 3);
    assert_int_equal(rooms, 1);             /* the first clearing made room */
}

static void test_priorities(void **unused)
{
    program(0x0f, 0x01);
    in(IIR);
    out(THR, 'x');                          /* THRE */
    uart_set_modem(&u, 0);                  /* modem status */
    rx("a");
    uart_rx_break(&u);
    in(RBR);                                /* line status, data */
    assert_int_equal(in(IIR), 0xc6);
    in(LSR);
    assert_int_equal(in(IIR), 0xc4);
    in(RBR);
    assert_int_equal(in(IIR), 0xc2);
    assert_int_equal(in(IIR), 0xc0);
    assert_true(f->line[GSI]);
    assert_int_equal(in(MSR), 0x0b);
    assert_int_equal(in(IIR), 0xc1);
    assert_false(f->line[GSI]);
}

static void test_modem_deltas(void **unused)
{
    program(8, 0);
    uart_set_modem(&u, 0xf0);
    assert_false(f->line[GSI]);             /* RI rising is no event */
    assert_int_equal(in(MSR), 0xf0);
    uart_set_modem(&u, 0xb0);
    assert_int_equal(in(MSR), 0xb4);        /* its trailing edge is */
    uart_set_modem(&u, 0xa0);
    assert_int_equal(in(MSR), 0xa1);
    uart_set_modem(&u, 0x80);
    assert_int_equal(in(MSR), 0x82);
    uart_set_modem(&u, 0x0f);
    assert_int_equal(in(IIR), 0);
    assert_int_equal(in(MSR), 0x08);
}

static void test_loopback(void **unused)
{
    program(0, 1);
    out(MCR, 0x10);
    assert_int_equal(in(MSR), 0x0b);
    static const uint8_t shows[] = { 0x20, 0x10, 0x40, 0x80 };   /* DTR, RTS, OUT1, OUT2 */
    for (unsigned i = 0; i < 4; i++)
        out(MCR, (uint8_t)(0x10 | 1 << i)), assert_int_equal(in(MSR) & 0xf0, shows[i]);
    out(THR, 'L');
    assert_int_equal(sent_count, 0);
    assert_int_equal(in(LSR), 0x61);
    assert_int_equal(in(RBR), 'L');
    assert_int_equal(feed("a"), 0);  /* input is cut off */
    assert_false(uart_rx_break(&u));
    out(LCR, 0x43);
    assert_int_equal(in(LSR), 0xf1);
    assert_int_equal(in(RBR), 0);
    for (unsigned i = 0; i < 17; i++)
        out(THR, (uint8_t)i);
    assert_int_equal(in(LSR), 0x63);        /* overrun: the 17th is lost */
    assert_int_equal(in(LSR), 0x61);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(in(RBR), i);
    assert_int_equal(rooms, 0);
    out(MCR, 0);
    assert_int_equal(rooms, 1);
    out(FCR, 0), out(MCR, 0x10);
    out(THR, 'a'), out(THR, 'b');
    assert_int_equal(in(LSR), 0x63);        /* without FIFO the new one stays */
    assert_int_equal(in(RBR), 'b');
    assert_int_equal(in(LSR), 0x60);
}

static void test_reset(void **unused)
{
    program(0x0f, 0xc1);
    rx("abc");
    out(SCR, 1);
    uart_reset(&u);
    assert_false(f->line[GSI]);
    assert_int_equal(alarm_next(&f->alarms), ALARM_NEVER);
    test_reset_values(NULL);
}

/* ---- save and load -------------------------------------------------------------- */

static uint32_t seed;
static uint32_t random32(void) { return (seed = seed * 1664525 + 1013904223) >> 8; }

static void churn(unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        uint32_t r = random32();
        uint8_t byte = (uint8_t)(r >> 8);
        switch (r & 7) {
        case 0:
        case 1: out(r >> 4 & 7, byte); break;
        case 2: uart_rx(&u, &byte, 1); break;
        case 3: uart_rx_break(&u); break;
        case 4: fake_env_advance(f, r >> 4); break;
        case 5: uart_set_modem(&u, byte); break;
        default: in(r >> 4 & 7); break;
        }
    }
}

static size_t save(uint8_t *buf, size_t cap)
{
    struct state_out o = { .buf = buf, .cap = cap };
    uart_save(&u, &o);
    assert_true(o.len <= cap);
    return o.len;
}

static void test_round_trip(void **unused)
{
    uint8_t first[128], second[128], again[128];
    const struct uart_backend back = { &u, tx, room };
    for (uint32_t round = 1; round < 300; round++) {
        seed = round;
        churn(100);
        size_t n = save(first, sizeof(first));
        uint64_t now = f->now;
        bool line = f->line[GSI];
        uint32_t resume = seed;
        churn(100);
        assert_int_equal(save(second, sizeof(second)), n);
        alarm_cancel(&f->alarms, &u.alarm);
        f->now = now;
        f->line[GSI] = line;
        uart_init(&u, &f->env, GSI, &back);
        struct state_in i = { .buf = first, .len = n };
        unsigned rises = f->rises[GSI];
        assert_int_equal(uart_load(&u, &i), HV_OK);
        assert_int_equal(f->rises[GSI], rises);
        assert_int_equal(u.line, line);
        save(again, sizeof(again));
        assert_memory_equal(again, first, n);
        seed = resume;
        churn(100);
        save(again, sizeof(again));
        assert_memory_equal(again, second, n);
    }
}

static void test_load_refuses(void **unused)
{
    uint8_t good[128], bad[128], now[128];
    enum { FCR_AT = 12 + 1, USED_AT = 12 + 11 };
    size_t n = save(good, sizeof(good));
    for (size_t cut = 0; cut < n; cut++) {
        struct state_in i = { .buf = good, .len = cut };
        assert_int_not_equal(uart_load(&u, &i), HV_OK);
    }
    for (uint8_t fifos = 0; fifos < 2; fifos++) {
        memcpy(bad, good, n);
        bad[FCR_AT] = fifos;
        bad[USED_AT] = fifos ? 17 : 2;      /* more than fit */
        struct state_in i = { .buf = bad, .len = n };
        assert_int_equal(uart_load(&u, &i), HV_INVALID);
    }
    save(now, sizeof(now));
    assert_memory_equal(now, good, n);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_reset_values), T(test_register_bits), T(test_divisor_latch), T(test_widths),
        T(test_transmit), T(test_thre_interrupt), T(test_out2_gates_the_line),
        T(test_receive_without_fifo), T(test_fifo_triggers), T(test_fifo_order_and_room),
        T(test_timeout), T(test_timeout_follows_the_line_format), T(test_line_status),
        T(test_fifo_clear), T(test_priorities), T(test_modem_deltas),
        T(test_loopback), T(test_reset), T(test_round_trip), T(test_load_refuses),
    };
    return cmocka_run_group_tests_name("uart", tests, NULL, NULL);
}
