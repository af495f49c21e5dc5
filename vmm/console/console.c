/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console as the core sees it: setting up, events of guests and of the log, time.
 * docs/console.md describes what the operator sees. The parts: console_out.c (lines to
 * the devices), console_attach.c (the attached guest), console_prompt.c (keys),
 * console_job.c (long answers), shell*.c (commands).
 */
#include "socle/console.h"

#include "console_priv.h"
#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/str.h"

enum { PREVIOUS_LINES = 100 };      /* shown of an earlier boot's log */

/* ---- setting up ------------------------------------------------------------------------ */

void console_init(struct console *c, const struct console_ops *ops, const struct shell_ops *shell,
                  struct logring *log)
{
    memset(c, 0, sizeof(*c));
    c->ops = *ops;
    c->shell.ops = shell;
    c->log = log;
    c->level = LOG_INFO;
    c->escape = CONSOLE_ESCAPE;
    c->mode = CONSOLE_LOG_VIEW;
    c->redraw_due = c->hint_due = c->job_due = c->deadline = UINT64_MAX;
    prompt_init(c);
}

uint32_t console_add_sink(struct console *c, void *buf, uint32_t size)
{
    hv_assert(c->sinks < CONSOLE_SINKS && size >= CONSOLE_SINK_MIN);
    uint32_t index = c->sinks++;
    struct console_sink *s = &c->sink[index];
    outq_init(&s->out, buf, size);
    s->fresh = false;       /* firmware and loader may have left half a line */
    uint64_t at = 0;
    struct logrec rec;
    char text[LOGRING_TEXT_MAX + 1];
    for (; logring_read(c->log, &at, &rec, 0, text, LOGRING_TEXT_MAX); at = rec.next) {
        text[rec.len] = '\0';
        if (rec.level <= c->level)
            out_sink_line(c, s, "socle: ", text);
    }
    return index;
}

void console_move_log(struct console *c, struct logring *log)
{
    char text[LOGRING_TEXT_MAX];
    struct logrec rec;
    uint64_t at = 0;
    logring_set_utc(log, c->log->utc);
    for (; logring_read(c->log, &at, &rec, 0, text, sizeof(text)); at = rec.next)
        logring_add(log, rec.time, (enum log_level)rec.level, rec.flags, text, rec.len);
    c->log = log;
}

void console_move_sink(struct console *c, uint32_t sink, void *buf, uint32_t size)
{
    if (sink < c->sinks && !console_tx_waiting(c, sink))
        outq_init(&c->sink[sink].out, buf, size);
}

void console_set_level(struct console *c, enum log_level level) { c->level = level; }

bool console_parse_escape(const char *text, uint8_t *byte)
{
    uint8_t first = (uint8_t)text[0];
    if (first == '^' && text[1] && !text[2]) {
        uint8_t key = (uint8_t)text[1];
        if (key >= 'a' && key <= 'z')
            key = (uint8_t)(key - 'a' + 'A');
        bool control = key > '@' && key <= '_';     /* ^A to ^_; NUL cannot be told from a break */
        *byte = key == '?' ? 0x7f : key & 0x1f;
        return control || key == '?';
    }
    *byte = first;
    return first && !text[1] && (first < 0x20 || first == 0x7f);
}

void console_set_escape(struct console *c, uint8_t byte)
{
    c->escape = byte;
    fmt(c->shell.escape, sizeof(c->shell.escape), "^%c", (byte ^ 0x40) & 0x7f);
}

void console_set_utc(struct console *c, uint64_t utc_at_boot)
{
    logring_set_utc(c->log, utc_at_boot);
}

void console_show_previous(struct console *c, const struct logring *old)
{
    uint64_t at = logring_last_lines(old, PREVIOUS_LINES);
    struct logrec rec;
    char text[LOGRING_TEXT_MAX + 1], stamp[STAMP_LEN], line[CONSOLE_LINE];
    for (; logring_read(old, &at, &rec, 0, text, LOGRING_TEXT_MAX); at = rec.next) {
        text[rec.len] = '\0';
        job_stamp(stamp, rec.time, old->utc);
        fmt(line, sizeof(line), "previous boot: %s%s", stamp, text);
        console_log_line(c, LOG_INFO, line, c->now);
    }
}

