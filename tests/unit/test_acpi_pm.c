/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/device/acpi_pm.c: widths, status and enable, SCI, timer, sleep, button, GPE, state. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_env.h"
#include "socle/bits.h"
#include "socle/device/acpi_pm.h"
#include "socle/device/ticks.h"
#include "socle/platform.h"

enum {
    STS = PLAT_PM_BASE, EN = PLAT_PM_BASE + 2, CNT = PLAT_PM_BASE + 4, TMR = PLAT_PM_TIMER,
    GPE_STS = PLAT_GPE0, GPE_EN = PLAT_GPE0 + 2, SCI = PLAT_IRQ_SCI
};

/* The timer's top bit changes each 2^31 ticks, about 600 s. */
#define HALF_TURN ns_of_ticks(1ull << 31, ACPI_PM_TIMER_HZ)

static struct fake_env *f;
static struct acpi_pm pm;
static struct pio_bus bus;
static unsigned offs;

static void power_off(void *ctx)
{
    assert_ptr_equal(ctx, &bus);
    offs++;
}

static int setup(void **unused)
{
    f = fake_env_new();
    offs = 0;
    pio_bus_init(&bus);
    acpi_pm_init(&pm, &f->env, power_off, &bus);
    acpi_pm_reset(&pm);
    assert_int_equal(acpi_pm_attach(&pm, &bus), HV_OK);
    return 0;
}

static int teardown(void **unused)
{
    fake_env_free(f);
    return 0;
}

static void out(uint16_t port, uint8_t size, uint32_t v)
{
    struct bus_access a = { .value = v, .size = size, .write = true };
    (void)pio_access(&bus, port, &a);
}

static uint32_t in(uint16_t port, uint8_t size)
{
    struct bus_access a = { .size = size };
    (void)pio_access(&bus, port, &a);
    return (uint32_t)a.value;
}

static void test_widths(void **unused)
{
    assert_int_equal(in(STS, 2), 0);
    assert_int_equal(in(STS, 1), 0);
    assert_int_equal(in(STS, 4), 0xffffffff);
    assert_int_equal(in(CNT, 2), 1);
    assert_int_equal(in(CNT, 4), 0xffffffff);
    assert_int_equal(in(TMR, 2), 0xffff);
    assert_int_equal(in(TMR, 1), 0xff);
    assert_int_equal(in(TMR, 4), 0);
    assert_int_equal(in(GPE_STS, 1), 0);
    assert_int_equal(in(GPE_STS, 2), 0xffff);
    out(EN, 4, 0xffffffff);
    assert_int_equal(in(EN, 2), 0);
}

static void test_enables(void **unused)
{
    out(EN, 2, 0xffff);
    assert_int_equal(in(EN, 2), 0x0721);
    out(EN + 1, 1, 0x01);
    assert_int_equal(in(EN, 2), 0x0121);
    out(EN, 1, 0x00);
    assert_int_equal(in(EN, 2), 0x0100);
    assert_int_equal(in(EN + 1, 1), 0x01);
    out(STS, 2, 0xffff);
    assert_int_equal(in(EN, 2), 0x0100);
    assert_int_equal(in(STS + 1, 2), 0);        /* top of status, bottom of enable */
}

static void test_power_button(void **unused)
{
    assert_false(acpi_pm_power_button(&pm));
    assert_int_equal(in(STS, 2), 0x0100);
    assert_false(f->line[SCI]);
    out(EN, 2, 0x0100);
    assert_true(f->line[SCI]);                  /* it was pending */
    out(STS, 1, 0xff);
    assert_true(f->line[SCI]);
    out(STS, 2, 0xfeff);
    assert_true(f->line[SCI]);
    out(STS + 1, 1, 0x01);
    assert_false(f->line[SCI]);
    assert_int_equal(in(STS, 2), 0);
    assert_true(acpi_pm_power_button(&pm));
    assert_true(f->line[SCI]);
    out(EN, 2, 0);
    assert_false(f->line[SCI]);
    assert_int_equal(in(STS, 2), 0x0100);
}

static void test_control(void **unused)
{
    assert_int_equal(in(CNT, 2), 0x0001);
    out(CNT, 2, 0x0000);
    assert_int_equal(in(CNT, 2), 0x0001);       /* always in ACPI mode */
    out(CNT, 2, 0xffff & ~0x2000);
    assert_int_equal(in(CNT, 2), 0x1c03);
    assert_int_equal(in(CNT + 1, 1), 0x1c);
    out(CNT, 1, 0);
    assert_int_equal(in(CNT, 2), 0x1c01);
    assert_int_equal(offs, 0);
}

static void test_sleep(void **unused)
{
    for (unsigned type = 0; type < 8; type++) {
        out(CNT, 2, type << 10);
        assert_int_equal(offs, 0);
    }
    for (unsigned type = 0; type < 8; type++) {
        offs = 0;
        out(CNT, 2, 0x2000 | type << 10);
        assert_int_equal(offs, type == PLAT_SLP_TYP_S5);
        assert_int_equal(in(CNT, 2), 1 | type << 10);
    }
    offs = 0;
    out(CNT, 2, PLAT_SLP_TYP_S5 << 10);
    out(CNT + 1, 1, 0x20 | PLAT_SLP_TYP_S5 << 2);   /* as two bytes */
    assert_int_equal(offs, 1);
}

static void test_timer(void **unused)
{
    fake_env_advance(f, 1000000000);
    assert_int_equal(in(TMR, 4), ACPI_PM_TIMER_HZ);
    fake_env_advance(f, 3599 * 1000000000ull);
    assert_int_equal(in(TMR, 4), (uint32_t)(3600ull * ACPI_PM_TIMER_HZ));
    out(TMR, 4, 0);
    assert_int_equal(in(TMR, 4), (uint32_t)(3600ull * ACPI_PM_TIMER_HZ));
}

