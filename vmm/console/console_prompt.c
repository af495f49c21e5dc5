/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the operator types: to the attached guest, or at the prompt to the line editor
 * and the shell. Also the services the shell has from the console.
 */
#include "console_priv.h"
#include "socle/bits.h"
#include "socle/str.h"

enum { CTRL_C = 3 };

/* ---- the edit line --------------------------------------------------------------------- */

static void edit_put(void *ctx, const char *bytes, size_t n)
{
    struct console *c = ctx;
    for (uint32_t i = 0; i < c->sinks; i++) {
        struct console_sink *s = &c->sink[i];
        if (!(c->edit_mask & BIT(i)))
            continue;
        s->fresh = false;
        s->open = NULL;
        s->drawn = out_bytes(c, s, s->out.cap, bytes, n);
        if (!s->drawn)
            c->edit_mask &= (uint8_t)~BIT(i);       /* comes back with the next drawing */
    }
}

void prompt_draw(struct console *c)
{
    c->edit_mask = 0;
    for (uint32_t i = 0; i < c->sinks; i++) {
        struct console_sink *s = &c->sink[i];
        if (s->drawn)
            continue;
        c->edit_mask |= (uint8_t)BIT(i);
        if (!s->fresh)
            out_bytes(c, s, s->out.cap, "\r\n", 2);
    }
    uint8_t wanted = c->edit_mask;
    if (wanted)
        lineedit_draw(&c->edit);
    /* A queue that is full gets the line later. */
    c->redraw_due = c->edit_mask == wanted ? UINT64_MAX : c->now + REDRAW_DELAY;
    console_due(c, c->redraw_due);
    c->edit_mask = (uint8_t)(BIT(c->sinks) - 1);
}

void prompt_redraw(struct console *c)
{
    c->redraw_due = UINT64_MAX;
    if (c->mode == CONSOLE_PROMPT && c->job == JOB_NONE)
        prompt_draw(c);
}

/* A new empty line below whatever was there. */
static void prompt_anew(struct console *c)
{
    lineedit_reset(&c->edit);
    out_fresh(c);
    prompt_draw(c);
}

void prompt_resume(struct console *c)
{
    uint8_t typed[CONSOLE_TYPEAHEAD];
    size_t n = c->typed;
    if (c->mode != CONSOLE_PROMPT)
        return;
    prompt_draw(c);
    memcpy(typed, c->typeahead, n);
    c->typed = 0;
    for (size_t i = 0; i < n; i++)
        prompt_byte(c, typed[i]);       /* keeps the rest again, if that starts a job */
}

void prompt_open(struct console *c)
{
    if (c->mode == CONSOLE_ATTACHED)
        attach_leave(c, LEAVE_BACKLOG);
    else
        c->attached = NULL;
    c->mode = CONSOLE_PROMPT;
    c->prompt_fresh = true;
    c->reattach = NULL;
    c->hint_due = UINT64_MAX;
    for (uint32_t i = 0; i < c->sinks; i++) {
        struct console_sink *s = &c->sink[i];
        uint32_t removed = s->out.used > PROMPT_BACKLOG ? outq_remove_lines(&s->out, '[') : 0;
        if (removed)
            out_dropped(s, removed);
        out_notice(c, s);
    }
    prompt_anew(c);
}

/* Back to the guest the operator came from, or to the log view. */
static void prompt_close(struct console *c)
{
    out_fresh(c);
    if (c->attached && c->attached->running) {
        attach_guest(c, c->attached, false);
        return;
    }
    c->mode = CONSOLE_LOG_VIEW;
    c->redraw_due = UINT64_MAX;
    out_say(c, "log of all guests; %s opens the prompt", c->shell.escape);
}

static void execute(struct console *c)
{
    char line[LINEEDIT_MAX];
    memcpy(line, c->edit.line, sizeof(line));
    lineedit_remember(&c->edit);
    lineedit_reset(&c->edit);
    out_fresh(c);
    c->redraw_due = UINT64_MAX;
    c->shell.attached = c->attached;
    shell_execute(&c->shell, line, c->now);
    console_due(c, c->now);             /* an ending may have begun */
    if (c->mode != CONSOLE_PROMPT)
        return;
    if (c->job == JOB_NONE)
        prompt_draw(c);
    else
        job_pump(c);
}

static void complete(struct console *c)
{
    char add[LINEEDIT_MAX];
    bool listed;
    size_t n = shell_complete(&c->shell, c->edit.line, c->edit.cursor, add, sizeof(add), &listed);
    if (listed)
        prompt_draw(c);
    if (n)
        lineedit_insert(&c->edit, add, n);
}

