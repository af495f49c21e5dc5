/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/device/i8042.c with empty ports and with devices; misc_ports.c: 0x80, 0x92, 0xcf9, 0xed. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_env.h"
#include "socle/bits.h"
#include "socle/device/i8042.h"
#include "socle/device/misc_ports.h"

static struct fake_env *f;
static struct i8042 k;
static struct misc_ports m;
static struct pio_bus bus;
static unsigned soft, hard;

static void reset(void *ctx, enum dev_reset kind)
{
    assert_ptr_equal(ctx, &bus);
    if (kind == DEV_RESET_HARD)
        hard++;
    else
        soft++;
}

static int setup(void **unused)
{
    f = fake_env_new();
    soft = hard = 0;
    pio_bus_init(&bus);
    i8042_init(&k, &f->env, reset, &bus);
    i8042_reset(&k);
    assert_int_equal(i8042_attach(&k, &bus), HV_OK);
    misc_ports_init(&m, reset, &bus);
    assert_int_equal(misc_ports_attach(&m, &bus), HV_OK);
    return 0;
}

static int teardown(void **unused)
{
    fake_env_free(f);
    return 0;
}

static void out(uint16_t port, uint8_t v)
{
    struct bus_access a = { .value = v, .size = 1, .write = true };
    assert_true(pio_access(&bus, port, &a));
}

static uint8_t in(uint16_t port)
{
    struct bus_access a = { .size = 1 };
    assert_true(pio_access(&bus, port, &a));
    return (uint8_t)a.value;
}

static uint8_t ask(uint8_t command)
{
    out(0x64, command);
    assert_int_equal(in(0x64) & 0x23, 0x01);
    return in(0x60);
}

static void command(uint8_t c, uint8_t parameter) { out(0x64, c), out(0x60, parameter); }

/* ---- the controller ------------------------------------------------------------- */

static void test_reset_state(void **unused)
{
    assert_int_equal(in(0x64), 0x14);
    assert_int_equal(ask(0x20), 0x65);
    assert_int_equal(ask(0xd0) & 0x03, 0x03);
    assert_int_equal(in(0x64) & 0x01, 0);
}

static void test_widths(void **unused)
{
    struct bus_access a = { .size = 2 };
    pio_access(&bus, 0x60, &a);
    assert_int_equal(a.value, 0xffff);
    a = (struct bus_access){ .size = 1 };
    assert_false(pio_access(&bus, 0x62, &a));
}

static void test_self_and_interface_tests(void **unused)
{
    assert_int_equal(ask(0xaa), 0x55);
    assert_int_equal(ask(0xab), 0x00);
    assert_int_equal(ask(0xa9), 0x00);
    assert_int_equal(ask(0xa4), 0xf1);
    assert_int_equal(ask(0xc0), 0x80);
    assert_int_equal(ask(0xe0), 0x00);
}

static void test_status_bits(void **unused)
{
    out(0x64, 0xae);
    assert_int_equal(in(0x64) & 0x08, 0x08);        /* last write was a command */
    command(0x60, 0x61);                            /* system flag off */
    assert_int_equal(in(0x64), 0x10);
    command(0x60, 0x65);
    assert_int_equal(in(0x64), 0x14);
    command(0x60, 0x61);
    assert_int_equal(ask(0xaa), 0x55);              /* the self test sets it */
    assert_int_equal(in(0x64) & 0x04, 0x04);
}

static void test_ram(void **unused)
{
    for (uint8_t i = 1; i < 32; i++)
        command(0x60 + i, (uint8_t)(i * 7));
    for (uint8_t i = 1; i < 32; i++)
        assert_int_equal(ask(0x20 + i), (uint8_t)(i * 7));
    assert_int_equal(ask(0x20), 0x65);
}

static void test_enables_in_the_command_byte(void **unused)
{
    out(0x64, 0xad);
    assert_int_equal(ask(0x20), 0x75);
    out(0x64, 0xae);
    assert_int_equal(ask(0x20), 0x65);
    out(0x64, 0xa8);
    assert_int_equal(ask(0x20), 0x45);
    out(0x64, 0xa7);
    assert_int_equal(ask(0x20), 0x65);
}

