/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands that show or change guests. Called by shell_execute(). */
#include "shell_priv.h"
#include "socle/bits.h"
#include "socle/str.h"

enum { INFO_LINES = 512 };      /* asked of the core at most */

const char *guest_state_text(enum guest_state state)
{
    switch (state) {
    case GUEST_OFF:      return "off";
    case GUEST_FAILED:   return "failed";
    case GUEST_STARTING: return "starting";
    case GUEST_RUNNING:  return "running";
    case GUEST_STOPPING: return "stopping";
    case GUEST_PAUSED:   return "paused";
    case GUEST_CRASHED:  return "crashed";
    case GUEST_WAITING:  return "waiting";
    }
    return "?";
}

/* What is known of a guest; without the core's help, whether it runs. */
static void get_row(const struct shell *s, struct console_guest *g, struct guest_row *row)
{
    memset(row, 0, sizeof(*row));
    row->state = g->running ? GUEST_RUNNING : GUEST_OFF;
    if (s->ops->row)
        s->ops->row(s->ops->ctx, g, row);
    row->note[sizeof(row->note) - 1] = '\0';
}

void run_list(struct shell *s, const struct call *call)
{
    struct table *t = &s->table;
    char buf[WORDS_TIME], size[FMT_SIZE_LEN];
    if (!*s->guests) {
        shell_say(s, "there are no guests; `log` shows what became of the configuration");
        return;
    }
    table_begin(t, "NAME|STATE|>CPUS|>MEMORY|>UPTIME|>CPU TIME|>EXITS|NOTE");
    for (struct console_guest *g = *s->guests; g; g = g->next) {
        struct guest_row row;
        get_row(s, g, &row);
        table_cell(t, "%s", g->name);
        table_cell(t, "%s", guest_state_text(row.state));
        table_cell(t, "%u", row.cpus);
        table_cell(t, "%s", fmt_size(size, row.memory));
        table_cell(t, "%s", g->running ? words_time(buf, row.uptime_ns) : "-");
        table_cell(t, "%s", words_time(buf, row.cpu_ns));
        table_cell(t, "%llu", (unsigned long long)row.exits);
        table_cell(t, "%s", row.note);
    }
    table_print(t, s->io.line, s->io.ctx);
}

static void pair(struct table *t, const char *key, const char *value)
{
    table_cell(t, "%s", key);
    table_cell(t, "%s", value);
}

void run_info(struct shell *s, const struct call *call)
{
    struct table *t = &s->table;
    struct guest_row row;
    char buf[WORDS_TIME], key[24], value[200];
    get_row(s, call->guest, &row);
    table_begin(t, "GUEST|");
    pair(t, "name", call->guest->name);
    pair(t, "state", guest_state_text(row.state));
    if (row.note[0])
        pair(t, row.state == GUEST_FAILED ? "cannot start" : "last stop", row.note);
    table_cell(t, "cpus");
    table_cell(t, "%u", row.cpus);
    pair(t, "memory", fmt_size(buf, row.memory));
    if (call->guest->running)
        pair(t, "uptime", words_time(buf, row.uptime_ns));
    pair(t, "cpu time", words_time(buf, row.cpu_ns));
    table_cell(t, "exits");
    table_cell(t, "%llu", (unsigned long long)row.exits);
    table_cell(t, "restarts");
    table_cell(t, "%u", row.restarts);
    for (uint32_t i = 0; s->ops->info && i < INFO_LINES; i++) {
        if (!s->ops->info(s->ops->ctx, call->guest, i, key, value))
            break;
        pair(t, key, value);
    }
    table_print(t, s->io.line, s->io.ctx);
}

/* The most expensive first; there are few, so the simplest sort does. */
static void sort_exits(struct exit_row *rows, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct exit_row x = rows[i];
        size_t j = i;
        for (; j && (rows[j - 1].ns < x.ns || (rows[j - 1].ns == x.ns &&
                                               rows[j - 1].count < x.count)); j--)
            rows[j] = rows[j - 1];
        rows[j] = x;
    }
}

static void exit_cells(struct table *t, const struct exit_row *r, const struct exit_row *total,
                       uint64_t uptime_ns)
{
    char buf[WORDS_TIME], share[PERCENT_LEN];
    uint64_t seconds = uptime_ns / NS_PER_S;
    table_cell(t, "%s", r->reason);
    table_cell(t, "%llu", (unsigned long long)r->count);
    if (seconds)
        table_cell(t, "%llu", (unsigned long long)(r->count / seconds));
    else
        table_cell(t, "-");
    table_cell(t, "%s", words_time(buf, r->ns));
    table_cell(t, "%llu ns", (unsigned long long)(r->count ? r->ns / r->count : 0));
    table_cell(t, "%s", shell_percent(share, r->ns, total->ns));
}

