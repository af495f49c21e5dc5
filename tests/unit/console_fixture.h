/* SPDX-License-Identifier: BSD-2-Clause */
/* A console with guests, an operator and two output devices, for its tests. */
#ifndef CONSOLE_FIXTURE_H
#define CONSOLE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "socle/console.h"
#include "socle/fmt.h"
#include "socle/str.h"

#define T_MS 1000000ull
#define T_S  1000000000ull

enum { MAX_GUESTS = 3, TEXT_MAX = 1 << 20 };

static struct console con;
static struct console_guest guest[MAX_GUESTS];
static uint64_t own_log[LOGRING_SIZE / 8], guest_log[MAX_GUESTS][LOGRING_SIZE / 8];
static uint8_t queue[CONSOLE_SINKS][CONSOLE_SINK_SIZE];
static char text[TEXT_MAX];         /* what device 0 took */
static size_t text_len;
static uint64_t now;
static char input[10000];           /* what guests got, "NAME:bytes" in one piece */
static size_t input_len, input_room;
static char acts[1000];             /* what the shell asked of the core */

static size_t guest_input(void *ctx, struct console_guest *g, const uint8_t *bytes, size_t n)
{
    if (n > input_room)
        n = input_room;
    input_room -= n;
    assert_true(input_len + n < sizeof(input));
    memcpy(input + input_len, bytes, n);
    input_len += n;
    input[input_len] = '\0';
    return n;
}

static hv_status act(void *ctx, enum guest_action what, struct console_guest *g,
                     char why[SHELL_WHY])
{
    size_t len = strlen(acts);
    fmt(acts + len, sizeof(acts) - len, "%u %s;", what, g->name);
    if (what == ACTION_START)
        console_guest_started(&con, g, now);
    if (what == ACTION_KILL)
        console_guest_stopped(&con, g, "killed", now);
    return HV_OK;
}

static void machine_end(void *ctx, bool reboot)
{
    fmt(acts + strlen(acts), 16, reboot ? "reboot;" : "off;");
}

static const char *config_text = "version = 1\r\n\n[host]\nbad = \"\x1b[2J\"\nlast";
static const char *config(void *ctx, size_t *len)
{
    *len = strlen(config_text);
    return config_text;
}

static bool trace(void *ctx, uint64_t *cursor, char *line, size_t size)
{
    fmt(line, size, "event %llu", (unsigned long long)*cursor);
    return (*cursor)++ < 3;
}

static bool switch_row(void *ctx, uint32_t index, struct switch_row *r)
{
    *r = (struct switch_row){ .mtu = 1500, .flows = 2 - index };
    fmt(r->name, sizeof(r->name), "%s", index ? "wan" : "lan");
    return index < 2;
}

static size_t ports(void *ctx, uint32_t index, size_t first, struct port_row *rows, size_t max)
{
    return 0;
}

/* Headings and two flows of the first switch, none of the second. */
static bool flow(void *ctx, uint32_t index, uint64_t *cursor, char *line, size_t size)
{
    fmt(line, size, *cursor ? "flow %llu" : "FLOW", (unsigned long long)*cursor);
    return index == 0 && (*cursor)++ < 3;
}

static const struct shell_ops shell_ops = {
    .switch_row = switch_row, .ports = ports, .flow = flow,
    .act = act, .machine_end = machine_end, .config = config, .trace = trace, .version = "1",
};

/* A console with one device and these guests, none running. */
static void begin(unsigned guests)
{
    static const char *const names[MAX_GUESTS] = { "web", "db", "mail" };
    static const struct console_ops ops = { NULL, guest_input };
    now = T_S;
    text_len = input_len = 0;
    text[0] = input[0] = acts[0] = '\0';
    input_room = sizeof(input);
    console_init(&con, &ops, &shell_ops, logring_init(own_log, sizeof(own_log)));
    assert_int_equal(console_add_sink(&con, queue[0], sizeof(queue[0])), 0);
    con.sink[0].fresh = true;
    for (unsigned i = 0; i < guests; i++)
        console_guest_add(&con, &guest[i], names[i], NULL,
                          logring_init(guest_log[i], sizeof(guest_log[i])));
}

/* Lets device 0 take all there is; returns it. */
static inline const char *shown(void)
{
    uint8_t buf[100];
    size_t n;
    text_len = 0;
    while ((n = console_tx_take(&con, 0, buf, sizeof(buf), now))) {
        assert_true(text_len + n < sizeof(text));
        memcpy(text + text_len, buf, n);
        text_len += n;
    }
    text[text_len] = '\0';
    return text;
}

/* Time passes, with ticks exactly when the console asks for them. */
static inline void pass(uint64_t ns)
{
    uint64_t end = now + ns;
    for (unsigned i = 0; i < 10000 && console_deadline(&con) <= end; i++) {
        now = console_deadline(&con) > now ? console_deadline(&con) : now;
        console_tick(&con, now);
    }
    now = end;
}

static inline void prints(unsigned g, const char *bytes)
{
    console_guest_output(&con, &guest[g], (const uint8_t *)bytes, strlen(bytes), now);
}

static inline void types(const char *bytes)
{
    console_input(&con, (const uint8_t *)bytes, strlen(bytes), now);
}

/* All guests started, all output so far taken. */
static inline void begin_running(unsigned guests)
{
    begin(guests);
    console_start(&con, now);
    for (unsigned i = 0; i < guests; i++)
        console_guest_started(&con, &guest[i], now);
    shown();
}

#endif
