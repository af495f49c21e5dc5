/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drives the legacy PC's devices as a hostile guest would, all on one bus: accesses of
 * any width to any of their ports, time in small and huge steps, bytes and breaks from
 * outside, save and load, and loads of damaged records. After each step the interrupt
 * lines must agree with what the devices believe, and a saved state must load to itself.
 */
#include <string.h>

#include "fake/fake_env.h"
#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/device/acpi_pm.h"
#include "socle/device/i8042.h"
#include "socle/device/misc_ports.h"
#include "socle/device/pci.h"
#include "socle/device/pic.h"
#include "socle/device/pit.h"
#include "socle/device/rtc.h"
#include "socle/device/uart.h"
#include "socle/platform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STATE_MAX = 4096, STEPS_MAX = 4096 };

static const uint16_t ports[] = {
    0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x70, 0x71, 0x72, 0x73,
    0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x60, 0x64, 0x80, 0x92, 0xed,
    0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x608, 0x609, 0x620, 0x621, 0x622, 0x623,
    0xcf8, 0xcf9, 0xcfa, 0xcfb, 0xcfc, 0xcfd, 0xcfe, 0xcff,
};

static struct fake_env *f;
static struct dev_env env;
static struct pio_bus bus;
static struct pic pic;
static struct pit pit;
static struct rtc rtc;
static struct uart uart;
static struct i8042 kbc;
static struct misc_ports misc;
static struct acpi_pm pm;
static struct pci pci;
static bool int_line;

static const uint8_t *next;
static size_t left;

static uint8_t u8(void)
{
    if (!left)
        return 0;
    left--;
    return *next++;
}

static uint32_t u32(void)
{
    uint32_t v = u8();
    v |= (uint32_t)u8() << 8;
    v |= (uint32_t)u8() << 16;
    return v | (uint32_t)u8() << 24;
}

/* ---- the world outside ---------------------------------------------------------- */

static void irq(void *ctx, uint32_t gsi, bool level)
{
    hv_assert(gsi < PIC_LINES);
    f->line[gsi] = level;
    pic_set_line(&pic, gsi, level);
}

static void output(void *ctx, bool level)
{
    hv_assert(level != int_line);
    int_line = level;
}

static void reset(void *ctx, enum dev_reset kind) { }
static void power_off(void *ctx) { }
static void tx(void *ctx, uint8_t byte) { }
static void room(void *ctx) { uart_rx(&uart, (const uint8_t *)"room", 4); }

static void build(void)
{
    const struct uart_backend back = { NULL, tx, room };
    if (!f)
        f = fake_env_new();
    f->now = 0;
    alarm_queue_init(&f->alarms, f->heap, FAKE_ALARMS);
    memset(f->line, 0, sizeof(f->line));
    env = f->env;
    env.irq = irq;
    int_line = false;
    pio_bus_init(&bus);
    pic_init(&pic, output, NULL);
    pit_init(&pit, &env);
    rtc_init(&rtc, &env, 1700000000);
    uart_init(&uart, &env, 4, &back);
    i8042_init(&kbc, &env, reset, NULL);
    misc_ports_init(&misc, reset, NULL);
    acpi_pm_init(&pm, &env, power_off, NULL);
    pci_init(&pci, &env, misc_ports_cf9, &misc);
    hv_assert(pic_attach(&pic, &bus) == HV_OK);
    hv_assert(pit_attach(&pit, &bus) == HV_OK);
    hv_assert(rtc_attach(&rtc, &bus) == HV_OK);
    hv_assert(uart_attach(&uart, &bus, PLAT_COM1) == HV_OK);
    hv_assert(i8042_attach(&kbc, &bus) == HV_OK);
    hv_assert(misc_ports_attach(&misc, &bus) == HV_OK);
    hv_assert(acpi_pm_attach(&pm, &bus) == HV_OK);
    hv_assert(pci_attach(&pci, &bus) == HV_OK);
}

static void reset_all(void)
{
    pic_reset(&pic);
    pit_reset(&pit);
    rtc_reset(&rtc);
    uart_reset(&uart);
    i8042_reset(&kbc);
    misc_ports_reset(&misc);
    acpi_pm_reset(&pm);
    pci_reset(&pci);
}

/* ---- state ---------------------------------------------------------------------- */

static size_t save_all(uint8_t *buf)
{
    struct state_out o = { .buf = buf, .cap = STATE_MAX };
    pic_save(&pic, &o);
    pit_save(&pit, &o);
    rtc_save(&rtc, &o);
    uart_save(&uart, &o);
    i8042_save(&kbc, &o);
    misc_ports_save(&misc, &o);
    acpi_pm_save(&pm, &o);
    pci_save(&pci, &o);
    hv_assert(o.len <= STATE_MAX);
    return o.len;
}

