/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drives the whole console: two guests print hostile bytes, an operator types hostile
 * keys, time passes in jumps, devices take bytes or do not. What may reach a device is
 * checked while no guest is attached: no control bytes, and no `socle: x` at the start
 * of a line, which nobody but a guest can have written.
 */
#include <stdlib.h>

#include "socle/console.h"
#include "socle/str.h"

enum { GUESTS = 2 };

static struct console con;
static struct console_guest guest[GUESTS];
static uint64_t own_log[LOGRING_MIN / 8], guest_log[GUESTS][LOGRING_MIN / 8];
static uint8_t queue[CONSOLE_SINKS][CONSOLE_SINK_MIN];
static uint64_t now;
static bool attached_before;        /* raw bytes may be on their way */
static int matched;                 /* bytes of a forged line seen; -1: the line is another */

static size_t guest_input(void *ctx, struct console_guest *g, const uint8_t *bytes, size_t n)
{
    return n / 2;
}

static hv_status act(void *ctx, enum guest_action what, struct console_guest *g,
                     char why[SHELL_WHY])
{
    if (what == ACTION_START)
        console_guest_started(&con, g, now);
    if (what == ACTION_KILL)
        console_guest_stopped(&con, g, "killed", now);
    return what == ACTION_RESET ? HV_BUSY : HV_OK;
}

static void machine_end(void *ctx, bool reboot) { }

static const char *config(void *ctx, size_t *len)
{
    *len = 9;
    return "\x1b[2J\nx\r\r\n";
}

static bool switch_row(void *ctx, uint32_t index, struct switch_row *r)
{
    *r = (struct switch_row){ .name = "lan", .uplink = "\x1b[2J", .mtu = index };
    return index < 3;
}

static size_t ports(void *ctx, uint32_t index, size_t first, struct port_row *rows, size_t max)
{
    size_t n = 0;
    for (; n < max && first + n < 97 * index; n++) {
        rows[n] = (struct port_row){ .port = "p\r\n" };
        rows[n].dropped[n % PORT_DROPS] = UINT64_MAX;
    }
    return n;
}

static bool flow(void *ctx, uint32_t index, uint64_t *cursor, char *line, size_t size)
{
    memset(line, 0x80 + (int)index, size);
    return (*cursor)++ < 300 * index;
}

static const struct shell_ops shell_ops = {
    .switch_row = switch_row, .ports = ports, .flow = flow,
    .act = act, .machine_end = machine_end, .config = config,
};

static void begin(uint8_t kind)
{
    static const struct console_ops ops = { NULL, guest_input };
    now = 0;
    attached_before = false;
    matched = 0;
    console_init(&con, &ops, &shell_ops, logring_init(own_log, sizeof(own_log)));
    for (unsigned i = 0; i < 1u + (kind & 1u); i++)
        console_add_sink(&con, queue[i], sizeof(queue[i]));
    for (unsigned i = 0; i < (kind >> 1 & 1u) + 1u; i++)
        console_guest_add(&con, &guest[i], i ? "b" : "a", NULL,
                          logring_init(guest_log[i], sizeof(guest_log[i])));
    console_start(&con, now);
}

static void check_bytes(const uint8_t *bytes, size_t n)
{
    static const char forged[] = "socle: x";
    for (size_t i = 0; i < n && !attached_before; i++) {
        uint8_t c = bytes[i];
        if (c == '\r' || c == '\n')
            matched = 0;
        else
            matched = matched >= 0 && c == (uint8_t)forged[matched] ? matched + 1 : -1;
        if (matched == (int)sizeof(forged) - 1)
            abort();
        bool fine = (c >= 0x20 && c != 0x7f) || c == '\r' || c == '\n' || c == '\b' ||
                    c == '\t' || c == '\a' || c == 0x1b /* Ctrl-L's answer */;
        if (!fine)
            abort();
    }
}

/* One step, chosen by op; returns how many bytes of `data` it used. */
static size_t step(uint8_t op, const uint8_t *data, size_t size)
{
    uint8_t buf[512];
    size_t n = op >> 3;
    struct console_guest *g = con.guests->next && (op & 0x80) ? con.guests->next : con.guests;
    n = n < size ? n : size;
    if (con.mode == CONSOLE_ATTACHED)
        attached_before = true;
    switch (op & 7) {
    case 0: case 1:
        console_guest_output(&con, g, data, n, now);
        return n;
    case 2:
        console_input(&con, data, n, now);
        return n;
    case 3:
        if (g->running)
            console_guest_stopped(&con, g, "reboot", now);
        else
            console_guest_started(&con, g, now);
        return 0;
    case 4:
        now += (uint64_t)n * n * 1000000;
        if (console_tick(&con, now) < console_deadline(&con))
            abort();
        return 0;
    case 5:
        n = console_tx_take(&con, 0, buf, n * 16, now);
        check_bytes(buf, n);
        return 0;
    case 6:
        console_guest_output(&con, g, data, n, now);
        for (unsigned i = 0; i < 200; i++)
            console_guest_output(&con, g, data, n, now);
        return n;
    default:
        if (op & 8)
            console_break(&con, now);
        else
            console_log_line(&con, op & 16 ? LOG_ERROR : LOG_INFO, "a line", now);
        return 0;
    }
}

/* No broken state: everything the invariants in the headers promise. */
static void check_state(void)
{
    if (con.mode == CONSOLE_ATTACHED && (!con.attached || !con.attached->running))
        abort();
    if (strlen(con.edit.line) != con.edit.len || con.edit.cursor > con.edit.len)
        abort();
    for (unsigned i = 0; i < con.sinks; i++)
        if (con.sink[i].out.used > con.sink[i].out.cap)
            abort();
    if (logring_lines(con.log, 0, con.log->tail) > LOGRING_MIN / 16)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    begin(data[0]);
    for (size_t at = 1; at < size; ) {
        uint8_t op = data[at++];
        at += step(op, data + at, size - at);
        check_state();
    }
    return 0;
}