static void test_interrupts(void **unused)
{
    out(0x64, 0xaa);
    assert_true(f->line[1]);
    assert_false(f->line[12]);
    assert_int_equal(in(0x60), 0x55);
    assert_false(f->line[1]);
    command(0x60, 0x67);                            /* both enabled */
    command(0xd3, 0xa5);
    assert_int_equal(in(0x64) & 0x21, 0x21);
    assert_true(f->line[12]);
    assert_false(f->line[1]);
    assert_int_equal(ask(0xd0) & 0x30, 0x20);       /* as it was; the answer replaces it */
    command(0xd3, 0xa5);
    assert_int_equal(in(0x60), 0xa5);
    assert_false(f->line[12]);
    command(0xd2, 0x1c);
    assert_int_equal(in(0x64) & 0x21, 0x01);
    assert_true(f->line[1]);
    command(0x60, 0x64);                            /* disabled with the buffer full */
    assert_false(f->line[1]);
    command(0x60, 0x65);
    assert_true(f->line[1]);
    assert_int_equal(in(0x60), 0x1c);
    assert_int_equal(in(0x60), 0x1c);               /* empty: the last byte */
    command(0x60, 0x64);
    out(0x64, 0xaa);
    assert_false(f->line[1]);
}

static void test_empty_ports_time_out(void **unused)
{
    out(0x64, 0xad);
    out(0x60, 0xed);
    assert_int_equal(in(0x64) & 0x61, 0x41);
    assert_true(f->line[1]);
    assert_int_equal(in(0x60), 0xfe);
    assert_int_equal(in(0x64) & 0x41, 0);
    assert_int_equal(ask(0x20) & 0x10, 0);          /* sending switched the clock on */
    command(0x60, 0x67);
    command(0xd4, 0xf2);
    assert_int_equal(in(0x64) & 0x61, 0x61);
    assert_true(f->line[12]);
    assert_int_equal(in(0x60), 0xfe);
    assert_int_equal(in(0x64) & 0x61, 0);
}

static void test_a20_and_reset(void **unused)
{
    command(0xd1, 0xdd);
    assert_int_equal(ask(0xd0) & 0x02, 0);
    out(0x64, 0xdf);
    assert_int_equal(ask(0xd0) & 0x02, 0x02);
    out(0x64, 0xdd);
    assert_int_equal(ask(0xd0) & 0x02, 0);
    command(0xd1, 0xdf);
    assert_int_equal(ask(0xd0) & 0x02, 0x02);
    assert_int_equal(soft, 0);
    command(0xd1, 0xde);                            /* bit 0 low */
    assert_int_equal(soft, 1);
    out(0x64, 0xfe);
    assert_int_equal(soft, 2);
    out(0x64, 0xf0);
    assert_int_equal(soft, 3);
    out(0x64, 0xff);                                /* pulses nothing */
    out(0x64, 0xfd);
    assert_int_equal(soft, 3);
    assert_int_equal(hard, 0);
}

static void test_password_and_unknown_commands(void **unused)
{
    command(0xa5, 0x1e);
    out(0x60, 0x30);
    out(0x60, 0x00);                                /* ends the password */
    assert_int_equal(in(0x64) & 1, 0);
    out(0x60, 0xff);                                /* so this goes to the keyboard */
    assert_int_equal(in(0x60), 0xfe);
    for (unsigned c = 0; c < 0x20; c++)
        out(0x64, (uint8_t)c);
    out(0x64, 0xa6), out(0x64, 0xac), out(0x64, 0xb5), out(0x64, 0xc1);
    assert_int_equal(in(0x64) & 1, 0);
    out(0x64, 0xd1), out(0x64, 0xaa);               /* a command replaces one that waits */
    assert_int_equal(in(0x60), 0x55);
    out(0x60, 0xfe);
    assert_int_equal(soft, 0);
}