void console_guest_add(struct console *c, struct console_guest *g, const char *name, void *owner,
                       struct logring *log)
{
    struct console_guest **end = &c->guests;
    while (*end)
        end = &(*end)->next;
    *end = g;
    g->next = NULL;
    g->name = name;
    g->owner = owner;
    g->log = log;
    g->running = false;
    g->top_cpu_ns = g->top_exits = 0;
    g->stop_due = UINT64_MAX;
    g->in_head = g->in_used = 0;
    lineview_init(&g->view);
}

/* ---- time -------------------------------------------------------------------------------- */

/* CPUs' clocks may differ by a little; ours does not go back. */
static void set_now(struct console *c, uint64_t now) { c->now = max_u64(c->now, now); }

void console_due(struct console *c, uint64_t when) { c->deadline = min_u64(c->deadline, when); }

static void hint(struct console *c)
{
    unsigned guests = 0;
    for (const struct console_guest *g = c->guests; g; g = g->next)
        guests++;
    c->hint_due = UINT64_MAX;
    if (guests > 1)
        out_say(c, "%u guests; %s opens the prompt, `console NAME` there attaches to one, "
                   "%s leaves it again", guests, c->shell.escape, c->shell.escape);
    else
        out_say(c, "%s opens the prompt", c->shell.escape);
}

void console_start(struct console *c, uint64_t now)
{
    set_now(c, now);
    if (!c->guests)
        prompt_open(c);
    else if (c->guests->next)
        hint(c);
    else if (c->guests->running)
        attach_guest(c, c->guests, true);
    else {
        c->reattach = c->guests;
        c->hint_due = c->now + HINT_DELAY;
        console_due(c, c->hint_due);
    }
}

/* What waits for its time in the guests: unfinished lines and input not taken. */
static void tick_guests(struct console *c)
{
    for (struct console_guest *g = c->guests; g; g = g->next) {
        struct view_ctx ctx = { c, g };
        lineview_tick(&g->view, c->now, console_view_piece, &ctx);
        attach_retry(c, g);
        console_due(c, g->view.due);
    }
}

uint64_t console_tick(struct console *c, uint64_t now)
{
    set_now(c, now);
    c->deadline = UINT64_MAX;
    tick_guests(c);
    if (c->mode == CONSOLE_ATTACHED)
        attach_pump_all(c, RAW_BACKLOG);
    if (c->hint_due <= c->now)
        hint(c);
    console_due(c, shell_tick(&c->shell, c->now));
    for (uint32_t i = 0; i < c->sinks; i++)
        out_notice(c, &c->sink[i]);
    if (c->job != JOB_NONE)
        job_pump(c);
    if (c->redraw_due <= c->now)
        prompt_redraw(c);
    console_due(c, c->redraw_due);
    console_due(c, c->hint_due);
    return c->deadline;
}

/* ---- output ------------------------------------------------------------------------------- */

size_t console_tx_take(struct console *c, uint32_t sink, uint8_t *buf, size_t max, uint64_t now)
{
    struct console_sink *s = &c->sink[sink];
    size_t n = outq_take(&s->out, buf, max);
    if (!n)
        return 0;
    set_now(c, now);
    s->took_at = c->now;
    if (c->mode == CONSOLE_ATTACHED)
        attach_pump(c, s, RAW_BACKLOG);
    out_notice(c, s);
    if (c->job != JOB_NONE)
        job_pump(c);
    return n;
}

bool console_drained(const struct console *c)
{
    for (uint32_t i = 0; i < c->sinks; i++)
        if (c->sink[i].out.used && !out_stalled(c, &c->sink[i]))
            return false;
    return true;
}

/* ---- input -------------------------------------------------------------------------------- */

void console_input(struct console *c, const uint8_t *bytes, size_t n, uint64_t now)
{
    set_now(c, now);
    for (size_t i = 0; i < n; i++)
        prompt_byte(c, bytes[i]);
}

