/* SPDX-License-Identifier: BSD-2-Clause */
/* A shell on a core and a console that only take notes; for the tests of the commands. */
#ifndef SHELL_FIXTURE_H
#define SHELL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "socle/console.h"
#include "socle/fmt.h"
#include "socle/str.h"

#define S 1000000000ull

enum { GUESTS = 3 };

static struct shell shell;
static struct console_guest guest[GUESTS], *head;
static struct guest_row row[GUESTS];
static char out[20000], calls[2000];
static hv_status act_result;
static bool stop_works, drained;

static size_t PRINTF(3, 4) add(char *to, size_t size, const char *format, ...)
{
    size_t len = strlen(to);
    va_list args;
    va_start(args, format);
    fmt_v(to + len, size - len, format, args);
    va_end(args);
    return len;
}

static void io_line(void *ctx, const char *text) { add(out, sizeof(out), "%s\n", text); }
static void io_attach(void *ctx, struct console_guest *g)
{
    add(calls, sizeof(calls), "attach %s;", g->name);
}
static void io_log(void *ctx, enum log_level level, const char *text)
{
    add(out, sizeof(out), "log%u: %s\n", level, text);
}
static void io_show_log(void *ctx, struct console_guest *g)
{
    add(calls, sizeof(calls), "log %s;", g ? g->name : "own");
}
static void io_text(void *ctx, const char *text, size_t n)
{
    add(calls, sizeof(calls), "text %.*s;", (int)n, text);
}
static void io_trace(void *ctx) { add(calls, sizeof(calls), "trace;"); }
static void io_flows(void *ctx, uint32_t index, bool only)
{
    add(calls, sizeof(calls), "flows %u %s;", index, only ? "only" : "on");
}
static void io_top(void *ctx) { add(calls, sizeof(calls), "top;"); }
static bool io_drained(void *ctx) { return drained; }

static hv_status act(void *ctx, enum guest_action what, struct console_guest *g,
                     char why[SHELL_WHY])
{
    static const char *const name[] = { "start", "stop", "kill", "reset", "pause", "resume" };
    add(calls, sizeof(calls), "%s %s;", name[what], g->name);
    if (what == ACTION_KILL)
        g->running = false;
    if (what == ACTION_STOP && !stop_works)
        return HV_UNSUPPORTED;
    if (act_result != HV_OK)
        fmt(why, SHELL_WHY, "the reason");
    return act_result;
}

static void get_row(void *ctx, struct console_guest *g, struct guest_row *r)
{
    *r = row[g - guest];
}

static bool info(void *ctx, struct console_guest *g, uint32_t i, char key[24], char value[200])
{
    fmt(key, 24, i ? "vcpu %u" : "kernel", i - 1);
    fmt(value, 200, i ? "rip 0x%x" : "vmlinuz", i * 16);
    return i < 3;
}

static size_t exits(void *ctx, struct console_guest *g, struct exit_row *rows, size_t max)
{
    if (g != guest)
        return 0;
    rows[0] = (struct exit_row){ "hlt", 10, 1000 };
    rows[1] = (struct exit_row){ "io", 3000, 5999000 };
    rows[2] = (struct exit_row){ "never", 0, 0 };
    rows[3] = (struct exit_row){ "cpuid", 20, 1000 };
    return 4;
}

static size_t mem(void *ctx, struct mem_row *rows, size_t max)
{
    rows[0] = (struct mem_row){ "all memory", GIB(1), true };
    rows[1] = (struct mem_row){ "guest web", MIB(512), false };
    rows[2] = (struct mem_row){ "hypervisor", MIB(1), false };
    return 3;
}

static size_t cpus(void *ctx, struct cpu_row *rows, size_t max)
{
    rows[0] = (struct cpu_row){ 0, 0, "guest web vcpu 0", 500, 1000 };
    rows[1] = (struct cpu_row){ 1, 2, "idle", 0, 0 };
    return 2;
}

static size_t more_devices;         /* PCI functions beyond the usual ones */