/* ---- with devices --------------------------------------------------------------- */

struct echo { uint8_t queue[8]; unsigned n; uint8_t written; };

static void echo_write(void *dev, uint8_t byte)
{
    struct echo *e = dev;
    e->written = byte;
    e->queue[e->n++] = 0xfa;
}

static bool echo_read(void *dev, uint8_t *byte)
{
    struct echo *e = dev;
    if (!e->n)
        return false;
    *byte = e->queue[0];
    memmove(e->queue, e->queue + 1, --e->n);
    return true;
}

static void test_plugged_devices(void **unused)
{
    struct echo kbd = { .n = 0 }, aux = { .n = 0 };
    const struct ps2_device a = { &kbd, echo_write, echo_read };
    const struct ps2_device b = { &aux, echo_write, echo_read };
    i8042_plug(&k, I8042_KBD, &a);
    i8042_plug(&k, I8042_AUX, &b);
    out(0x60, 0xf4);
    assert_int_equal(kbd.written, 0xf4);
    assert_int_equal(in(0x64) & 0x61, 0x01);
    assert_int_equal(in(0x60), 0xfa);
    command(0xd4, 0xf2);
    assert_int_equal(aux.written, 0xf2);
    assert_int_equal(in(0x64) & 0x61, 0x21);
    kbd.queue[kbd.n++] = 0x1c;
    kbd.queue[kbd.n++] = 0x9c;
    aux.queue[aux.n++] = 0x08;
    i8042_poll(&k);
    assert_int_equal(in(0x60), 0xfa);               /* one at a time, keyboard first */
    assert_int_equal(in(0x60), 0x1c);
    assert_int_equal(in(0x60), 0x9c);
    assert_int_equal(in(0x64) & 0x21, 0x21);
    assert_int_equal(in(0x60), 0x08);
    assert_int_equal(in(0x64) & 0x01, 0);
    out(0x64, 0xad);
    kbd.queue[kbd.n++] = 0x1e;
    i8042_poll(&k);
    assert_int_equal(in(0x64) & 0x01, 0);           /* its clock is off */
    out(0x64, 0xae);
    assert_int_equal(in(0x60), 0x1e);
    i8042_plug(&k, I8042_KBD, NULL);
    out(0x60, 0xf4);
    assert_int_equal(in(0x60), 0xfe);
}

/* ---- state ---------------------------------------------------------------------- */

static uint32_t seed;
static uint32_t random32(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static void churn(unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        uint32_t r = random32();
        uint16_t port = r & 1 ? 0x60 : 0x64;
        if (r & 2)
            out(port, (uint8_t)(r >> 8));
        else
            in(port);
    }
}

static size_t save(uint8_t *buf, size_t cap)
{
    struct state_out o = { .buf = buf, .cap = cap };
    i8042_save(&k, &o);
    assert_true(o.len <= cap);
    return o.len;
}

static void test_round_trip(void **unused)
{
    uint8_t first[128], second[128], again[128];
    for (uint32_t round = 1; round < 300; round++) {
        seed = round;
        churn(50);
        size_t n = save(first, sizeof(first));
        bool line[2] = { f->line[1], f->line[12] };
        uint32_t resume = seed;
        churn(50);
        assert_int_equal(save(second, sizeof(second)), n);
        i8042_init(&k, &f->env, reset, &bus);
        f->line[1] = line[0], f->line[12] = line[1];
        struct state_in i = { .buf = first, .len = n };
        assert_int_equal(i8042_load(&k, &i), HV_OK);
        assert_int_equal(k.line[0], line[0]);
        assert_int_equal(k.line[1], line[1]);
        save(again, sizeof(again));
        assert_memory_equal(again, first, n);
        seed = resume;
        churn(50);
        save(again, sizeof(again));
        assert_memory_equal(again, second, n);
    }
}

