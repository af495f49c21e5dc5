/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands that show the machine: memory, processors, devices, ... */
#include "shell_priv.h"
#include "socle/bits.h"
#include "socle/str.h"

/* part * scale / whole; very large numbers lose low bits rather than wrap. */
static uint64_t scaled(uint64_t part, uint64_t scale, uint64_t whole)
{
    while (part > UINT64_MAX / scale) {
        part >>= 1;
        whole >>= 1;
    }
    return whole ? part * scale / whole : 0;
}

char *shell_percent(char buf[PERCENT_LEN], uint64_t part, uint64_t whole)
{
    if (!whole) {
        fmt(buf, PERCENT_LEN, "-");
        return buf;
    }
    uint64_t tenths = scaled(part, 1000, whole);
    fmt(buf, PERCENT_LEN, "%llu.%llu%%", (unsigned long long)(tenths / 10),
        (unsigned long long)(tenths % 10));
    return buf;
}

void run_mem(struct shell *s, const struct call *call)
{
    struct mem_row *rows = s->rows.mem;
    size_t n = (size_t)min_u64(s->ops->mem(s->ops->ctx, rows, SHELL_ROWS), SHELL_ROWS);
    uint64_t total = 0;
    char size[FMT_SIZE_LEN], share[PERCENT_LEN];
    for (size_t i = 0; i < n; i++)
        if (rows[i].total)
            total = rows[i].bytes;
    table_begin(&s->table, "WHAT|>SIZE|>SHARE");
    for (size_t i = 0; i < n; i++) {
        table_cell(&s->table, "%s", rows[i].what);
        table_cell(&s->table, "%s", fmt_size(size, rows[i].bytes));
        table_cell(&s->table, "%s", shell_percent(share, rows[i].bytes, total));
    }
    table_print(&s->table, s->io.line, s->io.ctx);
}

void run_cpus(struct shell *s, const struct call *call)
{
    struct cpu_row *rows = s->rows.cpus;
    size_t n = (size_t)min_u64(s->ops->cpus(s->ops->ctx, rows, SHELL_ROWS), SHELL_ROWS);
    char share[PERCENT_LEN];
    table_begin(&s->table, ">CPU|>APIC ID|>BUSY|DOING");
    for (size_t i = 0; i < n; i++) {
        table_cell(&s->table, "%u", rows[i].index);
        table_cell(&s->table, "%u", rows[i].apic_id);
        table_cell(&s->table, "%s", shell_percent(share, rows[i].busy_ns, rows[i].up_ns));
        table_cell(&s->table, "%s", rows[i].doing);
    }
    table_print(&s->table, s->io.line, s->io.ctx);
}

static void add_device(struct table *t, const struct device_row *r)
{
    table_cell(t, "%s%s", r->below ? "  " : "", r->at);
    table_cell(t, "%s", r->owner[0] ? r->owner : "-");
    table_cell(t, "%s", r->driver[0] ? r->driver : "-");
    table_cell(t, "%s", r->what);
}

/* A big machine has more than one table of them. */
void run_devices(struct shell *s, const struct call *call)
{
    struct device_row *rows = s->rows.devices;
    size_t first = 0, n;
    do {
        n = (size_t)min_u64(s->ops->devices(s->ops->ctx, first, rows, SHELL_ROWS), SHELL_ROWS);
        if (first && !n)
            break;
        table_begin(&s->table, "AT|OWNER|DRIVER|DEVICE");
        for (size_t i = 0; i < n; i++)
            add_device(&s->table, &rows[i]);
        table_print(&s->table, s->io.line, s->io.ctx);
        first += n;
    } while (n == SHELL_ROWS);
}

void run_config(struct shell *s, const struct call *call)
{
    size_t len = 0;
    const char *text = s->ops->config(s->ops->ctx, &len);
    if (text)
        s->io.show_text(s->io.ctx, text, len);
    else
        shell_say(s, "there is no configuration");
}

void run_trace(struct shell *s, const struct call *call) { s->io.show_trace(s->io.ctx); }

void run_version(struct shell *s, const struct call *call)
{
    shell_say(s, "Socle %s", s->ops->version ? s->ops->version : SOCLE_VERSION);
}

static struct guest_row top_row(const struct shell *s, struct console_guest *g)
{
    struct guest_row row = { .state = g->running ? GUEST_RUNNING : GUEST_OFF };
    if (s->ops->row)
        s->ops->row(s->ops->ctx, g, &row);
    return row;
}

/* Counters start again with the guest; a smaller value than before counts from 0. */
static uint64_t growth(uint64_t now, uint64_t before) { return now >= before ? now - before : now; }

void run_top(struct shell *s, const struct call *call)
{
    if (!*s->guests) {
        shell_say(s, "there are no guests; `log` shows what became of the configuration");
        return;
    }
    for (struct console_guest *g = *s->guests; g; g = g->next) {
        struct guest_row row = top_row(s, g);
        g->top_cpu_ns = row.cpu_ns;
        g->top_exits = row.exits;
    }
    s->top_time = s->now;
    shell_say(s, "measuring; any key ends");
    s->io.top(s->io.ctx);
}

void shell_top(struct shell *s, uint64_t now)
{
    uint64_t span = growth(now, s->top_time);
    char share[PERCENT_LEN], time[WORDS_TIME];
    table_begin(&s->table, "NAME|STATE|>CPU|>EXITS/S|>CPU TIME");
    for (struct console_guest *g = *s->guests; g; g = g->next) {
        struct guest_row row = top_row(s, g);
        uint64_t exits = growth(row.exits, g->top_exits);
        table_cell(&s->table, "%s", g->name);
        table_cell(&s->table, "%s", guest_state_text(row.state));
        table_cell(&s->table, "%s", shell_percent(share, growth(row.cpu_ns, g->top_cpu_ns), span));
        table_cell(&s->table, "%llu", (unsigned long long)scaled(exits, NS_PER_S, span));
        table_cell(&s->table, "%s", words_time(time, row.cpu_ns));
        g->top_cpu_ns = row.cpu_ns;
        g->top_exits = row.exits;
    }
    s->top_time = now;
    table_print(&s->table, s->io.line, s->io.ctx);
}