static void test_timer_status_without_interrupt(void **unused)
{
    fake_env_advance(f, HALF_TURN - 1);
    assert_int_equal(in(STS, 2), 0);
    fake_env_advance(f, 1);
    assert_int_equal(in(STS, 2), 1);
    assert_int_equal(alarm_next(&f->alarms), ALARM_NEVER);
    out(STS, 2, 1);
    assert_int_equal(in(STS, 2), 0);
    fake_env_advance(f, HALF_TURN);
    assert_int_equal(in(STS, 2), 1);            /* the fall counts like the rise */
    out(EN, 2, 1);
    assert_true(f->line[SCI]);
}

static void test_timer_interrupt(void **unused)
{
    out(EN, 2, 1);
    fake_env_advance(f, HALF_TURN - 1);
    assert_false(f->line[SCI]);
    fake_env_advance(f, 1);
    assert_true(f->line[SCI]);
    fake_env_advance(f, 3 * HALF_TURN);
    assert_int_equal(f->rises[SCI], 1);
    out(STS, 2, 1);
    assert_false(f->line[SCI]);
    fake_env_advance(f, HALF_TURN);
    assert_int_equal(f->rises[SCI], 2);
    out(EN, 2, 0);
    assert_int_equal(alarm_next(&f->alarms), ALARM_NEVER);
}

static void test_gpe(void **unused)
{
    acpi_pm_gpe(&pm, 3);
    acpi_pm_gpe(&pm, 15);
    acpi_pm_gpe(&pm, 16);
    assert_int_equal(in(GPE_STS, 1), 0x08);
    assert_int_equal(in(GPE_STS + 1, 1), 0x80);
    assert_false(f->line[SCI]);
    out(GPE_EN + 1, 1, 0x80);
    assert_int_equal(in(GPE_EN + 1, 1), 0x80);
    assert_int_equal(in(GPE_EN, 1), 0);
    assert_true(f->line[SCI]);
    out(GPE_STS, 1, 0xff);
    assert_true(f->line[SCI]);
    out(GPE_STS + 1, 1, 0x7f);
    assert_true(f->line[SCI]);
    out(GPE_STS + 1, 1, 0x80);
    assert_false(f->line[SCI]);
}

static void test_reset(void **unused)
{
    out(EN, 2, 0x0101);
    out(CNT, 2, 0x1c00);
    acpi_pm_power_button(&pm);
    acpi_pm_gpe(&pm, 1);
    fake_env_advance(f, 1000000000);
    acpi_pm_reset(&pm);
    assert_false(f->line[SCI]);
    assert_int_equal(alarm_next(&f->alarms), ALARM_NEVER);
    assert_int_equal(in(STS, 2) | in(EN, 2) | in(GPE_STS, 1), 0);
    assert_int_equal(in(CNT, 2), 1);
    assert_int_equal(in(TMR, 4), ACPI_PM_TIMER_HZ);
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
        switch (r & 7) {
        case 0: out((uint16_t)(STS + (r >> 3 & 3)), r >> 5 & 1 ? 1 : 2, r >> 6); break;
        case 1: out((uint16_t)(GPE_STS + (r >> 3 & 3)), 1, r >> 6); break;
        case 2: acpi_pm_power_button(&pm); break;
        case 3: acpi_pm_gpe(&pm, r >> 3 & 15); break;
        case 4: out(CNT, 2, r >> 3); break;
        case 5: in(STS, 2); break;
        default: fake_env_advance(f, (uint64_t)r << 14); break;
        }
    }
}

static size_t save(uint8_t *buf, size_t cap)
{
    struct state_out o = { .buf = buf, .cap = cap };
    acpi_pm_save(&pm, &o);
    assert_true(o.len <= cap);
    return o.len;
}

static void test_round_trip(void **unused)
{
    uint8_t first[64], second[64], again[64];
    for (uint32_t round = 1; round < 300; round++) {
        seed = round;
        churn(60);
        size_t n = save(first, sizeof(first));
        uint64_t now = f->now;
        bool line = f->line[SCI];
        uint32_t resume = seed;
        churn(60);
        assert_int_equal(save(second, sizeof(second)), n);
        alarm_cancel(&f->alarms, &pm.alarm);
        f->now = now;
        f->line[SCI] = line;
        acpi_pm_init(&pm, &f->env, power_off, &bus);
        struct state_in i = { .buf = first, .len = n };
        unsigned rises = f->rises[SCI];
        assert_int_equal(acpi_pm_load(&pm, &i), HV_OK);
        assert_int_equal(f->rises[SCI], rises);
        assert_int_equal(pm.line, line);
        save(again, sizeof(again));
        assert_memory_equal(again, first, n);
        seed = resume;
        churn(60);
        save(again, sizeof(again));
        assert_memory_equal(again, second, n);
    }
}

static void test_load_refuses(void **unused)
{
    uint8_t good[64];
    size_t n = save(good, sizeof(good));
    for (size_t cut = 0; cut < n; cut++) {
        struct state_in i = { .buf = good, .len = cut };
        assert_int_not_equal(acpi_pm_load(&pm, &i), HV_OK);
    }
    good[n - 1] = 0x40;
    struct state_in i = { .buf = good, .len = n };
    assert_int_equal(acpi_pm_load(&pm, &i), HV_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_widths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_power_button, setup, teardown),
        cmocka_unit_test_setup_teardown(test_control, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sleep, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timer_status_without_interrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timer_interrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gpe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_refuses, setup, teardown),
    };
    return cmocka_run_group_tests_name("acpi_pm", tests, NULL, NULL);
}