static void test_load_refuses(void **unused)
{
    uint8_t good[128];
    size_t n = save(good, sizeof(good));
    for (size_t cut = 0; cut < n; cut++) {
        struct state_in i = { .buf = good, .len = cut };
        assert_int_not_equal(i8042_load(&k, &i), HV_OK);
    }
    good[12 + 32 + 2] = 0xaa;                       /* takes no parameter */
    struct state_in i = { .buf = good, .len = n };
    assert_int_equal(i8042_load(&k, &i), HV_INVALID);
}

/* ---- misc_ports ----------------------------------------------------------------- */

static void test_port92(void **unused)
{
    assert_int_equal(in(0x92), 0x02);
    out(0x92, 0x00);
    assert_int_equal(in(0x92), 0x00);
    out(0x92, 0xfe);
    assert_int_equal(in(0x92), 0xca);
    assert_int_equal(soft, 0);
    out(0x92, 0x03);
    assert_int_equal(soft, 1);
    out(0x92, 0x03);                                /* no rising edge */
    assert_int_equal(soft, 1);
    out(0x92, 0x02), out(0x92, 0x03);
    assert_int_equal(soft, 2);
    assert_int_equal(hard, 0);
}

static void test_cf9(void **unused)
{
    fake_write(misc_ports_cf9, &m, 0, 1, 0xf2);
    assert_int_equal(fake_read(misc_ports_cf9, &m, 0, 1), 0x02);
    assert_int_equal(hard, 0);
    fake_write(misc_ports_cf9, &m, 0, 1, 0x06);
    assert_int_equal(hard, 1);
    fake_write(misc_ports_cf9, &m, 0, 1, 0x06);
    assert_int_equal(hard, 1);
    fake_write(misc_ports_cf9, &m, 0, 1, 0x00);
    fake_write(misc_ports_cf9, &m, 0, 1, 0x0e);     /* in one write as well */
    assert_int_equal(hard, 2);
    fake_write(misc_ports_cf9, &m, 0, 1, 0x00);
    fake_write(misc_ports_cf9, &m, 0, 1, 0x04);
    assert_int_equal(soft, 1);
    assert_int_equal(hard, 2);
}

static void test_post(void **unused)
{
    out(0x80, 0x5a);
    assert_int_equal(in(0x80), 0x5a);
    assert_int_equal(m.post, 0x5a);
    out(0xed, 0x5a);
    assert_int_equal(in(0xed), 0xff);
    misc_ports_reset(&m);
    assert_int_equal(in(0x80), 0);
}

static void test_misc_round_trip(void **unused)
{
    uint8_t buf[32];
    struct state_out o = { .buf = buf, .cap = sizeof(buf) };
    out(0x80, 0x12), out(0x92, 0x81);
    fake_write(misc_ports_cf9, &m, 0, 1, 0x0a);
    misc_ports_save(&m, &o);
    misc_ports_reset(&m);
    for (size_t cut = 0; cut < o.len; cut++) {
        struct state_in i = { .buf = buf, .len = cut };
        assert_int_not_equal(misc_ports_load(&m, &i), HV_OK);
    }
    assert_int_equal(in(0x92), 0x02);
    struct state_in i = { .buf = buf, .len = o.len };
    unsigned before = soft;
    assert_int_equal(misc_ports_load(&m, &i), HV_OK);
    assert_int_equal(in(0x80), 0x12);
    assert_int_equal(in(0x92), 0x81);
    assert_int_equal(fake_read(misc_ports_cf9, &m, 0, 1), 0x0a);
    assert_int_equal(soft, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reset_state, setup, teardown),
        cmocka_unit_test_setup_teardown(test_widths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_self_and_interface_tests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ram, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enables_in_the_command_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_interrupts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_ports_time_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a20_and_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_password_and_unknown_commands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plugged_devices, setup, teardown),
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_port92, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cf9, setup, teardown),
        cmocka_unit_test_setup_teardown(test_post, setup, teardown),
        cmocka_unit_test_setup_teardown(test_misc_round_trip, setup, teardown),
    };
    return cmocka_run_group_tests_name("i8042", tests, NULL, NULL);
}