size_t console_input_room(const struct console *c)
{
    if (c->mode == CONSOLE_ATTACHED)
        return CONSOLE_INPUT - c->attached->in_used;
    /* The last place is for the Ctrl-C that ends the answer. */
    return c->job == JOB_NONE ? (size_t)CONSOLE_TYPEAHEAD : CONSOLE_TYPEAHEAD - c->typed + 1;
}

void console_break(struct console *c, uint64_t now)
{
    set_now(c, now);
    prompt_break(c);
}

/* ---- guests ------------------------------------------------------------------------------- */

void console_view_piece(void *ctx, const char *text, size_t n, bool first, bool last)
{
    const struct view_ctx *v = ctx;
    out_guest_piece(v->c, v->g, text, n, first, last);
}

void console_guest_output(struct console *c, struct console_guest *g, const uint8_t *bytes,
                          size_t n, uint64_t now)
{
    set_now(c, now);
    logring_stream(g->log, c->now, bytes, n);
    if (c->mode == CONSOLE_ATTACHED) {
        if (c->attached == g)
            attach_pump_all(c, RAW_BACKLOG);
        return;
    }
    struct view_ctx ctx = { c, g };
    lineview_put(&g->view, bytes, n, c->now, console_view_piece, &ctx);
    console_due(c, g->view.due);
}

void console_guest_ready(struct console *c, struct console_guest *g, uint64_t now)
{
    set_now(c, now);
    attach_retry(c, g);
}

/* Logs a line and shows it; `always`: also while a guest is attached. */
static void own_line(struct console *c, enum log_level level, const char *text, bool always)
{
    logring_add(c->log, c->now, level, LOGREC_START | LOGREC_END, text, strlen(text));
    if (level > c->level && !always)
        return;
    if (c->mode == CONSOLE_ATTACHED) {
        if (level > LOG_WARN && !always)
            return;
        attach_pump_all(c, UINT32_MAX);     /* what the guest printed before comes first */
    }
    out_line(c, "socle: ", text);
}

void console_guest_started(struct console *c, struct console_guest *g, uint64_t now)
{
    char line[128];
    set_now(c, now);
    g->running = true;
    g->stop_due = UINT64_MAX;
    g->in_head = g->in_used = 0;
    fmt(line, sizeof(line), "guest %s: started", g->name);
    own_line(c, LOG_INFO, line, true);
    if (c->reattach == g && c->mode == CONSOLE_LOG_VIEW)
        attach_guest(c, g, false);
}

void console_guest_stopped(struct console *c, struct console_guest *g, const char *why,
                           uint64_t now)
{
    char line[LOGRING_TEXT_MAX];
    struct view_ctx ctx = { c, g };
    set_now(c, now);
    bool was_attached = c->mode == CONSOLE_ATTACHED && c->attached == g;
    if (was_attached)
        attach_leave(c, UINT32_MAX);
    else if (c->mode != CONSOLE_ATTACHED)
        lineview_finish(&g->view, console_view_piece, &ctx);
    g->running = false;
    g->stop_due = UINT64_MAX;
    g->in_used = 0;
    lineview_init(&g->view);
    if (c->attached == g)
        c->attached = NULL;
    fmt(line, sizeof(line), "guest %s: stopped (%s)", g->name, why);
    own_line(c, LOG_INFO, line, true);
    if (was_attached) {
        c->reattach = g;            /* should it restart by itself */
        c->hint_due = c->now + HINT_DELAY;
    }
    console_due(c, c->now);         /* an ending may wait for this */
}

void console_guest_failed(struct console *c, struct console_guest *g, const char *why,
                          uint64_t now)
{
    char line[LOGRING_TEXT_MAX];
    set_now(c, now);
    fmt(line, sizeof(line), "guest %s: not started: %s", g->name, why);
    own_line(c, LOG_ERROR, line, true);
    if (c->reattach == g) {
        c->reattach = NULL;
        c->hint_due = c->now;
        console_due(c, c->now);
    }
}

void console_log_line(struct console *c, enum log_level level, const char *text, uint64_t now)
{
    set_now(c, now);
    own_line(c, level, text, false);
}

void console_notice(struct console *c, const char *text, uint64_t now)
{
    set_now(c, now);
    own_line(c, LOG_INFO, text, true);
}