static size_t devices(void *ctx, size_t first, struct device_row *rows, size_t max)
{
    static const struct device_row usual[] = {
        { "0000:00:03.0", "network (8086:100e)", "", "", false },
        { "0000:00:04.0", "virtio disk (1af4:1042)", "virtio-blk", "socle", false },
        { "vda", "disk, 64.0 MiB, serial:data1", "virtio-blk", "-", true },
        { "vda1", "partition, 32.0 MiB, PARTUUID=6f1c2d3e-01", "virtio-blk", "web", true },
    };
    size_t n = 0;
    for (; n < max && first + n < ARRAY_LEN(usual) + more_devices; n++) {
        rows[n] = (struct device_row){ .what = "more", .owner = "nobody" };
        fmt(rows[n].at, sizeof(rows[n].at), "%zu", first + n);
        if (first + n < ARRAY_LEN(usual))
            rows[n] = usual[first + n];
    }
    return n;
}

static uint32_t switches, lan_ports;

static bool switch_row(void *ctx, uint32_t index, struct switch_row *r)
{
    static const struct switch_row all[] = {
        { "lan", 1500, "", 1 }, { "wan", 9000, "0000:00:03.0 52:54:00:12:34:57", 12 },
    };
    if (index >= switches)
        return false;
    *r = all[index];
    return true;
}

static size_t ports(void *ctx, uint32_t index, size_t first, struct port_row *rows, size_t max)
{
    static const struct port_row some[] = {
        { .port = "web", .mac = "52:54:00:12:34:56", .vlan = "10", .up = true, .rx = 12,
          .rx_bytes = 1104, .tx = 14, .tx_bytes = 1288, .dropped[PORT_DROP_SPOOFED] = 1,
          .dropped[PORT_DROP_STORM] = 40, .dropped[PORT_DROP_NO_FLOW] = 40 },
        { .port = "mail", .mac = "52:54:00:12:34:58", .vlan = "-" },
    };
    size_t n = 0;
    for (; index == 0 && n < max && first + n < lan_ports; n++)
        rows[n] = some[(first + n) % 2];
    return n;
}

static bool flow(void *ctx, uint32_t index, uint64_t *cursor, char *line, size_t size)
{
    return false;
}

static const char *config(void *ctx, size_t *len)
{
    *len = 11;
    return "version = 1\n";
}

static bool trace(void *ctx, uint64_t *cursor, char *line, size_t size) { return false; }
static void closing(void *ctx, bool down)
{
    add(calls, sizeof(calls), "closing %u;", down);
}
static void machine_end(void *ctx, bool reboot)
{
    add(calls, sizeof(calls), reboot ? "REBOOT;" : "OFF;");
}

static const struct shell_ops all_ops = {
    .act = act, .row = get_row, .info = info, .exits = exits, .mem = mem, .cpus = cpus,
    .devices = devices, .switch_row = switch_row,
    .ports = ports, .flow = flow, .config = config, .trace = trace, .closing = closing,
    .machine_end = machine_end, .version = "9.9 on AMD-V",
};

static int setup_with(const struct shell_ops *ops)
{
    static const char *const names[GUESTS] = { "web", "mail", "web-test" };
    static const struct shell_io io = {
        NULL, io_line, io_attach, io_show_log, io_text, io_trace, io_flows, io_top, io_log,
        io_drained
    };
    memset(guest, 0, sizeof(guest));
    memset(row, 0, sizeof(row));
    for (unsigned i = 0; i < GUESTS; i++) {
        guest[i].name = names[i];
        guest[i].next = i + 1 < GUESTS ? &guest[i + 1] : NULL;
        guest[i].stop_due = UINT64_MAX;
        guest[i].running = i < 2;
        row[i].state = i < 2 ? GUEST_RUNNING : GUEST_OFF;
        row[i].cpus = i + 1;
        row[i].memory = MIB(64) << i;
    }
    head = guest;
    more_devices = switches = lan_ports = 0;
    act_result = HV_OK;
    stop_works = drained = true;
    shell_init(&shell, ops, &io, (struct console_guest *const *)&head);
    return 0;
}

static inline int setup(void **state) { return setup_with(&all_ops); }

/* Runs a line; its answer. */
static inline const char *run(const char *line)
{
    out[0] = calls[0] = '\0';
    shell_execute(&shell, line, 100 * S);
    return out;
}

static inline const char *tick(uint64_t now, uint64_t *next)
{
    out[0] = calls[0] = '\0';
    *next = shell_tick(&shell, now);
    return out;
}

#endif