static void edit_key(struct console *c, uint8_t byte)
{
    prompt_draw(c);                     /* where log lines have come in between */
    c->prompt_fresh = false;
    switch (lineedit_key(&c->edit, byte)) {
    case LINEEDIT_MORE:
        break;
    case LINEEDIT_ENTER:
        execute(c);
        break;
    case LINEEDIT_CANCEL:
        out_fresh(c);
        shell_cancel(&c->shell);
        prompt_anew(c);
        break;
    case LINEEDIT_CLOSE:
        prompt_close(c);
        break;
    case LINEEDIT_TAB:
        complete(c);
        break;
    case LINEEDIT_CLEAR:
        for (uint32_t i = 0; i < c->sinks; i++) {
            struct console_sink *s = &c->sink[i];
            if (out_bytes(c, s, s->out.cap, "\x1b[2J\x1b[H", 7))
                s->fresh = true;
            s->drawn = false;
        }
        prompt_draw(c);
        break;
    }
}

/* ---- input --------------------------------------------------------------------------------- */

/* A key while a long answer is printed. */
static void job_key(struct console *c, uint8_t byte)
{
    bool ends = byte == CTRL_C || (c->job == JOB_TOP && (byte == 'q' || byte == ' ' ||
                                                         byte == '\r' || byte == '\n'));
    if (!ends && c->typed < CONSOLE_TYPEAHEAD)
        c->typeahead[c->typed++] = byte;
    if (byte == CTRL_C)
        c->typed = 0;
    if (ends || c->job == JOB_TOP)
        job_stop(c);
}

/* The escape key, or a break, while the prompt is open already. */
static void prompt_again(struct console *c)
{
    c->typed = 0;
    if (c->job != JOB_NONE)
        job_stop(c);
    prompt_anew(c);
    c->prompt_fresh = true;     /* two escapes in a row always mean the guest */
}

static void escape_key(struct console *c)
{
    if (c->mode != CONSOLE_PROMPT) {
        prompt_open(c);
        return;
    }
    if (!c->prompt_fresh || !c->attached || !c->attached->running || c->job != JOB_NONE) {
        prompt_again(c);
        return;
    }
    struct console_guest *g = c->attached;
    prompt_close(c);
    attach_send(c, g, &c->escape, 1);
}

void prompt_byte(struct console *c, uint8_t byte)
{
    if (byte == c->escape) {
        escape_key(c);
        return;
    }
    switch (c->mode) {
    case CONSOLE_ATTACHED:
        attach_send(c, c->attached, &byte, 1);
        break;
    case CONSOLE_PROMPT:
        if (c->job == JOB_NONE)
            edit_key(c, byte);
        else
            job_key(c, byte);
        break;
    case CONSOLE_LOG_VIEW:
        if (c->now >= c->hint_next)
            out_say(c, "no guest is attached; %s opens the prompt", c->shell.escape);
        c->hint_next = c->now + HINT_PAUSE;
        break;
    }
}

void prompt_break(struct console *c)
{
    if (c->mode == CONSOLE_PROMPT)
        prompt_again(c);
    else
        prompt_open(c);
}

/* ---- what the shell asks of the console ----------------------------------------------------- */

static void io_line(void *ctx, const char *text) { out_line(ctx, "", text); }
static void io_attach(void *ctx, struct console_guest *g) { attach_guest(ctx, g, true); }
static void io_show_log(void *ctx, struct console_guest *g) { job_start_log(ctx, g); }
static void io_show_trace(void *ctx) { job_start_trace(ctx); }
static void io_show_flows(void *ctx, uint32_t index, bool only) { job_start_flows(ctx, index, only); }
static void io_top(void *ctx) { job_start_top(ctx); }
static bool io_drained(void *ctx) { return console_drained(ctx); }

static void io_show_text(void *ctx, const char *text, size_t len)
{
    job_start_text(ctx, text, len);
}

static void io_log(void *ctx, enum log_level level, const char *text)
{
    struct console *c = ctx;
    console_log_line(c, level, text, c->now);
}

void prompt_init(struct console *c)
{
    const struct shell_io io = {
        .ctx = c, .line = io_line, .attach = io_attach, .show_log = io_show_log,
        .show_text = io_show_text, .show_trace = io_show_trace, .show_flows = io_show_flows,
        .top = io_top, .log = io_log, .drained = io_drained,
    };
    shell_init(&c->shell, c->shell.ops, &io, (struct console_guest *const *)&c->guests);
    lineedit_init(&c->edit, "socle> ", edit_put, c);
}