/* Each device from its own reader, so that a bad record stops nobody else. */
static bool load_all(const uint8_t *buf, size_t n)
{
    bool good = true;
    struct state_in in = { .buf = buf, .len = n };
    for (unsigned i = 0; i < 8; i++) {
        size_t start = in.pos;
        hv_status s = HV_OK;
        switch (i) {
        case 0: s = pic_load(&pic, &in); break;
        case 1: s = pit_load(&pit, &in); break;
        case 2: s = rtc_load(&rtc, &in); break;
        case 3: s = uart_load(&uart, &in); break;
        case 4: s = i8042_load(&kbc, &in); break;
        case 5: s = misc_ports_load(&misc, &in); break;
        case 6: s = acpi_pm_load(&pm, &in); break;
        default: s = pci_load(&pci, &in); break;
        }
        if (s == HV_OK)
            continue;
        good = false;
        if (n - start < 12)
            break;
        size_t len = (size_t)(buf[start + 8] | buf[start + 9] << 8);
        if (len > n - start - 12)
            break;
        in = (struct state_in){ .buf = buf, .len = n, .pos = start + 12 + len };
    }
    return good;
}

/* Loading drives no lines: take over what the devices say, as controllers load theirs. */
static void adopt_lines(void)
{
    f->line[0] = pit.line;
    f->line[8] = rtc.line;
    f->line[4] = uart.line;
    f->line[1] = kbc.line[I8042_KBD];
    f->line[12] = kbc.line[I8042_AUX];
    f->line[9] = pm.line;
    int_line = pic_output(&pic);
}

static void round_trip(void)
{
    uint8_t first[STATE_MAX], again[STATE_MAX];
    size_t n = save_all(first);
    hv_assert(load_all(first, n));
    adopt_lines();
    hv_assert(save_all(again) == n && !memcmp(first, again, n));
}

/* Looks at everything, so that a loaded state cannot hide. */
static void sweep(void)
{
    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        struct bus_access a = { .size = 1 };
        pio_access(&bus, ports[i], &a);
    }
}

static void damaged_load(void)
{
    uint8_t buf[STATE_MAX];
    size_t n = save_all(buf);
    for (unsigned i = u8() & 15; i; i--) {
        uint32_t at = u32();
        buf[(at & 0xffff) % n] = (uint8_t)(at >> 16);
    }
    (void)load_all(buf, n);
    adopt_lines();
    round_trip();
    sweep();
}

/* ---- steps ---------------------------------------------------------------------- */

static void check(void)
{
    hv_assert(f->line[0] == pit.line && f->line[8] == rtc.line && f->line[4] == uart.line);
    hv_assert(f->line[1] == kbc.line[0] && f->line[12] == kbc.line[1] && f->line[9] == pm.line);
    hv_assert(int_line == pic_output(&pic));
    hv_assert(uart.used <= UART_FIFO);
}

static void access_port(bool write)
{
    uint8_t which = u8(), sizes = u8();
    struct bus_access a = { .size = (uint8_t)(1 << sizes % 3), .write = write };
    if (sizes & 0x80)               /* most accesses have the usual width */
        a.size = 1;
    if (write)
        a.value = a.size == 1 ? u8() : u32() & ones_of_size(a.size);
    uint16_t port = which < 0xf0 ? ports[which % ARRAY_LEN(ports)] : (uint16_t)u32();
    pio_access(&bus, port, &a);
    hv_assert((a.value & ~ones_of_size(a.size)) == 0);
}

static void step(void)
{
    uint8_t byte = u8(), arg;
    switch (byte & 15) {
    case 0: fake_env_advance(f, u32() & 0xffffff); break;
    case 1:                         /* a vCPU that was away for long */
        f->now += (uint64_t)u32() << (byte >> 4);
        fake_env_advance(f, 0);
        break;
    case 2: (void)pic_ack(&pic); break;
    case 3:
        arg = u8();
        uart_rx(&uart, &arg, 1);
        break;
    case 4: uart_rx_break(&uart); break;
    case 5: uart_set_modem(&uart, u8()); break;
    case 6: acpi_pm_power_button(&pm); break;
    case 7: acpi_pm_gpe(&pm, u8() & 31); break;
    case 8: round_trip(); break;
    case 9: damaged_load(); break;
    case 10: reset_all(); break;
    case 11:
    case 12: access_port(false); break;
    default: access_port(true); break;
    }
    check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    next = data;
    left = size;
    build();
    reset_all();
    for (unsigned i = 0; left && i < STEPS_MAX; i++)
        step();
    return 0;
}