void run_exits(struct shell *s, const struct call *call)
{
    struct exit_row *rows = s->rows.exits, total = { .reason = "total" };
    struct guest_row guest;
    get_row(s, call->guest, &guest);
    size_t n = s->ops->exits(s->ops->ctx, call->guest, rows, SHELL_ROWS);
    n = (size_t)min_u64(n, SHELL_ROWS);
    sort_exits(rows, n);
    for (size_t i = 0; i < n; i++) {
        total.count += rows[i].count;
        total.ns += rows[i].ns;
    }
    if (!total.count) {
        shell_say(s, "guest %s has had no exits", call->guest->name);
        return;
    }
    table_begin(&s->table, "REASON|>COUNT|>PER SECOND|>TIME|>EACH|>SHARE");
    for (size_t i = 0; i < n; i++)
        if (rows[i].count)
            exit_cells(&s->table, &rows[i], &total, guest.uptime_ns);
    exit_cells(&s->table, &total, &total, guest.uptime_ns);
    table_print(&s->table, s->io.line, s->io.ctx);
}

/* Is the action possible in this state? Says why where it is not. */
static bool action_fits(struct shell *s, enum guest_action action, const struct console_guest *g,
                        const struct guest_row *row)
{
    bool brings_up = action == ACTION_START || action == ACTION_RESET || action == ACTION_RESUME;
    if (brings_up && s->ending != ENDING_NONE) {
        shell_say(s, "the machine is going down; Ctrl-C stops that");
        return false;
    }
    if (action == ACTION_START) {
        if (g->running)
            shell_say(s, "guest %s is %s already", g->name, guest_state_text(row->state));
        return !g->running;
    }
    /* A guest that waits for its restart can be stopped, too. */
    if (!g->running && (row->state == GUEST_OFF || row->state == GUEST_FAILED)) {
        shell_say(s, "guest %s is not running; `start %s` starts it", g->name, g->name);
        return false;
    }
    return true;
}

/* What an action does not show by itself. Started and stopped are lines of the log. */
static void say_done(struct shell *s, enum guest_action action, struct console_guest *g,
                     const struct guest_row *row)
{
    uint32_t timeout = row->stop_timeout_s ? row->stop_timeout_s : (uint32_t)SHELL_STOP_TIMEOUT_S;
    switch (action) {
    case ACTION_STOP:
        if (!g->running)
            break;
        g->stop_due = s->now + timeout * NS_PER_S;
        shell_say(s, "guest %s: power button pressed", g->name);
        break;
    case ACTION_RESET:  shell_say(s, "guest %s: reset", g->name); break;
    case ACTION_PAUSE:  shell_say(s, "guest %s: paused", g->name); break;
    case ACTION_RESUME: shell_say(s, "guest %s: resumed", g->name); break;
    case ACTION_START: case ACTION_KILL: break;
    }
}

void run_action(struct shell *s, const struct call *call)
{
    struct guest_row row;
    char why[SHELL_WHY] = "";
    enum guest_action action = call->command->action;
    get_row(s, call->guest, &row);
    if (!action_fits(s, action, call->guest, &row))
        return;
    hv_status st = s->ops->act(s->ops->ctx, action, call->guest, why);
    why[sizeof(why) - 1] = '\0';
    if (st == HV_OK)
        say_done(s, action, call->guest, &row);
    else
        shell_say(s, "cannot %s guest %s: %s", call->command->name, call->guest->name,
                  why[0] ? why : hv_status_text(st));
}

void run_console(struct shell *s, const struct call *call)
{
    struct console_guest *g = call->guest ? call->guest : s->attached;
    if (!g && *s->guests && !(*s->guests)->next)
        g = *s->guests;
    if (!g) {
        shell_say(s, "usage: console NAME");
        return;
    }
    if (!g->running) {
        shell_say(s, "guest %s is not running; `start %s` starts it, `log %s` shows what it "
                     "printed", g->name, g->name, g->name);
        return;
    }
    s->io.attach(s->io.ctx, g);
}

void run_log(struct shell *s, const struct call *call)
{
    s->io.show_log(s->io.ctx, call->guest);
}

uint64_t shell_watch_stops(struct shell *s, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    for (struct console_guest *g = *s->guests; g; g = g->next) {
        if (g->stop_due <= now) {
            g->stop_due = UINT64_MAX;
            shell_log(s, LOG_WARN, "guest %s: does not react to its power button; "
                                   "`kill %s` ends it", g->name, g->name);
        }
        next = min_u64(next, g->stop_due);
    }
    return next;
}
